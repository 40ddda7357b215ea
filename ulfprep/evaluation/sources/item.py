"""The files of one brain, and how they become one."""

from dataclasses import dataclass
from pathlib import Path

from ulfprep.evaluation.sources.brain import Brain, make_brain
from ulfprep.evaluation.sources.labels import IN_ORDER, Labels
from ulfprep.evaluation.sources.volume import load_canonical, load_mask, load_shares


@dataclass(frozen=True)
class Item:
    """The files of one brain.

    Attributes
    ----------
    name, subject : str
        See :class:`ulfprep.evaluation.sources.brain.Brain`.
    image : Path
        T1w.
    labels : tuple of Path
        One file of labels, or the shares of CSF, GM, WM; empty where there are none.
    numbers : tuple of int, optional
        Of one file: see :class:`ulfprep.evaluation.sources.labels.Labels`.
    mask : Path, optional
    stripped : bool, optional
        Whether what is not brain is zero, where that is known.
    even : bool
        Whether it is known to be free of a bias field.
    """

    name: str
    subject: str
    image: Path
    labels: tuple[Path, ...] = ()
    numbers: tuple[int, ...] | None = None
    mask: Path | None = None
    stripped: bool | None = None
    even: bool = False


def read_item(item: Item, layout: str, say=print) -> Brain:
    """Read the files of a brain.

    Parameters
    ----------
    item : Item
    layout : str
    say : callable
        Told what had to be assumed, a line each.

    Returns
    -------
    Brain

    Raises
    ------
    ValueError
        If they cannot be used; the message names the file.
    """
    image, grid = load_canonical(item.image)
    labels = None
    if len(item.labels) == 1:
        labels = Labels(*load_canonical(item.labels[0]), item.numbers)
    elif item.labels:
        labels = Labels(*load_shares(item.labels), IN_ORDER)
    mask = None if item.mask is None else load_mask(item.mask)
    try:
        return make_brain(
            item.name, image, grid, labels=labels, mask=mask, stripped=item.stripped,
            even=item.even, subject=item.subject, layout=layout,
            say=lambda line: say(f'{item.image}: {line}'),
        )  # fmt: skip
    except ValueError as error:
        raise ValueError(f'{item.image}: {error}') from error
