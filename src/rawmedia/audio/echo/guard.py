"""Keeping a translator from hearing itself: what was played is taken out of what comes in."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np

from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.decisions import check_setting
from rawmedia.audio.echo.anchor import EchoAnchor
from rawmedia.audio.echo.block import MAX_TAIL_MS, EchoBlocks
from rawmedia.audio.echo.figures import EchoFigures
from rawmedia.audio.echo.reference import EchoReference
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.pcm import from_bytes
from rawmedia.errors import FormatMismatchError, UnsupportedFormatError

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat

BLOCK_MS: Final = 20
"""Audio is worked on in blocks of this length, on a grid from where a stretch begins."""
MAX_ECHO_DELAY_MS: Final = 500.0
_QUEUED_FRAMES: Final = 256
"""Played frames that wait for `EchoGuard.heard`: 5 s of 20 ms each."""
_BEHIND_MS: Final = 5_000.0
"""By how much what is heard may be read later than it came in."""
_ANCHOR_MS: Final = 1_000.0


class EchoGuard:
    """Takes what was played to somebody out of what comes in from them.

    Whoever hears a translation over a loudspeaker sends it back, `max_delay_ms` late at most, with their room
    around it. What was played is looked for in what comes in, by the correlation of phases;
    an adaptive filter of ``tail_ms`` then takes out what the room and the line made
    of it; and a gate closes where only what the filter could not take out is left. Where somebody
    speaks over it, the gate is open and the filter stands still.

    What can be relied on, as measured by the benchmark (delays of 0 to 500 ms, 6 to 30 dB of loss, a room,
    mu-law, Opus, clocks 100 ppm apart): an echo is found half a second of speech after it is first heard, a faint
    one two, and until then passes; then 20 dB or more are kept back. Who speaks as loud as
    the echo or louder loses no word. Without an echo every frame comes back as it was, the same object, and
    so does every one while nothing was played lately.

    Frames of 20 ms are not delayed; of frames that are no multiple of it, what does not fill a block
    waits while something is played, so 10 ms of audio wait for 10 more. Where frames are
    cut does not change what comes out, only in how many pieces.

    `played` may be called from another thread than the rest; it only queues the frame, 5 s at most.
    Otherwise for one thread at a time.

    Args:
        format: What comes in; mono, of 8000 Hz and more. It costs least where the audio is in the engine's format.
        played_format: What is played, in any format that `FormatConverter` takes; by default the same.
        max_delay_ms: How late an echo may be, 20 to 500.
        tail_ms: How long a room rings on, as far as it is subtracted, 40 to 400. More is slower and costs more.
        floor_db: What the gate lowers echo by, 0 to 96.

    Raises:
        ConfigurationError: A setting is out of range.
        UnsupportedFormatError: What comes in is not mono, or below 8000 Hz, or the formats can't be converted.
    """

    __slots__ = (
        "_anchor",
        "_block",
        "_blocks",
        "_converter",
        "_format",
        "_held",
        "_lost_ms",
        "_next",
        "_played_end",
        "_played_format",
        "_queue",
        "_reach",
        "_reference",
        "_reference_end",
        "_room",
    )

    def __init__(
        self,
        format: AudioFormat,
        *,
        played_format: AudioFormat | None = None,
        max_delay_ms: float = MAX_ECHO_DELAY_MS,
        tail_ms: float = 100.0,
        floor_db: float = 40.0,
    ) -> None:
        check_setting("max_delay_ms", max_delay_ms, BLOCK_MS, MAX_ECHO_DELAY_MS)
        check_setting("tail_ms", tail_ms, 2 * BLOCK_MS, MAX_TAIL_MS)
        check_setting("floor_db", floor_db, 0, 96)
        if format.num_channels != 1 or format.sample_rate < 8_000:
            raise UnsupportedFormatError("mono of 8000 Hz or more", str(format))
        self._format = format
        self._played_format = played_format or format
        self._converter: FormatConverter | None = None
        if self._played_format != format:
            self._converter = FormatConverter(self._played_format, format)
        self._block = block = format.samples(BLOCK_MS)
        lags = math.ceil(max_delay_ms / BLOCK_MS) + 2
        partitions = math.ceil(tail_ms / BLOCK_MS)
        self._reach = (lags + partitions) * block
        self._reference = EchoReference(self._reach + 2 * block + format.samples(_BEHIND_MS))
        self._anchor = EchoAnchor(format.samples(_ANCHOR_MS))
        self._blocks = EchoBlocks(format, block, self._reference, lags, partitions, floor_db)
        self._queue: deque[tuple[AudioFrame, int | None]] = deque(maxlen=_QUEUED_FRAMES)
        self._played_end: int | None = None
        self._reference_end = 0
        self._lost_ms = 0.0
        self._next: int | None = None  # where the next frame starts unless there is a gap
        self._held: list[AudioFrame] = []  # the parts of a block that is not whole yet
        self._room = block  # samples to the end of the block

    def reset(self) -> None:
        """Forget what was played and what was learnt: another call. Figures begin anew."""
        self._queue.clear()
        self._reference.reset()
        self._anchor.reset()
        self._blocks.reset()
        self._played_end, self._reference_end, self._lost_ms = None, 0, 0.0
        self._next = None
        self._held.clear()
        self._room = self._block

    @property
    def format(self) -> AudioFormat:
        """What comes in, and goes to the engine."""
        return self._format

    @property
    def played_format(self) -> AudioFormat:
        """What is played."""
        return self._played_format

    @property
    def figures(self) -> EchoFigures:
        """What was found and done so far; costs a hundred microseconds."""
        blocks = self._blocks
        return EchoFigures(
            delay_ms=blocks.delay_ms,
            erle_db=blocks.erle_db,
            gated_ms=blocks.gated * float(BLOCK_MS),
            subtracted_ms=blocks.subtracted * float(BLOCK_MS),
            double_talk_ms=blocks.double_talk * float(BLOCK_MS),
            drift_ppm=blocks.drift_ppm,
            delay_changes=blocks.delay_changes,
            lost_played_ms=self._lost_ms,
        )

    def played(self, frame: AudioFrame) -> None:
        """Take what was given to the loudspeaker's side just now, silence too.

        Tell every frame when it is pulled, or before the next is heard: how late an echo can be is
        reckoned from there.

        Args:
            frame: At its wire position: positions count what was pulled, and a gap in them is silence.

        Raises:
            FormatMismatchError: It is not in the played format; it was not taken.
        """
        got, expected = frame.format, self._played_format
        if got is not expected and got != expected:
            raise FormatMismatchError(expected, got)
        queue = self._queue
        if len(queue) == _QUEUED_FRAMES:
            self._lost_ms += queue[0][0].duration_ms
        queue.append((frame, self._next))

    def heard(self, frame: AudioFrame) -> list[AudioFrame]:
        """Take a frame that came in, give those for the engine.

        Args:
            frame: What came in; a gap in the positions begins a new stretch.

        Returns:
            Each sample at its own position, in order: the frame itself where there was no echo to be
            looked for or found, and new ones of a block each where there was. Nothing while
            a block is not whole.

        Raises:
            FormatMismatchError: It is not in the guard's format; it was not taken.
        """
        got, expected = frame.format, self._format
        if got is not expected and got != expected:
            raise FormatMismatchError(expected, got)
        given: list[AudioFrame] = []
        position, size = frame.position, frame.samples_per_channel
        if position != self._next:
            given += self.flush()
        while self._queue:
            self._remember(*self._queue.popleft(), position)
        self._next = frame.end
        if not self._held and size == self._block and not self._rests(position):
            given.append(self._worked_on(frame))
            return given
        start = 0
        while start < size:
            if not self._held and self._rests(position + start):
                given.append(_part(frame, start, size))
                break
            end = min(size, start + self._room)
            self._held.append(_part(frame, start, end))
            self._room -= end - start
            if not self._room:
                given.append(self._worked_on(_joined(self.flush())))
            start = end
        return given

    def flush(self) -> list[AudioFrame]:
        """End the stream, or a stretch of it: what waits for a block to be filled, as it came in."""
        waiting, self._held = self._held, []
        self._room = self._block
        return waiting

    def _rests(self, position: int) -> bool:
        """Whether nothing that was played can be in what is heard from there on."""
        offset = self._anchor.offset
        return offset is None or position + offset > self._reference.loud_end + self._reach

    def _worked_on(self, frame: AudioFrame) -> AudioFrame:
        """A block without its echo; the frame itself where it is left alone."""
        offset = self._anchor.offset
        if offset is not None:
            self._blocks.anchor(offset)
        clean = self._blocks.push(frame.samples[:, 0], frame.position, filler=frame.filler)
        if clean is None:
            return frame
        return AudioFrame(clean, frame.format, frame.position, frame.source)

    def _remember(self, frame: AudioFrame, heard: int | None, now: int) -> None:
        """Write what was played into the reference, in the guard's format.

        Args:
            frame: What was played.
            heard: Up to where had been heard by then; None if it was the first of all.
            now: Where what is heard now begins.
        """
        contiguous = frame.position == self._played_end
        self._played_end = frame.end
        samples, start = frame.samples[:, 0], frame.position
        converter = self._converter
        if converter is not None:
            if not contiguous:
                converter.reset()
                ratio = self._format.sample_rate / self._played_format.sample_rate
                self._reference_end = round(frame.position * ratio)
            samples, start = from_bytes(converter.push(frame), 1)[:, 0], self._reference_end
            self._reference_end += len(samples)
        self._reference.write(samples, start)
        self._anchor.push(start, now if heard is None else heard)


def _part(frame: AudioFrame, start: int, end: int) -> AudioFrame:
    if start == 0 and end == frame.samples_per_channel:
        return frame
    return AudioFrame(
        frame.samples[start:end],
        frame.format,
        frame.position + start,
        frame.source,
        filler=frame.filler,
    )


def _joined(parts: list[AudioFrame]) -> AudioFrame:
    """Parts that follow each other as one."""
    first = parts[0]
    samples = np.concatenate([part.samples for part in parts]) if len(parts) > 1 else first.samples
    filler = all(part.filler for part in parts)
    return AudioFrame(samples, first.format, first.position, first.source, filler=filler)


__all__ = ["BLOCK_MS", "MAX_ECHO_DELAY_MS", "EchoGuard"]
