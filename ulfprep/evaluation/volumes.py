"""Tissue volumes: what an enhanced image is good for downstream."""

import numpy as np

from ulfprep.evaluation.prepare import Measured
from ulfprep.evaluation.trials import Trial
from ulfprep.physics import TISSUES
from ulfprep.physics.grid import Grid
from ulfprep.physics.noise import estimate_noise
from ulfprep.segmentation.hmrf import fit_markov_field
from ulfprep.segmentation.plain import plain_tissues

#: Least noise that the classifier believes in, over the brain's median: an image that repeats
#: its voxels seems to have none.
LEAST_NOISE = 0.02


def volumes_of(probs: np.ndarray, grid: Grid) -> dict[str, float]:
    """Volume of each tissue, the sum of its shares.

    Parameters
    ----------
    probs : numpy.ndarray, shape (3, x, y, z)
        CSF, GM, WM.
    grid : Grid

    Returns
    -------
    dict of float
        ``csf``, ``gm``, ``wm``, ml.
    """
    voxel = abs(float(np.linalg.det(grid.affine[:3, :3]))) / 1000
    totals = np.asarray(probs).reshape(3, -1).sum(axis=1, dtype=np.float64)
    names = (tissue.lower() for tissue in TISSUES)
    return {name: float(total) * voxel for name, total in zip(names, totals, strict=True)}


def classify(image: np.ndarray, mask: np.ndarray, grid: Grid) -> np.ndarray:
    """Shares of CSF, GM, WM in a T1w image, voxels as they are: one classifier for all images.

    Ulfprep's own for 1 mm scans: a mixture of Gaussians with mixed voxels and a Markov prior, or
    a Markov random field where the image does not show three tissues.

    Parameters
    ----------
    image : numpy.ndarray, shape (x, y, z)
    mask : numpy.ndarray of bool, shape (x, y, z)
    grid : Grid

    Returns
    -------
    numpy.ndarray, shape (3, x, y, z)

    Raises
    ------
    ValueError
        If the image cannot be classified.
    """
    sigma = estimate_noise(image, mask, grid.zooms).sigma
    sigma = max(sigma, LEAST_NOISE * float(np.median(image[mask])))
    found = plain_tissues(image, mask, grid.zooms, sigma)
    found = fit_markov_field(image, mask, grid.zooms, sigma=sigma) if found is None else found
    if not np.isfinite(found.probs).all():
        raise ValueError('the image does not show three tissues')
    return found.probs


def known_volumes(trial: Trial, found: Measured) -> dict[str, dict[str, float]]:
    """Volumes of a trial that no method of enhancement has a part in.

    Parameters
    ----------
    trial : Trial
    found : Measured
        The bias-corrected scan.

    Returns
    -------
    dict of dict of float
        ``labels``, those of the true labels; ``high field``, of the high-field image by the
        classifier of 1 mm scans; ``scan``, of the low-field scan by the same classifier, voxels
        as they are. One that cannot be had is missing.
    """
    truth, case = trial.truth, trial.case
    out = {'labels': volumes_of(truth.probs, truth.grid)}
    for name, image, mask, grid in (
        ('high field', truth.image, truth.mask, truth.grid),
        ('scan', found.scan, case.mask, case.grid),
    ):
        try:
            out[name] = volumes_of(classify(image, mask, grid), grid)
        except ValueError:
            continue
    return out
