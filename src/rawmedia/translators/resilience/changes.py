"""How one session gives way to another: because it is lost, or before it would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.translators.events import Progress
from rawmedia.translators.resilience.decisions import Close, Deliver, Warn
from rawmedia.translators.resilience.sessions import Sessions, is_retryable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawmedia.translators.resilience.decisions import Decision
    from rawmedia.translators.resilience.session import Session

# How long a session may still talk after its input ended for a hand-over, whatever it says.
_MAX_DRAIN_S = 60.0


class Changes(Sessions):
    """Losses and hand-overs: the middle third of `Resilience`."""

    def _lost(self, session: Session, error: Exception, now: float) -> Iterator[Decision]:
        """A running session is gone, and with it what it had not settled."""
        self._losses += 1
        yield Close(session.number)
        if session is not self._read:
            # The second of two: the first goes on, and a third takes the second's place.
            assert self._cut is not None  # only then are there two
            self._fed = None
            self._replay.rewind_to(self._cut)
            yield from self._retry(session.engine, error, now)
            return
        if self._cut is not None and self._settled_ms >= self._ms(self._cut):
            yield from self._complete_change(session, now)
            return
        if self._fed is not None and self._fed is not session:
            yield Close(self._fed.number)  # it has not heard what the first still owes
        self._forgive(session, now)
        self._abandon()
        waiting = self._standby or self._connecting
        self._standby = None
        if self._input_ended and len(self._replay) == 0:
            self._connecting = waiting
            yield from self._finish()
        elif waiting is None:
            yield from self._retry(session.engine, error, now)
        else:
            self._is_down = True
            yield self._step("reconnecting", f"{error}; the next one is being opened", cause=error)
            self._engines.turn_to(waiting.engine)
            if waiting.is_up:
                yield from self._promote(waiting, now)
            else:
                self._connecting = waiting

    @property
    def _can_change(self) -> bool:
        """Whether a second session is up and the first could give way to it."""
        standby = self._standby
        return standby is not None and standby.is_up and self._cut is None

    def _changes_due(self, now: float) -> Iterator[Decision]:
        if self._may_return and self._back_at is not None and now >= self._back_at:
            self._back_at = None
            self._going_back = True
            self._plan.request(now)
        if self._plan.open_at is not None and now >= self._plan.open_at:
            self._plan.opening()
            yield self._step("handing_over", "a second session is opened to take over")
            yield self._connect(now, "hand over")
        force_at = self._plan.force_at
        if self._can_change and force_at is not None and now >= force_at:
            assert self._read is not None  # or there would be no standby
            yield from self._change_now(self._read, now)

    def _standby_failed(self, error: Exception, now: float) -> Iterator[Decision]:
        assert self._standby is not None
        assert self._read is not None  # or it would not be the standby
        engine, self._standby = self._standby.engine, None
        yield self._step("handover_failed", f"{error}; the first goes on", cause=error)
        if self._going_back:
            self._going_back = False
            if not is_retryable(error):
                self._engines.failed(engine, retryable=False)
            # Back to the limit of the session that runs, if it has one.
            assert self._read.opened_at is not None
            self._plan.begin(self._read.opened_at, self._limit_ms(self._read))
            self._failovers += 1
            self._plan_return(now)
        elif is_retryable(error):
            self._plan.postpone(now + self._config.retry_cap_ms / 1000)

    def _change_in_pause(self, first: Session, cut: int, now: float) -> Iterator[Decision]:
        """The first session gets no more and says what it owes; the second gets all from ``cut`` on."""
        second, self._standby = self._standby, None
        assert second is not None  # `_can_change` was asked
        first.stopped = True
        self._cut = cut
        self._drain_until = now + _MAX_DRAIN_S
        self._plan.cancel()
        self._engines.turn_to(second.engine)
        yield from self._feed(second)

    def _complete_change(self, first: Session, now: float) -> Iterator[Decision]:
        """The first session has said all it owed; the second, which was fed meanwhile, is read."""
        assert self._cut is not None
        assert self._format is not None  # something was sent
        cut, self._cut = self._cut, None
        cut_ms = self._format.duration_ms(cut)
        self._forgive(first, now)
        self._replay.settle(cut)
        yield from self._book.finish()
        yield from self._book.settle(cut_ms)
        if cut_ms > self._settled_ms:
            self._settled_ms = cut_ms
            yield Deliver(Progress(cut_ms))
        self._read = None
        self._watchdog.stop()
        if self._fed is not None:
            yield self._handed_over(first, self._fed)
            yield from self._listen(self._fed, now)
            if self._change_again:
                self._change_again = False
                self._plan.request(now)

    def _change_now(self, first: Session, now: float) -> Iterator[Decision]:
        """The second session takes over at once, and hears again what the first has not settled."""
        second, self._standby = self._standby, None
        assert second is not None  # `_can_change` was asked
        yield Close(first.number)
        self._forgive(first, now)
        self._abandon()
        self._engines.turn_to(second.engine)
        yield self._handed_over(first, second)
        yield from self._promote(second, now)

    def _handed_over(self, first: Session, second: Session) -> Warn:
        self._handovers += 1
        self._going_back = False
        name = self._names[second.engine]
        if first.engine != second.engine:
            return self._step("failed_back", f"{name} has taken over again", engine=name)
        text = f"the next session of {name} has taken over"
        return self._step("handed_over", text, engine=name)


__all__ = ["Changes"]
