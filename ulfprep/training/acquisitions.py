"""Random acquisitions, and the scans that our own physics makes of structures by them."""

from dataclasses import dataclass, replace

import numpy as np

from ulfprep.physics.acquisition import acquisition_matrices, add_rician_noise, apply_matrices
from ulfprep.physics.grid import Grid
from ulfprep.physics.psf import KINDS
from ulfprep.physics.sequences import PRESETS, ULTRA_LOW_FIELD, Sequence
from ulfprep.physics.simulation import bias_field
from ulfprep.segmentation.network import CHANNELS
from ulfprep.training.deform import rotation, smooth_field
from ulfprep.training.maps import NAMES

#: Presets of each modality below and above :data:`ULTRA_LOW_FIELD`, and how often each is drawn.
SEQUENCES = {
    ('T1w', True): {'ULF-T1w': 0.85, 'HF-T1w-SE': 0.1, 'HF-T1w-SPGR': 0.05},
    ('T2w', True): {'ULF-T2w': 1.0},
    ('FLAIR', True): {'ULF-FLAIR': 1.0},
    ('T1w', False): {'HF-T1w': 0.75, 'HF-T1w-SPGR': 0.15, 'HF-T1w-SE': 0.1},
    ('T2w', False): {'HF-T2w': 1.0},
    ('FLAIR', False): {'HF-FLAIR': 1.0},
}
#: How often each set of scans is drawn.
SUBSETS = {
    ('T1w',): 0.32,
    ('T2w',): 0.15,
    ('FLAIR',): 0.14,
    ('T1w', 'T2w'): 0.07,
    ('T1w', 'FLAIR'): 0.05,
    ('T2w', 'FLAIR'): 0.05,
    CHANNELS: 0.22,
}


@dataclass(frozen=True, eq=False)
class Acquisition:
    """How one scan of a head is made."""

    modality: str
    field: float  # tesla
    sequence: Sequence
    voxel_size: tuple  # along the axes of the lattice, mm
    offset: tuple  # of the first voxel's centre from that of the lattice, mm
    psf: str  # one of ulfprep.physics.psf.KINDS
    psf_fwhm: tuple  # mm
    snr: float  # of white matter
    noise_fwhm: float  # correlation of the noise in the plane of the slices, voxels; 0 for none
    bias: float  # s.d. of the logarithm of the bias field that is left
    gain: float  # factor that the scan's level is wrong by
    exponent: float  # of the scanner's transfer curve; one where it is linear
    stripped: bool  # whether nothing outside the brain mask gives signal
    motion: np.ndarray | None  # 4x4, of the head since the first scan, about its centre, mm


def draw_session(rng: np.random.Generator) -> list[Acquisition]:
    """Draw the scans of one head, of which the first has not moved."""
    modalities = list(SUBSETS)[rng.choice(len(SUBSETS), p=list(SUBSETS.values()))]
    low = rng.random() < 0.8
    ends = (0.03, ULTRA_LOW_FIELD) if low else (ULTRA_LOW_FIELD, 3.0)
    field = 0.064 if low and rng.random() < 0.5 else float(np.exp(rng.uniform(*np.log(ends))))
    kind, axis, stripped = _voxel_kind(rng, low), _slice_axis(rng), bool(rng.random() < 0.5)
    session = []
    for number, modality in enumerate(modalities):
        if number and rng.random() < 0.3:
            kind, axis = _voxel_kind(rng, low), _slice_axis(rng)
        motion = _motion(rng) if number else None
        session.append(_acquisition(rng, modality, field, kind, axis, stripped, motion))
    return session


def draw_sequence(rng: np.random.Generator, modality: str, field: float) -> Sequence:
    """Draw a sequence: a preset's timings with a spread of about 10 %."""
    presets = SEQUENCES[modality, field < ULTRA_LOW_FIELD]
    preset = PRESETS[list(presets)[rng.choice(len(presets), p=list(presets.values()))]]

    def about(value, spread=0.1):
        return float(value * np.exp(np.clip(rng.normal(0, spread), -2.5 * spread, 2.5 * spread)))

    train = about(preset.train_duration)
    if field < ULTRA_LOW_FIELD:  # nowhere stated; echo trains of 0.25 s are likely as well
        train *= float(rng.uniform(0.4, 1.1))
    repetition, inversion = about(preset.repetition_time), about(preset.inversion_time)
    if modality == 'T2w' and rng.random() < 0.5:
        # Fluid is often far brighter than the nominal repetition time allows, as where the end
        # of the echo train turns magnetisation back: as if there were more time.
        repetition *= float(rng.uniform(1.0, 4.0))
    return replace(
        preset,
        repetition_time=repetition,
        echo_time=about(preset.echo_time, 0.2 if modality == 'T2w' else 0.15),
        inversion_time=inversion,
        train_duration=min(train, 0.9 * (repetition - inversion)),
        flip_angle=about(preset.flip_angle) if preset.flip_angle < 90 else preset.flip_angle,
        inversion_efficiency=float(rng.uniform(0.88, 1.0)),
    )


def _acquisition(rng, modality, field, kind, axis, stripped, motion):
    size = _voxel_size(rng, kind, axis)
    fwhm = tuple(float(v * rng.uniform(0.75, 1.2)) for v in size)
    on_lattice = kind == 'millimetre' and rng.random() < 0.5
    if on_lattice:
        size = (1.0, 1.0, 1.0)
    low = (5, 50) if kind != 'millimetre' else (10, 60)
    return Acquisition(
        modality=modality,
        field=field,
        sequence=draw_sequence(rng, modality, field),
        voxel_size=size,
        offset=(0.0,) * 3 if on_lattice else tuple(float(rng.uniform(0, v)) for v in size),
        psf=KINDS[rng.choice(len(KINDS), p=(0.4, 0.3, 0.3))],
        psf_fwhm=fwhm,
        snr=float(np.exp(rng.uniform(*np.log(low)))),
        noise_fwhm=float(rng.uniform(0.6, 2.0)) if rng.random() < 0.5 else 0.0,
        bias=float(rng.uniform(0, 0.1)),
        gain=float(np.exp(rng.normal(0, 0.07))),
        exponent=float(np.exp(rng.normal(0, 0.1))),
        stripped=stripped,
        motion=motion,
    )


def _voxel_kind(rng, low):
    kinds = ('thick', 'isotropic', 'any', 'millimetre')
    return kinds[rng.choice(4, p=(0.68, 0.15, 0.12, 0.05) if low else (0.25, 0.1, 0.15, 0.5))]


def _slice_axis(rng):
    return 2 if rng.random() < 0.65 else int(rng.integers(3))


def _voxel_size(rng, kind, axis):
    if kind == 'millimetre':
        size = np.exp(rng.normal(0, 0.08)) * np.ones(3)
    elif kind == 'isotropic':
        size = rng.uniform(1.2, 3.2) * np.ones(3)
    elif kind == 'any':
        size = rng.uniform(1.0, 4.0, 3)
    else:
        size = rng.uniform(1.0, 2.3) * np.exp(rng.normal(0, 0.05, 3))
        size[axis] = rng.uniform(4.0, 6.0) if rng.random() < 0.7 else rng.uniform(2.5, 7.0)
    return tuple(float(v) for v in np.clip(size, 0.8, 7.0))


def _motion(rng):
    """Registered well in most sessions, by up to 2 mm and 2 degrees wrong in the others."""
    most = 0.3 if rng.random() < 0.5 else 2.0
    out = np.eye(4)
    scale = np.exp(rng.normal(0, 0.01, 3)).clip(0.95, 1.05) if most > 1 else np.ones(3)
    out[:3, :3] = rotation(np.deg2rad(rng.uniform(-most, most, 3))) @ np.diag(scale)
    out[:3, 3] = rng.uniform(-most, most, 3)
    return out


def scan_grid(acquisition: Acquisition, lattice: Grid) -> Grid:
    """Voxels of a scan over a 1 mm lattice, from its first voxel's centre on."""
    size, offset = np.array(acquisition.voxel_size), np.array(acquisition.offset)
    room = np.array(lattice.shape) - 1 - offset
    shape = np.maximum(np.floor(room / size + 1e-6).astype(int) + 1, 1)
    affine = np.diag([*size, 1.0])
    affine[:3, 3] = offset
    return Grid(tuple(map(int, shape)), np.asarray(lattice.affine) @ affine)


def paint(
    labels: np.ndarray, signals: np.ndarray, acquisition: Acquisition, rng: np.random.Generator
) -> np.ndarray:
    """Noise-free image of structures on the lattice before the scanner averages it.

    ``signals`` are those of each structure, relative to white matter. Tissue is not uniform, the
    fluid around the brain least of all.
    """
    image = (signals ** np.float32(acquisition.exponent))[labels]
    amplitude, length = np.float32(rng.uniform(0, 0.05)), rng.uniform(3, 12)
    factor = 1 + amplitude * smooth_field(rng, labels.shape, length)
    grain = np.float32(rng.uniform(0, 0.06))
    factor += grain * rng.standard_normal(labels.shape, np.float32)
    if rng.random() < 0.5:
        wild = np.float32(0.35) * smooth_field(rng, labels.shape, 6)
        fluid = labels == NAMES.index('CSF')
        factor[fluid] += wild[fluid]
    return image * factor.clip(0)


def make_scan(
    image: np.ndarray,
    mask: np.ndarray,
    lattice: Grid,
    acquisition: Acquisition,
    rng: np.random.Generator,
) -> tuple[np.ndarray, Grid]:
    """Acquire an image of :func:`paint`: point-spread function, sampling, bias field, noise.

    Returns the magnitudes and their grid; ``mask`` is the brain's, on the lattice.
    """
    grid = scan_grid(acquisition, lattice)
    matrices = acquisition_matrices(grid, lattice, acquisition.psf_fwhm, acquisition.psf)
    brain = apply_matrices(matrices, mask.astype(np.float32)) > 0.5
    if acquisition.stripped:
        image = np.where(mask, image, 0)
    expected = apply_matrices(matrices, image)
    if acquisition.bias > 0:
        expected = expected * bias_field(grid, brain, acquisition.bias, rng)
    widest = int(np.argmax(acquisition.voxel_size))
    fwhm = [0.0 if axis == widest else acquisition.noise_fwhm for axis in range(3)]
    scan = add_rician_noise(expected, 1 / acquisition.snr, rng, fwhm)
    if acquisition.stripped:
        scan = np.where(brain, scan, 0)
    return scan, grid
