"""Cutting PCM of any length into chunks of one length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.audio.pcm import byte_view
from rawmedia.errors import ConfigurationError, PayloadError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import PCMBytes


class Rechunker:
    """Takes PCM cut anywhere between two samples, gives chunks of equal length.

    What does not fill a chunk waits for the next push, so at most one chunk less one
    sample is ever held. Joined together, the chunks are what was pushed, whatever the cuts.

    Args:
        format: What the bytes are.
        frame_samples: Samples per channel in a chunk, 1 or more.

    Raises:
        ConfigurationError: ``frame_samples`` is not positive.
    """

    __slots__ = ("_chunk_bytes", "_instant_bytes", "_pending")

    def __init__(self, format: AudioFormat, frame_samples: int) -> None:
        if frame_samples < 1:
            raise ConfigurationError(
                "frame_samples", f"a chunk holds 1 sample or more, not {frame_samples}"
            )
        self._instant_bytes = format.bytes_per_instant
        self._chunk_bytes = frame_samples * self._instant_bytes
        self._pending = bytearray()

    @property
    def pending_samples(self) -> int:
        """Samples per channel that wait for their chunk to fill; less than a chunk."""
        return len(self._pending) // self._instant_bytes

    def push(self, data: PCMBytes) -> Sequence[bytes]:
        """Add audio and take the chunks that are full now, oldest first.

        ``bytes`` that are exactly one chunk, with nothing pending, come back as they are.

        Args:
            data: Whole samples of every channel; may be empty.

        Raises:
            PayloadError: The bytes end in the middle of a sample, or are no contiguous buffer;
                none of them was taken.
        """
        chunk, pending = self._chunk_bytes, self._pending
        if type(data) is bytes and len(data) == chunk and not pending:
            return (data,)
        # Slices of a view, so that bytes are copied once: into the chunk that leaves.
        view = byte_view(data)
        size = len(view)
        if size % self._instant_bytes:
            raise PayloadError(f"whole samples of {self._instant_bytes} bytes", f"{size} bytes")
        missing = chunk - len(pending)
        if size < missing:
            pending += view
            return ()
        start = 0
        chunks = []
        if pending:
            chunks.append(b"".join((pending, view[:missing])))
            pending.clear()
            start = missing
        end = size - (size - start) % chunk
        chunks += [bytes(view[at : at + chunk]) for at in range(start, end, chunk)]
        pending += view[end:]
        return chunks

    def flush(self, *, pad: bool) -> bytes | None:
        """Take what is pending and start afresh.

        Args:
            pad: Fill it with zeros to a whole chunk, instead of giving it as short as it is.

        Returns:
            None when nothing is pending.
        """
        if not self._pending:
            return None
        tail = bytes(self._pending)
        self._pending.clear()
        return tail.ljust(self._chunk_bytes, b"\0") if pad else tail

    def clear(self) -> int:
        """Drop what is pending; returns how many samples per channel that was."""
        dropped = self.pending_samples
        self._pending.clear()
        return dropped


__all__ = ["Rechunker"]
