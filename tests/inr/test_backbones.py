"""Every backbone keeps the promises that the fit relies on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fields import same_images
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy import ndimage

from ulfprep import settings
from ulfprep.inr import FitOptions, fit_scan, load_fit, network, render, save_fit
from ulfprep.inr.network import LatticeField, Points, build_network, interpolation_matrix
from ulfprep.inr.options import BACKBONES
from ulfprep.physics.grid import isotropic_grid

EXTENT = (30.0, 40.0, 20.0)
every = pytest.mark.parametrize('backbone', [b for b in BACKBONES if b != 'direct'])


def build(backbone, seed=0, trained=False):
    """Return a network that is quick to try."""
    torch.manual_seed(seed)
    net = build_network(EXTENT, replace(FitOptions.default(backbone), hidden=16, layers=3))
    if trained:
        torch.nn.init.normal_(net.head.weight)
    return net


def box(*counts):
    lines = [torch.linspace(0, 1, n) for n in counts]
    return Points(tuple(lines), torch.ones(counts, dtype=torch.bool))


def close(one, other, backbone):
    # Sines of sines enlarge what the order of a sum leaves in the last digits.
    size = float(other.detach().abs().max())
    atol, rtol = (1e-6 * size + 1e-6, 1e-5) if backbone == 'lattice' else (5e-3 * size, 1e-3)
    torch.testing.assert_close(one, other, atol=atol, rtol=rtol)


def test_every_backbone_that_can_be_asked_for_is_there():
    assert tuple(BACKBONES) == settings.BACKBONES


def test_an_unknown_backbone_is_named_with_those_there_are():
    with pytest.raises(ValueError, match='no such backbone: mlp; there are direct, lattice, wire'):
        build_network(EXTENT, replace(FitOptions(), backbone='mlp'))


@every
def test_nothing_is_corrected_before_training(backbone):
    inside = torch.rand(4, 5, 6, generator=torch.Generator().manual_seed(0)) > 0.4
    out = build(backbone)(Points(box(4, 5, 6).axes, inside))
    assert out.shape == (4, int(inside.sum()))
    assert not out.any()


@every
def test_weights_are_those_of_the_seed(backbone):
    one, same, other = (build(backbone, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[k], same[k]) for k in one)
    assert any(not torch.equal(one[k], other[k]) for k in one)


@every
def test_chunks_change_neither_values_nor_gradients(backbone, monkeypatch):
    net = build(backbone, trained=True)

    def outcome():
        net.zero_grad()
        out = net(box(5, 6, 7))
        (out**2).sum().backward()
        return [out.detach(), *(p.grad.clone() for p in net.parameters())]

    whole = outcome()
    monkeypatch.setattr(network, 'CHUNK', 11)
    monkeypatch.setattr(network, 'WIDE_CHUNK', 11)
    for part, one in zip(outcome(), whole, strict=True):
        close(part, one, backbone)


@every
def test_points_of_a_turned_box_get_what_their_coordinates_have(backbone):
    net = build(backbone, trained=True)
    # Axes exchanged and one of them turned round: the same points in another order.
    matrix = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    straight, turned = box(5, 4, 6), box(4, 5, 6)
    turned = Points(turned.axes, turned.inside, (matrix, torch.tensor([0.0, 1.0, 0.0])))
    expected = net(straight).reshape(4, 5, 4, 6).flip(2).transpose(1, 2)
    close(net(turned).reshape(4, 4, 5, 6), expected, backbone)


@every
def test_a_saved_fit_renders_the_same_bytes(problem, options, backbone, tmp_path):
    options = replace(options, backbone=backbone, epochs=1, block_mm=60.0)
    fit = fit_scan(*problem.scan, options, seed=7)
    save_fit(fit, tmp_path / 'field.pt')
    grid = isotropic_grid(problem.grid, 2.0)
    assert same_images(render(fit, grid), render(load_fit(tmp_path / 'field.pt'), grid))


def test_without_a_network_the_first_estimate_is_the_result(problem, warm, tmp_path):
    options = replace(FitOptions.default(), spacing=2.0)
    told = []
    fit = fit_scan(*problem.scan, options, seed=7, progress=lambda *step: told.append(step))
    assert fit.stopped == 'converged'
    assert fit.history == warm.course
    assert [step for step, *_ in told] == [0, fit.history['step'][-1]]
    save_fit(fit, tmp_path / 'field.pt')
    found = render(load_fit(tmp_path / 'field.pt'), warm.fine)
    expected = warm.intensity * np.float32(problem.plan.means[2])
    np.testing.assert_allclose(found.intensity, expected, rtol=1e-4, atol=1e-3)
    shares = np.exp(warm.logits) / np.exp(warm.logits).sum(axis=0) * warm.inside
    np.testing.assert_allclose(found.probs, shares, atol=1e-4)


def test_lattices_cover_the_field_of_view_at_their_spacing():
    net = LatticeField((30.0, 44.0, 0.0), (10.0, 5.0), features=3)
    assert [tuple(p.shape) for p in net.lattices] == [(3, 4, 6, 2), (3, 7, 10, 2)]


@examples(deadline=None, max_examples=25, derandomize=True)
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
    torch.manual_seed(0)
    net = LatticeField(EXTENT, (10.0, 5.0), features=2)
    points = box(4, 3, 5)
    points.inside[1, 2, 3] = False
    features = net.features_on(points).detach().numpy()
    assert features.shape == (2 * 2 + 3, 59)
    lattice = net.lattices[1].detach().numpy()
    where = np.stack(np.meshgrid(*[p.numpy() for p in points.axes], indexing='ij'))
    where = where[:, points.inside.numpy()]
    index = where * (np.reshape(lattice.shape[1:], (3, 1)) - 1)
    expected = ndimage.map_coordinates(lattice[0], index, order=1)
    np.testing.assert_allclose(features[2], expected, atol=1e-5)
    # The last three rows are the coordinates themselves, -1 to 1.
    np.testing.assert_allclose(features[-3:], 2 * where - 1, atol=1e-6)


def test_a_point_gets_the_same_value_from_any_block_that_holds_it():
    net, points = build('lattice', trained=True), box(8, 9, 7)
    whole = net(points).reshape(4, 8, 9, 7)
    cut = (slice(2, 5), slice(4, 9), slice(1, 6))
    axes = tuple(p[s] for p, s in zip(points.axes, cut, strict=True))
    part = net(Points(axes, torch.ones(3, 5, 5, dtype=torch.bool)))
    close(part.reshape(4, 3, 5, 5), whole[(slice(None), *cut)], 'lattice')


def test_the_reference_is_its_network_at_coordinates_in_proportion_with_its_gradient():
    """Ten millimetres along one axis are ten along another, whatever the field of view."""
    net, points = build('wire', trained=True).double(), box(5, 6, 7)
    where = (2 * points.coordinates() - 1) * torch.tensor(EXTENT) / max(EXTENT)
    found = []
    for values in (net(points).T, net.head(net.body(where.double()))):
        net.zero_grad()
        (values**2).sum().backward()
        found.append([values.detach(), *(p.grad.clone() for p in net.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))


def test_the_reference_takes_a_small_scan_from_its_first_estimate_to_the_noise(problem, options):
    size = {'hidden': 24, 'layers': 2, 'network_rate': 1e-3, 'block_mm': 20.0}
    history = fit_scan(*problem.scan, replace(options, backbone='wire', **size), seed=7).history
    assert history['data'][-1] < 0.98 * history['data'][0]
    assert 0.7 < history['residual_rms'][-1] < 1.2


def test_the_reference_fits_a_small_scan_without_a_first_estimate(problem, options):
    size = {'hidden': 24, 'layers': 2, 'network_rate': 2e-3, 'block_mm': 20.0, 'epochs': 8}
    options = replace(options, backbone='wire', first_estimate=False, **size)
    fit = fit_scan(*problem.scan, options, seed=7)
    assert np.unique(fit.channels[0].intensity).tolist() == [0, 1]
    assert fit.history['residual_rms'][-1] < 0.5 * fit.history['residual_rms'][0]


def test_the_reference_has_its_published_size():
    options = FitOptions.default('wire')
    net = build_network(EXTENT, options)
    shapes = [tuple(m.linear.weight.shape) for m in net.body if hasattr(m, 'linear')]
    assert shapes == [(256, 144), *[(256, 128)] * 4]
    assert {(m.frequency, m.scale) for m in net.body if hasattr(m, 'linear')} == {(20.0, 10.0)}
    assert options.network_rate == 5e-5


def test_activations_of_the_reference_are_not_kept():
    """What a step holds on to is the points and the values, whatever the width."""
    net, kept = build('wire', trained=True), []

    def keep(tensor):
        if not any(tensor is p for p in net.parameters()):
            kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        net(box(20, 20, 20)).square().sum()
    assert 0 < sum(kept) <= 8000 * (3 + 4)
