"""``python -m ulfprep.evaluation real``: real low-field scans, of which no truth is known."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ulfprep.bids.read.acquisition import LOW_FIELD_LIMIT, field_of
from ulfprep.bids.read.dataset import select
from ulfprep.bids.read.index import DatasetError, NoScansError
from ulfprep.bids.task import Scan
from ulfprep.evaluation.process import reason
from ulfprep.evaluation.publish import (
    about,
    as_text,
    columns_of,
    markdown,
    without_paths,
    write_lines,
    write_table,
)
from ulfprep.evaluation.without_truth import (
    noise_rows,
    read_outputs,
    score_scan,
)
from ulfprep.settings import MODALITIES, Settings

#: A skull-stripped 64 mT scan that came without a sidecar: its folder and files.
STRIPPED, STRIPPED_SCAN = 'ulf64mt_stripped', 'MRI_mT_sub*.nii.gz'
#: All that is known of it. The voxels are those that its spectrum shows along S, and the usual
#: ones of that scanner in the plane.
SIDECAR = {
    'Modality': 'MR',
    'MagneticFieldStrength': 0.064,
    'SkullStripped': True,
    'AcquisitionVoxelSize': [1.6, 1.6, 5.0],
}
DESCRIPTION = {
    'Name': 'Skull-stripped 64 mT T1w (khtohidulislam/ULF-MRI-Enhance, arranged as BIDS)',
    'BIDSVersion': '1.10.0',
    'DatasetType': 'raw',
    'License': 'MIT',
    'Authors': ['The authors of khtohidulislam/ULF-MRI-Enhance'],
}
STRIPPED_README = """\
Byte copies of files of khtohidulislam/ULF-MRI-Enhance (MIT), with names of BIDS. They came without
sidecars. What these say here is from the names of the files (64 mT), the image (zero outside the
brain), its spectrum (empty beyond 0.2 cycles per mm along S: slices of 5 mm, resampled to 1 mm)
and the usual protocol of portable 64 mT scanners (1.6 x 1.6 mm in the plane).
"""
REAL_HEAD = """
Enhanced scans and their interpolation. No truth is known of them: the numbers tell how the \
images differ, not which is right.

- ulfprep tissues: ulfprep's final ones, which were fitted with the enhanced image: this flatters \
ulfprep.
- mixture tissues: three Gaussians fitted to the intensities of the interpolated scan, without \
neighbours: their classes follow the noise of that scan, which flatters it.
"""
NOISE_HEAD = """
Noise of complex images at 55 mT (bispmri/Ultra-low-field-MRI-Scanner, CC0): air around the head, \
s.d. over the mean magnitude inside it.
"""


@dataclass(frozen=True)
class Dataset:
    """The low-field scans of a BIDS dataset that were asked for."""

    name: str  # of its folder
    folder: Path
    scans: tuple[Scan, ...]
    source: str  # whose scans these are, for captions


def find_datasets(data: Path, inputs: Path, modalities=MODALITIES, say=print) -> list[Dataset]:
    """Find the low-field scans of a BIDS dataset, or of those in a folder; at least one.

    A folder ``ulf64mt_stripped`` in it is laid out as a dataset below ``inputs`` first. ``say`` is
    told what is missing, a line each.
    """
    if not data.is_dir():
        raise FileNotFoundError(f'{data}: there is no such folder; --data names that of the scans')
    folders = [data, *sorted(path for path in data.iterdir() if path.is_dir())]
    folders = [path for path in folders if (path / 'dataset_description.json').is_file()]
    if (data / STRIPPED).is_dir():
        folders.append(lay_stripped(data / STRIPPED, inputs / STRIPPED))
    found, nothing = [], f'no {" or ".join(modalities)} scan below {LOW_FIELD_LIMIT} T'
    for folder in folders:
        if dataset := low_field_dataset(folder, modalities):
            found.append(dataset)
        else:
            say(f'{folder}: {nothing} in it')
    if not found:
        raise FileNotFoundError(f'{data}: {nothing}')
    return sorted(found, key=lambda dataset: dataset.name)


def low_field_dataset(folder: Path, modalities=MODALITIES) -> Dataset | None:
    """Return a BIDS dataset with its low-field scans; ``None`` where it has none."""
    settings = Settings(bids_dir=folder, output_dir=folder, modalities=tuple(modalities))
    try:
        scans = select(settings).scans
    except (NoScansError, DatasetError):
        return None
    low = tuple(s for s in scans if (field_of(s.metadata) or LOW_FIELD_LIMIT) < LOW_FIELD_LIMIT)
    if not low:
        return None
    description = pd.read_json(folder / 'dataset_description.json', typ='series')
    keys = ('Name', 'HowToAcknowledge', 'License')
    said = [str(description[key]).strip().rstrip('.') for key in keys if description.get(key)]
    return Dataset(folder.resolve().name, folder, low, '; '.join(said) or folder.name)


def lay_stripped(folder: Path, target: Path) -> Path:
    """Lay ``MRI_mT_sub*.nii.gz`` of a folder out as the BIDS dataset ``target``; returns that.

    Scans that are there already are left alone, so that runs on it need not be repeated.
    """
    for file in sorted(folder.glob(STRIPPED_SCAN)):
        label = file.name.partition('_sub')[2].removesuffix('.nii.gz')
        image = target / f'sub-{label}' / 'anat' / f'sub-{label}_T1w.nii.gz'
        image.parent.mkdir(parents=True, exist_ok=True)
        if not image.is_file():
            shutil.copyfile(file, image)
            write_lines(image.with_name(f'sub-{label}_T1w.json'), [json.dumps(SIDECAR, indent=2)])
    write_lines(target / 'README', STRIPPED_README.splitlines())
    if (folder / 'LICENSE').is_file():
        shutil.copyfile(folder / 'LICENSE', target / 'LICENSE')
    write_lines(target / 'dataset_description.json', [json.dumps(DESCRIPTION, indent=2)])
    return target


def command(dataset: Dataset, out: Path, *, threads: int, sloppy: bool = False) -> list[str]:
    """Return the command that enhances a dataset into ``out``, as a user would type it."""
    words = [sys.executable, '-m', 'ulfprep', dataset.folder, out / 'derivatives' / dataset.name]
    words += ['participant', '-w', out / 'work' / dataset.name, '--nprocs', threads]
    for entity, option in (('subject', '--participant-label'), ('session', '--session-label')):
        labels = dict.fromkeys(scan.entities.get(entity) for scan in dataset.scans)
        words += [option, *labels] if None not in labels else []
    wanted = [name for name in MODALITIES if any(s.suffix == name for s in dataset.scans)]
    words += ['--modalities', *wanted, *(['--sloppy'] if sloppy else [])]
    return [str(word) for word in words]


def run_command(words: list[str], names) -> dict[str, str]:
    """Run a command, its lines going to stderr as they come; say which scans failed, and why.

    Of a scan that is named in no line the last one is told; nothing where the command ended well.
    """
    failed, last = {}, ''
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, errors='replace') as process:
        for line in process.stderr:
            print(line, end='', file=sys.stderr, flush=True)
            last = ' '.join(line.split()) or last
            failed |= {name: last for name in names if name in last and 'failed' in last.lower()}
    if not process.returncode:
        return {}
    return dict.fromkeys(names, f'{last} (exit status {process.returncode})') | failed


def dataset_rows(dataset: Dataset, out: Path, threads: int, sloppy: bool = False) -> list[dict]:
    """Enhance the scans of a dataset, measure and draw each; two rows a scan.

    Finished scans are not run again; ``out`` gets derivatives, work folder and pictures.
    """
    from ulfprep.evaluation.drawing import draw_scan

    failed = run_command(
        command(dataset, out, threads=threads, sloppy=sloppy), [s.name for s in dataset.scans]
    )
    rows = []
    for scan in dataset.scans:
        field = field_of(scan.metadata)
        first = {'dataset': dataset.name, 'scan': scan.name, 'modality': scan.suffix}
        first['field'] = field
        try:
            if 'failed' in failed.get(scan.name, '').lower():
                raise ValueError(failed[scan.name])
            outputs = read_outputs(scan, out / 'derivatives' / dataset.name)
            size = 'x'.join(f'{mm:.2g}' for mm in outputs.record.contrast.voxel_size_mm)
            found = score_scan(outputs, scan.metadata, field, scan.suffix)
            title = f'{scan.name}: {scan.suffix} at {1000 * field:g} mT, {size} mm'
            path = out / 'pictures' / f'{dataset.name}_{scan.name}'
            draw_scan(path, outputs, title, dataset.source)
            rows += [first | {'voxel': size, 'status': 'ok'} | row for row in found]
        except (OSError, ValueError) as error:
            first['status'] = f'failed: {failed.get(scan.name) or reason(error)}'
            rows += [first | {'image': name} for name in ('bicubic', 'ulfprep')]
    return rows


def document(rows: list[dict], noise: list[dict], lines: list[str]) -> list[str]:
    """Return both tables as lines of Markdown, how they were made (``lines``) first."""
    out = [f'- {line}' for line in lines]
    for name, found, head, left_out in (
        ('real', rows, REAL_HEAD, ['dataset', 'modality', 'field', 'voxel']),
        ('noise', noise, NOISE_HEAD, []),
    ):
        if found:
            table = pd.DataFrame(found, columns=columns_of(name)).drop(columns=left_out)
            out += [*head.splitlines(), '', *markdown(as_text(table))]
    return out


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    add = parser.add_argument
    add(
        '--data', type=Path, required=True, metavar='DIR',
        help='folder of BIDS datasets with scans below 0.3 T, ulf64mt_stripped/ (skull-stripped '
        '64 mT scans) and kspace_55mt/ (complex images); what is not there is left out',
    )  # fmt: skip
    add('--out', type=Path, required=True, metavar='DIR', help='folder of the results')
    add('--quick', action='store_true', help='T1w alone, at the default quality')
    add('--sloppy', action='store_true', help='enhance poorly but fast, to try things out')
    add('--threads', type=int, default=os.cpu_count() or 1, help='(default: all processors)')


def run(options, argv) -> int:
    """Run the command."""
    modalities, notes, datasets = ('T1w',) if options.quick else MODALITIES, [], []

    def say(line):
        notes.append(line)
        print(line, file=sys.stderr, flush=True)

    folders = {str(options.out): 'OUT', str(options.data): 'DATA'}
    noise = _named(noise_rows(options.data, say), folders)
    try:
        datasets = find_datasets(options.data, options.out / 'inputs', modalities, say)
    except FileNotFoundError as error:
        if not noise:
            raise
        say(str(error))
    write_table(options.out, 'noise', noise)
    rows: list[dict] = []
    write_table(options.out, 'real', rows)
    for dataset in datasets:
        found = dataset_rows(dataset, options.out, options.threads, options.sloppy)
        rows += _named(found, folders)
        write_table(options.out, 'real', rows)
    lines = about('real', argv, folders, f'{options.threads} thread(s)')
    lines += [without_paths(note, folders) for note in notes]
    lines += [f'`{one.name}`: {one.source}' for one in datasets]
    text = document(rows, noise, lines)
    write_lines(options.out / 'real.md', text)
    print('\n'.join(text))
    return 0


def _named(rows, folders) -> list[dict]:
    """Return rows without the paths of this machine."""
    return [row | {'status': without_paths(row['status'], folders)} for row in rows]
