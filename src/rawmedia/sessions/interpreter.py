"""One direction of interpreting: what is said on a stream, spoken on others in other languages."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Literal, Protocol

from rawmedia.captions.cue import Cue
from rawmedia.errors import (
    ConfigurationError,
    EngineFailedError,
    RawMediaError,
    StreamError,
    TranslatorError,
    TranslatorOverloadedError,
    TranslatorStalledError,
)
from rawmedia.sessions.events import SessionWarning, UtteranceHeard, UtteranceStarted
from rawmedia.sessions.ledger import Ledger
from rawmedia.sessions.listening import EngineInput
from rawmedia.sessions.reporting import session_report
from rawmedia.sessions.voice import Voice
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    TranslatedAudio,
    UtteranceEnded,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.captions.report import SessionReport
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.playout import MarkReached
    from rawmedia.streams.reader import AudioReader
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translation, Translator

# How long a caption without speech stays: the time that a slow reader takes, 17 characters
# a second being the limit that subtitlers keep to.
_READING_MS_PER_CHARACTER = 60.0
_SHORTEST_CAPTION_MS = 1_000.0
_LONGEST_CAPTION_MS = 7_000.0


class CaptionSink(Protocol):
    """Where captions go: a WebVTT or SubRip writer, or anything else that takes cues."""

    def write(self, cue: Cue) -> None:
        """Take the next cue; they come in the order in which they are heard."""
        ...


class Interpreter:
    """Interprets one direction in `replace` mode: listeners hear the translation alone.

    It reads an inbound stream to its end, gives the audio to a translation, plays the
    translated speech on one outbound stream for each language, one utterance after
    another, and collects captions and figures. The streams stay open: they are their leg's.

    Args:
        inbound: What is said; a stream or a tap.
        translator: The engine.
        outbound: Where the translation is heard; a mapping by target language where there
            are several. A language without a stream gets captions only.
        request: Languages and voices.
        clock: What the figures are timed on: the leg's.
        captions: Where to write captions, by target language.
        on_event: Called on the event loop with every event, the translation's and the
            session's own; must not wait. What it raises ends the session.
        source_name: What the report calls the source, such as a file's path.
        max_queued_ms: How much translated speech of a language may wait to be played
            before the engine has to wait.
        max_stall_ms: How long the engine may take no audio before the session fails.

    Raises:
        ConfigurationError: ``outbound`` or ``captions`` name a language that ``request``
            does not, or the engine can't serve the request.
    """

    def __init__(
        self,
        inbound: AudioReader,
        translator: Translator,
        outbound: OutboundAudioStream | Mapping[str, OutboundAudioStream],
        request: TranslationRequest,
        *,
        clock: Clock = SYSTEM_CLOCK,
        captions: Mapping[str, CaptionSink] | None = None,
        on_event: Callable[[SessionEvent], object] | None = None,
        source_name: str | None = None,
        max_queued_ms: float = 60_000.0,
        max_stall_ms: float = 30_000.0,
    ) -> None:
        translator.capabilities.check(request)
        self._inbound = inbound
        self._translator = translator
        self._request = request
        self._clock = clock
        self._outbounds = _by_language(outbound, request)
        self._captions = dict(captions or {})
        _require_targets("captions", self._captions, request)
        self._on_event = on_event
        self._source_name = source_name
        self._max_queued_ms = max_queued_ms
        self._max_stall_ms = max_stall_ms
        self._ledger = Ledger(clock.now())
        self._voices: dict[str, Voice] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._fault: asyncio.Future[None] | None = None
        self._failure: RawMediaError | None = None
        self._source = EngineInput(translator.capabilities.input_formats, inbound.frame_ms)
        self._input_ended = False
        self._outcome: BaseException | Literal["running", "complete"] | None = None

    @property
    def heard_ms(self) -> float:
        """How far in the source's media time the session has got."""
        return self._ledger.source_ms

    def report(self) -> SessionReport:
        """The session so far; whole at any moment."""
        return session_report(
            self._ledger,
            self._translator.capabilities.name,
            self._request,
            self._inbound,
            self._outbounds.values(),
            source=self._source_name,
            outcome=self._outcome,
        )

    async def run(self) -> SessionReport:
        """Interpret until the inbound stream ends and everything has been heard.

        Cancelling stops at once: what was heard stays in the captions and the report.

        Raises:
            TranslatorError: The engine failed. What it had translated before is played,
                captioned and reported all the same.
            StreamError: A stream failed or was closed.
            RuntimeError: It was run before.
        """
        if self._outcome is not None:
            raise RuntimeError("an interpreter runs once; make another")
        self._outcome = "running"
        self._loop = asyncio.get_running_loop()
        self._fault = self._loop.create_future()
        self._ledger = Ledger(self._clock.now())
        try:
            translation = await self._translator.open(self._request)
            try:
                await self._interpret(translation)
            finally:
                await translation.aclose()
        except BaseException as error:
            self._outcome = error
            raise
        self._outcome = "complete"
        return self.report()

    async def _interpret(self, translation: Translation) -> None:
        for language, outbound in self._outbounds.items():
            self._voices[language] = Voice(
                outbound,
                capacity_ms=self._max_queued_ms,
                on_start=partial(self._heard_start, language),
                on_end=partial(self._heard_end, language, outbound.frame_ms / 1000),
            )
        assert self._fault is not None
        try:
            async with asyncio.TaskGroup() as tasks:
                voices = [
                    tasks.create_task(voice.run(), name=f"voice of {language}")
                    for language, voice in self._voices.items()
                ]
                watching = tasks.create_task(_raised_by(self._fault), name="watching the listeners")
                listening = tasks.create_task(self._listen(translation), name="listening")
                await self._follow(translation)
                listening.cancel()
                for voice in self._voices.values():
                    await voice.end()
                if voices:
                    await asyncio.wait(voices)
                watching.cancel()
        except BaseExceptionGroup as group:
            raise _first(group) from group
        if self._fault.done():
            await self._fault
        if self._failure is not None:
            raise self._failure

    async def _listen(self, translation: Translation) -> None:
        """Give the engine what is said, until nobody says anything any more.

        Whatever goes wrong, what was translated is still to be heard; so it is kept for later.
        """
        try:
            async for frame in self._inbound:
                self._ledger.arrived(frame.end_ms, self._clock.now())
                for piece in self._source.convert(frame):
                    await self._give(translation, piece)
        except StreamError as error:
            self._failure = error
        except TranslatorError as error:
            self._failure = error
            if isinstance(error, TranslatorStalledError):
                await translation.aclose()
            return  # else the translation's events end with the same error
        self._input_ended = True
        with contextlib.suppress(TranslatorError):
            for piece in self._source.flush():
                await self._give(translation, piece)
        await translation.end_input()

    async def _give(self, translation: Translation, frame: AudioFrame) -> None:
        """Send a frame, however long the engine is behind: what is lost meanwhile the stream counts."""
        stalled_ms = 0.0
        while True:
            try:
                return await translation.send(frame)
            except TranslatorOverloadedError as error:
                if not stalled_ms:
                    self._tell(SessionWarning(f"{error}; the session waits for it"))
                # A send gives up after as long as it lets audio wait.
                stalled_ms += self._request.max_pending_ms
                if stalled_ms >= self._max_stall_ms:
                    name = self._translator.capabilities.name
                    raise TranslatorStalledError(
                        name, f"it took no audio for {stalled_ms:g} ms"
                    ) from error

    async def _follow(self, translation: Translation) -> None:
        """Sort the engine's events: texts to the ledger, speech to the voices."""
        try:
            async for event in translation:
                self._note(event)
                self._tell(event)
                if isinstance(event, TranslatedAudio):
                    voice = self._voices.get(event.language)
                    if voice is not None:
                        await voice.put(event)
                elif isinstance(event, UtteranceEnded):
                    await self._close_utterance(event)
        except TranslatorError as error:
            self._failure = error
            return
        if not self._input_ended and self._failure is None:
            name = self._translator.capabilities.name
            self._failure = EngineFailedError(name, "it stopped translating while the call went on")

    def _note(self, event: TranslationEvent) -> None:
        if isinstance(event, FinalTranslation):
            self._ledger.final(event)
        elif isinstance(event, PartialTranslation):
            self._ledger.partials += 1
        elif isinstance(event, TranslatedAudio) and event.language in self._voices:
            self._ledger.spoken(event)

    async def _close_utterance(self, event: UtteranceEnded) -> None:
        """Where it is spoken the voice tells when it was heard; where not, it is only written."""
        for language in self._request.target_languages:
            if self._ledger.hearing(event.utterance_id, language) is not None:
                await self._voices[language].put(event)
            else:
                self._write_only(event.utterance_id, language)

    def _write_only(self, utterance_id: str, language: str) -> None:
        text = self._ledger.text(utterance_id, language)
        start_ms = self._ledger.session_ms(self._clock.now())
        reading_ms = min(
            max(_READING_MS_PER_CHARACTER * len(text), _SHORTEST_CAPTION_MS), _LONGEST_CAPTION_MS
        )
        self._caption(
            UtteranceHeard(
                utterance_id,
                language,
                text,
                start_ms,
                start_ms + reading_ms,
                spoken=False,
                cut=False,
            )
        )

    def _heard_start(self, language: str, audio: TranslatedAudio, reached: MarkReached) -> None:
        """Called in the thread that pulls."""
        if not reached.cleared:
            self._on_loop(partial(self._started, audio.utterance_id, language, self._clock.now()))

    def _heard_end(
        self, language: str, frame_s: float, ended: UtteranceEnded, reached: MarkReached
    ) -> None:
        """Called in the thread that pulls, when the last frame starts."""
        now = self._clock.now() + (0.0 if reached.cleared else frame_s)
        self._on_loop(partial(self._ended, ended.utterance_id, language, now, cut=reached.cleared))

    def _on_loop(self, call: Callable[[], object]) -> None:
        """Go on in the session's own thread; what goes wrong there ends the session, not the stream."""
        assert self._loop is not None
        if asyncio._get_running_loop() is self._loop:
            self._guarded(call)
        else:
            self._loop.call_soon_threadsafe(self._guarded, call)

    def _guarded(self, call: Callable[[], object]) -> None:
        assert self._fault is not None
        try:
            call()
        except Exception as error:  # noqa: BLE001 - a caption's full disk, or a listener's own mistake
            if not self._fault.done():
                self._fault.set_exception(error)

    def _started(self, utterance_id: str, language: str, now: float) -> None:
        hearing = self._ledger.started(utterance_id, language, now)
        if hearing is not None and hearing.start_ms is not None:
            self._tell(
                UtteranceStarted(
                    utterance_id, language, hearing.start_ms, hearing.ear_voice_span_ms
                )
            )

    def _ended(self, utterance_id: str, language: str, now: float, *, cut: bool) -> None:
        hearing = self._ledger.ended(utterance_id, language, now, cut=cut)
        if hearing is not None and hearing.end_ms is not None:
            start_ms = hearing.end_ms if hearing.start_ms is None else hearing.start_ms
            text = self._ledger.text(utterance_id, language)
            self._caption(
                UtteranceHeard(
                    utterance_id, language, text, start_ms, hearing.end_ms, spoken=True, cut=cut
                )
            )

    def _caption(self, heard: UtteranceHeard) -> None:
        sink = self._captions.get(heard.language)
        if sink is not None and heard.text:
            sink.write(Cue(heard.start_ms, heard.end_ms, heard.text, heard.language))
        self._tell(heard)

    def _tell(self, event: SessionEvent) -> None:
        if self._on_event is not None:
            self._on_event(event)


def _by_language(
    outbound: OutboundAudioStream | Mapping[str, OutboundAudioStream], request: TranslationRequest
) -> dict[str, OutboundAudioStream]:
    if isinstance(outbound, OutboundAudioStream):
        return dict.fromkeys(request.target_languages[:1], outbound)
    outbounds = dict(outbound)
    _require_targets("outbound", outbounds, request)
    return outbounds


def _require_targets(
    setting: str, given: Mapping[str, object], request: TranslationRequest
) -> None:
    strangers = sorted(set(given) - set(request.target_languages))
    if strangers:
        raise ConfigurationError(
            setting, f"{', '.join(strangers)} is no target language of the request"
        )


async def _raised_by(fault: asyncio.Future[None]) -> None:
    """Raise what goes wrong in a call from elsewhere, so that it ends the whole session."""
    await asyncio.shield(fault)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error that was not caused by the others."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


__all__ = ["CaptionSink", "Interpreter"]
