"""Which files of other software belong to a scan, by name and place."""

import os
from collections.abc import Iterable, Iterator, Set
from pathlib import Path

from ulfprep.bids.files import generated_by, read_json
from ulfprep.bids.given import Given, Piece
from ulfprep.bids.names import (
    ENTITY_NAMES,
    EXTENSIONS,
    OWN_SPACES,
    Name,
    parse_name,
    path_of_name,
    sidecar_of,
)
from ulfprep.bids.read.derived import (
    BRAIN,
    CORRECTED,
    SEGMENTATIONS,
    BadDerivativeError,
    MissingDerivativeError,
    UnclearDerivativeError,
    label_numbers,
    subject_folders,
    uri,
)
from ulfprep.bids.read.scan import Scan
from ulfprep.note import Note
from ulfprep.physics import TISSUES

#: Software that averages the T1w scans of a participant into one reference.
AVERAGING = ('fmriprep', 'smriprep', 'nibabies')
#: Entities of derivatives that are none of the scan.
NOT_OF_SCAN = frozenset({'space', 'desc', 'label'})
#: Those that a mask may have too, which can lie on any grid.
OF_GRIDS = frozenset({'res', 'den'})
#: FreeSurfer's labels among the derivatives of fMRIPrep.
ASEG = ('aseg', 'aparcaseg')


def _files(
    folder: Path, subject: str, suffixes: Iterable[str], passed_over: Set[str] = NOT_OF_SCAN
) -> Iterator[tuple[Path, Name]]:
    """Yield the images of a participant that lie in the space of their scans, and their names."""
    for path in sorted(folder.glob(f'sub-{subject}/**/sub-{subject}_*')):
        name = parse_name(path)
        if (
            name.suffix in suffixes
            and name.extension in EXTENSIONS
            and name.pairs.get('space', '') in OWN_SPACES
            and name.pairs.keys() <= ENTITY_NAMES.keys() | passed_over
        ):
            yield path, name


def _descs_of_mask(suffix: str) -> tuple[str, ...]:
    """Return what a mask of a modality is called; one that does not say is that of the T1w."""
    return (f'brain{suffix}', *(('brain', '') if suffix == 'T1w' else ()))


def _only(paths: list[Path], what: str, scan: Scan, folder: Path, option: str) -> Path:
    """Return the only path of a list; a choice is the user's."""
    if len(paths) > 1:
        names = ', '.join(path.relative_to(folder).as_posix() for path in paths[:4])
        raise UnclearDerivativeError(
            f'{folder}: {len(paths)} files could be the {what} of {scan.name} ({names}); leave '
            f'one ({option})'
        )
    return paths[0]


def find_mask(scan: Scan, folder: Path) -> tuple[Path, str]:
    """Find the mask of a scan in the folder of ``--brain-mask``, and say which it is.

    Its own mask has all of its entities and ``desc-brain`` (``desc-brainT2w`` for a T2w) or no
    ``desc``. Without one, the mask of the T1w of the same session is taken if there is just one.
    Masks of other things (``label``) or in template space are none of these.
    """
    # Of a task there are masks of other kinds of images, too.
    alike = {key: scan.entities.get(key) for key in ('session', 'task')}
    masks = [
        (path, name.pairs.get('desc', ''), name.of_scan)
        for path, name in _files(folder, scan.subject, ('mask',), NOT_OF_SCAN | OF_GRIDS)
        if name.pairs.get('label', '') in ('', 'brain')
        and all(name.of_scan.get(key) == value for key, value in alike.items())
    ]
    for desc in _descs_of_mask(scan.suffix):
        if paths := [path for path, its, of in masks if its == desc and of == scan.entities]:
            path = _only(paths, 'mask', scan, folder, '--brain-mask')
            return path, "the scan's own in --brain-mask"
    paths = [path for path, its, _ in masks if its in _descs_of_mask('T1w')]
    if not paths:
        desc = 'brain' if scan.suffix == 'T1w' else f'brain{scan.suffix}'
        raise MissingDerivativeError(
            f'{folder}: no brain mask for {scan.name} (such as sub-{scan.subject}/**/{scan.stem}'
            f'_desc-{desc}_mask.nii.gz); add one, or leave this scan out (--brain-mask)'
        )
    return _only(paths, 'mask', scan, folder, '--brain-mask'), (
        'that of the T1w of the same session, as this scan has none of its own in --brain-mask; '
        'nothing was registered, so a head that moved in between makes it wrong'
    )


def find_pieces(scan: Scan, folder: Path, name: str) -> Given:
    """Find what a folder of derivatives (called ``name`` in BIDS URIs) holds in the scan's own
    space.

    A file belongs to the scan if it has all of its entities, or fewer where there is no other scan
    of this kind that it could be of. Without ``space`` it lies where the scan does; what lies in a
    template's space is not looked at. FreeSurfer's volumes are those of a T1w. No file is opened.

    Raises
    ------
    BadDerivativeError
        If it is not clear which file is meant, or the folder cannot be read.
    """
    notes: list[Note] = []
    try:
        pieces = _of_freesurfer(scan, folder, name, notes) | _of_bids(scan, folder, name, notes)
    except OSError as error:
        why = f'{error.filename or folder}: cannot be read ({error.strerror or error})'
        raise BadDerivativeError(f'{why}; check it (--derivatives)') from error
    # Why a file is not taken need not be said where there is another in its place.
    enough = {'mask', 'tissues'} <= set(pieces)
    return Given(**pieces, notes=() if enough else tuple(notes))


def _of_bids(scan: Scan, folder: Path, name: str, notes: list[Note]) -> dict[str, Piece]:
    """Return the pieces of BIDS derivatives."""
    files = _of_scan(scan, folder, notes)
    plain = scan.suffix == 'T1w'
    own = '' if plain else scan.suffix
    pieces: dict[str, Piece] = {}

    def one(suffix, desc, labels=('',)):
        """Return the file of a kind with the most of the scan's entities."""
        kind = [
            (path, len(name.of_scan))
            for path, name in files
            if (name.suffix, name.pairs.get('desc', '')) == (suffix, desc)
            and name.pairs.get('label', '') in labels
        ]
        most = max((count for _, count in kind), default=0)
        best = [path for path, count in kind if count == most]
        return _only(best, suffix, scan, folder, '--derivatives') if best else None

    def put(what, paths, numbers=()):
        sources = tuple(uri(name, folder, path) for path in paths)
        pieces.setdefault(what, Piece(what, tuple(paths), sources, numbers))

    for desc in _descs_of_mask(scan.suffix):
        if path := one('mask', desc, ('', 'brain')):
            put('mask', [path])
    shares = {tissue: one('probseg', own, (tissue,)) for tissue in TISSUES}
    missing = [tissue for tissue, path in shares.items() if not path]
    if not missing:
        put('tissues', list(shares.values()))
    elif len(missing) < len(shares):
        text = f'Not taken: the probseg files of {name}; that of {", ".join(missing)} is missing.'
        notes.append(Note(text))
    if path := one('dseg', own):
        put('tissues', [path], label_numbers(path, folder))
    for desc in ASEG if plain else ():
        if path := one('dseg', desc):
            put('tissues', [path])
    if path := one(scan.suffix, 'preproc'):
        put('corrected', [path])
    return pieces


def _of_scan(scan: Scan, folder: Path, notes: list[Note]) -> list[tuple[Path, Name]]:
    """Return the files whose entities are those of the scan, or fewer where it is the only one."""
    averaged = any(name.lower() in AVERAGING for name in generated_by(folder))
    subject = folder / f'sub-{scan.subject}'
    # Not those of other data types, such as the mask of a diffusion scan.
    places = {subject / 'anat', subject / f'ses-{scan.session}' / 'anat'}
    kept, refused = [], {}
    for path, name in _files(folder, scan.subject, ('mask', 'dseg', 'probseg', scan.suffix)):
        if path.parent not in places or not name.of_scan.items() <= scan.entities.items():
            continue
        # Of several scans, a name without run or acquisition may be that of their average.
        fewer = len(name.of_scan) < len(scan.entities)
        if fewer or (averaged and set(scan.entities) <= {'subject', 'session'}):
            own_session = scan.session is None or 'session' in name.of_scan
            count = scans_beside(scan, own_session)
            if count > 1 and not says_it_is_of(scan, path):
                whom = 'session' if scan.session and own_session else 'participant'
                refused.setdefault((whom, count), []).append(path.name)
                continue
        kept.append((path, name))
    for (whom, count), paths in refused.items():
        more = f' and {len(paths) - 1} more' if len(paths) > 1 else ''
        text = (
            f'Not taken: {paths[0]}{more} of '
            f'{folder.name}; the {whom} has {count} {scan.suffix} scans, so it may be of another '
            'scan or of an average, and need not lie where this scan does.'
        )
        notes.append(Note(text))
    return kept


def scans_beside(scan: Scan, own_session: bool) -> int:
    """Count the raw scans of the same modality of the participant, or of the session alone."""
    anat = scan.path.parent
    folders = [anat]
    if scan.session and not own_session and anat.parent.name == f'ses-{scan.session}':
        folders = anat.parent.parent.glob('ses-*/anat')
    found = (parse_name(p) for place in folders for p in place.glob(f'*_{scan.suffix}.nii*'))
    return len({name.whole for name in found if name.pairs.get('part') != 'phase'})


def says_it_is_of(scan: Scan, path: Path) -> bool:
    """Tell whether the sidecar of a derivative, or of its image, names this scan alone."""
    image = path_of_name(parse_name(path).of_scan, scan.suffix, '.json', {'desc': 'preproc'})
    for sidecar in (sidecar_of(path), path.with_name(image.name)):
        try:
            sources = read_json(sidecar).get('Sources') or []
            found = {str(source).rpartition('/')[2] for source in sources}
        except (OSError, ValueError, AttributeError, TypeError):
            continue
        names = {n for n in found if parse_name(n).suffix == scan.suffix}
        if raw := {n for n in names if 'desc' not in parse_name(n).pairs}:
            return raw == {scan.path.name}
    return False


def _of_freesurfer(scan: Scan, folder: Path, name: str, notes: list[Note]) -> dict[str, Piece]:
    """Return the pieces of a FreeSurfer subjects folder."""
    if scan.suffix != 'T1w':
        return {}
    for place, own_session in subject_folders(folder, scan.subject, scan.session):
        count = scans_beside(scan, own_session)
        if count > 1:
            text = (
                f'Not taken: {place.parent.name}/mri of {folder.name}; there are {count} T1w '
                'scans that FreeSurfer may have read, and it need not lie where this scan does.'
            )
            notes.append(Note(text))
            continue
        first = {
            what: next((place / n for n in names if os.path.lexists(place / n)), None)
            for what, names in (
                ('mask', (*BRAIN, *SEGMENTATIONS)),
                ('tissues', SEGMENTATIONS),
                ('corrected', CORRECTED),
            )
        }
        return {
            what: Piece(what, (path,), (uri(name, folder, path),))
            for what, path in first.items()
            if path
        }
    return {}
