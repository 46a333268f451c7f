"""Utterances across sessions: one id and one row of revisions each, whichever session reports them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    TranslatedAudio,
    TranslatorWarning,
    UtteranceEnded,
)
from rawmedia.translators.resilience.decisions import Deliver, Suppress, Warn
from rawmedia.translators.resilience.duplicates import novelty, said_stretch
from rawmedia.translators.resilience.spoken import Spoken
from rawmedia.translators.resilience.steps import ResilienceWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawmedia.audio.timeline import TimeSpan
    from rawmedia.translators.events import WordTiming
    from rawmedia.translators.resilience.decisions import Decision
    from rawmedia.translators.resilience.duplicates import Novelty
    from rawmedia.translators.resilience.steps import ResilienceCode

# An engine that never ends its utterances, or settles nothing, must not make the books grow.
_MAX_OPEN = 256
_MAX_SAID = 256

Report = PartialTranslation | FinalTranslation | TranslatedAudio | UtteranceEnded


@dataclass(slots=True, eq=False)
class _Utterance:
    """An utterance as the reader knows it."""

    id: str
    span: TimeSpan
    session: int
    """The session that reported of it last."""
    revision: int = 0
    final: FinalTranslation | None = None
    said_in: int = 0
    """The session that reported the final text."""
    ended: bool = False
    speech: dict[str, Spoken] = field(default_factory=dict)
    dropped: bool = False
    """Whether the reader was told that speech is missing."""


@dataclass(slots=True, eq=False)
class _Hearing:
    """What an id means in the session that is read now."""

    utterance: _Utterance | None = None
    """None as long as nothing of it was delivered."""
    revision: int = -1
    final: bool = False
    double: bool = False
    """Whether another id of this session has said the same, so that nothing of it is wanted."""


class UtteranceBook:
    """Turns what sessions report, one session after the other, into what one reader may hear.

    An utterance that a session leaves open is the next one's to go on with, under the same
    id: the one whose span meets it. A text that was final is not said again; its speech,
    where some is missing, goes on. What no session comes back to is ended.

    Args:
        speech: Whether speech is expected with every text.
        resume: What becomes of speech that broke off: its rest, or nothing more.
    """

    def __init__(self, *, speech: bool, resume: bool) -> None:
        self._speech = speech
        self._resume = resume
        self._count = 0
        self._session = self._engine = 0
        self._silent_before_ms = 0.0
        self._hearings: dict[str, _Hearing] = {}
        self._open: dict[str, _Utterance] = {}
        self._said: deque[_Utterance] = deque(maxlen=_MAX_SAID)

    @property
    def owes_nothing(self) -> bool:
        """Whether every utterance whose text is final has ended."""
        return all(each.final is None for each in self._open.values())

    @property
    def open_since_ms(self) -> float:
        """Where the oldest open utterance begins; infinite when none is open."""
        return min((each.span.start_ms for each in self._open.values()), default=float("inf"))

    def begin_session(
        self, session: int, engine: int, from_ms: float, silent_before_ms: float = 0.0
    ) -> Iterator[Decision]:
        """Another session is read from now on.

        Args:
            session: Its number, which no earlier one had.
            engine: Which engine it is of.
            from_ms: Where the audio begins that it gets; what was open before is ended.
            silent_before_ms: Utterances that begin earlier must not be spoken any more.
        """
        self._session, self._engine = session, engine
        self._silent_before_ms = silent_before_ms
        self._hearings = {}
        yield from self._end_orphans(from_ms)

    def hear(self, event: Report) -> Iterator[Decision]:
        """What a report of the session that is read now means for the reader."""
        match event:
            case PartialTranslation():
                return self._partial(event)
            case FinalTranslation():
                return self._final(event)
            case TranslatedAudio():
                return self._audio(event)
            case UtteranceEnded():
                return self._ended(event)

    def warn(self, warning: TranslatorWarning) -> Decision:
        """The engine's own warning, with the reader's name of the utterance."""
        hearing = self._hearings.get(warning.utterance_id or "")
        utterance = None if hearing is None else hearing.utterance
        return Deliver(replace(warning, utterance_id=None if utterance is None else utterance.id))

    def settle(self, position_ms: float) -> Iterator[Decision]:
        """Nothing before a position comes any more."""
        yield from self._end_orphans(position_ms)
        while self._said and self._said[0].ended and self._said[0].span.end_ms <= position_ms:
            self._said.popleft()

    def finish(self) -> Iterator[Decision]:
        """Nothing more comes of any session."""
        for utterance in list(self._open.values()):
            yield from self._end(utterance)

    def _partial(self, event: PartialTranslation) -> Iterator[Decision]:
        hearing = self._hearing(event.utterance_id)
        if hearing.final or event.revision < hearing.revision:
            yield Suppress(event, "out of date")
            return
        hearing.revision = event.revision
        if _is_unbound(hearing):
            if self._novelty(event.span, event.words) == "repeated":
                yield Suppress(event, "said before")
                return
            yield from self._bind(hearing, event.span)
        yield self._revised(hearing.utterance, event)

    def _final(self, event: FinalTranslation) -> Iterator[Decision]:
        hearing = self._hearing(event.utterance_id)
        if hearing.final:
            yield Suppress(event, "said before")
            return
        hearing.final = True
        if self._is_double(event):
            hearing.double = True
            yield Suppress(event, "said before")
            if hearing.utterance is not None:
                yield from self._end(hearing.utterance)
            return
        known = self._novelty(event.span, event.words)
        if known == "repeated":
            yield Suppress(event, "said before")
            yield from self._continue(hearing, event)
            return
        if _is_unbound(hearing):
            yield from self._bind(hearing, event.span)
        utterance = hearing.utterance
        assert utterance is not None  # `_bind` has seen to it
        report = self._revised(utterance, event)
        yield report
        assert isinstance(report.event, FinalTranslation)
        utterance.final, utterance.said_in = report.event, self._session
        self._said.append(utterance)
        if known == "partly":
            yield _step("partly_repeated", "a text repeats words that were said before", utterance)

    def _continue(self, hearing: _Hearing, event: FinalTranslation) -> Iterator[Decision]:
        """A final text came again: what it still owes belongs to the utterance that had it."""
        shown, hearing.utterance = hearing.utterance, self._closest(event.span)
        hearing.utterance.session = self._session
        if shown is not None and shown is not hearing.utterance:
            yield from self._end(shown)  # its partials turned out to be of the other
        yield _step("duplicate_dropped", "a text came again and was left out", hearing.utterance)

    def _audio(self, event: TranslatedAudio) -> Iterator[Decision]:
        hearing = self._hearing(event.utterance_id)
        if hearing.double:
            yield Suppress(event, "spoken before")
            return
        if event.span.start_ms < self._silent_before_ms:
            yield Suppress(event, "interrupted")
            return
        if hearing.utterance is None:
            if self._novelty(event.span, ()) == "repeated":
                hearing.utterance = self._closest(event.span)
                hearing.utterance.session = self._session
            else:
                yield from self._bind(hearing, event.span)
        utterance = hearing.utterance
        assert utterance is not None  # one of the two lines above has seen to it
        if utterance.ended:
            yield Suppress(event, "ended before")
            return
        if event.language not in utterance.speech:
            utterance.speech[event.language] = Spoken(resume=self._resume)
        spoken = utterance.speech[event.language]
        turn, frame = spoken.take(event.frame, self._session, self._engine)
        if turn == "resumed":
            text = "speech that broke off goes on where it did"
            yield _step("speech_resumed", text, utterance)
        if frame is None:
            yield Suppress(event, "spoken before")
            if turn == "dropped":
                yield from self._drop_speech(utterance)
            return
        yield Deliver(replace(event, utterance_id=utterance.id, frame=frame))

    def _ended(self, event: UtteranceEnded) -> Iterator[Decision]:
        hearing = self._hearings.pop(event.utterance_id, None)
        if hearing is not None and (hearing.double or hearing.utterance is None):
            yield Suppress(event, "said before")
            return
        if hearing is None:
            hearing = _Hearing()
            yield from self._bind(hearing, event.span)
        utterance = hearing.utterance
        assert utterance is not None  # or one of the two lines above would have left
        if utterance.ended:
            yield Suppress(event, "ended before")
            return
        utterance.ended = True
        self._open.pop(utterance.id, None)
        yield Deliver(replace(event, utterance_id=utterance.id))

    def _hearing(self, name: str) -> _Hearing:
        hearing = self._hearings.get(name)
        if hearing is None:
            hearing = self._hearings[name] = _Hearing()
            if len(self._hearings) > _MAX_OPEN:
                del self._hearings[next(iter(self._hearings))]
        return hearing

    def _bind(self, hearing: _Hearing, span: TimeSpan) -> Iterator[Decision]:
        """Give what is heard an utterance: the open one of an earlier session, or a new one."""
        orphans = [
            each
            for each in self._open.values()
            if each.session != self._session and each.final is None and _meet(each.span, span)
        ]
        if orphans:
            utterance = max(orphans, key=lambda each: each.span.overlap_ms(span))
            utterance.session = self._session
        else:
            self._count += 1
            utterance = _Utterance(f"u{self._count}", span, self._session)
            self._open[utterance.id] = utterance
        hearing.utterance = utterance
        if len(self._open) > _MAX_OPEN:
            yield from self._end(next(iter(self._open.values())))

    def _revised(
        self, utterance: _Utterance | None, event: PartialTranslation | FinalTranslation
    ) -> Deliver:
        assert utterance is not None  # whoever reports text has bound it
        utterance.span = event.span
        revision, utterance.revision = utterance.revision, utterance.revision + 1
        return Deliver(replace(event, utterance_id=utterance.id, revision=revision))

    def _novelty(self, span: TimeSpan, words: tuple[WordTiming, ...]) -> Novelty:
        """Whether earlier sessions have said a stretch; what this one says is never compared."""
        said = [
            said_stretch(each.final)
            for each in self._said
            if each.final is not None and each.said_in != self._session
        ]
        return novelty(span, words, said)

    def _is_double(self, event: FinalTranslation) -> bool:
        """Whether this very session has said this text of this stretch under another id."""
        return event.span.duration_ms > 0 and any(
            each.said_in == self._session
            and each.final is not None
            and each.final.span == event.span
            and each.final.source_text == event.source_text
            for each in self._said
        )

    def _closest(self, span: TimeSpan) -> _Utterance:
        """The utterance of an earlier session that has most of a stretch that was said before."""
        earlier = [each for each in self._said if each.said_in != self._session]
        return max(earlier, key=lambda each: each.span.overlap_ms(span))

    def _end_orphans(self, position_ms: float) -> Iterator[Decision]:
        for utterance in list(self._open.values()):
            if utterance.session != self._session and utterance.span.end_ms <= position_ms:
                yield from self._end(utterance)

    def _end(self, utterance: _Utterance) -> Iterator[Decision]:
        """End an utterance that no session comes back to."""
        if utterance.ended:
            return
        owed = utterance.speech or (self._speech and utterance.final is not None)
        if owed and utterance.session != self._session:
            yield from self._drop_speech(utterance)
        utterance.ended = True
        del self._open[utterance.id]
        yield Deliver(UtteranceEnded(utterance.id, utterance.span))

    def _drop_speech(self, utterance: _Utterance) -> Iterator[Decision]:
        if not utterance.dropped:
            utterance.dropped = True
            text = "speech that broke off, or had not begun, will not come"
            yield _step("speech_dropped", text, utterance)


def _step(code: ResilienceCode, text: str, utterance: _Utterance) -> Warn:
    return Warn(ResilienceWarning(text, utterance.id, code=code))


def _is_unbound(hearing: _Hearing) -> bool:
    """Whether what is heard has no utterance, or one that had to be ended before its time."""
    return hearing.utterance is None or hearing.utterance.ended


def _meet(one: TimeSpan, other: TimeSpan) -> bool:
    return one.start_ms <= other.end_ms and other.start_ms <= one.end_ms


__all__ = ["UtteranceBook"]
