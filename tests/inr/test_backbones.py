"""Every backbone keeps the promises that the fit relies on."""

import dataclasses

import numpy as np
import pytest
import torch

from ulfprep import settings
from ulfprep.inr import FitOptions, fit_scan, load_fit, network, render, save_fit
from ulfprep.inr.network import Points, build_network
from ulfprep.inr.options import BACKBONES
from ulfprep.physics.grid import isotropic_grid

EXTENT = (30.0, 40.0, 20.0)
NETWORKS = [b for b in BACKBONES if b != 'direct']
every = pytest.mark.parametrize('backbone', NETWORKS)
others = pytest.mark.parametrize('backbone', [b for b in NETWORKS if b != 'lattice'])


def small(backbone, **changes):
    """Return options of a network that is quick to try."""
    size = {'hidden': 16, 'layers': 3}
    return dataclasses.replace(FitOptions.default(backbone), **size, **changes)


def build(backbone, seed=0, trained=False):
    torch.manual_seed(seed)
    net = build_network(EXTENT, small(backbone))
    if trained:
        torch.nn.init.normal_(net.head.weight)
    return net


def box(*counts):
    lines = [torch.linspace(0, 1, n) for n in counts]
    return Points(lines, torch.ones(counts, dtype=torch.bool))


def test_every_backbone_that_can_be_asked_for_is_there():
    assert tuple(BACKBONES) == settings.BACKBONES


def test_an_unknown_backbone_is_named_with_those_there_are():
    with pytest.raises(ValueError, match='no such backbone: mlp; there are direct, lattice, wire'):
        build_network(EXTENT, dataclasses.replace(FitOptions(), backbone='mlp'))


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
        return out.detach(), [p.grad.clone() for p in net.parameters()]

    whole, gradients = outcome()
    monkeypatch.setattr(network, 'CHUNK', 11)
    monkeypatch.setattr(network, 'WIDE_CHUNK', 11)
    parts, gradients_of_parts = outcome()
    # Sines of sines enlarge what the order of a sum leaves in the last digits.
    torch.testing.assert_close(parts, whole, atol=5e-3, rtol=1e-3)
    for a, b in zip(gradients, gradients_of_parts, strict=True):
        torch.testing.assert_close(b, a, atol=5e-3 * float(a.abs().max()), rtol=1e-3)


@others
def test_the_gradient_is_that_of_the_function(backbone):
    net = build(backbone, trained=True).double()
    where = torch.rand(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    axes = (where[0], where[1], where[2])
    points = Points(axes, torch.ones(3, 3, 3, dtype=torch.bool))
    bias = net.head.bias
    weight = net.body[-1].linear.weight
    for parameter in (bias, weight):
        net.zero_grad()
        (net(points) ** 2).sum().backward()
        index = (0,) * parameter.dim()
        expected, step = float(parameter.grad[index]), 1e-6
        values = []
        with torch.no_grad():
            for sign in (1, -1):
                parameter[index] += sign * step
                values.append(float((net(points) ** 2).sum()))
                parameter[index] -= sign * step
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(expected, rel=1e-4, abs=1e-6)


@others
def test_a_frequency_is_the_same_wavelength_along_every_axis(backbone):
    """Ten millimetres along one axis are ten along another, whatever the field of view."""
    seen = []
    net = build(backbone, trained=True)
    net.body.register_forward_hook(lambda module, given, out: seen.append(given[0]))
    with torch.no_grad():
        net(box(2, 2, 2))
    span = seen[0].max(dim=0).values - seen[0].min(dim=0).values
    np.testing.assert_allclose(span / span.max(), np.array(EXTENT) / max(EXTENT), rtol=1e-6)


@every
def test_points_of_a_turned_box_get_what_their_coordinates_have(backbone):
    net = build(backbone, trained=True)
    matrix = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    straight, turned = box(5, 4, 6), box(4, 5, 6)
    turned = Points(turned.axes, turned.inside, (matrix, torch.tensor([0.0, 1.0, 0.0])))
    expected = net(straight).reshape(4, 5, 4, 6).flip(2).transpose(1, 2)
    torch.testing.assert_close(net(turned).reshape(4, 4, 5, 6), expected, atol=1e-2, rtol=1e-3)


@others
def test_it_takes_a_small_scan_from_its_first_estimate_to_the_noise(problem, options, backbone):
    options = dataclasses.replace(
        options, backbone=backbone, hidden=24, layers=2, network_rate=1e-3, block_mm=20.0
    )
    history = fit_scan(*problem.scan, options, seed=7).history
    assert history['data'][-1] < 0.98 * history['data'][0]
    assert 0.7 < history['residual_rms'][-1] < 1.2


@others
def test_it_fits_a_small_scan_without_a_first_estimate(problem, options, backbone):
    options = dataclasses.replace(
        options, backbone=backbone, first_estimate=False, hidden=24, layers=2, network_rate=2e-3,
        epochs=8, block_mm=20.0,
    )  # fmt: skip
    fit = fit_scan(*problem.scan, options, seed=7)
    assert np.unique(fit.channels[0].intensity).tolist() == [0, 1]
    assert fit.history['residual_rms'][-1] < 0.5 * fit.history['residual_rms'][0]


@every
def test_a_saved_fit_renders_the_same_bytes(problem, options, backbone, tmp_path):
    options = dataclasses.replace(options, backbone=backbone, epochs=1, block_mm=60.0, layers=2)
    fit = fit_scan(*problem.scan, options, seed=7)
    save_fit(fit, tmp_path / 'field.pt')
    grid = isotropic_grid(problem.grid, 2.0)
    one, other = render(fit, grid), render(load_fit(tmp_path / 'field.pt'), grid)
    assert one.intensity.tobytes() == other.intensity.tobytes()


def test_without_a_network_the_first_estimate_is_the_result(problem, warm, tmp_path):
    options = dataclasses.replace(FitOptions.default(), spacing=2.0)
    told = []
    fit = fit_scan(*problem.scan, options, seed=7, progress=lambda *step: told.append(step))
    assert fit.stopped == 'converged'
    assert fit.history == warm.course
    assert [step for step, *_ in told] == [0, fit.history['step'][-1]]
    save_fit(fit, tmp_path / 'field.pt')
    found = render(load_fit(tmp_path / 'field.pt'), warm.fine).intensity
    expected = warm.intensity * np.float32(problem.plan.means[2])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_the_reference_has_its_published_size():
    options = FitOptions.default('wire')
    net = build_network(EXTENT, options)
    shapes = [tuple(m.linear.weight.shape) for m in net.body if hasattr(m, 'linear')]
    assert shapes == [(256, 144), *[(256, 128)] * 4]
    assert {(m.frequency, m.scale) for m in net.body if hasattr(m, 'linear')} == {(20.0, 10.0)}
    assert options.network_rate == 5e-5


@others
def test_activations_are_not_kept(backbone):
    """What a step holds on to is the points and the values, whatever the width."""
    net, kept = build(backbone, trained=True), []

    def keep(tensor):
        if not any(tensor is p for p in net.parameters()):
            kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        net(box(20, 20, 20)).square().sum()
    assert 0 < sum(kept) <= 8000 * (3 + 4)
