"""Which files of other software belong to a scan, by name and place."""

import csv
import io
import os
from dataclasses import dataclass, field
from pathlib import Path

from ulfprep.bids.dataset import Scan
from ulfprep.bids.files import read_json
from ulfprep.bids.freesurfer import BRAIN, CORRECTED, SEGMENTATIONS, subject_folders
from ulfprep.bids.names import ENTITY_NAMES, EXTENSIONS, parse_name, path_of_name, sidecar_of
from ulfprep.bids.not_here import not_here
from ulfprep.bids.origin import generated_by
from ulfprep.bids.precomputed import BadDerivativeError, Piece, Precomputed, uri
from ulfprep.bids.text import read_text
from ulfprep.physics import TISSUES
from ulfprep.physics.labels import LABELS

#: Software that averages the T1w scans of a participant into one reference.
AVERAGING = ('fmriprep', 'smriprep', 'nibabies')
#: Entities of derivatives that are none of the scan.
OF_DERIVATIVES = frozenset({'space', 'desc', 'label'})
#: Names of the tissues in a look-up table, as they are found.
TISSUE_NAMES = {
    'CSF': ('csf', 'cerebrospinal fluid', 'cerebro-spinal fluid'),
    'GM': ('gm', 'grey matter', 'gray matter'),
    'WM': ('wm', 'white matter'),
}
#: FreeSurfer's labels among the derivatives of fMRIPrep.
ASEG = ('aseg', 'aparcaseg')


@dataclass
class _File:
    """A file whose name fits the scan."""

    path: Path
    suffix: str
    desc: str
    label: str
    missing: frozenset = field(default_factory=frozenset)


def find_pieces(scan: Scan, folder: Path, name: str) -> Precomputed:
    """Find what a folder of derivatives holds of a scan, in the scan's own space.

    A file belongs to the scan if it has all of its entities, or fewer where there is no other
    scan of this kind that it could be of. Without ``space`` it lies where the scan does; what
    lies in a template's space is not looked at. FreeSurfer's volumes are those of a T1w.

    Parameters
    ----------
    scan : Scan
    folder : Path
    name : str
        Of the folder in BIDS URIs.

    Returns
    -------
    Precomputed
        Not yet looked into.
    """
    notes: list[str] = []
    try:
        pieces = _of_bids(scan, folder, name, notes)
        for what, piece in _of_freesurfer(scan, folder, name, notes).items():
            pieces.setdefault(what, piece)
    except BadDerivativeError as error:
        return Precomputed(notes=tuple(notes), problem=str(error))
    except OSError as error:
        why = f'{error.filename or folder}: cannot be read ({error.strerror or error})'
        return Precomputed(notes=tuple(notes), problem=f'{why}; check it (--derivatives)')
    # Why a file is not taken need not be said where there is another in its place.
    enough = {'mask', 'tissues'} <= set(pieces)
    return Precomputed(**pieces, notes=() if enough else tuple(notes))


def scans_beside(scan: Scan, own_session: bool) -> int:
    """Count the raw scans of the same modality of the participant, or of the session alone."""
    anat = scan.path.parent
    session = f'ses-{scan.session}' if scan.session else None
    folders = [anat]
    if session and not own_session and anat.parent.name == session:
        folders = sorted(anat.parent.parent.glob('ses-*/anat'))
    names = {
        parse_name(path).whole
        for place in folders
        for path in place.glob(f'*_{scan.suffix}.nii*')
        if parse_name(path).pairs.get('part') != 'phase'
    }
    return len(names)


def _of_bids(scan: Scan, folder: Path, name: str, notes: list[str]) -> dict[str, Piece]:
    """Return the pieces of BIDS derivatives."""
    files = _files(scan, folder, notes)
    # A mask or segmentation that does not say of which scan it is, is that of the T1w.
    plain = scan.suffix == 'T1w'
    own = ('',) if plain else (scan.suffix,)
    pieces: dict[str, Piece] = {}

    def put(what, paths, numbers=()):
        sources = tuple(uri(name, folder, path) for path in paths)
        pieces.setdefault(what, Piece(what, tuple(paths), sources, numbers))

    for desc in (f'brain{scan.suffix}', *(('brain', '') if plain else ())):
        if path := _only(files, scan, folder, 'mask', desc, ('', 'brain')):
            put('mask', [path])
    for desc in own:
        shares = [_only(files, scan, folder, 'probseg', desc, (t,)) for t in TISSUES]
        if all(shares):
            put('tissues', shares)
        elif any(shares):
            missing = [t for t, path in zip(TISSUES, shares, strict=True) if not path]
            notes.append(
                f'Not taken: the probseg files of {name}; that of {", ".join(missing)} is missing.'
            )
        if path := _only(files, scan, folder, 'dseg', desc, ('',)):
            put('tissues', [path], label_numbers(path, folder))
    for desc in ASEG if plain else ():
        if path := _only(files, scan, folder, 'dseg', desc, ('',)):
            put('tissues', [path])
    if path := _only(files, scan, folder, scan.suffix, 'preproc', ('',)):
        put('corrected', [path])
    return pieces


def _files(scan: Scan, folder: Path, notes: list[str]) -> list[_File]:
    """Return the files whose entities are those of the scan, or fewer where it is the only one."""
    places = [folder / f'sub-{scan.subject}' / 'anat']
    if scan.session:
        places.insert(0, folder / f'sub-{scan.subject}' / f'ses-{scan.session}' / 'anat')
    averaged = _averages(folder)
    kept, refused = [], {}
    for path in (p for place in places for p in sorted(place.glob(f'sub-{scan.subject}_*'))):
        found = _parsed(path, scan)
        if found is None:
            continue
        # Of several scans, a name without run or acquisition may be that of their average.
        if found.missing or (averaged and set(scan.entities) <= {'subject', 'session'}):
            own_session = 'session' not in found.missing
            count = scans_beside(scan, own_session)
            if count > 1 and not says_it_is_of(scan, path):
                whom = 'session' if scan.session and own_session else 'participant'
                refused.setdefault((whom, count), []).append(path.name)
                continue
        kept.append(found)
    for (whom, count), paths in refused.items():
        more = f' and {len(paths) - 1} more' if len(paths) > 1 else ''
        notes.append(
            f'Not taken: {paths[0]}{more} of '
            f'{folder.name}; the {whom} has {count} {scan.suffix} scans, so it may be of another '
            'scan or of an average, and need not lie where this scan does.'
        )
    return kept


def says_it_is_of(scan: Scan, path: Path) -> bool:
    """Tell whether the sidecar of a file, or of its corrected image, names this scan alone.

    Parameters
    ----------
    scan : Scan
    path : Path
        Of a derivative.

    Returns
    -------
    bool
    """
    image = path_of_name(parse_name(path).of_scan, scan.suffix, '.json', {'desc': 'preproc'})
    for sidecar in (sidecar_of(path), path.with_name(image.name)):
        try:
            sources = read_json(sidecar).get('Sources') or []
            found = {str(source).rpartition('/')[2] for source in sources}
        except (OSError, ValueError, AttributeError, TypeError):
            continue
        names = {n for n in found if parse_name(n).suffix == scan.suffix}
        raw = {n for n in names if 'desc' not in parse_name(n).pairs}
        if raw:
            return raw == {scan.path.name}
    return False


def _averages(folder: Path) -> bool:
    """Tell whether software that averages scans made a dataset."""
    return any(name.lower() in AVERAGING for name in generated_by(folder))


def _parsed(path: Path, scan: Scan) -> _File | None:
    """Read a file's name; ``None`` where it is nothing of the scan in its own space."""
    name = parse_name(path)
    suffix, pairs = name.suffix, name.pairs
    if name.extension not in EXTENSIONS or suffix not in ('mask', 'dseg', 'probseg', scan.suffix):
        return None
    if pairs.get('space', '') not in ('', 'orig', 'individual', 'scanner', scan.suffix):
        return None
    others = {k: v for k, v in pairs.items() if k not in OF_DERIVATIVES}
    if not set(others) <= set(ENTITY_NAMES):
        return None  # of other resolutions, hemispheres, cohorts ...
    entities = {ENTITY_NAMES[k]: v for k, v in others.items()}
    if any(scan.entities.get(k) != v for k, v in entities.items()):
        return None
    missing = frozenset(set(scan.entities) - set(entities))
    return _File(path, suffix, pairs.get('desc', ''), pairs.get('label', ''), missing)


def _only(files, scan: Scan, folder: Path, suffix: str, desc: str, labels) -> Path | None:
    """Return the file of a kind with the most of the scan's entities; a choice is an error."""
    fitting = [f for f in files if (f.suffix, f.desc) == (suffix, desc) and f.label in labels]
    if not fitting:
        return None
    fewest = min(len(f.missing) for f in fitting)
    best = [f.path for f in fitting if len(f.missing) == fewest]
    if len(best) > 1:
        names = ', '.join(path.relative_to(folder).as_posix() for path in best[:4])
        raise BadDerivativeError(
            f'{folder}: {len(best)} files could be the {suffix} of {scan.name} ({names}); leave '
            'one (--derivatives)'
        )
    return best[0]


def label_numbers(path: Path, folder: Path) -> tuple[int, ...]:
    """Return the labels of CSF, GM and WM of a segmentation.

    From the look-up table beside it or above (``<name>.tsv``, ``dseg.tsv``); without one they are
    those of BIDS: 1 grey matter, 2 white matter, 3 CSF.

    Raises
    ------
    BadDerivativeError
        If the table does not name the three.
    """
    tables = [sidecar_of(path).with_suffix('.tsv')]
    for place in path.parents:
        tables.append(place / 'dseg.tsv')
        if place == folder:
            break
    table = next((t for t in tables if os.path.lexists(t)), None)
    if table is None:
        return tuple(LABELS[tissue] for tissue in TISSUES)
    numbers = {}
    try:
        for row in csv.DictReader(io.StringIO(read_text(table)), delimiter='\t'):
            words = {str(row.get(k) or '').strip().lower() for k in ('name', 'abbreviation')}
            for tissue, known in TISSUE_NAMES.items():
                if words & set(known):
                    numbers.setdefault(tissue, int(float(row['index'])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = not_here(table) or f'{table}: not readable as a look-up table ({error}); mend it'
        raise BadDerivativeError(f'{said} (--derivatives)') from error
    missing = [tissue for tissue in TISSUES if tissue not in numbers]
    if missing:
        if said := not_here(table):
            raise BadDerivativeError(f'{said} (--derivatives)')
        raise BadDerivativeError(
            f'{table}: names no {", ".join(missing)}, so the labels of {path.name} cannot be '
            'read; add the rows, or leave the file out (--derivatives)'
        )
    return tuple(numbers[tissue] for tissue in TISSUES)


def _of_freesurfer(scan: Scan, folder: Path, name: str, notes: list[str]) -> dict[str, Piece]:
    """Return the pieces of a FreeSurfer subjects folder."""
    if scan.suffix != 'T1w':
        return {}
    for place, own_session in subject_folders(folder, scan.subject, scan.session):
        count = scans_beside(scan, own_session)
        if count > 1:
            notes.append(
                f'Not taken: {place.parent.name}/mri of {folder.name}; there are {count} T1w '
                'scans that FreeSurfer may have read, and it need not lie where this scan does.'
            )
            continue

        def first(names, place=place):
            return next((place / n for n in names if os.path.lexists(place / n)), None)

        labels = first(SEGMENTATIONS)
        found = {
            'mask': first(BRAIN) or labels,
            'tissues': labels,
            'corrected': first(CORRECTED),
        }
        return {
            what: Piece(what, (path,), (uri(name, folder, path),))
            for what, path in found.items()
            if path
        }
    return {}
