"""Is the noise of low-field images what ulfprep takes it for? Complex images of a 55 mT scanner.

Magnitude images of complex Gaussian noise have a Rayleigh background, and of that the model of
the noise lives. Complex images show the noise itself, so both can be checked.
"""

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
#: Columns of the table of noise; see ``columns.tsv``.
NOISE_COLUMNS = ['sequence', 'modality', 'reconstruction', 'status', 'noise_snr']
NOISE_COLUMNS += ['sd_real', 'sd_imaginary', 'ratio_rayleigh', 'ratio_estimate']
NOISE_COLUMNS += ['noise_method', 'ratio_brain', 'ks_rayleigh', 'ks_real']
NOISE_COLUMNS += ['kurtosis_real', 'correlation', 'uneven', 'detail']


def read_complex(folder: Path, sequence: str, reconstruction: str) -> tuple[np.ndarray, tuple]:
    """Read an image of the 55 mT set.

    Parameters
    ----------
    folder : Path
        Holds ``0.055T_NAME.mat`` (``image``) and ``0.055T_NAME_kspace_postEMI.mat``
        (``kspace``).
    sequence : {'GRE', 'FSE'}
    reconstruction : {'native', 'zero-filled'}
        The Fourier transform of k-space as large as it is, or the makers' larger image.

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


def noise_scores(data: np.ndarray, acquired) -> dict:
    """Noise of a complex image: as it is, and as magnitudes tell it.

    Parameters
    ----------
    data, acquired
        See :func:`read_complex`.

    Returns
    -------
    dict
        Keys of :data:`NOISE_COLUMNS`. S.d. are relative to the mean magnitude inside the head.

    Raises
    ------
    ValueError
        If no head is found.
    """
    magnitude = np.abs(data)
    brain, air = brain_of(magnitude), frame_of(data.shape)
    if not brain.any():
        raise ValueError('no head was found in the image')
    zooms = (1.0, 1.0, SLICE)
    real, imaginary = data[air].real, data[air].imag
    truth = float(np.sqrt((real.var() + imaginary.var()) / 2))
    signal = float(magnitude[brain].mean())
    usual = estimate_noise(magnitude, brain, zooms, acquired)
    inside = estimate_noise(np.where(brain, magnitude, 0), brain, zooms, acquired)
    rayleigh = rayleigh_sigma(magnitude[air])
    x, y = (n // 12 for n in data.shape[:2])
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


def noise_rows(data: Path, say=print) -> list[dict]:
    """Rows of the table of noise; none where ``kspace_55mt`` is not there, and that is said."""
    folder = Path(data) / FOLDER
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


def _distance(values, law, parameters):
    """Largest difference of the distributions, of the sample and of a law (Kolmogorov-Smirnov)."""
    return float(stats.kstest(values, law, args=parameters).statistic)
