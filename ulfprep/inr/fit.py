"""Fit of the field to the scans of a subject through the forward model."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ulfprep.inr.acquisition import Acquisition
from ulfprep.inr.backbones import build_network
from ulfprep.inr.blocks import all_blocks
from ulfprep.inr.estimates import first_estimates
from ulfprep.inr.memory import halved_until_it_fits
from ulfprep.inr.options import FitOptions
from ulfprep.inr.problem import Problem
from ulfprep.inr.stopping import at_noise_floor
from ulfprep.inr.views import Channel
from ulfprep.inr.warm import WarmStart, even_start
from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.physics.grid import Grid

#: Smallest edge of the blocks that is tried where memory runs out, mm.
SMALLEST_BLOCK = 6.0


@dataclass(eq=False)
class Fit:
    """A fitted field.

    Attributes
    ----------
    network : torch.nn.Module
    warm : WarmStart
        The first estimate that the network corrects.
    plan : ContrastPlan
        Contrast plan of the scan.
    options : FitOptions
        As used: smaller blocks than asked for where memory ran out.
    history : dict of list
        Mean of every term of the objective an epoch, or a round of the first estimate, and
        ``residual_rms`` in sigma.
    modality : str
        Of the first scan.
    others : tuple of Channel
        The other contrasts, where scans of several were fitted.
    stopped : str
        Why the fit ended: ``epochs``, as many as planned, ``noise floor``, see
        :func:`ulfprep.inr.stopping.at_noise_floor`, or ``converged``, where nothing is trained.
    notes : tuple of str
        What did not go as planned, a sentence each.
    """

    network: torch.nn.Module
    warm: WarmStart
    plan: ContrastPlan
    options: FitOptions
    history: dict
    modality: str = 'T1w'
    others: tuple[Channel, ...] = ()
    stopped: str = 'epochs'
    notes: tuple[str, ...] = ()

    @property
    def contrasts(self) -> tuple[str, ...]:
        """Modalities in the order in which the scans came; each is an image of the field."""
        return (self.modality, *(other.modality for other in self.others))

    def channel(self, contrast: str | None = None) -> tuple[int, Channel]:
        """Return number and first estimate of a contrast, the first without a name.

        Raises
        ------
        ValueError
            If no scan of that contrast was fitted.
        """
        contrast = self.modality if contrast is None else contrast
        if contrast not in self.contrasts:
            raise ValueError(
                f'no {contrast} was fitted; this field shows {", ".join(self.contrasts)}'
            )
        number = self.contrasts.index(contrast)
        first = Channel(self.modality, self.warm, self.plan)
        return number, (first, *self.others)[number]


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
    build: Callable | None = build_network,
) -> Fit:
    """Fit image and tissues of a scan jointly; :func:`fit_scans` of one.

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected scan.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain.
    probs : numpy.ndarray, shape (3, X, Y, Z)
        Posteriors of CSF, GM, WM on the scan's grid.
    grid : Grid
        Grid of the scan.
    plan : ContrastPlan
        Of :func:`ulfprep.physics.plan.plan_contrast`, direction ``enhance``.
    options : FitOptions, optional
    device : str
        A torch device.
    seed : int
        Fixes every random number; the same seed gives the same field on one machine.
    progress : callable, optional
        Called as ``progress(step, n_steps, terms)``: with step 0 once the first estimate
        is there, then after every step.
    lattice_probs : numpy.ndarray, shape (3, x, y, z), optional
        Tissues on the isotropic lattice over the scan; see
        :func:`ulfprep.inr.warm.warm_start`.
    build : callable
        Makes the network, see :func:`ulfprep.inr.backbones.build_network`: for comparisons with
        what is no backbone. Such a fit cannot be stored.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        If the fit diverges.
    MemoryError
        If memory runs out however small the blocks are.
    """
    modality = plan.modality
    one = Acquisition(image, mask, probs, grid, plan, lattice_probs, modality)
    return fit_scans([one], options, device, seed, progress, build=build)


def fit_scans(
    acquisitions: list[Acquisition],
    options: FitOptions | None = None,
    device: str = 'cpu',
    seed: int = 0,
    progress: Callable | None = None,
    tissues: np.ndarray | None = None,
    build: Callable | None = build_network,
) -> Fit:
    """Fit one field to all scans of a subject, supervised by these scans alone.

    Parameters
    ----------
    acquisitions : list of Acquisition
        The first is the reference: the field lives in its world, on the lattice over it and
        within its brain. Scans of one modality share an image; all share the tissues.
    options, device, seed, progress, build
        See :func:`fit_scan`.
    tissues : numpy.ndarray, shape (3, x, y, z), optional
        Of all scans of the first contrast, on the isotropic lattice over the first
        (:func:`ulfprep.segmentation.tissue.segment_together`); pooled from those of each scan
        without.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        If there is no scan, a scan does not lie where the first does, or the fit diverges.
    MemoryError
        If memory runs out however small the blocks are.
    """
    options = options or FitOptions()
    views: list[Any]
    views, channels = first_estimates(acquisitions, options.spacing, seed, tissues)
    if not options.first_estimate:
        views = [even_start(view) for view in views]
        channels = [replace(channel, warm=even_start(channel.warm)) for channel in channels]

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
    first, *others = channels
    course = first.warm.course
    step, total = course['step'][-1], course['total'][-1]
    if progress is not None:
        progress(0, step, {})
        progress(step, step, {'total': total})
    network = new_network(first.warm, options, len(channels))
    return Fit(
        network,
        first.warm,
        first.plan,
        options,
        course,
        first.modality,
        tuple(others),
        'converged',
    )


def _train(views, channels, options, device, seed, progress, build) -> Fit:
    """Train a network from the first estimates on."""
    problem = Problem(views, options, torch.device(device))
    warm = channels[0].warm
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: Any = new_network(warm, options, len(channels), build).to(device)
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.Adam(network.parameter_groups(options), betas=(0.9, 0.99))
    history: dict[str, list] = {}
    stopped = 'epochs'
    plans = [all_blocks(views, options.block_mm, rng) for _ in range(options.epochs)]
    n_steps, step = sum(map(len, plans)), 0
    usual = np.mean([block.voxels for plan in plans for _, block in plan])
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda k: 0.5 * (1 + np.cos(np.pi * min(k / max(n_steps, 1), 1))) + 0.01
    )
    if progress is not None:
        progress(0, n_steps, {})
    for epoch, epoch_blocks in enumerate(plans):
        sums: dict[str, float] = {}
        weight: float = 0
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
            if progress is not None:
                progress(step, n_steps, {k: v for k, v in terms.items() if k == 'total'})
        if not np.isfinite(sums['total']):
            raise ValueError('the fit diverged: the loss is no longer a number')
        record = {name: value / weight for name, value in sums.items()}
        record['residual_rms'] = float(np.sqrt(record.pop('squared')))
        for name, value in {'step': step, 'epoch': epoch + 1, **record}.items():
            history.setdefault(name, []).append(value)
        if epoch + 1 < options.epochs and at_noise_floor(history, options.patience):
            stopped = 'noise floor'
            if progress is not None:
                progress(step, step, {'total': record['total']})
            break
    first, *others = channels
    return Fit(
        network.cpu(),
        warm,
        first.plan,
        options,
        history,
        first.modality,
        tuple(others),
        stopped,
    )


def new_network(
    warm: WarmStart, options: FitOptions, n_contrasts: int = 1, build: Any = build_network
) -> torch.nn.Module:
    """Build an untrained network over the field of view of a first estimate."""
    extent = [(n - 1) * z for n, z in zip(warm.fine.shape, warm.fine.zooms, strict=True)]
    return build(extent, options, n_contrasts + 3)
