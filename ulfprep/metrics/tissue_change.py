"""Where the tissues after the fit differ from those that it started from, and which way.

Both are compared on the scan's grid, as shares of what a voxel gathers through its
point-spread function: a sharper segmentation that a scanner would see as the same voxels
has not changed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ulfprep.metrics.registry import Metric, Rule, measures
from ulfprep.physics import TISSUES
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid
from ulfprep.physics.types import Numbers

#: Ways a share can go, from one tissue to another.
MOVES = tuple((a, b) for a in TISSUES for b in TISSUES if a != b)
#: A voxel that gathers less than this of the fine brain has no tissues to compare.
LEAST_SEEN = 0.5


@dataclass(frozen=True)
class TissueChange:
    """Change of the tissues of a scan: volumes (X, Y, Z).

    The distance is that of total variation, half the sum of the absolute differences: the share of
    the voxel that became another tissue, 0 to 1, and zero where nothing was compared.
    """

    distance: np.ndarray  # float32
    moves: np.ndarray  # shape (6, X, Y, Z): the same divided among MOVES
    compared: np.ndarray  # bool
    voxel_ml: float

    @property
    def mean(self) -> float:
        """Mean of the distance where tissues were compared; NaN where nowhere."""
        return float(self.distance[self.compared].mean()) if self.compared.any() else np.nan

    @property
    def volumes(self) -> dict[tuple[str, str], float]:
        """Volume of every move, ml."""
        total = self.moves.sum(axis=(1, 2, 3), dtype=np.float64) * self.voxel_ml
        return {move: float(volume) for move, volume in zip(MOVES, total, strict=True)}

    @property
    def main_move(self) -> np.ndarray:
        """Largest move of each voxel, shape (X, Y, Z), uint8: its place in MOVES plus one."""
        return np.where(self.distance > 0, self.moves.argmax(axis=0) + 1, 0).astype(np.uint8)


def tissue_change(
    initial: np.ndarray,
    final: np.ndarray,
    mask: np.ndarray,
    scan: Grid,
    fine: Grid,
    psf_fwhm: Numbers,
    psf: str = 'gaussian',
) -> TissueChange:
    """Compare tissues on the scan's grid with tissues on a fine grid.

    Parameters
    ----------
    initial, final : numpy.ndarray, shape (3, X, Y, Z) and (3, x, y, z)
        Tissue shares on ``scan`` and on ``fine``, in the order of
        :data:`ulfprep.physics.TISSUES`.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain.
    scan, fine : Grid
    psf_fwhm : sequence of 3 floats
        FWHM of the PSF along the axes of ``scan``, mm.
    psf : str
        One of :data:`ulfprep.physics.psf.KINDS`.
    """
    seen, gathered = seen_shares(final, scan, fine, psf_fwhm, psf)
    start: np.ndarray = np.clip(np.asarray(initial, np.float32), 0, None)
    total = start.sum(axis=0)
    compared = np.asarray(mask, bool) & (total > 0) & (gathered > LEAST_SEEN)
    start = start / np.where(total > 0, total, 1)
    moves = moves_between(start, seen) * compared
    distance = np.clip(moves.sum(axis=0), 0, 1)
    return TissueChange(distance, moves, compared, float(np.prod(scan.zooms)) / 1000)


def seen_shares(
    probs: np.ndarray, scan: Grid, fine: Grid, psf_fwhm: Numbers, psf: str = 'gaussian'
) -> tuple[np.ndarray, np.ndarray]:
    """Bring tissues to the voxels of a scan through its PSF.

    Returns shares, shape (3, X, Y, Z), one in sum or zero where a voxel gathers no tissue, and
    how much tissue of any kind it gathers, 1 deep in the brain.
    """
    model = ForwardModel.between(scan, fine, psf_fwhm, np.ones(3), psf)
    # A truncated k-space rings below zero beside an edge; there is no negative share.
    seen = np.clip(model.acquire(np.asarray(probs, np.float32)), 0, None)
    gathered = seen.sum(axis=0)
    return seen / np.where(gathered > 0, gathered, 1), gathered


def moves_between(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Divide the change of three shares among the ways that they can go.

    No share goes further than it must. Of three tissues one alone gains or one alone loses, so
    there is only one such division. It is in the order of :data:`MOVES`, shape (6, ...), none
    negative; the sum is half the sum of the absolute differences.
    """
    difference = np.asarray(after, np.float32) - np.asarray(before, np.float32)
    gain, loss = np.clip(difference, 0, None), np.clip(-difference, 0, None)
    total = gain.sum(axis=0)
    share = gain / np.where(total > 0, total, 1)
    return np.stack([loss[TISSUES.index(a)] * share[TISSUES.index(b)] for a, b in MOVES])


def move_metric(before: str, after: str) -> str:
    """Return the name of the metric that tells how much of one tissue became another."""
    return f'moved_{before.lower()}_to_{after.lower()}'


@measures(
    Metric(
        'tissue_change_mean',
        'Tissue change in the fit',
        'How much the fit disagrees with the segmentation of the scan.',
        'Mean over the brain of the share of a voxel that is another tissue after the fit than in '
        "the segmentation of the scan, both seen through the scan's point-spread function.",
        'Tissues',
        better='lower',
        rule=Rule('the fit and the segmentation of the scan disagree on the tissues', high=0.1),
    ),
    *(
        Metric(
            move_metric(before, after),
            f'From {before} to {after} in the fit',
            'Should be about as large as the change in the opposite direction.',
            f'Volume that was {before} in the segmentation of the scan and is {after} after the '
            'fit.',
            'Tissues',
            unit='ml',
        )
        for before, after in MOVES
    ),
    of='enhance',
    otherwise='no voxel has tissues both before and after the fit',
)
def tissue_changes(one: Any) -> tuple[float, ...]:
    """Mean and volumes of an :class:`~ulfprep.metrics.enhanced.EnhancedScan`'s ``change``."""
    return one.change.mean, *one.change.volumes.values()
