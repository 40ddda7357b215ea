"""How far a long step is, and how long it will still take."""

import time
from collections.abc import Callable
from typing import TextIO


def format_duration(seconds: float) -> str:
    """Return a duration as people say it: ``8 s``, ``3 min 05 s``, ``2 h 10 min``."""
    total = max(0, round(seconds))
    if total < 60:
        return f'{total} s'
    minutes, rest = divmod(total, 60)
    if minutes < 60:
        return f'{minutes} min {rest:02d} s'
    hours, minutes = divmod(minutes, 60)
    return f'{hours} h {minutes:02d} min'


def format_progress(label: str, step: int, n_steps: int, elapsed: float, loss: float | None):
    """Return one line of progress.

    Parameters
    ----------
    label : str
        What is being done.
    step, n_steps : int
        Steps done, and in all.
    elapsed : float
        Seconds since the start.
    loss : float or None
        Total loss at this step.

    Returns
    -------
    str
        Such as ``sub-01: fit 40 % (400/1000), 1 min 30 s left, loss 0.123``.
    """
    n_steps = max(n_steps, 1)
    step = min(max(step, 0), n_steps)
    parts = [f'{label}: fit {100 * step // n_steps} % ({step}/{n_steps})']
    if step >= n_steps:
        parts.append(f'done in {format_duration(elapsed)}')
    elif step > 0:
        parts.append(f'{format_duration(elapsed / step * (n_steps - step))} left')
    if loss is not None:
        parts.append(f'loss {loss:.4g}')
    return ', '.join(parts)


class Progress:
    """Callable that a fit reports its steps to.

    On a terminal one line is rewritten in place; anywhere else (a log, a pipe) plain
    lines are written, at most one every few seconds.

    Parameters
    ----------
    label : str
        What is being done.
    stream : text stream
        Where to write, usually standard error.
    single_line : bool or None
        Rewrite one line; ``None`` does so if the stream is a terminal. Several scans at a
        time would overwrite one another: pass ``False`` then.
    clock : callable
        Returns seconds; for tests.
    """

    #: Seconds between updates of a terminal line and of a log.
    TERMINAL_PERIOD = 0.2
    LOG_PERIOD = 15.0

    def __init__(
        self,
        label: str,
        stream: TextIO,
        single_line: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.label = label
        self.stream = stream
        self.terminal = stream.isatty() if single_line is None else single_line
        self.clock = clock
        self.start = clock()
        self.last = float('-inf')
        self.width = 0

    def __call__(self, step: int, n_steps: int, losses: dict | None = None) -> None:
        """Report that ``step`` of ``n_steps`` steps are done."""
        if step == 0:  # what came before the first step says nothing of the others
            self.start = self.clock()
        now = self.clock()
        final = step >= n_steps
        period = self.TERMINAL_PERIOD if self.terminal else self.LOG_PERIOD
        if not final and now - self.last < period:
            return
        self.last = now
        loss = (losses or {}).get('total')
        line = format_progress(self.label, step, n_steps, now - self.start, loss)
        if self.terminal:
            # Spaces wipe what a longer line left behind.
            self.stream.write('\r' + line.ljust(self.width) + ('\n' if final else ''))
            self.width = len(line)
        else:
            self.stream.write(line + '\n')
        self.stream.flush()
