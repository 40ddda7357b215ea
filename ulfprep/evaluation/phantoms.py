"""Scans whose tissues and high-field image are known: what the benchmarks are made on.

They are simulated by other means than ulfprep's own: scans from :mod:`ulfprep.physics.forward`
would flatter its inverse. Here contrast is a remapping of intensities, the slice profile is a
raised cosine, and the plane is a piece of k-space; none of it is what the segmentation assumes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ulfprep.evaluation.brains import (
    LABELLED,
    Brain,
    find_brains,
    load_canonical,
    tissue_medians,
)
from ulfprep.evaluation.examples import Truth
from ulfprep.physics.grid import Grid, resized_grid
from ulfprep.physics.interpolation import carry_mask
from ulfprep.physics.simulation import stream

#: Of the scans that benchmarks other than the tables are made on: SNR, voxels (mm), s.d. of the
#: logarithm of the receive field; and what those are called that were acquired at high field.
SNRS = (8.0, 14.0, 20.0)
VOXELS = ((1.6, 1.6, 5.0), (2.0, 2.0, 2.0))
BIAS = 0.12
HIGH = 'high field'
#: CSF, GM and WM of a T1w scan at 64 mT, relative to WM.
RATIOS = (0.25, 0.8, 1.0)
#: Outer part of the sampled k-space over which the signal is let down to zero.
TAPER = 0.2


@dataclass(frozen=True)
class Regime:
    """How a brain is scanned, and whose way of scanning that is, in words."""

    voxel: tuple[float, float, float]  # mm
    snr: float  # of white matter, in one channel
    bias: float  # s.d. of the logarithm of the receive field
    like: str = ''


#: ``reference`` is that of Indrakanti and Simpson (2025): every other voxel in the plane is
#: missing. ``real`` is what a portable 64 mT scanner delivers.
REGIMES = {
    'reference': Regime((2.0, 2.0, 1.0), 20.0, 0.0, "the set-up of the method's paper"),
    'real': Regime((1.6, 1.6, 5.0), 14.0, 0.06, 'what portable scanners deliver (no real scan)'),
}
#: The regime of scans that another simulator made.
OUTSIDE = 'outside'
#: What the sidecar of a simulated scan says: the field and the timings of a 64 mT scanner.
METADATA = {
    'MagneticFieldStrength': 0.064,
    'RepetitionTime': 1.5,
    'InversionTime': 0.3,
    'EchoTime': 0.005,
}


@dataclass(frozen=True, eq=False)
class Trial:
    """A scan (X, Y, Z), its high-field truth on 1 mm and its metadata.

    ``regime`` is one of :data:`REGIMES`, :data:`OUTSIDE`, or what a benchmark calls its own.
    """

    regime: str
    brain: str
    scan: np.ndarray  # float32, zero outside the brain
    mask: np.ndarray  # bool
    grid: Grid
    truth: Truth
    metadata: dict = field(default_factory=lambda: dict(METADATA))  # all that a method is told
    labels_by: str = 'given'  # see Brain
    snr: float | None = None  # this and the seed, of a scan that was simulated here
    seed: int | None = None
    signals: tuple[float, float] | None = None  # true CSF and GM over WM in the scan, where known

    @property
    def voxel(self) -> str:
        """Voxel size in mm, as ``1.6x1.6x5``."""
        return 'x'.join(f'{round(float(z), 2):g}' for z in self.grid.zooms)

    @property
    def identity(self) -> dict:
        """Which scan this is, in the columns of tables."""
        names = ('brain', 'voxel', 'snr', 'seed')
        return {'source': self.regime, **{name: getattr(self, name) for name in names}}

    @property
    def ratios(self) -> np.ndarray:
        """True high-field signals of CSF, GM and WM, relative to WM."""
        medians = tissue_medians(self.truth.image, self.truth.labels)
        return medians / medians[2]


def in_words(regime: str) -> str:
    """Say how the scans of a regime were made, and whose way of scanning that is."""
    if regime == OUTSIDE:
        return "scans of another simulator than ulfprep's"
    made = REGIMES[regime]
    size = ' x '.join(f'{mm:g}' for mm in made.voxel)
    bias = 'a mild receive field' if made.bias else 'no receive field'
    return f'scans simulated at {size} mm and an SNR of {made.snr:g}, {bias}: {made.like}'


def make_truth(image: np.ndarray, labels: np.ndarray, lattice: Grid) -> Truth:
    """Make the truth of a high-field brain and its labels (1 CSF, 2 GM, 3 WM)."""
    mask = labels > 0
    image = np.where(mask, image / np.median(image[labels == 3]), 0).astype(np.float32)
    probs = np.stack([labels == k for k in (1, 2, 3)]).astype(np.float32)
    return Truth(image, probs, mask, lattice)


def simulated_trial(brain: Brain, regime: Regime, seed: int, name: str) -> Trial:
    """Scan a brain; ``seed`` is that of noise and receive field, ``name`` that of the regime."""
    scan, mask = scan_brain(
        low_field_signal(brain.image, brain.labels), brain.labels > 0, regime.voxel,
        snr=regime.snr, seed=seed, bias=regime.bias,
    )  # fmt: skip
    return Trial(
        name, brain.name, scan, mask, resized_grid(brain.lattice, regime.voxel),
        make_truth(brain.image, brain.labels, brain.lattice), labels_by=brain.labels_by,
        snr=regime.snr, seed=seed, signals=RATIOS[:2],
    )  # fmt: skip


def outside_trials(folder: Path) -> Iterator[Trial]:
    """Yield the scans of another simulator with the high-field images behind them.

    ``folder`` holds ``bids/sub-NAME/anat/sub-NAME_T1w.nii.gz`` with its sidecar, and in ``truth``,
    on a lattice of 1 mm along the scan's axes, ``NAME_T1w.nii.gz`` and ``NAME_dseg.nii.gz``
    (1 CSF, 2 GM, 3 WM). Where the truth's brain is and the scan is not zero is the mask.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing, image and labels of a truth are not of one grid, or a sidecar tells
        no field.
    """
    scans = sorted(folder.glob('bids/sub-*/anat/sub-*_T1w.nii.gz'))
    if not scans:
        raise FileNotFoundError(f'{folder}: no bids/sub-*/anat/sub-*_T1w.nii.gz in it')
    for path in scans:
        name = path.name.removeprefix('sub-').removesuffix('_T1w.nii.gz')
        sidecar = path.with_name(f'sub-{name}_T1w.json')
        known = [folder / 'truth' / f'{name}_{kind}.nii.gz' for kind in ('T1w', 'dseg')]
        for needed in (*known, sidecar):
            if not needed.is_file():
                raise FileNotFoundError(f'{needed} is missing: {path.name} cannot be scored')
        metadata = json.loads(sidecar.read_text(encoding='utf-8'))
        if not isinstance(metadata.get('MagneticFieldStrength'), int | float):
            raise ValueError(f'{sidecar}: MagneticFieldStrength (tesla) is missing in it')
        scan, grid = load_canonical(path)
        (image, its), (labels, lattice) = map(load_canonical, known)
        if its.shape != lattice.shape or not np.allclose(its.affine, lattice.affine, atol=1e-3):
            raise ValueError(f'{known[0]} must lie on the grid of {known[1].name}')
        labels = np.rint(labels).astype(np.uint8)
        mask = carry_mask(labels > 0, lattice, grid) & (scan > 0)
        yield Trial(OUTSIDE, name, scan, mask, grid, make_truth(image, labels, lattice), metadata)


def gather(options, say, names=LABELLED, high_field: bool = True) -> Iterator[Trial]:
    """Yield the scans that a command asks for; ``say`` is told what is left out.

    Simulated ones differ by SNR, voxel and seed, of each the first if it is to be quick.
    """
    if options.cases is not None:
        yield from outside_trials(options.cases)
    if options.data is None:
        return
    brains = list(find_brains(options.data, names, say))
    if high_field:
        yield from map(high_field_trial, brains)
    quick = options.quick
    snrs, voxels = (SNRS[1:2], VOXELS[:1]) if quick else (SNRS, VOXELS)
    for seed in range(1, (1 if quick else options.seeds) + 1):
        for snr in snrs:
            for voxel in voxels:
                for brain in brains:
                    yield simulated_trial(brain, Regime(voxel, snr, BIAS), seed, 'simulated')


def high_field_trial(brain) -> Trial:
    """Return a brain as it was scanned at high field."""
    csf, gm, wm = tissue_medians(brain.image, brain.labels)
    truth = make_truth(brain.image, brain.labels, brain.lattice)
    signals = float(csf / wm), float(gm / wm)
    return Trial(HIGH, brain.name, brain.image, truth.mask, brain.lattice, truth, signals=signals)


def remapped(image: np.ndarray, labels: np.ndarray, signals) -> np.ndarray:
    """Give a T1w brain other tissue signals, voxel by voxel.

    Intensities are mapped along straight lines through the three tissues' medians, which become
    ``signals`` (of CSF, GM, WM), so that mixtures and the brain's own texture stay what they are
    between the tissues. The labels (1 CSF, 2 GM, 3 WM) do no more than place the medians.

    Raises
    ------
    ValueError
        If the tissues' medians or the signals do not rise from CSF to WM.
    """
    medians, signals = tissue_medians(image, labels), np.asarray(signals, float)
    if not (np.diff(medians) > 0).all() or not (np.diff(signals) > 0).all():
        raise ValueError('CSF, GM and WM must rise in brightness, as they do in T1w')
    top = 1.5 * medians[2]
    slope = (signals[2] - signals[1]) / (medians[2] - medians[1])
    end = signals[2] + slope * (top - medians[2])
    return np.interp(image, (0, *medians, top), (0, *signals, end))


def low_field_signal(image: np.ndarray, labels: np.ndarray, ratios=RATIOS) -> np.ndarray:
    """Give a high-field brain the contrast of a low field, float32, zero outside the labels."""
    return np.where(labels > 0, remapped(image, labels, ratios), 0).astype(np.float32)


def scan_brain(
    signal: np.ndarray, brain: np.ndarray, voxel, *, snr: float, seed: int, bias: float = 0.12
) -> tuple[np.ndarray, np.ndarray]:
    """Scan a 1 mm brain: receive field, k-space, slices (the last axis), noise, magnitude.

    ``voxel`` is in mm, and must fill the extents of ``signal``, whose WM is about one; ``snr`` is
    that over the noise's s.d. in one channel, ``bias`` the s.d. of the logarithm of the receive
    field.

    Returns
    -------
    scan : numpy.ndarray, shape (X, Y, Z), float32
        Zero outside the brain, as skull-stripping leaves it.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
    """
    counts = [round(n / v) for n, v in zip(signal.shape, voxel, strict=True)]
    if not np.allclose(np.multiply(counts, voxel), signal.shape):
        raise ValueError(f'voxels of {tuple(voxel)} mm do not fill {signal.shape} mm')
    plane = [_truncation(n, m) for n, m in zip(signal.shape[:2], counts[:2], strict=True)]
    profile = _slices(signal.shape[2], counts[2])
    field = receive_field(brain, bias, stream(seed, 'receive field'))
    seen = np.einsum('xyz,Xx,Yy,Zz->XYZ', signal * field, *plane, profile, optimize=True)
    boxes = [_slices(n, m, ramp=0) for n, m in zip(signal.shape, counts, strict=True)]
    share = np.einsum('xyz,Xx,Yy,Zz->XYZ', brain.astype(float), *boxes, optimize=True)
    rng, sigma = stream(seed, 'noise'), 1 / snr
    real = seen + sigma * rng.standard_normal(seen.shape)
    magnitude = np.hypot(real, sigma * rng.standard_normal(seen.shape))
    mask = share > 0.5
    return np.where(mask, magnitude, 0).astype(np.float32), mask


def receive_field(brain: np.ndarray, sd: float, rng) -> np.ndarray:
    """Draw a smooth receive field: half-waves of the field of view, in its logarithm.

    Over the brain that is zero on average, its standard deviation ``sd``.
    """
    waves = [np.cos(np.pi * (np.arange(n) + 0.5) / n) for n in brain.shape]
    x, y, z = np.ix_(*waves)
    parts = (x, y, z, x * y, y * z, x * z)
    log = sum(c * part for c, part in zip(rng.standard_normal(6), parts, strict=True))
    log = log - log[brain].mean()
    return np.exp(sd * log / log[brain].std())


def _positions(n, m):
    """Centres of m voxels in indices of the n that share their field of view."""
    return (np.arange(m) + 0.5) * n / m - 0.5


def _truncation(n, m):
    """Matrix that keeps the lowest part of n points' spectrum and samples it at m."""
    frequency = np.fft.fftfreq(n)
    part = np.abs(frequency) * 2 * n / m
    weight = np.where(part <= 1, np.cos(np.pi / 2 * np.clip((part - 1 + TAPER) / TAPER, 0, 1)), 0)
    distance = _positions(n, m)[:, None] - np.arange(n)
    waves = np.cos(2 * np.pi * frequency[:, None, None] * distance)
    return np.einsum('f,fmn->mn', weight, waves) / n


def _slices(n, m, ramp=1):
    """Matrix of slice profiles as wide at half their height as a slice; boxes without ramp."""
    distance = np.abs(_positions(n, m)[:, None] - np.arange(n)) * m / n
    profile = np.cos(np.pi / 2 * np.minimum(distance, 1)) ** 2 if ramp else distance <= 0.5
    return profile / profile.sum(axis=1, keepdims=True)
