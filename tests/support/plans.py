"""A contrast plan for tests: that of a 64 mT T1w scan, but for what a test says."""

from dataclasses import replace

from ulfprep.physics import TISSUES
from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.physics.sequences import Sequence, default_sequence

PLAN = ContrastPlan(
    direction='enhance',
    modality='T1w',
    source_field_T=0.064,
    target_field_T=3.0,
    source_sequence=Sequence('IR-FSE', 1.5, 0.005, 0.3),
    target_sequence=default_sequence(3.0, 'T1w'),
    target_sequence_name='HF-T1w',
    defaults_used=('InversionTime is not in the sidecar: 0.3 assumed',),
    notes=(),
    tissues=TISSUES,
    means=(120.0, 300.0, 400.0),
    standard_errors=(2.0, 1.0, 1.0),
    snr=(6.7, 16.7, 22.2),
    snr_standard_errors=(0.1, 0.1, 0.1),
    noise_sigma=18.0,
    noise_method='Rayleigh background',
    noise_shared=1.0,
    target_means=(110.0, 260.0, 400.0),
    target_spread=(5.0, 5.0, 0.0),
    target_sources=('HF-T1w at 3 T',) * 3,
    relaxation={'source': {}, 'target': {}},
    contrast_vector=(1.09, 1.15, 1.0),
    contrast_vector_normalised=(0.95, 1.0, 0.87),
    source_contrast={'WM-GM': 0.286, 'GM-CSF': 0.857, 'WM-CSF': 1.077},
    target_contrast={'WM-GM': 0.424, 'GM-CSF': 0.811, 'WM-CSF': 1.137},
    rank=3,
    condition_number=14.2,
    equations=(
        {'name': 'WM-GM', 'target': 5.6, 'achieved': 5.5, 'residual': -0.1, 'weight': 1.0},
    ),
    active_bounds=(),
    voxel_size_mm=(1.6, 1.6, 5.0),
    psf='gaussian',
    psf_fwhm_mm=(1.6, 1.6, 5.0),
    psf_source='voxel size of the file',
)


def make_plan(**changes) -> ContrastPlan:
    """Return :data:`PLAN` with other values."""
    return replace(PLAN, **changes)
