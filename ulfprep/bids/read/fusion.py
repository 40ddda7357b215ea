"""Which scans of a session are fitted in one field, and what the results are called."""

from collections.abc import Iterable
from itertools import chain
from math import inf, prod

from ulfprep.bids.names import parse_name
from ulfprep.bids.read.scan import Fusion, Scan
from ulfprep.settings import MODALITIES

#: Scans that differ in these show different things, whatever their suffix says.
OF_CONTRAST = ('ceagent', 'echo')


def group_scans(
    scans: list[Scan],
    fuse: str,
    voxels: dict[str, tuple[float, float, float]],
    unusable: dict[str, str] | None = None,
    beside: Iterable[Scan] = (),
) -> tuple[list[Fusion], dict[str, str]]:
    """Decide which scans are fitted in one field.

    Groups never cross subjects or sessions, and scans that differ in contrast agent or echo are
    of different contrasts, of which only the first (without one, if there is such) joins other
    modalities. First in a group, and so its reference, is a T1w before a T2w before a FLAIR;
    within a modality the scan whose largest voxel edge is smallest, then that of the
    smaller voxels, then by name.

    Parameters
    ----------
    scans : list of Scan
        Of one direction.
    fuse : {'none', 'runs', 'contrasts', 'all'}
        ``runs`` groups scans of one modality, whatever else their names say; ``contrasts``
        the first usable scan by name of each modality; ``all`` all scans of a session.
    voxels : dict
        Name -> voxel size of the file, mm; those that are not known come last.
    unusable : dict, optional
        Name -> why a scan cannot be used.
    beside : iterable of Scan
        Scans of the run that are not to be fused; no result takes their names.

    Returns
    -------
    fusions : list of Fusion
        Of at least two planned scans each; what is unusable is left out in them.
    notes : dict
        Name -> a sentence, of scans that stand alone though others of their session are fused.
    """
    unusable = unusable or {}
    sessions: dict[tuple, list[Scan]] = {}
    for scan in scans:
        sessions.setdefault((scan.subject, scan.session or ''), []).append(scan)
    others = {scan.name for scan in beside}
    fusions, notes = [], {}
    for members in sessions.values():
        taken = frozenset(scan.name for scan in members) | others | _beside(members)
        for group in _groups(members, fuse, unusable):
            if len(group) < 2:
                continue
            order = tuple(sorted(group, key=lambda scan: _order(scan, voxels)))
            reasons = tuple((s.name, unusable[s.name]) for s in order if s.name in unusable)
            fusions.append(Fusion(order, reasons, taken))
        if fuse == 'contrasts':
            notes |= _not_chosen(members, fusions)
    return fusions, notes


def _beside(scans: list[Scan]) -> set[str]:
    """Return the names of all images in the folders of some scans, left out or not."""
    folders = {scan.path.parent for scan in scans}
    return {parse_name(path).whole for f in folders for path in f.glob('*.nii*')}


def _groups(scans, fuse, unusable):
    """Return lists of scans of one session."""
    if fuse == 'none':
        return []
    kinds: dict[tuple, list[Scan]] = {}
    for scan in sorted(scans, key=lambda scan: (_kind(scan), scan.name)):
        kinds.setdefault(_kind(scan), []).append(scan)
    if fuse == 'runs':
        return list(kinds.values())
    # The first kind of every modality: '' (no contrast agent, one echo) sorts first.
    first: dict[str, list[Scan]] = {}
    others = []
    for (suffix, *_), members in kinds.items():
        if suffix in first:
            others.append(members)
        else:
            first[suffix] = members
    if fuse == 'contrasts':
        usable = ([s for s in members if s.name not in unusable] for members in first.values())
        return [[members[0] for members in usable if members]]
    return [list(chain.from_iterable(first.values())), *others]


def _kind(scan: Scan) -> tuple[str, ...]:
    return (scan.suffix, *(scan.entities.get(key, '') for key in OF_CONTRAST))


def _order(scan: Scan, voxels) -> tuple:
    size = voxels.get(scan.name, (inf,) * 3)
    # Headers hold rounded lengths: what is alike shall count as alike.
    return MODALITIES.index(scan.suffix), round(max(size), 2), round(prod(size), 2), scan.name


def _not_chosen(scans, fusions) -> dict[str, str]:
    planned = {scan.name: scan for fusion in fusions for scan in fusion.planned}
    chosen = {scan.suffix: scan.name for scan in scans if scan.name in planned}
    return {
        scan.name: f'It stands alone: --fuse contrasts takes one scan of each modality, the first '
        f'by name ({chosen[scan.suffix]}); --fuse all takes every one.'
        for scan in scans
        if scan.suffix in chosen and scan.name not in planned
    }
