"""High-field brains in a folder of any of the known layouts."""

from collections.abc import Iterator
from pathlib import Path

from ulfprep.evaluation.sources import bids, flat, ixi, known, template
from ulfprep.evaluation.sources.brain import Brain
from ulfprep.evaluation.sources.item import read_item
from ulfprep.evaluation.sources.layouts import recognise

#: In the order in which they are looked for. Each has ``find(folder, say)``, which returns the
#: files of its brains, and ``SHAPE``, its files in words.
LAYOUTS = {'known': known, 'ixi': ixi, 'bids': bids, 'folder': flat}


def find_brains(folder, layout: str | None = None, say=print, names=None) -> Iterator[Brain]:
    """Yield the high-field brains of a folder, each read when it is asked for.

    What cannot be used is said and left out.

    Parameters
    ----------
    folder : Path or str
        Or the word ``template``.
    layout : str, optional
        Of :data:`LAYOUTS`, or ``template``; the first that fits without.
    say : callable
        Told what is left out and what was assumed, a line each.
    names : sequence of str, optional
        Of the brains that are wanted; all without.

    Yields
    ------
    Brain

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or nothing in it; the message says what was looked for.
    ValueError
        If there is no such layout.
    """
    if template.WORD in (str(folder), layout):
        if names is None or template.WORD in names:
            yield template.load_template()
        return
    folder = Path(folder)
    chosen, items = recognise(folder, LAYOUTS, layout, 'a high-field image', say)
    seen: set[str] = set()
    for item in items:
        if names is not None and item.name not in names:
            continue
        if item.name in seen:
            say(f'{item.image} is left out: there is another {item.name}')
            continue
        seen.add(item.name)
        try:
            brain = read_item(item, chosen, say)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one costs no other
            say(f'{item.name} is left out: {" ".join(str(error).split())}')
        else:
            yield brain
    if not seen:
        some = ', '.join(item.name for item in items[:8])
        say(f'{folder}: no brain of these names; it holds {some}{"..." if items[8:] else ""}')


def count_brains(folder, layout: str | None = None, names=None) -> int:
    """Return how many brains :func:`find_brains` will try to read, without reading any.

    Parameters
    ----------
    folder, layout, names
        See :func:`find_brains`.

    Raises
    ------
    FileNotFoundError, ValueError
        As there.
    """
    if template.WORD in (str(folder), layout):
        return int(names is None or template.WORD in names)
    _, items = recognise(Path(folder), LAYOUTS, layout, 'a high-field image', lambda line: None)
    return len({item.name for item in items if names is None or item.name in names})
