"""The log of a run: short on the terminal, whole in a file."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from ulfprep.log_file import LogFile, send_messages


def new_run_id() -> str:
    """Return a name for this run: when it began, and something unique."""
    return f'{datetime.now(UTC):%Y%m%d-%H%M%S}_{uuid4().hex[:8]}'


@contextmanager
def logging_to(log_file: Path | None, verbose: int) -> Iterator[None]:
    """Log ulfprep's and Nipype's messages to a file, and what matters to the terminal.

    Parameters
    ----------
    log_file : Path or None
        Gets everything from INFO on (DEBUG with ``-vv``); ``None`` for the terminal alone.
    verbose : int
        0 shows ulfprep's messages, 1 Nipype's as well, 2 everything.
    """
    whole = LogFile(log_file) if log_file else logging.NullHandler()
    ours, nipypes = logging.getLogger('ulfprep'), logging.getLogger('nipype')
    before = [(logger, logger.handlers[:], logger.propagate, logger.level)
              for logger in (ours, nipypes)]  # fmt: skip
    send_messages(whole, verbose)
    try:
        with warnings.catch_warnings():
            if not verbose:
                warnings.simplefilter('ignore')
            yield
    finally:
        for logger, handlers, propagate, old_level in before:
            logger.handlers[:], logger.propagate = handlers, propagate
            logger.setLevel(old_level)
        whole.close()
