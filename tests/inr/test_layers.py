"""Layers of the networks: their gradients, and bits that do not follow the number of threads."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from ulfprep.inr.layers import ROWS, GaborLayer, Linear, _Gabor
from ulfprep.inr.losses import ROW, average, total


@pytest.mark.parametrize('n', [1, 3, ROWS - 1, ROWS, 2 * ROWS, 2 * ROWS + 5, 20 * ROWS])
def test_gradients_are_those_of_a_linear_layer(n):
    torch.manual_seed(0)
    own, plain = Linear(5, 3).double(), nn.Linear(5, 3).double()
    plain.load_state_dict(own.state_dict())
    points = torch.randn(5, n, dtype=torch.float64).T
    weights = torch.randn(n, 3, dtype=torch.float64)
    found = []
    for layer in (own, plain):
        x = points.clone().requires_grad_()
        (layer(x).square() * weights).sum().backward()
        found.append((layer(x), x.grad, layer.weight.grad, layer.bias.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize('shape', [(1,), (ROW,), (ROW + 1,), (3, 5 * ROW + 7), (ROW * ROW + 3,)])
def test_totals_are_sums(shape):
    values = torch.randn(shape, dtype=torch.float64).requires_grad_()
    torch.testing.assert_close(total(values), values.sum())
    average(values).backward()
    torch.testing.assert_close(values.grad, torch.full(shape, 1 / values.numel()).double())


@pytest.mark.parametrize(('frequency', 'scale'), [(4.0, 1.0), (1.5, 2.5)])
def test_gabor_gradient_is_exact(frequency, scale):
    generator = torch.Generator().manual_seed(0)
    pair = torch.randn(5, 8, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: _Gabor.apply(p, frequency, scale), (pair,))


def test_gabor_layer_is_a_windowed_cosine_of_two_linear_maps():
    torch.manual_seed(0)
    layer = GaborLayer(3, 5, frequency=4.0, scale=1.5)
    x = torch.randn(7, 3)
    wave, envelope = layer.linear(x).chunk(2, dim=-1)
    expected = torch.cos(4.0 * wave) * torch.exp(-((1.5 * envelope) ** 2))
    torch.testing.assert_close(layer(x), expected)


SCRIPT = """
import sys, torch
from ulfprep.inr.layers import Linear
from ulfprep.inr.losses import total
from ulfprep.inr.problem import _softmax
torch.set_num_threads(int(sys.argv[1]))
for n in (100, 300, 7687, 60001):
    torch.manual_seed(n)
    layer, points = Linear(15, 4), torch.randn(15, n, requires_grad=True)
    shares = _softmax(layer(points.T).T)
    loss = total(shares[0] * shares[1])
    loss.backward()
    for value in (loss, shares, points.grad, layer.weight.grad, layer.bias.grad):
        print(value.detach().numpy().tobytes().hex())
"""


def test_bits_do_not_follow_the_number_of_threads(tmp_path):
    from ulfprep.cli.environment import run_environment
    from ulfprep.settings import Settings

    said = []
    for threads in (1, 2, 3):
        chosen = Settings(tmp_path, tmp_path, work_dir=tmp_path, omp_nthreads=threads)
        done = subprocess.run(
            [sys.executable, '-c', SCRIPT, str(threads)],
            env=os.environ | run_environment(chosen),
            capture_output=True,
            check=True,
        )
        said.append(done.stdout)
    assert said[0]
    assert said[0] == said[1] == said[2]
