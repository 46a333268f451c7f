"""The books of a session: what was said, translated and heard, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.sessions.metrics import ArrivalLog, Hearing, Utterance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawmedia.audio.timeline import TimeSpan
    from rawmedia.translators.events import FinalTranslation, TranslatedAudio

MAX_UTTERANCES = 20_000
"""How many utterances are kept, a day of talk; beyond, the oldest go and are counted."""


class Ledger:
    """Follows every utterance from its source to the ear. For one event loop.

    Times that it is given are seconds on the session's clock; what it gives out is
    milliseconds since the session began.

    Args:
        origin: When the session began.
    """

    def __init__(self, origin: float) -> None:
        self._origin = origin
        self._arrivals = ArrivalLog()
        self._utterances: dict[str, Utterance] = {}
        self.source_ms = 0.0
        """How far the source has been heard, in its media time."""
        self.partials = 0
        """How many partials came."""
        self.forgotten = 0
        """Utterances that were left out of the books because there were too many."""

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self._utterances.values())

    def arrived(self, end_ms: float, now: float) -> None:
        """Source audio up to ``end_ms`` is there."""
        self.source_ms = end_ms
        self._arrivals.note(end_ms, now)

    def session_ms(self, now: float) -> float:
        """Milliseconds since the session began."""
        return max(0.0, (now - self._origin) * 1000)

    def final(self, event: FinalTranslation) -> None:
        """What an utterance says is settled."""
        self._utterance(event.utterance_id, event.span).final = event

    def spoken(self, event: TranslatedAudio) -> None:
        """A piece of speech was made."""
        hearings = self._utterance(event.utterance_id, event.span).hearings
        hearings.setdefault(event.language, Hearing()).spoken_ms += event.frame.duration_ms

    def text(self, utterance_id: str, language: str) -> str:
        """The final text in a language; empty where there is none."""
        utterance = self._utterances.get(utterance_id)
        final = utterance.final if utterance is not None else None
        return final.translations.get(language, "") if final is not None else ""

    def hearing(self, utterance_id: str, language: str) -> Hearing | None:
        """How the utterance is heard; None where nothing of it is spoken."""
        utterance = self._utterances.get(utterance_id)
        return utterance.hearings.get(language) if utterance is not None else None

    def started(self, utterance_id: str, language: str, now: float) -> Hearing | None:
        """A listener begins to hear the utterance."""
        utterance = self._utterances.get(utterance_id)
        hearing = self.hearing(utterance_id, language)
        if utterance is not None and hearing is not None:
            hearing.start_ms = self.session_ms(now)
            hearing.ear_voice_span_ms = self._since_said(utterance.span.start_ms, now)
        return hearing

    def ended(self, utterance_id: str, language: str, now: float, *, cut: bool) -> Hearing | None:
        """A listener has heard all that he will hear of it."""
        utterance = self._utterances.get(utterance_id)
        hearing = self.hearing(utterance_id, language)
        if utterance is not None and hearing is not None:
            hearing.end_ms = self.session_ms(now)
            hearing.cut = cut
            hearing.end_offset_ms = self._since_said(utterance.span.end_ms, now)
        return hearing

    def _since_said(self, media_ms: float, now: float) -> float | None:
        said = self._arrivals.arrived(media_ms)
        return None if said is None else (now - said) * 1000

    def _utterance(self, utterance_id: str, span: TimeSpan) -> Utterance:
        utterance = self._utterances.get(utterance_id)
        if utterance is None:
            if len(self._utterances) == MAX_UTTERANCES:
                del self._utterances[next(iter(self._utterances))]
                self.forgotten += 1
            utterance = self._utterances[utterance_id] = Utterance(utterance_id, span)
        return utterance


__all__ = ["MAX_UTTERANCES", "Ledger"]
