"""Scans, what is given of them, and tasks: scans, alone or fitted together, and what is wanted."""

import dataclasses
import json
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from ulfprep.bids.names import folded, stem_of
from ulfprep.bids.read.acquisition import field_of
from ulfprep.bids.read.checks import read_grid
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.note import Note, warning
from ulfprep.physics.grid import Grid

#: What can be given, in words.
WORDS = {'mask': 'brain mask', 'tissues': 'tissues', 'corrected': 'bias field'}


@dataclass(frozen=True)
class Scan:
    """One input image with its BIDS entities and its sidecar; nothing was decided about it.

    ``entities`` are in pybids' words (``subject``, ``acquisition`` ...), as written; ``metadata``
    is inherited from the dataset's upper levels; ``stem`` is such as ``sub-01_ses-A_run-1``.
    ``source`` is a BIDS URI (``bids:raw:...``), or the bare name of a file that is not of the
    dataset. ``problem`` says why it cannot be used, known before its image is looked at: one line
    with the way out. ``remarks`` are what was made of the sidecar.
    """

    path: Path
    entities: dict[str, str]
    metadata: dict = field(default_factory=dict)
    stem: str = ''
    source: str = ''
    suffix: str = 'T1w'
    problem: str = ''
    remarks: tuple[Note, ...] = ()

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


@dataclass(frozen=True)
class Piece:
    """One thing that was made of a scan before: ``mask``, ``tissues`` or ``corrected``.

    ``paths`` is one file, or the shares of CSF, GM and WM; ``sources`` their BIDS URIs, empty for
    the user's own mask (``--brain-mask``); ``numbers`` the labels of CSF, GM, WM in a file that
    follows BIDS, empty for shares and for FreeSurfer's; ``how`` the user's own mask was found, in
    words.
    """

    what: str
    paths: tuple[Path, ...]
    sources: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    how: str = ''

    @property
    def option(self) -> str:
        """The option that gave it."""
        return '--derivatives' if self.sources else '--brain-mask'

    @property
    def name(self) -> str:
        """What it is called in sentences: its files, and the dataset they are from."""
        files = self.paths[0].name
        if not self.sources:
            return files
        if len(self.paths) > 1:
            files += f' and {len(self.paths) - 1} more'
        # FreeSurfer's files are called the same for everybody.
        if self.paths[0].parent.name == 'mri':
            files = f'{self.paths[0].parent.parent.name}/mri/{files}'
        return f'{files} of {self.sources[0].split(":")[1]}'

    @property
    def note(self) -> str:
        """Where a mask is from, a sentence."""
        how = f', {self.how}' if self.how else f' ({self.option})'
        return f'Brain mask, brought onto the grid of the scan: {self.name}{how}.'


@dataclass(frozen=True)
class Given:
    """Everything of a scan that is not computed, because the user or other software made it.

    ``corrected`` is the image without bias; the scan is divided by the field between both.
    ``notes`` say what was taken and what not.
    """

    mask: Piece | None = None
    tissues: Piece | None = None
    corrected: Piece | None = None
    notes: tuple[Note, ...] = ()

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All that is taken."""
        return tuple(filter(None, (self.mask, self.tissues, self.corrected)))

    @property
    def derived(self) -> tuple[Piece, ...]:
        """What of it is from ``--derivatives``."""
        return tuple(piece for piece in self.pieces if piece.sources)

    @property
    def key(self) -> str:
        """What of ``derived`` the bytes do not say: which is what, and how labels are read."""
        return json.dumps([[one.what, len(one.paths), one.numbers] for one in self.derived])

    def sources_of(self, key: str) -> list[str]:
        """Return the BIDS URIs of what a derivative (by its key) was made from."""
        needs = {'brain_mask': ('mask',), 'preproc': ('mask', 'corrected')}
        wanted = needs.get(key, tuple(WORDS))
        return [uri for piece in self.pieces if piece.what in wanted for uri in piece.sources]

    @property
    def in_words(self) -> str:
        """What is taken of ``--derivatives`` and from where, for the log."""
        taken = ', '.join(f'{WORDS[piece.what]} ({piece.name})' for piece in self.derived)
        return taken or ' '.join(['nothing;', *map(str, self.notes)])


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

    ``direction`` is ``enhance`` or ``simulate``, empty where that cannot be decided; the fields
    (tesla) are 0 then. ``highfield`` is None where no comparison was asked for. ``role`` says what
    is written: everything (``scan``), all but an enhanced image, which it shares with others of
    its modality (``member``), or nothing but that shared image (``fused``). ``resolution`` is the
    voxel size of its enhanced image, mm; ``grid`` that of the file, where it was looked at.
    ``problem`` says why it cannot be done, one line with the way out.
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
    """Scans that are fitted in one field; ``planned`` in the order in which one is the reference.

    Names and digest follow ``planned`` and not what could be used of it: a scan that is mended
    later changes no name, and one that cannot be used (``left_out``: name and reason) is not
    tried again in every run. ``taken`` are the names of all images of the session, scans of this
    run or not, and of what an earlier run made of other scans.
    """

    planned: tuple[Task, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    taken: frozenset[str] = frozenset()

    #: What is done with all of them.
    direction = 'enhance'

    @property
    def members(self) -> tuple[Task, ...]:
        """Scans that are fitted, the reference first."""
        out = dict(self.left_out)
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
        return tuple(self._fused(one) for one in self.contrasts if self._shares(one))

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
        common = {k: v for k, v in first.items() if all(o.get(k) == v for o in others)}
        entities, taken = common, {folded(name) for name in self.taken}
        # Where the name is that of one scan, what is fused is another reconstruction of it.
        own = common.get('reconstruction', '')
        for number in count(1):
            stem = stem_of(entities)
            if folded(f'{stem}_{contrast}') not in taken:
                break
            label = f'{own}fused{number if number > 1 else ""}'
            entities = {**common, 'reconstruction': label}
        scan = dataclasses.replace(lead.scan, entities=entities, stem=stem)
        return Task(
            scan,
            lead.direction,
            lead.source_field,
            lead.target_field,
            fusion=self,
            role='fused',
            resolution=lead.resolution,
        )
