"""A call leg made of files: one is heard, another records what is said back."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

from rawmedia.audio.format import WIDEBAND_VOICE, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import EndOfStreamError, StreamClosedError, StreamTimeoutError
from rawmedia.files import AudioFileReader, open_writer
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.leg import CallLeg
from rawmedia.streams.media_clock import MediaClock
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.streams.pair import audio_pair

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator

    from rawmedia.files import AudioFileWriter
    from rawmedia.streams.clock import Clock

_BLOCK_MS = 500
"""How much is decoded at a time, off the event loop."""

# In lockstep this much may lie between the file and the program; it is how exact the
# timeline of the recording is.
_LOCKSTEP_MS = 100


class FileLeg(CallLeg):
    """A party who says what is in a file, and hears what is written to another.

    In *real time* the file is spoken at the pace of the clock and the recording shows what
    a listener would have heard when. In *lockstep* (``realtime=False``) it goes as fast as the
    program takes it: each frame that the program has taken moves the leg's clock, and the
    recording, by a frame, so that both stay on one timeline. What the program computes
    takes no time on that clock.

    Args:
        source: Any file that soundfile reads (WAV, FLAC, MP3, Ogg Vorbis, Ogg Opus).
        output: Where to record: .wav, .flac, .ogg or .opus; None to record nothing.
        realtime: Pace by ``clock``, or lockstep.
        outbound_format: What is recorded.
        name: How reports call the leg; the file's name when None.
        clock: What real time is.

    Raises:
        UnreadableFileError: ``source`` is missing, empty or not audio.
        UnsupportedFormatError: Its rate or number of channels is out of range.
        FileWriteError: ``output`` can't be written.
        ConfigurationError: The ending of ``output`` is none that can be written.
    """

    def __init__(
        self,
        source: str | os.PathLike[str],
        output: str | os.PathLike[str] | None = None,
        *,
        realtime: bool = False,
        outbound_format: AudioFormat = WIDEBAND_VOICE,
        name: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._reader = AudioFileReader(source)
        self._writer: AudioFileWriter | None = None
        try:
            if output is not None:
                self._writer = open_writer(output, outbound_format)
        except BaseException:
            self._reader.close()
            raise
        self._reading = threading.Lock()
        self._recorded_ms = 0.0
        self._media_clock: MediaClock | None = None
        inbound: InboundAudioStream
        outbound: OutboundAudioStream
        if realtime:
            inbound = InboundAudioStream(self._reader.format, clock=clock)
            outbound = OutboundAudioStream(outbound_format, clock=clock)
        else:
            clock = self._media_clock = MediaClock()
            self._feed, inbound = audio_pair(
                self._reader.format, capacity_ms=_LOCKSTEP_MS, clock=clock
            )
            outbound, self._take = audio_pair(outbound_format, clock=clock)
        super().__init__(inbound, outbound, name=name or self._reader.path, clock=clock)

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
        closed meanwhile, which ends its side.

        Raises:
            UnreadableFileError: The source breaks off in a way that no audio comes any more.
            FileWriteError: The recording can't go on (a full disk).
            StreamFailedError: Somebody failed one of the streams.
        """
        carry = self._in_real_time if self._media_clock is None else self._in_lockstep
        try:
            with contextlib.suppress(StreamClosedError):
                await carry()
        except Exception as error:
            self.inbound.fail(error)
            self.outbound.fail(error)
            raise
        finally:
            self._close_files()

    async def aclose(self) -> None:
        """Close the streams and both files; the recording is playable. Twice is harmless."""
        await super().aclose()
        self._close_files()

    async def _in_real_time(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._speak(), name="file leg speaks")
            async for frame in self.outbound.paced():
                self._record(frame)

    async def _speak(self) -> None:
        start = self.clock.now()
        with contextlib.suppress(StreamClosedError):
            async for frame in self._frames():
                # A frame is there when its last sample was spoken.
                await self.clock.sleep_until(start + frame.end_ms / 1000)
                self.inbound.push(frame)
            self.inbound.end()

    async def _in_lockstep(self) -> None:
        async for frame in self._frames():
            await self._feed.asend(frame)
            self._pass(frame.end_ms)
            # What is heard from this moment on; so the first silence is two frames long.
            while self._recorded_ms <= frame.end_ms:
                self._record(self._heard_now())
        self._feed.end()
        async for frame in self._take:
            self._record(frame)
            self._pass(self._recorded_ms)

    def _pass(self, media_ms: float) -> None:
        assert self._media_clock is not None
        self._media_clock.advance_to(media_ms / 1000)

    def _heard_now(self) -> AudioFrame:
        """What is said back at this moment, silence where nothing is."""
        try:
            return self._take.recv(timeout=0)
        except (StreamTimeoutError, EndOfStreamError):
            silence = self.outbound.format.samples(self.outbound.frame_ms)
            return AudioFrame.silence(self.outbound.format, silence)

    async def _frames(self) -> AsyncIterator[AudioFrame]:
        """The source in frames of the stream's length, decoded in blocks off the loop."""
        frame_samples = self.inbound.format.samples(self.inbound.frame_ms)
        block_samples = self.inbound.format.samples(_BLOCK_MS) // frame_samples * frame_samples
        while (block := await asyncio.to_thread(self._read, block_samples)) is not None:
            for start in range(0, block.samples_per_channel, frame_samples):
                yield AudioFrame(
                    block.samples[start : start + frame_samples],
                    block.format,
                    block.position + start,
                )

    def _read(self, samples: int) -> AudioFrame | None:
        with self._reading:
            return None if self._reader.closed else self._reader.read(samples)

    def _record(self, frame: AudioFrame) -> None:
        self._recorded_ms += frame.duration_ms
        if self._writer is not None:
            self._writer.write(frame)

    def _close_files(self) -> None:
        # A cancelled task leaves its thread reading; the file must not go from under it.
        with self._reading:
            self._reader.close()
        if self._writer is not None:
            self._writer.close()


__all__ = ["FileLeg"]
