"""Fitted fields, as tests compare them."""

import numpy as np

#: Signals of CSF, GM, WM at the low field and at the high one; in T2w fluid is bright.
SIGNALS = {
    'T1w': ((45.0, 80.0, 100.0), (25.0, 65.0, 100.0)),
    'T2w': ((220.0, 150.0, 100.0), (300.0, 140.0, 100.0)),
}
IMAGES = ('intensity', 'probs', 'dseg', 'uncertainty', 'entropy', 'claim')


def weights(fit) -> bytes:
    """Return the bytes of all weights of a fit's network."""
    return b''.join(v.numpy().tobytes() for v in fit.network.state_dict().values())


def same_images(one, other) -> bool:
    """Say whether two renderings are the same, byte for byte."""
    return all(getattr(one, n).tobytes() == getattr(other, n).tobytes() for n in IMAGES)


def motion_about(grid, degrees, shift=(0.0, 0.0, 0.0)) -> np.ndarray:
    """Return a turn about the vertical through the middle of a grid, then a shift (mm), 4x4."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    middle = grid.affine @ np.append((np.array(grid.shape) - 1) / 2, 1)
    motion = np.eye(4)
    motion[:2, :2] = [[c, -s], [s, c]]
    motion[:3, 3] = middle[:3] - motion[:3, :3] @ middle[:3] + shift
    return motion
