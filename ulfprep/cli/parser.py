"""Command line arguments to :class:`~ulfprep.settings.Settings`.

Only the standard library is imported here, so that ``--help`` and ``--version``
answer at once.
"""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any, NoReturn

from ulfprep import __version__
from ulfprep.cli.config import POSITIONALS, read_config
from ulfprep.cli.environment import prepared
from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.cli.flags import add_flags
from ulfprep.machine import usable_cpus
from ulfprep.settings import MODALITIES, Settings, Stated

DESCRIPTION = """\
ulfprep enhances ultra-low-field (64 mT) brain MRI by physics, one scan at a time;
it also simulates such scans from high-field ones.
Research use only: not a medical device."""

EPILOG = """\
examples:
  ulfprep data/ results/ participant
  ulfprep data/ results/ participant --participant-label 01 02 --nprocs 8
  ulfprep data/ results/ participant --source-field 0.064 --target-field 3
  ulfprep 3t/ results/ participant --n-realisations 5 --simulate-as-bids ulf/
  ulfprep data/ results/ participant --derivatives fmriprep=data/derivatives/fmriprep
  ulfprep --config-file results/logs/20250101-120000_1a2b3c4d/settings.toml
  ulfprep data/ results/ participant --write-sbatch jobs/
  ulfprep data/ results/ group

exit codes:
   0 all scans finished        1 some scan failed           2 command line not understood
  16 not a valid BIDS dataset 18 nothing selected          64 folders or flags contradict
  65 no scan was usable       66 input missing             73 output cannot be created
  74 input/output error       75 temporary: try again"""
#: Of flags that exclude each other, one on the command line replaces that of a settings file.
RIVALS = {'target_like': 'target_sequence', 'target_sequence': 'target_like'}

#: Settings that are typed as text and that the physics understands.
STATED = ('source_sequence', 'target_sequence', 'relaxation', 'target_contrast')
#: CPUs of a task on a cluster where nobody says how many.
TASK_CPUS = 2


class _Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        line = ' '.join(message.split())
        self.exit(int(Exit.COMMAND_LINE), f'{self.prog}: error: {line} (see {self.prog} --help)\n')


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help with each value's name printed once, not once a spelling of its flag."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f'{", ".join(action.option_strings)} {value}'


def build_parser(positionals: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of the ``ulfprep`` command.

    Parameters
    ----------
    positionals : str, optional
        ``?`` where the folders and the level may be left out.
    """
    parser = _Parser(
        prog='ulfprep',
        usage='%(prog)s [options] bids_dir output_dir {participant,group}',
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    parser.add_argument('bids_dir', nargs=positionals, type=Path, help='the BIDS dataset to read')
    parser.add_argument(
        'output_dir', nargs=positionals, type=Path, help='the derivatives dataset to write'
    )
    parser.add_argument(
        'analysis_level',
        nargs=positionals,
        choices=('participant', 'group'),
        help='participant: enhance each scan and report it; '
        'group: gather the metrics of all finished scans (reads output_dir only)',
    )
    parser.add_argument('--version', action='version', version=f'ulfprep {__version__}')
    parser.add_argument(
        '-v', '--verbose', action='count', default=0, help='say more; -vv says everything'
    )
    add_flags(parser)
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
        With 0 after ``--help`` and ``--version``, with 2 where the command line is not
        understood.
    Stop
        Where the settings of ``--config-file`` cannot be used.
    """
    argv = with_dashes(sys.argv[1:] if argv is None else list(argv))
    file = _config_file(argv)
    if file is None:
        return to_settings(build_parser().parse_args(argv))
    stored = read_config(_absolute(file), build_parser('?'))
    parser = build_parser('?')
    parser.set_defaults(**{name: getattr(stored, name) for name in POSITIONALS})
    options = parser.parse_intermixed_args(argv, argparse.Namespace(**vars(stored)))
    for name, rival in RIVALS.items():
        if getattr(options, name) != getattr(stored, name):
            setattr(options, rival, None)
    if '--target-like' in {argument.partition('=')[0] for argument in argv}:
        options.target_like_digest = ''  # whatever that file holds now is meant
    for name in POSITIONALS:
        if getattr(options, name) is None:
            parser.error(f'{name} is neither given nor in {file}')
    return to_settings(options)


def with_dashes(argv: list[str]) -> list[str]:
    """Return arguments whose flags are spelt with dashes, ``--work_dir`` as ``--work-dir``."""
    spelt = []
    for argument in argv:
        flag, separator, value = argument.partition('=')
        if flag.startswith('--'):
            flag = flag.replace('_', '-')
        spelt.append(flag + separator + value)
    return spelt


def _config_file(argv: list[str]) -> Path | None:
    """Return the file of ``--config-file``, which has to be read before the other flags."""
    parser = _Parser(prog='ulfprep', add_help=False, allow_abbrev=False)
    parser.add_argument('--config-file', type=Path)
    return parser.parse_known_args(argv)[0].config_file


def to_settings(options: argparse.Namespace) -> Settings:
    """Return what was parsed as settings, whose fields have the names of the options."""
    values = vars(options).copy()
    usual = usable_cpus()
    if options.write_sbatch:
        # Of a task: this machine, often a cluster's front door, says nothing about its nodes.
        usual = options.omp_nthreads or TASK_CPUS
        values['node_local_work'] = options.work_dir is None
    values['work_dir'] = options.work_dir or Settings.work_dir
    values['nprocs'] = options.nprocs or usual
    # More threads a scan than CPUs in all would only fight each other.
    values['omp_nthreads'] = min(options.omp_nthreads or 8, values['nprocs'])
    for name in ('participant_label', 'session_label'):
        values[name] = tuple(dict.fromkeys(values[name]))
    values['modalities'] = [m for m in MODALITIES if m in options.modalities]
    stated = {name: values.pop(name) for name in STATED if name in values}
    known = {field.name for field in dataclasses.fields(Settings)}
    settings = Settings(**{
        name: _held(value) for name, value in values.items() if name in known and value is not None
    })  # fmt: skip
    if not any(stated.values()):
        return settings
    with prepared(settings):  # the libraries below read the environment when they are imported
        return dataclasses.replace(settings, **_understood(stated))


def _understood(stated: dict[str, Any]) -> dict[str, Any]:
    """Return what texts of the user mean to the physics."""
    from ulfprep.physics.relaxation import parse_override
    from ulfprep.physics.sequences import parse_sequence
    from ulfprep.physics.targets import parse_contrasts

    parsers = dict.fromkeys(STATED, parse_sequence) | {'relaxation': parse_override}
    try:
        found = {'target_contrast': parse_contrasts(stated.pop('target_contrast') or ())}
        return found | {n: Stated(text, parsers[n](text)) for n, text in stated.items() if text}
    except ValueError as error:
        raise Stop(Exit.USAGE, str(error)) from error


def _held(value: Any) -> Any:
    """Return a value as settings hold it: absolute paths, tuples."""
    if isinstance(value, Path):
        return _absolute(value)
    return tuple(map(_held, value)) if isinstance(value, list | tuple) else value


def _absolute(path: Path) -> Path:
    """Return the path made absolute, with ``~`` and symbolic links resolved."""
    try:
        found = path.expanduser().resolve()
        str(found).encode()
    except (OSError, RuntimeError, ValueError) as error:
        shown = str(path).encode('utf-8', 'backslashreplace').decode()
        raise Stop(Exit.USAGE, f'{shown}: no usable path ({error}); rename or mend it') from error
    return found
