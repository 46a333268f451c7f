"""Two calls as one bridge: which engine each direction has, what is kept of it, and what is logged."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from rawmedia.adapters.call_log import log_event
from rawmedia.adapters.handlers.nobody import NOBODY
from rawmedia.adapters.handlers.record import log_recording
from rawmedia.adapters.handlers.transcript import CallTranscript
from rawmedia.captions.opening import open_captions
from rawmedia.errors import ConfigurationError, StreamError
from rawmedia.sessions.bridge import Bridge, DirectionSetup
from rawmedia.sessions.events import CaptionsFailed, DirectionChanged
from rawmedia.sessions.recording import Recorder
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from pathlib import Path

    from rawmedia.adapters.handlers.bridge_config import BridgeHandlerConfig
    from rawmedia.adapters.handlers.folders import CallFolders
    from rawmedia.adapters.websocket.leg import WebSocketLeg
    from rawmedia.sessions.direction import Direction
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.translators.translator import Translator

_log = logging.getLogger("rawmedia.server")


class PairBridges:
    """Bridges pairs of calls that speak two languages.

    Args:
        translator: The engine of both directions.
        languages: The two.
        folders: Where what is kept goes.
        config: All else.

    Raises:
        ConfigurationError: The engine can't serve a direction.
    """

    def __init__(
        self,
        translator: Translator,
        languages: tuple[str, str],
        folders: CallFolders | None,
        config: BridgeHandlerConfig,
    ) -> None:
        self._translator, self._languages = translator, languages
        self._folders, self._config = folders, config
        self._served: set[str] = set()
        for source in languages:
            try:
                translator.capabilities.check(self._request(source))
            except ConfigurationError:
                if not config.one_way:
                    raise
            else:
                self._served.add(source)
        if not self._served:
            raise ConfigurationError("languages", f"the engine translates neither of {languages}")

    async def run(self, key: str, first: WebSocketLeg, second: WebSocketLeg) -> None:
        """Bridge two calls until one of them is over.

        Raises:
            FileWriteError: The folder or a file can't be made.
        """
        self._settle_languages(first, second)
        folder = None if self._folders is None else self._folders.new(key)
        async with AsyncExitStack() as files:
            transcript = None
            if folder is not None and self._config.transcript:
                transcript = files.enter_context(CallTranscript(folder / "transcript.jsonl", key))
            speakers = {"a_to_b": first.name, "b_to_a": second.name}

            def hear(way: Direction, event: SessionEvent) -> None:
                _log_change(key, way, event)
                if transcript is not None:
                    transcript.take(event, speakers[way.name])

            bridge = Bridge(
                first,
                second,
                a_to_b=self._setup(first, second, folder, files),
                b_to_a=self._setup(second, first, folder, files),
                on_event=hear,
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
            await _run_logged(bridge, key, first, second, folder)

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
            translator=self._translator if translates else NOBODY,
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


async def _run_logged(
    bridge: Bridge, key: str, first: WebSocketLeg, second: WebSocketLeg, folder: Path | None
) -> None:
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


def _log_change(key: str, way: Direction, event: SessionEvent) -> None:
    if isinstance(event, DirectionChanged):
        # Being cancelled is how it ends as the server does.
        fine = event.error is None or isinstance(event.error, asyncio.CancelledError)
        level = logging.INFO if fine else logging.WARNING
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


__all__ = ["PairBridges"]
