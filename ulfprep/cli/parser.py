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
from ulfprep.cli import flags, values
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

    flags.add_fusion(which)
    flags.add_target(parser.add_argument_group('target: what to synthesise'))
    flags.add_scan(parser.add_argument_group('scan: what is known of it'))
    flags.add_simulation(
        parser.add_argument_group('simulation (targets below the field of the scan)')
    )
    flags.add_method(parser.add_argument_group('how to compute'))
    flags.add_machine(parser.add_argument_group('machine'))
    return parser


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
        fuse=options.fuse,
        target_sequence=options.target_sequence or '',
        target_contrast=tuple(options.target_contrast),
        target_like=options.target_like and _absolute(options.target_like),
        relaxation=options.relaxation or '',
        acquired_resolution=tuple(options.acquired_resolution),
        skull_strip=options.skull_strip,
        brain_mask=options.brain_mask and _absolute(options.brain_mask),
        derivatives=tuple(
            dict.fromkeys(_absolute(Path(text.rpartition('=')[2])) for text in options.derivatives)
        ),
        psf=options.psf,
        likelihood=options.likelihood,
        backbone=options.backbone,
        output_resolution=options.output_resolution,
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
