"""Command line arguments, and settings of an earlier run, to :class:`~ulfprep.settings.Settings`.

Nothing heavy is imported here, so that ``--help`` and ``--version`` answer at once.
"""

import argparse
import dataclasses
import sys
import tomllib
from pathlib import Path
from typing import Any, NoReturn

from ulfprep import __version__
from ulfprep.bids.files import read_text
from ulfprep.cli.environment import prepared
from ulfprep.cli.exit_codes import Exit, Stop, ending_at, usage
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

POSITIONALS = ('bids_dir', 'output_dir', 'analysis_level')
#: What a run does once; a run that is repeated by its settings need not do it again.
ONCE = frozenset({
    'clean_workdir', 'force', 'dry_run', 'reports_only', 'boilerplate_only', 'write_graph',
    'write_sbatch', 'sbatch_args', 'container_image', 'node_local_work',
})  # fmt: skip
#: A setting without a flag: the run itself found it.
FOUND = 'target_like_digest'
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
    """Return the parser of the command; ``?`` where folders and level may be left out."""
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
    """Return the settings that a command line asks for, with absolute paths.

    Raises
    ------
    SystemExit
        With 0 after ``--help`` and ``--version``, with 2 where the command line is not
        understood.
    Stop
        Where the physics does not understand a setting, or ``--config-file`` cannot be used.
    """
    argv = [_with_dashes(argument) for argument in (sys.argv[1:] if argv is None else argv)]
    # This file has to be read before the other flags.
    first = _Parser(prog='ulfprep', add_help=False, allow_abbrev=False)
    first.add_argument('--config-file', type=Path)
    file = first.parse_known_args(argv)[0].config_file
    if file is None:
        return to_settings(build_parser().parse_args(argv))
    stored = read_config(_absolute(file), build_parser('?'))
    parser = build_parser('?')
    parser.set_defaults(**{name: getattr(stored, name) for name in POSITIONALS})
    options = parser.parse_intermixed_args(argv, argparse.Namespace(**vars(stored)))
    flags = {argument.partition('=')[0] for argument in argv}
    if '--target-like' in flags:
        options.target_sequence = None  # these two exclude each other
        options.target_like_digest = ''  # whatever that file holds now is meant
    elif '--target-sequence' in flags:
        options.target_like = None
    for name in POSITIONALS:
        if getattr(options, name) is None:
            parser.error(f'{name} is neither given nor in {file}')
    return to_settings(options)


def _with_dashes(argument: str) -> str:
    """Return an argument whose flag is spelt with dashes, ``--work_dir`` as ``--work-dir``."""
    flag, separator, value = argument.partition('=')
    if flag.startswith('--'):
        flag = flag.replace('_', '-')
    return flag + separator + value


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
    stated = {name: values.pop(name) for name in STATED}
    known = {field.name for field in dataclasses.fields(Settings)}
    settings = Settings(**{
        name: _held(value) for name, value in values.items() if name in known and value is not None
    })  # fmt: skip
    if not any(stated.values()):
        return settings
    with prepared(settings):  # libraries read the environment when they are imported
        from ulfprep.physics.relaxation import parse_override
        from ulfprep.physics.sequences import parse_sequence
        from ulfprep.physics.targets import parse_contrasts

        found: dict[str, Any] = {}
        with ending_at({ValueError: Exit.USAGE}):
            found['target_contrast'] = parse_contrasts(stated.pop('target_contrast'))
            for name, text in stated.items():
                parse = parse_override if name == 'relaxation' else parse_sequence
                found[name] = Stated(text, parse(text)) if text else None
    return dataclasses.replace(settings, **found)


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
        raise usage(f'{shown}: no usable path ({error}); rename or mend it') from error
    return found


def read_config(file: Path, parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the settings of an earlier run, each checked as on the command line.

    Parameters
    ----------
    file : Path
        TOML, as :meth:`ulfprep.settings.Settings.to_toml` wrote it; any setting may be left out.
    parser : argparse.ArgumentParser
        That of the command, with folders and level optional; it is used up.

    Raises
    ------
    Stop
        With one line that names the file.
    """

    def refuse(message: str):
        line = ' '.join(message.split())
        raise usage(f'{file}: {line}; mend it or leave --config-file out')

    parser.error = refuse  # type: ignore[method-assign, assignment]
    try:
        content = tomllib.loads(read_text(file))
    except OSError as error:
        raise Stop(
            Exit.NO_INPUT, f'{file}: cannot be read ({error.strerror or error}); --config-file'
        ) from error
    except (ValueError, RecursionError) as error:
        raise usage(
            f'{file}: not readable as TOML ({" ".join(str(error).split())}); '
            'give the settings.toml of an earlier run (--config-file)'
        ) from error
    stored = {key: value for key, value in content.items() if key not in ONCE}
    if unknown := set(stored) - {field.name for field in dataclasses.fields(Settings)}:
        refuse(f'there is no setting {", ".join(sorted(unknown))}')
    actions = {action.dest: action for action in parser._actions}
    given = dict.fromkeys((*POSITIONALS, FOUND))
    words = []
    for key, value in stored.items():
        if key in given:
            given[key] = value
            if not isinstance(value, str):
                refuse(f'{key} must be text, not {value!r}')
        elif (typed := _typed(actions[key], value)) is None:
            refuse(f'{key} must not be {value!r}')
        else:
            words += typed
    level = given['analysis_level']
    # After `--`, for a folder may be called anything.
    words += ['--', '.', '.', 'participant' if level is None else level]
    options = parser.parse_args(words)
    for key, value in given.items():
        setattr(options, key, Path(value) if value and key.endswith('_dir') else value)
    return options


def _typed(action: argparse.Action, value: Any) -> list[str] | None:
    """Return a setting as it would be typed; None where its kind of value is another."""
    flag = action.option_strings[-1]
    if action.nargs == 0:  # a switch, or -v so many times
        kind, most = (int, 9) if action.dest == 'verbose' else (bool, 1)
        return [flag] * value if type(value) is kind and 0 <= value <= most else None
    several = isinstance(value, list) and action.nargs is not None
    values = value if several else [value]
    texts = list(map(str, values))
    if not all(type(one) in (str, int, float) for one in values):
        return None
    if several and any(text.startswith('-') for text in texts):
        return None
    if value in ('', []):
        return []
    return [flag, *texts] if action.nargs is not None else [f'{flag}={texts[0]}']
