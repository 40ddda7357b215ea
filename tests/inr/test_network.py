"""The field's network: activation, interpolation and its start at zero."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ulfprep.inr import network as room
from ulfprep.inr.layers import Gabor, GaborLayer
from ulfprep.inr.network import LatticeField, Points, interpolation_matrix

QUICK = settings(deadline=None, max_examples=25, derandomize=True)


def lines(*counts):
    return [torch.linspace(0, 1, n) for n in counts]


@pytest.mark.parametrize(('frequency', 'scale'), [(4.0, 1.0), (1.5, 2.5)])
def test_gabor_gradient_is_exact(frequency, scale):
    generator = torch.Generator().manual_seed(0)
    pair = torch.randn(5, 8, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: Gabor.apply(p, frequency, scale), (pair,))


def test_gabor_layer_is_a_windowed_cosine_of_two_linear_maps():
    torch.manual_seed(0)
    layer = GaborLayer(3, 5, frequency=4.0, scale=1.5)
    x = torch.randn(7, 3)
    wave, envelope = layer.linear(x).chunk(2, dim=-1)
    expected = torch.cos(4.0 * wave) * torch.exp(-((1.5 * envelope) ** 2))
    torch.testing.assert_close(layer(x), expected)


def test_an_untrained_network_corrects_nothing():
    network = LatticeField((30.0, 40.0, 50.0), (10.0, 5.0), features=2, hidden=8)
    inside = torch.rand(4, 5, 6, generator=torch.Generator().manual_seed(0)) > 0.4
    out = network(Points(lines(4, 5, 6), inside))
    assert out.shape == (4, int(inside.sum()))
    assert not out.any()


def test_lattices_cover_the_field_of_view_at_their_spacing():
    network = LatticeField((30.0, 44.0, 0.0), (10.0, 5.0), features=3)
    assert [tuple(p.shape) for p in network.lattices] == [(3, 4, 6, 2), (3, 7, 10, 2)]


@QUICK
@given(st.integers(2, 9), st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_interpolation_reproduces_linear_functions(n, points):
    position = torch.tensor(points)
    matrix, start, stop = interpolation_matrix(position, n)
    assert 0 <= start < stop <= n
    lattice = torch.linspace(-3, 5, n)[start:stop]
    torch.testing.assert_close(matrix @ lattice, 8 * position - 3, atol=1e-4, rtol=0)
    torch.testing.assert_close(matrix.sum(1), torch.ones(len(points)))


def test_positions_outside_take_the_border():
    matrix, start, stop = interpolation_matrix(torch.tensor([-0.5, 1.5]), 4)
    lattice = torch.tensor([10.0, 20.0, 30.0, 40.0])[start:stop]
    torch.testing.assert_close(matrix @ lattice, torch.tensor([10.0, 40.0]))


def test_features_are_the_lattices_interpolated_in_three_dimensions():
    from scipy import ndimage

    torch.manual_seed(0)
    network = LatticeField((30.0, 40.0, 20.0), (10.0, 5.0), features=2)
    positions = lines(4, 3, 5)
    inside = torch.ones(4, 3, 5, dtype=torch.bool)
    inside[1, 2, 3] = False
    features = network.features_on(Points(positions, inside))
    assert features.shape == (2 * 2 + 3, 59)
    lattice = network.lattices[1].detach().numpy()
    index = np.meshgrid(
        *[p.numpy() * (n - 1) for p, n in zip(positions, lattice.shape[1:], strict=True)],
        indexing='ij',
    )
    expected = ndimage.map_coordinates(lattice[0], index, order=1)[inside.numpy()]
    np.testing.assert_allclose(features[2].detach().numpy(), expected, atol=1e-5)
    # The last three rows are the coordinates themselves, -1 to 1.
    x = np.meshgrid(*[p.numpy() for p in positions], indexing='ij')[0][inside.numpy()]
    np.testing.assert_allclose(features[-3].detach().numpy(), 2 * x - 1, atol=1e-6)


def trained_like():
    torch.manual_seed(0)
    network = LatticeField((30.0, 40.0, 20.0), (10.0, 5.0), features=2, hidden=8)
    torch.nn.init.normal_(network.head.weight)
    return network


def test_a_point_gets_the_same_value_from_any_block_that_holds_it():
    network = trained_like()
    positions = lines(8, 9, 7)
    whole = network(Points(positions, torch.ones(8, 9, 7, dtype=torch.bool))).reshape(4, 8, 9, 7)
    cut = (slice(2, 5), slice(4, 9), slice(1, 6))
    inside = torch.ones(3, 5, 5, dtype=torch.bool)
    part = network(Points([p[s] for p, s in zip(positions, cut, strict=True)], inside))
    torch.testing.assert_close(
        part.reshape(4, 3, 5, 5), whole[(slice(None), *cut)], atol=1e-5, rtol=1e-5
    )


def test_chunks_do_not_change_the_result(monkeypatch):
    network = trained_like()
    inside = torch.ones(5, 5, 5, dtype=torch.bool)
    whole = network(Points(lines(5, 5, 5), inside))
    monkeypatch.setattr(room, 'CHUNK', 7)
    torch.testing.assert_close(network(Points(lines(5, 5, 5), inside)), whole)


def test_points_of_a_turned_box_get_what_their_coordinates_have():
    network = trained_like()
    axes, inside = lines(4, 5, 6), torch.ones(4, 5, 6, dtype=torch.bool)
    # Axes exchanged and one of them turned round: the same points in another order.
    matrix = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    turned = Points(axes, inside, (matrix, torch.tensor([0.0, 1.0, 0.0])))
    values = network(turned).reshape(4, 4, 5, 6)
    own = network(Points(lines(5, 4, 6), torch.ones(5, 4, 6, dtype=torch.bool)))
    expected = own.reshape(4, 5, 4, 6).flip(2).transpose(1, 2)
    torch.testing.assert_close(values, expected, atol=1e-5, rtol=1e-5)
