"""The QC file of a scan, read back: the one place where that is done."""

from pathlib import Path

from ulfprep.bids.files import read_json
from ulfprep.record import ScanRecord


class BrokenRecordError(ValueError):
    """A QC file that holds no record of a scan, such as one of an older version."""


def read_record(path: Path) -> ScanRecord:
    """Return the record that a QC file holds.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    BrokenRecordError
        If it cannot be read; a line that names it and the way out.
    """
    try:
        return ScanRecord.from_json(read_json(path))
    except FileNotFoundError:  # a run that begins removes what it will write anew
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        text = f'{path}: not a readable QC file ({error!r}); run its scan again'
        raise BrokenRecordError(text) from error
