"""What a release needs to know, with Python's own modules alone.

python .github/release.py v0.1.0      # the notes of that tag; ends with 1 where versions differ
python .github/release.py --version   # the version of pyproject.toml
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def version(root: Path = ROOT) -> str:
    """Return the version that pyproject.toml states."""
    return tomllib.loads((root / 'pyproject.toml').read_text('utf-8'))['project']['version']


def sections(root: Path = ROOT) -> dict[str, tuple[str, str]]:
    """Return version -> (date or ``unreleased``, text) of CHANGES.md, the newest first."""
    text = (root / 'CHANGES.md').read_text('utf-8')
    parts = re.split(r'^## (\S+) \(([^)]*)\)\n', text, flags=re.MULTILINE)[1:]
    return {parts[i]: (parts[i + 1], parts[i + 2].strip()) for i in range(0, len(parts), 3)}


def cited(root: Path = ROOT) -> tuple[str, str | None]:
    """Return version and date of release that CITATION.cff states."""
    text = (root / 'CITATION.cff').read_text('utf-8')
    number = re.search(r'^version: "?([^"\s]+)"?$', text, re.MULTILINE)
    date = re.search(r'^date-released: "?([\d-]+)"?$', text, re.MULTILINE)
    return number[1] if number else '', date[1] if date else None


def notes(tag: str, root: Path = ROOT) -> str:
    """Return the notes of a tag.

    Raises
    ------
    ValueError
        If the tag is not ``v`` and the version of pyproject.toml, or CITATION.cff and CHANGES.md
        do not tell of the same release; the message names the file.
    """
    stated = version(root)
    if tag != f'v{stated}':
        raise ValueError(f'pyproject.toml: the version is {stated}, the tag {tag}; make them one')
    date, text = sections(root).get(stated, ('', ''))
    if not re.fullmatch(r'\d{4}-\d\d-\d\d', date):
        raise ValueError(f'CHANGES.md: no "## {stated} (year-month-day)"; write the date there')
    if cited(root) != (stated, date):
        raise ValueError(f'CITATION.cff: must say version {stated} and date-released {date}')
    return text


if __name__ == '__main__':
    if sys.argv[1:] == ['--version']:
        print(version())
    elif len(sys.argv) == 2:
        try:
            print(notes(sys.argv[1]))
        except ValueError as problem:
            sys.exit(str(problem))
    else:
        sys.exit(__doc__)
