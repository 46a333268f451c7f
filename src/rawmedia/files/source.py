"""A file that libsndfile reads through callbacks, from which no exception can get out.

An exception inside such a callback would be printed and forgotten, and the C library would
go on as if the file had ended. So nothing here raises; the first error is kept for the
Python code around the library to find, and after it nothing is read any more.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import io


class GuardedSource:
    """A file that is read; a few of its bytes may be corrected on the way.

    Args:
        raw: The open file, unbuffered; closing it stays the caller's business.
    """

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw
        self._offset = 0
        self._correction: tuple[int, bytes] | None = None
        self.size = os.fstat(raw.fileno()).st_size
        """Bytes in the file when it was opened."""
        self.error: OSError | None = None
        """The first thing that went wrong, or None."""

    def correct(self, offset: int, data: bytes) -> None:
        """Let every later read see ``data`` at ``offset``; the file itself stays as it is."""
        self._correction = (offset, data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; what a broken header sends before the start of the file stays where it was."""
        base = {os.SEEK_CUR: self._offset, os.SEEK_END: self.size}.get(whence, 0)
        if base + offset >= 0:
            self._offset = base + offset
        return self._offset

    def tell(self) -> int:
        """Bytes before the next one read."""
        return self._offset

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer as far as the file goes; 0 at its end and after an error."""
        if self.error is not None or self._raw.closed:
            return 0
        try:
            self._raw.seek(self._offset)
            got = self._raw.readinto(buffer)
        except OSError as error:
            self.error = error
            return 0
        if self._correction is not None:
            at, data = self._correction
            start, end = max(at, self._offset), min(at + len(data), self._offset + got)
            if start < end:
                buffer[start - self._offset : end - self._offset] = data[start - at : end - at]
        self._offset += got
        return got

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes from here on; fewer at the end of the file and after an error."""
        buffer = bytearray(min(size, max(0, self.size - self._offset)))
        got = self.readinto(memoryview(buffer))
        return bytes(buffer[:got])


__all__ = ["GuardedSource"]
