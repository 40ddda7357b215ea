"""Command line arguments to :class:`~ulfprep.settings.Settings`.

Only the standard library is imported here, so that ``--help`` and ``--version``
answer at once.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from ulfprep import __version__
from ulfprep.cli import values
from ulfprep.cli.exit_codes import Exit
from ulfprep.settings import MODALITIES, Settings

DESCRIPTION = """\
ulfprep enhances ultra-low-field (64 mT) brain MRI by physics, one scan at a time,
without training data; it also simulates such scans from high-field ones.
Research use only: not a medical device."""

EPILOG = """\
examples:
  ulfprep data/ results/ participant
  ulfprep data/ results/ participant --participant-label 01 02 --nprocs 8
  ulfprep data/ results/ participant --source-field 0.064 --target-field 3
  ulfprep 3t/ results/ participant --n-realisations 5 --simulate-as-bids ulf/
  ulfprep data/ results/ group

exit codes:
  0 all scans finished        1 some scan failed          16 not a valid BIDS dataset
  18 labels select nothing    64 wrong usage              65 no scan was usable
  66 input missing            73 cannot create output     74 input/output error
  75 temporary failure"""


class _Parser(argparse.ArgumentParser):
    """An argument parser that ends wrong usage with exit code 64, not 2."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(int(Exit.USAGE), f'{self.prog}: error: {message} (see {self.prog} --help)\n')


def available_cpus() -> int:
    """Return how many CPUs this process may use (which a scheduler may have limited)."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the ``ulfprep`` command."""
    parser = _Parser(
        prog='ulfprep',
        usage='%(prog)s [options] bids_dir output_dir {participant,group}',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument('bids_dir', type=Path, help='the BIDS dataset to read')
    parser.add_argument('output_dir', type=Path, help='the derivatives dataset to write')
    parser.add_argument(
        'analysis_level',
        choices=('participant', 'group'),
        help='participant: enhance each scan and report it; '
        'group: gather the metrics of all finished scans (reads output_dir only)',
    )
    parser.add_argument('--version', action='version', version=f'ulfprep {__version__}')
    parser.add_argument(
        '-v', '--verbose', action='count', default=0, help='say more; -vv says everything'
    )

    which = parser.add_argument_group('which scans')
    which.add_argument(
        '--participant-label',
        '--participant_label',
        nargs='+',
        type=values.label('sub-'),
        default=[],
        metavar='LABEL',
        help='only these participants, with or without sub- (default: all)',
    )
    which.add_argument(
        '--session-label',
        '--session_label',
        nargs='+',
        type=values.label('ses-'),
        default=[],
        metavar='LABEL',
        help='only these sessions, with or without ses- (default: all)',
    )

    which.add_argument(
        '--modalities',
        nargs='+',
        choices=MODALITIES,
        default=['T1w'],
        metavar='SUFFIX',
        help=f'which images: {", ".join(MODALITIES)} (default: T1w)',
    )

    _add_target(parser.add_argument_group('target: what to synthesise'))
    _add_scan(parser.add_argument_group('scan: what is known of it'))
    _add_simulation(parser.add_argument_group('simulation (targets below the field of the scan)'))

    method = parser.add_argument_group('how to compute')
    method.add_argument(
        '--segmentation',
        choices=('auto', 'fast', 'embedded'),
        default='auto',
        help='tissue segmentation: FSL FAST, the embedded one, or FAST where FSL is '
        'installed and no --tissue-prior is asked for (default: auto)',
    )
    method.add_argument(
        '--tissue-prior',
        choices=('none', 'template'),
        default=Settings.tissue_prior,
        help='prior probabilities of the tissues in the embedded segmentation: none, or those of '
        'the MNI152 template, matched affinely (default: %(default)s)',
    )
    method.add_argument(
        '--likelihood',
        choices=('mae', 'rician'),
        default=Settings.likelihood,
        help='how the fit weighs its distance to the scan: mean absolute error, or the Rician '
        'likelihood of magnitudes (default: %(default)s)',
    )
    method.add_argument(
        '--random-seed',
        type=values.seed,
        default=Settings.random_seed,
        metavar='N',
        help='the same seed gives the same bytes on the same machine (default: %(default)s)',
    )
    method.add_argument(
        '--sloppy',
        action='store_true',
        help='poor but fast: to try an installation, never for results',
    )

    machine = parser.add_argument_group('machine')
    machine.add_argument(
        '--device',
        type=values.device,
        default='auto',
        metavar='auto|cpu|cuda[:N]',
        help='where to fit; auto takes a GPU where there is one (default: auto)',
    )
    machine.add_argument(
        '--nprocs',
        type=values.count,
        metavar='N',
        help='CPUs to use in all (default: all this process may use)',
    )
    machine.add_argument(
        '--omp-nthreads',
        type=values.count,
        metavar='N',
        help='CPUs one scan may use; nprocs divided by it is the number of scans at a time '
        '(default: nprocs, at most 8)',
    )
    machine.add_argument(
        '-w',
        '--work-dir',
        type=Path,
        default=Path('work'),
        metavar='DIR',
        help='folder for intermediate files (default: ./work)',
    )
    return parser


def _add_target(group) -> None:
    """Add what says how the result should look."""
    group.add_argument(
        '--target-field',
        type=values.field_strength,
        metavar='TESLA',
        help='field strength to synthesise (default: 3 for scans under 0.3 T, '
        "for all others 0.064); above the scan's own it enhances, below it simulates",
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
        '--relaxation',
        type=values.relaxation,
        metavar='FILE',
        help='own relaxation values over the built-in ones: JSON list or TSV with the columns '
        'tissue, field_T, T1_ms, T2_ms, PD',
    )


def _add_scan(group) -> None:
    """Add what a user knows of the scan and its sidecar does not say."""
    group.add_argument(
        '--source-field',
        type=values.field_strength,
        metavar='TESLA',
        help='field strength of scans whose sidecar lacks MagneticFieldStrength',
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


def _add_simulation(group) -> None:
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


def parse_args(argv: list[str] | None = None) -> Settings:
    """Return the settings that a command line asks for.

    Parameters
    ----------
    argv : list of str or None
        Arguments without the program's name; ``None`` takes those of the process.

    Returns
    -------
    Settings
        Absolute paths, labels without prefix and without repetition.

    Raises
    ------
    SystemExit
        With 0 after ``--help`` and ``--version``, with 64 for wrong usage.
    """
    options = build_parser().parse_args(argv)
    nprocs = options.nprocs or available_cpus()
    return Settings(
        bids_dir=_absolute(options.bids_dir),
        output_dir=_absolute(options.output_dir),
        analysis_level=options.analysis_level,
        participant_label=tuple(dict.fromkeys(options.participant_label)),
        session_label=tuple(dict.fromkeys(options.session_label)),
        target_field=options.target_field,
        source_field=options.source_field,
        modalities=tuple(m for m in MODALITIES if m in options.modalities),
        target_sequence=options.target_sequence or '',
        target_contrast=tuple(options.target_contrast),
        target_like=options.target_like and _absolute(options.target_like),
        relaxation=options.relaxation or '',
        acquired_resolution=tuple(options.acquired_resolution),
        skull_strip=options.skull_strip,
        brain_mask=options.brain_mask and _absolute(options.brain_mask),
        psf=options.psf,
        likelihood=options.likelihood,
        target_resolution=tuple(options.target_resolution),
        target_snr=options.target_snr,
        n_realisations=options.n_realisations,
        bias_strength=options.bias_strength,
        noise_fwhm=options.noise_fwhm,
        keep_head=options.keep_head,
        simulate_as_bids=options.simulate_as_bids and _absolute(options.simulate_as_bids),
        device=options.device,
        nprocs=nprocs,
        # More threads a scan than CPUs in all would only fight each other.
        omp_nthreads=min(options.omp_nthreads or 8, nprocs),
        work_dir=_absolute(options.work_dir),
        random_seed=options.random_seed,
        sloppy=options.sloppy,
        segmentation=options.segmentation,
        tissue_prior=options.tissue_prior,
        verbose=options.verbose,
    )


def _absolute(path: Path) -> Path:
    """Return the path made absolute, with ``~`` and symbolic links resolved."""
    return path.expanduser().resolve()
