"""What the exit code of a run means (after the BIDS Apps execution specification)."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of the ``ulfprep`` command."""

    OK = 0  #: every selected scan is finished
    FAILURE = 1  #: at least one scan failed; the others are finished
    COMMAND_LINE = 2  #: not understood: an unknown flag, a value of the wrong kind
    INVALID_DATASET = 16  #: the input folder is no valid BIDS dataset
    NOTHING_SELECTED = 18  #: labels, modalities and filters select no scan
    #: The command line asks for something impossible: folders inside one another, flags that
    #: contradict each other, a file of the wrong kind, something this machine does not have.
    USAGE = 64
    #: No selected scan could be used: each is corrupt, 2-D, empty or lacks its field strength;
    #: or the user's own brain mask does not fit its scan.
    BAD_DATA = 65
    NO_INPUT = 66  #: an input is missing or cannot be read
    CANNOT_CREATE = 73  #: an output cannot be created
    IO_ERROR = 74  #: reading or writing failed during the run
    #: Worth trying again: a scan's process was killed, another process has the participant.
    TEMPORARY = 75


class Stop(Exception):  # noqa: N818 - it ends the run, which need not be an error
    """Ends the run with a code and one line that names the file or flag and the way out.

    Characters of a file's name that would break or hide the line are written as their escapes.
    """

    def __init__(self, code: Exit, message: str):
        super().__init__(''.join(c if c.isprintable() else repr(c)[1:-1] for c in message))
        self.code = code


def usage(message: str) -> Stop:
    """Return the end of a run that was asked for something impossible."""
    return Stop(Exit.USAGE, message)


@contextmanager
def ending_at(codes: dict[type[Exception], Exit]) -> Iterator[None]:
    """End the run where one of some errors is raised, with its words.

    Its code is that of the first kind in ``codes`` that it is of.
    """
    try:
        yield
    except tuple(codes) as error:
        code = next(code for kind, code in codes.items() if isinstance(error, kind))
        raise Stop(code, str(error)) from error
