"""The books of a session: what was said, translated and heard, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.sessions.metrics import Hearing, SpeechLog, Utterance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawmedia.audio.frame import AudioFrame
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
        max_utterances: How many utterances are kept.
    """

    def __init__(self, origin: float, max_utterances: int = MAX_UTTERANCES) -> None:
        self._origin = origin
        self._max_utterances = max_utterances
        self._speech = SpeechLog()
        self._utterances: dict[str, Utterance] = {}
        self.source_ms = 0.0
        """How far the source has been heard, in its media time."""
        self.forgotten = 0
        """Utterances that were left out of the books because there were too many."""

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self._utterances.values())

    def unended(self) -> list[Utterance]:
        """The utterances of which the engine has not reported all."""
        return [utterance for utterance in self if not utterance.ended]

    def arrived(self, frame: AudioFrame, now: float) -> None:
        """Source audio is there."""
        self.source_ms = frame.end_ms
        self._speech.arrived(frame, now)

    def session_ms(self, now: float) -> float:
        """Milliseconds since the session began."""
        return max(0.0, (now - self._origin) * 1000)

    def final(self, event: FinalTranslation) -> None:
        """What an utterance says is settled, and where in the source it was said."""
        utterance = self._open(event.utterance_id, event.span)
        utterance.final, utterance.span = event, event.span

    def spoken(self, event: TranslatedAudio) -> None:
        """A piece of speech was made."""
        hearings = self._open(event.utterance_id, event.span).hearings
        hearings.setdefault(event.language, Hearing()).spoken_ms += event.frame.duration_ms

    def ended(self, utterance_id: str) -> None:
        """The engine has reported all of the utterance."""
        utterance = self._utterances.get(utterance_id)
        if utterance is not None:
            utterance.ended = True

    def text(self, utterance_id: str, language: str) -> str:
        """The final text in a language; empty where there is none."""
        utterance = self._utterances.get(utterance_id)
        final = utterance.final if utterance is not None else None
        return final.translations.get(language, "") if final is not None else ""

    def is_spoken(self, utterance_id: str, language: str) -> bool:
        """Whether there is speech of the utterance."""
        utterance = self._utterances.get(utterance_id)
        return utterance is not None and language in utterance.hearings

    def heard_from(self, utterance_id: str, language: str, now: float) -> Hearing:
        """A listener begins to hear the utterance."""
        utterance, hearing = self._hearing(utterance_id, language)
        if hearing.start_ms is None:
            hearing.start_ms = self.session_ms(now)
            hearing.ear_voice_span_ms = self._since_said(utterance, now, at_start=True)
        return hearing

    def heard_until(self, utterance_id: str, language: str, now: float, *, cut: bool) -> Hearing:
        """A listener has heard all that he will hear of it."""
        utterance, hearing = self._hearing(utterance_id, language)
        hearing.end_ms = self.session_ms(now)
        hearing.cut = hearing.cut or cut
        hearing.end_offset_ms = self._since_said(utterance, now, at_start=False)
        return hearing

    def _since_said(
        self, utterance: Utterance | None, now: float, *, at_start: bool
    ) -> float | None:
        if utterance is None:
            return None
        said = self._speech.said(utterance.span.start_ms if at_start else utterance.span.end_ms)
        return None if said is None else (now - said) * 1000

    def _hearing(self, utterance_id: str, language: str) -> tuple[Utterance | None, Hearing]:
        """Of a forgotten utterance it is one that no book holds."""
        utterance = self._utterances.get(utterance_id)
        if utterance is None:
            return None, Hearing()
        return utterance, utterance.hearings.setdefault(language, Hearing())

    def _open(self, utterance_id: str, span: TimeSpan) -> Utterance:
        utterance = self._utterances.get(utterance_id)
        if utterance is None:
            if len(self._utterances) >= self._max_utterances:
                del self._utterances[next(iter(self._utterances))]
                self.forgotten += 1
            utterance = self._utterances[utterance_id] = Utterance(utterance_id, span)
        return utterance


__all__ = ["MAX_UTTERANCES", "Ledger"]
