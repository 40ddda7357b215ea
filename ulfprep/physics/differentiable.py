"""Linear operators written in NumPy as differentiable functions of torch tensors."""

import torch


class Linear(torch.autograd.Function):
    """A linear map and its transpose; each is the other's gradient.

    ``Linear.apply(tensor, forward, transpose)`` with functions of NumPy arrays. The work
    is done on the CPU; the result is on the tensor's own device.
    """

    @staticmethod
    def forward(ctx, tensor, forward, transpose):
        """Apply the map."""
        ctx.forward_map, ctx.transpose_map = forward, transpose
        result = forward(tensor.detach().cpu().numpy())
        return torch.from_numpy(result).to(tensor.device)

    @staticmethod
    def backward(ctx, gradient):
        """Apply the transpose, itself differentiable."""
        return Linear.apply(gradient, ctx.transpose_map, ctx.forward_map), None, None
