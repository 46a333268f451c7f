"""Gathers audio into the blocks in which the SDK sends it, so that it is called once for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class BlockWriter:
    """Hands on whole blocks, counted from the start of the stream.

    The SDK sends nothing before a block of it is complete: 100 ms, counted from the start of
    the stream, or what ``SPEECH-BytesPerFrame`` says (seen with SDK 1.53). So to wait for whole
    blocks here delays nothing, and a call into the SDK costs more than all else that is done
    with 20 ms of audio.

    Args:
        write: Takes bytes; never waits.
        block_bytes: How long a block is.
    """

    def __init__(self, write: Callable[[bytes], None], block_bytes: int) -> None:
        self._write = write
        self._block_bytes = block_bytes
        self._pieces: list[bytes] = []
        self._filled = 0
        """How much of the block in progress there is, handed on or not."""

    @property
    def missing_bytes(self) -> int:
        """How much makes the block in progress whole."""
        return self._block_bytes - self._filled

    def write(self, data: bytes) -> None:
        """Take the next bytes; what is whole by then is handed on."""
        filled = self._filled + len(data)
        self._filled = filled % self._block_bytes
        if filled < self._block_bytes:
            self._pieces.append(data)
            return
        whole = len(data) - self._filled
        self._pieces.append(data[:whole])
        self._write(b"".join(self._pieces))
        self._pieces = [data[whole:]] if self._filled else []

    def flush(self) -> None:
        """Hand on what is there, though it is no whole block: nothing may come soon."""
        rest, self._pieces = b"".join(self._pieces), []
        if rest:
            self._write(rest)


__all__ = ["BlockWriter"]
