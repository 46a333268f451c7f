"""What one party says, translated for whoever listens, for as long as the call lasts."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import (
    ConfigurationError,
    EngineFailedError,
    RawMediaError,
    StreamError,
    StreamTimeoutError,
    UnsupportedFormatError,
)
from rawmedia.sessions.audience import Audience, CaptionSink
from rawmedia.sessions.cancelling import go_on
from rawmedia.sessions.delivery import Deliveries
from rawmedia.sessions.engine.keeper import EngineKeeper
from rawmedia.sessions.engine.pieces import in_pieces
from rawmedia.sessions.events import (
    DirectionChanged,
    EngineMisbehaved,
    OwnVoiceIgnored,
    SessionWarning,
)
from rawmedia.sessions.hearings import Hearings
from rawmedia.sessions.metrics.ledger import Ledger
from rawmedia.sessions.metrics.reporting import session_report
from rawmedia.sessions.mixing.config import Mixing
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.media_clock import MediaClock
from rawmedia.streams.tasks import joined_tasks
from rawmedia.translators.events import FinalTranslation, TranslatedAudio, UtteranceEnded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rawmedia.captions.figures import DirectionMetrics
    from rawmedia.captions.report import SessionReport
    from rawmedia.errors import TranslatorOverloadedError
    from rawmedia.sessions.engine.run import EngineRun
    from rawmedia.sessions.events import DirectionState, SessionEvent
    from rawmedia.sessions.listener import Ear, Listener
    from rawmedia.sessions.metrics.oddities import Oddity
    from rawmedia.sessions.own_voice.guard import OwnVoice
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.reader import AudioReader
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translator

DEFAULT_MAX_LAG_MS = 4_000.0
"""How late speech is heard at most; listeners lose the thread when interpreters fall further behind."""
DEFAULT_NOTICE = "[not translated at the moment]"
_MAX_FORMER_EARS = 100


class Direction:
    """One speaker's interpretation, for any number of listeners. Made by a session; runs once.

    The stream is read to its end whatever the engine does. While there is no engine the
    original is let through. Where ``strict``, an engine that fails ends the direction instead,
    once all that was translated has been heard.

    Everything is for one event loop.

    Args:
        inbound: What is said; a stream or a tap.
        translator: The engine.
        request: Languages and voices.
        name: How reports and events call it.
        clock: What figures and waits are counted on.
        captions: Where to write captions, by target language.
        on_event: Called on the loop with every event; must not wait. What it raises ends the
            direction.
        source_name: What the report calls the source.
        max_stall_ms: How long the engine may take no audio before it counts as failed, and a
            listener when there is no more to come.
        reopen_ms: How long after a failure that may pass the engine is opened again; None for
            never.
        strict: Whether the first failure, of the engine, a stream or a caption sink, ends it.
        enabled: Whether it begins switched on.
        speaker: Who speaks, for captions; None where it does not matter.
        notice: What captions say when the original is let through because the engine failed; empty
            for nothing.
        own_voice: What is played on the speaker's own leg, to be kept from the engine; closed when it
            ends.
        original: Where listeners get the original from; ``inbound`` if None and a stream. Without
            one there is none to be heard.

    Raises:
        ConfigurationError: The engine can't serve the request, or ``captions`` name a language
            that the request does not.
    """

    def __init__(
        self,
        inbound: AudioReader,
        translator: Translator,
        request: TranslationRequest,
        *,
        name: str = "direction",
        clock: Clock,
        captions: Mapping[str, CaptionSink] | None = None,
        on_event: Callable[[SessionEvent], object] | None = None,
        source_name: str | None = None,
        max_stall_ms: float = 30_000.0,
        reopen_ms: float | None = 30_000.0,
        strict: bool = False,
        enabled: bool = True,
        speaker: str | None = None,
        notice: str = DEFAULT_NOTICE,
        own_voice: OwnVoice | None = None,
        original: InboundAudioStream | None = None,
    ) -> None:
        translator.capabilities.check(request)
        require_targets("captions", captions or {}, request)
        self.name = name
        self._inbound = inbound
        if original is None and isinstance(inbound, InboundAudioStream):
            original = inbound
        self._original = original
        self._notice = notice
        self._own_voice = own_voice
        self._clock = clock
        self._source_name = source_name
        self._strict = strict
        self._max_stall_s = max_stall_ms / 1000
        self._engine = EngineKeeper(
            self,
            translator,
            request,
            inbound.format,
            inbound.frame_ms,
            clock=clock,
            max_stall_ms=max_stall_ms,
            reopen_ms=None if strict else reopen_ms,
            wanted=enabled,
        )
        self._ledger = Ledger(
            clock.now(),
            engine=translator.capabilities.name,
            source_language=request.source_language,
            target_languages=request.target_languages,
            on_oddity=self._misbehaved,
        )
        self._audience = Audience(
            self._ledger, captions or {}, on_event, tolerant=not strict, speaker=speaker
        )
        self._hearings = Hearings(self._ledger, self._audience)
        self._deliveries = Deliveries(self._hearings)
        self._ears: dict[Listener, Ear] = {}
        self._former_ears: deque[Ear] = deque(maxlen=_MAX_FORMER_EARS)
        self._muted = False
        self._enabled = enabled
        self._news = asyncio.Event()
        self._running = self._stopped = self._input_ended = self._complete = False
        self._reading: asyncio.Task[None] | None = None
        self._failure: RawMediaError | None = None
        self._error: BaseException | None = None
        self._report: SessionReport | None = None
        self._overrun_before_ms = inbound.reader_stats.overrun_ms
        self._untranslated_ms = 0.0

    # What it is and does.

    @property
    def state(self) -> DirectionState:
        """What it is at."""
        return "ended" if self._report is not None else self._engine.state

    @property
    def request(self) -> TranslationRequest:
        """What is asked of the engine."""
        return self._engine.request

    @property
    def muted(self) -> bool:
        """Whether the speaker is neither heard nor translated."""
        return self._muted

    @property
    def heard_ms(self) -> float:
        """How far in the source's media time it has got."""
        return self._ledger.source_ms

    @property
    def untranslated_ms(self) -> float:
        """What was said while there was no engine for it."""
        return self._untranslated_ms

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Who listens."""
        return tuple(self._ears)

    def report(self) -> SessionReport:
        """All so far, or its last 20 000 utterances; whole at any moment."""
        return self._report or self._report_so_far()

    def metrics(self) -> DirectionMetrics:
        """The figures so far; costs some hundred microseconds."""
        stats = None if self._original is None else self._original.stats
        return self._ledger.metrics(
            speech=[ear.playout.stats for ear in (*self._ears.values(), *self._former_ears)],
            overrun_ms=self._overrun_ms,
            gaps=0 if stats is None else stats.gaps,
            gap_ms=0.0 if stats is None else stats.gap_ms,
            echo=None if self._own_voice is None else self._own_voice.figures,
        )

    def caption(self, language: str, sink: CaptionSink) -> None:
        """Write captions of a language from now on, in place of whoever did; any target, now or later."""
        self._audience.caption(language, sink)

    # Who listens.

    def listen(
        self,
        listener: Listener,
        language: str | None,
        mixing: Mixing | None = None,
        *,
        max_lag_ms: float | None = DEFAULT_MAX_LAG_MS,
        capacity_ms: float = 60_000.0,
    ) -> None:
        """Let somebody hear this speaker from now on, or in another language than so far.

        Args:
            listener: Who.
            language: Of the request's target languages, as it names them; None for the
                original alone, as for who understands it.
            mixing: How both are heard; `Mixing()` if None. Kept for who listens already.
            max_lag_ms: How late speech may be heard; only for who is new.
            capacity_ms: How much speech may wait; only for who is new.

        Raises:
            ConfigurationError: A number is out of range, or the listener's stream is on another
                clock than this direction.
        """
        if listener.outbound.clock is not self._clock:
            raise ConfigurationError(
                "clock",
                f"{listener.name} is on another clock than {self.name}, so that nobody could say "
                "what is heard when; legs that are joined have one clock",
            )
        ear = self._ears.get(listener)
        if ear is None:
            ear = self._ears[listener] = listener.hear(
                self,
                mixing or Mixing(),
                self._hearings.heard,
                original=self._original,
                max_lag_ms=max_lag_ms,
                capacity_ms=capacity_ms,
            )
            listener.silence_original(self, on=self._muted)
            listener.over.add_done_callback(partial(self._lost_listener, listener))
        self._deliveries.attach(ear, language)
        self._settle(ear)

    def leave(self, listener: Listener) -> None:
        """Somebody listens no more; harmless where he did not."""
        ear = self._ears.pop(listener, None)
        if ear is None:
            return
        self._deliveries.detach(ear)
        listener.leave(self)
        ear.release()
        self._hearings.left(ear, self._clock.now())
        self._former_ears.append(ear)

    def set_mixing(self, mixing: Mixing) -> None:
        """Change how every listener hears this speaker, from the next frame on."""
        for listener in self._ears:
            listener.set_mixing(self, mixing)

    def set_max_lag(self, max_lag_ms: float | None) -> None:
        """Change how late every listener hears the translation at most, from the next frame on.

        Raises:
            ConfigurationError: It is out of range; nothing has changed.
        """
        for listener in self._ears:
            listener.set_max_lag(self, max_lag_ms)

    # What may be done while it runs.

    def mute(self, *, on: bool = True) -> None:
        """Let nothing that is said from now on be heard or translated; what was said before is."""
        self._muted = on
        for listener in self._ears:
            listener.silence_original(self, on=on)

    async def interrupt(self) -> float:
        """Be silent with the next frame: drop what is unheard, and what still comes of it.

        What the transport has taken is dropped, too, where the platform can. Listening goes on, and
        what is said from now on is translated and heard.

        Returns:
            How many milliseconds of speech were dropped, at the listener who had most.
        """
        dropped_ms = self._silence()
        run = self._engine.run
        if run is not None:
            try:
                await run.interrupt()
            except RawMediaError as error:  # whatever it is, it is silent already
                self.warn("the engine could not be interrupted", error)
        return dropped_ms

    async def update(
        self, request: TranslationRequest | None = None, *, translator: Translator | None = None
    ) -> None:
        """Change languages, voices or the engine, without dropping anything that was said.

        What the running translation can't change is left to a new one, which gets what is said
        from then on; what was said before, the old one finishes. Who listens in a language that
        is not translated into any more hears the original, see `listen`; but where there was
        one target and is one, whoever listened in that one follows.

        Raises:
            ConfigurationError: The engine can't serve the request; nothing has changed.
            TranslatorError: Another engine could not be opened; nothing has changed.
        """
        request = request or self._engine.request
        translator = translator or self._engine.translator
        before = self._engine.request.target_languages
        # Before, because a new run's events may come before this goes on.
        self._ledger.expect(request.target_languages)
        await self._engine.update(request, translator)
        self._ledger.retarget(request.source_language, request.target_languages)
        self._ledger.engine = translator.capabilities.name
        if len(before) == len(request.target_languages) == 1:
            for ear in [ear for ear in self._ears.values() if ear.language == before[0]]:
                self._deliveries.attach(ear, request.target_languages[0])
        self._settle_all()

    async def enable(self) -> None:
        """Switch it on: open the engine. Harmless while it is on.

        Raises:
            RawMediaError: It could not be opened, and is tried again as after any failure.
        """
        self._enabled = True
        await self._engine.enable()

    async def disable(self) -> None:
        """Switch it off, now: listeners hear the original, and nothing more of the translation."""
        self._enabled = False
        self._silence()
        await self._engine.disable()

    async def restart(self) -> None:
        """Open the engine anew; what the one before still has to say is not heard.

        Raises:
            RawMediaError: As `enable` does.
        """
        await self.disable()
        await self.enable()

    def stop(self) -> None:
        """Take nothing more in; what was said before is still translated and heard, then `run` ends."""
        self._stopped = True
        self._stop_reading()

    # Its life.

    async def run(self) -> None:
        """Interpret until the inbound stream ends and everything has been heard.

        Cancelling stops at once; what was not heard yet is dropped, and what was heard stays in the
        captions and the report.

        Raises:
            TranslatorError: Where strict: the engine failed.
            StreamError: Where strict: a stream failed or was closed.
            Exception: What ``on_event`` raised.
            RuntimeError: It was run before.
        """
        if self._running:
            raise RuntimeError("a direction runs once; make another")
        self._running = True
        self._ledger.begin(self._clock.now())
        self._overrun_before_ms = self._inbound.reader_stats.overrun_ms
        try:
            async with joined_tasks() as tasks:
                watching = tasks.create_task(self._audience.watch(), name="watching the audience")
                self._engine.begin(tasks)
                if self._strict:
                    await self._engine.enable()
                self._begin_reading(tasks)
                opening = tasks.create_task(self._open(), name=f"opening {self.name}")
                while not self._is_over:
                    self._news.clear()
                    await self._engine.notice()
                    await self._go_on_reading(tasks)
                    await self._news.wait()
                opening.cancel()
                await self._play_out()
                self._stop_reading()
                watching.cancel()
                self._audience.check()
            if self._failure is not None:
                raise self._failure
            self._complete = True
        except BaseException as error:
            self._error = error
            raise
        finally:
            await self._leave()

    @property
    def _is_over(self) -> bool:
        """Whether nothing more will be translated."""
        if not self._engine.idle:
            return False
        return self._input_ended or self._failure is not None

    async def _open(self) -> None:
        if self._enabled and not self._strict:
            try:
                await self._engine.enable()
            except RawMediaError:
                return  # the event of it was told, and it is tried again

    def _begin_reading(self, tasks: asyncio.TaskGroup) -> None:
        self._reading = tasks.create_task(self._read(), name=f"reading {self.name}")
        self._reading.add_done_callback(lambda _: self._news.set())

    async def _go_on_reading(self, tasks: asyncio.TaskGroup) -> None:
        """Where an engine has cancelled the task that feeds it, the next one gets what follows."""
        if self._reading is not None and self._reading.cancelled() and not self._input_ended:
            self._begin_reading(tasks)
            await self._engine.give_up("it cancelled the task that feeds it")

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self) -> None:
        """Give the engine what is said, until nobody says anything any more."""
        try:
            if not self._stopped:
                await self._take_in()
        except StreamError as error:
            self._fail("what is said can't be heard any more", error)
        except asyncio.CancelledError:
            if not self._stopped or self._is_over:
                raise
            go_on()
        self._input_ended = True
        await self._engine.end_input()
        self._news.set()

    async def _take_in(self) -> None:
        ledger, clock, engine, own_voice = self._ledger, self._clock, self._engine, self._own_voice
        async for frame in self._inbound:
            ledger.arrived(frame, clock.now())
            while engine.state == "opening":
                # What is said meanwhile waits in the stream, which counts what it loses.
                self._news.clear()
                await self._news.wait()
            run = engine.run
            if run is None or run.closed:
                self._untranslated_ms += frame.duration_ms
            if own_voice is not None:
                for piece in own_voice.clean(frame):
                    await self._feed(run, piece)
            elif run is not None:
                await run.feed(_silenced(frame) if self._muted else frame)
        if own_voice is not None:
            for piece in own_voice.flush():
                await self._feed(engine.run, piece)

    async def _feed(self, run: EngineRun | None, frame: AudioFrame) -> None:
        if run is not None:
            await run.feed(_silenced(frame) if self._muted else frame)

    async def _play_out(self) -> None:
        """Wait until all that was translated has been heard, or nobody pulls it any more."""
        self._deliveries.end(self._clock.now())
        for listener, ear in list(self._ears.items()):
            ear.end()
            rendered, since = listener.rendered, self._clock.now()
            while not ear.finished and self._ears.get(listener) is ear:
                await ear.changed()
                if listener.rendered != rendered:
                    rendered, since = listener.rendered, self._clock.now()
                elif self._clock.now() - since >= self._max_stall_s:
                    self._give_up(listener)

    def _give_up(self, listener: Listener) -> None:
        error = StreamTimeoutError("pull", self._max_stall_s)
        self._fail(f"{listener.name} takes no audio, so the rest was not heard", error)
        self.leave(listener)

    async def _leave(self) -> None:
        try:
            await self._engine.aclose()
        finally:
            if not self._complete:
                self._silence()
            for listener in list(self._ears):
                self.leave(listener)
            if self._own_voice is not None:
                self._own_voice.close()
            # The streams go on, and what they lose from here on is not this session's loss.
            self._report = self._report_so_far()
            if not self._strict:
                self._audience.tell(DirectionChanged("ended", self._error))
            self._audience.leave()

    # What the engine does.

    async def take(self, event: TranslationEvent, run: EngineRun) -> None:
        """Book what the engine reports, and let it be heard. See `EngineUser`."""
        if isinstance(event, FinalTranslation) and self._is_own(event):
            self._hearings.cancel([event.utterance_id])
            self._audience.tell(OwnVoiceIgnored(event.utterance_id, event.source_text))
            return
        self._audience.tell(event)
        if isinstance(event, TranslatedAudio):
            for piece in in_pieces(event):
                await self._deliver(piece, run)
                if piece is not event:
                    await asyncio.sleep(0)  # so that everybody else has a turn
            return
        now = self._clock.now()
        self._ledger.take(event, now)
        if isinstance(event, FinalTranslation):
            for language in run.request.target_languages:
                if not (run.request.speech and self._deliveries.is_heard(language)):
                    self._hearings.write(language, event.utterance_id, now)
        elif isinstance(event, UtteranceEnded):
            self._end(event, run, now)

    def _is_own(self, event: FinalTranslation) -> bool:
        """Whether the engine has understood what was played to the speaker."""
        start = self._ledger.said(event.span.start_ms)
        end = self._ledger.said(event.span.end_ms)
        if self._own_voice is None or start is None or end is None:
            return False
        return self._own_voice.is_own(event.source_text, start, end, self._clock.now())

    async def _deliver(self, event: TranslatedAudio, run: EngineRun) -> None:
        deliveries = self._deliveries
        if not deliveries.is_heard(event.language) or self._hearings.is_cancelled(
            event.utterance_id
        ):
            self._ledger.unheard(event)
            return
        await deliveries.wait_for_room(event.language)
        if self._hearings.is_cancelled(event.utterance_id):  # meanwhile
            self._ledger.unheard(event)
            return
        try:
            deliveries.put(event, self._clock.now())
        except UnsupportedFormatError as error:
            self._ledger.unheard(event)
            problem = f"it speaks at {event.frame.format}, which no listener can be given"
            raise EngineFailedError(run.name, problem) from error
        self._ledger.spoken(event)

    def _end(self, event: UtteranceEnded, run: EngineRun, now: float) -> None:
        """All of an utterance is there; where no speech of it came, it can only be read."""
        self._deliveries.end_utterance(event.utterance_id, now)
        if not run.request.speech:
            return
        for language in run.request.target_languages:
            if self._deliveries.is_heard(language) and not self._hearings.is_put(
                language, event.utterance_id
            ):
                self._hearings.write(language, event.utterance_id, now)

    def changed(
        self, state: DirectionState, error: RawMediaError | None, retry_in_ms: float | None
    ) -> None:
        """There is an engine now, or none. See `EngineUser`."""
        self._settle_all()
        if not self._strict:
            self._audience.tell(DirectionChanged(state, error, retry_in_ms))
            if state == "passing_through" and self._notice:
                self._audience.notice(self._notice, self._clock.now())
        elif error is not None:
            self._fail("the engine failed", error)

    def failed_at_the_end(self, error: RawMediaError) -> None:
        """An engine failed while it said its last. See `EngineUser`."""
        self._fail("the engine failed while it said its last", error)

    def moved(self) -> None:
        """Something changed that somebody may wait for. See `EngineUser`."""
        self._news.set()

    def warn(self, message: str, error: BaseException) -> None:
        """Something happened that the call survives. See `EngineUser`."""
        self._audience.tell(SessionWarning(message, error))

    def overloaded(self, error: TranslatorOverloadedError) -> None:
        """The engine can't keep up. See `EngineUser`."""
        # On a clock that waits for the engine a slow one is no fault.
        if not isinstance(self._clock, MediaClock):
            self.warn(f"{error}; the session waits for it", error)

    def was_held_up(self) -> bool:
        """Whether, since this was asked last, an engine had to wait. See `EngineUser`."""
        return self._deliveries.was_held_up()

    def fail(self, error: RawMediaError) -> None:
        """Something that it can't do without broke: end, once all that was translated was heard."""
        self._failure = self._failure or error
        self._news.set()

    # How.

    def _misbehaved(self, rule: Oddity, utterance_id: str) -> None:
        self._audience.tell(EngineMisbehaved(rule, self._ledger.engine, utterance_id))

    def _fail(self, message: str, error: RawMediaError) -> None:
        if self._strict:
            self.fail(error)
        else:
            self.warn(message, error)

    def _lost_listener(self, listener: Listener, over: asyncio.Future[StreamError]) -> None:
        if listener in self._ears and not over.cancelled():
            if self._strict:
                self._audience.fail(over.result())
            else:
                self.leave(listener)
                self.warn(f"{listener.name} can't be reached any more", over.result())

    def _silence(self) -> float:
        """Drop what is unheard, and what still comes of it; how many milliseconds, at the most."""
        now, dropped_ms = self._clock.now(), 0.0
        self._hearings.cancel(utterance.utterance_id for utterance in self._ledger.unended())
        self._deliveries.forget()
        for listener, ear in self._ears.items():
            dropped_ms = max(dropped_ms, ear.interrupt(now) + listener.outbound.clear())
        return dropped_ms

    def _settle_all(self) -> None:
        for ear in self._ears.values():
            self._settle(ear)

    def _settle(self, ear: Ear) -> None:
        """Let a listener hear the original where there is no translation for him."""
        served = ear.language in self.request.target_languages and self._engine.state in (
            "opening",
            "translating",
        )
        ear.listener.pass_through(self, on=not (served or self._strict))

    @property
    def _overrun_ms(self) -> float:
        return self._inbound.reader_stats.overrun_ms - self._overrun_before_ms

    def _report_so_far(self) -> SessionReport:
        metrics = self.metrics()
        return session_report(
            self._ledger,
            self._engine.translator.capabilities.name,
            self.request,
            self._inbound.format,
            source=self._source_name,
            overrun_ms=self._overrun_ms,
            underruns=metrics.speech.underruns,
            complete=self._complete,
            error=self._error,
            metrics=metrics,
        )


def require_targets(setting: str, given: Mapping[str, object], request: TranslationRequest) -> None:
    """Refuse what is given for languages that are not translated into.

    Raises:
        ConfigurationError: There is such a language.
    """
    strangers = sorted(set(given) - set(request.target_languages))
    if strangers:
        raise ConfigurationError(
            setting, f"{', '.join(strangers)} is no target language of the request"
        )


def _silenced(frame: AudioFrame) -> AudioFrame:
    """Silence in the place of a frame, so that time goes on for the engine."""
    return AudioFrame.silence(frame.format, frame.samples_per_channel, frame.position)


__all__ = ["DEFAULT_MAX_LAG_MS", "Direction", "require_targets"]
