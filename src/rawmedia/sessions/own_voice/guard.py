"""Keeping a translator from translating itself: by sound where a leg sends back what was played, and by text."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from rawmedia.audio.echo.figures import EchoFigures
from rawmedia.audio.echo.guard import EchoGuard
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import StreamError
from rawmedia.sessions.events import UtteranceHeard, UtteranceStarted
from rawmedia.sessions.own_voice.words import OwnWords

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.streams.outbound import OutboundAudioStream
    from rawmedia.streams.reader import AudioReader

# Utterances that are being heard at once; of more, the oldest are taken to be over.
_MAX_SPEAKING = 16
# As much as the guard remembers of what was played.
_TAP_MS = 5_000.0


class OwnVoice:
    """What is played on a leg, to be known again in what comes in on it. For one event loop.

    Args:
        heard: The format of what comes in; the sound is looked for in mono of 8000 Hz and more,
            and in anything else only the words are.
        outbound: What is played.
    """

    def __init__(self, heard: AudioFormat, outbound: OutboundAudioStream) -> None:
        self._guard: EchoGuard | None = None
        if heard.num_channels == 1 and heard.sample_rate >= 8_000:
            self._guard = EchoGuard(heard, played_format=outbound.format)
        self._outbound = outbound
        self._tap: AudioReader | None = None
        self._words = OwnWords()
        self._speaking: dict[str, tuple[str, float]] = {}

    @property
    def figures(self) -> EchoFigures:
        """What was found and done."""
        figures = EchoFigures() if self._guard is None else self._guard.figures
        return replace(figures, utterances=self._words.dropped)

    def clean(self, frame: AudioFrame) -> Sequence[AudioFrame]:
        """What came in, for the engine: without what was played."""
        guard = self._guard
        if guard is None:
            return (frame,)
        if self._tap is None:
            self._tap = self._outbound.tap(_TAP_MS)
        with contextlib.suppress(StreamError):  # nothing is played any more
            for played in self._tap.recv_ready():
                guard.played(played)
        return guard.heard(frame)

    def flush(self) -> Sequence[AudioFrame]:
        """What is held back, when nothing more comes in."""
        return () if self._guard is None else self._guard.flush()

    def tell(self, event: SessionEvent, now: float, speaker: str = "") -> None:
        """Something happened in what is played on the leg, of whichever speaker."""
        if isinstance(event, UtteranceStarted):
            self._speaking[f"{speaker} {event.utterance_id}"] = (event.text, now)
            if len(self._speaking) > _MAX_SPEAKING:
                del self._speaking[next(iter(self._speaking))]
        elif isinstance(event, UtteranceHeard) and event.spoken:
            _, start = self._speaking.pop(f"{speaker} {event.utterance_id}", ("", now))
            self._words.said(event.text, _span(start, now))

    def is_own(self, text: str, start: float, end: float, now: float) -> bool:
        """Whether what the engine understood is what was played.

        Args:
            text: What it understood.
            start: When that was said, in seconds on the clock.
            end: Until when.
            now: The time.
        """
        for said, began in self._speaking.values():
            self._words.said(said, _span(began, now))
        return self._words.judge(text, _span(start, end)).own

    def close(self) -> None:
        """Read no more of what is played. Twice is harmless."""
        if self._tap is not None:
            self._tap.close()


def _span(start: float, end: float) -> TimeSpan:
    return TimeSpan(max(0.0, start) * 1000, max(0.0, start, end) * 1000)


__all__ = ["OwnVoice"]
