"""``--dry-run``: which scans there are, and what would be done with each."""

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ulfprep.cli.exit_codes import Exit
from ulfprep.machine import too_much_memory
from ulfprep.settings import Settings

if TYPE_CHECKING:
    from ulfprep.bids.read.dataset import Selection
    from ulfprep.workflows.screen import Planned

HEADER = ('scan', 'direction', 'would', 'why')
#: Images left out, or scans refused, that are told one by one.
LIMIT = 20
#: Without any of these there is no GPU that PyTorch could use.
GPU_FILES = ('/dev/nvidiactl', '/dev/dxg', '/dev/kfd')


def dry_run(settings: Settings) -> Exit:
    """List the scans that were asked for, on standard output, and write nothing.

    On a terminal it is a table for people; into a file or pipe it is tab-separated. Remarks go to
    standard error.

    Returns
    -------
    Exit
        OK, or BAD_DATA if every scan would be refused.

    Raises
    ------
    Stop
        If a run could not begin.
    """
    from ulfprep.cli.preflight import check_request
    from ulfprep.cli.select import select_scans
    from ulfprep.workflows.screen import REFUSED, outlook

    check_request(settings)
    settings = dataclasses.replace(_resolved(settings), dry_run=True)
    selection, tasks = select_scans(settings)
    plan = outlook(tasks, settings)
    print(plan_table(plan) if sys.stdout.isatty() else plan_tsv(plan))
    warning = '' if settings.use_plugin else too_much_memory(settings.mem_gb)
    for line in filter(None, (warning, *_remarks(selection, plan, settings))):
        print(f'ulfprep: {line}', file=sys.stderr)
    return Exit.BAD_DATA if all(scan.fate == REFUSED for scan in plan) else Exit.OK


def plan_table(plan: 'list[Planned]') -> str:
    """Return a plan as lines for people, columns aligned."""
    rows = [HEADER, *_rows(plan)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    return '\n'.join(
        '  '.join(f'{cell:<{width}}' for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def plan_tsv(plan: 'list[Planned]') -> str:
    """Return a plan as tab-separated lines, the first of them names of columns."""
    rows = [HEADER, *_rows(plan, 'n/a')]
    return '\n'.join('\t'.join(' '.join(cell.split()) for cell in row) for row in rows)


def _rows(plan: 'list[Planned]', nothing: str = '-') -> list[tuple[str, ...]]:
    return [
        (scan.name, scan.direction or nothing, scan.fate, scan.why or nothing) for scan in plan
    ]


def counted(plan: 'list[Planned]') -> str:
    """Return how many scans have which fate."""
    from ulfprep.workflows.screen import FINISHED, REFUSED, RUN

    return ', '.join(
        f'{sum(scan.fate == fate for scan in plan)} {text}'
        for fate, text in ((RUN, 'to run'), (FINISHED, FINISHED), (REFUSED, REFUSED))
    )


def _remarks(selection: 'Selection', plan: 'list[Planned]', settings: Settings) -> list[str]:
    """Return what is to be said beside the list."""
    from ulfprep.bids.store.records import selection_lines

    chosen = {scan.name for scan in selection.scans}
    lines = selection_lines(selection, settings)
    others = [line for line in lines if line.partition(':')[0] not in chosen]
    if len(others) > LIMIT:
        others = [*others[:LIMIT], f'and {len(others) - LIMIT} more image(s) left out']
    note = 'dry run: nothing was written, and of the images only headers were read'
    return [*others, f'{len(plan)} scan(s): {counted(plan)}; {note}']


def _resolved(settings: Settings) -> Settings:
    """Return settings with every choice made that decides whether a scan is finished."""
    from ulfprep.cli import preflight

    return dataclasses.replace(
        settings,
        segmentation=preflight.resolve_segmentation(settings.segmentation, settings.tissue_prior),
        target_like_digest=preflight.reference_digest(settings),
        device=_device(settings),
    )


def _device(settings: Settings) -> str:
    """Return what ``--device auto`` comes to; PyTorch is asked only where that may matter."""
    if settings.device != 'auto':
        return settings.device
    finished = settings.output_dir.glob('sub-*/**/anat/*_desc-qc_*.json')
    if next(finished, None) is None or not any(Path(gpu).exists() for gpu in GPU_FILES):
        return 'cpu'
    from ulfprep.cli.device import resolve_device

    return resolve_device('auto')
