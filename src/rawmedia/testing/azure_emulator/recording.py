"""Exactly the audio that a client sent, each sample at its place, however often it reconnected.

A client that reconnects sends again what was not acknowledged. It says where it goes on, so
what was sent twice is compared with the first time, and what never came is a gap.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.timeline import TimeSpan

if TYPE_CHECKING:
    import numpy.typing as npt

    from rawmedia.testing.azure_emulator.upload_format import UploadFormat

# The SDK keeps 60 to 70 s of audio that was not acknowledged, so it replays no more.
_WINDOW_MS = 80_000
_MAX_NOTED = 1_000


class ReceivedAudio:
    """One stream of a client, block by block (an instant of all channels, for PCM).

    Args:
        format: What the bytes are.
        max_recorded_ms: How much of its beginning is kept; all of it is counted, compared
            where it came twice, and summed up in ``digest``.
    """

    def __init__(self, format: UploadFormat, max_recorded_ms: float) -> None:
        self.format = format
        self.replayed_blocks = 0
        """Blocks that came again."""
        self.gaps: list[TimeSpan] = []
        """Stretches that never came (the first thousand), in milliseconds of the stream."""
        self.missing_blocks = 0
        """Blocks that never came."""
        self.replays: list[TimeSpan] = []
        """Stretches that came again (the first thousand), in milliseconds of the stream."""
        self.conflicts: list[TimeSpan] = []
        """Stretches that were not the same when they came again (the first thousand)."""
        self._limit = int(max_recorded_ms * format.block_rate / 1000) * format.block_bytes
        self._window_bytes = int(_WINDOW_MS * format.block_rate / 1000) * format.block_bytes
        self._kept = bytearray()
        self._recent = bytearray()  # what a replay is compared with; ends at `_end`
        self._end = 0  # in bytes
        self._received = 0
        self._digest = hashlib.sha256()

    @property
    def end(self) -> int:
        """Blocks from the start of the stream to the end of what came."""
        return self._end // self.format.block_bytes

    @property
    def end_ms(self) -> float:
        """How long the stream is so far."""
        return self._ms(self._end)

    @property
    def received_blocks(self) -> int:
        """All blocks that came, repeated ones included."""
        return self._received // self.format.block_bytes

    @property
    def complete(self) -> bool:
        """Whether every block came, and the same each time."""
        return not self.missing_blocks and not self.conflicts

    @property
    def samples(self) -> npt.NDArray[np.int16] | npt.NDArray[np.uint8]:
        """What is kept, as `UploadFormat.array` shapes it; zeros where there is a gap."""
        return self.format.array(bytes(self._kept))

    def digest(self) -> str:
        """SHA-256 of everything that came, in order and once each, kept or not; gaps are left out."""
        return self._digest.hexdigest()

    def write(self, at: int, data: bytes) -> None:
        """Put audio that starts ``at`` so many bytes from the start of the stream."""
        self._received += len(data)
        if at > self._end:
            self._skip_to(at)
        again = min(self._end - at, len(data))
        if again > 0:
            self._compare(at, data[:again])
            data = data[again:]
        if not data:
            return
        self._digest.update(data)
        self._keep(data)
        self._recent += data
        if len(self._recent) > 1.25 * self._window_bytes:
            del self._recent[: -self._window_bytes]
        self._end += len(data)

    def settle(self, ms: float) -> None:
        """Nothing before this place of the stream will come again; so it need not be remembered."""
        start = self._end - len(self._recent)
        settled = int(ms * self.format.block_rate / 1000) * self.format.block_bytes
        del self._recent[: max(0, settled - start)]

    def _skip_to(self, at: int) -> None:
        self._note(self.gaps, self._end, at)
        self.missing_blocks += (at - self._end) // self.format.block_bytes
        self._keep(bytes(min(at - self._end, max(0, self._limit - len(self._kept)))))
        self._recent.clear()
        self._end = at

    def _compare(self, at: int, data: bytes) -> None:
        """Look at what came again; what is older than the window is believed."""
        self.replayed_blocks += len(data) // self.format.block_bytes
        if self.replays and self.replays[-1].end_ms == self._ms(at):
            self.replays[-1] = TimeSpan(self.replays[-1].start_ms, self._ms(at + len(data)))
        else:
            self._note(self.replays, at, at + len(data))
        start = self._end - len(self._recent)
        first = max(0, start - at)
        if first >= len(data):
            return
        before = self._recent[at + first - start : at + len(data) - start]
        if before == data[first:]:
            return
        different = np.flatnonzero(
            np.frombuffer(before, np.uint8) != np.frombuffer(data[first:], np.uint8)
        )
        self._note(
            self.conflicts, at + first + int(different[0]), at + first + int(different[-1]) + 1
        )

    def _keep(self, data: bytes) -> None:
        room = self._limit - len(self._kept)
        if room > 0:
            self._kept += data[:room]

    def _note(self, spans: list[TimeSpan], start: int, end: int) -> None:
        if len(spans) < _MAX_NOTED:
            spans.append(TimeSpan(self._ms(start), self._ms(end)))

    def _ms(self, size: int) -> float:
        return size * 1000 / self.format.byte_rate

    def __repr__(self) -> str:
        return (
            f"<ReceivedAudio: {self.end_ms:g} ms, {len(self.gaps)} gaps, "
            f"{self.replayed_blocks} blocks replayed, {len(self.conflicts)} conflicts>"
        )


__all__ = ["ReceivedAudio"]
