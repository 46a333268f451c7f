"""How late a translation is: what is heard or read of it, against when its source was said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.sessions.metrics.lagging import laal_ms, spoken_delays_ms
from rawmedia.sessions.metrics.revisions import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.sessions.metrics.utterance import Hearing, SpeechLog, Utterance

MAX_AHEAD_MS = 1_000.0
"""How far beyond what it was given an engine may place the end of an utterance, by its own delay."""


class Delays:
    """Delays in milliseconds, each None where it is not known when the source was said.

    Args:
        speech: When that was.
    """

    def __init__(self, speech: SpeechLog) -> None:
        self._speech = speech

    def said(self, media_ms: float) -> float | None:
        """When a place of the source was said, in seconds; None where that is beyond all that was heard."""
        if media_ms > self._speech.source_ms + MAX_AHEAD_MS:
            return None
        return self._speech.said(media_ms)

    def place_start(self, utterance: Utterance, hearing: Hearing) -> None:
        """Note how late the beginning was heard, by what is known of the source now."""
        if hearing.started_s is not None:
            start_s = hearing.started_s
            words = utterance.words or utterance.span
            hearing.ear_voice_span_ms = self._since_said(words.start_ms, start_s)
            hearing.start_offset_ms = self._since_said(utterance.span.start_ms, start_s)

    def place_end(self, utterance: Utterance, hearing: Hearing, now: float, text: str) -> None:
        """Note how late the end was heard, now, and how late the whole of the text."""
        hearing.end_offset_ms = self._since_said(utterance.span.end_ms, now)
        if hearing.started_s is not None:
            hearing.laal_ms = self._spoken_laal_ms(utterance, hearing, hearing.started_s, now, text)

    def written_laal_ms(self, utterance: Utterance, since_s: Sequence[float]) -> float | None:
        """How a text lags whose words came to stay at these times."""
        source = utterance.words or utterance.span
        said = self.said(source.start_ms)
        if said is None:
            return None
        return laal_ms([(since - said) * 1000 for since in since_s], source.duration_ms)

    def _spoken_laal_ms(
        self, utterance: Utterance, hearing: Hearing, start_s: float, end_s: float, text: str
    ) -> float | None:
        source = utterance.words or utterance.span
        said = self.said(source.start_ms)
        if hearing.cut or said is None:
            return None
        words = len(words_of(text))
        delays_ms = spoken_delays_ms((start_s - said) * 1000, (end_s - said) * 1000, words)
        return laal_ms(delays_ms, source.duration_ms)

    def _since_said(self, media_ms: float, now: float) -> float | None:
        said = self.said(media_ms)
        return None if said is None else (now - said) * 1000


__all__ = ["MAX_AHEAD_MS", "Delays"]
