"""Which scans of a session are fitted in one field."""

from collections.abc import Iterable
from itertools import chain
from math import inf, prod

from ulfprep.bids.names import parse_name
from ulfprep.bids.task import Fusion, Task, grid_of
from ulfprep.note import Note
from ulfprep.settings import MODALITIES

#: Scans that differ in these show different things, whatever their suffix says.
OF_CONTRAST = ('ceagent', 'echo')


def group_scans(
    tasks: list[Task], fuse: str, beside: Iterable[Task] = ()
) -> tuple[list[Fusion], dict[str, str]]:
    """Decide which scans are fitted in one field.

    Groups never cross subjects or sessions, and scans that differ in contrast agent or echo are of
    different contrasts, of which only the first (without one, if there is such) joins other
    modalities. First in a group, and so its reference, is a T1w before a T2w before a FLAIR;
    within a modality the scan whose largest voxel edge is smallest, then that of the smaller
    voxels, then by name; a scan whose voxels are not known comes last.

    Parameters
    ----------
    tasks : list of Task
        Of one direction.
    fuse : {'none', 'runs', 'contrasts', 'all'}
        ``runs`` groups scans of one modality, whatever else their names say; ``contrasts`` the
        first usable scan by name of each modality; ``all`` all scans of a session.
    beside : iterable of Task
        Scans of the run that are not to be fused; no result takes their names.

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
        taken = frozenset(task.name for task in members) | others | _beside(members)
        for group in _groups(members, fuse):
            if len(group) < 2:
                continue
            order = tuple(sorted(group, key=_order))
            reasons = tuple((task.name, task.problem) for task in order if task.problem)
            fusions.append(Fusion(order, reasons, taken))
        if fuse == 'contrasts':
            notes |= _not_chosen(members, fusions)
    return fusions, notes


def _beside(tasks: list[Task]) -> set[str]:
    """Return the names of all images in the folders of some scans, left out or not."""
    folders = {task.scan.path.parent for task in tasks}
    return {parse_name(path).whole for f in folders for path in f.glob('*.nii*')}


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
        if suffix in first:
            others.append(members)
        else:
            first[suffix] = members
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
