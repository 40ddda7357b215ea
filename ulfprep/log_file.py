"""The log of a run, which the run and its child processes write to: short on the terminal, whole
in a file.
"""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class LogFile(logging.FileHandler):
    """A log file that is given up, with one line, where it cannot be written (a full disk)."""

    def __init__(self, path: str | Path):
        super().__init__(path, encoding='utf-8')
        self.given_up = False
        self.setFormatter(logging.Formatter('%(asctime)s %(levelname)s %(name)s: %(message)s'))

    def handleError(self, record):  # noqa: N802 - the name is logging's
        """Say once that the disk does not take the log; other errors are logging's to tell."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self.given_up:
            self.given_up = True
            reason = error.strerror or error
            print(f'{self.baseFilename}: the log cannot be written ({reason})', file=sys.stderr)

    def close(self):
        """Close the file; what could not be written is in the buffer, and fails once more."""
        with suppress(OSError):
            super().close()


def send_messages(whole: logging.Handler, verbose: int) -> None:
    """Send ulfprep's and Nipype's messages to a handler, and what matters to standard error.

    Parameters
    ----------
    whole : logging.Handler
        Gets everything from INFO on (DEBUG with ``-vv``).
    verbose : int
        0 shows ulfprep's messages, 1 Nipype's as well, 2 everything.
    """
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(logging.Formatter('%(message)s'))
    for name in ('ulfprep', 'nipype'):
        logger = logging.getLogger(name)
        logger.handlers[:] = [whole]
        # Nipype's own handler prints on standard output, whenever that is flushed.
        logger.propagate = False
        logger.setLevel(logging.DEBUG if verbose > 1 else logging.INFO)
        if verbose or name == 'ulfprep':
            logger.addHandler(terminal)


@contextmanager
def logging_to(log_file: Path | None, verbose: int) -> Iterator[None]:
    """Send messages as :func:`send_messages` does, to a file or to the terminal alone."""
    whole = LogFile(log_file) if log_file else logging.NullHandler()
    before = [(logger, logger.handlers[:], logger.propagate, logger.level)
              for logger in map(logging.getLogger, ('ulfprep', 'nipype'))]  # fmt: skip
    send_messages(whole, verbose)
    try:
        with warnings.catch_warnings():
            if not verbose:
                warnings.simplefilter('ignore')
            yield
    finally:
        for logger, handlers, propagate, level in before:
            logger.handlers[:], logger.propagate = handlers, propagate
            logger.setLevel(level)
        whole.close()
