"""Scans whose high-field image is known: what the benchmark of the enhancement enhances."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ulfprep.evaluation.cases import Case, load_canonical, outside_cases
from ulfprep.evaluation.examples import Truth
from ulfprep.evaluation.phantoms import RATIOS, low_field_signal, scan_brain, tissue_medians
from ulfprep.physics.grid import resized_grid


@dataclass(frozen=True)
class Regime:
    """How a brain is scanned.

    Attributes
    ----------
    voxel : tuple of 3 floats
        Size, mm.
    snr : float
        Of white matter.
    bias : float
        S.d. of the logarithm of the receive field.
    like : str
        Whose way of scanning that is, in words.
    """

    voxel: tuple[float, float, float]
    snr: float
    bias: float
    like: str


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
        Of :data:`REGIMES`, or :data:`OUTSIDE`.
    case : Case
        Scan, mask and true labels.
    truth : Truth
        On the lattice of the labels, white matter about one.
    metadata : dict
        Sidecar of the scan: all that the enhancement is told.
    labels_by : {'given', 'own'}
        Where the labels come from: another tool, or ulfprep's own segmentation of the
        high-field image, which is no independent truth.
    """

    regime: str
    case: Case
    truth: Truth
    metadata: dict
    labels_by: str = 'given'

    @property
    def ratios(self) -> np.ndarray:
        """True high-field signals of CSF, GM and WM, relative to WM."""
        medians = tissue_medians(self.truth.image, self.case.labels)
        return medians / medians[2]


def in_short(regime: str) -> str:
    """Say how the scans of a regime were made; nothing of one that is not known, as of pairs."""
    if regime == OUTSIDE:
        return "scans of another simulator than ulfprep's"
    if regime not in REGIMES:
        return ''
    made = REGIMES[regime]
    size = ' x '.join(f'{mm:g}' for mm in made.voxel)
    return f'scans simulated at {size} mm and an SNR of {made.snr:g}'


def in_words(regime: str) -> str:
    """Say the same with the receive field, and whose way of scanning it is."""
    short = in_short(regime)
    if regime not in REGIMES:
        return short
    made = REGIMES[regime]
    field = 'a mild receive field' if made.bias else 'no receive field'
    return f'{short}, {field}: {made.like}'


def make_truth(image: np.ndarray, labels: np.ndarray, lattice) -> Truth:
    """Make the truth of a high-field brain and its labels (1 CSF, 2 GM, 3 WM)."""
    mask = labels > 0
    image = np.where(mask, image / np.median(image[labels == 3]), 0).astype(np.float32)
    probs = np.stack([labels == k for k in (1, 2, 3)]).astype(np.float32)
    return Truth(image, probs, mask, lattice)


def simulated_trials(brains, regimes, seeds: int) -> Iterator[Trial]:
    """Yield simulated scans, all first seeds first.

    Parameters
    ----------
    brains : sequence of ulfprep.evaluation.sources.Brain
    regimes : sequence of str
        Of :data:`REGIMES`.
    seeds : int
        Scans of each brain and regime, which differ by noise and receive field.

    Yields
    ------
    Trial
    """
    for seed in range(1, seeds + 1):
        for name in regimes:
            for brain in brains:
                yield simulated_trial(brain, REGIMES[name], seed, name)


def simulated_trial(brain, regime: Regime, seed: int, name: str) -> Trial:
    """Scan a brain; see :func:`simulated_trials`."""
    signal = low_field_signal(brain.image, brain.labels)
    scan, mask = scan_brain(
        signal, brain.labels > 0, regime.voxel, snr=regime.snr, seed=seed, bias=regime.bias
    )
    grid = resized_grid(brain.lattice, regime.voxel)
    case = Case(
        'simulated', brain.name, regime.snr, seed, scan, mask, grid, brain.labels,
        brain.lattice, RATIOS[:2],
    )  # fmt: skip
    truth = make_truth(brain.image, brain.labels, brain.lattice)
    return Trial(name, case, truth, METADATA, brain.labels_by)


def outside_trials(folder: Path) -> Iterator[Trial]:
    """Yield the scans of another simulator with the high-field images behind them.

    Parameters
    ----------
    folder : Path
        Laid out as :func:`ulfprep.evaluation.cases.outside_cases` says, with
        ``truth/NAME_T1w.nii.gz`` on the lattice of the labels and the sidecar of each scan.

    Yields
    ------
    Trial

    Raises
    ------
    FileNotFoundError
        If a scan, its truth or its sidecar is missing.
    ValueError
        If image and labels of a truth are not of one shape, or a sidecar tells no field.
    """
    folder = Path(folder)
    for case in outside_cases(folder):
        name = case.brain
        truth = folder / 'truth' / f'{name}_T1w.nii.gz'
        sidecar = folder / 'bids' / f'sub-{name}' / 'anat' / f'sub-{name}_T1w.json'
        for path in (truth, sidecar):
            if not path.is_file():
                raise FileNotFoundError(f'{path} is missing: {name} cannot be scored')
        image, grid = load_canonical(truth)
        if grid.shape != case.lattice.shape:
            raise ValueError(f'{truth} must lie on the grid of {name}_dseg.nii.gz')
        metadata = json.loads(sidecar.read_text())
        if not isinstance(metadata.get('MagneticFieldStrength'), int | float):
            raise ValueError(f'{sidecar}: MagneticFieldStrength (tesla) is missing in it')
        yield Trial(OUTSIDE, case, make_truth(image, case.labels, case.lattice), metadata)
