"""A call leg made of files: one is heard, another records what is said back."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from rawmedia.audio.format import DEFAULT_FRAME_MS, WIDEBAND_VOICE, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import (
    ConfigurationError,
    EndOfStreamError,
    StreamClosedError,
    StreamFailedError,
    UnreadableFileError,
)
from rawmedia.files import MAX_READ_SAMPLES, AudioFileReader, open_writer
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.leg import CallLeg
from rawmedia.streams.media_clock import MediaClock
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.streams.pair import audio_pair
from rawmedia.streams.tasks import joined_tasks

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator
    from types import TracebackType
    from typing import Self

    from rawmedia.files import AudioFileWriter
    from rawmedia.streams.clock import Clock

_BLOCK_MS = 500
"""How much is decoded at a time, off the event loop."""
# In lockstep a program that takes no audio for so long is waiting for what is said back to be
# heard, or for a timer of the leg's clock; only a program that computes longer is mistaken for one.
_PATIENCE_S = 2.0
# Of a program that was once found waiting it is known sooner the next time, so that one that
# always lags behind goes on at about real time.
_NEXT_PATIENCE_S = 0.5
# While it waits, a frame passes in the time that it lasts: so where it only computes, on a busy
# machine, the recording is no more behind than one in real time would be.
_STEP_S = DEFAULT_FRAME_MS / 1000
# A frame that reaches a program's answer through this many tasks is answered in no time.
_SETTLING_TURNS = 10


class FileLeg(CallLeg):
    """A party who says what is in a file, and hears what is written to another.

    In *real time* the file is spoken at the pace of the clock and the recording shows what
    a listener would have heard when. In *lockstep* (``realtime=False``) it goes as fast as the
    program takes it: each frame that the program has taken moves the leg's clock, and the
    recording, by a frame, so that both stay on one timeline. What the program computes
    takes no time on that clock. A program that takes nothing for two seconds of real time,
    because first something that it said has to be heard or a timer on the leg's clock has
    to come, gets that: the speaker waits and time passes.

    ``async with`` carries the call while its block runs; ``run`` does so for who wants to hold
    the reins.

    The recording is whole frames long, as long as the source or longer, and has silence
    where nothing was said back.

    Args:
        source: Any file that soundfile reads (WAV, FLAC, MP3, Ogg Vorbis, Ogg Opus).
        output: Where to record: .wav, .flac, .ogg or .opus; None to record nothing.
        realtime: Pace by ``clock``, or lockstep.
        outbound_format: What is recorded.
        name: How reports call the leg; the file's name when None.
        language: What is spoken in the source, as a BCP-47 tag.
        clock: What real time is.

    Raises:
        UnreadableFileError: ``source`` is missing, empty or not audio.
        UnsupportedFormatError: Its rate or number of channels is out of range.
        FileWriteError: ``output`` can't be written.
        ConfigurationError: The ending of ``output`` is none that can be written, or it is
            the source.
    """

    def __init__(
        self,
        source: str | os.PathLike[str],
        output: str | os.PathLike[str] | None = None,
        *,
        realtime: bool = False,
        outbound_format: AudioFormat = WIDEBAND_VOICE,
        name: str | None = None,
        language: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._reader = AudioFileReader(source)
        self._writer: AudioFileWriter | None = None
        try:
            if output is not None:
                _require_another_file(source, output)
                self._writer = open_writer(output, outbound_format)
        except BaseException:
            self._reader.close()
            raise
        self._reading = threading.Lock()
        self._spoken_ms = self._waited_ms = 0.0
        self._recorded = 0
        self._patience_s = _PATIENCE_S
        self._broken_off: UnreadableFileError | None = None
        self._carrying: asyncio.Task[None]
        self._media_clock: MediaClock | None = None
        inbound: InboundAudioStream
        outbound: OutboundAudioStream
        if realtime:
            inbound = InboundAudioStream(self._reader.format, clock=clock)
            outbound = OutboundAudioStream(outbound_format, clock=clock)
        else:
            clock = self._media_clock = MediaClock()
            # Room for one frame, so that the clock shows what the program has heard.
            self._feed, inbound = audio_pair(
                self._reader.format, capacity_ms=DEFAULT_FRAME_MS, clock=clock
            )
            outbound = OutboundAudioStream(outbound_format, clock=clock)
        super().__init__(
            inbound, outbound, name=name or self._reader.path, language=language, clock=clock
        )

    @property
    def duration_ms(self) -> float | None:
        """How long the source is, as far as the file says."""
        return self._reader.duration_ms

    @property
    def warning(self) -> str | None:
        """What is wrong with the source, though it could be read, once it has been; or None."""
        return self._reader.warning

    async def run(self) -> None:
        """Carry the call: speak the source to its end, and record until ``outbound`` has ended.

        Cancelling stops both; what is recorded is kept and playable. Either stream may be
        ended or closed meanwhile, which ends its side. A source that can't be read any
        further fails ``inbound`` alone, so that what is still to be said back is recorded.

        Raises:
            UnreadableFileError: The source could not be read to its end; raised when
                ``outbound`` has ended.
            FileWriteError: The recording can't go on (a full disk). Both streams fail with it.
            StreamFailedError: Somebody failed one of the streams; the other fails with it.
        """
        carry = self._in_real_time if self._media_clock is None else self._in_lockstep
        try:
            # `aclose` has closed the files, too.
            with contextlib.suppress(StreamClosedError):
                await carry()
            if self._broken_off is not None:
                raise self._broken_off
        except Exception as error:
            cause = error.cause if isinstance(error, StreamFailedError) else error
            self.inbound.fail(cause)
            self.outbound.fail(cause)
            raise
        finally:
            self._close_files()

    async def __aenter__(self) -> Self:
        """Begin the call: ``run`` goes on beside the block."""
        self._carrying = asyncio.create_task(self.run(), name=f"file leg {self.name}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the call: nobody listens any more, and what was said back is recorded to its end.

        Raises:
            RawMediaError: What ``run`` raises; not if the block raised something itself.
        """
        try:
            self.inbound.close()
            self.outbound.end()
            if error is not None and not isinstance(error, Exception):
                self._carrying.cancel()
            await asyncio.wait([self._carrying])
        finally:
            self._carrying.cancel()
            await self.aclose()
        if error is None:
            await self._carrying
        elif not self._carrying.cancelled():
            self._carrying.exception()  # the block's own error says more

    async def aclose(self) -> None:
        """Close the streams and both files; the recording is playable. Twice is harmless."""
        await super().aclose()
        self._close_files()

    # Real time.

    async def _in_real_time(self) -> None:
        async with joined_tasks() as tasks:
            tasks.create_task(self._speak(), name="file leg speaks")
            # However late the loop is, every frame of the timeline is recorded.
            with contextlib.suppress(StreamClosedError):
                async for frame in self.outbound.paced(catch_up_ms=math.inf):
                    self._record(frame)
        while self._recorded_ms < self._spoken_ms:
            self._record(self._silence())

    async def _speak(self) -> None:
        start = self.clock.now()
        with contextlib.suppress(StreamClosedError):
            async with contextlib.aclosing(self._frames()) as frames:
                async for frame in frames:
                    # A frame is there when its last sample was spoken.
                    await self.clock.sleep_until(start + frame.end_ms / 1000)
                    self.inbound.push(frame)
                    self._spoken_ms = frame.end_ms
            self._end_source(self.inbound)

    # Lockstep.

    async def _in_lockstep(self) -> None:
        with contextlib.suppress(StreamClosedError):
            async with contextlib.aclosing(self._frames()) as frames:
                async for frame in frames:
                    await self._say(frame)
                    self._pass(frame.end_ms + self._waited_ms)
                    await _settle()
                    self._hear_until(frame.end_ms + self._waited_ms)
        self._end_source(self._feed)
        self._pass(self._recorded_ms)
        with contextlib.suppress(EndOfStreamError, StreamClosedError):
            await self._hear_rest()

    async def _say(self, frame: AudioFrame) -> None:
        """Wait until the program takes the frame; time passes meanwhile only if it waits for that."""
        patience_s = self._patience_s
        while True:
            try:
                async with asyncio.timeout(patience_s):
                    await self._feed.asend(frame)
            except TimeoutError:
                if self._timers_wait or self.outbound.pending:
                    patience_s, self._patience_s = _STEP_S, _NEXT_PATIENCE_S
                    self._waited_ms += self.outbound.frame_ms
                    self._hear_until(self.clock.now() * 1000 + self.outbound.frame_ms)
            else:
                return

    def _hear_until(self, media_ms: float) -> None:
        self._pass(media_ms)
        # What is heard from this moment on; so the first silence is two frames long.
        while self._recorded_ms <= media_ms:
            try:
                frame = self.outbound.pull()
            except (EndOfStreamError, StreamClosedError):
                frame = self._silence()
            self._record(frame)

    async def _hear_rest(self) -> None:
        patience_s = self._patience_s
        while True:
            if await self._something_to_hear(patience_s):
                frame, patience_s = self.outbound.pull(), self._patience_s
            elif self._timers_wait:
                frame, patience_s = self._silence(), _STEP_S
            else:
                continue
            self._record(frame)
            self._pass(self._recorded_ms)
            await _settle()

    async def _something_to_hear(self, patience_s: float) -> bool:
        """Wait for audio, not longer than that; what a source has nobody tells, so look now and then.

        Raises:
            StreamError: No audio comes any more.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + patience_s
        while not self.outbound.pending:
            left = until - loop.time()
            if left <= 0:
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, _STEP_S)):
                    await self.outbound.aready()
        return True

    def _pass(self, media_ms: float) -> None:
        assert self._media_clock is not None
        self._media_clock.advance_to(media_ms / 1000)

    @property
    def _timers_wait(self) -> bool:
        return self._media_clock is not None and self._media_clock.has_timers

    # The files.

    async def _frames(self) -> AsyncGenerator[AudioFrame, None]:
        """The source in frames of the stream's length, decoded in blocks off the loop."""
        frame_samples = self.inbound.format.samples(self.inbound.frame_ms)
        most = min(self.inbound.format.samples(_BLOCK_MS), MAX_READ_SAMPLES)
        block_samples = most // frame_samples * frame_samples
        while (block := await self._block(block_samples)) is not None:
            for start in range(0, block.samples_per_channel, frame_samples):
                yield AudioFrame(
                    block.samples[start : start + frame_samples],
                    block.format,
                    block.position + start,
                )

    async def _block(self, samples: int) -> AudioFrame | None:
        """The next piece of the source; None at its end, or where it breaks off."""
        try:
            block = await asyncio.to_thread(self._read, samples)
        except UnreadableFileError as error:
            self._broken_off = error
            return None
        if block is None and self._reader.truncated:
            self._broken_off = UnreadableFileError(self._reader.path, str(self._reader.warning))
        return block

    def _read(self, samples: int) -> AudioFrame | None:
        with self._reading:
            return None if self._reader.closed else self._reader.read(samples)

    def _end_source(self, stream: InboundAudioStream | OutboundAudioStream) -> None:
        if self._broken_off is None:
            stream.end()
        else:
            # Not the feed: that would drop what has not been read yet.
            self.inbound.fail(self._broken_off)

    @property
    def _recorded_ms(self) -> float:
        return self.outbound.format.duration_ms(self._recorded)

    def _record(self, frame: AudioFrame) -> None:
        self._recorded += frame.samples_per_channel
        if self._writer is not None:
            self._writer.write(frame)

    def _silence(self) -> AudioFrame:
        samples = self.outbound.format.samples(self.outbound.frame_ms)
        return AudioFrame.silence(self.outbound.format, samples)

    def _close_files(self) -> None:
        # A cancelled task leaves its thread reading; the file must not go from under it.
        with self._reading:
            self._reader.close()
        if self._writer is not None:
            self._writer.close()


async def _settle() -> None:
    """Let the program do what a frame or the clock has set off in it, which takes no time."""
    for _ in range(_SETTLING_TURNS):
        await asyncio.sleep(0)


def _require_another_file(source: str | os.PathLike[str], output: str | os.PathLike[str]) -> None:
    try:
        same = Path(source).samefile(output)
    except (OSError, ValueError):
        return  # it is not there yet, or no path at all
    if same:
        raise ConfigurationError("output", f"{output} is the source, which it would overwrite")


__all__ = ["FileLeg"]
