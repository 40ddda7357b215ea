"""Fit of the field to the scans of a subject through the forward model."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ulfprep.inr.estimates import first_estimates
from ulfprep.inr.memory import halved_until_it_fits
from ulfprep.inr.network import build_network
from ulfprep.inr.options import FitOptions
from ulfprep.inr.problem import Problem, all_blocks
from ulfprep.inr.views import Acquisition, even_start
from ulfprep.inr.warm import WarmStart
from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.physics.grid import Grid

#: Smallest edge of the blocks that is tried where memory runs out, mm.
SMALLEST_BLOCK = 6.0
#: Least relative fall of the objective that counts as progress.
TOLERANCE = 1e-3


@dataclass(eq=False)
class Fit:
    """A fitted field."""

    network: torch.nn.Module
    #: The first estimates that the network corrects, one a contrast, in the order of the scans.
    channels: tuple[WarmStart, ...]
    options: FitOptions  #: as used: smaller blocks than asked for where memory ran out
    #: Mean of every term of the objective an epoch, or a round of the first estimate, and
    #: ``residual_rms`` in sigma.
    history: dict
    #: Why the fit ended: ``epochs``, as many as planned, ``noise floor``, see
    #: :func:`at_noise_floor`, or ``converged``, where nothing is trained.
    stopped: str = 'epochs'
    notes: tuple[str, ...] = ()  #: what did not go as planned, a sentence each

    @property
    def contrasts(self) -> tuple[str, ...]:
        """Modalities in the order in which the scans came; each is an image of the field."""
        return tuple(channel.modality for channel in self.channels)

    def channel(self, contrast: str | None = None) -> tuple[int, WarmStart]:
        """Return number and first estimate of a contrast, the first without a name.

        Raises
        ------
        ValueError
            If no scan of that contrast was fitted.
        """
        shown = self.contrasts
        if contrast is not None and contrast not in shown:
            raise ValueError(f'no {contrast} was fitted; this field shows {", ".join(shown)}')
        number = 0 if contrast is None else shown.index(contrast)
        return number, self.channels[number]


def fit_scan(
    image: np.ndarray,
    mask: np.ndarray,
    probs: np.ndarray,
    grid: Grid,
    plan: ContrastPlan,
    options: FitOptions | None = None,
    device: str = 'cpu',
    seed: int = 0,
    progress: Callable | None = None,
    lattice_probs: np.ndarray | None = None,
    build: Callable = build_network,
) -> Fit:
    """Fit image and tissues of a scan jointly; :func:`fit_scans` of one.

    The scan is described as in :class:`ulfprep.inr.views.Acquisition`; its contrast is the
    plan's modality.
    """
    one = Acquisition(image, mask, probs, grid, plan, lattice_probs, plan.modality)
    return fit_scans([one], options, device, seed, progress, build=build)


def fit_scans(
    acquisitions: list[Acquisition],
    options: FitOptions | None = None,
    device: str = 'cpu',
    seed: int = 0,
    progress: Callable | None = None,
    tissues: np.ndarray | None = None,
    build: Callable = build_network,
) -> Fit:
    """Fit one field to all scans of a subject, supervised by these scans alone.

    Parameters
    ----------
    acquisitions : list of Acquisition
        The first is the reference: the field lives in its world, on the lattice over it and
        within its brain. Scans of one modality share an image; all share the tissues.
    options : FitOptions, optional
    device : str
        A torch device.
    seed : int
        Fixes every random number; the same seed gives the same field on one machine.
    progress : callable, optional
        Called as ``progress(step, n_steps, terms)``: with step 0 once the first estimate
        is there, then after every step.
    tissues : numpy.ndarray, shape (3, x, y, z), optional
        Of all scans of the first contrast, on the isotropic lattice over the first
        (:func:`ulfprep.segmentation.tissue.segment_together`); pooled from those of each scan
        without.
    build : callable
        Makes the network, see :func:`ulfprep.inr.network.build_network`: for comparisons with
        what is no backbone. Such a fit cannot be stored.

    Raises
    ------
    ValueError
        If there is no scan, a scan does not lie where the first does, or the fit diverges.
    MemoryError
        If memory runs out however small the blocks are.
    """
    options = options or FitOptions()
    progress = progress or (lambda *_: None)
    views, channels = first_estimates(acquisitions, options.spacing, seed, tissues)
    if not options.first_estimate:
        views, channels = [even_start(v) for v in views], [even_start(c) for c in channels]
    if not options.epochs:
        return _direct(channels, options, progress)

    def train(block_mm):
        smaller = replace(options, block_mm=block_mm)
        return _train(views, channels, smaller, device, seed, progress, build)

    fit, notes = halved_until_it_fits(
        train, options.block_mm, SMALLEST_BLOCK, 'blocks of {:g} mm in the fit'
    )
    return replace(fit, notes=notes)


def _direct(channels, options, progress) -> Fit:
    """Return the first estimate as it is."""
    course = channels[0].course
    step = course['step'][-1]
    progress(0, step, {})
    progress(step, step, {'total': course['total'][-1]})
    return Fit(new_network(channels, options), tuple(channels), options, course, 'converged')


def _train(views, channels, options, device, seed, progress, build) -> Fit:
    """Train a network from the first estimates on."""
    problem = Problem(views, options, torch.device(device))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: Any = new_network(channels, options, build).to(device)
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.Adam(network.parameter_groups(options), betas=(0.9, 0.99))
    plans = [all_blocks(views, options.block_mm, rng) for _ in range(options.epochs)]
    n_steps, step = sum(map(len, plans)), 0
    usual = np.mean([block.voxels for plan in plans for _, block in plan])
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda k: 0.5 * (1 + np.cos(np.pi * min(k / max(n_steps, 1), 1))) + 0.01
    )
    history: dict[str, list] = {}
    stopped = 'epochs'
    progress(0, n_steps, {})
    for epoch, epoch_blocks in enumerate(plans, 1):
        sums: dict[str, float] = {}
        weight = 0.0
        for view, block in epoch_blocks:
            optimiser.zero_grad(set_to_none=True)
            total, terms = problem.loss(network, view, block)
            # Terms are means over a block: a sliver at the rim of the brain must not pull as hard
            # as a whole one.
            (total * float(block.voxels / usual)).backward()
            optimiser.step()
            schedule.step()
            step += 1
            voxels, squared = terms.pop('voxels'), terms.pop('squared')
            # By voxels: unweighted, the mean would move with the corner of the blocks.
            for name, value in (*terms.items(), ('squared', squared / voxels)):
                sums[name] = sums.get(name, 0.0) + voxels * value
            weight += voxels
            progress(step, n_steps, {'total': terms['total']})
        if not np.isfinite(sums['total']):
            raise ValueError('the fit diverged: the loss is no longer a number')
        record = {name: value / weight for name, value in sums.items()}
        record['residual_rms'] = float(np.sqrt(record.pop('squared')))
        for name, value in {'step': step, 'epoch': epoch, **record}.items():
            history.setdefault(name, []).append(value)
        if epoch < options.epochs and at_noise_floor(history, options.patience):
            stopped = 'noise floor'
            progress(step, step, {'total': record['total']})
            break
    return Fit(network.cpu(), tuple(channels), options, history, stopped)


def new_network(channels: Any, options: FitOptions, build: Any = build_network) -> torch.nn.Module:
    """Build an untrained network over the field of view of first estimates, one a contrast."""
    fine = channels[0].fine
    extent = [(n - 1) * z for n, z in zip(fine.shape, fine.zooms, strict=True)]
    return build(extent, options, len(channels) + 3)


def at_noise_floor(history: dict, patience: int) -> bool:
    """Say whether the residual is the noise and the objective no longer falls.

    The residual alone is no reason to stop: the first estimate leaves the noise already, by the
    discrepancy principle, and the terms beside the data are still to be met. From there on a fit
    ends once the best of its last ``patience`` epochs is hardly better than the best before them;
    with a patience of 0 it never does. Few epochs cannot tell: the step size is still large then,
    and what borders gain comes with the small steps at the end.
    """
    total = history['total']
    if patience < 1 or len(total) <= patience or history['residual_rms'][-1] > 1:
        return False
    before, since = min(total[:-patience]), min(total[-patience:])
    return before - since < TOLERANCE * abs(before)
