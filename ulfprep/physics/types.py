"""Types that functions on arrays have in common."""

from collections.abc import Sequence

import numpy as np

#: A few numbers, along the axes of an image or of the tissues: a tuple, a list or an array.
Numbers = Sequence[float] | np.ndarray
