"""From 16 kHz audio to utterances: PocketSphinx's endpointer and decoder in media time. Never waits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawmedia.translators.offline.messages import Report

SAMPLE_RATE = 16_000
FRAME_SAMPLES = 320
"""20 ms: what the endpointer is made for here and takes, no more and no less."""
WINDOW_S, RATIO = 0.3, 0.9
"""The endpointer decides when 90 % of the last 300 ms are speech, or are not."""
PARTIAL_INTERVAL_SAMPLES = SAMPLE_RATE // 5
"""Speech between two looks at what it sounds like so far."""
MAX_UTTERANCE_SAMPLES = 20 * SAMPLE_RATE
"""Speech without a pause is cut here: the final decode takes time by length, and memory too."""
MAX_FILL_SAMPLES = SAMPLE_RATE
"""A hole up to this long is filled with silence; a longer one is jumped over."""
CLOSING_SAMPLES = SAMPLE_RATE // 2
"""Silence that surely ends an utterance, being longer than the endpointer's window."""

_WINDOW_SAMPLES = round(WINDOW_S * SAMPLE_RATE)
_DECODER_FRAME_SAMPLES = SAMPLE_RATE // 100
# How PocketSphinx writes what is not a word ("<sil>", "[NOISE]", "++UH++") and which
# pronunciation of a word it heard ("read(2)").
_NO_WORD = re.compile(r"<.*>|\[.*\]|\+\+.*\+\+")
_ALTERNATIVE = re.compile(r"\(\d+\)$")


class Segment(Protocol):
    """A word of the decoder's, times in frames of 10 ms since its utterance began."""

    @property
    def word(self) -> str:
        """As in its dictionary."""
        ...

    @property
    def start_frame(self) -> int:
        """The first frame."""
        ...

    @property
    def end_frame(self) -> int:
        """The last frame."""
        ...


class Hypothesis(Protocol):
    """What the decoder heard."""

    @property
    def hypstr(self) -> str:
        """Words with a space between."""
        ...


class Decoder(Protocol):
    """What is used of ``pocketsphinx.Decoder``."""

    def start_utt(self) -> None:
        """Begin an utterance."""
        ...

    def process_raw(self, data: bytes, no_search: bool, full_utt: bool) -> object:  # noqa: FBT001
        """Take audio of it."""
        ...

    def end_utt(self) -> None:
        """Decide on it."""
        ...

    def hyp(self) -> Hypothesis | None:
        """The text so far, if any."""
        ...

    def seg(self) -> Iterable[Segment] | None:
        """The words so far, if any."""
        ...


class Endpointer(Protocol):
    """What is used of ``pocketsphinx.Endpointer``; times are seconds of the audio that it was given."""

    @property
    def in_speech(self) -> bool:
        """Whether speech goes on after what ``process`` gave."""
        ...

    @property
    def speech_start(self) -> float:
        """Where the speech in progress began."""
        ...

    @property
    def speech_end(self) -> float:
        """Where the last speech ended."""
        ...

    def process(self, frame: bytes) -> bytes | None:
        """Take 20 ms, give back 20 ms of speech from up to a window ago, or None."""
        ...


class Listener:
    """One speaker's audio in, reports out.

    All positions inside are samples of media time. The endpointer counts the samples it was
    given, so ``_origin`` says at which media time its count began; a hole that is jumped
    over moves it.
    """

    def __init__(self, decoder: Decoder, endpointer: Endpointer) -> None:
        self._decoder = decoder
        self._endpointer = endpointer
        self._waiting = bytearray()  # less than a frame
        self._origin: int | None = None
        self._given = 0  # samples that the endpointer was given
        self._end = 0  # where the audio that came so far ends
        self._start: int | None = None  # of the utterance in progress
        self._spoken = 0  # samples of the utterance that the decoder has
        self._next_partial = 0
        self._partial = ""
        self._last_end = 0  # of the last utterance
        self._settled = 0
        self._reports: list[Report] = []

    def feed(self, position: int, pcm: bytes) -> list[Report]:
        """Take the audio at ``position``; a position ahead of the last end is silence."""
        if self._origin is None:
            self._origin = self._end = self._last_end = self._settled = position
        gap = position - self._end
        if gap > MAX_FILL_SAMPLES:
            self._jump(position)
        else:
            self._take(bytes(2 * gap))
        self._end = position + len(pcm) // 2
        self._take(pcm)
        return self._told()

    def finish(self) -> list[Report]:
        """There is no more audio: decide on what is left."""
        self._close_utterance()
        return self._told()

    def _jump(self, position: int) -> None:
        """Pass over a long hole, from one whole frame to the next."""
        self._close_utterance()
        assert self._origin is not None
        self._origin = position - self._given
        self._end = position

    def _close_utterance(self) -> None:
        """Give the endpointer silence until it has heard the end, and whole frames of it."""
        samples = len(self._waiting) // 2 + CLOSING_SAMPLES
        self._take(bytes(2 * (CLOSING_SAMPLES + -samples % FRAME_SAMPLES)))
        if self._start is not None:  # the silence convinced it of nothing
            self._finish_utterance(self._start + self._spoken)

    def _take(self, pcm: bytes) -> None:
        self._waiting += pcm
        size = 2 * FRAME_SAMPLES
        whole = len(self._waiting) // size * size
        for at in range(0, whole, size):
            self._frame(bytes(self._waiting[at : at + size]))
        del self._waiting[:whole]

    def _frame(self, frame: bytes) -> None:
        speech = self._endpointer.process(frame)
        self._given += FRAME_SAMPLES
        if speech is None:
            return
        if self._start is None:
            # Not before the last end: speech that was cut for its length goes on there.
            self._start = max(self._last_end, self._media(self._endpointer.speech_start))
            self._spoken, self._next_partial, self._partial = 0, PARTIAL_INTERVAL_SAMPLES, ""
            self._decoder.start_utt()
        self._decoder.process_raw(speech, False, False)  # noqa: FBT003 - takes them in C
        self._spoken += len(speech) // 2
        if not self._endpointer.in_speech:
            self._finish_utterance(self._media(self._endpointer.speech_end))
        elif self._spoken >= MAX_UTTERANCE_SAMPLES:
            self._finish_utterance(self._start + self._spoken)
        elif self._spoken >= self._next_partial:
            self._next_partial += PARTIAL_INTERVAL_SAMPLES
            self._look()

    def _look(self) -> None:
        """Report what the utterance sounds like so far, if that is new."""
        assert self._start is not None
        hypothesis = self._decoder.hyp()
        text = hypothesis.hypstr if hypothesis else ""
        if text and text != self._partial:
            self._partial = text
            # Silence that was put after the last audio is no part of it.
            end = max(self._start, min(self._start + self._spoken, self._end))
            self._report(text, self._start, end)

    def _finish_utterance(self, end: int) -> None:
        assert self._start is not None
        start, self._start = self._start, None
        # Silence that was put after the last audio is no part of it.
        end = max(start, min(end, self._end))
        self._decoder.end_utt()
        words = list(self._words(start, end))
        if words or self._partial:
            text = " ".join(word for word, _, _ in words)
            self._report(text, start, end, words)
        self._last_end = end

    def _words(self, start: int, end: int) -> Iterable[tuple[str, int, int]]:
        for segment in self._decoder.seg() or ():
            if not _NO_WORD.fullmatch(segment.word):
                first = min(start + segment.start_frame * _DECODER_FRAME_SAMPLES, end)
                last = min(start + (segment.end_frame + 1) * _DECODER_FRAME_SAMPLES, end)
                yield _ALTERNATIVE.sub("", segment.word), first, last

    def _report(
        self, text: str, start: int, end: int, words: list[tuple[str, int, int]] | None = None
    ) -> None:
        """Report a partial, or with ``words`` a final."""
        self._reports.append(
            {
                "text": text,
                "start": start,
                "end": end,
                "is_final": words is not None,
                "words": words or [],
                "heard": self._heard,
            }
        )

    def _told(self) -> list[Report]:
        if self._start is not None:
            settled = self._start
        else:
            # Speech that the endpointer will find may have begun a window ago.
            settled = max(self._last_end, self._heard - _WINDOW_SAMPLES)
        self._settled = max(self._settled, min(settled, self._heard))
        reports, self._reports = self._reports, []
        return [*reports, {"heard": self._heard, "settled": self._settled}]

    @property
    def _heard(self) -> int:
        """Up to where the audio is processed."""
        return min(self._end, (self._origin or 0) + self._given)

    def _media(self, endpointer_s: float) -> int:
        return (self._origin or 0) + round(endpointer_s * SAMPLE_RATE)


__all__ = ["FRAME_SAMPLES", "RATIO", "SAMPLE_RATE", "WINDOW_S", "Listener"]
