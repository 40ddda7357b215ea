"""Slices through the middle of a brain, kept for the figures."""

from pathlib import Path

import numpy as np


def middle_slices(image: np.ndarray, mask: np.ndarray) -> list[np.ndarray]:
    """Return axial and coronal slice through the middle of a brain.

    Parameters
    ----------
    image : numpy.ndarray, shape (x, y, z)
    mask : numpy.ndarray of bool, shape (x, y, z)
        Brain; zero outside.
    """
    middle = [int(np.median(where)) for where in np.nonzero(mask)]
    inside = np.where(mask, image, 0).astype(np.float32)
    return [np.take(inside, middle[axis], axis=axis) for axis in (2, 1)]


def keep_slices(path: Path, slices: dict[str, list[np.ndarray]]) -> None:
    """Write name -> slices into a compressed file, for :func:`read_slices`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = {f'{name}|{k}': part for name, parts in slices.items() for k, part in enumerate(parts)}
    np.savez_compressed(path, **flat)


def read_slices(path: Path) -> dict[str, list[np.ndarray]]:
    """Read name -> axial and coronal slice."""
    out: dict[str, list] = {}
    with np.load(path) as stored:
        for name in stored.files:
            out.setdefault(name.rpartition('|')[0], []).append(stored[name])
    return out
