"""How well a network segments heads that it did not learn from, by contrast, voxels and noise."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ulfprep.metrics.similarity import dice
from ulfprep.physics import TISSUES
from ulfprep.physics.grid import Grid, isotropic_grid
from ulfprep.physics.interpolation import carry
from ulfprep.physics.noise import NoiseEstimate
from ulfprep.physics.sequences import PRESETS
from ulfprep.physics.simulation import stream
from ulfprep.segmentation.learned import learned_tissues
from ulfprep.segmentation.network import CHANNELS, CLASSES, TissueNet
from ulfprep.segmentation.tissue import Run
from ulfprep.training.acquisitions import Acquisition, make_scan, paint
from ulfprep.training.maps import CLASS_OF, Head
from ulfprep.training.tissues import draw_nature, structure_signals

#: Tissue of every class, 1 CSF, 2 GM, 3 WM; what is no brain within a mask counts as CSF.
TISSUE_OF = np.array([1 + TISSUES.index(t or 'CSF') for t in CLASSES.values()], np.uint8)
#: Bins of the expected calibration error.
BINS = 15


@dataclass(frozen=True)
class Case:
    """Scans to score."""

    contrasts: tuple
    voxel_size: tuple = (1.6, 1.6, 5.0)  # mm
    snr: float = 14.0  # of white matter
    field: float = 0.064  # tesla


CASES = (
    *(Case((name,)) for name in CHANNELS),
    Case(CHANNELS),
    *(Case(('T1w',), snr=snr) for snr in (8.0, 20.0)),
    *(Case(('T1w',), voxel_size=v) for v in ((2.0, 2.0, 2.0), (1.6, 5.0, 1.6), (5.0, 1.6, 1.6))),
    Case(('T1w',), (1.0, 1.0, 1.0), 30.0, 3.0),
)
RESULTS = (*(f'dice_{t}' for t in TISSUES), 'calibration_error', 'csf_to_wm', 'gm_to_wm')


def score(net: TissueNet, heads: list[Head], out: Path, tell) -> None:
    """Write ``scores.tsv`` with a row a head and case, for heads that were not learned from.

    It holds Dice of CSF, GM and WM, expected calibration error, and signals of CSF and GM
    relative to WM over the true ones. ``tell`` receives the mean over the heads of each case.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / 'scores.tsv').open('w', newline='') as f:
        writer = csv.writer(f, delimiter='\t', lineterminator='\n')
        writer.writerow(['head', 'contrasts', 'voxel_size_mm', 'snr', 'field_T', *RESULTS])
        for case in CASES:
            rows = [_score_head(net, head, case) for head in heads]
            what = ['+'.join(case.contrasts), 'x'.join(f'{v:g}' for v in case.voxel_size)]
            what += [f'{case.snr:g}', f'{case.field:g}']
            for head, row in zip(heads, rows, strict=True):
                writer.writerow([head.name, *what, *(f'{row[k]:.4f}' for k in RESULTS)])
            means = (f'{k} {np.mean([r[k] for r in rows]):.3f}' for k in RESULTS)
            tell(f'{", ".join(what)}: {", ".join(means)}')


def _score_head(net, head, case):
    """Make the scans of a case from a head, segment them, and compare."""
    rng = stream(0, 'score', head.name, '+'.join(case.contrasts))
    lattice = Grid(head.labels.shape, np.eye(4))
    mask = head.depth <= 1
    classes = np.where(mask, CLASS_OF[head.labels], 0)
    where_tissue = [(classes > 0) & (TISSUE_OF[classes] == k) for k in (1, 2, 3)]
    nature = draw_nature(rng)
    runs, true_signals = [], []
    for contrast in case.contrasts:
        acquisition = _acquisition(contrast, case)
        signals = structure_signals(nature, acquisition.sequence, case.field, rng)
        image = paint(head.labels, signals, acquisition, rng)
        scan, grid = make_scan(image, mask, lattice, acquisition, rng)
        tissues = [float(image[i].mean()) for i in where_tissue]
        true_signals.append(tissues)
        runs.append(
            Run(
                image=scan,
                mask=scan > 0,
                grid=grid,
                white=1.0,
                noise=NoiseEstimate(1 / case.snr, 'of the simulation'),
                acquired=case.voxel_size,
                modality=contrast,
                expected=tuple(tissues),
            )
        )
    found = learned_tissues(runs, net=net)
    if found.fine is None:
        shares, where = found.probs, grid
    else:
        shares, where = found.fine, isotropic_grid(runs[0].grid)
    truth = carry(np.where(mask, TISSUE_OF[classes], 0), lattice, where, order=0)
    csf, grey, white = found.means
    wanted = np.divide(true_signals[0], true_signals[0][2])
    return compare(shares, truth) | {
        'csf_to_wm': float(csf / white / wanted[0]),
        'gm_to_wm': float(grey / white / wanted[1]),
    }


def compare(shares: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Dice of every tissue, and how far probabilities are from how often they are right.

    ``shares`` are those of CSF, GM and WM, (3, x, y, z); ``truth`` is 0 outside, 1 to 3 in them.
    """
    labels = np.where(shares.sum(axis=0) > 0, shares.argmax(axis=0) + 1, 0)
    out = {f'dice_{t}': dice(labels, truth, k) for k, t in enumerate(TISSUES, 1)}
    inside = (truth > 0) & (labels > 0)
    sure, right = shares.max(axis=0)[inside], (labels == truth)[inside]
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    gaps = np.bincount(bins, sure, BINS) - np.bincount(bins, right, BINS)
    return out | {'calibration_error': float(np.abs(gaps).sum() / count.sum())}


def _acquisition(contrast, case):
    high = case.field > 1
    return Acquisition(
        modality=contrast,
        field=case.field,
        sequence=PRESETS[f'{"HF" if high else "ULF"}-{contrast}'],
        voxel_size=case.voxel_size,
        offset=(0.0,) * 3 if max(case.voxel_size) <= 1 else tuple(v / 2 for v in case.voxel_size),
        psf='gaussian',
        psf_fwhm=case.voxel_size,
        snr=case.snr,
        noise_fwhm=0.0,
        bias=0.05,
        gain=1.0,
        exponent=1.0,
        stripped=True,
        motion=None,
    )
