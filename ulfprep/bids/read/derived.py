"""Which files of other software belong to a scan, by name and place."""

import os
from collections.abc import Iterable, Iterator, Set
from pathlib import Path

from ulfprep.bids.files import generated_by, not_here, read_json
from ulfprep.bids.names import (
    ENTITY_NAMES,
    EXTENSIONS,
    OWN_SPACES,
    Name,
    parse_name,
    path_of_name,
    sidecar_of,
    uri_of,
)
from ulfprep.bids.read.derived_read import (
    BadDerivativeError,
    MissingDerivativeError,
    UnclearDerivativeError,
)
from ulfprep.bids.tables import read_table
from ulfprep.bids.task import Given, Piece, Scan
from ulfprep.note import Note
from ulfprep.physics import LABELS, TISSUES

#: Where fMRIPrep and sMRIPrep keep their FreeSurfer folders.
NESTED = Path('sourcedata', 'freesurfer')
#: Volumes of FreeSurfer with labels. The cortex of ``aseg`` is that between the surfaces, as in
#: ``aparc+aseg``.
SEGMENTATIONS = (
    'aseg.mgz',
    'aparc+aseg.mgz',
    'aparc.DKTatlas+aseg.deep.mgz',
    'synthseg.mgz',
    'aseg.auto.mgz',
)
#: Its volumes of each kind, best first. ``brainmask.mgz`` is an image in which what was erased by
#: hand is 1. Those after ``nu.mgz`` were normalised for intensity too, so they are taken only
#: where that, too, was a smooth factor.
FREESURFER = {
    'mask': ('brainmask.mgz', 'mask.mgz', *SEGMENTATIONS),
    'tissues': SEGMENTATIONS,
    'corrected': ('nu.mgz', 'orig_nu.mgz', 'T1.mgz', 'norm.mgz'),
}
#: Its labels among the derivatives of fMRIPrep.
ASEG = ('aseg', 'aparcaseg')
#: Names of the tissues in a look-up table, as they are found.
TISSUE_NAMES = {
    'CSF': ('csf', 'cerebrospinal fluid', 'cerebro-spinal fluid'),
    'GM': ('gm', 'grey matter', 'gray matter'),
    'WM': ('wm', 'white matter'),
}
#: Software that averages the T1w scans of a participant into one reference.
AVERAGING = ('fmriprep', 'smriprep', 'nibabies')
#: Entities of derivatives that are none of the scan.
NOT_OF_SCAN = frozenset({'space', 'desc', 'label'})
#: Those that a mask may have too, which can lie on any grid.
OF_GRIDS = frozenset({'res', 'den'})


def label_numbers(path: Path, folder: Path) -> tuple[int, ...]:
    """Return the labels of CSF, GM and WM of a segmentation, or raise BadDerivativeError.

    From the look-up table beside it or above (``<name>.tsv``, ``dseg.tsv``); without one they are
    those of BIDS: 1 grey matter, 2 white matter, 3 CSF.
    """
    above = [place / 'dseg.tsv' for place in path.parents if place.is_relative_to(folder)]
    tables = [sidecar_of(path).with_suffix('.tsv'), *above]
    table = next((t for t in tables if os.path.lexists(t)), None)
    if table is None:
        return tuple(LABELS[tissue] for tissue in TISSUES)
    numbers: dict[str, int] = {}
    try:
        for row in read_table(table):
            words = {str(row.get(k) or '').strip(' "').lower() for k in ('name', 'abbreviation')}
            for tissue, known in TISSUE_NAMES.items():
                if words & set(known):
                    numbers.setdefault(tissue, int(float(row['index'])))
        wrong = (
            f'{table}: names no {", ".join(t for t in TISSUES if t not in numbers)}, so the '
            f'labels of {path.name} cannot be read; add the rows, or leave the file out'
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        numbers = {}
        wrong = f'{table}: not readable as a look-up table ({error}); mend it'
    if len(numbers) < len(TISSUES):
        raise BadDerivativeError(f'{not_here(table) or wrong} (--derivatives)')
    return tuple(numbers[tissue] for tissue in TISSUES)


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
    """Find what a folder (``name`` in BIDS URIs) holds of a scan, in the scan's own space.

    A file belongs to the scan if it has all of its entities, or fewer where there is no other
    scan of this kind that it could be of. Without ``space`` it lies where the scan does; what
    lies in a template's space is not looked at. FreeSurfer's volumes are those of a T1w. No file
    is opened. BadDerivativeError if it is not clear which one is meant, or none can be read.
    """
    notes: list[Note] = []
    try:
        found = _of_freesurfer(scan, folder, notes) if scan.suffix == 'T1w' else {}
        found |= _of_bids(scan, folder, name, notes)
    except OSError as error:
        why = f'{error.filename or folder}: cannot be read ({error.strerror or error})'
        raise BadDerivativeError(f'{why}; check it (--derivatives)') from error
    pieces = {
        what: Piece(what, paths, tuple(uri_of(name, folder, path) for path in paths), numbers)
        for what, (paths, numbers) in found.items()
    }
    # Why a file is not taken need not be said where there is another in its place.
    enough = {'mask', 'tissues'} <= set(pieces)
    return Given(**pieces, notes=() if enough else tuple(notes))


#: What it is -> its files, and the labels of the tissues in them.
Found = dict[str, tuple[tuple[Path, ...], tuple[int, ...]]]


def _of_bids(scan: Scan, folder: Path, name: str, notes: list[Note]) -> Found:
    """Return the pieces of BIDS derivatives."""
    files = _of_scan(scan, folder, notes)
    plain = scan.suffix == 'T1w'
    own = '' if plain else scan.suffix
    found: Found = {}

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

    for desc in _descs_of_mask(scan.suffix):
        if path := one('mask', desc, ('', 'brain')):
            found.setdefault('mask', ((path,), ()))
    shares = {tissue: one('probseg', own, (tissue,)) for tissue in TISSUES}
    missing = [tissue for tissue, path in shares.items() if not path]
    if not missing:
        found['tissues'] = tuple(shares.values()), ()
    elif len(missing) < len(shares):
        text = f'Not taken: the probseg files of {name}; that of {", ".join(missing)} is missing.'
        notes.append(Note(text))
    if path := one('dseg', own):
        found.setdefault('tissues', ((path,), label_numbers(path, folder)))
    for desc in ASEG if plain else ():
        if path := one('dseg', desc):
            found.setdefault('tissues', ((path,), ()))
    if path := one(scan.suffix, 'preproc'):
        found['corrected'] = (path,), ()
    return found


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
            count = _scans_beside(scan, own_session)
            if count > 1 and not _says_it_is_of(scan, path):
                whom = 'session' if scan.session and own_session else 'participant'
                refused.setdefault((whom, count), []).append(path.name)
                continue
        kept.append((path, name))
    for (whom, count), paths in refused.items():
        more = f' and {len(paths) - 1} more' if len(paths) > 1 else ''
        text = (
            f'Not taken: {paths[0]}{more} of {folder.name}; the {whom} has {count} {scan.suffix} '
            'scans, so it may be of another scan or of an average, and need not lie where this '
            'scan does.'
        )
        notes.append(Note(text))
    return kept


def _scans_beside(scan: Scan, own_session: bool) -> int:
    """Count the raw scans of the same modality of the participant, or of the session alone."""
    anat = scan.path.parent
    folders = [anat]
    if scan.session and not own_session and anat.parent.name == f'ses-{scan.session}':
        folders = anat.parent.parent.glob('ses-*/anat')
    found = (parse_name(p) for place in folders for p in place.glob(f'*_{scan.suffix}.nii*'))
    return len({name.whole for name in found if name.pairs.get('part') != 'phase'})


def _says_it_is_of(scan: Scan, path: Path) -> bool:
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


def _of_freesurfer(scan: Scan, folder: Path, notes: list[Note]) -> Found:
    """Return the pieces of a T1w in the first ``mri`` folder that can be of it."""
    names = [f'sub-{scan.subject}_ses-{scan.session}'] if scan.session else []
    names.append(f'sub-{scan.subject}')
    for place in (root / name / 'mri' for root in (folder, folder / NESTED) for name in names):
        if not place.is_dir():
            continue
        count = _scans_beside(scan, place.parent.name == names[0])
        if count > 1:
            text = (
                f'Not taken: {place.parent.name}/mri of {folder.name}; there are {count} T1w '
                'scans that FreeSurfer may have read, and it need not lie where this scan does.'
            )
            notes.append(Note(text))
            continue
        first = {
            what: next((place / n for n in volumes if os.path.lexists(place / n)), None)
            for what, volumes in FREESURFER.items()
        }
        return {what: ((path,), ()) for what, path in first.items() if path}
    return {}
