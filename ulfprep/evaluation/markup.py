"""One small table, and three ways to write it: Markdown, LaTeX, tab-separated values."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

from ulfprep.bids.write.table import cell

#: What LaTeX reads as a command, or prints as another sign, and how it is written instead.
LATEX = {
    '\\': r'\textbackslash{}', '&': r'\&', '%': r'\%', '$': r'\$', '#': r'\#', '_': r'\_',
    '{': r'\{', '}': r'\}', '~': r'\textasciitilde{}', '^': r'\textasciicircum{}',
    '<': '$<$', '>': '$>$', '|': '$|$', '±': r'$\pm$', '×': r'$\times$', '≤': r'$\leq$',
    '≥': r'$\geq$', '−': '$-$', '–': '--', '—': '---', '°': r'$^\circ$', 'µ': r'$\mu$',
    'σ': r'$\sigma$', '→': r'$\rightarrow$',
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column of numbers.

    Attributes
    ----------
    head : str
    key : str
        Of the cell in a row.
    form : str
        Format of its numbers, such as ``.3f``.
    better : {'higher', 'lower'}, optional
        Which number is the best; without, none is.
    """

    head: str
    key: str
    form: str = '.3f'
    better: str | None = None

    def __post_init__(self):
        if self.better not in ('higher', 'lower', None):
            raise ValueError(f"column {self.head}: better is 'higher', 'lower' or None")


@dataclass(frozen=True)
class Table:
    """A table; the best numbers of each column are bold.

    Attributes
    ----------
    title, note : str
        Above and below it; both make the caption in LaTeX.
    groups : sequence of str
        Heads over what a row is of, which are its keys in the row too.
    columns : sequence of Column
    rows : sequence of mapping
        Head of a group -> text; key of a column -> a number (a mean), a pair of mean and
        standard deviation, a text, or ``None``; NaN is written like ``None``. A row whose
        ``competes`` is false, such as the truth or an oracle, is never the best.
    label : str
        For references in LaTeX, ``tab:LABEL``; made of the title without.
    """

    title: str
    note: str
    groups: Sequence[str]
    columns: Sequence[Column]
    rows: Sequence[Mapping]
    label: str = ''

    def __post_init__(self):
        for row in self.rows:
            missing = [head for head in self.groups if head not in row]
            if missing:
                raise ValueError(f'table {self.title!r}: a row does not tell its {missing[0]}')


def to_markdown(table: Table) -> list[str]:
    """Return a table as lines of Markdown: title, table and note.

    Parameters
    ----------
    table : Table

    Returns
    -------
    list of str
    """
    heads = [*table.groups, *(column.head for column in table.columns)]
    marks = ['---'] * len(table.groups) + ['---:'] * len(table.columns)
    out = [f'**{_one_line(table.title)}**', ''] if table.title else []
    out += [_piped(_plain(head) for head in heads), _piped(marks)]
    for row, best in zip(table.rows, _best(table), strict=True):
        cells = [_plain(row[head]) for head in table.groups]
        for column, wins in zip(table.columns, best, strict=True):
            text = _plain(_text(row.get(column.key), column.form) or '')
            cells.append(f'**{text}**' if wins else text)
        out.append(_piped(cells))
    return out + (['', _one_line(table.note)] if table.note else [])


def to_latex(table: Table) -> list[str]:
    r"""Return a table as lines of LaTeX, which needs ``\usepackage{booktabs}``.

    Parameters
    ----------
    table : Table
        A text between backticks is set as code.

    Returns
    -------
    list of str
        A ``table`` with caption and label.
    """
    heads = [*table.groups, *(column.head for column in table.columns)]
    caption = ' '.join(filter(None, [_sentence(table.title), _one_line(table.note)]))
    label = table.label or re.sub('[^a-z0-9]+', '-', table.title.lower()).strip('-')
    form = 'l' * len(table.groups) + 'r' * len(table.columns)
    out = [
        r'\begin{table}',
        r'\centering\footnotesize',
        rf'\caption{{{_escaped(caption)}}}',
        rf'\label{{tab:{label}}}',
        rf'\begin{{tabular}}{{{form}}}',
        r'\toprule',
        _joined(map(_escaped, heads)),
        r'\midrule',
    ]
    for row, best in zip(table.rows, _best(table), strict=True):
        cells = [_escaped(row[head]) for head in table.groups]
        for column, wins in zip(table.columns, best, strict=True):
            value = row.get(column.key)
            text = _text(value, column.form)
            if text is None:
                text = '--'
            elif isinstance(value, str):
                text = _escaped(text)
            else:
                text = _escaped(text.replace('-', '−'))
            cells.append(rf'\textbf{{{text}}}' if wins else text)
        out.append(_joined(cells))
    return [*out, r'\bottomrule', r'\end{tabular}', r'\end{table}']


def to_tsv(rows: Sequence[Mapping], columns) -> str:
    """Return rows as tab-separated values, unrounded, with a line of heads.

    Parameters
    ----------
    rows : sequence of mapping
        Column -> value; what is missing, or NaN, is ``n/a``.
    columns : sequence of str, or a mapping with them as keys
        In their order.

    Returns
    -------
    str
    """
    lines = ['\t'.join(columns)]
    # No cell may hold what parts cells or rows, and none may be empty.
    cells = ((_one_line(_full(row.get(name))) or 'n/a' for name in columns) for row in rows)
    return '\n'.join([*lines, *map('\t'.join, cells)]) + '\n'


def _best(table: Table) -> list[list[bool]]:
    """Say which cells are the best of their column, as they are written; ties all are."""
    out = [[False] * len(table.columns) for _ in table.rows]
    for k, column in enumerate(table.columns):
        means = {
            i: _mean(row.get(column.key))
            for i, row in enumerate(table.rows)
            if row.get('competes', True)
        }
        numbers = {i: _as_written(m, column.form) for i, m in means.items() if m is not None}
        # One alone is no competition.
        if column.better is None or len(numbers) < 2:
            continue
        wanted = (max if column.better == 'higher' else min)(numbers.values())
        for i, number in numbers.items():
            out[i][k] = number == wanted
    return out


def _mean(value) -> Real | None:
    """Return the number of a cell, ``None`` where it has none."""
    if isinstance(value, tuple | list):
        value = value[0]
    return value if isinstance(value, Real) and not math.isnan(value) else None


def _as_written(number: float, form: str) -> float:
    return float(format(number, form).replace(',', '').rstrip('%'))


def _number(value: float, form: str) -> str:
    text = format(value, form)
    # Minus nothing is nothing.
    return text.lstrip('-') if _as_written(value, form) == 0 else text


def _text(value, form: str) -> str | None:
    """Return a cell as it is read, ``None`` where there is nothing."""
    if isinstance(value, str):
        return value or None
    mean = _mean(value)
    if mean is None:
        return None
    text = _number(mean, form)
    sd = _mean(value[1]) if isinstance(value, tuple | list) else None
    return text if sd is None else f'{text} ± {_number(sd, form)}'


def _full(value) -> str:
    return cell(None if isinstance(value, Real) and math.isnan(value) else value)


def _one_line(text: str) -> str:
    return ' '.join(str(text).split())


def _sentence(text: str) -> str:
    text = _one_line(text)
    return f'{text}.' if text and text[-1] not in '.?!' else text


def _plain(text: str) -> str:
    """Keep a text inside its cell of Markdown."""
    return _one_line(text).replace('|', r'\|').replace('<', '&lt;')


def _piped(cells) -> str:
    return f'| {" | ".join(cells)} |'


def _escaped(text: str) -> str:
    """Write a text in LaTeX; what stands between backticks as code."""
    parts = re.split('`([^`]*)`', _one_line(text))
    signs = [''.join(LATEX.get(sign, sign) for sign in part) for part in parts]
    return ''.join(rf'\texttt{{{s}}}' if k % 2 else s for k, s in enumerate(signs))


def _joined(cells) -> str:
    line = ' & '.join(cells) + r' \\'
    # A bracket or a star after the end of a row would be read as an option of it.
    return f'{{}}{line}' if line[0] in '[*' else line
