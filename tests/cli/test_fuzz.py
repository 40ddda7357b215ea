"""Whatever is typed, and whatever a settings file holds: one line and a code, no traceback."""

import contextlib
import io
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.cli.parser import build_parser, parse_args
from ulfprep.settings import Settings

FLAGS = sorted({s for action in build_parser()._actions for s in action.option_strings})
KEYS = sorted(Settings.__dataclass_fields__)
#: What people type, nearly type, or have in their shells' variables.
WORDS = st.sampled_from([
    '', ' ', '-', '--', '---', '=', '0', '-1', '1', '1.5', '1e400', 'nan', 'inf', '0x10', '٣',
    '²', 'auto', 'cpu', 'cuda', 'cuda:', 'cuda:999999999999999999999', 'T1w', 't1w', '01',
    'sub-', 'sub-01', '../..', '~', '~nobody/x', '/', '/dev/null', '/proc/self/mem', 'a=b', '{',
    '{}', '{"t1w": 1}', '[', '[1]', '[' * 3000, '{"a":' * 3000, '8G', '8 GB', '1.5.5G', 'G',
    '.json', 'x.json', 'x.tsv', 'WM-GM=0.4', 'participant', 'group', '%s', '%(prog)s', '\x00',
    '\n', '\ud800', 'é', '🧠', '"', "'", '$(x)', 'x' * 5000,
])  # fmt: skip
VALUES = st.one_of(WORDS, st.text(max_size=20), st.integers().map(str), st.floats().map(str))
ARGUMENTS = st.lists(
    st.one_of(
        st.sampled_from(FLAGS),
        VALUES,
        st.tuples(st.sampled_from(FLAGS), VALUES).map('='.join),
        st.text(max_size=10).map('--{}'.format),
    ),
    max_size=8,
)


def cases(number):
    """Return the settings of a test of so many cases."""
    return settings(
        max_examples=number,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


def outcome(argv):
    """Parse, and return the exit code and what was said; settings count as 0."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            assert isinstance(parse_args(argv), Settings)
        except Stop as stop:
            return stop.code, f'ulfprep: error: {stop}\n'
        except SystemExit as stop:
            return stop.code, said.getvalue()
    return 0, said.getvalue()


def check(code, said):
    """Expect a documented code, and its reason in one line."""
    assert code in (Exit.OK, Exit.COMMAND_LINE, Exit.USAGE, Exit.NO_INPUT)
    errors = [line for line in said.splitlines() if line.startswith('ulfprep: error: ')]
    assert len(errors) == (code != 0)
    assert code == 0 or said.endswith(errors[0] + '\n')
    assert 'Traceback' not in said


@cases(700)
@given(st.booleans(), ARGUMENTS)
def test_no_command_line_ends_in_a_traceback(whole, argv):
    check(*outcome([*['in', 'out', 'participant'][: 3 * whole], *argv]))


@cases(300)
@given(st.sampled_from([f for f in FLAGS if f != '--config-file']), st.lists(VALUES, max_size=3))
def test_no_value_of_a_flag_ends_in_a_traceback(flag, values):
    check(*outcome(['in', 'out', 'participant', flag, *values]))


def toml(value) -> str:
    """Return a value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f'[{", ".join(map(toml, value))}]'
    if isinstance(value, str):
        return '"' + ''.join(f'\\U{ord(c):08X}' for c in value) + '"'
    return str(value)


PLAIN = st.text(st.characters(exclude_categories=['Cs']), max_size=12)
ANY = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), PLAIN, st.sampled_from(['', '-', 'T1w'])),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
TABLES = st.dictionaries(st.sampled_from([*KEYS, 'nonsense', 'help', 'version']), ANY, max_size=4)


SETTINGS = st.one_of(
    TABLES.map(lambda table: '\n'.join(f'{key} = {toml(table[key])}' for key in table)),
    st.text(max_size=60),
)


@cases(600)
@given(content=st.one_of(st.binary(max_size=60), SETTINGS.map(os.fsencode)))
def test_no_settings_file_ends_in_a_traceback(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / 'fuzzed.toml'
    file.write_bytes(content)
    check(*outcome(['--config-file', str(file)]))
    check(*outcome(['--config-file', str(file), 'in', 'out', 'participant']))


@pytest.mark.parametrize('flag', ['--target-sequence', '--relaxation', '--bids-filter-file'])
@cases(150)
@given(content=st.one_of(st.binary(max_size=40), ANY.map(lambda v: toml(v).encode('utf-8'))))
def test_no_file_of_a_flag_ends_in_a_traceback(tmp_path_factory, flag, content):
    file = tmp_path_factory.getbasetemp() / f'fuzzed{flag}.json'
    file.write_bytes(content)
    check(*outcome(['in', 'out', 'participant', flag, str(file)]))


def test_a_name_that_would_break_the_line_is_escaped():
    code, said = outcome(['--config-file=\x1e'])
    check(code, said)
    assert '\\x1e: cannot be read' in said
