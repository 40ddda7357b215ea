"""A scan: an image of a dataset, and what it is fitted together with or measured against."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from ulfprep.bids.names import folded, stem_of
from ulfprep.bids.read.acquisition import field_of
from ulfprep.bids.read.derived import Precomputed


@dataclass(frozen=True)
class Scan:
    """One input image with its BIDS entities and metadata.

    Attributes
    ----------
    path : Path
        The image.
    entities : dict
        BIDS entities of its name in pybids' words (``subject``, ``session``,
        ``acquisition``, ``run`` ...), as written, without suffix and extension.
    metadata : dict
        Sidecar fields, inherited from the dataset's upper levels where not given.
    stem : str
        Name without suffix, such as ``sub-01_ses-A_acq-x_run-1``.
    source : str
        BIDS URI of the image, ``bids:raw:`` and the path inside the dataset.
    suffix : str
        Its modality, one of :data:`ulfprep.settings.MODALITIES`.
    mask : Path or None
        The user's brain mask for it (:func:`ulfprep.bids.read.derived_take.with_masks`).
    mask_note : str
        Where that is from, a sentence.
    precomputed : Precomputed or None
        What is taken of other software
        (:func:`ulfprep.bids.read.derived_take.with_derivatives`); its mask is ``mask`` as well.
    fusion : Fusion or None
        What it is fitted together with (:mod:`ulfprep.bids.read.fusion`).
    highfield : HighField or None
        What it is measured against once it is enhanced (:mod:`ulfprep.bids.read.highfield`); None
        where that was not asked for.
    role : {'scan', 'member', 'fused'}
        What there is of it: everything, all but an enhanced image (which it shares with
        others of its modality), or nothing but that shared image.
    resolution : float
        Voxel size of its enhanced image, mm.
    problem : str
        Why it cannot be used, known before its image is looked at: one line with the way out.
    remarks : tuple of str
        What was made of the sidecar (:func:`ulfprep.bids.read.sidecars.usable_metadata`).
    """

    path: Path
    entities: dict[str, str]
    metadata: dict = field(default_factory=dict)
    stem: str = ''
    source: str = ''
    suffix: str = 'T1w'
    mask: Path | None = None
    mask_note: str = ''
    precomputed: Precomputed | None = None
    fusion: 'Fusion | None' = None
    highfield: 'HighField | None' = None
    role: str = 'scan'
    resolution: float = 1.0
    problem: str = ''
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name without extension, such as ``sub-01_ses-A_T1w``: unique in a dataset."""
        return f'{self.stem}_{self.suffix}'

    @property
    def subject(self) -> str:
        """Label of the participant."""
        return self.entities['subject']

    @property
    def session(self) -> str | None:
        """Label of the session, if the scan has one."""
        return self.entities.get('session')

    @property
    def is_fused(self) -> bool:
        """Whether it is fitted together with others (and was not left out)."""
        return self.fusion is not None and self.name not in dict(self.fusion.left_out)


@dataclass(frozen=True)
class HighField:
    """What an enhanced scan is measured against.

    Attributes
    ----------
    path : Path or None
        The image; None where there is none.
    source : str
        BIDS URI, or the bare name of a file that is not of the dataset.
    suffix : str
        Its modality.
    metadata : dict
        Its sidecar.
    notes : tuple of str
        How it was chosen, a sentence each.
    problem : str
        Why there is none, or why it cannot be used; half a sentence.
    """

    path: Path | None = None
    source: str = ''
    suffix: str = 'T1w'
    metadata: dict = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problem: str = ''

    @property
    def field_strength(self) -> float | None:
        """Tesla, where its sidecar says so."""
        return field_of(self.metadata)

    def digest(self) -> str:
        """Return a short hash of its bytes and sidecar, whether or not they can be used."""
        found = hashlib.sha256(
            f'{self.source} {json.dumps(self.metadata, sort_keys=True)}'.encode()
        )
        if self.path is None:
            return found.hexdigest()[:16]
        try:
            with open(self.path, 'rb') as file:
                while block := file.read(1 << 20):
                    found.update(block)
        except OSError:
            found.update(b'cannot be read')
        return found.hexdigest()[:16]

    def as_scan(self) -> Scan:
        """Return it as a scan, for its preparation."""
        return Scan(
            path=self.path,
            entities={'subject': 'reference'},
            metadata=self.metadata,
            stem='reference',
            source=self.source,
            suffix=self.suffix,
        )

    def without(self, problem: str) -> 'HighField':
        """Return it as one that cannot be used."""
        note = f'Warning: the high-field reference {self.source} could not be used: {problem}.'
        return dataclasses.replace(self, problem=problem, notes=(*self.notes, note))


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
