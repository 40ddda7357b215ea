"""Tables as files: TSV with a data dictionary, and documents between marks of other documents."""

from pathlib import Path

from ulfprep.bids.files import write_json, write_text
from ulfprep.evaluation.markup import to_tsv


def write_table(out: Path, name: str, rows: list[dict], columns: dict) -> None:
    """Write ``name.tsv`` and its data dictionary ``name.json`` into a folder."""
    write_text(Path(out) / f'{name}.tsv', to_tsv(rows, columns))
    write_json(Path(out) / f'{name}.json', columns)


def read_table(path: Path) -> list[dict]:
    """Read a table that :func:`write_table` wrote: numbers as such, ``n/a`` left out.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of dict

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    lines = Path(path).read_text(encoding='utf-8').splitlines()
    heads = lines[0].split('\t')
    rows = []
    for line in lines[1:]:
        pairs = zip(heads, line.split('\t'), strict=True)
        rows.append({head: _value(text) for head, text in pairs if text != 'n/a'})
    return rows


def put_between(path: Path, name: str, lines: list[str]) -> None:
    """Replace what stands between two marks of a Markdown file.

    Parameters
    ----------
    path : Path
        Holds the lines ``<!-- name -->`` and ``<!-- /name -->``.
    name : str
    lines : list of str

    Raises
    ------
    ValueError
        If it does not; the message names the file.
    """
    text = path.read_text(encoding='utf-8')
    opening, closing = f'<!-- {name} -->', f'<!-- /{name} -->'
    head, found, rest = text.partition(f'{opening}\n')
    _, ended, tail = rest.partition(f'{closing}\n')
    if not found or not ended:
        raise ValueError(f'{path}: add the lines {opening} and {closing}, the table goes between')
    body = '\n'.join(lines)
    write_text(path, f'{head}{opening}\n\n{body}\n\n{closing}\n{tail}')


def _value(text):
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
