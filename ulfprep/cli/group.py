"""The group level: the metrics of all finished scans as one table."""

import sys

from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.cli.preflight import check_paths
from ulfprep.settings import MODALITIES, Settings

#: Flags that mean nothing here.
PARTICIPANT_ONLY = ('dry_run', 'reports_only', 'boilerplate_only')


def run_group(settings: Settings) -> Exit:
    """Write ``group_<modality>.tsv`` and data dictionaries from the output folder alone.

    Returns
    -------
    Exit
        OK, or FAILURE if some QC file could not be read.

    Raises
    ------
    Stop
        If there are no results, or a flag of the participant level was given.
    """
    from ulfprep.bids.table import write_group_table
    from ulfprep.metrics.dictionary import METRICS

    for name in PARTICIPANT_ONLY:
        if getattr(settings, name):
            flag = f'--{name.replace("_", "-")}'
            raise Stop(Exit.USAGE, f'{flag} is of the participant level; leave it out')
    check_paths(settings)
    out = settings.output_dir
    if not out.is_dir():
        raise Stop(
            Exit.NO_INPUT, f'{out}: there is no such folder; run the participant level first'
        )
    total, problems = 0, []
    for modality in MODALITIES:
        count, found = write_group_table(out, METRICS, modality)
        total, problems = total + count, problems + found
        if count:
            print(f'{count} scan(s) in {out / f"group_{modality}.tsv"}', file=sys.stderr)
    for problem in problems:
        print(f'ulfprep: {problem}', file=sys.stderr)
    if not total:
        raise Stop(
            Exit.NO_INPUT, f'{out}: holds no finished scan; run the participant level first'
        )
    return Exit.FAILURE if problems else Exit.OK
