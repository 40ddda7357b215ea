"""Bytes of a file, unpacked where it is gzip, never more at once than asked for."""

import zlib

#: What is read at once: bytes of a file, voxels of an image.
PIECE = 2**20


class Stream:
    """An open file that is read once, from its beginning.

    Reading raises ``EOFError`` or ``zlib.error`` where packed bytes end too early or fail their
    check sum.

    Parameters
    ----------
    file : binary file

    Attributes
    ----------
    packed : bool
        Whether it is gzip.
    garbage : bool
        Whether something that is no gzip follows the packed bytes.
    """

    def __init__(self, file):
        self._file = file
        self.packed = file.read(2) == b'\x1f\x8b'
        self.garbage = False
        self._waiting = b''
        self._unpacker = zlib.decompressobj(31)
        file.seek(0)

    def read(self, count: int) -> bytes:
        """Return that many bytes, or fewer at the end."""
        parts = []
        while count and (part := self._some(min(count, PIECE))):
            parts.append(part)
            count -= len(part)
        return b''.join(parts)

    def skip(self, count: int) -> int:
        """Pass over that many bytes, or fewer at the end; return how many."""
        passed = 0
        while passed < count and (part := self._some(min(count - passed, PIECE))):
            passed += len(part)
        return passed

    def _some(self, most: int) -> bytes:
        """Return at least one byte, none at the end; the check sums of gzip are checked."""
        if not self.packed:
            return self._file.read(most)
        while not self.garbage:
            if self._unpacker.eof and not self._next_member():
                break
            fed = self._waiting or self._file.read(PIECE)
            part = self._unpacker.decompress(fed, most)
            self._waiting = self._unpacker.unconsumed_tail
            if part:
                return part
            if not fed and not self._unpacker.eof:
                raise EOFError('the compressed data end too early')
        return b''

    def _next_member(self) -> bool:
        """Go on to the next member of a gzip file, if one follows; zeros are only padding."""
        rest = self._unpacker.unused_data.lstrip(b'\0')
        while len(rest) < 2 and (more := self._file.read(PIECE)):
            rest = (rest + more).lstrip(b'\0')
        self._unpacker, self._waiting = zlib.decompressobj(31), rest
        self.garbage = bool(rest) and not rest.startswith(b'\x1f\x8b')
        return bool(rest) and not self.garbage
