"""Lines of progress with the time left."""

import sys
import threading
import time


class Countdown:
    """Lines of progress with the time left; several threads may call it.

    Parameters
    ----------
    total : int
        Steps in all; those of one name take about as long each time.
    stream : text stream
    clock : callable
        Returns seconds; for tests.
    """

    def __init__(self, total: int, stream=None, clock=time.monotonic):
        self.total, self.done, self.clock = total, 0, clock
        self.stream = stream or sys.stderr
        self.start = clock()
        self._lock = threading.Lock()

    def __call__(self, what: str) -> None:
        """Say that a step is done."""
        with self._lock:
            self.done += 1
            taken = self.clock() - self.start
            left = taken / self.done * max(self.total - self.done, 0)
            rest = f'about {left / 60:.0f} min left' if left >= 60 else f'about {left:.0f} s left'
            print(f'{self.done}/{self.total} {what}; {rest}', file=self.stream, flush=True)
