"""The group level: all scans of an output folder as tables and on one page."""

import sys
from pathlib import Path

from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.cli.preflight import check_paths
from ulfprep.settings import MODALITIES, Settings

#: Flags that mean nothing here.
PARTICIPANT_ONLY = ('dry_run', 'reports_only', 'boilerplate_only', 'write_sbatch')


def run_group(settings: Settings) -> Exit:
    """Write ``group_<modality>.tsv``, data dictionaries and ``group.html``.

    They are made from the output folder alone; the dataset is looked at only for the
    ``participants.tsv`` of ``--group-by``.

    Returns
    -------
    Exit
        OK, or FAILURE if some QC file could not be read.

    Raises
    ------
    Stop
        If there are no results, a flag of the participant level was given, or scans cannot
        be put into groups as asked.
    """
    from ulfprep.bids.files import remove_leftovers
    from ulfprep.bids.tables import remove_group_table, write_group_table
    from ulfprep.bids.write.dataset import complete_dataset
    from ulfprep.reports.group.page import write_group_page
    from ulfprep.reports.group.study import gather, rows

    for name in PARTICIPANT_ONLY:
        if getattr(settings, name):
            flag = f'--{name.replace("_", "-")}'
            raise Stop(Exit.USAGE, f'{flag} is for the participant level only; leave it out')
    check_paths(settings)
    out = settings.output_dir
    if not out.is_dir():
        raise Stop(
            Exit.NO_INPUT, f'{out}: there is no such folder; run the participant level first'
        )
    groups = read_grouping(settings)
    study = gather(out, groups, settings.group_by)
    for problem in study.problems:
        print(f'ulfprep: {problem}', file=sys.stderr)
    if not study.outcomes and not study.unfinished:
        raise Stop(
            Exit.NO_INPUT, f'{out}: holds no finished scan; run the participant level first'
        )
    if groups is not None:
        check_grouping(settings, set(study.scans['group']))
    try:
        remove_leftovers(out / 'logs', deep=True)
        complete_dataset(out)
        for modality in MODALITIES:
            table, columns = rows(study, modality)
            if table:
                path = write_group_table(out, modality, table, columns)
                print(f'{len(table)} scan(s) in {path}', file=sys.stderr)
            else:
                remove_group_table(out, modality)
        page = write_group_page(out, study)
    except OSError as error:
        raise Stop(
            Exit.CANNOT_CREATE, f'{error.filename or out}: cannot be written ({error.strerror})'
        ) from error
    print(f'{len(study.outcomes)} finished, {len(study.unfinished)} not: {page}', file=sys.stderr)
    if not study.outcomes:
        raise Stop(
            Exit.NO_INPUT,
            f'{out}: holds no finished scan, only failed or missing ones; see {page}',
        )
    return Exit.FAILURE if study.problems else Exit.OK


def read_grouping(settings: Settings) -> dict[str, str] | None:
    """Return the group of each participant as ``--group-by`` asks; None where it does not."""
    if not settings.group_by:
        return None
    from ulfprep.bids.tables import (
        GroupColumnError,
        NoParticipantsFileError,
        TwoRowsError,
        participants_file,
        read_groups,
    )

    try:
        return read_groups(participants_file(settings), settings.group_by)
    except NoParticipantsFileError as error:
        raise Stop(Exit.NO_INPUT, str(error)) from error
    except TwoRowsError as error:
        raise Stop(Exit.INVALID_DATASET, str(error)) from error
    except GroupColumnError as error:
        raise Stop(Exit.USAGE, str(error)) from error


def check_grouping(settings: Settings, groups: set[str]) -> None:
    """Refuse a column that tells participants apart instead of putting them into groups."""
    from ulfprep.bids.tables import GroupColumnError, check_groups, participants_file

    path: Path = participants_file(settings)
    try:
        check_groups(path, settings.group_by, groups)
    except GroupColumnError as error:
        raise Stop(Exit.USAGE, str(error)) from error
