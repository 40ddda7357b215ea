"""The files of a pair, and which of a person's scans it is made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ulfprep.bids.names import sidecar_of
from ulfprep.bids.read.checks import read_grid
from ulfprep.bids.read.sidecars import read_sidecar
from ulfprep.evaluation.sources.item import Item


@dataclass(frozen=True)
class Pair:
    """A low-field scan and a high-field image of one person.

    Attributes
    ----------
    name : str
        Of the person, letters and digits.
    low : Path
    metadata : dict
        Sidecar of the low-field scan.
    high : Item
    """

    name: str
    low: Path
    metadata: dict
    high: Item


def own_metadata(image: Path) -> dict:
    """Return what the sidecar beside an image says; nothing where there is none.

    Raises
    ------
    ValueError
        If it cannot be read; the message names it.
    """
    path = sidecar_of(image)
    return read_sidecar(path) if path.is_file() else {}


def only_first(name: str, scans: list[Path], say) -> Path:
    """Return the first of a person's low-field scans; ``say`` is told of the others."""
    first, *others = scans
    if others:
        told = ', '.join(path.name for path in others)
        say(f'{name}: {first.name} is taken; one scan a person, so these are left out: {told}')
    return first


def finest(images: Iterable[Path]) -> Path:
    """Return the image with the smallest voxels by its header, the first of equals."""

    def volume(path):
        try:
            return round(abs(float(np.linalg.det(read_grid(path)[1][:3, :3]))), 3)
        except ValueError:
            return np.inf

    return min(images, key=volume)
