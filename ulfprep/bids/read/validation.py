"""What the BIDS validator says of the input, as far as it concerns a run."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ulfprep.bids.files import encoding_of, read_text
from ulfprep.note import Note, warning

#: The validator's command.
COMMAND = 'bids-validator-deno'
#: Older ones do not follow the links to participants, and call these files out of place.
OLDEST = 3
#: After so many seconds it is given up.
TIMEOUT = 600
#: Problems that are told; of the rest only how many there are.
LIMIT = 10
#: What is wrong inside one file of a participant is for the check of that scan, which says it
#: better and costs that scan alone. Codes begin with these.
OF_ONE_FILE = (
    'EMPTY_FILE', 'FILE_READ', 'INVALID_JSON_ENCODING', 'JSON_', 'NIFTI_', 'SIDECAR_', 'SYMLINK_',
)  # fmt: skip


@dataclass(frozen=True)
class Validation:
    """What makes the input no valid dataset for this run, a line each, and what else to know."""

    problems: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


def find_validator() -> str | None:
    """Return the path of the validator: beside this Python or on the PATH."""
    beside = str(Path(sys.executable).parent)
    return shutil.which(COMMAND, path=os.pathsep.join([beside, os.environ.get('PATH', '')]))


def validate(
    bids_dir: Path, participants: Iterable[str], scratch: Path, timeout: float = TIMEOUT
) -> Validation:
    """Run the BIDS validator on the top folder and some participants of a dataset.

    It is given links in a temporary folder in ``scratch``. Errors stop a run that are of the
    dataset as a whole or of the names and places of files in ``anat``; those of other data types,
    or inside one file, are noted. A validator that is not there, crashes or hangs (``timeout``,
    seconds) leaves a note.
    """
    validator = find_validator()
    if validator is None:
        note = f'the input is not validated, for there is no {COMMAND}; to have it, pip install it'
        return Validation(notes=(Note(note),))
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix='validation-', dir=scratch) as folder:
            links = Path(folder, 'dataset')
            _link(bids_dir, participants, links)
            # Neither the network nor the home folder: what it keeps goes with this one.
            cache = {'DENO_DIR': str(Path(folder, 'deno')), 'DENO_NO_UPDATE_CHECK': '1'}
            environment = {**os.environ, 'NO_COLOR': '1', **cache}
            issues = _run(validator, links, environment, timeout)
            if issues:
                _refuse_old(validator, environment, timeout)
    except (OSError, ValueError, subprocess.SubprocessError, RecursionError) as error:
        reason = 'it took too long' if isinstance(error, subprocess.TimeoutExpired) else error
        text = (
            f'the BIDS validator gave no result ({" ".join(str(reason).split())}); the run goes '
            'on without (--skip-bids-validation)'
        )
        return Validation(notes=(warning(text),))
    return sort_issues(issues, bids_dir)


def _link(bids_dir: Path, participants: Iterable[str], folder: Path) -> None:
    """Fill a folder with links to the files of a dataset and to some participants."""
    folder.mkdir()
    with os.scandir(bids_dir) as entries:
        names = [e.name for e in entries if e.is_file() or e.name == '.bidsignore']
    for name in [*names, *(f'sub-{label}' for label in dict.fromkeys(participants))]:
        if plain := _without_mark(bids_dir / name):
            (folder / name).write_text(plain, encoding='utf-8')
        else:
            (folder / name).symlink_to((bids_dir / name).absolute())


def _without_mark(path: Path) -> str:
    """Return the text of a file that begins with a byte order mark; of all others nothing.

    Those are read here, and the validator stumbles over them.
    """
    try:
        with open(path, 'rb') as file:
            marked = encoding_of(file.read(4)) != 'utf-8'
        return read_text(path) if marked else ''
    except (OSError, ValueError):
        return ''


def _run(validator: str, dataset: Path, environment: dict, timeout: float) -> list[dict]:
    """Run the validator and return the issues it lists."""
    process = subprocess.Popen(
        [validator, '--format', 'json', '--ignoreWarnings', '--ignoreNiftiHeaders', str(dataset)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    try:
        output, said = process.communicate(timeout=timeout)
    except BaseException:
        # The command starts another process, which must not stay behind.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    try:
        return [{**issue} for issue in json.loads(output)['issues']['issues']]
    except (ValueError, KeyError, TypeError) as error:
        last = said.decode(errors='replace').strip().splitlines()[-1:]
        text = f'exit status {process.returncode}, {last[0] if last else "no JSON"}'
        raise ValueError(text) from error


def _refuse_old(validator: str, environment: dict, timeout: float) -> None:
    """Raise ValueError if a validator is known to find what is not there."""
    done = subprocess.run(
        [validator, '--version'],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors='replace',
        timeout=timeout,
        env=environment,
        check=False,
    )
    found = re.search(r'(\d+)\.\d+', done.stdout)
    if found and int(found[1]) < OLDEST:
        raise ValueError(f'version {OLDEST}.0 or newer is needed, not {done.stdout.strip()}')


def sort_issues(issues: list[dict], bids_dir: Path) -> Validation:
    """Return which of the validator's issues stop a run, and what to say of the others."""
    errors = [issue for issue in issues if issue.get('severity') == 'error']
    grave = [issue for issue in errors if _is_grave(issue)]
    lines = list(dict.fromkeys(_line(issue, bids_dir) for issue in grave))
    problems = lines[:LIMIT]
    if len(lines) > LIMIT:
        problems.append(f'and {len(lines) - LIMIT} more')
    notes = []
    if others := [issue for issue in errors if not _is_grave(issue)]:
        codes = sorted({str(issue.get('code')) for issue in others})
        text = (
            f'{len(others)} error(s) of the BIDS validator in files that are not read, '
            f'or that the check of their scan is about ({", ".join(codes)}), such as '
            f'{_line(others[0], bids_dir)}'
        )
        notes.append(warning(text))
    return Validation(tuple(problems), tuple(notes))


def _is_grave(issue: dict) -> bool:
    """Tell whether an error concerns every scan of the run, or the names of those in anat."""
    *folders, _ = str(issue.get('location') or '/').strip('/').split('/')
    of_one = str(issue.get('code')).startswith(OF_ONE_FILE)
    return not folders or ('anat' in folders and not of_one)


def _line(issue: dict, bids_dir: Path) -> str:
    """Return an issue as one line: the file, the code and what is said of it."""
    location = str(issue.get('location') or '').strip('/')
    code = ' '.join(str(issue[key]) for key in ('code', 'subCode') if issue.get(key))
    text = f'{bids_dir / location}: {code}'
    if said := ' '.join(str(issue.get('issueMessage') or '').split()):
        text += f' ({said if len(said) <= 120 else said[:120] + "..."})'
    return text
