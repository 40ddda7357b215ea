"""What of a derivative has to be the same whenever and wherever it is made.

``python tests/support/same.py OUT OTHER ...`` compares the files of output folders and names
those that differ; logs and the work folder are no derivatives.
"""

import sys
from pathlib import Path

#: Of a run, not of its results.
PASSING = frozenset({'logs', 'work'})


def lasting(path) -> bytes:
    """Return a file's content; of a page without the lines of what the scans took."""
    content = path.read_bytes()
    if path.suffix != '.html':
        return content
    return b''.join(line for line in content.splitlines(True) if b'class="cost"' not in line)


def derivatives(folder: Path) -> dict[str, Path]:
    """Return all files of an output folder that are results, by their paths in it."""
    paths = {path.relative_to(folder): path for path in folder.rglob('*') if path.is_file()}
    return {str(name): path for name, path in paths.items() if name.parts[0] not in PASSING}


def contents(folder: Path) -> dict[str, bytes]:
    """Return what has to stay the same of all results of an output folder."""
    return {name: lasting(path) for name, path in derivatives(folder).items()}


def differences(one: Path, other: Path) -> list[str]:
    """Return a line for each result that is not the same in two output folders."""
    ours, theirs = derivatives(one), derivatives(other)
    if not ours:
        return [f'{one}: there is no result']
    lines = [f'{name}: only in {one}' for name in ours.keys() - theirs.keys()]
    lines += [f'{name}: only in {other}' for name in theirs.keys() - ours.keys()]
    lines += [
        f'{name}: not the same bytes'
        for name in ours.keys() & theirs.keys()
        if lasting(ours[name]) != lasting(theirs[name])
    ]
    return sorted(lines)


def main(folders: list[str]) -> int:
    """Compare output folders with the first of them; return 1 if any differs."""
    first, *others = map(Path, folders)
    found = {other: differences(first, other) for other in others}
    for other, lines in found.items():
        print(*lines, sep='\n', end='\n' if lines else '')
        count = len(derivatives(first))
        print(f'{other}: {len(lines)} of {count} files differ from {first}')
    return int(any(found.values()))


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
