"""Benchmark of the tissue segmentation against known tissues; see ``--help``."""

import argparse
import shlex
import sys
import time
from pathlib import Path

import numpy as np

from ulfprep.evaluation.cases import (
    Case,
    high_field_cases,
    outside_cases,
    simulated_cases,
)
from ulfprep.evaluation.fresh import processor_time
from ulfprep.evaluation.segmentation import methods
from ulfprep.evaluation.segmentation.report import draw_case, write_tables
from ulfprep.metrics.similarity import dice
from ulfprep.physics.interpolation import carry
from ulfprep.segmentation.bias import correct_bias


def lattice_labels(found: methods.Found, case: Case) -> np.ndarray:
    """Labels of a method on the lattice of the truth.

    Parameters
    ----------
    found : ulfprep.evaluation.methods.Found
    case : Case

    Returns
    -------
    numpy.ndarray of uint8, shape ``case.lattice.shape``
        1 CSF, 2 GM, 3 WM; 0 outside the scan's mask, whose outline is the same for all
        methods.
    """
    probs = np.asarray(found.probs, np.float32)
    probs = np.stack([carry(share, found.grid, case.lattice) for share in probs])
    inside = carry(case.mask.astype(np.float32), case.grid, case.lattice) > 0.5
    return np.where(inside & (probs.max(axis=0) > 0), probs.argmax(axis=0) + 1, 0).astype(np.uint8)


def score(found: methods.Found, labels: np.ndarray, case: Case, scan: np.ndarray) -> dict:
    """Scores of one method.

    Parameters
    ----------
    found : ulfprep.evaluation.methods.Found
    labels : numpy.ndarray, shape ``case.lattice.shape``
        Those of :func:`lattice_labels`.
    case : Case
    scan : numpy.ndarray
        What the method was given.

    Returns
    -------
    dict of float
        Dice of CSF, GM, WM and, where the truth is known, errors of the signals' ratios.
    """
    names = ('dice_csf', 'dice_gm', 'dice_wm')
    out = {name: dice(labels, case.labels, k) for k, name in enumerate(names, 1)}
    if case.ratios is None:
        return out
    means = found.means
    if means is None:
        hard = found.probs.argmax(axis=0)
        means = [scan[case.mask & (hard == k)].mean() for k in range(3)]
    out['csf_wm_error'] = float(means[0] / means[2] - case.ratios[0])
    out['gm_wm_error'] = float(means[1] / means[2] - case.ratios[1])
    return out


def run_case(case: Case, chosen: dict | None = None) -> tuple[list[dict], dict]:
    """Segment a scan by every method.

    Parameters
    ----------
    case : Case
    chosen : dict, optional
        Name -> method; those of :mod:`ulfprep.evaluation.methods` for its voxels without.

    Returns
    -------
    rows : list of dict
        One a method, keys of :data:`COLUMNS`; what is not known is missing.
    labels : dict of numpy.ndarray
        Method -> its labels on the lattice, for pictures.
    """
    high = case.source == 'high field'
    scan = case.scan
    if not high:
        scan, _ = correct_bias(scan, case.mask, case.grid.zooms)
    rows, pictures = [], {}
    for name, method in (chosen or (methods.FINE if high else methods.COARSE)).items():
        row = {
            'source': case.source, 'brain': case.brain, 'voxel': case.voxel,
            'snr': case.snr, 'seed': case.seed, 'method': name,
        }  # fmt: skip
        wall, cpu = time.perf_counter(), processor_time()
        try:
            found = method(scan, case.mask, case.grid)
        except methods.NotInstalled:
            row['status'] = 'not installed'
        except Exception as error:  # noqa: BLE001 - another package's failure is a result
            row['status'] = ' '.join(f'failed: {error or type(error).__name__}'.split())
        else:
            taken = {'cpu': processor_time() - cpu, 'wall': time.perf_counter() - wall}
            pictures[name] = lattice_labels(found, case)
            row |= {'status': 'ok', **score(found, pictures[name], case, scan), **taken}
        rows.append(row)
    return rows, pictures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options to a parser."""
    parser.add_argument('--out', type=Path, required=True, help='folder of the tables')
    parser.add_argument('--data', type=Path, help='real scans: hf3t_aomic/, hf_colin27/')
    parser.add_argument('--cases', type=Path, help='scans of another simulator: bids/, truth/')
    parser.add_argument('--quick', action='store_true', help='SNR 14, 1.6x1.6x5 mm, one seed')
    parser.add_argument('--seeds', type=int, default=2, help='scans of each kind (default 2)')


def main(argv=None) -> int:
    """Entry point of ``python -m ulfprep.evaluation segmentation``."""
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        prog='python -m ulfprep.evaluation segmentation',
        description='Score tissue segmentation by ulfprep and others against known tissues.',
    )
    add_arguments(parser)
    options = parser.parse_args(argv)
    if options.data is None and options.cases is None:
        parser.error('give real scans (--data), scans of another simulator (--cases), or both')
    options.out.mkdir(parents=True, exist_ok=True)
    command = f'python -m ulfprep.evaluation segmentation {shlex.join(argv)}'
    rows, drawn, missing = [], False, []
    try:
        for case in _cases(options, missing.append):
            found, labels = run_case(case)
            rows += found
            if not drawn and case.source != 'high field':
                draw_case(options.out / 'segmentation.png', case, labels)
                drawn = True
            write_tables(options.out, rows, command, missing)
            print(f'{case.source}, {case.brain}, {case.voxel} mm, SNR {case.snr or "n/a"}: done')
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    for line in missing:
        print(line, file=sys.stderr)
    if not rows:
        print(f'{options.data}: no brain to simulate scans of', file=sys.stderr)
        return 1
    return 0


def _cases(options, say):
    if options.cases is not None:
        yield from outside_cases(options.cases)
    if options.data is not None:
        yield from high_field_cases(options.data, say=say)
        kind = {'quick': options.quick, 'seeds': options.seeds}
        # What is missing has been said.
        yield from simulated_cases(options.data, say=lambda line: None, **kind)
