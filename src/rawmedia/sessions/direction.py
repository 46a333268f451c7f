"""What one party says, translated for whoever listens, for as long as the call lasts."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from rawmedia.errors import RawMediaError
from rawmedia.sessions.account import Account
from rawmedia.sessions.audience import Audience, CaptionSink
from rawmedia.sessions.delivery import Deliveries
from rawmedia.sessions.engine.keeper import EngineKeeper
from rawmedia.sessions.events import DirectionChanged, EngineMisbehaved
from rawmedia.sessions.faults import Faults
from rawmedia.sessions.hearings import Hearings
from rawmedia.sessions.intake import Intake
from rawmedia.sessions.interpretation import Interpretation
from rawmedia.sessions.listeners import Listeners
from rawmedia.sessions.metrics.ledger import Ledger
from rawmedia.sessions.mixing.config import Mixing
from rawmedia.sessions.targets import require_targets
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.tasks import joined_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rawmedia.captions.figures import DirectionMetrics
    from rawmedia.captions.report import SessionReport
    from rawmedia.sessions.events import DirectionState, SessionEvent
    from rawmedia.sessions.listener import Listener
    from rawmedia.sessions.metrics.oddities import Oddity
    from rawmedia.sessions.own_voice.guard import OwnVoice
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.reader import AudioReader
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translator

DEFAULT_MAX_LAG_MS = 4_000.0
"""How late speech is heard at most; listeners lose the thread when interpreters fall further behind."""
DEFAULT_NOTICE = "[not translated at the moment]"


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
        if original is None and isinstance(inbound, InboundAudioStream):
            original = inbound
        self._clock = clock
        self._own_voice = own_voice
        self._strict = strict
        self._max_stall_s = max_stall_ms / 1000
        self._enabled = enabled
        news = asyncio.Event()
        self._running = False
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
        self._faults = Faults(self._audience, news, strict=strict)
        hearings = Hearings(self._ledger, self._audience)
        deliveries = Deliveries(hearings)
        self._listeners = Listeners(
            name,
            clock=clock,
            deliveries=deliveries,
            hearings=hearings,
            faults=self._faults,
            original=original,
            targets=request.target_languages,
            translated=enabled,
        )
        self._interpretation = Interpretation(
            self._ledger,
            self._audience,
            clock=clock,
            deliveries=deliveries,
            hearings=hearings,
            listeners=self._listeners,
            faults=self._faults,
            news=news,
            own_voice=own_voice,
            notice=notice,
        )
        self._engine = EngineKeeper(
            self._interpretation,
            translator,
            request,
            inbound.format,
            inbound.frame_ms,
            clock=clock,
            max_stall_ms=max_stall_ms,
            reopen_ms=None if strict else reopen_ms,
            wanted=enabled,
        )
        self._intake = Intake(
            name,
            inbound,
            self._engine,
            ledger=self._ledger,
            clock=clock,
            own_voice=own_voice,
            faults=self._faults,
            news=news,
        )
        self._account = Account(
            self._ledger,
            inbound,
            original,
            engine=self._engine,
            listeners=self._listeners,
            own_voice=own_voice,
            source=source_name,
        )

    # What it is and does.

    @property
    def state(self) -> DirectionState:
        """What it is at."""
        return "ended" if self._account.closed else self._engine.state

    @property
    def request(self) -> TranslationRequest:
        """What is asked of the engine."""
        return self._engine.request

    @property
    def muted(self) -> bool:
        """Whether the speaker is neither heard nor translated."""
        return self._intake.muted

    @property
    def heard_ms(self) -> float:
        """How far in the source's media time it has got."""
        return self._ledger.source_ms

    @property
    def untranslated_ms(self) -> float:
        """What was said while there was no engine for it."""
        return self._intake.untranslated_ms

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Who listens."""
        return self._listeners.present

    def report(self) -> SessionReport:
        """All so far, or its last 20 000 utterances; whole at any moment."""
        return self._account.report()

    def metrics(self) -> DirectionMetrics:
        """The figures so far; costs some hundred microseconds."""
        return self._account.metrics()

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
        self._listeners.listen(
            listener,
            language,
            mixing or Mixing(),
            max_lag_ms=max_lag_ms,
            capacity_ms=capacity_ms,
        )

    def leave(self, listener: Listener) -> None:
        """Somebody listens no more; harmless where he did not."""
        self._listeners.leave(listener)

    def set_mixing(self, mixing: Mixing) -> None:
        """Change how every listener hears this speaker, from the next frame on."""
        self._listeners.set_mixing(mixing)

    def set_max_lag(self, max_lag_ms: float | None) -> None:
        """Change how late every listener hears the translation at most, from the next frame on.

        Raises:
            ConfigurationError: It is out of range; nothing has changed.
        """
        self._listeners.set_max_lag(max_lag_ms)

    # What may be done while it runs.

    def mute(self, *, on: bool = True) -> None:
        """Let nothing that is said from now on be heard or translated; what was said before is."""
        self._intake.muted = on
        self._listeners.mute(on=on)

    async def interrupt(self) -> float:
        """Be silent with the next frame: drop what is unheard, and what still comes of it.

        What the transport has taken is dropped, too, where the platform can. Listening goes on, and
        what is said from now on is translated and heard.

        Returns:
            How many milliseconds of speech were dropped, at the listener who had most.
        """
        dropped_ms = self._interpretation.interrupt()
        run = self._engine.run
        if run is not None:
            try:
                await run.interrupt()
            except RawMediaError as error:  # whatever it is, it is silent already
                self._faults.warn("the engine could not be interrupted", error)
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
        # Before, because a new run's events may come before this goes on.
        self._ledger.expect(request.target_languages)
        await self._engine.update(request, translator)
        self._ledger.retarget(request.source_language, request.target_languages)
        self._ledger.engine = translator.capabilities.name
        self._listeners.retarget(request.target_languages)

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
        self._interpretation.interrupt()
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
        self._intake.stop()

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
        self._account.begin(self._clock.now())
        try:
            async with joined_tasks() as tasks:
                watching = tasks.create_task(self._audience.watch(), name="watching the audience")
                self._engine.begin(tasks)
                if self._strict:
                    await self._engine.enable()
                self._intake.begin(tasks)
                opening = tasks.create_task(self._open(), name=f"opening {self.name}")
                await self._intake.settle(tasks)
                opening.cancel()
                await self._listeners.play_out(self._max_stall_s)
                self._intake.cancel()
                watching.cancel()
                self._audience.check()
            if self._faults.failure is not None:
                raise self._faults.failure
            self._account.complete = True
        except BaseException as error:
            self._account.error = error
            raise
        finally:
            await self._leave()

    async def _open(self) -> None:
        if self._enabled and not self._strict:
            # The event of it was told, and it is tried again.
            with contextlib.suppress(RawMediaError):
                await self._engine.enable()

    async def _leave(self) -> None:
        try:
            await self._engine.aclose()
        finally:
            if not self._account.complete:
                self._interpretation.interrupt()
            for listener in self.listeners:
                self.leave(listener)
            if self._own_voice is not None:
                self._own_voice.close()
            self._account.close()
            if not self._strict:
                self._audience.tell(DirectionChanged("ended", self._account.error))
            self._audience.leave()

    def _misbehaved(self, rule: Oddity, utterance_id: str) -> None:
        self._audience.tell(EngineMisbehaved(rule, self._ledger.engine, utterance_id))


__all__ = ["DEFAULT_MAX_LAG_MS", "DEFAULT_NOTICE", "Direction"]
