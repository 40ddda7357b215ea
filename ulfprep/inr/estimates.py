"""The first estimate of all that a fit is given."""

import numpy as np

from ulfprep.inr.acquisition import Acquisition
from ulfprep.inr.joint import joint_estimates
from ulfprep.inr.views import Channel, View, in_white_matter, relative_noise, target_means
from ulfprep.inr.warm import warm_start


def first_estimates(
    acquisitions: list[Acquisition], spacing: float, seed: int, tissues: np.ndarray | None = None
) -> tuple[list[View], list[Channel]]:
    """Make the first estimate of every contrast, and the view of every scan.

    Parameters
    ----------
    acquisitions : list of Acquisition
    spacing : float
        Of the field's lattice, mm.
    seed : int
        See :func:`ulfprep.inr.warm.warm_start`.
    tissues : numpy.ndarray, shape (3, x, y, z), optional
        See :func:`ulfprep.inr.fit.fit_scans`; of no use to a single scan.

    Returns
    -------
    views : list of View
        One a scan.
    channels : list of Channel
        One a contrast, in the order in which they first come.

    Raises
    ------
    ValueError
        If there is no scan, or one does not lie where the first does.
    """
    if not acquisitions:
        raise ValueError('there is no scan to fit')
    if len(acquisitions) > 1:
        return joint_estimates(acquisitions, spacing, seed, tissues)
    (one,) = acquisitions
    warm = warm_start(
        one.image,
        one.mask,
        one.probs,
        one.grid,
        one.plan,
        spacing=spacing,
        seed=seed,
        lattice_probs=one.lattice_probs,
    )
    posterior = np.asarray(one.probs, np.float32)[(slice(None), *warm.bounds)]
    view = View(
        scan=warm.scan,
        fine=warm.fine,
        model=warm.model,
        voxels=warm.voxels,
        inside=warm.inside,
        measured=in_white_matter(one)[warm.bounds],
        outside=warm.outside,
        posterior=posterior,
        intensity=warm.intensity,
        logits=warm.logits,
        sigma=relative_noise(one.plan),
        targets=target_means(one.plan),
    )
    return [view], [Channel(one.modality, warm, one.plan)]
