"""Text files as people's machines write them: the one place where they are read."""

import codecs
import io
from pathlib import Path

#: What a file may begin with, and the encoding that it tells. The first that fits: the mark of
#: UTF-32 begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, 'utf-8-sig'),
    (codecs.BOM_UTF32_LE, 'utf-32'),
    (codecs.BOM_UTF32_BE, 'utf-32'),
    (codecs.BOM_UTF16_LE, 'utf-16'),
    (codecs.BOM_UTF16_BE, 'utf-16'),
)


def encoding_of(beginning: bytes) -> str:
    """Return the encoding of a text by its byte order mark: UTF-8 where it has none.

    Parameters
    ----------
    beginning : bytes
        At least the first four bytes, or all of a shorter text.
    """
    return next((name for mark, name in MARKS if beginning.startswith(mark)), 'utf-8')


def read_text(path: Path) -> str:
    """Return the text of a file, without byte order mark, every line ended by a line feed.

    BIDS asks for UTF-8 without a mark; spreadsheets and editors of other systems write UTF-8 with
    one, or UTF-16.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no text.
    """
    content = Path(path).read_bytes()
    return io.TextIOWrapper(io.BytesIO(content), encoding_of(content[:4])).read()
