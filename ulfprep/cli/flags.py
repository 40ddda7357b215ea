"""Flags that say what to make of the scans: they change results."""

from pathlib import Path

from ulfprep.cli import values
from ulfprep.settings import BACKBONES, Settings


def add_target(group) -> None:
    """Add what says how the result should look."""
    group.add_argument(
        '--target-field',
        type=values.field_strength,
        metavar='TESLA',
        help='field strength to synthesise (default: 3 for scans under 0.3 T, '
        "for all others 0.064); above the scan's own it enhances, below it simulates",
    )
    group.add_argument(
        '--source-sequence',
        type=values.sequence,
        metavar='NAME|FILE.json',
        help='sequence of the scans, in place of what their sidecars say: as for '
        '--target-sequence; for one modality at a time',
    )
    either = group.add_mutually_exclusive_group()
    either.add_argument(
        '--target-sequence',
        type=values.sequence,
        metavar='NAME|FILE.json',
        help='sequence at the target: HF-T1w (MPRAGE), HF-T1w-SPGR, HF-T1w-SE, HF-T2w, '
        'HF-FLAIR, ULF-T1w, ULF-T2w, ULF-FLAIR, or a JSON file with kind, repetition_time, '
        'echo_time ... in seconds (default: by modality and field)',
    )
    either.add_argument(
        '--target-like',
        type=Path,
        metavar='FILE',
        help='take the tissue contrasts of this scan (NIfTI, its sidecar beside it)',
    )
    group.add_argument(
        '--target-contrast',
        nargs='+',
        default=[],
        metavar='A-B=C',
        help='contrasts 2(a-b)/(a+b) to reach, such as WM-GM=0.45 WM-CSF=1.2; physics gives '
        'what is not stated',
    )
    group.add_argument(
        '--output-resolution',
        type=values.output_resolution,
        default=Settings.output_resolution,
        metavar='MM',
        help='voxel size of the enhanced image, its tissues and maps; the fit stays at 1 mm '
        '(default: 1)',
    )
    group.add_argument(
        '--relaxation',
        type=values.relaxation,
        metavar='FILE',
        help='own relaxation values over the built-in ones: JSON list or TSV with the columns '
        'tissue, field_T, T1_ms, T2_ms, PD',
    )


def add_scan(group) -> None:
    """Add what a user knows of the scan and its sidecar does not say."""
    group.add_argument(
        '--source-field',
        type=values.field_strength,
        metavar='TESLA',
        help='field strength of the scans, in place of what their sidecars say',
    )
    group.add_argument(
        '--acquired-resolution',
        nargs=3,
        type=values.length,
        default=[],
        metavar='MM',
        help='voxel size at acquisition along the axes of the file, for scans that were '
        'resampled since (default: from sidecar, spectrum and header, as the report says)',
    )
    group.add_argument(
        '--skull-strip',
        choices=('auto', 'force', 'skip'),
        default=Settings.skull_strip,
        help='auto: as the sidecar (SkullStripped) or the image says; force: every scan is a '
        'head; skip: every scan is stripped already (default: %(default)s)',
    )
    group.add_argument(
        '--brain-mask',
        type=Path,
        metavar='FILE|DIR',
        help='own brain mask on any grid in the world coordinates of the scan: a NIfTI file for '
        'one scan, or a folder of BIDS derivatives with a *_desc-brain_mask for each',
    )
    group.add_argument(
        '--psf',
        choices=('gaussian', 'slice-profile', 'kspace'),
        default=Settings.psf,
        help='point-spread function, as wide as the acquired voxels (default: %(default)s)',
    )


def add_simulation(group) -> None:
    """Add what only simulated scans need."""
    group.add_argument(
        '--target-resolution',
        nargs=3,
        type=values.length,
        default=list(Settings.target_resolution),
        metavar='MM',
        help='voxel size of the simulated scan (default: 1.6 1.6 5)',
    )
    group.add_argument(
        '--target-snr',
        type=values.positive,
        metavar='SNR',
        help='white-matter SNR (default: 14 at 64 mT and 1.6 x 1.6 x 5 mm, by field and voxel)',
    )
    group.add_argument(
        '--n-realisations',
        type=values.count,
        default=Settings.n_realisations,
        metavar='K',
        help='noisy scans to make of each scan (default: %(default)s)',
    )
    group.add_argument(
        '--bias-strength',
        type=values.not_negative(1.0),
        default=Settings.bias_strength,
        metavar='SD',
        help='s.d. of the logarithm of a smooth receive field (default: none)',
    )
    group.add_argument(
        '--noise-fwhm',
        type=values.not_negative(20.0),
        default=Settings.noise_fwhm,
        metavar='MM',
        help='correlate the noise over this width (default: white noise)',
    )
    group.add_argument(
        '--keep-head',
        action='store_true',
        help='simulate the whole head; what is no brain keeps its intensity',
    )
    group.add_argument(
        '--simulate-as-bids',
        type=Path,
        metavar='DIR',
        help='write the simulated scans as a raw BIDS dataset too',
    )


def add_method(group) -> None:
    """Add how the work is done, as far as it changes results."""
    group.add_argument(
        '--segmentation',
        choices=('auto', 'network', 'embedded', 'fast', 'synthseg'),
        default='auto',
        help='tissue segmentation: by the scan and the anatomy of a network that was trained on '
        'label maps, from the scan alone (embedded), by FSL FAST, or by SynthSeg of FreeSurfer; '
        'auto is the network, or embedded with a --tissue-prior (default: auto)',
    )
    group.add_argument(
        '--tissue-prior',
        choices=('none', 'template'),
        default=Settings.tissue_prior,
        help='prior probabilities of the tissues in the embedded segmentation: none, or those of '
        'the MNI152 template, matched affinely (default: %(default)s)',
    )
    group.add_argument(
        '--likelihood',
        choices=('mae', 'rician'),
        default=Settings.likelihood,
        help='how the fit weighs its distance to the scan: mean absolute error, or the Rician '
        'likelihood of magnitudes (default: %(default)s)',
    )
    group.add_argument(
        '--backbone',
        choices=BACKBONES,
        default=Settings.backbone,
        help='what the image is made of: the estimate in closed form (direct), or a network that '
        'is fitted from there on, for comparison: feature lattices with a small Gabor MLP '
        '(lattice), or the Fourier features and Gabor MLP of HULFSynth (wire) '
        '(default: %(default)s)',
    )
    group.add_argument(
        '--random-seed',
        type=values.seed,
        default=Settings.random_seed,
        metavar='N',
        help='the same seed gives the same bytes on the same machine (default: %(default)s)',
    )
    group.add_argument(
        '--sloppy',
        action='store_true',
        help='poor but fast: to try an installation, never for results',
    )
