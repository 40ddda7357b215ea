"""Progress lines and the time left."""

import io

import pytest

from ulfprep.interfaces.progress import Progress, format_duration, format_progress


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [
        (-1, '0 s'),
        (0, '0 s'),
        (59.4, '59 s'),
        (59.6, '1 min 00 s'),
        (185, '3 min 05 s'),
        (3600, '1 h 00 min'),
        (7830, '2 h 10 min'),
    ],
)
def test_duration(seconds, text):
    assert format_duration(seconds) == text


def test_time_left_is_proportional():
    line = format_progress('sub-01', 25, 100, elapsed=30, loss=0.12345)
    assert line == 'sub-01: fit 25 % (25/100), 1 min 30 s left, loss 0.1235'


def test_end_says_how_long_it_took():
    assert (
        format_progress('sub-01', 9, 9, 65, None) == 'sub-01: fit 100 % (9/9), done in 1 min 05 s'
    )


def test_start_and_odd_counts_do_not_divide_by_zero():
    assert 'left' not in format_progress('x', 0, 10, 0, None)
    assert format_progress('x', 0, 0, 0, None)


class Clock:
    """A clock that goes a fixed time on with every look."""

    def __init__(self, step):
        self.now, self.step = 0.0, step

    def __call__(self):
        self.now += self.step
        return self.now


def test_log_gets_few_whole_lines():
    stream = io.StringIO()
    progress = Progress('x', stream, clock=Clock(1.0))
    for step in range(1, 61):
        progress(step, 60, {'total': 1.0})
    lines = stream.getvalue().splitlines()
    assert '\r' not in stream.getvalue()
    assert 4 <= len(lines) <= 6
    assert '100 %' in lines[-1]


def test_terminal_rewrites_one_line_and_wipes_longer_ones():
    stream = io.StringIO()
    progress = Progress('x', stream, single_line=True, clock=Clock(1.0))
    progress(1, 3, {'total': 0.123456})
    progress(2, 3, None)
    first, second = stream.getvalue().split('\r')[1:]
    assert len(second) >= len(first)
    assert '\n' not in stream.getvalue()
    progress(3, 3, None)
    assert stream.getvalue().endswith('\n')
