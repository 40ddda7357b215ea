"""Focal signals that are no error of the tissues: lesions, vessels, bleeds."""

import numpy as np

from ulfprep.training.maps import INSIDE


def add_spots(
    images: list[np.ndarray], labels: np.ndarray, lesion, rng: np.random.Generator
) -> None:
    """Paint spots of 1 to 10 mm radius into the images of one head, in place.

    The tissue behind a spot stays what it is: the network is to look through it. Half of the
    heads have none. Most spots are lesions, white matter that turned to fluid by a share;
    some are as bright or as dark as vessels and bleeds can be.

    Parameters
    ----------
    images : list of numpy.ndarray, shape (X, Y, Z)
        Noise-free images on the lattice, white matter about one.
    labels : numpy.ndarray of uint8, shape (X, Y, Z)
    lesion : callable
        Signals of a lesion in all images, from the share of fluid in it (0 to 1).
    rng : numpy.random.Generator
    """
    if rng.random() < 0.5:
        return
    places = np.flatnonzero(INSIDE[labels].ravel())
    if not len(places):
        return
    for _ in range(1 + rng.poisson(4)):
        middle = np.unravel_index(places[rng.integers(len(places))], labels.shape)
        radii = np.exp(rng.uniform(0, np.log(10))) * np.exp(rng.normal(0, 0.3, 3))
        cube = tuple(
            slice(max(int(m - r - 2), 0), int(m + r + 3))
            for m, r in zip(middle, radii, strict=True)
        )
        axes = (
            (np.arange(s.start, min(s.stop, n)) - m) / r
            for s, n, m, r in zip(cube, labels.shape, middle, radii, strict=True)
        )
        x, y, z = axes
        distance = np.sqrt((x**2)[:, None, None] + (y**2)[:, None] + z**2)
        weight = np.clip((1 - distance) * radii.min() + 0.5, 0, 1).astype(np.float32)
        weight *= INSIDE[labels[cube]]
        odd = rng.random() < 0.2
        aims = rng.uniform(0, 2.5, len(images)) if odd else lesion(rng.uniform(0.1, 0.6))
        for image, aim in zip(images, aims, strict=True):
            image[cube] += weight * (np.float32(aim) - image[cube])
