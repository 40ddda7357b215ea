"""What can be measured of real scans without a truth: what a run leaves of them, and their noise.

Magnitude images of complex Gaussian noise have a Rayleigh background, and of that the model of
the noise lives. Complex images of a 55 mT scanner show the noise itself, so both can be checked.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage, stats

from ulfprep.bids.store.records import read_record
from ulfprep.bids.task import Scan, Task
from ulfprep.bids.write.derivatives import COMMON, ENHANCED, QC, path_of
from ulfprep.evaluation.brains import load_canonical
from ulfprep.evaluation.score import NAMES, rms_of_residual, tissue_contrasts, volumes_of
from ulfprep.evaluation.segmentation import mixture
from ulfprep.metrics.contrast import entropy_focus_criterion, tissue_means
from ulfprep.metrics.similarity import line_correlations
from ulfprep.physics.grid import Grid
from ulfprep.physics.interpolation import bicubic
from ulfprep.physics.noise import estimate_noise, fine_detail, rayleigh_sigma
from ulfprep.physics.source_sequence import expected_signals
from ulfprep.record import ScanRecord

FOLDER = 'kspace_55mt'
#: Sequences of the set, as its files name them, and what they weight.
SEQUENCES = {'GRE': 'T1w', 'FSE': 'T2w'}
RECONSTRUCTIONS = ('native', 'zero-filled')
#: Slices are 5 mm thick; of the plane only the ratio of its voxels to those of k-space counts.
SLICE = 5.0


@dataclass(frozen=True, eq=False)
class Outputs:
    """Derivatives of an enhanced scan; all but the scan itself are on ``grid``."""

    scan: np.ndarray  # bias-corrected
    scan_mask: np.ndarray
    scan_grid: Grid
    interpolated: np.ndarray  # by cubic splines
    enhanced: np.ndarray
    uncertainty: np.ndarray
    claim: np.ndarray
    mask: np.ndarray
    probs: np.ndarray  # final CSF, GM, WM
    grid: Grid
    record: ScanRecord


def read_outputs(scan: Scan, folder: Path) -> Outputs:
    """Read the derivatives of an enhanced scan from the folder of a run.

    Raises
    ------
    FileNotFoundError, ValueError
        If one is missing, which the message names, or the scan was not enhanced.
    """
    files = {one.key: folder / path_of(Task(scan), one) for one in (*COMMON, *ENHANCED, QC)}
    for path in files.values():
        if not path.is_file():
            raise FileNotFoundError(f'{path} is missing: run ulfprep on the scan again')
    record = read_record(files['qc'])
    if record.direction != 'enhance':
        raise ValueError(f'{files["qc"]}: the scan was not enhanced')

    def load(key):
        return load_canonical(files[key])[0]

    source, source_grid = load_canonical(files['preproc'])
    enhanced, grid = load_canonical(files['enhanced'])
    return Outputs(
        scan=source,
        scan_mask=load('brain_mask') > 0,
        scan_grid=source_grid,
        interpolated=bicubic(source, source_grid, grid),
        enhanced=enhanced,
        uncertainty=load('uncertainty'),
        claim=load('claim'),
        mask=load('fine_dseg') > 0,
        probs=np.stack([load(f'fine_probseg_{tissue}') for tissue in NAMES]),
        grid=grid,
        record=record,
    )


def score_scan(outputs: Outputs, metadata: dict, field: float, modality: str) -> list[dict]:
    """Measure an enhanced scan and its interpolation under the same tissues.

    ``metadata`` is the sidecar of the scan, ``field`` in tesla. There is one row an image, of
    columns of ``real.tsv``; what cannot be had is missing.
    """
    record, mask, images = outputs.record, outputs.mask, (outputs.interpolated, outputs.enhanced)
    tissues = {'ulfprep': outputs.probs}
    expected = expected_signals(metadata, field, modality)
    with suppress(ValueError):  # too few voxels
        tissues['mixture'] = mixture_tissues(images[0], mask, outputs.grid, expected)
    before, after = (tissue_means(image, outputs.probs)[2] for image in images)
    rows = []
    for name, image in zip(('bicubic', 'ulfprep'), images, strict=True):
        mlc, mslc = line_correlations(image, mask)
        row = {'image': name, 'efc': entropy_focus_criterion(image[mask])}
        row |= {'mlc': mlc, 'mslc': mslc}
        for under, probs in tissues.items():
            found = tissue_contrasts(image, probs)
            # The noise is that of the scan over its white matter, of both images.
            found['cnr_noise'] = found.pop('apart') / (record.contrast.noise_sigma / before)
            row |= {f'{key}_{under}': value for key, value in found.items()}
        rows.append(row)
    rows[0]['residual_rms'] = interpolation_residual(outputs)
    rows[1] |= {name: record.metrics.get(name) for name in ('residual_rms', 'claim_mean')}
    if mask.any():
        rows[1]['uncertainty_mean'] = outputs.uncertainty[mask].mean() / after
    for row, name in zip(rows, ('mixture', 'ulfprep'), strict=True):
        if name in tissues:
            volumes = volumes_of(tissues[name], outputs.grid)
            row |= {f'volume_{tissue}': ml for tissue, ml in volumes.items()}
    return [
        {k: v if k == 'image' else float(v) for k, v in row.items() if _is_known(v)}
        for row in rows
    ]


def mixture_tissues(image, mask, grid, expected) -> np.ndarray:
    """Three tissues of an image by a mixture of Gaussians, of which ulfprep knows nothing.

    Signals of CSF, GM, WM that are expected tell which class is which, by their order alone.
    """
    by_brightness = mixture(image, mask, grid).probs
    probs = np.empty_like(by_brightness)
    probs[np.argsort(expected)] = by_brightness
    return probs


def interpolation_residual(outputs: Outputs) -> float:
    """Root mean square of the scan less what its own interpolation predicts for it, in sigma.

    The interpolated image is taken for what the scanner saw: no tissue changes its signal.
    """
    plan = replace(outputs.record.contrast, contrast_vector=(1.0,) * 3)
    probs = np.zeros((3, *outputs.mask.shape), np.float32)
    probs[0] = outputs.mask
    image = np.where(outputs.mask, outputs.interpolated, 0)
    return rms_of_residual(
        outputs.scan, outputs.scan_mask, image, probs, outputs.scan_grid, outputs.grid, plan
    )


def _is_known(value) -> bool:
    return isinstance(value, str) or (value is not None and bool(np.isfinite(value)))


def read_complex(folder: Path, sequence: str, reconstruction: str) -> tuple[np.ndarray, tuple]:
    """Read an image of the 55 mT set: the Fourier transform of k-space, or the makers' larger one.

    Returns
    -------
    data : numpy.ndarray of complex, shape (X, Y, Z)
    acquired : tuple of 3 floats
        Voxel size at acquisition, in voxels of ``data`` (mm along the slices).

    Raises
    ------
    OSError, ValueError
        If a file is missing or does not hold the complex array; the message names it.
    """
    space = _array(folder / f'0.055T_{sequence}_kspace_postEMI.mat', 'kspace')
    if reconstruction == 'native':
        data = np.fft.fftshift(np.fft.ifft2(space, axes=(0, 1)), axes=(0, 1))
        return data, (1.0, 1.0, SLICE)
    image = _array(folder / f'0.055T_{sequence}.mat', 'image')
    finer = (n / m for n, m in zip(image.shape[:2], space.shape[:2], strict=True))
    return image, (*finer, SLICE)


def _array(path, name):
    from scipy.io import loadmat

    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing: its noise is not measured')
    try:
        array = loadmat(path, appendmat=False).get(name)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise ValueError(f'{path}: not a readable MATLAB file ({error})') from error
    if array is None or array.ndim != 3 or not np.iscomplexobj(array):
        raise ValueError(f'{path}: {name} must be a complex array of three dimensions')
    return array


def noise_scores(data: np.ndarray, acquired) -> dict:
    """Noise of a complex image (:func:`read_complex`): as it is, and as magnitudes tell it.

    S.d. are relative to the mean magnitude inside the head. A
    frame around it, a twelfth of the plane wide, is air and nothing else.
    """
    magnitude = np.abs(data)
    smooth = ndimage.gaussian_filter(magnitude, (2, 2, 0))
    head = ndimage.binary_opening(smooth > 0.5 * np.percentile(smooth, 95))
    brain = ndimage.binary_erosion(head, np.ones((9, 9, 1)))
    if not brain.any():
        raise ValueError('no head was found in the image')
    x, y = (n // 12 for n in data.shape[:2])
    air = np.ones(data.shape, bool)
    air[x:-x, y:-y] = False
    zooms = (1.0, 1.0, SLICE)
    real, imaginary = data[air].real, data[air].imag
    truth = float(np.sqrt((real.var() + imaginary.var()) / 2))
    signal = float(magnitude[brain].mean())
    usual = estimate_noise(magnitude, brain, zooms, acquired)
    inside = estimate_noise(np.where(brain, magnitude, 0), brain, zooms, acquired)
    rayleigh = rayleigh_sigma(magnitude[air])
    sides = [side.real.std() for side in (data[:x], data[-x:], data[:, :y], data[:, -y:])]
    out = {
        'noise_snr': signal / truth,
        'sd_real': float(real.std()) / signal,
        'sd_imaginary': float(imaginary.std()) / signal,
        'ratio_rayleigh': rayleigh / truth,
        'ratio_estimate': usual.sigma / truth,
        'noise_method': usual.method,
        'ratio_brain': inside.sigma / truth,
        'ks_rayleigh': _distance(magnitude[air], 'rayleigh', (0, truth)),
        'ks_real': _distance(real, 'norm', (real.mean(), real.std())),
        'kurtosis_real': float(stats.kurtosis(real)),
        'correlation': float(np.corrcoef(real, imaginary)[0, 1]),
        'uneven': float(max(sides) / min(sides)),
    }
    if acquired[:2] == (1.0, 1.0):  # what was interpolated is not white by its making
        inner = ndimage.binary_erosion(air, np.ones((3, 3, 1)))
        detail = fine_detail(data.real, (0, 1), (1, 1))
        out['detail'] = float(detail[inner].std() / data.real[inner].std())
    return {key: value for key, value in out.items() if isinstance(value, str) or value == value}


def _distance(values, law, parameters):
    """Largest difference of the distributions, of the sample and of a law (Kolmogorov-Smirnov)."""
    return float(stats.kstest(values, law, args=parameters).statistic)


def noise_rows(data: Path, say=print) -> list[dict]:
    """Rows of the table of noise; none where ``kspace_55mt`` is not there, and that is said."""
    folder = data / FOLDER
    if not folder.is_dir():
        say(f'{folder}: not there, so the noise of complex images is not measured')
        return []
    rows = []
    for sequence, modality in SEQUENCES.items():
        for reconstruction in RECONSTRUCTIONS:
            row = {'sequence': sequence, 'modality': modality, 'reconstruction': reconstruction}
            try:
                found = noise_scores(*read_complex(folder, sequence, reconstruction))
            except (OSError, ValueError) as error:
                row['status'] = f'failed: {error}'
            else:
                row |= {'status': 'ok', **found}
            rows.append(row)
    return rows
