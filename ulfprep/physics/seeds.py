"""Isolated streams of random numbers: one for each purpose, none of which moves another."""

import zlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the random stream of a seed and the names of what it is drawn for.

    The same seed and names always give the same numbers; another seed, another name or
    another order of names gives an independent stream. What is drawn from one stream,
    and how much, leaves all others as they are.

    Parameters
    ----------
    seed : int
        Of the whole run, not negative.
    *names
        Say, a scan's name, ``'noise'`` and the number of a realisation; their text counts.

    Returns
    -------
    numpy.random.Generator

    Raises
    ------
    ValueError
        If ``seed`` is negative.
    """
    if seed < 0:
        raise ValueError(f'a seed must not be negative: {seed}')
    words = [zlib.crc32(str(name).encode()) for name in names]
    # The number of names keeps ('a',) apart from ('a', ''): zero words at the end are ignored.
    return np.random.default_rng(np.random.SeedSequence([int(seed), len(words), *words]))
