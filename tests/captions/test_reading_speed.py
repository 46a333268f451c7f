"""Whether captions stay long enough to be read."""

from __future__ import annotations

import io
import itertools

import pytest
from caption_grammar import parse_srt
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.captions import Cue, CueExtender, SrtWriter, WebVttWriter, reading_ms
from rawmedia.errors import ConfigurationError, FileWriteError

CUES = st.lists(
    st.builds(
        lambda start, length, words: Cue(start, start + length, "word " * words),
        st.integers(0, 20_000),
        st.integers(0, 3_000),
        st.integers(1, 30),
    ),
    max_size=8,
)


class Kept:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.cues: list[Cue] = []

    def write(self, cue: Cue, /) -> None:
        self.cues.append(cue)


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("x" * 34, 2_000),
        ("我" * 17, 2_000),
        ("e\u0301" * 34, 2_000),
        ("a\nb", 5_000 / 6),
        ("", 0),
        (" \0\n", 0),
    ],
)
def test_reading_time_by_hand(text: str, expected_ms: float) -> None:
    """17 columns a second; Chinese takes two columns, an accent none."""
    assert reading_ms(text) == pytest.approx(expected_ms)


def test_a_cue_that_is_too_fast_is_counted() -> None:
    """Whoever reads the figure knows that the captions can't be followed."""
    writer = SrtWriter(io.StringIO())
    writer.write(Cue(0, 1_999, "x" * 34))
    assert writer.too_fast == 0  # within the rounding
    writer.write(Cue(3_000, 4_900, "x" * 34, speaker="Ann"))
    writer.write(Cue(5_000, 7_000, "x" * 34, speaker="Ann Lee of the north"))
    writer.write(Cue(8_000, 8_000, "\0"))
    assert (writer.too_fast, writer.skipped) == (1, 1)

    slow = WebVttWriter(io.StringIO(), max_characters_per_second=10)
    slow.write(Cue(0, 2_000, "x" * 34))
    assert slow.too_fast == 1


def test_of_two_languages_the_longer_one_is_counted() -> None:
    """Nobody reads both, but either may be the one."""
    cue = Cue(0, 1_000, "short", "es", source_text="x" * 34, source_language="en")
    for bilingual in (False, True):
        writer = SrtWriter(io.StringIO(), bilingual=bilingual)
        writer.write(cue)
        assert writer.too_fast == bilingual


@given(cues=CUES)
def test_cues_are_extended_into_free_time_only(cues: list[Cue]) -> None:
    """Never into the next cue, never beyond what it takes to read, and never shortened."""
    sink = Kept()
    with CueExtender(sink) as extender:
        for cue in cues:
            extender.write(cue)
    extender.close()

    assert [(cue.start_ms, cue.text) for cue in sink.cues] == [
        (cue.start_ms, cue.text) for cue in cues
    ]
    changed = 0
    for (before, after), following in itertools.zip_longest(
        list(zip(cues, sink.cues, strict=True)), cues[1:]
    ):
        wanted_ms = max(before.end_ms, before.start_ms + reading_ms(before.text))
        free_ms = wanted_ms if following is None else following.start_ms
        assert after.end_ms == max(before.end_ms, min(wanted_ms, free_ms))
        changed += after.end_ms != before.end_ms
    assert extender.extended == changed


def test_what_had_time_enough_is_not_too_fast() -> None:
    """The two agree on what can be read, down to the rounding, with the speaker's name or without."""
    stream = io.StringIO()
    writer = SrtWriter(stream, bilingual=True)
    with CueExtender(writer, bilingual=True) as cues:
        cues.write(Cue(0.4, 100, "word " * 30, speaker="Ann"))
        cues.write(Cue(60_000, 60_100, "no", "es", source_text="x" * 77, source_language="en"))
    assert (writer.too_fast, cues.extended) == (0, 2)
    assert parse_srt(stream.getvalue())[-1].end_ms == round(60_000 + 77_000 / 17)


def test_a_live_cue_is_held_no_longer_than_it_takes_to_read() -> None:
    """A call may be silent for an hour; its last caption must not wait that long."""
    sink = Kept()
    extender = CueExtender(sink)
    extender.write(Cue(1_000, 1_500, "x" * 34))
    extender.advance(2_999)
    assert sink.cues == []
    extender.advance(3_000)
    assert [cue.end_ms for cue in sink.cues] == [3_000]
    extender.advance(9_000)
    extender.close()
    assert len(sink.cues) == 1


def test_an_error_of_the_sink_loses_only_the_cue_that_it_is_about() -> None:
    """A disk that is full for a moment; the cue after it is still held."""

    class Failing(Kept):
        def write(self, cue: Cue, /) -> None:
            if cue.text == "bad":
                raise FileWriteError("x.srt", "full")
            super().write(cue)

    sink = Failing()
    extender = CueExtender(sink)
    extender.write(Cue(0, 1, "bad"))
    with pytest.raises(FileWriteError):
        extender.write(Cue(2_000, 2_001, "good"))
    extender.close()
    assert [cue.text for cue in sink.cues] == ["good"]


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_speed_that_cannot_be_is_refused(speed: float) -> None:
    """At no characters a second a cue would stay for ever."""
    with pytest.raises(ConfigurationError, match="max_characters_per_second"):
        CueExtender(Kept(), max_characters_per_second=speed)
    with pytest.raises(ConfigurationError, match="max_characters_per_second"):
        SrtWriter(io.StringIO(), max_characters_per_second=speed)
