"""Settings of an earlier run, read from the TOML file beside its log."""

import argparse
import dataclasses
import tomllib
from pathlib import Path
from typing import Any

from ulfprep.bids.files import read_text
from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.settings import Settings

POSITIONALS = ('bids_dir', 'output_dir', 'analysis_level')
#: What a run does once; a run that is repeated by its settings need not do it again.
ONCE = frozenset({
    'clean_workdir', 'force', 'dry_run', 'reports_only', 'boilerplate_only', 'write_graph',
    'write_sbatch', 'sbatch_args', 'container_image', 'node_local_work',
})  # fmt: skip
#: A setting without a flag: the run itself found it.
FOUND = 'target_like_digest'


def read_config(file: Path, parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read settings from TOML, each checked as on the command line.

    Parameters
    ----------
    file : Path
        As :meth:`ulfprep.settings.Settings.to_toml` wrote it; any setting may be left out.
    parser : argparse.ArgumentParser
        That of the command, with folders and level optional; it is used up.

    Returns
    -------
    argparse.Namespace
        What the flags would have given.

    Raises
    ------
    Stop
        With one line that names the file.
    """

    def refuse(message: str):
        line = ' '.join(message.split())
        raise Stop(Exit.USAGE, f'{file}: {line}; mend it or leave --config-file out')

    parser.error = refuse  # type: ignore[method-assign, assignment]
    stored = {key: value for key, value in _load(file).items() if key not in ONCE}
    if unknown := set(stored) - {field.name for field in dataclasses.fields(Settings)}:
        refuse(f'there is no setting {", ".join(sorted(unknown))}')
    actions = {action.dest: action for action in parser._actions}
    words, given = [], {}
    for key, value in stored.items():
        if key in POSITIONALS or key == FOUND:
            given[key] = value
            if not isinstance(value, str):
                refuse(f'{key} must be text, not {value!r}')
        elif (typed := _typed(actions[key], value)) is None:
            refuse(f'{key} must not be {value!r}')
        else:
            words += typed
    # After `--`, for a folder may be called anything.
    level = given.get('analysis_level', 'participant')
    options = parser.parse_args([*words, '--', '.', '.', level])
    for key in (*POSITIONALS, FOUND):
        value = given.get(key)
        setattr(options, key, Path(value) if value and key.endswith('_dir') else value)
    return options


def _load(file: Path) -> dict[str, Any]:
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


def _typed(action: argparse.Action, value: Any) -> list[str] | None:
    """Return a setting as it would be typed; None where its kind of value is another."""
    flag = action.option_strings[-1]
    if action.nargs == 0:  # a switch, or -v so many times
        kind, most = (int, 9) if action.dest == 'verbose' else (bool, 1)
        return [flag] * value if type(value) is kind and 0 <= value <= most else None
    several = isinstance(value, list) and action.nargs is not None
    texts = [str(one) for one in value] if several else [str(value)]
    single = all(type(one) in (str, int, float) for one in (value if several else [value]))
    if not single or (several and any(text.startswith('-') for text in texts)):
        return None
    if value in ('', []):
        return []
    return [flag, *texts] if action.nargs is not None else [f'{flag}={texts[0]}']
