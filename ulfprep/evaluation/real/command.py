"""Enhance real scans as a user would, and measure what needs no truth; see ``--help``."""

import argparse
import os
import sys
from pathlib import Path

from ulfprep.bids.files import write_text
from ulfprep.evaluation.publish import write_table
from ulfprep.evaluation.real.enhance import derivatives_of, enhance
from ulfprep.evaluation.real.inputs import Dataset, field_of, find_datasets
from ulfprep.evaluation.real.noise import noise_rows
from ulfprep.evaluation.real.outputs import read_outputs
from ulfprep.evaluation.real.report import COLUMNS, NOISE_COLUMNS, document
from ulfprep.evaluation.real.score import IMAGES, score_scan
from ulfprep.settings import MODALITIES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options to a parser."""
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


def main(argv=None) -> int:
    """Entry point of ``python -m ulfprep.evaluation real``."""
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        prog='python -m ulfprep.evaluation real',
        description='Enhance real low-field scans by the command itself, and measure beside their '
        'interpolation what needs no high-field truth; and check the noise of complex images.',
    )
    add_arguments(parser)
    options = parser.parse_args(argv)
    modalities, missing = ('T1w',) if options.quick else MODALITIES, []

    def say(line):
        missing.append(line)
        print(line, file=sys.stderr, flush=True)

    try:
        noise = _named(noise_rows(options.data, say), options)
        try:
            datasets = find_datasets(options.data, options.out / 'inputs', modalities, say)
        except FileNotFoundError as error:
            if not noise:
                raise
            datasets = []
            say(str(error))
        write_table(options.out, 'noise', noise, NOISE_COLUMNS)
        rows = []
        for dataset in datasets:
            found = dataset_rows(dataset, options.out, options.threads, options.sloppy)
            rows += _named(found, options)
            write_table(options.out, 'real', rows, COLUMNS)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    write_table(options.out, 'real', rows, COLUMNS)
    lines = document(rows, noise, _about(argv, options, missing), datasets)
    write_text(options.out / 'real.md', '\n'.join(lines) + '\n')
    print('\n'.join(lines))
    return 0


def dataset_rows(dataset: Dataset, out: Path, threads: int, sloppy: bool = False) -> list[dict]:
    """Enhance the scans of a dataset, measure and draw each.

    Parameters
    ----------
    dataset : Dataset
    out : Path
        Gets derivatives, work folder and pictures.
    threads : int
    sloppy : bool
        Poor but fast.

    Returns
    -------
    list of dict
        Keys of :data:`ulfprep.evaluation.real.report.COLUMNS`: two a scan.
    """
    reasons = enhance(dataset, out, threads=threads, sloppy=sloppy)
    rows = []
    for scan in dataset.scans:
        first = {
            'dataset': dataset.name, 'scan': scan.name, 'modality': scan.suffix,
            'field': field_of(scan),
        }  # fmt: skip
        try:
            if reason := reasons[scan.name]:
                raise ValueError(reason)
            found = _measure(scan, dataset, out)
        except (OSError, ValueError) as error:
            status = f'failed: {" ".join(str(error).split())}'
            found = [{'image': name, 'status': status} for name in IMAGES]
        rows += [first | row for row in found]
    return rows


def _measure(scan, dataset, out):
    """Rows of a finished scan, and its picture."""
    from ulfprep.evaluation.real.pictures import draw_scan

    outputs, field = read_outputs(scan, derivatives_of(dataset, out)), field_of(scan)
    rows = score_scan(outputs, scan.metadata, field, scan.suffix)
    size = 'x'.join(f'{mm:.2g}' for mm in outputs.qc['contrast']['voxel_size_mm'])
    title = f'{scan.name}: {scan.suffix} at {1000 * field:g} mT, {size} mm'
    path = out / 'pictures' / f'{dataset.name}_{scan.name}.png'
    draw_scan(path, outputs, title, dataset.source)
    return [{'voxel': size, 'status': 'ok'} | row for row in rows]


def _about(argv, options, missing):
    """Say when, on what and how, and what was not there."""
    from ulfprep.evaluation.about import command_line, machine

    said = f'Command: `{command_line("real", argv, _folders(options))}`'
    return [*machine(options.threads), said, *(_without_paths(line, options) for line in missing)]


def _named(rows, options):
    """Return rows without the paths of this machine."""
    return [row | {'status': _without_paths(row['status'], options)} for row in rows]


def _without_paths(text, options):
    for label, folder in _folders(options).items():
        text = text.replace(str(folder), label)
    return text


def _folders(options):
    return {'OUT': options.out, 'DATA': options.data}


if __name__ == '__main__':
    raise SystemExit(main())
