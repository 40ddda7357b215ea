"""Progress on a terminal and in a log."""

import io

from ulfprep.interfaces import progress
from ulfprep.interfaces.progress import Progress


def report(steps, monkeypatch, **options):
    """Return what a fit of so many steps writes, each of which takes long enough to be told."""
    for period in ('TERMINAL_PERIOD', 'LOG_PERIOD'):
        monkeypatch.setattr(progress, period, 0)
    stream = io.StringIO()
    tell = Progress('sub-01', stream, **options)
    for step in range(steps + 1):
        tell(step, steps, {'total': 0.12345} if step else None)
    return stream.getvalue()


def test_a_log_gets_whole_lines(monkeypatch):
    lines = report(4, monkeypatch).splitlines()
    assert lines[0].startswith('sub-01: fit 0 % (0/4)')
    assert lines[2].startswith('sub-01: fit 50 % (2/4), ')
    assert lines[2].endswith('left, loss 0.1235')
    assert lines[-1].startswith('sub-01: fit 100 % (4/4)')
    assert '\r' not in ''.join(lines)


def test_a_log_gets_few_lines():
    stream = io.StringIO()
    tell = Progress('sub-01', stream)
    for step in range(1, 101):
        tell(step, 100)
    lines = stream.getvalue().splitlines()
    assert lines[-1].startswith('sub-01: fit 100 % (100/100)')
    assert len(lines) < 10


def test_a_terminal_gets_one_line(monkeypatch):
    text = report(4, monkeypatch, single_line=True)
    assert text.count('\n') == 1
    assert text.endswith('\n')
    assert 'fit 100 % (4/4)' in text.rpartition('\r')[2]
