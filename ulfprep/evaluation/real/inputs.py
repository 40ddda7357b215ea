"""Which real scans there are: BIDS datasets below a folder, and one that is laid out as such."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ulfprep.bids.files import read_json, write_bytes, write_json, write_text
from ulfprep.bids.read import acquisition
from ulfprep.bids.read.dataset import select
from ulfprep.bids.read.index import DatasetError, NoScansError, find_participants
from ulfprep.bids.read.scan import Scan
from ulfprep.settings import MODALITIES, Settings

#: Scans below this field are enhanced, tesla: where the app draws the line.
LOW_FIELD = 0.3
#: Folder and file of the stripped scan, by the way its makers named them.
STRIPPED, STRIPPED_SCAN = 'ulf64mt_stripped', 'MRI_mT_sub*.nii.gz'
#: All that is known of the stripped scan. The voxels are those that its spectrum shows along S,
#: and the usual ones of that scanner in the plane.
STRIPPED_SIDECAR = {
    'Modality': 'MR',
    'MagneticFieldStrength': 0.064,
    'SkullStripped': True,
    'AcquisitionVoxelSize': [1.6, 1.6, 5.0],
}
STRIPPED_DESCRIPTION = {
    'Name': 'Skull-stripped 64 mT T1w (khtohidulislam/ULF-MRI-Enhance, arranged as BIDS)',
    'BIDSVersion': '1.10.0',
    'DatasetType': 'raw',
    'License': 'MIT',
    'Authors': ['The authors of khtohidulislam/ULF-MRI-Enhance'],
    'ReferencesAndLinks': ['https://github.com/khtohidulislam/ULF-MRI-Enhance'],
}
STRIPPED_README = """\
Byte copies of files of khtohidulislam/ULF-MRI-Enhance (MIT), with names of BIDS.

No sidecar came with them. What the sidecars here say is from: the names of the files (64 mT);
the image (zero outside the brain: skull-stripped); its spectrum, which is empty beyond 0.2 cycles
per mm along S (slices of 5 mm), and the usual protocol of portable 64 mT scanners (1.6 x 1.6 mm in
the plane) for the voxels at acquisition: the file was resampled to 1 mm since. Timings are not
known.
"""


@dataclass(frozen=True)
class Dataset:
    """A BIDS dataset with low-field scans.

    Attributes
    ----------
    name : str
        Of its folder.
    folder : Path
    scans : tuple of Scan
        Those of low field that were asked for.
    source : str
        Whose scans these are, for captions.
    """

    name: str
    folder: Path
    scans: tuple[Scan, ...]
    source: str

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities of the scans, in their usual order."""
        return tuple(name for name in MODALITIES if any(s.suffix == name for s in self.scans))


def find_datasets(data: Path, inputs: Path, modalities=MODALITIES, say=print) -> list[Dataset]:
    """Find all low-field scans below a folder.

    Parameters
    ----------
    data : Path
        A BIDS dataset, or a folder of such; a folder ``ulf64mt_stripped`` in it is laid out as
        one first.
    inputs : Path
        Where that is laid out.
    modalities : sequence of str
        Which to take.
    say : callable
        Told what is missing, a line each.

    Returns
    -------
    list of Dataset
        By name of their folders.

    Raises
    ------
    FileNotFoundError
        If ``data`` is no folder, or there is no such scan.
    """
    data = Path(data)
    if not data.is_dir():
        raise FileNotFoundError(f'{data}: there is no such folder; --data names that of the scans')
    found = []
    for folder in bids_folders(data):
        dataset = low_field_dataset(folder, modalities)
        if dataset is None:
            say(f'{folder}: no {" or ".join(modalities)} scan below {LOW_FIELD} T in it')
        else:
            found.append(dataset)
    if not found:
        say(f'{data}: no BIDS dataset with low-field scans in it')
    try:
        stripped = low_field_dataset(lay_stripped(data / STRIPPED, inputs / STRIPPED), modalities)
    except (FileNotFoundError, ValueError) as error:
        say(str(error))
    else:
        found += [stripped] if stripped is not None else []
    if not found:
        raise FileNotFoundError(f'{data}: no {" or ".join(modalities)} scan below {LOW_FIELD} T')
    return sorted(found, key=lambda dataset: dataset.name)


def bids_folders(data: Path) -> Iterator[Path]:
    """Yield a folder and the folders in it that are raw BIDS datasets with participants."""
    for folder in (data, *sorted(path for path in data.iterdir() if path.is_dir())):
        try:
            description = read_json(folder / 'dataset_description.json')
        except (OSError, ValueError):
            continue
        if description.get('DatasetType', 'raw') == 'raw' and find_participants(folder):
            yield folder


def low_field_dataset(folder: Path, modalities=MODALITIES) -> Dataset | None:
    """Return a BIDS dataset with its low-field scans; ``None`` where it has none.

    Parameters
    ----------
    folder : Path
    modalities : sequence of str
    """
    settings = Settings(bids_dir=folder, output_dir=folder, modalities=tuple(modalities))
    try:
        scans = select(settings).scans
    except (NoScansError, DatasetError):
        return None
    scans = tuple(scan for scan in scans if field_of(scan) < LOW_FIELD)
    if not scans:
        return None
    return Dataset(folder.resolve().name, folder, scans, source_of(folder))


def field_of(scan: Scan) -> float:
    """Field strength of a scan, tesla; infinite where its sidecar does not say."""
    return acquisition.field_of(scan.metadata) or float('inf')


def source_of(folder: Path) -> str:
    """Say whose dataset it is: its name, what to cite and its licence, as it says."""
    description = read_json(folder / 'dataset_description.json')
    keys = ('Name', 'HowToAcknowledge', 'License')
    said = [str(description[key]).strip().rstrip('.') for key in keys if description.get(key)]
    return '; '.join(said) or folder.name


def lay_stripped(folder: Path, target: Path) -> Path:
    """Lay the skull-stripped 64 mT scans of a folder out as a BIDS dataset.

    Parameters
    ----------
    folder : Path
        Holds ``MRI_mT_sub*.nii.gz``, T1w resampled to 1 mm, without sidecars.
    target : Path
        Dataset to write; scans that are there already are left alone, so that runs on it need
        not be repeated.

    Returns
    -------
    Path
        ``target``.

    Raises
    ------
    FileNotFoundError
        If there is no such scan.
    """
    files = sorted(folder.glob(STRIPPED_SCAN))
    if not files:
        raise FileNotFoundError(f'{folder}: no {STRIPPED_SCAN} in it; it is left out')
    for file in files:
        label = file.name.partition('_sub')[2].removesuffix('.nii.gz')
        if not label.isalnum():
            raise ValueError(f'{file}: what follows "sub" in its name must be letters or digits')
        image = target / f'sub-{label}' / 'anat' / f'sub-{label}_T1w.nii.gz'
        content = file.read_bytes()
        if not image.is_file() or image.read_bytes() != content:
            write_bytes(image, content)
        sidecar = image.with_name(f'sub-{label}_T1w.json')
        if not sidecar.is_file() or json.loads(sidecar.read_text()) != STRIPPED_SIDECAR:
            write_json(sidecar, STRIPPED_SIDECAR)
    write_text(target / 'README', STRIPPED_README)
    if (folder / 'LICENSE').is_file():
        write_bytes(target / 'LICENSE', (folder / 'LICENSE').read_bytes())
    write_json(target / 'dataset_description.json', STRIPPED_DESCRIPTION)
    return target
