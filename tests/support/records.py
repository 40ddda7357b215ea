"""The record of a scan for tests: that of a finished one, but for what a test says."""

from dataclasses import replace

from plans import PLAN

from ulfprep.metrics.registry import all_metrics
from ulfprep.metrics.verdict import judge
from ulfprep.note import Note
from ulfprep.record import FusionRecord, ScanRecord, SimulationRecord, Verdict

RECORD = ScanRecord(
    entities={'subject': '01', 'session': None},
    modality='T1w',
    source='bids:raw:sub-01/anat/sub-01_T1w.nii.gz',
    direction='enhance',
    verdict=Verdict('usable'),
    metrics={'residual_rms': 1.02, 'lpips': None},
    null_reasons={'lpips': 'there is no reference image'},
    notes=(Note('The scan came with its skull.'),),
    contrast=PLAN,
    segmentation={'method': 'embedded HMRF-EM', 'means': [1, 2, 3], 'sds': [1, 1, 1]},
    precomputed=None,
    fit={'history': {}, 'options': {}, 'stopped': 'epochs', 'notes': [], 'device': 'cpu'},
    simulation=None,
    reference=None,
    fusion=None,
    methods='The bias field was corrected with N4 [@n4].',
    settings={'random_seed': 1, 'segmentation': 'auto', 'output_resolution': 1.0},
    settings_hash='0123456789ab',
    seed=1,
    versions={'ulfprep': '0.1.0', 'python': '3.11'},
    input_digest='0123456789abcdef',
)
#: A value of every metric of enhanced scans that no rule of the verdict speaks against.
METRICS = dict.fromkeys(all_metrics(), 1.0) | {
    'contrast_target': 0.4, 'contrast_wm_gm': 0.4, 'snr_wm': 16.0, 'volume_brain': 1900.0,
    'residual_mean': 0.01, 'residual_beyond_3': 0.003, 'tissue_change_mean': 0.02,
    'uncertainty_p95': 0.15, 'contrast_gain': 2.0,
}  # fmt: skip
SIMULATION = SimulationRecord(
    voxel_size_mm=(1.6, 1.6, 5.0),
    psf='slice-profile',
    snr=14.0,
    noise_sd=7.5,
    bias_strength=0.1,
    noise_fwhm_mm=2.0,
    keep_head=False,
    seed=7,
    stream='sub-01_T1w',
    n_realisations=1,
)
FUSION = FusionRecord(
    role='fused',
    output='sub-01_T1w',
    reference='sub-01_run-1_T1w',
    scans=(),
    registrations=(),
    left_out=(),
    digest='0123456789abcdef',
)


def make_record(**changes) -> ScanRecord:
    """Return :data:`RECORD` with other values."""
    return replace(RECORD, **changes)


def make_json(**changes) -> dict:
    """Return :data:`RECORD` with other values as a QC file holds it."""
    return make_record(**changes).to_json()


def judged(content: dict) -> dict:
    """Return the content of a QC file with the verdict that its metrics give."""
    verdict = judge(content['metrics'], content['direction'])
    return content | {'verdict': {'level': verdict.level, 'reasons': list(verdict.reasons)}}
