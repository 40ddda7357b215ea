"""Types that functions on arrays have in common, and what may count as a number."""

import math
from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np

#: A few numbers, along the axes of an image or of the tissues: a tuple, a list or an array.
Numbers = Sequence[float] | np.ndarray


def is_number(value: Any) -> TypeGuard[float]:
    """Tell whether a value is a number that is neither infinite nor NaN, nor true or false."""
    try:
        return not isinstance(value, bool) and math.isfinite(value)
    except (TypeError, OverflowError):  # no number, or an integer that no float can hold
        return False


def is_length(value: Any) -> TypeGuard[float]:
    """Tell whether this is a positive length."""
    return is_number(value) and value > 0


def are_lengths(values: Any) -> TypeGuard[list[float]]:
    """Tell whether these are three positive lengths."""
    return isinstance(values, list | tuple) and len(values) == 3 and all(map(is_length, values))
