"""Which scans of a dataset a run is about."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ulfprep.settings import MODALITIES, Settings

if TYPE_CHECKING:
    from ulfprep.bids.fusion import Fusion
    from ulfprep.bids.precomputed import Precomputed

#: Extensions of images, longest first.
EXTENSIONS = ('.nii.gz', '.nii')


class DatasetError(ValueError):
    """The dataset cannot be read as BIDS; the message names the file."""


class UnknownLabelError(DatasetError):
    """A participant or session that was asked for does not exist."""


class NoScansError(DatasetError):
    """The dataset, or what was selected of it, holds no scan of the modalities asked for."""


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
        The user's brain mask for it (:func:`ulfprep.bids.masks.with_masks`).
    mask_note : str
        Where that is from, a sentence.
    precomputed : Precomputed or None
        What is taken of other software (:func:`ulfprep.bids.precomputed.with_derivatives`); its
        mask is ``mask`` as well.
    fusion : Fusion or None
        What it is fitted together with (:mod:`ulfprep.bids.fusion`).
    role : {'scan', 'member', 'fused'}
        What there is of it: everything, all but an enhanced image (which it shares with
        others of its modality), or nothing but that shared image.
    resolution : float
        Voxel size of its enhanced image, mm.
    """

    path: Path
    entities: dict[str, str]
    metadata: dict = field(default_factory=dict)
    stem: str = ''
    source: str = ''
    suffix: str = 'T1w'
    mask: Path | None = None
    mask_note: str = ''
    precomputed: 'Precomputed | None' = None
    fusion: 'Fusion | None' = None
    role: str = 'scan'
    resolution: float = 1.0

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


def find_participants(bids_dir: Path) -> list[str]:
    """Return the labels of all participant folders, sorted."""
    return sorted(p.name[4:] for p in bids_dir.glob('sub-*') if p.is_dir())


def find_sessions(bids_dir: Path, participants: list[str]) -> list[str]:
    """Return the labels of all session folders of some participants, sorted."""
    folders = [p for label in participants for p in (bids_dir / f'sub-{label}').glob('ses-*')]
    return sorted({p.name[4:] for p in folders if p.is_dir()})


def _shorten(labels: list[str], limit: int = 20) -> str:
    """Return labels as text, not longer than a line can bear."""
    more = f' and {len(labels) - limit} more' if len(labels) > limit else ''
    return (', '.join(labels[:limit]) or 'none') + more


def _check_labels(settings: Settings) -> list[str]:
    """Return the participants to index; refuse labels that name nothing."""
    known = find_participants(settings.bids_dir)
    if not known:
        raise NoScansError(f'{settings.bids_dir}: there is no participant folder (sub-*)')
    missing = [label for label in settings.participant_label if label not in known]
    if missing:
        raise UnknownLabelError(
            f'{settings.bids_dir}: no participant {_shorten(missing)}; known: {_shorten(known)}'
        )
    chosen = list(settings.participant_label) or known
    sessions = find_sessions(settings.bids_dir, chosen)
    missing = [label for label in settings.session_label if label not in sessions]
    if missing:
        raise UnknownLabelError(
            f'{settings.bids_dir}: no session {_shorten(missing)}; known: {_shorten(sessions)}'
        )
    return chosen


def ignore_patterns(participants: list[str]) -> list[re.Pattern]:
    """Return what pybids need not look at, to keep large datasets quick.

    pybids matches each pattern against the path inside the dataset, with a leading
    slash and no trailing one, for folders and files alike. Only folders are meant here:
    their names have no dot.
    """
    labels = '|'.join(re.escape(label) for label in participants)
    return [
        re.compile(r'^/\.'),
        # derivatives, sourcedata, code, stimuli and whatever else stands beside sub-*
        re.compile(r'^/(?!sub-)[^/.]+$'),
        re.compile(rf'^/sub-(?!(?:{labels})(?:/|$))'),
        # func, dwi, perf ... : only anat and the sessions that lead to it
        re.compile(r'^/sub-[^/]+/(?:ses-[^/]+/)?(?!anat$|ses-)[^/.]+$'),
    ]


def _layout(bids_dir: Path, participants: list[str]):
    """Return pybids' index of the anatomical files of some participants."""
    from bids import BIDSLayout, BIDSLayoutIndexer

    try:
        return BIDSLayout(
            bids_dir,
            validate=False,
            derivatives=False,
            indexer=BIDSLayoutIndexer(
                validate=False, index_metadata=True, ignore=ignore_patterns(participants)
            ),
        )
    except (OSError, ValueError) as error:
        # pybids speaks of the JSON file it stumbled over, over several lines.
        raise DatasetError(
            f'{bids_dir}: cannot be indexed: {" ".join(str(error).split())}'
        ) from error


def _entities(name: str, keys: dict[str, str]) -> dict[str, str]:
    """Return the entities of a file name as written (so ``run-01`` stays ``01``)."""
    pairs = (part.split('-', 1) for part in name.split('_') if '-' in part)
    return {keys.get(key, key): value for key, value in pairs}


#: Short names of entities in file names -> pybids' words.
ENTITY_NAMES = {
    'sub': 'subject',
    'ses': 'session',
    'acq': 'acquisition',
    'ce': 'ceagent',
    'rec': 'reconstruction',
    'run': 'run',
    'echo': 'echo',
    'part': 'part',
    'chunk': 'chunk',
}


def find_scans(settings: Settings) -> list[Scan]:
    """Return the scans a run is about, sorted by name.

    Every image is a scan of its own: nothing is averaged or picked in silence. Phase,
    real and imaginary parts (``part-``) are no scans.

    Parameters
    ----------
    settings : Settings
        Only ``bids_dir``, the modalities, the labels and ``output_resolution`` are used.

    Returns
    -------
    list of Scan

    Raises
    ------
    UnknownLabelError
        If a label names nothing; the message lists those that exist.
    NoScansError
        If nothing is left to do.
    DatasetError
        If the dataset cannot be indexed.
    """
    participants = _check_labels(settings)
    layout = _layout(settings.bids_dir, participants)
    suffixes = list(settings.modalities)
    query = {'suffix': suffixes, 'extension': list(EXTENSIONS), 'datatype': 'anat'}
    if settings.session_label:
        query['session'] = list(settings.session_label)
    scans: dict[str, Scan] = {}
    for file in sorted(layout.get(**query), key=lambda f: f.path):
        path = Path(file.path)
        name = path.name.split('.')[0]
        stem, _, suffix = name.rpartition('_')
        entities = _entities(stem, ENTITY_NAMES)
        if entities.get('part', 'mag') != 'mag':
            continue
        if name in scans:
            raise DatasetError(
                f'{path}: the same scan is there twice, also as {scans[name].path.name}; '
                'remove one of the two'
            )
        relative = path.relative_to(settings.bids_dir).as_posix()
        scans[name] = Scan(
            path=path,
            entities=entities,
            metadata=_plain(file.get_metadata()),
            stem=stem,
            source=f'bids:raw:{relative}',
            suffix=suffix,
            resolution=settings.output_resolution,
        )
    if not scans:
        wanted = f'{_shorten(["sub-" + p for p in participants])}'
        if settings.session_label:
            wanted += f', {_shorten(["ses-" + s for s in settings.session_label])}'
        others = {f.entities['suffix'] for f in layout.get(**{**query, 'suffix': MODALITIES})}
        hint = f'; there is {" ".join(sorted(others))}, see --modalities' if others else ''
        kinds, names = ' or '.join(suffixes), ', '.join(f'anat/*_{s}.nii[.gz]' for s in suffixes)
        raise NoScansError(f'{settings.bids_dir}: no {kinds} scan ({names}) for {wanted}{hint}')
    return list(scans.values())


def _plain(metadata: dict) -> dict:
    """Return metadata as plain JSON values (pybids returns its own kinds of dict)."""
    return json.loads(json.dumps(dict(metadata), default=str))
