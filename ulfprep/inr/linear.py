"""Linear layers whose gradients are the same bits whatever the number of threads."""

import torch
from torch import nn

#: Points whose contributions to a weight are added up by one thread.
ROWS = 128


class _Linear(torch.autograd.Function):
    """``x W^T + b``, with the gradient of ``W`` summed in an order of our own.

    It is a product over all points. Where the library that multiplies matrices shares these out
    among threads, its result follows their number.
    """

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return torch.addmm(bias, x, weight.t())

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        back = gradient @ weight if ctx.needs_input_grad[0] else None
        # A batch of one would be a single product again.
        whole = len(x) // ROWS * ROWS if len(x) >= 2 * ROWS else 0
        of_weight = torch.zeros_like(weight)
        if whole:
            rows = gradient[:whole].view(-1, ROWS, gradient.shape[1])
            points = x[:whole].reshape(-1, ROWS, x.shape[1])
            of_weight += torch.bmm(rows.transpose(1, 2), points).sum(0)
        if whole < len(x):
            of_weight += (gradient[whole:, :, None] * x[whole:, None]).sum(0)
        return back, of_weight, gradient.sum(0)


class Linear(nn.Linear):
    """:class:`torch.nn.Linear` of points, shape (n, n_in)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, n_in) to (n, n_out)."""
        return _Linear.apply(x, self.weight, self.bias)
