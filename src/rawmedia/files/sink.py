"""A new file that grows by whole pieces, so that a full disk or a killed process tears none.

``write`` and ``patch`` never raise, because libsndfile calls them and no exception can get
through a C library: the first error is kept for the Python code around it to find, and
after it nothing more is taken.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rawmedia.errors import FileWriteError

if TYPE_CHECKING:
    import io


class GuardedSink:
    """The file: a piece that does not fit on the disk leaves no part of itself in it.

    An existing file at ``path`` is emptied.

    Raises:
        FileWriteError: The file cannot be made, or the name is that of a pipe or a device.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._raw = _open_new(path)
        self._offset = 0
        self.size = 0
        """Bytes in the file."""
        self.error: Exception | None = None
        """The first thing that went wrong, or None."""

    @property
    def problem(self) -> str | None:
        """What ``error`` means, in words, or None."""
        return None if self.error is None else _reason(self.error)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to where the next piece is written."""
        base = {os.SEEK_CUR: self._offset, os.SEEK_END: self.size}.get(whence, 0)
        self._offset = max(0, base + offset)
        return self._offset

    def tell(self) -> int:
        """Where the next piece is written."""
        return self._offset

    def write(self, data: bytes | memoryview) -> int:
        """Write all of ``data``, or on an error none of it.

        Returns:
            ``len(data)``, or 0 after an error.
        """
        if self.error is not None or self._raw.closed:
            return 0
        if not self._put(self._offset, data):
            self._cut()
            return 0
        self._offset += len(data)
        self.size = max(self.size, self._offset)
        return len(data)

    def grow(self, count: int) -> int:
        """Add ``count`` bytes of zero at the end, or on an error none; most file systems store none.

        Returns:
            ``count``, or 0 after an error.
        """
        if self.error is not None or self._raw.closed:
            return 0
        try:
            self._raw.truncate(self.size + count)
        except OSError as error:
            self.fail(error)
            return 0
        self.size += count
        self._offset = self.size
        return count

    def fail(self, error: Exception) -> None:
        """Keep ``error``, unless there is one already, and take nothing more."""
        self.error = self.error or error

    def patch(self, offset: int, data: bytes) -> None:
        """Replace bytes that are there, in one write; also after an error, as it takes no room."""
        self._put(offset, data)

    def close(self) -> None:
        """Close the file; twice is harmless."""
        try:
            self._raw.close()
        except OSError as error:
            self.fail(error)

    def _put(self, offset: int, data: bytes | memoryview) -> bool:
        """Write all of ``data`` there, or keep the error and say no."""
        try:
            self._raw.seek(offset)
            rest = memoryview(data)
            while rest:
                rest = rest[self._raw.write(rest) :]
        except OSError as error:
            self.fail(error)
            return False
        return True

    def _cut(self) -> None:
        """Take the torn piece at the end away, where the file system still can."""
        try:
            self._raw.truncate(self.size)
        except OSError:
            # The first error is the one worth telling, and every reader passes over a torn end.
            return


def _open_new(path: str | os.PathLike[str]) -> io.FileIO:
    try:
        # Looked at before it is opened: opening a pipe waits for whoever reads from it.
        if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):
            raise FileWriteError(path, "is a pipe or a device; expected the name of a file")
        return open(path, "wb", buffering=0)  # noqa: PTH123 -- GuardedSink.close closes it
    except (OSError, ValueError) as error:
        # ValueError: a path with a NUL in it.
        raise FileWriteError(path, f"cannot be opened for writing: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    words = error.strerror if isinstance(error, OSError) else str(error)
    return words or repr(error)


__all__ = ["GuardedSink"]
