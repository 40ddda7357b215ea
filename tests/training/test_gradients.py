"""Steps of learning are the same each time, down to the deepest features of a small patch."""

import pytest
import torch

from ulfprep.segmentation.network import STRIDE, Conv, TissueNet


def _gradients(size: int):
    torch.manual_seed(0)
    net = TissueNet().to(memory_format=torch.channels_last_3d)
    x = torch.rand(1, 7, *(size,) * 3).to(torch.bfloat16, memory_format=torch.channels_last_3d)
    # Memory that is used again without being written shows what was left in it.
    for length in (10**4, 10**5, 10**6):
        torch.full((length,), 3e4)
    net(x, torch.zeros(1, 12), torch.full((1, 3), size / 2)).float().square().mean().backward()
    return {name: p.grad for name, p in net.named_parameters()}


@pytest.mark.parametrize('size', [STRIDE, 2 * STRIDE, 3 * STRIDE])
def test_gradients_are_the_same_each_time(size):
    first, second = _gradients(size), _gradients(size)
    assert all(torch.isfinite(g).all() for g in first.values())
    assert [n for n in first if not torch.equal(first[n], second[n])] == []


@pytest.mark.parametrize('side', [1, 2, 3, 4])
def test_half_precision_gradients_are_those_of_single_precision(side):
    torch.manual_seed(0)
    conv = Conv(32, 32, 3, padding=1)
    x = torch.randn(1, 32, side, side, side)
    found = []
    for precision in (torch.bfloat16, torch.float32):
        conv.zero_grad()
        torch.full((10**5,), 3e4)
        conv(x.to(precision)).float().square().mean().backward()
        found.append(conv.weight.grad.clone())
    assert (found[0] - found[1]).abs().max() < 0.05 * found[1].abs().max()
