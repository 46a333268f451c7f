"""What an engine reports is booked and let be heard or read; where there is no engine, that is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rawmedia.errors import EngineFailedError, UnsupportedFormatError
from rawmedia.sessions.engine.pieces import in_pieces
from rawmedia.sessions.events import DirectionChanged, OwnVoiceIgnored
from rawmedia.streams.media_clock import MediaClock
from rawmedia.translators.events import FinalTranslation, TranslatedAudio, UtteranceEnded

if TYPE_CHECKING:
    from rawmedia.errors import RawMediaError, TranslatorOverloadedError
    from rawmedia.sessions.audience import Audience
    from rawmedia.sessions.delivery import Deliveries
    from rawmedia.sessions.engine.run import EngineRun
    from rawmedia.sessions.events import DirectionState
    from rawmedia.sessions.faults import Faults
    from rawmedia.sessions.hearings import Hearings
    from rawmedia.sessions.listeners import Listeners
    from rawmedia.sessions.metrics.ledger import Ledger
    from rawmedia.sessions.own_voice.guard import OwnVoice
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.events import TranslationEvent


class Interpretation:
    """Who the engine works for; see `EngineUser`. For one event loop.

    Args:
        ledger: Where what it reports is booked.
        audience: Who is told of it.
        clock: What that is counted on.
        deliveries: What brings speech to those who listen.
        hearings: Where it is noted what is heard, and what is written instead.
        listeners: Who hears the original while there is no engine.
        faults: Told of what goes wrong.
        news: Set when something changed that somebody waits for.
        own_voice: Tells what was played to the speaker; None where that is not asked.
        notice: What captions say when the original is let through; empty for nothing.
    """

    def __init__(
        self,
        ledger: Ledger,
        audience: Audience,
        *,
        clock: Clock,
        deliveries: Deliveries,
        hearings: Hearings,
        listeners: Listeners,
        faults: Faults,
        news: asyncio.Event,
        own_voice: OwnVoice | None,
        notice: str,
    ) -> None:
        self._ledger = ledger
        self._audience = audience
        self._clock = clock
        self._deliveries = deliveries
        self._hearings = hearings
        self._listeners = listeners
        self._faults = faults
        self._news = news
        self._own_voice = own_voice
        self._notice = notice

    def interrupt(self) -> float:
        """Drop what is unheard, and what still comes of it; how many milliseconds, at the most."""
        self._hearings.cancel(utterance.utterance_id for utterance in self._ledger.unended())
        return self._listeners.interrupt()

    # What the engine reports.

    async def take(self, event: TranslationEvent, run: EngineRun) -> None:
        """Book what the engine reports, and let it be heard."""
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

    def was_held_up(self) -> bool:
        """Whether, since this was asked last, an engine had to wait until somebody heard what it said."""
        return self._deliveries.was_held_up()

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

    # What becomes of the engine.

    def changed(
        self, state: DirectionState, error: RawMediaError | None, retry_in_ms: float | None
    ) -> None:
        """There is an engine now, or none."""
        self._listeners.translate(on=state in ("opening", "translating"))
        if not self._faults.strict:
            self._audience.tell(DirectionChanged(state, error, retry_in_ms))
            if state == "passing_through" and self._notice:
                self._audience.notice(self._notice, self._clock.now())
        elif error is not None:
            self._faults.happened("the engine failed", error)

    def failed_at_the_end(self, error: RawMediaError) -> None:
        """An engine failed while it said its last."""
        self._faults.happened("the engine failed while it said its last", error)

    def moved(self) -> None:
        """A run has ended, or the state is another."""
        self._news.set()

    def warn(self, message: str, error: BaseException) -> None:
        """Something happened that the session survives."""
        self._faults.warn(message, error)

    def overloaded(self, error: TranslatorOverloadedError) -> None:
        """The engine can't keep up, and the session waits for it."""
        # On a clock that waits for the engine a slow one is no fault.
        if not isinstance(self._clock, MediaClock):
            self.warn(f"{error}; the session waits for it", error)


__all__ = ["Interpretation"]
