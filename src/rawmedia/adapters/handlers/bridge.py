"""Brings two calls of one key together, and interprets between them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from rawmedia.adapters.call_log import log_event
from rawmedia.adapters.handlers.parameters import (
    BadParameterError,
    call_parameters,
    one_of,
    required_key,
)
from rawmedia.adapters.handlers.record import listen_to_the_end, log_recording
from rawmedia.audio.format import SPEECH
from rawmedia.captions.opening import open_captions
from rawmedia.errors import ConfigurationError, StreamError
from rawmedia.sessions.bridge import Bridge, DirectionSetup
from rawmedia.sessions.events import CaptionsFailed, DirectionChanged
from rawmedia.sessions.mixing.config import Mixing
from rawmedia.sessions.recording import (
    Recorder,
    RecordingFormat,
)
from rawmedia.translators.function import FunctionTranslator
from rawmedia.translators.request import TranslationRequest
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from rawmedia.adapters.handlers.folders import CallFolders
    from rawmedia.adapters.websocket.leg import WebSocketLeg
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.sessions.direction import Direction
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.translator import Translator

_log = logging.getLogger("rawmedia.server")


class BridgeHandlerConfig(BaseModel):
    """How two calls find each other, and what is kept of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    key_parameter: str = "key"
    """The parameter of the URL, or the platform's, that two calls have in common."""
    language_parameter: str = "language"
    """The one that says what a caller speaks; without it the first speaks the first language."""
    wait_s: float = Field(default=120.0, gt=0, le=86_400)
    """How long a call waits for its other; then it is hung up."""
    mixing: Mixing = Mixing()
    """How each hears original and translation."""
    echo_guard: bool = False
    """Whether engines are kept from what a line sends back of them."""
    one_way: bool = False
    """Whether a direction that the engine can't serve passes the original through, instead of being an error."""
    record: RecordingFormat | None = None
    """Of the recordings of both calls in the call's folder; None for none."""


@dataclass(eq=False)
class _Seat:
    """A call that waits for its other."""

    leg: WebSocketLeg
    listening: asyncio.Task[None]
    over: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    taken: bool = False


class BridgeHandler:
    """Bridges the two calls that name one key, such as an agent's and a customer's.

    Both dial with the same ``key`` in the URL (``wss://host/calls?key=case-17&language=fr-FR``), or in
    the platform's parameters. The first hears silence until the second comes; when one hangs
    up both calls are over. Two who speak the same language hear each other as they are. A third call
    with a key that two have is hung up.

    Args:
        translator: The engine of both directions.
        languages: The two that are spoken.
        folders: Where captions, reports and recordings go; None keeps nothing.
        config: All else.

    Raises:
        ConfigurationError: The languages are the same, the engine can't serve a direction, or a
            recording is asked for and there are no folders.
    """

    def __init__(
        self,
        translator: Translator,
        languages: tuple[str, str],
        *,
        folders: CallFolders | None = None,
        config: BridgeHandlerConfig | None = None,
    ) -> None:
        self._config = config or BridgeHandlerConfig()
        if languages[0].casefold() == languages[1].casefold():
            raise ConfigurationError("languages", f"two different ones, not {languages[0]} twice")
        if self._config.record is not None and folders is None:
            raise ConfigurationError("folders", "a recording needs a folder")
        self._translator, self._languages, self._folders = translator, languages, folders
        self._served: set[str] = set()
        for source in languages:
            try:
                translator.capabilities.check(self._request(source))
            except ConfigurationError:
                if not self._config.one_way:
                    raise
            else:
                self._served.add(source)
        if not self._served:
            raise ConfigurationError("languages", f"the engine translates neither of {languages}")
        self._waiting: dict[str, _Seat] = {}
        self._bridged: set[str] = set()

    @property
    def waiting(self) -> int:
        """How many calls wait for their other."""
        return len(self._waiting)

    async def __call__(self, leg: WebSocketLeg) -> None:
        """See one call through; cancelling hangs up, which ends the other's bridge too.

        Raises:
            BadParameterError: The call names no key, one that two calls have, or another language.
            FileWriteError: The folder or a file can't be written.
        """
        parameters = call_parameters(leg)
        key = required_key(parameters, self._config.key_parameter)
        leg.language = one_of(parameters, self._config.language_parameter, self._languages)
        if key in self._bridged:
            raise BadParameterError(self._config.key_parameter, "two calls have this one already")
        seat = self._waiting.pop(key, None)
        if seat is None:
            await self._wait(key, leg)
            return
        self._bridged.add(key)
        seat.taken = True
        seat.listening.cancel()
        try:
            await asyncio.wait({seat.listening})
            await self._bridge(key, seat.leg, leg)
        finally:
            self._bridged.discard(key)
            if not seat.over.done():
                seat.over.set_result(None)

    async def _wait(self, key: str, leg: WebSocketLeg) -> None:
        listening = asyncio.create_task(listen_to_the_end(leg.inbound), name=f"{leg.name} waits")
        seat = self._waiting[key] = _Seat(leg, listening)
        log_event(_log, logging.INFO, "call_waits", call=leg.name, key=key)
        until = leg.clock.now() + self._config.wait_s
        limit = asyncio.ensure_future(leg.clock.sleep_until(until))
        try:
            await asyncio.wait({listening, limit}, return_when=asyncio.FIRST_COMPLETED)
            if seat.taken:
                await seat.over
                return
            outcome = "hung up" if listening.done() else "nobody came"
            log_event(_log, logging.INFO, "wait_ended", call=leg.name, key=key, outcome=outcome)
        finally:
            limit.cancel()
            listening.cancel()
            if self._waiting.get(key) is seat:
                del self._waiting[key]

    async def _bridge(self, key: str, first: WebSocketLeg, second: WebSocketLeg) -> None:
        self._settle_languages(first, second)
        folder = None if self._folders is None else self._folders.new(key)
        async with AsyncExitStack() as files:
            bridge = Bridge(
                first,
                second,
                a_to_b=self._setup(first, second, folder, files),
                b_to_a=self._setup(second, first, folder, files),
                on_event=lambda way, event: _log_change(key, way, event),
                ends_with="either",
            )
            if folder is not None and self._config.record is not None:
                recorder = await files.enter_async_context(
                    Recorder(
                        folder / "audio",
                        format=self._config.record,
                        clock=first.clock,
                        on_event=lambda event: log_recording(key, event),
                    )
                )
                recorder.leg(first)
                recorder.leg(second)
            began = first.clock.now()
            log_event(_log, logging.INFO, "bridge_started", key=key, a=first.name, b=second.name)
            try:
                await bridge.run()
            except StreamError as error:
                # A call that was hung up takes nothing any more, which is how bridges end.
                log_event(_log, logging.INFO, "bridge_cut", key=key, problem=type(error).__name__)
            finally:
                report = bridge.report()
                if folder is not None:
                    report.write(folder / "report.json")
                log_event(
                    _log,
                    logging.INFO,
                    "bridge_ended",
                    key=key,
                    duration_s=first.clock.now() - began,
                    complete=report.complete,
                    utterances_a_to_b=report.directions["a_to_b"].totals.utterances,
                    utterances_b_to_a=report.directions["b_to_a"].totals.utterances,
                )

    def _settle_languages(self, first: WebSocketLeg, second: WebSocketLeg) -> None:
        """Who does not say what he speaks speaks what is left."""
        if first.language is None:
            first.language = self._languages[second.language == self._languages[0]]
        if second.language is None:
            second.language = self._other(first.language)

    def _setup(
        self,
        speaker: WebSocketLeg,
        listener: WebSocketLeg,
        folder: Path | None,
        files: AsyncExitStack,
    ) -> DirectionSetup:
        source = speaker.language
        assert source is not None  # `_settle_languages` has seen to it
        translates = source in self._served and listener.language != source
        target = self._other(source)
        captions = {}
        if folder is not None and translates:
            captions[target] = files.enter_context(open_captions(folder / f"{source}-{target}.vtt"))
        return DirectionSetup(
            translator=self._translator if translates else _NOBODY,
            request=self._request(source),
            mixing=self._config.mixing,
            echo_guard=self._config.echo_guard,
            captions=captions,
            enabled=translates,
        )

    def _request(self, source: str) -> TranslationRequest:
        return TranslationRequest(source_language=source, target_languages=(self._other(source),))

    def _other(self, language: str) -> str:
        return self._languages[language == self._languages[0]]


async def _nothing(
    frames: AsyncIterator[AudioFrame],
    request: TranslationRequest,  # noqa: ARG001 - a translator's signature
) -> AsyncIterator[TranslationEvent]:
    """An engine for a direction that is off."""
    async for _ in frames:
        pass
    nothing: tuple[TranslationEvent, ...] = ()
    for event in nothing:
        yield event


_NOBODY = FunctionTranslator(
    _nothing, TranslatorCapabilities(name="nobody", input_formats=(SPEECH,))
)


def _log_change(key: str, way: Direction, event: SessionEvent) -> None:
    if isinstance(event, DirectionChanged):
        level = logging.INFO if event.error is None else logging.WARNING
        problem = None if event.error is None else type(event.error).__name__
        log_event(
            _log,
            level,
            "direction_changed",
            key=key,
            direction=way.name,
            state=event.state,
            problem=problem,
        )
    elif isinstance(event, CaptionsFailed):
        log_event(
            _log,
            logging.ERROR,
            "captions_failed",
            key=key,
            direction=way.name,
            problem=type(event.error).__name__,
        )


__all__ = ["BridgeHandler", "BridgeHandlerConfig"]
