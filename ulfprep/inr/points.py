"""Where a field is asked for its values."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, eq=False)
class Points:
    """The wanted points of a regular box.

    Attributes
    ----------
    axes : tuple of 3 tensors
        Positions along each axis of the box. Without ``pose`` they are the field's own
        normalised coordinates, 0 to 1 across its field of view.
    inside : tensor of bool, shape (x, y, z)
        Points that are wanted.
    pose : tuple of (tensor, shape (3, 3); tensor, shape (3,)), optional
        Matrix and offset that take positions along the axes of the box to normalised
        coordinates, where the box is turned against the field.
    """

    axes: tuple
    inside: torch.Tensor
    pose: tuple | None = None

    def coordinates(self) -> torch.Tensor:
        """Normalised coordinates of the wanted points, shape (n, 3)."""
        index = self.inside.nonzero()
        along = torch.stack([axis[index[:, k]] for k, axis in enumerate(self.axes)], dim=1)
        if self.pose is None:
            return along
        matrix, offset = self.pose
        return along @ matrix.T + offset
