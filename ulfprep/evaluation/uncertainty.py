"""Coverage of the uncertainty: how often the truth lies within one and two s.d.; ``--help``."""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ulfprep.evaluation.cases import Case, outside_cases, simulated_cases
from ulfprep.evaluation.phantoms import tissue_medians
from ulfprep.evaluation.prepare import TARGET_FIELD
from ulfprep.evaluation.sources.known import LABELLED, load_brain
from ulfprep.evaluation.trials import METADATA
from ulfprep.physics.grid import Grid

#: Intervals in s.d., and the share of the truth that Gaussian errors would leave in them.
INTERVALS = {'within_1_sd': 1.0, 'within_1.96_sd': 1.96}
COLUMNS = (
    'source', 'brain', 'voxel', 'snr', 'seed', *INTERVALS, 'rms_error', 'mean_sd',
    'rank_correlation', 'mean_claim', 'mean_entropy', 'fit_cpu', 'render_cpu',
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Known:
    """A simulated scan and the high-field image behind it, on the lattice of its labels."""

    case: Case
    image: np.ndarray


def truth_at_target(image: np.ndarray, labels: np.ndarray, plan: dict) -> np.ndarray:
    """Give a high-field image the tissue means that were asked for.

    A target that is not the subject's own is no error of the method: the image is mapped
    along straight lines through its tissues' medians.

    Parameters
    ----------
    image : numpy.ndarray, shape (x, y, z)
    labels : numpy.ndarray of int, shape (x, y, z)
        1 CSF, 2 GM, 3 WM.
    plan : dict
        Of :func:`ulfprep.physics.plan.plan_contrast`.

    Returns
    -------
    numpy.ndarray, shape (x, y, z)
        In units of the enhanced image.

    Raises
    ------
    ValueError
        If medians or target do not rise from CSF to WM.
    """
    medians, means = tissue_medians(image, labels), np.array(plan['target_means'], float)
    if not (np.diff(medians) > 0).all() or not (np.diff(means) > 0).all():
        raise ValueError('CSF, GM and WM must rise in brightness, as they do in T1w')
    top = 1.5 * medians[2]
    slope = (means[2] - means[1]) / (medians[2] - medians[1])
    return np.interp(image, (0, *medians, top), (0, *means, means[2] + slope * (top - medians[2])))


def coverage(error: np.ndarray, sd: np.ndarray) -> dict[str, float]:
    """Share of errors within each of :data:`INTERVALS`.

    Parameters
    ----------
    error, sd : numpy.ndarray, shape (n,)

    Returns
    -------
    dict of float
    """
    return {k: float(np.mean(np.abs(error) <= width * sd)) for k, width in INTERVALS.items()}


def run_case(known: Known, options=None) -> dict:
    """Enhance a scan, and hold its uncertainty against the error.

    Parameters
    ----------
    known : Known
    options : ulfprep.inr.FitOptions, optional

    Returns
    -------
    dict
        Keys of :data:`COLUMNS`; errors and s.d. relative to the target's white matter.
    """
    from scipy.stats import spearmanr

    from ulfprep.inr import FitOptions, fit_scan, render
    from ulfprep.physics.plan import plan_contrast
    from ulfprep.physics.source_sequence import expected_signals
    from ulfprep.segmentation.bias import correct_bias
    from ulfprep.segmentation.learned import segment_learned

    case, options = known.case, options or FitOptions.default()
    zooms, field = case.grid.zooms, METADATA['MagneticFieldStrength']
    expected = list(expected_signals(METADATA, field))
    scan, _ = correct_bias(case.scan, case.mask, zooms, expected=expected)
    found = segment_learned(scan, case.mask, case.grid, expected, spacing=options.spacing)
    plan = plan_contrast(
        scan, case.mask, found.probs, zooms, METADATA, field, TARGET_FIELD,
        means=found.means if found.unmixed else None,
    )  # fmt: skip
    start = time.process_time()
    fit = fit_scan(
        scan, case.mask, found.probs, case.grid, plan, options, lattice_probs=found.fine
    )
    fitted = time.process_time()
    result = render(fit, case.lattice)
    rendered = time.process_time()
    brain = (result.dseg > 0) & (case.labels > 0)
    truth = truth_at_target(known.image, case.labels, plan)
    white = plan['target_means'][2]
    error = (result.intensity - truth)[brain] / white
    sd = result.uncertainty[brain] / white
    return {
        'source': case.source, 'brain': case.brain, 'voxel': case.voxel, 'snr': case.snr,
        'seed': case.seed,
        **coverage(error, sd),
        'rms_error': float(np.sqrt(np.mean(error**2))),
        'mean_sd': float(sd.mean()),
        'rank_correlation': float(spearmanr(np.abs(error)[::11], sd[::11])[0]),
        'mean_claim': float(result.claim[brain].mean()),
        'mean_entropy': float(result.entropy[brain].mean()),
        'fit_cpu': fitted - start, 'render_cpu': rendered - fitted,
    }  # fmt: skip


def simulated(folder: Path, *, quick: bool, seeds: int, say=print) -> Iterator[Known]:
    """Yield scans of :mod:`ulfprep.evaluation.phantoms`; see :func:`simulated_cases`."""
    images: dict[str, np.ndarray] = {}
    for case in simulated_cases(folder, quick=quick, seeds=seeds, say=say):
        if case.brain not in images:
            images[case.brain] = load_brain(folder, case.brain).image
        yield Known(case, images[case.brain])


def outside(folder: Path) -> Iterator[Known]:
    """Yield scans of another simulator with the images that lie beside their labels.

    Raises
    ------
    FileNotFoundError
        If a truth is missing.
    ValueError
        If image and labels are not on one grid.
    """
    import nibabel as nib

    for case in outside_cases(folder):
        path = Path(folder) / 'truth' / f'{case.brain}_T1w.nii.gz'
        if not path.is_file():
            raise FileNotFoundError(f'{path} is missing: the image behind the scan is needed')
        image = nib.as_closest_canonical(nib.load(path))
        grid = Grid(image.shape, image.affine)
        if grid.shape != case.lattice.shape or not np.allclose(
            grid.affine, case.lattice.affine, atol=1e-3
        ):
            raise ValueError(f'{path} must lie on the grid of its labels (truth/*_dseg.nii.gz)')
        yield Known(case, np.asarray(image.dataobj, dtype=np.float32))


def main(argv=None) -> int:
    """Entry point of ``python -m ulfprep.evaluation uncertainty``: a TSV on the terminal."""
    from ulfprep.bids.write.table import cell
    from ulfprep.inr import FitOptions

    parser = argparse.ArgumentParser(
        prog='python -m ulfprep.evaluation uncertainty',
        description='Enhance simulated scans, and count how often the truth lies within one and '
        'within 1.96 standard deviations (68 and 95 % of Gaussian errors would).',
    )
    parser.add_argument('--data', type=Path, help='real scans: hf3t_aomic/, hf_colin27/')
    parser.add_argument('--cases', type=Path, help='scans of another simulator: bids/, truth/')
    parser.add_argument('--brains', nargs='+', choices=LABELLED, help='of those in --data')
    parser.add_argument('--quick', action='store_true', help='SNR 14, 1.6x1.6x5 mm, one seed')
    parser.add_argument('--seeds', type=int, default=1, help='scans of each kind (default 1)')
    parser.add_argument('--sloppy', action='store_true', help='fit fast and poorly')
    chosen = parser.parse_args(sys.argv[1:] if argv is None else list(argv))
    if chosen.data is None and chosen.cases is None:
        parser.error('give real scans (--data), scans of another simulator (--cases), or both')
    options = FitOptions.sloppy() if chosen.sloppy else FitOptions.default()
    print('\t'.join(COLUMNS))
    try:
        for known in _known(chosen):
            row = run_case(known, options)
            print('\t'.join(cell(row[name]) for name in COLUMNS), flush=True)
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _known(chosen):
    if chosen.cases is not None:
        yield from outside(chosen.cases)
    if chosen.data is not None:
        kind = {'quick': chosen.quick, 'seeds': chosen.seeds}
        for known in simulated(chosen.data, say=lambda line: print(line, file=sys.stderr), **kind):
            if chosen.brains is None or known.case.brain in chosen.brains:
                yield known
