"""Writes captions of what callers say, in another language or several."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from rawmedia.adapters.call_log import log_event
from rawmedia.adapters.handlers.transcript import CallTranscript
from rawmedia.captions.opening import open_captions
from rawmedia.sessions.interpreter import Interpreter
from rawmedia.translators.events import TranslatorWarning

if TYPE_CHECKING:
    from rawmedia.adapters.handlers.folders import CallFolders
    from rawmedia.adapters.websocket.leg import WebSocketLeg
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translator

_log = logging.getLogger("rawmedia.server")


class CaptionsHandlerConfig(BaseModel):
    """What is written of a call."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    bilingual: bool = False
    """Whether a caption shows what was said under its translation."""
    transcript: bool = False
    """Whether what is said is kept as JSON Lines, too."""


class CaptionsHandler:
    """Captions each call in a folder of its own: a WebVTT file for each language, and a report.

    The files are whole at any moment. The caller hears nothing, and nothing is spoken. What the
    platform sends mixed is captioned; ask it for mixed audio.

    Args:
        translator: The engine.
        request: Languages.
        folders: Where to.
        config: All else.

    Raises:
        ConfigurationError: The engine can't serve the request.
    """

    def __init__(
        self,
        translator: Translator,
        request: TranslationRequest,
        folders: CallFolders,
        *,
        config: CaptionsHandlerConfig | None = None,
    ) -> None:
        self._translator, self._folders = translator, folders
        self._config = config or CaptionsHandlerConfig()
        self._request = request.model_copy(update={"speech": False, "voices": {}})
        translator.capabilities.check(self._request)

    async def __call__(self, leg: WebSocketLeg) -> None:
        """See one call through; cancelling hangs up, and the captions so far are kept.

        Raises:
            FileWriteError: The folder or a file can't be written.
            TranslatorError: The engine failed for good.
            StreamFailedError: The call broke.
        """
        folder = self._folders.new(leg.name)
        leg.language = self._request.source_language
        with ExitStack() as files:
            captions = {
                language: files.enter_context(
                    open_captions(folder / f"{language}.vtt", bilingual=self._config.bilingual)
                )
                for language in self._request.target_languages
            }
            transcript = None
            if self._config.transcript:
                transcript = files.enter_context(
                    CallTranscript(folder / "transcript.jsonl", leg.name)
                )

            def hear(event: SessionEvent) -> None:
                _log_warning(leg.name, event)
                if transcript is not None:
                    transcript.take(event, leg.name)

            interpreter = Interpreter(
                leg.inbound,
                self._translator,
                {},
                self._request,
                captions=captions,
                on_event=hear,
                source_name=leg.name,
            )
            try:
                await interpreter.run()
            finally:
                report = interpreter.report()
                report.write(folder / "report.json")
                log_event(
                    _log,
                    logging.INFO,
                    "captions_ended",
                    call=leg.name,
                    utterances=report.totals.utterances,
                    complete=report.complete,
                )


def _log_warning(call: str, event: SessionEvent) -> None:
    if isinstance(event, TranslatorWarning):
        code = getattr(event, "code", None)
        log_event(_log, logging.WARNING, "engine_warning", call=call, code=code)


__all__ = ["CaptionsHandler", "CaptionsHandlerConfig"]
