"""The scans of a run: selected, checked by the validator, and listed by ``--dry-run``."""

import dataclasses
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ulfprep.cli.exit_codes import Exit, Stop, ending_at
from ulfprep.cli.preflight import check_request, resolve_device, resolved
from ulfprep.machine import too_much_memory
from ulfprep.settings import Settings

if TYPE_CHECKING:
    from ulfprep.bids.read.dataset import Selection
    from ulfprep.bids.task import Task
    from ulfprep.workflows.screen import Planned

LOGGER = logging.getLogger('ulfprep')
#: Columns of a dry run's list.
HEADER = ('scan', 'direction', 'would', 'why')
#: Images left out, or scans refused, that are told one by one.
LIMIT = 20
#: Without any of these there is no GPU that PyTorch could use.
GPU_FILES = ('/dev/nvidiactl', '/dev/dxg', '/dev/kfd')


def select_scans(settings: Settings) -> 'tuple[Selection, list[Task]]':
    """Return what was selected and left out, and the tasks of a run; stop if there is none."""
    from ulfprep.bids.read import derived_read, index
    from ulfprep.bids.read.dataset import select
    from ulfprep.bids.read.decision import make_task
    from ulfprep.bids.read.derived_take import with_derivatives, with_masks
    from ulfprep.bids.read.highfield import ReferenceChoiceError, with_references

    codes = {  # the general kinds come last
        derived_read.MissingDerivativeError: Exit.NO_INPUT,
        derived_read.UnclearDerivativeError: Exit.USAGE,
        ReferenceChoiceError: Exit.USAGE,
        index.IndexOfAnotherError: Exit.USAGE,
        derived_read.BadDerivativeError: Exit.BAD_DATA,
        index.UnknownLabelError: Exit.NOTHING_SELECTED,
        index.NoScansError: Exit.NOTHING_SELECTED,
        derived_read.DerivativesError: Exit.NOTHING_SELECTED,
        index.BrokenIndexError: Exit.NO_INPUT,
        index.IndexFolderError: Exit.CANNOT_CREATE,
        index.DatasetError: Exit.INVALID_DATASET,
    }
    with ending_at(codes):
        selection = select(settings)
        tasks = [make_task(scan, settings) for scan in selection.scans]
        if settings.brain_mask:
            tasks = with_masks(tasks, settings.brain_mask)
        if settings.derivatives:
            tasks = with_derivatives(tasks, settings.derivatives)
            for task in tasks:
                LOGGER.info('%s: from --derivatives: %s', task.name, task.given.in_words)
        return selection, with_references(tasks, settings)


def check_valid(selection: 'Selection', settings: Settings) -> None:
    """Stop where the BIDS validator finds an error that concerns the scans of a run."""
    if settings.skip_bids_validation:
        return
    from ulfprep.bids.read.validation import validate
    from ulfprep.bids.store.locks import CACHES

    participants = [scan.subject for scan in selection.scans]
    found = validate(settings.bids_dir, participants, settings.work_dir / CACHES / 'tmp')
    for note in found.notes:
        LOGGER.info('%s', note)
    for problem in found.problems:
        LOGGER.error('%s', problem)
    if found.problems:
        raise Stop(
            Exit.INVALID_DATASET,
            f'{settings.bids_dir}: the BIDS validator found errors, the first: '
            f'{found.problems[0]}; mend the dataset, name files that are none of BIDS in '
            '.bidsignore, or use --skip-bids-validation',
        )


def dry_run(settings: Settings) -> Exit:
    """List the scans that were asked for, and write nothing; BAD_DATA if all are refused."""
    from ulfprep.bids.store.records import selection_lines
    from ulfprep.workflows.screen import REFUSED, outlook

    check_request(settings)
    settings = dataclasses.replace(resolved(settings), device=_device(settings))
    selection, tasks = select_scans(settings)
    plan = outlook(tasks, settings)
    print(listed(plan, for_people=sys.stdout.isatty()))
    chosen = {scan.name for scan in selection.scans}
    lines = selection_lines(selection, settings)
    others = [line for line in lines if line.partition(':')[0] not in chosen]
    if len(others) > LIMIT:
        others = [*others[:LIMIT], f'and {len(others) - LIMIT} more image(s) left out']
    if not settings.use_plugin and (warning := too_much_memory(settings.mem_gb)):
        others.insert(0, warning)
    note = 'dry run: nothing was written, and of the images only headers were read'
    for line in (*others, f'{len(plan)} scan(s): {counted(plan)}; {note}'):
        print(f'ulfprep: {line}', file=sys.stderr)
    return Exit.BAD_DATA if all(scan.fate == REFUSED for scan in plan) else Exit.OK


def listed(plan: 'list[Planned]', for_people: bool) -> str:
    """Return a plan as lines, columns aligned for people or separated by tabs."""
    scans = [(scan.name, scan.direction, scan.fate, ' '.join(scan.why.split())) for scan in plan]
    rows = [HEADER, *([cell or 'n/a' for cell in scan] for scan in scans)]
    if not for_people:
        return '\n'.join(map('\t'.join, rows))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ([*map(str.ljust, row, widths)] for row in rows)
    return '\n'.join('  '.join(row).rstrip() for row in padded)


def counted(plan: 'list[Planned]') -> str:
    """Return how many scans have which fate."""
    from ulfprep.workflows.screen import FINISHED, REFUSED, RUN

    return ', '.join(
        f'{sum(scan.fate == fate for scan in plan)} {text}'
        for fate, text in ((RUN, 'to run'), (FINISHED, FINISHED), (REFUSED, REFUSED))
    )


def _device(settings: Settings) -> str:
    """Return what ``--device auto`` comes to; PyTorch is asked only where that may matter."""
    if settings.device != 'auto':
        return settings.device
    finished = settings.output_dir.glob('sub-*/**/anat/*_desc-qc_*.json')
    if next(finished, None) is None or not any(Path(gpu).exists() for gpu in GPU_FILES):
        return 'cpu'
    return resolve_device('auto')
