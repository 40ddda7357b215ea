"""The child process of a scan: it is told what to do on standard input, and answers by output.

Nothing that is heavy may be imported here: first of all it has to be sure to end with its parent.
"""

import ctypes
import logging
import os
import pickle
import signal
import sys
import warnings
from contextlib import suppress
from traceback import format_exception

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Do the one call that standard input holds, and write its answer to standard output."""
    die_with(int(sys.argv[1]))
    # Whatever libraries print goes where messages go.
    answer = os.fdopen(os.dup(1), 'wb')
    os.dup2(2, 1)
    logs, call = pickle.load(sys.stdin.buffer)
    set_up_logs(*logs)

    def tell(word) -> None:
        pickle.dump(word, answer)
        answer.flush()

    try:
        failures = call.function(*call.arguments, tell=tell)
    except Exception as error:  # noqa: BLE001 - the parent has to know of all
        from ulfprep.workflows.engine.failures import failure_of

        failures = [failure_of(''.join(format_exception(error)), call.name)]
    tell(failures)


def die_with(parent: int) -> None:
    """Have the kernel end this process when its parent ends, however that comes about.

    A run that was killed may be started again at once: nothing of the old one may still write.
    """
    if sys.platform.startswith('linux'):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def set_up_logs(verbose: int, file: str | None) -> None:
    """Send messages where those of the main process go."""
    import nipype  # noqa: F401 - sets up its loggers when it is imported

    from ulfprep.log_file import LogFile, send_messages

    if not verbose:
        warnings.simplefilter('ignore')
    send_messages(LogFile(file) if file else logging.NullHandler(), verbose)
