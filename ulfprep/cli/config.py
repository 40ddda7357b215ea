"""Settings of an earlier run, read from the TOML file beside its log."""

import argparse
import dataclasses
import tomllib
from pathlib import Path

from ulfprep.bids.files import read_text
from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.settings import Settings

POSITIONALS = ('bids_dir', 'output_dir', 'analysis_level')
#: What a run does once; a run that is repeated by its settings need not do it again.
ONCE = frozenset(
    {
        'clean_workdir', 'force', 'dry_run', 'reports_only', 'boilerplate_only', 'write_graph',
        'write_sbatch', 'sbatch_args', 'container_image', 'node_local_work',
    }
)  # fmt: skip
#: Settings without a flag: they were found by the run itself.
FOUND = frozenset({'target_like_digest'})


def read_config(file: Path, parser: argparse.ArgumentParser) -> dict:
    """Read settings from TOML, each checked as on the command line.

    Parameters
    ----------
    file : Path
        As :meth:`ulfprep.settings.Settings.to_toml` wrote it; any setting may be left out.
    parser : argparse.ArgumentParser
        That of the command, with folders and level optional; it is used up.

    Returns
    -------
    dict
        Converted values of the settings in the file, by their names.

    Raises
    ------
    Stop
        With one line that names the file.
    """
    stored = {key: value for key, value in _load(file).items() if key not in ONCE}

    def refuse(message: str):
        line = ' '.join(message.split())
        raise Stop(Exit.USAGE, f'{file}: {line}; mend it or leave --config-file out')

    parser.error = refuse
    settings = {field.name for field in dataclasses.fields(Settings)}
    actions = {action.dest: action for action in parser._actions}
    unknown = set(stored) - settings
    if unknown:
        refuse(f'there is no setting {", ".join(sorted(unknown))}')
    arguments, found = [], {}
    for key, value in stored.items():
        if key in POSITIONALS or key in FOUND:
            if not isinstance(value, str):
                refuse(f'{key} must be text, not {value!r}')
            found[key] = value
        else:
            arguments += _arguments(key, value, actions[key], refuse)
    # After `--`, for a folder may be called anything.
    level = found.get('analysis_level', 'participant')
    options = vars(parser.parse_args([*arguments, '--', '.', '.', level]))
    paths = {k: Path(v) for k, v in found.items() if k in ('bids_dir', 'output_dir')}
    # What is empty or off is as if it were not there.
    return {key: options[key] for key in stored if key in options} | found | paths


def _load(file: Path) -> dict:
    try:
        return tomllib.loads(read_text(file))
    except OSError as error:
        raise Stop(
            Exit.NO_INPUT, f'{file}: cannot be read ({error.strerror or error}); --config-file'
        ) from error
    except (ValueError, RecursionError) as error:
        raise Stop(
            Exit.USAGE,
            f'{file}: not readable as TOML ({" ".join(str(error).split())}); '
            'give the settings.toml of an earlier run (--config-file)',
        ) from error


def _arguments(key: str, value, action: argparse.Action, refuse) -> list[str]:
    """Return a setting as it would be typed."""
    flag = action.option_strings[-1]
    if isinstance(value, bool):
        if action.nargs != 0 or key == 'verbose':
            refuse(f'{key} must not be {str(value).lower()}')
        return [flag] * value
    if key == 'verbose':
        if not isinstance(value, int) or not 0 <= value <= 9:
            refuse(f'{key} must be a number from 0 to 9, not {value!r}')
        return [flag] * value
    if action.nargs == 0:
        refuse(f'{key} must be true or false, not {value!r}')
    items = value if isinstance(value, list) else [value]
    if (action.nargs is None and isinstance(value, list)) or not all(
        isinstance(item, str | int | float) and not isinstance(item, bool) for item in items
    ):
        refuse(f'{key} must not be {value!r}')
    if value in ('', []):
        return []
    if action.nargs is None:
        return [f'{flag}={value}']
    if any(str(item).startswith('-') for item in items):
        refuse(f'{key} must not begin with a dash: {value!r}')
    return [flag, *map(str, items)]
