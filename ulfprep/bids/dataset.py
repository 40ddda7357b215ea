"""Which scans of a dataset a run is about."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ulfprep.bids.errors import NoScansError
from ulfprep.bids.filters import mismatch
from ulfprep.bids.images import anatomical_images
from ulfprep.bids.index import asked_participants
from ulfprep.bids.inheritance import BrokenSidecarError, Sidecars
from ulfprep.bids.metadata import usable_metadata
from ulfprep.bids.names import parse_name, place_of, session_name, why_no_name
from ulfprep.bids.why_none import why_none
from ulfprep.settings import MODALITIES, Settings

if TYPE_CHECKING:
    from ulfprep.bids.fusion import Fusion
    from ulfprep.bids.highfield import HighField
    from ulfprep.bids.precomputed import Precomputed


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
        What is taken of other software
        (:func:`ulfprep.bids.precomputed_take.with_derivatives`); its mask is ``mask`` as well.
    fusion : Fusion or None
        What it is fitted together with (:mod:`ulfprep.bids.fusion`).
    highfield : HighField or None
        What it is measured against once it is enhanced (:mod:`ulfprep.bids.highfield`); None
        where that was not asked for.
    role : {'scan', 'member', 'fused'}
        What there is of it: everything, all but an enhanced image (which it shares with
        others of its modality), or nothing but that shared image.
    resolution : float
        Voxel size of its enhanced image, mm.
    problem : str
        Why it cannot be used, known before its image is looked at: one line with the way out.
    remarks : tuple of str
        What was made of the sidecar (:func:`ulfprep.bids.metadata.usable_metadata`).
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
class LeftOut:
    """An anatomical image that is there and not processed.

    Attributes
    ----------
    path : Path
        The image.
    subject, session : str or None
        Labels of the folders it lies in.
    reason : str
        Why, half a sentence.
    misnamed : bool
        Whether that is its name alone, which the user may not know of.
    """

    path: Path
    subject: str
    session: str | None
    reason: str
    misnamed: bool = False


@dataclass(frozen=True)
class Selection:
    """What a run is about.

    Attributes
    ----------
    scans : tuple of Scan
        Sorted by path.
    left_out : tuple of LeftOut
        The other anatomical images of the participants asked for.
    """

    scans: tuple[Scan, ...]
    left_out: tuple[LeftOut, ...] = ()


def find_scans(settings: Settings) -> list[Scan]:
    """Return the scans a run is about; see :func:`select`."""
    return list(select(settings).scans)


def select(settings: Settings) -> Selection:
    """Return the scans a run is about, and what else there is.

    Every image is a scan of its own: nothing is averaged or picked in silence. Phase,
    real and imaginary parts (``part-``) are no scans, and neither is an image whose name is not
    made of its entities (:func:`ulfprep.bids.names.why_no_name`). A scan whose sidecars cannot
    be read, or that is there twice, is one with a ``problem``.

    Parameters
    ----------
    settings : Settings
        Only ``bids_dir``, the modalities, the labels, the filters, ``bids_database_dir`` and
        ``output_resolution`` are used.

    Returns
    -------
    Selection

    Raises
    ------
    UnknownLabelError
        If a label names nothing; the message lists those that exist.
    NoScansError
        If nothing is left to do.
    DatasetError
        If the dataset cannot be indexed, or a sidecar in its top folder cannot be read.
    """
    participants = asked_participants(settings)
    images = anatomical_images(
        settings.bids_dir, participants, settings.bids_database_dir, keep=not settings.dry_run
    )
    sidecars = Sidecars(settings.bids_dir)
    scans: dict[str, Scan] = {}
    left_out = []
    for path in images:
        place = place_of(path, settings.bids_dir)
        if reason := _why_not(path, place, settings):
            left_out.append(LeftOut(path, *place, reason))
            continue
        if problem := why_no_name(parse_name(path).stem):
            left_out.append(LeftOut(path, *place, problem, misnamed=True))
            continue
        scan = _scan(path, settings, sidecars)
        if scan.name in scans:
            # One scan, and nobody can say which of the files is meant.
            first = scans[scan.name]
            problem = (
                f'{path}: the same scan is there twice, also as {first.path.name}; '
                'remove one of the two'
            )
            scan = replace(first, problem=first.problem or problem)
        scans[scan.name] = scan
    if not scans:
        raise NoScansError(why_none(settings, participants, left_out))
    return Selection(tuple(scans.values()), tuple(left_out))


def _why_not(path: Path, place: tuple[str, str | None], settings: Settings) -> str:
    """Return why an image is not to be processed; empty if it is."""
    subject, session = place
    if settings.session_label and session not in settings.session_label:
        return 'not of a session that --session-label asks for'
    name = parse_name(path)
    entities, suffix = name.entities, name.suffix
    if (entities.get('subject'), entities.get('session')) != (subject, session):
        where = session_name(subject, session).replace('_', ', ')
        return f'its name is not that of an image of {where}'
    if suffix not in MODALITIES:
        return f'only {", ".join(MODALITIES)} can be processed'
    if suffix not in settings.modalities:
        return f'not one of --modalities {" ".join(settings.modalities)}'
    if entities.get('part', 'mag') != 'mag':
        return f'part-{entities["part"]} is no image of magnitudes'
    if difference := mismatch(settings.bids_filters, entities, suffix, name.extension):
        return f'--bids-filter-file: {difference}'
    return ''


def _scan(path: Path, settings: Settings, sidecars: Sidecars) -> Scan:
    """Return an image as a scan, with what its sidecars say."""
    name = parse_name(path)
    metadata, remarks, problem = {}, (), ''
    try:
        metadata, remarks = usable_metadata(sidecars.metadata(path))
        remarks += tuple(
            f'Warning: {other.relative_to(settings.bids_dir)} is not read: BIDS wants the labels '
            'of its folder in its name.'
            for other in sidecars.misplaced(path)
        )
    except BrokenSidecarError as error:
        problem = str(error)
    return Scan(
        path=path,
        entities=name.entities,
        metadata=metadata,
        remarks=remarks,
        stem=name.stem,
        source=f'bids:raw:{path.relative_to(settings.bids_dir).as_posix()}',
        suffix=name.suffix,
        resolution=settings.output_resolution,
        problem=problem,
    )
