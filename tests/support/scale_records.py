"""What an array of tasks took, from the files that it left."""

import json
import re
import subprocess
import tomllib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import mean, median

_TIME = re.compile(r'(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) ')


def gaps(intervals: Sequence[tuple[float, float]]) -> list[float]:
    """Return how many seconds a place stood empty before each task that followed another.

    Of each task there are begin and end; there are as many places as tasks ran at a time.
    """
    ended: list[float] = []
    found = []
    for begin, _ in sorted(intervals):
        free = sorted(end for _, end in intervals if end <= begin)
        waiting = [end for end in free if free.count(end) > ended.count(end)]
        if waiting:
            # The place that was free first is taken first.
            ended.append(waiting[0])
            found.append(begin - waiting[0])
    return found


def life(log: Path) -> tuple[float, float]:
    """Return when a task's log was made and last written to: a task's begin and end."""
    words = ['stat', '--format=%.9W %.9Y', str(log)]
    born, changed = map(
        float, subprocess.run(words, check=True, capture_output=True).stdout.split()
    )
    if not born:
        raise OSError(f'{log}: this file system does not tell when a file was made')
    return born, changed


def log_times(text: str) -> dict[str, float]:
    """Return seconds from a run's first line to its index, its selection and its last line."""
    lines = [(match, line) for line in text.splitlines() if (match := _TIME.match(line))]
    if not lines:
        return {}
    stamps = [datetime.strptime(match[1], '%Y-%m-%d %H:%M:%S,%f') for match, _ in lines]
    since = [(stamp - stamps[0]).total_seconds() for stamp in stamps]
    found = {'all': since[-1]}
    for (_, line), seconds in zip(lines, since, strict=True):
        if ': indexing ' in line:
            found.setdefault('indexing', seconds)
        elif 'scan(s) selected' in line:
            found.setdefault('selected', seconds)
    return found


def runs_of(out: Path) -> dict[str, list[tuple[float, dict[str, float]]]]:
    """Return label -> begin of each of its runs (seconds since 1970, UTC) and their times."""
    found: dict[str, list] = {}
    for settings in sorted(out.glob('logs/*/settings.toml')):
        labels = tomllib.loads(settings.read_text())['participant_label']
        text = (settings.parent / 'ulfprep.log').read_text()
        if len(labels) != 1 or not (match := _TIME.match(text)):
            continue
        begin = datetime.strptime(match[1], '%Y-%m-%d %H:%M:%S,%f').timestamp()
        found.setdefault(labels[0], []).append((begin, log_times(text)))
    return found


def scan_costs(out: Path) -> dict[str, float]:
    """Return means over the scans of an output folder: CPU seconds, peak memory, disk, files."""
    records = [json.loads(path.read_text()) for path in out.glob('logs/resources/*.json')]
    files = [path for path in out.rglob('*') if path.is_file()]
    logs = [path for path in files if path.relative_to(out).parts[0] == 'logs']
    scans = len(records)
    return {
        'scans': scans,
        'cpu_seconds': mean(record['cpu_seconds'] for record in records),
        'peak_gb': max(record['peak_gb'] for record in records),
        'files': (len(files) - len(logs)) / scans,
        'log_files': len(logs) / scans,
        'mb': sum(path.stat().st_size for path in files) / 1e6 / scans,
        'log_mb': sum(path.stat().st_size for path in logs) / 1e6 / scans,
    }


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """Return median and extremes, two decimals; None of nothing."""
    if not values:
        return None
    return {
        name: round(how(values), 2)
        for name, how in (('median', median), ('min', min), ('max', max))
    }


def table(found: dict) -> str:
    """Return what was measured as lines of Markdown."""

    def told(value):
        if isinstance(value, dict):
            return f'{value["median"]} ({value["min"]} to {value["max"]})'
        return 'not measured' if value is None else f'{value}'

    lines = ['| | undisturbed | a tenth killed |', '|---|---|---|']
    one, other = found['undisturbed'], found['killed']
    names = {**one, **other}
    lines += [f'| {name} | {told(one.get(name))} | {told(other.get(name))} |' for name in names]
    return '\n'.join(lines)
