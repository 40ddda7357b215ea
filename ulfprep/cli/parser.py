"""Command line arguments to :class:`~ulfprep.settings.Settings`.

Only the standard library is imported here, so that ``--help`` and ``--version``
answer at once.
"""

import argparse
import os
import re
import sys
from pathlib import Path
from typing import NoReturn

from ulfprep import __version__
from ulfprep.cli.exit_codes import Exit
from ulfprep.settings import Settings

DESCRIPTION = """\
ulfprep enhances ultra-low-field (64 mT) T1-weighted MRI by physics, one scan at a
time, without training data; it also simulates such scans from high-field ones.
Research use only: not a medical device."""

EPILOG = """\
examples:
  ulfprep data/ results/ participant
  ulfprep data/ results/ participant --participant-label 01 02 --nprocs 8
  ulfprep data/ results/ participant --source-field 0.064 --target-field 3
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


def _label(prefix: str):
    """Return a converter that takes a BIDS label with or without its prefix."""

    def convert(text: str) -> str:
        label = text.removeprefix(prefix)
        if not re.fullmatch(r'[A-Za-z0-9+]+', label):
            raise argparse.ArgumentTypeError(
                f'{text!r} is no BIDS label: letters and digits only, such as {prefix}01 or 01'
            )
        return label

    return convert


def _field_strength(text: str) -> float:
    """Convert a field strength in tesla."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.001 <= value <= 20:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no field strength in tesla between 0.001 and 20 (64 mT is 0.064)'
        )
    return value


def _count(text: str) -> int:
    """Convert a whole number of at least one."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number of at least 1')
    return int(text)


def _seed(text: str) -> int:
    """Convert a random seed, 0 to 2**32 - 1 (what every generator here accepts)."""
    if not text.isascii() or not text.isdigit() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number from 0 to 4294967295')
    return int(text)


def _device(text: str) -> str:
    """Convert the name of a device."""
    if not re.fullmatch(r'auto|cpu|cuda(:\d+)?', text):
        raise argparse.ArgumentTypeError(f'{text!r} is not auto, cpu, cuda or cuda:N')
    return text


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
        type=_label('sub-'),
        default=[],
        metavar='LABEL',
        help='only these participants, with or without sub- (default: all)',
    )
    which.add_argument(
        '--session-label',
        '--session_label',
        nargs='+',
        type=_label('ses-'),
        default=[],
        metavar='LABEL',
        help='only these sessions, with or without ses- (default: all)',
    )

    physics = parser.add_argument_group('physics')
    physics.add_argument(
        '--target-field',
        type=_field_strength,
        metavar='TESLA',
        help='field strength to synthesise (default: 3 for scans under 0.3 T, '
        "for all others 0.064); above the scan's own it enhances, below it simulates",
    )
    physics.add_argument(
        '--source-field',
        type=_field_strength,
        metavar='TESLA',
        help='field strength of scans whose sidecar lacks MagneticFieldStrength',
    )

    method = parser.add_argument_group('how to compute')
    method.add_argument(
        '--segmentation',
        choices=('auto', 'fast', 'embedded'),
        default='auto',
        help='tissue segmentation: FSL FAST, the embedded HMRF-EM, or FAST where FSL is '
        'installed (default: auto)',
    )
    method.add_argument(
        '--random-seed',
        type=_seed,
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
        type=_device,
        default='auto',
        metavar='auto|cpu|cuda[:N]',
        help='where to fit; auto takes a GPU where there is one (default: auto)',
    )
    machine.add_argument(
        '--nprocs',
        type=_count,
        metavar='N',
        help='CPUs to use in all (default: all this process may use)',
    )
    machine.add_argument(
        '--omp-nthreads',
        type=_count,
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
        device=options.device,
        nprocs=nprocs,
        # More threads a scan than CPUs in all would only fight each other.
        omp_nthreads=min(options.omp_nthreads or 8, nprocs),
        work_dir=_absolute(options.work_dir),
        random_seed=options.random_seed,
        sloppy=options.sloppy,
        segmentation=options.segmentation,
        verbose=options.verbose,
    )


def _absolute(path: Path) -> Path:
    """Return the path made absolute, with ``~`` and symbolic links resolved."""
    return path.expanduser().resolve()
