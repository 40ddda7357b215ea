"""Maps of what an enhanced image does not know, on the lattice of its first estimate."""

import numpy as np

from ulfprep.inr.claim import claim, surviving
from ulfprep.inr.uncertainty import standard_deviation
from ulfprep.inr.views import target_means
from ulfprep.inr.warm import WarmStart
from ulfprep.physics.contrast_plan import ContrastPlan


def doubt(
    intensity: np.ndarray, probs: np.ndarray, warm: WarmStart, plan: ContrastPlan
) -> tuple[np.ndarray, np.ndarray]:
    """Make the uncertainty and the claim map of a rendered field.

    Takes one more solution of the linear inverse.

    Parameters
    ----------
    intensity : numpy.ndarray, shape (x, y, z)
        Enhanced image on ``warm.fine``, relative to the scan's white matter.
    probs : numpy.ndarray, shape (3, x, y, z)
        Its tissue probabilities.
    warm : WarmStart
    plan : ContrastPlan
        Of :func:`ulfprep.physics.plan.plan_contrast`.

    Returns
    -------
    sd, claim : numpy.ndarray, shape (x, y, z), float32
        Zero outside the brain; see :func:`ulfprep.inr.uncertainty.standard_deviation` and
        :func:`ulfprep.inr.claim.claim`.
    """
    contrast = np.array(plan.contrast_vector, np.float32)
    targets = target_means(plan)
    inside, spacing = warm.inside, warm.fine.zooms
    seen = intensity * np.tensordot(contrast, probs, 1)
    sent, back = surviving(warm.model, seen, inside, warm.smoothness, spacing)
    spread = standard_deviation(probs, inside, warm.noise, contrast, targets)
    return spread, claim(sent, back, inside, warm.noise, spacing)
