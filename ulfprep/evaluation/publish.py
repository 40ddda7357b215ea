"""Results as files: TSV with a data dictionary, Markdown, slices, and how they were made."""

import json
import os
import platform
import re
import shlex
import subprocess
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from ulfprep import __version__
from ulfprep.physics import TISSUES

#: What stands for several columns in the file of columns, each with what its long name adds.
EACH = {
    '_*': {f'_{tissue.lower()}': f' {tissue}' for tissue in TISSUES},
    '_@': {f'_{name}': f', {name} tissues' for name in ('ulfprep', 'mixture')},
}


@lru_cache(maxsize=1)
def registry() -> pd.DataFrame:
    """Return all columns of all tables, as ``columns.tsv`` describes them, by name.

    ``better`` is ``higher``, ``lower`` or empty where neither is; ``form`` is the format of its
    numbers in documents; ``tables`` are those that it stands in, in the order of the file.
    """
    path = Path(__file__).with_name('columns.tsv')
    rows = []
    for row in pd.read_csv(path, sep='\t', keep_default_na=False, quoting=3).to_dict('records'):
        stem, end = row['name'][:-2], row['name'][-2:]
        for each, more in EACH.get(end, {end: ''}).items():
            rows.append(row | {'name': stem + each, 'long_name': row['long_name'] + more})
    return pd.DataFrame(rows).set_index('name')


def columns_of(table: str) -> list[str]:
    """Return the columns of a table, by its name in ``columns.tsv``."""
    known = registry()
    return list(known.index[[table in tables.split() for tables in known['tables']]])


def dictionary(columns) -> dict[str, dict]:
    """Return the data dictionary of a table, as BIDS writes them."""
    known = registry().rename(
        columns={'long_name': 'LongName', 'description': 'Description', 'units': 'Units'}
    )
    rows = known.loc[list(columns), ['LongName', 'Description', 'Units']].to_dict('index')
    return {name: {key: text for key, text in row.items() if text} for name, row in rows.items()}


def table_text(rows: list[dict], columns, *, head: bool = True) -> str:
    """Return rows (column -> value) as tab-separated values; what is missing is ``n/a``."""
    frame = pd.DataFrame(rows, columns=list(columns), dtype=object).map(_cell)
    return frame.to_csv(sep='\t', index=False, header=head)


def write_table(out: Path, name: str, rows: list[dict], columns=None) -> None:
    """Write ``name.tsv`` and its data dictionary ``name.json``; see :func:`table_text`."""
    columns = columns or columns_of(name)
    write_lines(out / f'{name}.tsv', [table_text(rows, columns).rstrip('\n')])
    text = json.dumps(dictionary(columns), indent=2, ensure_ascii=False)
    write_lines(out / f'{name}.json', [text])


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of :func:`write_table`; ``n/a`` is NaN."""
    names = dict.fromkeys(('brain', 'level', 'status'), str)
    return pd.read_csv(path, sep='\t', na_values='n/a', keep_default_na=False, dtype=names)


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with numbers as documents show them, and nothing for NaN."""
    forms = registry()['form']
    shown = {
        name: pd.Series([_shown(value, forms.get(name, '')) for value in frame[name]],
                        index=frame.index, dtype=object)
        for name in frame
    }  # fmt: skip
    return pd.DataFrame(shown, index=frame.index)


def markdown(frame: pd.DataFrame, heads: bool = True) -> list[str]:
    """Return a table of texts as lines of Markdown, long names over its columns if wanted."""
    if heads:
        frame = frame.rename(columns=registry()['long_name'])
    frame = frame.map(lambda text: str(text).replace('|', '/'))
    return frame.to_markdown(index=False, disable_numparse=True).splitlines()


def write_lines(path: Path, lines: list[str]) -> None:
    """Write lines of text into a file, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')


def put_between(path: Path, name: str, lines: list[str]) -> None:
    """Replace what stands between the lines ``<!-- name -->`` and ``<!-- /name -->`` of a file."""
    opening, closing = f'<!-- {name} -->\n', f'<!-- /{name} -->\n'
    head, found, rest = path.read_text(encoding='utf-8').partition(opening)
    _, ended, tail = rest.partition(closing)
    if not found or not ended:
        marks = f'{opening.strip()} and {closing.strip()}'
        raise ValueError(f'{path}: add the lines {marks}, the table goes between')
    body = '\n'.join(lines)
    path.write_text(f'{head}{opening}\n{body}\n\n{closing}{tail}', encoding='utf-8')


def about(name: str, argv, folders: dict, used: str) -> list[str]:
    """Say when, on what, of which state of the code and how results are made, a line each.

    That is the subcommand ``name`` with its words; ``folders`` is path -> the name that stands for
    it, for paths tell others nothing; ``used`` are processes and threads, in words.
    """
    info, processor = Path('/proc/cpuinfo'), platform.processor() or platform.machine()
    if info.is_file() and (model := re.search(r'model name\s*: (.*)', info.read_text())):
        processor = model[1]
    said = shlex.join(folders.get(word, folders.get(str(Path(word)), word)) for word in argv)
    return [
        f'Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC',
        f'ulfprep {__version__}, commit {_commit()}',
        f'Machine: {os.cpu_count()} processors ({processor}); {used}',
        f'Command: `python -m ulfprep.evaluation {name} {said}`',
    ]


def without_paths(text: str, folders: dict) -> str:
    """Return a text with names in the place of folders; see :func:`about`."""
    for path, name in folders.items():
        text = text.replace(path, name)
    return text


def _commit() -> str:
    """Short name of the commit of this code; says so where there are changes on it."""
    here = Path(__file__).parent
    call = ['git', '-C', str(here), 'describe', '--always', '--dirty=, changed since']
    try:
        return subprocess.run(call, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'


def middle_slices(image: np.ndarray, mask: np.ndarray) -> list[np.ndarray]:
    """Return axial and coronal slice through the middle of a brain, zero outside it."""
    middle = [int(np.median(where)) for where in np.nonzero(mask)]
    inside = np.where(mask, image, 0).astype(np.float32)
    return [np.take(inside, middle[axis], axis=axis) for axis in (2, 1)]


def keep_slices(path: Path, slices: dict[str, list[np.ndarray]]) -> None:
    """Write name -> slices into a compressed file, for :func:`read_slices`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = {f'{name}|{k}': part for name, parts in slices.items() for k, part in enumerate(parts)}
    np.savez_compressed(path, **flat)


def read_slices(path: Path) -> dict[str, list[np.ndarray]]:
    """Read name -> axial and coronal slice."""
    out: dict[str, list] = {}
    with np.load(path) as stored:
        for name in stored.files:
            out.setdefault(name.rpartition('|')[0], []).append(stored[name])
    return out


def _cell(value) -> str:
    if pd.isna(value):
        return 'n/a'
    return f'{value:.6g}' if isinstance(value, float) else str(value)


def _shown(value, form: str) -> str:
    if pd.isna(value):
        return ''
    return format(value, form) if form and not isinstance(value, str) else str(value)
