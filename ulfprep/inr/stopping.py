"""When a fit has nothing left to learn."""

#: Least relative fall of the objective that counts as progress.
TOLERANCE = 1e-3


def at_noise_floor(history: dict, patience: int, tolerance: float = TOLERANCE) -> bool:
    """Say whether the residual is the noise and the objective no longer falls.

    The residual alone is no reason to stop: the first estimate leaves the noise already, by the
    discrepancy principle, and the terms beside the data are still to be met. From there on a fit
    ends once the best of its last epochs is hardly better than the best before them. Few epochs
    cannot tell: the step size is still large then, and what borders gain comes with the small
    steps at the end.

    Parameters
    ----------
    history : dict of list
        ``total`` and ``residual_rms`` of every epoch so far.
    patience : int
        Epochs that may pass without progress; 0 never stops.
    tolerance : float
        Relative fall of ``total`` that counts as progress.

    Returns
    -------
    bool
    """
    total = history['total']
    if patience < 1 or len(total) <= patience or history['residual_rms'][-1] > 1:
        return False
    before, since = min(total[:-patience]), min(total[-patience:])
    return before - since < tolerance * abs(before)
