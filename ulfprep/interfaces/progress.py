"""How far a long step is, and how long it will still take."""

import threading
from typing import TextIO

from tqdm import tqdm

#: Seconds between updates of a line on a terminal, and between lines of a log.
TERMINAL_PERIOD, LOG_PERIOD = 0.2, 15.0
FORMAT = (
    '{desc}: fit {percentage:.0f} % ({n_fmt}/{total_fmt}), {elapsed} so far, {remaining} left'
    '{postfix}'
)


class _Bar(tqdm):
    """A bar without tqdm's own thread, and without its lock between processes.

    Each scan has a process of its own; where that is killed, such a lock would be left behind.
    """

    monitor_interval = 0
    _lock = threading.RLock()


class _Lines:
    """A stream on which a bar is written as lines.

    Parameters
    ----------
    stream : text stream
    """

    def __init__(self, stream: TextIO):
        self.stream = stream
        self.flush = stream.flush

    def write(self, text: str) -> None:
        """Write what is more than the wish to begin anew."""
        if text := text.strip():
            self.stream.write(text + '\n')


class Progress:
    """Callable that a fit reports its steps to, which writes to a stream what is ``label`` done.

    On a terminal one line is rewritten in place; anywhere else (a log, a pipe) plain lines are
    written, at most one every few seconds. Several scans at a time would overwrite one another:
    ``single_line`` is False then; None decides by the stream.
    """

    def __init__(self, label: str, stream: TextIO, single_line: bool | None = None):
        terminal = stream.isatty() if single_line is None else single_line
        self.label = label
        self.options = {
            'desc': label,
            'file': stream if terminal else _Lines(stream),
            'mininterval': TERMINAL_PERIOD if terminal else LOG_PERIOD,
        }
        self.bar: _Bar | None = None

    def __call__(self, step: int, n_steps: int, losses: dict | None = None) -> None:
        """Report that ``step`` of ``n_steps`` steps are done."""
        if self.bar is None or step == 0:  # what came before says nothing of the steps' time
            self.bar = _Bar(total=n_steps, miniters=1, bar_format=FORMAT, **self.options)
        if losses and 'total' in losses:
            self.bar.set_postfix_str(f'loss {losses["total"]:.4g}', refresh=False)
        self.bar.update(step - self.bar.n)
        if step >= n_steps:
            self.bar.close()
