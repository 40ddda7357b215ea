"""Tasks: scans, alone or fitted together, with what is given to them and what is wanted."""

import dataclasses
from dataclasses import dataclass
from itertools import count

from ulfprep.bids.given import Given
from ulfprep.bids.names import folded, stem_of
from ulfprep.bids.read.acquisition import field_of
from ulfprep.bids.read.checks import read_grid
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.read.scan import Scan
from ulfprep.note import Note, warning
from ulfprep.physics.grid import Grid


@dataclass(frozen=True)
class HighField:
    """The high-field image that an enhanced scan is measured against, and how it was chosen.

    ``problem`` is why there is none, or why it cannot be used; half a sentence.
    """

    scan: Scan | None = None
    notes: tuple[Note, ...] = ()
    problem: str = ''

    @property
    def source(self) -> str:
        """BIDS URI, or the bare name of a file that is not of the dataset."""
        return self.scan.source if self.scan else ''

    @property
    def field_strength(self) -> float | None:
        """Tesla, where its sidecar says so."""
        return field_of(self.scan.metadata) if self.scan else None

    def without(self, problem: str) -> 'HighField':
        """Return it as one that cannot be used."""
        note = warning(f'the high-field reference {self.source} could not be used: {problem}.')
        return dataclasses.replace(self, problem=problem, notes=(*self.notes, note))


@dataclass(frozen=True)
class Task:
    """A scan, what is given to it, and what is wanted of it.

    Attributes
    ----------
    direction : {'enhance', 'simulate', ''}
        Empty where that cannot be decided; the fields (tesla) are 0 then.
    given : Given
        What is taken instead of being computed.
    highfield : HighField or None
        What it is measured against once it is enhanced; None where that was not asked for.
    fusion : Fusion or None
        What it is, or was meant to be, fitted together with.
    role : {'scan', 'member', 'fused'}
        What is written of it: everything, all but an enhanced image (which it shares with others
        of its modality), or nothing but that shared image.
    resolution : float
        Voxel size of its enhanced image, mm.
    grid : Grid or None
        That of the file, where its image was looked at.
    problem : str
        Why it cannot be done, one line with the way out; empty if it can.
    """

    scan: Scan
    direction: str = ''
    source_field: float = 0.0
    target_field: float = 0.0
    notes: tuple[Note, ...] = ()
    given: Given = Given()
    highfield: HighField | None = None
    fusion: 'Fusion | None' = None
    role: str = 'scan'
    resolution: float = 1.0
    grid: Grid | None = None
    problem: str = ''

    @property
    def name(self) -> str:
        """Name of the scan; unique in a run."""
        return self.scan.name

    @property
    def fields(self) -> tuple[float, float]:
        """Field strengths of the scan and of the target, tesla."""
        return self.source_field, self.target_field

    @property
    def is_fused(self) -> bool:
        """Whether it is fitted together with others (and was not left out)."""
        return self.fusion is not None and self.name not in dict(self.fusion.left_out)

    @property
    def members(self) -> 'tuple[Task, ...]':
        """The scans that are worked on, as :attr:`Fusion.members`: itself."""
        return (self,)

    def results(self) -> 'tuple[Task, ...]':
        """Return everything that is written, as :meth:`Fusion.results`: itself."""
        return (self,)

    def refused(self, problem: str) -> 'Task':
        """Return it as one that cannot be done; what was known before goes first."""
        return dataclasses.replace(self, problem=self.problem or problem)


def grid_of(task: Task) -> Grid | None:
    """Return where the voxels of a scan are; None where its header cannot be read."""
    if task.grid is not None:
        return task.grid
    try:
        return read_grid(task.scan.path)
    except UnusableScanError:
        return None


@dataclass(frozen=True)
class Fusion:
    """Scans that are fitted in one field; ``planned`` in the order in which one becomes reference.

    Names and digest follow ``planned`` and not what could be used of it: a scan that is mended
    later changes no name, and one that cannot be used (``left_out``: name and reason) is not tried
    again in every run. ``taken`` are the names of all images of the session, scans of this run or
    not, and of what an earlier run made of other scans.
    """

    planned: tuple[Task, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    taken: frozenset[str] = frozenset()

    #: What is done with all of them.
    direction = 'enhance'

    @property
    def members(self) -> tuple[Task, ...]:
        """Scans that are fitted, the reference first."""
        out = {name for name, _ in self.left_out}
        return tuple(task for task in self.planned if task.name not in out)

    @property
    def contrasts(self) -> tuple[str, ...]:
        """Modalities of the members, in their order."""
        return tuple(dict.fromkeys(task.scan.suffix for task in self.members))

    def without(self, reasons: dict[str, str]) -> 'Fusion':
        """Return the same with some more scans left out, for these reasons."""
        known = dict(self.left_out)
        return dataclasses.replace(self, left_out=tuple((known | reasons | known).items()))

    def lead(self, contrast: str) -> Task:
        """Return the first member of a contrast."""
        return next(task for task in self.members if task.scan.suffix == contrast)

    def member(self, task: Task) -> Task:
        """Return a member as what is written of it."""
        role = 'member' if self._shares(task.scan.suffix) else 'scan'
        return dataclasses.replace(task, fusion=self, role=role)

    def fused(self) -> tuple[Task, ...]:
        """Return the images that several scans share, one a contrast that has several."""
        return tuple(
            self._fused(contrast) for contrast in self.contrasts if self._shares(contrast)
        )

    def results(self) -> tuple[Task, ...]:
        """Return everything that is written: each member, and what they share."""
        return (*map(self.member, self.members), *self.fused())

    def output(self, contrast: str) -> Task:
        """Return the task under whose name the enhanced image of a contrast is written."""
        shared = self._shares(contrast)
        return self._fused(contrast) if shared else self.member(self.lead(contrast))

    def _shares(self, contrast: str) -> bool:
        return sum(task.scan.suffix == contrast for task in self.planned) > 1

    def _fused(self, contrast: str) -> Task:
        lead = self.lead(contrast)
        first, *others = (t.scan.entities for t in self.planned if t.scan.suffix == contrast)
        entities = {
            key: value
            for key, value in first.items()
            if all(other.get(key) == value for other in others)
        }
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
        return Task(
            dataclasses.replace(lead.scan, entities=entities, stem=stem),
            lead.direction,
            *lead.fields,
            fusion=self,
            role='fused',
            resolution=lead.resolution,
        )
