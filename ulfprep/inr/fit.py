"""Fit of the field to one scan through the forward model."""

import dataclasses
import io
import json
from dataclasses import dataclass

import numpy as np
import torch

from ulfprep.inr import losses
from ulfprep.inr.blocks import Block, blocks
from ulfprep.inr.network import FieldNetwork
from ulfprep.inr.warm import WarmStart, warm_start
from ulfprep.physics.grid import Grid


@dataclass(frozen=True)
class FitOptions:
    """How a field is built and fitted.

    Attributes
    ----------
    epochs : int
        Passes over the brain.
    spacing : float
        Spacing of the lattice on which the field meets the scan, mm.
    block_mm : float
        Edge of the blocks that one step sees; bounds the memory.
    lattice_spacings : tuple of float
        Spacings of the feature lattices, mm.
    features, hidden, layers : int
        Size of the network.
    lattice_rate, network_rate : float
        Adam's step sizes.
    weight_segmentation, weight_class, weight_tv, weight_tv_tissue : float
        Weights of the terms beside the data term.
    class_spread : float
        S.d. of high-field intensities within a tissue, relative to white matter.
    """

    epochs: int = 8
    spacing: float = 1.0
    block_mm: float = 56.0
    lattice_spacings: tuple[float, ...] = (10.0, 5.0, 2.5)
    features: int = 4
    hidden: int = 24
    layers: int = 2
    lattice_rate: float = 1e-2
    network_rate: float = 2e-3
    weight_segmentation: float = 0.1
    weight_class: float = 0.02
    weight_tv: float = 0.4
    weight_tv_tissue: float = 0.1
    class_spread: float = 0.1

    @classmethod
    def sloppy(cls) -> 'FitOptions':
        """Return poor but fast options, for tests and for trying things out."""
        return cls(epochs=2, spacing=2.0, block_mm=80.0, lattice_spacings=(12.0, 6.0), hidden=16)

    @classmethod
    def default(cls) -> 'FitOptions':
        """Return the options of an ordinary run."""
        return cls()

    def to_dict(self) -> dict:
        """Return the options as JSON-ready values."""
        return {
            k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()
        }


@dataclass(eq=False)
class Fit:
    """A fitted field.

    Attributes
    ----------
    network : FieldNetwork
    warm : WarmStart
        The first estimate that the network corrects.
    plan : dict
        Contrast plan of the scan.
    options : FitOptions
    history : dict of list
        Mean of every term of the objective an epoch, and ``residual_rms`` in sigma.
    """

    network: FieldNetwork
    warm: WarmStart
    plan: dict
    options: FitOptions
    history: dict


def fit_scan(
    image: np.ndarray,
    mask: np.ndarray,
    probs: np.ndarray,
    grid: Grid,
    plan: dict,
    options: FitOptions | None = None,
    device: str = 'cpu',
    seed: int = 0,
    progress=None,
) -> Fit:
    """Fit image and tissues of a scan jointly, supervised by that scan alone.

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
    plan : dict
        Of :func:`ulfprep.physics.plan.plan_contrast`, direction ``enhance``.
    options : FitOptions, optional
    device : str
        A torch device.
    seed : int
        Fixes every random number; the same seed gives the same field on one machine.
    progress : callable, optional
        Called as ``progress(step, n_steps, terms)``: with step 0 once the first estimate
        is there, then after every step.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        If the fit diverges.
    """
    options = options or FitOptions()
    warm = warm_start(image, mask, probs, grid, plan, spacing=options.spacing, seed=seed)
    problem = _Problem(warm, image, probs, plan, options, torch.device(device))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _new_network(warm, options).to(device)
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.Adam(
        [
            {'params': list(network.lattices), 'lr': options.lattice_rate},
            {
                'params': [*network.body.parameters(), *network.head.parameters()],
                'lr': options.network_rate,
            },
        ],
        betas=(0.9, 0.99),
    )
    history: dict[str, list] = {}
    plans = [list(blocks(warm, options.block_mm, rng)) for _ in range(options.epochs)]
    n_steps, step = sum(map(len, plans)), 0
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda k: 0.5 * (1 + np.cos(np.pi * min(k / max(n_steps, 1), 1))) + 0.01
    )
    if progress is not None:
        progress(0, n_steps, {})
    for epoch, epoch_blocks in enumerate(plans):
        sums: dict[str, float] = {}
        weight = 0
        for block in epoch_blocks:
            optimiser.zero_grad(set_to_none=True)
            total, terms = problem.loss(network, block)
            total.backward()
            optimiser.step()
            schedule.step()
            step += 1
            weight += terms.pop('voxels')
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + value
            if progress is not None:
                progress(step, n_steps, {k: v for k, v in terms.items() if k == 'total'})
        if not np.isfinite(sums['total']):
            raise ValueError('the fit diverged: the loss is no longer a number')
        squared = sums.pop('squared')
        record = {name: value / len(epoch_blocks) for name, value in sums.items()}
        record['residual_rms'] = float(np.sqrt(squared / weight))
        for name, value in {'step': step, 'epoch': epoch + 1, **record}.items():
            history.setdefault(name, []).append(value)
    return Fit(network.cpu(), warm, plan, options, history)


def _new_network(warm, options):
    extent = [(n - 1) * z for n, z in zip(warm.fine.shape, warm.fine.zooms, strict=True)]
    return FieldNetwork(
        extent, options.lattice_spacings, options.features, options.hidden, options.layers
    )


def evaluate(network, warm: WarmStart, block: Block, intensity0, logits0):
    """Intensity and tissue probabilities of the brain points of a block.

    Parameters
    ----------
    network : FieldNetwork
    warm : WarmStart
    block : Block
    intensity0 : tensor, shape (n,)
    logits0 : tensor, shape (3, n)
        First estimate at the block's brain points.

    Returns
    -------
    intensity : tensor, shape (n,)
        Relative to white matter; never negative.
    probs : tensor, shape (3, n)
    """
    device = intensity0.device
    positions = [
        torch.arange(s.start, s.stop, device=device, dtype=torch.float32) / max(n - 1, 1)
        for s, n in zip(block.fine, warm.fine.shape, strict=True)
    ]
    correction = network(positions, block.inside.to(device))
    intensity = torch.relu(intensity0 + correction[0])
    return intensity, torch.softmax(logits0 + correction[1:], dim=0)


class _Problem:
    """The scan, the model and the weights; turns a network and a block into a loss."""

    def __init__(self, warm, image, probs, plan, options, device):
        white = np.float32(plan['means'][2])
        tensor = torch.as_tensor
        self.warm, self.options, self.device = warm, options, device
        self.sigma = plan['noise_sigma'] / float(white)
        self.measured = tensor(np.asarray(image, np.float32)[warm.bounds] / white).to(device)
        self.voxels = tensor(warm.voxels).to(device)
        posterior = np.asarray(probs, np.float32)[(slice(None), *warm.bounds)]
        self.posterior = tensor(posterior).to(device)
        self.outside = tensor(warm.outside).to(device)
        self.intensity = tensor(warm.intensity).to(device)
        self.logits = tensor(warm.logits).to(device)
        self.model = warm.model.to(device)
        means = np.array(plan['target_means'], np.float32) / white
        self.targets = tensor(means).to(device)

    def loss(self, network, block):
        o = self.options
        inside = block.inside.to(self.device)
        fine = (slice(None), *block.fine)
        intensity0 = self.intensity[block.fine][inside]
        intensity, probs = evaluate(
            network, self.warm, block, intensity0, self.logits[fine][:, inside]
        )
        factor = (probs * self.model.contrast[:, None]).sum(0)
        volume = torch.zeros(6, *inside.shape, device=self.device)
        # Channels: what the scanner sees, three tissues, the brain itself, the image.
        points = torch.cat(
            [
                (intensity * factor)[None],
                probs,
                torch.ones_like(intensity)[None],
                intensity[None],
            ]
        )
        volume[:, inside] = points
        matrices = [
            m[rows, columns]
            for m, rows, columns in zip(self.model.matrices, block.scan, block.fine, strict=True)
        ]
        seen = self.model.__class__(tuple(matrices), self.model.contrast).acquire(volume[:5])
        voxels = self.voxels[block.scan]
        predicted = (seen[0] + self.outside[block.scan])[voxels]
        measured = self.measured[block.scan][voxels]
        shares = seen[1:4, voxels] / seen[4, voxels].clamp_min(1e-3)
        posterior = self.posterior[(slice(None), *block.scan)][:, voxels]
        spacing = float(self.warm.fine.zooms[0])
        data = losses.data_term(predicted, measured, self.sigma)
        segmentation = losses.segmentation_term(shares, posterior)
        classes = losses.class_term(intensity, probs, self.targets, o.class_spread)
        tv = losses.total_variation(volume[:1], inside, spacing)
        tv_tissue = losses.total_variation(volume[1:4], inside, spacing)
        total = (
            data
            + o.weight_segmentation * segmentation
            + o.weight_class * classes
            + o.weight_tv * tv / self.sigma
            + o.weight_tv_tissue * tv_tissue
        )
        with torch.no_grad():
            squared = float((((predicted - measured) / self.sigma) ** 2).sum())
        terms = {
            'total': total,
            'data': data,
            'segmentation': segmentation,
            'classes': classes,
            'tv': tv,
            'tv_tissue': tv_tissue,
        }
        values = {name: float(value.detach()) for name, value in terms.items()}
        return total, {**values, 'squared': squared, 'voxels': int(voxels.sum())}


def save_fit(fit: Fit, path) -> None:
    """Write a fitted field to ``path`` (NumPy archive; nothing in it is executable)."""
    w = fit.warm
    about = {
        'plan': fit.plan,
        'options': fit.options.to_dict(),
        'history': fit.history,
        'bounds': [[s.start, s.stop] for s in w.bounds],
        'scan_shape': w.scan.shape,
        'fine_shape': w.fine.shape,
        'smoothness': w.smoothness,
    }
    arrays = {f'net.{k}': v.numpy() for k, v in fit.network.state_dict().items()}
    buffer = io.BytesIO()
    np.savez(
        buffer,
        about=np.array(json.dumps(about)),
        scan_affine=w.scan.affine,
        fine_affine=w.fine.affine,
        voxels=w.voxels,
        inside=w.inside,
        intensity=w.intensity,
        logits=w.logits,
        outside=w.outside,
        noise=w.noise.astype(np.float32),
        **arrays,
    )
    with open(path, 'wb') as stream:
        stream.write(buffer.getvalue())


def load_fit(path) -> Fit:
    """Read a field that :func:`save_fit` wrote."""
    from ulfprep.physics.forward import ForwardModel

    with np.load(path, allow_pickle=False) as data:
        about = json.loads(str(data['about']))
        plan = about['plan']
        values = dict(about['options'])
        values['lattice_spacings'] = tuple(values['lattice_spacings'])
        options = FitOptions(**values)
        scan = Grid(tuple(about['scan_shape']), data['scan_affine'])
        fine = Grid(tuple(about['fine_shape']), data['fine_affine'])
        warm = WarmStart(
            scan=scan,
            fine=fine,
            bounds=tuple(slice(a, b) for a, b in about['bounds']),
            model=ForwardModel.between(scan, fine, plan['psf_fwhm_mm'], plan['contrast_vector']),
            voxels=data['voxels'],
            inside=data['inside'],
            intensity=data['intensity'],
            logits=data['logits'],
            outside=data['outside'],
            noise=data['noise'],
            smoothness=about['smoothness'],
        )
        network = _new_network(warm, options)
        state = {k[4:]: torch.as_tensor(data[k]) for k in data.files if k.startswith('net.')}
    network.load_state_dict(state)
    return Fit(network, warm, plan, options, about['history'])
