"""Records what callers say."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from rawmedia.adapters.call_log import log_event
from rawmedia.errors import StreamError
from rawmedia.sessions.recording import Recorder, RecordingFormat, TrackStopped
from rawmedia.streams.leg import ParticipantJoined

if TYPE_CHECKING:
    from rawmedia.adapters.handlers.folders import CallFolders
    from rawmedia.adapters.websocket.leg import WebSocketLeg
    from rawmedia.sessions.recording import RecordingEvent
    from rawmedia.streams.inbound import InboundAudioStream

_log = logging.getLogger("rawmedia.server")


class RecordHandlerConfig(BaseModel):
    """What a recording is like."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    format: RecordingFormat = "wav"
    """Of the files; "opus" needs libopus."""
    max_bytes: int | None = Field(default=None, ge=1)
    """What the files of a call may take together; None for no limit."""


class RecordHandler:
    """Records a call into a folder of its own until the caller hangs up; the caller hears nothing.

    Where the platform separates voices each is a track. A disk that fails ends the recording and not
    the call, and is logged.

    Args:
        folders: Where to.
        config: What they are like.
    """

    def __init__(self, folders: CallFolders, *, config: RecordHandlerConfig | None = None) -> None:
        self._folders, self._config = folders, config or RecordHandlerConfig()

    async def __call__(self, leg: WebSocketLeg) -> None:
        """See one call through; cancelling hangs up, and what was recorded is kept.

        Raises:
            FileWriteError: The folder can't be made.
        """
        async with Recorder(
            self._folders.new(leg.name),
            format=self._config.format,
            max_bytes=self._config.max_bytes,
            clock=leg.clock,
            on_event=lambda event: log_recording(leg.name, event),
        ) as recorder:
            recorder.leg(leg)
            joining = asyncio.create_task(_record_who_joins(leg, recorder))
            try:
                await listen_to_the_end(leg.inbound)
            finally:
                joining.cancel()
                await asyncio.wait({joining})
            if not joining.cancelled():
                joining.result()  # what was wrong with a voice that joined is not for nobody


async def listen_to_the_end(stream: InboundAudioStream) -> None:
    """Read a stream that others tap, so that nothing in it is too late."""
    with suppress(StreamError):
        async for _ in stream:
            pass


def log_recording(call: str, event: RecordingEvent) -> None:
    """A recording that stops is news for whoever runs the server."""
    if isinstance(event, TrackStopped):
        problem = None if event.error is None else str(event.error)
        log_event(
            _log, logging.ERROR, "recording_stopped", call=call, track=event.track, problem=problem
        )


async def _record_who_joins(leg: WebSocketLeg, recorder: Recorder) -> None:
    async with asyncio.TaskGroup() as listening:
        async for event in leg.events:
            if isinstance(event, ParticipantJoined):
                stream = leg.participants.get(event.participant)
                if stream is not None:
                    recorder.track(
                        event.participant,
                        stream,
                        role="original",
                        participant=event.participant,
                    )
                    listening.create_task(listen_to_the_end(stream))


__all__ = ["RecordHandler", "RecordHandlerConfig", "listen_to_the_end", "log_recording"]
