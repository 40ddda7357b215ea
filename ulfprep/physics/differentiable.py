"""Linear operators written in NumPy as differentiable functions of torch tensors."""

from typing import Any

import torch


class Linear(torch.autograd.Function):
    """A linear map and its transpose; each is the other's gradient.

    ``Linear.apply(tensor, forward, transpose)`` with functions of NumPy arrays. The work
    is done on the CPU; the result is on the tensor's own device.
    """

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor, forward: Any, transpose: Any) -> torch.Tensor:
        """Apply the map."""
        ctx.forward_map, ctx.transpose_map = forward, transpose
        result = forward(tensor.detach().cpu().numpy())
        return torch.from_numpy(result).to(tensor.device)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple:
        """Apply the transpose, itself differentiable."""
        return Linear.apply(gradient, ctx.transpose_map, ctx.forward_map), None, None
