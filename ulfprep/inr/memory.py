"""Work that runs out of memory is done once more in smaller parts."""

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

LOGGER = logging.getLogger('ulfprep')
Result = TypeVar('Result')


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory ran out: torch's, a GPU's or NumPy's."""
    if isinstance(error, MemoryError):
        return True
    # torch.OutOfMemoryError is a RuntimeError, and so is what its CPU allocator raises.
    text = str(error)
    return isinstance(error, RuntimeError) and (
        'out of memory' in text or 'you tried to allocate' in text
    )


def halved_until_it_fits(
    work: Callable[[float], Result], size: float, floor: float, what: str
) -> tuple[Result, tuple[str, ...]]:
    """Call ``work(size)``, with half the size, ``floor`` at least, each time memory runs out.

    Every attempt starts afresh: the result is that of the size which fitted, as if it had been
    asked for. ``what`` names the parts and their unit, for messages: ``blocks of {:g} mm``.

    Returns
    -------
    result
    notes : tuple of str
        What was tried in vain, a sentence each.

    Raises
    ------
    MemoryError
        If memory runs out at the smallest size too.
    """
    notes: list[str] = []
    while True:
        try:
            return work(size), tuple(notes)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler: as long as an error is handled, it holds on to what was allocated.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        notes.append(f'Memory ran out with {what.format(size)}.')
        if size / 2 < floor:
            raise MemoryError(
                f'memory ran out even with {what.format(size)}; use fewer processes at a time '
                '(--nprocs), another --device, or a machine with more memory'
            )
        size /= 2
        LOGGER.warning('%s Trying %s', notes[-1], what.format(size))
