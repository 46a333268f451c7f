"""Every voice of a call in files of its own, on one timeline, sample by sample."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rawmedia.codecs import libopus
from rawmedia.errors import ConfigurationError, StreamUseError
from rawmedia.sessions.recording.disk import RecordingDisk, Turn
from rawmedia.sessions.recording.options import RecordingOptions
from rawmedia.sessions.recording.track import Track
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.outbound import OutboundAudioStream

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from types import TracebackType

    from rawmedia.audio.format import AudioFormat
    from rawmedia.sessions.recording.events import RecordingEvent
    from rawmedia.sessions.recording.manifest import (
        RecordingFormat,
        RecordingManifest,
        TrackRole,
        WhenFull,
    )
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.leg import CallLeg
    from rawmedia.streams.reader import AudioReader

TURN_MS = 100
"""How often what has come is written, and so how much of it a killed process never wrote."""


class Recorder:
    """Records tracks into a folder: what legs say, what they hear, translations.

    Every sample gets the place on the timeline that its position says, whenever it arrived:
    a track's first frame is put where the clock is, and all others follow by position. Holes
    are silence, what comes twice is dropped, and all files begin with the recording, so that an
    editor shows them in step. A thread writes; the call never waits for the disk. When the
    process is killed, a WAV holds all but the last `TURN_MS`, FLAC up to 4096 samples less,
    Opus up to 330 ms less; all play, and ``recording.json`` names them.

    ::

        async with Recorder("call-17", format="opus", clock=leg.clock) as recorder:
            recorder.leg(leg)
            ...                  # the call

    Leave it before the legs are closed: what is unread in a stream that is closed is lost.

    Args:
        folder: Where the files go; it is made. One that holds a recording is refused.
        format: Of the files. "opus" needs libopus (``rawmedia[opus]``).
        rotate_ms: Begin new files at every multiple of this, 1000 or more, all tracks at the
            same moment.
        rotate_bytes: Begin another file when one is this large, 10 000 or more.
        max_bytes: What all files together may take.
        when_full: What happens at ``max_bytes``; "delete_oldest" needs files that rotate.
        aligned: Whether a track that joins late begins with silence; otherwise its file
            begins with its audio, and the manifest says where that is. With ``rotate_ms``,
            files that would hold silence alone are left out.
        queue_ms: How much audio of a track may wait for the disk before it is lost, oldest
            first, 1000 to 600 000.
        max_ahead_ms: How far ahead of the clock a track may jump; what claims a later place
            is dropped and counted, lest a broken position fills the disk.
        clock: What places the first frames.
        on_event: Called on the event loop with each event; must not wait. The first thing
            that it raises is raised again by ``aclose``, and the recording goes on.

    Raises:
        ConfigurationError: A setting is out of range.
        MissingDependencyError: "opus", and there is no libopus here.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        format: RecordingFormat = "wav",
        rotate_ms: float | None = None,
        rotate_bytes: int | None = None,
        max_bytes: int | None = None,
        when_full: WhenFull = "stop",
        aligned: bool = True,
        queue_ms: float = 10_000.0,
        max_ahead_ms: float = 600_000.0,
        clock: Clock = SYSTEM_CLOCK,
        on_event: Callable[[RecordingEvent], object] | None = None,
    ) -> None:
        options = RecordingOptions(
            folder=Path(folder),
            format=format,
            rotate_ms=rotate_ms,
            rotate_bytes=rotate_bytes,
            max_bytes=max_bytes,
            when_full=when_full,
            aligned=aligned,
            queue_ms=queue_ms,
            max_ahead_ms=max_ahead_ms,
        )
        if format == "opus":
            libopus.load()
        self._disk = RecordingDisk(options)
        self._clock = clock
        self._queue_ms = queue_ms
        self._on_event = on_event
        self._error: Exception | None = None
        self._start = 0.0
        self._running = False
        self._thread: ThreadPoolExecutor | None = None
        self._writing: asyncio.Task[None]
        self._anchoring: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None

    @property
    def elapsed_ms(self) -> float:
        """Where on the timeline the clock is."""
        return (self._clock.now() - self._start) * 1000

    def manifest(self) -> RecordingManifest:
        """What the recording consists of by now; what is in the folder may be 5 s older."""
        return self._disk.manifest(self.elapsed_ms)

    async def __aenter__(self) -> Self:
        """Begin: make the folder; the timeline starts now.

        Raises:
            FileWriteError: The folder cannot be made or written to.
            ConfigurationError: It holds a recording.
            StreamUseError: The recorder was entered before.
        """
        if self._thread is not None:
            raise StreamUseError("a recorder records once; make another")
        self._thread = ThreadPoolExecutor(1, "recorder")
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._disk.begin, datetime.now(UTC))
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        self._start = self._clock.now()
        self._running = True
        self._writing = asyncio.create_task(self._keep_writing(), name="recorder")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.aclose()
        except Exception:
            # What broke the block is the news.
            if error is None:
                raise

    def track(
        self,
        name: str,
        source: AudioReader | OutboundAudioStream | None = None,
        *,
        format: AudioFormat | None = None,
        role: TrackRole | None = None,
        participant: str | None = None,
        language: str | None = None,
    ) -> Track:
        """Record another voice, from here on.

        Args:
            name: How the manifest calls it, and its files as far as file systems allow.
            source: An inbound stream, of which a tap is taken; a tap of one, which is closed
                in the end; or an outbound stream, of which all that is pulled is recorded, at
                the time when it is pulled. None for a track that is given frames by
                `Track.write`, such as a translation.
            format: Of those frames; needed where there is no source.
            role: What it is.
            participant: Who speaks or hears.
            language: The language as a BCP-47 tag.

        Raises:
            StreamUseError: The recorder was not entered, or is closed.
            ConfigurationError: ``format`` is missing, or given beside a source.
        """
        if not self._running:
            raise StreamUseError("a track is recorded inside of the recorder's `async with`")
        if (source is None) == (format is None):
            raise ConfigurationError("format", "given for a track without a source, and only there")
        reader = self._reader(source) if source is not None else None
        layout = reader.format if reader is not None else format
        assert layout is not None
        track = Track(
            name,
            layout,
            self._elapsed,
            self._queue_ms,
            role=role,
            participant=participant,
            language=language,
            reader=reader,
        )
        self._disk.add(track)
        if reader is not None:
            pulled = isinstance(source, OutboundAudioStream)
            task = asyncio.create_task(track.follow(starts_now=pulled), name=f"anchor of {name}")
            self._anchoring.add(task)
            task.add_done_callback(self._anchoring.discard)
        return track

    def leg(self, leg: CallLeg) -> tuple[Track, Track]:
        """Record what the leg's party says and all that it hears, as two tracks; raises as ``track``."""
        says = self.track(
            f"{leg.name} says",
            leg.inbound,
            role="original",
            participant=leg.name,
            language=leg.language,
        )
        hears = self.track(f"{leg.name} hears", leg.outbound, role="heard", participant=leg.name)
        return says, hears

    async def flush(self) -> None:
        """Write all that has come; cancelling changes nothing."""
        if self._running:
            while await self._take_turn():
                pass

    async def aclose(self) -> None:
        """Write what has come and finish every file. Twice is harmless.

        Cancelling stops the wait, not the writing.

        Raises:
            Exception: What ``on_event`` raised first.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="closing the recorder")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if not self._running:
            return
        self._running = False
        for task in (self._writing, *self._anchoring):
            task.cancel()
        await asyncio.wait([self._writing])
        assert self._thread is not None
        try:
            await self._take_turn(last=True)
        finally:
            self._thread.shutdown(wait=False)
        if not self._writing.cancelled():
            self._writing.result()
        if self._error is not None:
            raise self._error

    async def _keep_writing(self) -> None:
        due = self._start
        while True:
            # After a turn that took long, or a clock that jumped, none is made up for.
            due = max(due + TURN_MS / 1000, self._clock.now())
            await self._clock.sleep_until(due)
            while not self._disk.idle and await self._take_turn():
                pass

    async def _take_turn(self, *, last: bool = False) -> bool:
        """Have the thread write; returns whether there is more to write already."""
        assert self._thread is not None
        job = partial(self._disk.turn, self.elapsed_ms, last=last)
        turn: Turn = await asyncio.get_running_loop().run_in_executor(self._thread, job)
        if self._on_event is not None:
            for event in turn.events:
                try:
                    self._on_event(event)
                except Exception as error:  # noqa: BLE001 - raised by aclose
                    self._error = self._error or error
        return turn.pending

    def _elapsed(self) -> float:
        return self.elapsed_ms

    def _reader(self, source: AudioReader | OutboundAudioStream) -> AudioReader:
        if isinstance(source, InboundAudioStream | OutboundAudioStream):
            return source.tap(self._queue_ms)
        return source


__all__ = ["TURN_MS", "Recorder"]
