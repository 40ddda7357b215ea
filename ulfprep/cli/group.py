"""The group level: all scans of an output folder as tables and on one page."""

import sys

from ulfprep.cli.exit_codes import Exit, Stop, ending_at, usage
from ulfprep.cli.flags import INSTEAD
from ulfprep.cli.paths import check_paths
from ulfprep.settings import MODALITIES, Settings


def run_group(settings: Settings) -> Exit:
    """Write ``group_<modality>.tsv``, data dictionaries and ``group.html``.

    They are made from the output folder alone; the dataset is looked at only for the
    ``participants.tsv`` of ``--group-by``. A QC file that cannot be read is a FAILURE.
    """
    from ulfprep.bids import tables
    from ulfprep.bids.files import remove_leftovers
    from ulfprep.bids.write.dataset import complete_dataset
    from ulfprep.reports.group.page import write_group_page
    from ulfprep.reports.group.study import gather, rows

    for name in INSTEAD:
        if getattr(settings, name):
            flag = f'--{name.replace("_", "-")}'
            raise usage(f'{flag} is for the participant level only; leave it out')
    check_paths(settings)
    out, column, groups = settings.output_dir, settings.group_by, None
    if not out.is_dir():
        raise Stop(
            Exit.NO_INPUT, f'{out}: there is no such folder; run the participant level first'
        )
    codes = {
        tables.NoParticipantsFileError: Exit.NO_INPUT,
        tables.TwoRowsError: Exit.INVALID_DATASET,
        tables.GroupColumnError: Exit.USAGE,
    }
    if column:
        with ending_at(codes):
            file = tables.participants_file(settings)
            groups = tables.read_groups(file, column)
    study = gather(out, groups, column)
    for problem in study.problems:
        print(f'ulfprep: {problem}', file=sys.stderr)
    if not study.outcomes and not study.unfinished:
        raise Stop(
            Exit.NO_INPUT, f'{out}: holds no finished scan; run the participant level first'
        )
    if column:
        with ending_at(codes):
            tables.check_groups(file, column, study.scans['group'])
    try:
        remove_leftovers(out / 'logs', deep=True)
        complete_dataset(out)
        for modality in MODALITIES:
            table, columns = rows(study, modality)
            if table:
                path = tables.write_group_table(out, modality, table, columns)
                print(f'{len(table)} scan(s) in {path}', file=sys.stderr)
            else:
                tables.remove_group_table(out, modality)
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
