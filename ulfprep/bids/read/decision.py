"""What is to be done with a scan, by its sidecar and the settings, and with which others."""

import dataclasses
from collections.abc import Iterable
from itertools import chain
from math import inf, prod

from ulfprep.bids.names import parse_name, path_of_name
from ulfprep.bids.read.acquisition import (
    acquisition_note,
    field_of,
    field_strength,
    resolve_direction,
)
from ulfprep.bids.task import Fusion, Scan, Task, grid_of
from ulfprep.note import Note, warning
from ulfprep.physics.relaxation import read_table
from ulfprep.physics.source_sequence import SourceSequence, source_sequence
from ulfprep.settings import MODALITIES, Settings

#: Voxel size at which a field is measured and drawn, mm: that of its own lattice.
MEASURED = 1.0


def sequence_of(scan: Scan, settings: Settings) -> SourceSequence:
    """Decide which sequence a scan was made with, and how bright its tissues should be.

    Of a reference scan the field need not be known; their order, which is what is used, hardly
    depends on it.
    """
    field = settings.source_field or field_of(scan.metadata) or settings.target_field or 3.0
    table = read_table(settings.relaxation.value if settings.relaxation else ())
    stated = settings.source_sequence.value if settings.source_sequence else None
    return source_sequence(scan.metadata, float(field), scan.suffix, table, stated)


def expected_of(scan: Scan, settings: Settings) -> list[float]:
    """Return the signals of CSF, GM and WM that a scan should show, relative to WM."""
    return list(sequence_of(scan, settings).signals)


def keeps_another(settings: Settings) -> bool:
    """Tell whether the images to keep have other voxels than those that are measured."""
    return settings.output_resolution != MEASURED


def resolution_notes(settings: Settings) -> tuple[Note, ...]:
    """Return what the reader of images with other voxels than usual should know."""
    if not keeps_another(settings):
        return ()
    kept = f'{settings.output_resolution:g} mm, as asked with --output-resolution'
    measured = f'residual, metrics and figures are those of the same field at {MEASURED:g} mm'
    return (Note(f'The enhanced image, its tissues and maps are written at {kept}; {measured}.'),)


def make_task(scan: Scan, settings: Settings) -> Task:
    """Decide what to do with a scan, from its sidecar and the settings; its image is not read.

    The task has a ``problem`` and no direction if the scan has one that is known already, if its
    field strength is unknown or already the target, if no name can be made of its entities, or if
    the user's own sequence leaves no signal.
    """
    task = Task(scan, resolution=settings.output_resolution)
    if scan.problem:
        return task.refused(scan.problem)
    file = scan.path.name
    try:
        source, note = field_strength(scan.metadata, settings.source_field, file)
        direction, target = resolve_direction(source, settings.target_field, file)
        # No names for its outputs, or timings without signal: better known now than later.
        path_of_name(scan.entities, scan.suffix, '.json')
        sequence = sequence_of(scan, settings)
    except (ValueError, ArithmeticError) as error:
        said = str(error)
        return task.refused(said if file in said else f'{file}: {said}')
    asked = 'the default' if settings.target_field is None else 'as asked with --target-field'
    notes = (
        note,
        Note(f'Target field strength {target:g} T, {asked}: direction {direction}.'),
        *acquisition_note(scan.metadata),
        *scan.remarks,
        *map(warning, sequence.contradictions),
        *(resolution_notes(settings) if direction == 'enhance' else ()),
    )
    return dataclasses.replace(
        task, direction=direction, source_field=source, target_field=target, notes=notes
    )


#: Scans that differ in these show different things, whatever their suffix says.
OF_CONTRAST = ('ceagent', 'echo')


def group_scans(
    tasks: list[Task], fuse: str, beside: Iterable[Task] = ()
) -> tuple[list[Fusion], dict[str, Note]]:
    """Decide which scans, all of one direction, are fitted in one field.

    Groups never cross subjects or sessions, and scans that differ in contrast agent or echo are of
    different contrasts, of which only the first (without one, if there is such) joins other
    modalities. First in a group, and so its reference, is a T1w before a T2w before a FLAIR;
    within a modality the scan whose largest voxel edge is smallest, then that of the smaller
    voxels, then by name; a scan whose voxels are not known comes last. No result takes the name of
    a scan ``beside`` those.

    Parameters
    ----------
    fuse : {'none', 'runs', 'contrasts', 'all'}
        ``runs`` groups scans of one modality, whatever else their names say; ``contrasts`` the
        first usable scan by name of each modality; ``all`` all scans of a session.

    Returns
    -------
    fusions : list of Fusion
        Of at least two planned scans each; those with a ``problem`` are left out in them.
    notes : dict
        Name -> a sentence, of scans that stand alone though others of their session are fused.
    """
    sessions: dict[tuple, list[Task]] = {}
    for task in tasks:
        sessions.setdefault((task.scan.subject, task.scan.session or ''), []).append(task)
    others = {task.name for task in beside}
    fusions, notes = [], {}
    for members in sessions.values():
        # All images in their folders, left out or not.
        folders = {task.scan.path.parent for task in members}
        there = {parse_name(path).whole for f in folders for path in f.glob('*.nii*')}
        taken = frozenset(task.name for task in members) | others | there
        for group in _groups(members, fuse):
            if len(group) < 2:
                continue
            order = tuple(sorted(group, key=_order))
            reasons = tuple((task.name, task.problem) for task in order if task.problem)
            fusions.append(Fusion(order, reasons, taken))
        if fuse == 'contrasts':
            notes |= _not_chosen(members, fusions)
    return fusions, notes


def _groups(tasks: list[Task], fuse: str) -> list[list[Task]]:
    """Return lists of scans of one session."""
    if fuse == 'none':
        return []
    kinds: dict[tuple, list[Task]] = {}
    for task in sorted(tasks, key=lambda task: (_kind(task), task.name)):
        kinds.setdefault(_kind(task), []).append(task)
    if fuse == 'runs':
        return list(kinds.values())
    # The first kind of every modality: '' (no contrast agent, one echo) sorts first.
    first: dict[str, list[Task]] = {}
    others = []
    for (suffix, *_), members in kinds.items():
        if first.setdefault(suffix, members) is not members:
            others.append(members)
    if fuse == 'contrasts':
        usable = ([t for t in members if not t.problem] for members in first.values())
        return [[members[0] for members in usable if members]]
    return [list(chain.from_iterable(first.values())), *others]


def _kind(task: Task) -> tuple[str, ...]:
    scan = task.scan
    return (scan.suffix, *(scan.entities.get(key, '') for key in OF_CONTRAST))


def _order(task: Task) -> tuple:
    grid = grid_of(task)
    size = [inf] * 3 if grid is None else grid.zooms.tolist()
    # Headers hold rounded lengths: what is alike shall count as alike.
    place = MODALITIES.index(task.scan.suffix)
    return place, round(max(size), 2), round(prod(size), 2), task.name


def _not_chosen(tasks: list[Task], fusions: list[Fusion]) -> dict[str, Note]:
    planned = {task.name for fusion in fusions for task in fusion.planned}
    chosen = {task.scan.suffix: task.name for task in tasks if task.name in planned}
    return {
        task.name: Note(
            f'It stands alone: --fuse contrasts takes one scan of each modality, the first '
            f'by name ({chosen[task.scan.suffix]}); --fuse all takes every one.'
        )
        for task in tasks
        if task.scan.suffix in chosen and task.name not in planned
    }
