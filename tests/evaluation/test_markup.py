"""Tables as Markdown, LaTeX and tab-separated values."""

import re

import numpy as np
import pytest

from ulfprep.evaluation.markup import LATEX, Column, Table, to_latex, to_markdown, to_tsv

COLUMNS = (
    Column('edge F1', 'f1', '.3f', 'higher'),
    Column('error', 'error', '.2f', 'lower'),
    Column('n', 'n', 'd'),
)
ROWS = (
    {'method': 'bicubic', 'f1': (0.4493, 0.0121), 'error': 0.301, 'n': 4},
    {'method': 'ulfprep', 'f1': (0.5, 0.02), 'error': 0.299, 'n': 4},
    {'method': 'oracle', 'f1': 0.9, 'error': 0.0, 'n': 4, 'competes': False},
    {'method': 'synthsr', 'f1': 'not installed', 'error': None, 'n': 0},
)


def table(rows=ROWS, columns=COLUMNS, **more):
    return Table(
        **{'title': 'Scores', 'note': 'Of two.', 'groups': ['method']} | more,
        columns=columns,
        rows=rows,
    )


def cells(lines):
    """Return the cells of a table of Markdown, without its heads."""
    rows = [line for line in lines if line.startswith('|')][2:]
    return [[part.strip() for part in re.split(r'(?<!\\)\|', row)[1:-1]] for row in rows]


def test_markdown_has_title_heads_rows_and_note():
    assert to_markdown(table()) == [
        '**Scores**',
        '',
        '| method | edge F1 | error | n |',
        '| --- | ---: | ---: | ---: |',
        '| bicubic | 0.449 ± 0.012 | **0.30** | 4 |',
        '| ulfprep | **0.500 ± 0.020** | **0.30** | 4 |',
        '| oracle | 0.900 | 0.00 | 4 |',
        '| synthsr | not installed |  | 0 |',
        '',
        'Of two.',
    ]


def test_a_table_without_title_and_note_is_its_lines_alone():
    assert to_markdown(table(title='', note=''))[0].startswith('| method')
    assert to_markdown(table(title='', note=''))[-1].startswith('| synthsr')


def test_what_is_written_alike_ties():
    rows = [{'method': name, 'f1': f1} for name, f1 in (('a', 0.5004), ('b', 0.4996), ('c', 0.49))]
    found = [row[1] for row in cells(to_markdown(table(rows)))]
    assert found == ['**0.500**', '**0.500**', '0.490']


def test_the_best_is_by_number_not_by_its_letters():
    rows = [{'method': name, 'error': x} for name, x in (('a', -2.0), ('b', 10.0), ('c', 9.0))]
    found = [row[2] for row in cells(to_markdown(table(rows)))]
    assert found == ['**-2.00**', '10.00', '9.00']
    columns = [Column('share', 'error', '.0%', 'higher'), Column('s', 'error', ',.0f', 'higher')]
    rows = [{'method': name, 'error': x} for name, x in (('a', 900), ('b', 1200.0))]
    assert cells(to_markdown(table(rows, columns)))[1] == ['b', '**120000%**', '**1,200**']


def test_a_column_without_a_better_side_has_no_best():
    assert '**' not in to_markdown(table(columns=COLUMNS[2:]))[4]


def test_one_alone_is_no_competition():
    rows = [ROWS[0], ROWS[2], ROWS[3]]
    assert all('**' not in cell for row in cells(to_markdown(table(rows))) for cell in row)


@pytest.mark.parametrize('value', [None, np.nan, (np.nan, np.nan), (None, None), ''])
def test_nothing_is_empty_in_markdown_and_a_dash_in_latex(value):
    columns = [Column('x', 'x', '.2f', 'higher')]
    rows = [{'method': name, 'x': x} for name, x in (('a', value), ('b', 1.0), ('c', 0.5))]
    rows.append({'method': 'd'})
    assert [row[1] for row in cells(to_markdown(table(rows, columns)))] == [
        '',
        '**1.00**',
        '0.50',
        '',
    ]
    body = to_latex(table(rows, columns))[8:-3]
    assert body == [r'a & -- \\', r'b & \textbf{1.00} \\', r'c & 0.50 \\', r'd & -- \\']


def test_a_mean_without_a_spread_stands_alone():
    rows = [{'method': 'a', 'f1': (0.25, np.nan)}, {'method': 'b', 'f1': (np.float32(0.5), None)}]
    assert [row[1] for row in cells(to_markdown(table(rows)))] == ['0.250', '**0.500**']


def test_nothing_has_no_sign():
    rows = [{'method': 'a', 'error': -0.001}, {'method': 'b', 'error': 0.001}]
    assert [row[2] for row in cells(to_markdown(table(rows)))] == ['**0.00**', '**0.00**']


def test_a_text_stays_inside_its_cell_of_markdown():
    rows = [{'method': 'a|b\nc', 'f1': 'failed: x | <y>'}]
    lines = to_markdown(table(rows))
    assert lines[4] == r'| a\|b c | failed: x \| &lt;y> |  |  |'


def test_latex_is_a_table_of_booktabs():
    assert to_latex(table(label='scores')) == [
        r'\begin{table}',
        r'\centering\footnotesize',
        r'\caption{Scores. Of two.}',
        r'\label{tab:scores}',
        r'\begin{tabular}{lrrr}',
        r'\toprule',
        r'method & edge F1 & error & n \\',
        r'\midrule',
        r'bicubic & 0.449 $\pm$ 0.012 & \textbf{0.30} & 4 \\',
        r'ulfprep & \textbf{0.500 $\pm$ 0.020} & \textbf{0.30} & 4 \\',
        r'oracle & 0.900 & 0.00 & 4 \\',
        r'synthsr & not installed & -- & 0 \\',
        r'\bottomrule',
        r'\end{tabular}',
        r'\end{table}',
    ]


def test_a_label_is_made_of_the_title():
    assert r'\label{tab:real-1-6-mm-dice}' in to_latex(table(title='Real, 1.6 mm: Dice'))


def test_minus_is_a_sign_in_numbers_and_a_hyphen_in_texts():
    rows = [{'method': 'voxel-tv', 'f1': (-0.1, 0.2), 'error': 'un-ranked'}]
    (line,) = to_latex(table(rows))[8:-3]
    assert line == r'voxel-tv & $-$0.100 $\pm$ 0.200 & un-ranked & -- \\'


def test_what_stands_between_backticks_is_code_in_latex():
    rows = [{'method': '`a_b`: c_d', 'f1': 'one ` alone'}]
    (line,) = to_latex(table(rows))[8:-3]
    assert line.startswith(r'\texttt{a\_b}: c\_d & one ` alone &')


NASTY = r'&%$#_{}~^\ ± < > | [a] *b* ` “x”: 50 % of $5 & more_{2}^{3}' + '\\\\'


@pytest.mark.parametrize('place', ['title', 'note', 'head', 'method', 'f1'])
def test_special_signs_break_no_line_of_latex(place):
    rows, columns, more = [dict(row) for row in ROWS], list(COLUMNS), {}
    if place in ('title', 'note'):
        more = {place: NASTY}
    elif place == 'head':
        columns[0] = Column(NASTY, 'f1')
    else:
        rows[1][place] = NASTY
    lines = to_latex(table(rows, columns, **more))
    assert len(lines) == len(to_latex(table()))
    assert any('more\\_' in line for line in lines)
    for line in lines:
        check_balance(line)
    body = [line for line in lines if line.endswith(r' \\')]
    assert {unescaped(line, '&') for line in body} == {3}


@pytest.mark.parametrize('start', ['[a]', '*'])
def test_a_row_does_not_start_with_what_is_an_option_of_the_one_before(start):
    rows = [{'method': 'a'}, {'method': start}]
    assert to_latex(table(rows))[9].startswith('{}' + start)


def unescaped(line, sign):
    """Number of a sign that LaTeX would act on."""
    return len(re.findall(r'(?<!\\)(?:\\\\)*' + re.escape(sign), line))


def check_balance(line):
    """Fail unless braces close in their order, dollars are paired and commands are known."""
    depth, math, k = 0, False, 0
    known = {'begin', 'end', 'centering', 'footnotesize', 'caption', 'label', 'toprule', 'midrule'}
    known |= {'bottomrule', 'textbf', 'texttt', 'textbackslash', 'textasciitilde'}
    known |= {'textasciicircum', 'pm', 'leq', 'geq', 'circ', 'mu', 'sigma', 'rightarrow'}
    while k < len(line):
        if line[k] == '\\':
            word = re.match(r'[A-Za-z]+', line[k + 1 :])
            assert line[k + 1 :], 'a backslash ends the line'
            assert word is None or word[0] in known, line[k:]
            k += 1 + (len(word[0]) if word else 1)
            continue
        depth += {'{': 1, '}': -1}.get(line[k], 0)
        math ^= line[k] == '$'
        assert depth >= 0
        assert line[k] not in ('%#~_' if math else '%#~_<>|^'), line[k:]
        k += 1
    assert depth == 0
    assert not math


def test_every_sign_that_latex_minds_is_known():
    assert set('&%$#_{}~^\\±') <= set(LATEX)


def test_a_column_is_better_up_or_down_or_not_at_all():
    with pytest.raises(ValueError, match='column error: better'):
        Column('error', 'error', '.2f', 'less')


def test_a_row_that_does_not_tell_what_it_is_of_is_refused():
    with pytest.raises(ValueError, match="table 'Scores': a row does not tell its method"):
        table([{'f1': 1.0}])


def test_tab_separated_values_are_whole_and_one_line_a_row():
    rows = [
        {'method': 'a', 'f1': 0.123456789, 'status': 'failed:\tno\nmemory'},
        {'method': 'b', 'f1': np.nan, 'status': '', 'left': 'out'},
    ]
    text = to_tsv(rows, {'method': {}, 'f1': {}, 'seed': {}, 'status': {}})
    assert text == (
        'method\tf1\tseed\tstatus\n'
        'a\t0.123457\tn/a\tfailed: no memory\n'
        'b\tn/a\tn/a\tn/a\n'
    )  # fmt: skip
    assert to_tsv([], ['a', 'b']) == 'a\tb\n'
