"""Which session is fed and which is read: connecting, taking one into use, and giving up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.errors import RawMediaError
from rawmedia.translators.resilience.backoff import Backoff, EngineList
from rawmedia.translators.resilience.decisions import (
    Close,
    Connect,
    Done,
    GiveUp,
    Listen,
    Replay,
    Warn,
)
from rawmedia.translators.resilience.handover import HandOverPlan
from rawmedia.translators.resilience.replay import ReplayBuffer
from rawmedia.translators.resilience.session import Session
from rawmedia.translators.resilience.steps import ResilienceWarning
from rawmedia.translators.resilience.utterances import UtteranceBook
from rawmedia.translators.resilience.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from rawmedia.audio.format import AudioFormat
    from rawmedia.translators.resilience.config import ResilienceConfig
    from rawmedia.translators.resilience.decisions import Decision, Reason
    from rawmedia.translators.resilience.session import Engine
    from rawmedia.translators.resilience.steps import ResilienceCode


# An engine that keeps failing is tried again after 16 times as long as the first time at most.
_MAX_DOUBLINGS = 4


class Sessions:
    """The sessions of one translation, and the parts that they share: the lowest third of `Resilience`.

    One session is fed and one is read; these are the same but for the end of a hand-over.
    See `Resilience` for the arguments.
    """

    def __init__(
        self,
        config: ResilienceConfig,
        engines: Sequence[Engine],
        *,
        random: Random,
        speech: bool = True,
        partials: bool = True,
        relative_spans: bool = False,
    ) -> None:
        self._config = config
        self._traits = tuple(engines)
        self._names = [engine.name for engine in engines]
        self._partials = partials
        self._relative_spans = relative_spans
        self._engines = EngineList(len(self._names), config.tries_per_engine)
        self._backoff = Backoff(
            config.retry_base_ms,
            config.retry_cap_ms,
            config.max_attempts,
            config.give_up_after_ms,
            random,
        )
        self._watchdog = Watchdog(config.rest_timeout_ms)
        self._plan = HandOverPlan(config)
        self._replay = ReplayBuffer(config.replay_ms)
        self._book = UtteranceBook(speech=speech, resume=config.half_spoken == "resume")
        self._format: AudioFormat | None = None
        self._received_end = 0
        self._read: Session | None = None
        self._fed: Session | None = None
        self._standby: Session | None = None
        self._connecting: Session | None = None
        self._cut: int | None = None  # where the fed session begins while another is still read
        self._drain_until = 0.0
        self._back_at: float | None = None
        self._going_back = self._change_again = False
        self._failovers = 0  # from the first engine, since it last ran well
        self._settled_ms = 0.0
        self._silent_before_ms = 0.0
        self._told_lost = 0
        self._is_down = self._catching_up = self._input_ended = self._over = False
        self._reading = True
        self._sessions = self._losses = self._handovers = self._duplicates = 0

    def _connect(self, at: float, reason: Reason) -> Connect:
        self._sessions += 1
        engine = self._engines.current
        if reason == "hand over" and self._going_back:
            engine = 0
        session = Session(self._sessions, engine, reason)
        if reason == "hand over":
            self._standby = session
        else:
            self._connecting = session
        return Connect(session.number, engine, at, self._backoff.failures + 1, reason)

    def _retry(self, engine: int, error: Exception, now: float) -> Iterator[Decision]:
        """An engine failed: try it again, or the next one, if the budget allows."""
        self._is_down = True
        before = self._engines.current
        left = self._engines.failed(engine, retryable=is_retryable(error))
        changed = self._engines.current != before
        self._failovers += changed and before == 0
        at = self._backoff.failed(now, at_once=changed and self._engines.fresh) if left else None
        if at is None:
            yield from self._give_up(error)
            return
        name = self._names[self._engines.current]
        text = f"{error}; {name} is tried in {(at - now) * 1000:.0f} ms"
        yield self._step("failed_over" if changed else "reconnecting", text, cause=error)
        yield self._connect(at, "reconnect" if self._losses else "start")

    def _abandon(self) -> None:
        """Nobody is read or fed any more; what is not settled is to be sent again."""
        self._read = self._fed = self._cut = None
        self._watchdog.stop()
        self._plan.cancel()
        self._going_back = self._change_again = False
        self._replay.rewind()

    def _forgive(self, session: Session, now: float) -> None:
        """Forget the failures before a session that ran well."""
        assert session.opened_at is not None  # it was read
        if session.answered and (now - session.opened_at) * 1000 >= self._config.healthy_ms:
            self._backoff.reset()
            self._engines.healthy()
            if session.engine == 0:
                self._failovers = 0

    def _promote(self, session: Session, now: float) -> Iterator[Decision]:
        """A session that is up is fed from now on, and read unless the one before still is."""
        if self._is_down:
            self._is_down = False
            name = self._names[session.engine]
            yield self._step("reconnected", f"{name} runs again", engine=name)
        yield from self._feed(session)
        if self._cut is None:
            yield from self._listen(session, now)

    def _feed(self, session: Session) -> Iterator[Decision]:
        self._fed = session
        if self._cut is not None:
            self._replay.rewind_to(self._cut)
        start = self._replay.start if self._cut is None else self._cut
        session.from_ms = self._settled_ms if start is None else self._ms(start)
        backlog_ms = self._replay.unsent_ms
        self._catching_up = backlog_ms > 0
        yield from self._tell_lost()
        if backlog_ms and self._cut is None:
            text = f"{backlog_ms:.0f} ms of audio are sent that wait or are not answered for"
            yield self._step("replayed", text, audio_ms=backlog_ms)
        yield Replay(session.number, session.from_ms, backlog_ms)

    def _listen(self, session: Session, now: float) -> Iterator[Decision]:
        assert session.opened_at is not None  # only what is up can be read
        self._read = session
        self._watchdog.start(now, self._patience_ms(session))
        if session.offered is not None:
            self._watchdog.offered(0.0, now, speech=False)
        if session.ended_input:
            self._watchdog.all_sent(now)
        if not self._input_ended:
            self._plan.begin(session.opened_at, self._limit_ms(session))
            self._plan_return(now)
        yield from self._book.begin_session(
            session.number, session.engine, session.from_ms, self._silent_before_ms
        )
        yield Listen(session.number)

    def _limit_ms(self, session: Session) -> float | None:
        limit_ms = self._traits[session.engine].max_session_ms
        return self._config.max_session_ms if limit_ms is None else limit_ms

    def _patience_ms(self, session: Session) -> float:
        if self._partials and self._traits[session.engine].partials:
            return self._config.answer_timeout_ms
        return self._config.final_timeout_ms

    def _plan_return(self, now: float) -> None:
        """Go back to the first engine later, if another runs; ever later if it keeps failing."""
        if not self._engines.wants_back or self._config.failback_ms is None:
            self._back_at = None
        elif self._back_at is None:
            doublings = min(max(0, self._failovers - 1), _MAX_DOUBLINGS)
            self._back_at = now + self._config.failback_ms * 2**doublings / 1000

    @property
    def _may_return(self) -> bool:
        """Whether nothing else is going on that a return would disturb."""
        return self._read is not None and self._standby is None and self._cut is None

    def _give_up(self, error: Exception) -> Iterator[Decision]:
        self._replay.lose()
        yield from self._stop()
        yield GiveUp(error)

    def _finish(self) -> Iterator[Decision]:
        yield from self._stop()
        yield Done()

    def _stop(self) -> Iterator[Decision]:
        """Nothing comes of any session any more."""
        fed = None if self._fed is self._read else self._fed
        for each in (self._read, fed, self._standby, self._connecting):
            if each is not None:
                yield Close(each.number)
        self._over = True
        self._watchdog.stop()
        yield from self._book.finish()
        yield from self._tell_lost()

    def _refusing(self) -> list[Session]:
        """The sessions that refused a frame and have not ended yet."""
        both = (self._read, None if self._fed is self._read else self._fed)
        return [each for each in both if each is not None and each.send_error is not None]

    def _tell_lost(self) -> Iterator[Decision]:
        lost = self._replay.lost_samples - self._told_lost
        if lost:
            self._told_lost += lost
            lost_ms = self._ms(lost)
            text = f"{lost_ms:.0f} ms of audio reached no engine that answered for it"
            yield self._step("audio_lost", text, audio_ms=lost_ms)

    def _step(
        self,
        code: ResilienceCode,
        text: str,
        *,
        cause: Exception | None = None,
        audio_ms: float = 0.0,
        engine: str = "",
    ) -> Warn:
        return Warn(
            ResilienceWarning(text, None, cause, code=code, audio_ms=audio_ms, engine=engine)
        )

    def _ms(self, samples: int) -> float:
        return 0.0 if self._format is None else self._format.duration_ms(samples)


def is_retryable(error: Exception) -> bool:
    """Whether the same may work later; of what is not this library's nobody knows, so it is tried."""
    return error.retryable if isinstance(error, RawMediaError) else True


__all__ = ["Sessions", "is_retryable"]
