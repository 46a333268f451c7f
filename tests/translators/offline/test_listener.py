"""Speech becomes utterances at the right places of media time, however the audio was cut."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rawmedia.translators.offline.listener import (
    FRAME_SAMPLES,
    MAX_FILL_SAMPLES,
    MAX_UTTERANCE_SAMPLES,
    PARTIAL_INTERVAL_SAMPLES,
    Listener,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.translators.offline.messages import HeardReport, Report, UtteranceReport

MS = 16
"""Samples per millisecond."""


class LoudnessEndpointer:
    """Decides as PocketSphinx's does, on 14 or 1 of 15 frames, but calls loud what is not zero."""

    def __init__(self) -> None:
        self.in_speech = False
        self.speech_start = self.speech_end = 0.0
        self._queue: deque[tuple[bytes, bool]] = deque()
        self._popped = 0

    def process(self, frame: bytes) -> bytes | None:
        assert len(frame) == 2 * FRAME_SAMPLES
        self._queue.append((frame, any(frame)))
        if len(self._queue) > 15:
            self._pop()
        loud = sum(is_loud for _, is_loud in self._queue)
        if self.in_speech:
            speech = self._pop()
            self.in_speech = loud > 1
            self.speech_end = self._popped * 0.02
            return speech
        if loud < 14:
            return None
        self.in_speech, self.speech_start = True, self._popped * 0.02
        return self._pop()

    def _pop(self) -> bytes:
        self._popped += 1
        return self._queue.popleft()[0]


class DeafEndpointer(LoudnessEndpointer):
    """Hears speech for ever once it has heard any."""

    def process(self, frame: bytes) -> bytes | None:
        speech = super().process(frame)
        self.in_speech = self.in_speech or self.speech_start > 0
        return speech


@dataclass
class Word:
    word: str
    start_frame: int
    end_frame: int


@dataclass
class Said:
    hypstr: str


@dataclass
class LoudnessDecoder:
    """Hears each stretch of equal samples as a word: the number that they are."""

    words_on_final: bool = True
    audio: bytearray = field(default_factory=bytearray)
    over: bool = True

    def start_utt(self) -> None:
        assert self.over
        self.audio.clear()
        self.over = False

    def process_raw(self, data: bytes, no_search: bool, full_utt: bool) -> None:
        assert not self.over
        assert not no_search
        assert not full_utt
        self.audio += data

    def end_utt(self) -> None:
        self.over = True

    def hyp(self) -> Said | None:
        words = " ".join(each.word for each in self._words() if each.word.isdigit())
        return Said(words) if words else None

    def seg(self) -> list[Word] | None:
        return [*self._words()] if self.words_on_final else None

    def _words(self) -> list[Word]:
        samples = np.frombuffer(self.audio, "<i2")
        edges = [0, *(np.flatnonzero(np.diff(samples)) + 1), len(samples)]
        return [
            Word(f"{samples[start]}" if samples[start] else "<sil>", start // 160, end // 160 - 1)
            for start, end in pairwise(edges)
        ]


class WordlessDecoder(LoudnessDecoder):
    """Makes no sense of anything."""

    def _words(self) -> list[Word]:
        return []


class WaveringDecoder(LoudnessDecoder):
    """Takes back what it heard with every look."""

    def hyp(self) -> Said | None:
        return Said(f"{len(self.audio)}")


def utterances(reports: Sequence[Report]) -> list[UtteranceReport]:
    return [cast("UtteranceReport", each) for each in reports if "text" in each]


def finals(reports: Sequence[Report]) -> list[UtteranceReport]:
    return [each for each in utterances(reports) if each["is_final"]]


def heard(reports: Sequence[Report]) -> list[HeardReport]:
    return [cast("HeardReport", each) for each in reports if "settled" in each]


def tone(value: int, samples: int) -> bytes:
    return np.full(samples, value, "<i2").tobytes()


@dataclass
class Scene:
    """Who spoke when: bursts of equal samples, with silence or nothing between them."""

    pieces: list[tuple[int, int, int]] = field(default_factory=list)
    bursts: list[tuple[int, int, int]] = field(default_factory=list)
    end: int = 0

    def listen(self, listener: Listener, cuts: Sequence[int]) -> list[Report]:
        reports: list[Report] = []
        sizes = deque(cuts)
        for start, value, length in self.pieces:
            pcm, at = tone(value, length), 0
            while at < len(pcm):
                sizes.rotate(-1)
                piece = pcm[at : at + 2 * sizes[0]]
                reports += listener.feed(start + at // 2, piece)
                at += len(piece)
        return reports + listener.finish()


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    scene = Scene(end=draw(st.integers(0, 100_000)))
    for value in range(1, draw(st.integers(1, 3)) + 1):
        pause = draw(st.integers(400, 3000)) * MS
        if draw(st.booleans()):
            scene.pieces.append((scene.end, 0, pause))
        scene.end += pause
        length = draw(st.integers(400, 900)) * MS
        scene.bursts.append((value, scene.end, scene.end + length))
        scene.pieces.append((scene.end, value, length))
        scene.end += length
    return scene


cuts = st.lists(st.integers(100, 8000), min_size=1, max_size=5)


@settings(deadline=None)
@given(scene=scenes(), cut=cuts)
def test_every_word_is_reported_where_it_was_said(scene: Scene, cut: list[int]) -> None:
    """After holes that were filled and holes that were jumped over; spans never overlap."""
    told = finals(scene.listen(Listener(LoudnessDecoder(), LoudnessEndpointer()), cut))

    assert [each["text"] for each in told] == [str(value) for value, _, _ in scene.bursts]
    for report, (value, start, end) in zip(told, scene.bursts, strict=True):
        # The endpointer decides on frames of 20 ms, and the last one may be cut.
        assert abs(report["start"] - start) <= 40 * MS
        assert end - 40 * MS <= report["end"] <= end + 300 * MS
        [(word, word_start, word_end)] = report["words"]
        assert word == str(value)
        assert report["start"] <= word_start <= word_end <= report["end"]
        assert abs(word_start - start) <= 40 * MS
    for before, after in pairwise(told):
        assert before["end"] <= after["start"]
    assert all(each["end"] <= scene.end for each in told)


@settings(deadline=None)
@given(scene=scenes(), cut=cuts, other_cut=cuts)
def test_where_the_audio_is_cut_changes_no_utterance(
    scene: Scene, cut: list[int], other_cut: list[int]
) -> None:
    """Carriers cut anywhere; only how far the recogniser says it has listened may differ."""

    def told(cut: list[int]) -> list[tuple[object, ...]]:
        reports = scene.listen(Listener(LoudnessDecoder(), LoudnessEndpointer()), cut)
        return [
            (each["text"], each["start"], each["end"], each["words"])
            for each in utterances(reports)
        ]

    assert told(cut) == told(other_cut)


@settings(deadline=None)
@given(scene=scenes(), cut=cuts)
def test_nothing_is_called_settled_that_is_reported_later(scene: Scene, cut: list[int]) -> None:
    """Whoever drops settled audio must not need it again when the worker dies."""
    reports = scene.listen(Listener(LoudnessDecoder(), LoudnessEndpointer()), cut)

    settled = position = 0
    for report in reports:
        if "settled" in report:
            progress = cast("HeardReport", report)
            assert settled <= progress["settled"] <= progress["heard"]
            assert position <= progress["heard"] <= scene.end
            settled, position = progress["settled"], progress["heard"]
        else:
            assert report["start"] >= settled
    assert position == scene.end


@settings(deadline=None)
@given(waiting=st.integers(1, 2 * FRAME_SAMPLES))
def test_all_but_the_last_part_of_a_frame_is_heard_at_once(waiting: int) -> None:
    """Whoever bounds what is pending counts on it."""
    listener = Listener(LoudnessDecoder(), LoudnessEndpointer())
    [progress] = heard(listener.feed(1000, bytes(2 * waiting)))
    assert progress["heard"] == 1000 + waiting // FRAME_SAMPLES * FRAME_SAMPLES


def test_speech_without_a_pause_is_cut_and_loses_nothing() -> None:
    """Memory and the time of the final decode grow with an utterance, so it has a longest length."""
    length = 2 * MAX_UTTERANCE_SAMPLES + 5000 * MS
    scene = Scene([(0, 7, length)], end=length)
    told = finals(scene.listen(Listener(LoudnessDecoder(), LoudnessEndpointer()), [3200]))

    assert len(told) == 3
    assert all(each["end"] - each["start"] <= MAX_UTTERANCE_SAMPLES for each in told)
    assert told[0]["start"] == 0
    assert [each["end"] for each in told[:-1]] == [each["start"] for each in told[1:]]
    assert told[-1]["end"] == length


@settings(deadline=None)
@given(length=st.integers(400 * MS, 1_200 * MS), cut=cuts)
def test_no_span_ends_past_the_audio_of_a_call_that_is_cut_in_mid_speech(
    length: int, cut: list[int]
) -> None:
    """Silence is put after it, so that the endpointer hears the end; nobody said that."""
    end = 500 * MS + length
    scene = Scene([(0, 0, 500 * MS), (500 * MS, 7, length)], end=end)
    reports = scene.listen(Listener(WaveringDecoder(), DeafEndpointer()), cut)
    assert all(each["end"] <= end for each in utterances(reports))
    assert finals(reports)


def test_partials_come_at_intervals_and_only_when_they_say_something_new() -> None:
    """A reader of captions is helped by changes, not by repetitions."""
    pcm = tone(1, 900 * MS) + tone(2, 900 * MS)
    listener = Listener(LoudnessDecoder(), LoudnessEndpointer())
    partials = [
        each for each in utterances(listener.feed(0, pcm + bytes(len(pcm)))) if not each["is_final"]
    ]

    assert [each["text"] for each in partials] == ["1", "1 2"]
    assert partials[0]["end"] - partials[0]["start"] == PARTIAL_INTERVAL_SAMPLES
    assert (partials[1]["end"] - partials[1]["start"]) % PARTIAL_INTERVAL_SAMPLES == 0
    assert partials[1]["end"] < 900 * MS + 2 * PARTIAL_INTERVAL_SAMPLES


def test_a_partial_that_comes_to_nothing_gets_an_empty_final() -> None:
    """Its reader waits for an end; and what never had a word is not reported at all."""
    listener = Listener(LoudnessDecoder(words_on_final=False), LoudnessEndpointer())
    listener.feed(0, tone(1, 600 * MS))
    [final] = utterances(listener.finish())
    assert (final["text"], final["words"], final["is_final"]) == ("", [], True)

    silent = Listener(WordlessDecoder(), LoudnessEndpointer())
    silent.feed(0, tone(1, 600 * MS))
    assert utterances(silent.finish()) == []


def test_an_endpointer_that_never_lets_go_is_overruled() -> None:
    """At a long hole and at the end nobody speaks, whatever it thinks."""
    listener = Listener(LoudnessDecoder(), DeafEndpointer())
    first = listener.feed(0, bytes(640) + tone(1, 1000 * MS))
    hole = 1020 * MS + 2 * MAX_FILL_SAMPLES
    first += listener.feed(hole, tone(2, 1000 * MS))
    first += listener.finish()

    told = finals(first)
    assert [each["text"] for each in told] == ["1", "2"]
    assert told[0]["end"] == 1020 * MS
    assert told[1]["start"] >= hole - 300 * MS
    assert told[1]["end"] == hole + 1000 * MS


def test_nothing_heard_gives_nothing_but_progress() -> None:
    """A call may be closed before anybody speaks."""
    assert Listener(LoudnessDecoder(), LoudnessEndpointer()).finish() == [
        {"heard": 0, "settled": 0}
    ]


def test_what_is_no_word_is_not_reported() -> None:
    """Silences and noises have names of their own in the decoder, pronunciations a number."""

    class Noisy(LoudnessDecoder):
        def seg(self) -> list[Word]:
            names = ["<s>", "read(2)", "[NOISE]", "++UH++", "it", "</s>"]
            return [Word(name, 10 * at, 10 * at + 9) for at, name in enumerate(names)]

    listener = Listener(Noisy(), LoudnessEndpointer())
    listener.feed(0, tone(1, 600 * MS))
    [final] = finals(listener.finish())
    assert final["text"] == "read it"
    assert [word for word, _, _ in final["words"]] == ["read", "it"]
