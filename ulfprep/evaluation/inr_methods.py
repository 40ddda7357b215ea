"""Ways to make a high-field-like 1 mm image of one low-field scan: ulfprep's and plain ones.

All are given the same: what :func:`ulfprep.evaluation.inr_prepare.prepare` found in the scan.
"""

from dataclasses import dataclass, replace

import numpy as np

from ulfprep.evaluation.fresh import Cost, measured, processor_time
from ulfprep.evaluation.inr_prepare import Prepared
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, brain_bounds, isotropic_grid
from ulfprep.physics.interpolation import bicubic
from ulfprep.physics.inverse import discrepancy_inverse, edge_preserving_inverse


@dataclass(frozen=True, eq=False)
class Enhanced:
    """What a method made.

    Attributes
    ----------
    image : numpy.ndarray, shape (x, y, z)
    grid : Grid
    probs : numpy.ndarray, shape (3, x, y, z), optional
        Its own tissues, where it has any: they also say what contrast the scan sees.
    cost : Cost
    """

    image: np.ndarray
    grid: Grid
    probs: np.ndarray | None = None
    cost: Cost | None = None


def _bicubic(given: Prepared, options, seed):
    # Straight onto the truth's lattice: no second interpolation dulls the baseline.
    return Enhanced(bicubic(given.scan, given.grid, given.target), given.target)


def _voxel_grid(solve):
    """Return a linear or edge-preserving inverse of the scan on the fine voxel grid."""

    def method(given, options, seed):
        plan, white = given.plan, np.float32(given.plan['means'][2])
        bounds, fine_bounds = brain_bounds(given.mask, given.grid, options.spacing)
        near = given.grid.crop(bounds)
        fine = isotropic_grid(given.grid, options.spacing).crop(fine_bounds)
        model = ForwardModel.between(near, fine, plan['psf_fwhm_mm'], np.ones(3), plan['psf'])
        measured_scan, sigma = given.scan[bounds] / white, plan['noise_sigma'] / white
        image = solve(model, measured_scan, given.mask[bounds], sigma, fine.zooms)
        return Enhanced(image * white, fine)

    return method


def _linear(*problem):
    return discrepancy_inverse(*problem)[0]


def _first_estimate(given, options, seed):
    from ulfprep.inr.warm import warm_start

    warm = warm_start(
        given.scan,
        given.mask,
        given.probs,
        given.grid,
        given.plan,
        spacing=options.spacing,
        seed=seed,
        lattice_probs=given.lattice_probs,
    )
    shares = np.exp(warm.logits) * warm.inside
    shares /= np.maximum(shares.sum(axis=0), 1e-6)
    return Enhanced(warm.intensity * np.float32(given.plan['means'][2]), warm.fine, shares)


def _field(given, options, seed):
    from ulfprep.inr import fit_scan, render

    fit = fit_scan(
        given.scan,
        given.mask,
        given.probs,
        given.grid,
        given.plan,
        options,
        seed=seed,
        lattice_probs=given.lattice_probs,
    )
    grid = isotropic_grid(given.grid)
    result = render(fit, grid)
    return Enhanced(result.intensity, grid, result.probs)


#: Name -> method without a network: takes what is given, the fit's options and a seed.
PLAIN = {
    'bicubic': _bicubic,
    'voxel-cg': _voxel_grid(_linear),
    'voxel-tv': _voxel_grid(edge_preserving_inverse),
    'first-estimate': _first_estimate,
}
#: Methods whose result depends on the tissues.
TISSUE_BLIND = ('bicubic', 'voxel-cg', 'voxel-tv')
#: Name -> what it is, for tables; backbones are told by their own name.
DESCRIPTIONS = {
    'bicubic': 'Cubic interpolation of the scan',
    'voxel-cg': 'Voxel grid by conjugate gradients, smoothness by the discrepancy principle',
    'voxel-tv': 'Voxel grid with total variation, weight by the discrepancy principle',
    'first-estimate': 'What the fit starts from: no network',
}


def method_names() -> tuple[str, ...]:
    """Return the names of all methods: the plain ones, and each backbone of the field."""
    from ulfprep.inr.backbones import BACKBONES

    return (*PLAIN, *BACKBONES)


def describe(name: str) -> str:
    """Say what a method is; see :func:`enhance` for names."""
    backbone, _, epochs = name.partition('@')
    field = f'The field with the backbone {backbone}'
    return DESCRIPTIONS.get(name) or (f'{field}, {epochs} epochs' if epochs else field)


def enhance(name: str, given: Prepared, options, seed: int = 0, threads: int = 1) -> Enhanced:
    """Run a method and measure what it takes, loading of libraries apart.

    Parameters
    ----------
    name : str
        Of :func:`method_names`; a backbone may be followed by ``@`` and its epochs.
    given : Prepared
    options : FitOptions
        Of every fit, its backbone apart.
    seed : int
    threads : int
        Of torch.

    Returns
    -------
    Enhanced
    """
    method = PLAIN.get(name, _field)
    if name not in TISSUE_BLIND:
        import torch

        import ulfprep.inr  # noqa: F401 - not to be timed

        torch.set_num_threads(threads)
        backbone, _, epochs = name.partition('@')
        if method is _field:
            options = replace(options, backbone=backbone)
        options = replace(options, epochs=int(epochs)) if epochs else options
    with measured() as cost:
        result = method(given, options, seed)
    return replace(result, cost=cost)


def reference_step(options, *, threads: int = 1, edge: int = 32, steps: int = 3) -> float:
    """Measure a training step of the reference's network, forward, backward and Adam.

    Parameters
    ----------
    options : FitOptions
        The network is that of the ``wire`` backbone.
    threads : int
    edge : int
        Points are a box of this many each way: 32,768 as they are.
    steps : int
        Timed, after one that is not.

    Returns
    -------
    float
        Processor seconds a step.

    Raises
    ------
    ValueError
        If there is no such backbone.
    """
    import torch

    from ulfprep.inr.backbones import build_network
    from ulfprep.inr.points import Points

    torch.set_num_threads(threads)
    options = replace(options, backbone='wire')
    network = build_network((160.0, 190.0, 160.0), options)
    optimiser = torch.optim.Adam(network.parameter_groups(options))
    axes = tuple(torch.linspace(0, 1, edge) for _ in range(3))
    points = Points(axes, torch.ones((edge,) * 3, dtype=torch.bool))

    def step():
        optimiser.zero_grad(set_to_none=True)
        network(points).square().mean().backward()
        optimiser.step()

    step()
    start = processor_time()
    for _ in range(steps):
        step()
    return (processor_time() - start) / steps
