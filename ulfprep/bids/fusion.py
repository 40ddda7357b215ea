"""Which scans of a session are fitted in one field, and what the results are called."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, count
from math import inf, prod

from ulfprep.bids.dataset import Scan
from ulfprep.bids.names import folded, parse_name, stem_of
from ulfprep.settings import MODALITIES

#: Scans that differ in these show different things, whatever their suffix says.
OF_CONTRAST = ('ceagent', 'echo')


@dataclass(frozen=True)
class Fusion:
    """Scans that belong in one field.

    Names and digest follow ``planned`` and not what could be used of it: a scan that is mended
    later changes no name, and one that cannot be used is not tried again in every run.

    Attributes
    ----------
    planned : tuple of Scan
        All that were meant, in the order in which one of them becomes the reference.
    left_out : tuple of (str, str)
        Names of those that could not be used, and why.
    taken : frozenset of str
        Names of all images of the session, whether they are scans of this run or not, and of
        what an earlier run made of other scans.
    notes : tuple of str
        What was decided, a sentence each.
    """

    planned: tuple[Scan, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    taken: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    @property
    def members(self) -> tuple[Scan, ...]:
        """Scans that are fitted, the reference first."""
        out = {name for name, _ in self.left_out}
        return tuple(scan for scan in self.planned if scan.name not in out)

    @property
    def contrasts(self) -> tuple[str, ...]:
        """Modalities of the members, in their order."""
        return tuple(dict.fromkeys(scan.suffix for scan in self.members))

    def without(self, reasons: dict[str, str]) -> 'Fusion':
        """Return the same with some more scans left out, for these reasons."""
        more = list(reasons.items())
        known = {name for name, _ in self.left_out}
        return dataclasses.replace(
            self, left_out=(*self.left_out, *(pair for pair in more if pair[0] not in known))
        )

    def lead(self, contrast: str) -> Scan:
        """Return the first member of a contrast."""
        return next(scan for scan in self.members if scan.suffix == contrast)

    def member(self, scan: Scan) -> Scan:
        """Return a member as what is written of it."""
        shared = len(self._planned_of(scan.suffix)) > 1
        return dataclasses.replace(scan, fusion=self, role='member' if shared else 'scan')

    def fused(self) -> tuple[Scan, ...]:
        """Return the images that several scans share, one a contrast that has several."""
        return tuple(
            self._fused(contrast)
            for contrast in self.contrasts
            if len(self._planned_of(contrast)) > 1
        )

    def results(self) -> tuple[Scan, ...]:
        """Return everything that is written: each member, and what they share."""
        return (*map(self.member, self.members), *self.fused())

    def output(self, contrast: str) -> Scan:
        """Return the scan under whose name the enhanced image of a contrast is written."""
        shared = len(self._planned_of(contrast)) > 1
        return self._fused(contrast) if shared else self.member(self.lead(contrast))

    def _planned_of(self, contrast: str) -> list[Scan]:
        return [scan for scan in self.planned if scan.suffix == contrast]

    def _fused(self, contrast: str) -> Scan:
        lead = self.lead(contrast)
        entities = shared_entities(self._planned_of(contrast))
        stem = stem_of(entities)
        taken = {folded(name) for name in self.taken}
        if folded(f'{stem}_{contrast}') in taken:
            # The name is that of one scan: what is fused is another reconstruction of it.
            own = entities.get('reconstruction', '')
            for number in count(1):
                entities['reconstruction'] = f'{own}fused{number if number > 1 else ""}'
                stem = stem_of(entities)
                if folded(f'{stem}_{contrast}') not in taken:
                    break
        return Scan(
            path=lead.path,
            entities=entities,
            metadata=lead.metadata,
            stem=stem,
            source=lead.source,
            suffix=contrast,
            fusion=self,
            role='fused',
            resolution=lead.resolution,
        )


def shared_entities(scans: list[Scan]) -> dict[str, str]:
    """Return the entities that all of some scans have alike."""
    first, *others = (scan.entities for scan in scans)
    return {
        key: value
        for key, value in first.items()
        if all(other.get(key) == value for other in others)
    }


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
