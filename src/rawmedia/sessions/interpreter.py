"""One direction of interpreting: what is said on a stream, spoken on others in other languages."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from rawmedia.errors import (
    ConfigurationError,
    EngineFailedError,
    RawMediaError,
    StreamError,
    TranslatorError,
    TranslatorOverloadedError,
    TranslatorStalledError,
)
from rawmedia.sessions.audience import Audience, CaptionSink
from rawmedia.sessions.events import SessionWarning
from rawmedia.sessions.ledger import Ledger
from rawmedia.sessions.listening import EngineInput
from rawmedia.sessions.reporting import session_report
from rawmedia.sessions.voice import Voice
from rawmedia.streams.media_clock import MediaClock
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.streams.tasks import joined_tasks
from rawmedia.translators.events import FinalTranslation, TranslatedAudio, UtteranceEnded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.captions.report import SessionReport
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.reader import AudioReader
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translation, Translator

# So far the clock of a leg in lockstep may be ahead of what the engine has heard: more than the
# time between two signs of progress of a recogniser, or nothing would ever move.
_LOCKSTEP_PENDING_MS = 300.0


class Interpreter:
    """Interprets one direction in `replace` mode: listeners hear the translation alone.

    It reads an inbound stream to its end, gives the audio to a translation, plays the
    translated speech on one outbound stream for each language, one utterance after
    another, and collects captions and figures. The streams stay open: they are their leg's.

    Args:
        inbound: What is said; a stream or a tap.
        translator: The engine.
        outbound: Where the translation is heard, in the first target language; or a mapping
            by language, where a language without a stream gets captions only.
        request: Languages and voices.
        clock: What the figures are timed on; the inbound stream's own, which is its leg's,
            unless another is given. On a `MediaClock` little audio may wait for the engine, so
            that the clock shows what the engine has heard.
        captions: Where to write captions, by target language.
        on_event: Called on the event loop with every event, the translation's and the
            session's own; must not wait. What it raises ends the session.
        source_name: What the report calls the source, such as a file's path.
        max_queued_ms: How much translated speech of a language may wait to be played
            before the engine has to wait, and with it every language.
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
        clock: Clock | None = None,
        captions: Mapping[str, CaptionSink] | None = None,
        on_event: Callable[[SessionEvent], object] | None = None,
        source_name: str | None = None,
        max_queued_ms: float = 60_000.0,
        max_stall_ms: float = 30_000.0,
    ) -> None:
        translator.capabilities.check(request)
        if isinstance(outbound, OutboundAudioStream):
            outbound = {request.target_languages[0]: outbound}
        _require_targets("outbound", outbound, request)
        _require_targets("captions", captions or {}, request)
        self._inbound = inbound
        self._translator = translator
        self._outbounds = dict(outbound)
        clock = inbound.clock if clock is None else clock
        self._in_lockstep = isinstance(clock, MediaClock)
        if self._in_lockstep:
            request = for_lockstep(request)
        self._request = request
        self._clock = clock
        self._captions = dict(captions or {})
        self._on_event = on_event
        self._source_name = source_name
        self._max_queued_ms = max_queued_ms
        self._max_stall_ms = max_stall_ms
        self._ledger = Ledger(clock.now())
        self._running = self._complete = self._input_ended = False
        self._failure: RawMediaError | None = None
        self._error: BaseException | None = None
        self._report: SessionReport | None = None
        self._lost_before = self._lost()
        self._audience: Audience
        self._voices: dict[str, Voice]

    @property
    def heard_ms(self) -> float:
        """How far in the source's media time the session has got."""
        return self._ledger.source_ms

    def report(self) -> SessionReport:
        """The session so far, or its last 20 000 utterances; whole at any moment."""
        return self._report or self._report_so_far()

    async def run(self) -> SessionReport:
        """Interpret until the inbound stream ends and everything has been heard.

        Cancelling stops at once: what was not heard yet is cleared, and what was heard stays
        in the captions and the report.

        Raises:
            TranslatorError: The engine failed. What it had translated before is played,
                captioned and reported all the same.
            StreamError: A stream failed or was closed. Where it is the inbound one, what had
                been said before is translated and played all the same.
            RuntimeError: It was run before.
            Exception: What ``on_event`` or a caption sink raised.
        """
        if self._running:
            raise RuntimeError("an interpreter runs once; make another")
        self._running = True
        self._ledger = Ledger(self._clock.now())
        self._lost_before = self._lost()
        self._audience = Audience(self._ledger, self._captions, self._on_event)
        self._voices = {
            language: self._voice(language, outbound)
            for language, outbound in self._outbounds.items()
        }
        try:
            translation = await self._translator.open(self._request)
            try:
                await self._interpret(translation)
            finally:
                await translation.aclose()
            if self._failure is not None:
                raise self._failure
            self._complete = True
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._audience.leave()
            # The streams go on, and what they lose from here on is not this session's loss.
            self._report = self._report_so_far()
        return self._report

    def _report_so_far(self) -> SessionReport:
        overrun_ms, underruns = self._lost()
        overrun_before_ms, underruns_before = self._lost_before
        return session_report(
            self._ledger,
            self._translator.capabilities.name,
            self._request,
            self._inbound.format,
            source=self._source_name,
            overrun_ms=overrun_ms - overrun_before_ms,
            underruns=underruns - underruns_before,
            complete=self._complete,
            error=self._error,
        )

    def _lost(self) -> tuple[float, int]:
        """Milliseconds that were dropped unread, and how often speech ran out, since the streams began."""
        underruns = sum(stream.stats.underruns for stream in self._outbounds.values())
        return self._inbound.reader_stats.overrun_ms, underruns

    def _voice(self, language: str, outbound: OutboundAudioStream) -> Voice:
        return Voice(
            outbound,
            clock=self._clock,
            capacity_ms=self._max_queued_ms,
            on_start=partial(self._audience.started, language),
            on_end=partial(self._audience.ended, language),
        )

    async def _interpret(self, translation: Translation) -> None:
        async with joined_tasks() as tasks:
            voices = [
                tasks.create_task(voice.run(), name=f"voice of {language}")
                for language, voice in self._voices.items()
            ]
            watching = tasks.create_task(self._audience.watch(), name="watching the audience")
            listening = tasks.create_task(self._listen(translation), name="listening")
            await self._follow(translation)
            listening.cancel()
            skipping = tasks.create_task(self._skip_rest(listening), name="skipping the rest")
            for voice in self._voices.values():
                voice.end()
            if voices:
                await asyncio.wait(voices)
            skipping.cancel()
            watching.cancel()
            self._audience.check()

    async def _listen(self, translation: Translation) -> None:
        """Give the engine what is said, until nobody says anything any more.

        Whatever goes wrong, what was translated is still to be heard; so it is kept for later.
        """
        source = EngineInput(
            self._inbound.format,
            self._translator.capabilities.input_formats,
            self._inbound.frame_ms,
        )
        # What a translation's `send` raises, its events end with, or with its end; so
        # `_follow` deals with it.
        with contextlib.suppress(TranslatorError):
            try:
                async for frame in self._inbound:
                    self._ledger.arrived(frame, self._clock.now())
                    for piece in source.convert(frame):
                        await self._give(translation, piece)
            except StreamError as error:
                self._fail(error)
            self._input_ended = True
            for piece in source.flush():
                await self._give(translation, piece)
            await translation.end_input()

    async def _give(self, translation: Translation, frame: AudioFrame) -> None:
        """Send a frame, however long the engine is behind: what is lost meanwhile the stream counts."""
        waited_ms, warned = 0.0, False
        while True:
            try:
                return await translation.send(frame)
            except TranslatorOverloadedError as error:
                if not warned and not self._in_lockstep:
                    warned = True
                    self._audience.tell(SessionWarning(f"{error}; the session waits for it", error))
                # A send gives up after as long as it lets audio wait. An engine that can't
                # get rid of its speech is not to blame.
                full = any(voice.full for voice in self._voices.values())
                waited_ms = 0.0 if full else waited_ms + self._request.max_pending_ms
                if waited_ms >= self._max_stall_ms:
                    self._fail(self._stalled(waited_ms, error))
                    await translation.aclose()
                    raise

    async def _skip_rest(self, listening: asyncio.Task[None]) -> None:
        """Go on reading when the engine has failed, while what it translated plays.

        A call goes on whoever listens; and a leg in lockstep plays nothing while nobody reads.
        """
        await asyncio.wait([listening])
        with contextlib.suppress(StreamError):
            async for _ in self._inbound:
                pass

    async def _follow(self, translation: Translation) -> None:
        """Sort the engine's events: texts to the books, speech to the voices."""
        try:
            async for event in translation:
                self._audience.tell(event)
                await self._sort(event)
        except TranslatorError as error:
            self._fail(error)
        else:
            if not self._input_ended:
                self._fail(self._ended_early())
        for utterance in self._ledger.unended():
            await self._end(UtteranceEnded(utterance.utterance_id, utterance.span))

    async def _sort(self, event: TranslationEvent) -> None:
        if isinstance(event, FinalTranslation):
            self._ledger.final(event)
            for language in self._request.target_languages:
                if language not in self._voices or not self._request.speech:
                    self._audience.written(language, event.utterance_id, self._clock.now())
        elif isinstance(event, TranslatedAudio):
            if event.language in self._voices:
                self._ledger.spoken(event)
                await self._voices[event.language].put(event)
        elif isinstance(event, UtteranceEnded):
            await self._end(event)

    async def _end(self, event: UtteranceEnded) -> None:
        """All of an utterance is there; where no speech of it came, it can only be read."""
        self._ledger.ended(event.utterance_id)
        for language, voice in self._voices.items():
            if self._ledger.is_spoken(event.utterance_id, language):
                await voice.put(event)
            elif self._request.speech:
                self._audience.written(language, event.utterance_id, self._clock.now())

    def _fail(self, error: RawMediaError) -> None:
        """The session fails with this, once all that was translated has been heard; the first counts."""
        self._failure = self._failure or error

    def _stalled(self, waited_ms: float, cause: TranslatorError) -> TranslatorStalledError:
        name = self._translator.capabilities.name
        stalled = TranslatorStalledError(name, f"it took no audio for {waited_ms:g} ms")
        stalled.__cause__ = cause
        return stalled

    def _ended_early(self) -> EngineFailedError:
        name = self._translator.capabilities.name
        return EngineFailedError(name, "it stopped translating while the call went on")


def for_lockstep(request: TranslationRequest) -> TranslationRequest:
    """The request with as little audio waiting for the engine as a media clock wants.

    For who opens the translation before there is an interpreter.
    """
    pending_ms = min(request.max_pending_ms, _LOCKSTEP_PENDING_MS)
    return request.model_copy(update={"max_pending_ms": pending_ms})


def _require_targets(
    setting: str, given: Mapping[str, object], request: TranslationRequest
) -> None:
    strangers = sorted(set(given) - set(request.target_languages))
    if strangers:
        raise ConfigurationError(
            setting, f"{', '.join(strangers)} is no target language of the request"
        )


__all__ = ["CaptionSink", "Interpreter", "for_lockstep"]
