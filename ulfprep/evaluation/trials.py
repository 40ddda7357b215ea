"""Scans whose tissues and high-field image are known: what the benchmarks are made on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ulfprep.evaluation.brains import Brain, load_canonical
from ulfprep.evaluation.examples import Truth
from ulfprep.evaluation.phantoms import RATIOS, low_field_signal, scan_brain, tissue_medians
from ulfprep.physics.grid import Grid, resized_grid
from ulfprep.physics.interpolation import carry_mask


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
    """A scan, its high-field truth and its metadata.

    Attributes
    ----------
    regime : str
        Of :data:`REGIMES`, :data:`OUTSIDE`, or what a benchmark calls its own.
    brain : str
    scan : numpy.ndarray, shape (X, Y, Z), float32
        Zero outside the brain.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
    grid : Grid
        Of the scan.
    truth : ulfprep.evaluation.examples.Truth
        On a lattice of 1 mm, white matter about one.
    metadata : dict
        Sidecar of the scan: all that the enhancement is told.
    labels_by : {'given', 'own'}
        See :class:`ulfprep.evaluation.brains.Brain`.
    snr, seed : float and int, or None
        Of a scan that was simulated here.
    signals : tuple of 2 floats, optional
        True signals of CSF and GM in the scan, relative to WM, where they are known.
    """

    regime: str
    brain: str
    scan: np.ndarray
    mask: np.ndarray
    grid: Grid
    truth: Truth
    metadata: dict = field(default_factory=lambda: dict(METADATA))
    labels_by: str = 'given'
    snr: float | None = None
    seed: int | None = None
    signals: tuple[float, float] | None = None

    @property
    def voxel(self) -> str:
        """Voxel size in mm, as ``1.6x1.6x5``."""
        return 'x'.join(f'{round(float(z), 2):g}' for z in self.grid.zooms)

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

    Where the truth's brain is and the scan is not zero is the mask.

    Parameters
    ----------
    folder : Path
        Holds ``bids/sub-NAME/anat/sub-NAME_T1w.nii.gz`` with its sidecar, and in ``truth``, on a
        lattice of 1 mm along the scan's axes, ``NAME_T1w.nii.gz`` and ``NAME_dseg.nii.gz``
        (1 CSF, 2 GM, 3 WM).

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing, image and labels of a truth are not of one grid, or a sidecar tells
        no field.
    """
    folder = Path(folder)
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
