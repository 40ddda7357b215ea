"""Is the noise of low-field images what ulfprep takes it for? Complex images of a 55 mT scanner.

Magnitude images of complex Gaussian noise have a Rayleigh background, and of that the model of
the noise lives. Complex images show the noise itself, so both can be checked.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage, stats

from ulfprep.physics.noise import estimate_noise, fine_detail, rayleigh_sigma

FOLDER = 'kspace_55mt'
#: Sequences of the set, as its files name them, and what they weight.
SEQUENCES = {'GRE': 'T1w', 'FSE': 'T2w'}
RECONSTRUCTIONS = ('native', 'zero-filled')
#: Slices are 5 mm thick; of the plane only the ratio of its voxels to those of k-space counts.
SLICE = 5.0


@dataclass(frozen=True, eq=False)
class ComplexImage:
    """Slices of complex numbers.

    Attributes
    ----------
    data : numpy.ndarray of complex, shape (X, Y, Z)
    acquired : tuple of 3 floats
        Voxel size at acquisition, in voxels of ``data`` (mm along the slices).
    """

    data: np.ndarray
    acquired: tuple[float, float, float]


def read_complex(folder: Path, sequence: str, reconstruction: str) -> ComplexImage:
    """Read an image of the 55 mT set.

    Parameters
    ----------
    folder : Path
        Holds ``0.055T_NAME.mat`` (``image``) and ``0.055T_NAME_kspace_postEMI.mat``
        (``kspace``).
    sequence : {'GRE', 'FSE'}
    reconstruction : {'native', 'zero-filled'}
        The Fourier transform of k-space as large as it is, or the makers' larger image.

    Raises
    ------
    FileNotFoundError
        If a file is missing; the message names it.
    ValueError
        If a file does not hold the complex array.
    """
    space = _array(folder / f'0.055T_{sequence}_kspace_postEMI.mat', 'kspace')
    if reconstruction == 'native':
        data = np.fft.fftshift(np.fft.ifft2(space, axes=(0, 1)), axes=(0, 1))
        return ComplexImage(data, (1.0, 1.0, SLICE))
    image = _array(folder / f'0.055T_{sequence}.mat', 'image')
    finer = (n / m for n, m in zip(image.shape[:2], space.shape[:2], strict=True))
    return ComplexImage(image, (*finer, SLICE))


def _array(path, name):
    from scipy.io import loadmat

    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing: its noise is not measured')
    try:
        array = loadmat(path).get(name)
    except (ValueError, TypeError, NotImplementedError, OSError) as error:
        raise ValueError(f'{path}: not a readable MATLAB file ({error})') from error
    if array is None or array.ndim != 3 or not np.iscomplexobj(array):
        raise ValueError(f'{path}: {name} must be a complex array of three dimensions')
    return array


def frame_of(shape) -> np.ndarray:
    """Mask of a frame around the head, a twelfth of the plane wide: air, and nothing else."""
    frame = np.ones(shape, bool)
    rim = [n // 12 for n in shape[:2]]
    frame[rim[0] : -rim[0], rim[1] : -rim[1]] = False
    return frame


def brain_of(magnitude: np.ndarray) -> np.ndarray:
    """Mask of the inside of the head, by a threshold of the smoothed magnitude."""
    smooth = ndimage.gaussian_filter(magnitude, (2, 2, 0))
    head = smooth > 0.5 * np.percentile(smooth, 95)
    return ndimage.binary_erosion(ndimage.binary_opening(head), np.ones((9, 9, 1)))


def noise_scores(image: ComplexImage) -> dict:
    """Noise of a complex image: as it is, and as magnitudes tell it.

    Parameters
    ----------
    image : ComplexImage

    Returns
    -------
    dict
        Keys of :data:`ulfprep.evaluation.real.report.NOISE_SCORES`. S.d. are relative to the
        mean magnitude inside the head.

    Raises
    ------
    ValueError
        If the head holds too few voxels.
    """
    data = image.data
    magnitude = np.abs(data)
    brain, air = brain_of(magnitude), frame_of(data.shape)
    if not brain.any():
        raise ValueError('no head was found in the image')
    zooms = (1.0, 1.0, SLICE)
    real, imaginary = data[air].real, data[air].imag
    truth = float(np.sqrt((real.var() + imaginary.var()) / 2))
    signal = float(magnitude[brain].mean())
    usual = estimate_noise(magnitude, brain, zooms, image.acquired)
    inside = estimate_noise(np.where(brain, magnitude, 0), brain, zooms, image.acquired)
    rayleigh = rayleigh_sigma(magnitude[air])
    out = {
        'air': int(air.sum()),
        'snr': signal / truth,
        'sd_real': float(real.std()) / signal,
        'sd_imaginary': float(imaginary.std()) / signal,
        'sd': truth / signal,
        'ratio_rayleigh': rayleigh / truth,
        'ratio_estimate': usual.sigma / truth,
        'method': usual.method,
        'ratio_brain': inside.sigma / truth,
        'ks_rayleigh': _distance(magnitude[air], 'rayleigh', (0, truth)),
        'ks_real': _distance(real, 'norm', (real.mean(), real.std())),
        'ks_imaginary': _distance(imaginary, 'norm', (imaginary.mean(), imaginary.std())),
        'kurtosis_real': float(stats.kurtosis(real)),
        'correlation': float(np.corrcoef(real, imaginary)[0, 1]),
        'uneven': unevenness(data),
    }
    if image.acquired[:2] == (1.0, 1.0):  # what was interpolated is not white by its making
        out['detail'] = detail_share(data.real, air)
    return {key: value for key, value in out.items() if isinstance(value, str) or value == value}


def unevenness(data: np.ndarray) -> float:
    """Largest over smallest s.d. of the real part in the four sides of the frame."""
    rim = [n // 12 for n in data.shape[:2]]
    sides = data[: rim[0]], data[-rim[0] :], data[:, : rim[1]], data[:, -rim[1] :]
    sds = [side.real.std() for side in sides]
    return float(max(sds) / min(sds))


def detail_share(real: np.ndarray, air: np.ndarray) -> float:
    """S.d. of the second differences of noise over its own: one where it is white."""
    detail = fine_detail(real, (0, 1), (1, 1))
    inner = ndimage.binary_erosion(air, np.ones((3, 3, 1)))
    return float(detail[inner].std() / real[inner].std())


def noise_rows(data: Path, say=print) -> list[dict]:
    """Rows of the table of noise; none where the set is not there.

    Parameters
    ----------
    data : Path
        Folder that holds ``kspace_55mt``.
    say : callable
        Told so in one line.
    """
    folder = Path(data) / FOLDER
    if not folder.is_dir():
        say(f'{folder}: not there, so the noise of complex images is not measured')
        return []
    rows = []
    for sequence, modality in SEQUENCES.items():
        for reconstruction in RECONSTRUCTIONS:
            row = {'sequence': sequence, 'modality': modality, 'reconstruction': reconstruction}
            try:
                found = noise_scores(read_complex(folder, sequence, reconstruction))
            except (FileNotFoundError, ValueError) as error:
                row['status'] = f'failed: {error}'
            else:
                row |= {'status': 'ok', **found}
            rows.append(row)
    return rows


def _distance(values, law, parameters):
    """Largest difference of the distributions, of the sample and of a law (Kolmogorov-Smirnov)."""
    return float(stats.kstest(values, law, args=parameters).statistic)
