"""What the exit code of a run means (after the BIDS Apps execution specification)."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of the ``ulfprep`` command."""

    #: Every selected scan is finished.
    OK = 0
    #: At least one scan failed; the others are finished.
    FAILURE = 1
    #: The command line was not understood: an unknown flag, a value of the wrong kind.
    COMMAND_LINE = 2
    #: The input folder is no valid BIDS dataset.
    INVALID_DATASET = 16
    #: Labels, modalities and filters select no scan.
    NOTHING_SELECTED = 18
    #: The command line asks for something impossible: folders inside one another, flags that
    #: contradict each other, a file of the wrong kind, something this machine does not have.
    USAGE = 64
    #: No selected scan could be used: each is corrupt, 2-D, empty or lacks its field strength;
    #: or the user's own brain mask does not fit its scan.
    BAD_DATA = 65
    #: An input is missing or cannot be read, or a label names nothing.
    NO_INPUT = 66
    #: An output cannot be created.
    CANNOT_CREATE = 73
    #: Reading or writing failed during the run.
    IO_ERROR = 74
    #: Temporary failure: worth trying again (a scan's process was killed, another process has the
    #: participant).
    TEMPORARY = 75


class Stop(Exception):  # noqa: N818 - it ends the run, which need not be an error
    """Ends the run with a code and one line that says why and what to do.

    Parameters
    ----------
    code : Exit
        Exit code of the command.
    message : str
        One line for standard error, naming the file or flag and the way out. Characters of a
        file's name that would break or hide the line are written as their escapes.
    """

    def __init__(self, code: Exit, message: str):
        super().__init__(''.join(c if c.isprintable() else repr(c)[1:-1] for c in message))
        self.code = code


def usage(message: str) -> Stop:
    """Return the end of a run that was asked for something impossible."""
    return Stop(Exit.USAGE, message)
