"""When, on what and of which state of the code figures are."""

import os
import platform
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from ulfprep import __version__


def machine(threads: int, jobs: int = 1) -> list[str]:
    """Say when, on what and of which state of the code the figures are, a line each.

    Parameters
    ----------
    threads : int
        Of each process.
    jobs : int
        Processes at a time.
    """
    name = platform.processor() or platform.machine()
    info = Path('/proc/cpuinfo')
    if info.is_file():
        lines = [line for line in info.read_text().splitlines() if line.startswith('model name')]
        name = lines[0].partition(':')[2].strip() if lines else name
    used = f'{threads} thread(s) used' if jobs == 1 else f'{jobs} processes of {threads} thread(s)'
    return [
        f'Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC',
        f'ulfprep {__version__}, commit {commit()}',
        f'Machine: {os.cpu_count()} processors ({name}); {used}',
    ]


def commit() -> str:
    """Short name of the commit of this code; says so where there are changes on it."""
    here = Path(__file__).parent
    call = ['git', '-C', str(here), 'describe', '--always', '--dirty=, changed since']
    try:
        done = subprocess.run(call, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'
    return done.stdout.strip()


def command_line(name: str, argv, folders: dict) -> str:
    """Return a command with names of folders in the place of their paths, which tell nothing.

    Parameters
    ----------
    name : str
        Of the subcommand.
    argv : sequence of str
        Its words.
    folders : dict
        Name such as ``OUT`` -> path, or several, or ``None``.
    """
    names = {}
    for label, paths in folders.items():
        several = paths if isinstance(paths, list | tuple) else [paths]
        names |= {str(path): label for path in several if path is not None}
    words = [names.get(word, names.get(str(Path(word)), word)) for word in argv]
    return f'python -m ulfprep.evaluation {name} {shlex.join(words)}'
