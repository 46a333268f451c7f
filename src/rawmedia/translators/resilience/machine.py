"""The state machine of resilience: facts with their time in, decisions out; it waits for nothing."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, Literal

from rawmedia.errors import EngineFailedError, ServiceError
from rawmedia.translators.events import Progress, TranslatorWarning, Usage, UtteranceEnded
from rawmedia.translators.resilience.changes import Changes
from rawmedia.translators.resilience.decisions import Close, Deliver, Suppress
from rawmedia.translators.resilience.duplicates import shifted
from rawmedia.translators.resilience.session import ResilienceStats, Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.resilience.decisions import Decision
    from rawmedia.translators.resilience.watchdog import Complaint


class Input(Enum):
    """What there is instead of a next frame."""

    END = "end"


END: Final = Input.END
"""There are no more frames: end the session's input."""

# An engine whose `send` fails says why when its events end, and has this long for it.
_GRACE_S = 1.0
_COMPLAINTS: dict[Complaint, str] = {
    "speech": "speech was sent and nothing came back",
    "stalled": "it took no audio and said nothing",
    "rest": "the last audio was sent and the rest of its answer did not come",
}


class Resilience(Changes):
    """Decides when to connect, replay, hand over and give up, and what the reader hears.

    A *session* is one translation of one engine. One is fed and one is read; these are the
    same but for the end of a hand-over, when the first still says what it owes. Every method
    that returns decisions is told the time in seconds of one clock, which never goes back;
    decisions are to be carried out in order. ``due`` is to be called at ``next_due``.

    Args:
        config: How patient and persistent it is.
        engines: What can be connected to, the preferred first.
        random: What the jitter of waits is drawn from.
        speech: Whether speech was asked for.
        partials: Whether reports before the end of an utterance were asked for.
        relative_spans: Whether the spans of events count from the first audio of the session
            instead of the start of the source.
    """

    @property
    def stats(self) -> ResilienceStats:
        """What became of the audio so far."""
        return ResilienceStats(
            received_samples=self._replay.received_samples,
            settled_samples=self._replay.settled_samples,
            held_samples=self._replay.held_samples,
            unguarded_samples=self._replay.unguarded_samples,
            lost_samples=self._replay.lost_samples,
            sessions=self._sessions,
            losses=self._losses,
            handovers=self._handovers,
            duplicates=self._duplicates,
        )

    @property
    def must_wait(self) -> bool:
        """Whether the source should wait before it gives more audio."""
        if self._over:
            return False
        if self._fed is None:
            full = self._replay.held_ms >= self._config.replay_ms
            return full and self._config.when_full == "wait"
        if self._catching_up:
            return self._replay.unsent_ms >= self._config.replay_ms
        return self._replay.unsent_samples > 0

    @property
    def next_due(self) -> float | None:
        """When ``due`` is to be called, if nothing else happens before; None for never."""
        if self._over:
            return None
        moments = [self._watchdog.due, self._plan.open_at]
        if self._may_return:
            moments.append(self._back_at)
        if self._standby is not None and self._standby.is_up:
            moments.append(self._plan.force_at)
        if self._reading:
            if self._cut is not None:
                moments.append(self._drain_until)
            moments += [each.failed_at + _GRACE_S for each in self._refusing()]
        return min((each for each in moments if each is not None), default=None)

    # What the runner tells.

    def start(self, now: float) -> list[Decision]:
        """Begin: to be called once, before anything else."""
        return [self._connect(now, "start")]

    def opened(self, session: int, now: float) -> list[Decision]:
        """A connection that was asked for is up."""
        for each in (self._connecting, self._standby):
            if each is not None and each.number == session and not self._over:
                each.opened_at = now
                if each is self._standby:
                    return []
                self._connecting = None
                return list(self._promote(each, now))
        return [Close(session)]

    def open_failed(self, session: int, error: Exception, now: float) -> list[Decision]:
        """A connection that was asked for did not come up."""
        if self._over:
            return []
        if _is(self._connecting, session):
            assert self._connecting is not None
            failed, self._connecting = self._connecting, None
            return list(self._retry(failed.engine, error, now))
        if _is(self._standby, session):
            return list(self._standby_failed(error, now))
        return []

    def received(self, frame: AudioFrame, *, speech: bool) -> None:
        """The source gave a frame; ``speech`` says whether somebody speaks in it."""
        self._format, self._received_end = frame.format, frame.end
        self._replay.push(frame, speech=speech)

    def next_frame(self, session: int, now: float) -> AudioFrame | Literal[Input.END] | None:
        """What a session that is fed is to be sent next; None when it must wait for more.

        The frame counts as offered from now on; tell ``sent`` when the session has taken it.
        """
        fed = self._fed if _is(self._fed, session) else self._read
        if fed is None or fed.number != session or fed.ended_input:
            return None
        if not fed.stopped:
            if (kept := self._replay.next()) is not None:
                if fed.offered is None and fed.sent_end == 0:
                    fed.from_ms = kept.frame.start_ms  # what came before may be settled by now
                fed.offered = self._replay.cursor
                if fed is self._read:
                    self._watchdog.offered(kept.frame.duration_ms, now, speech=kept.speech)
                return kept.frame
            if not self._input_ended:
                return None
        fed.ended_input = True
        if fed is self._read:
            self._watchdog.all_sent(now)
        return END

    def sent(self, session: int, now: float) -> list[Decision]:
        """The session that is fed took the frame that it was offered."""
        fed = self._fed
        if fed is None or fed.number != session or fed.offered is None:
            return []
        kept = self._replay.sent(fed.offered)
        fed.offered = None
        if self._replay.unsent_samples == 0:
            self._catching_up = False
        if fed is self._read:
            self._watchdog.taken()
        if kept is None:
            return []
        fed.sent_end = kept.frame.end
        if fed is not self._read:
            return []
        self._plan.sent(kept)
        cut = self._plan.pause(kept) if self._can_change else None
        if cut is None:
            return []
        return list(self._change_in_pause(fed, cut, now))

    def send_failed(self, session: int, error: Exception, now: float) -> None:
        """The session refused a frame; unless its events end soon, it counts as lost to this error."""
        for each in (self._read, self._fed):
            if each is not None and each.number == session and each.send_error is None:
                each.send_error, each.failed_at = error, now
                if each is self._read:
                    self._watchdog.taken()

    def heard(self, session: int, event: TranslationEvent, now: float) -> list[Decision]:
        """The session that is read reported an event."""
        read = self._read
        if read is None or read.number != session or self._over:
            return [Suppress(event, "out of date")]
        read.answered = True
        self._watchdog.answered(now)
        if self._relative_spans:
            event = shifted(event, read.from_ms)
        decisions = list(self._meaning(read, event, now))
        for each in decisions:
            if isinstance(each, Suppress) and each.why != "not ahead":
                self._duplicates += 1
        return decisions

    def ended(self, session: int, now: float) -> list[Decision]:
        """The events of the session that is read have ended, without an error."""
        read = self._read
        if read is None or read.number != session or self._over:
            return []
        if not read.ended_input:
            early = EngineFailedError(self._names[read.engine], "it ended the translation early")
            return list(self._lost(read, early, now))
        if self._cut is not None:
            return [Close(session), *self._complete_change(read, now)]
        self._replay.settle(read.sent_end)
        return list(self._finish())

    def lost(self, session: int, error: Exception, now: float) -> list[Decision]:
        """A session that is read or fed has failed."""
        for each in (self._read, self._fed):
            if each is not None and each.number == session and not self._over:
                return list(self._lost(each, each.send_error or error, now))
        return []

    def reading(self, now: float, *, reading: bool) -> None:
        """Nobody reads the events any more, so that the engine can't speak; or somebody does again."""
        self._reading = reading
        self._watchdog.reading(now, reading=reading)
        for each in self._refusing():
            each.failed_at = now

    def interrupted(self) -> None:
        """What was begun by now must not be spoken, by no session."""
        if self._format is not None:
            self._silent_before_ms = self._format.duration_ms(self._received_end)

    def expect(self, *, partials: bool) -> None:
        """Reports before the end of an utterance are asked for from now on, or no more."""
        self._partials = partials
        if self._read is not None:
            self._watchdog.answer_timeout_ms = self._patience_ms(self._read)

    def hand_over(self, now: float) -> list[Decision]:
        """Change to another session soon, though this one runs well: what was asked for has changed."""
        decisions: list[Decision] = []
        if self._over or self._input_ended or self._read is None:
            return decisions
        if self._cut is not None:
            self._change_again = True
            return decisions
        if self._standby is not None:
            decisions.append(Close(self._standby.number))
            self._standby = None
        self._plan.request(now)
        return decisions + self.due(now)

    def input_ended(self) -> list[Decision]:
        """The source gives no more audio."""
        if self._over or self._input_ended:
            return []
        self._input_ended = True
        decisions: list[Decision] = []
        if self._standby is not None:
            decisions.append(Close(self._standby.number))
            self._standby = None
        self._plan.cancel()
        self._back_at = None
        if self._read is None and len(self._replay) == 0:
            decisions += self._finish()
        return decisions

    def due(self, now: float) -> list[Decision]:
        """Time has passed; does nothing before ``next_due``."""
        if self._over:
            return []
        if self._reading:
            for each in self._refusing():
                if now >= each.failed_at + _GRACE_S:
                    assert each.send_error is not None  # or it would not be refusing
                    return list(self._lost(each, each.send_error, now))
        if self._read is not None:
            complaint = self._watchdog.complaint(now)
            if self._cut is not None and self._reading and now >= self._drain_until:
                complaint = "rest"
            if complaint is not None:
                error = ServiceError(self._names[self._read.engine], _COMPLAINTS[complaint])
                return list(self._lost(self._read, error, now))
        return list(self._changes_due(now))

    # Hearing.

    def _meaning(self, read: Session, event: TranslationEvent, now: float) -> Iterator[Decision]:
        if isinstance(event, Progress):
            read.settles = True
            yield from self._settle(read, event.position_ms, now)
        elif isinstance(event, TranslatorWarning):
            yield self._book.warn(event)
        elif isinstance(event, Usage):
            yield Deliver(event)
        else:
            yield from self._book.hear(event)
            if isinstance(event, UtteranceEnded) and not read.settles:
                # An engine that reports no progress has settled what it has ended, up to the
                # oldest utterance that it has not.
                position_ms = min(event.span.end_ms, self._book.open_since_ms)
                if position_ms > self._settled_ms:
                    yield from self._settle(read, position_ms, now)

    def _settle(self, read: Session, position_ms: float, now: float) -> Iterator[Decision]:
        # No engine can settle what it was not sent, or what the next one is sent.
        last = read.sent_end if self._cut is None else min(read.sent_end, self._cut)
        settled_ms = min(position_ms, self._ms(last))
        if not settled_ms > self._settled_ms:
            yield Suppress(Progress(position_ms), "not ahead")
            return
        assert self._format is not None  # something was sent
        self._settled_ms = settled_ms
        self._replay.settle(self._format.samples(settled_ms))
        yield from self._book.settle(settled_ms)
        yield Deliver(Progress(settled_ms))
        if self._can_change and self._book.owes_nothing and self._plan.any_boundary(now):
            yield from self._change_now(read, now)


def _is(session: Session | None, number: int) -> bool:
    return session is not None and session.number == number


__all__ = ["END", "Input", "Resilience", "ResilienceStats"]
