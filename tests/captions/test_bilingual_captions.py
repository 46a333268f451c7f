"""Two languages in one cue, or in two tracks."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from caption_grammar import parse_srt, parse_webvtt
from caption_texts import ANY_TEXT, without_blanks
from hypothesis import given, settings
from hypothesis import strategies as st

from rawmedia.captions import Cue, SrtWriter, WebVttWriter, open_captions
from rawmedia.captions.layout import width
from rawmedia.captions.passage import Passage, divided
from rawmedia.captions.writer import MAX_COLUMNS, MAX_LINES

if TYPE_CHECKING:
    from pathlib import Path

CUE = Cue(
    0, 9_000, "Hola & adiós", "es", "Ann", source_text="Hello <and> bye", source_language="en"
)


def test_webvtt_marks_both_languages() -> None:
    """A screen reader changes its voice with the language."""
    stream = io.StringIO()
    with WebVttWriter(stream, language="es", bilingual=True) as writer:
        writer.write(CUE)
    [cue] = parse_webvtt(stream.getvalue())
    assert cue.voice == "Ann"
    assert cue.passages == [("es", ["Hola & adiós"]), ("en", ["Hello <and> bye"])]


def test_srt_marks_both_languages_in_the_text() -> None:
    """It has no other place for them; the speaker is named once."""
    stream = io.StringIO()
    with SrtWriter(stream, bilingual=True) as writer:
        writer.write(CUE)
        writer.write(Cue(9_000, 9_001, "Sí", source_text="Yes"))
        writer.write(Cue(9_001, 9_002, "", "es", "Bob", "Yes", "en"))
        writer.write(Cue(9_002, 9_003, "--", "-->", "--", "\0--\0>", " "))
    assert [cue.lines for cue in parse_srt(stream.getvalue())] == [
        ["Ann: [es] Hola & adiós", "[en] Hello <and> bye"],
        ["Sí", "Yes"],
        ["Bob: [en] Yes"],
        ["--: [→] --", "→"],
    ]


@pytest.mark.parametrize("writer_class", [WebVttWriter, SrtWriter])
def test_one_language_is_the_rule(writer_class: type[WebVttWriter | SrtWriter]) -> None:
    """A cue that knows its source is written without it, unless both are asked for."""
    one, other = io.StringIO(), io.StringIO()
    writer_class(one).write(CUE)
    writer_class(other).write(Cue(0, 9_000, "Hola & adiós", "es", "Ann"))
    assert one.getvalue() == other.getvalue()


def test_two_tracks_hold_one_language_each() -> None:
    """For players that let their user choose."""
    assert CUE.original == Cue(0, 9_000, "Hello <and> bye", "en", "Ann")
    assert Cue(0, 1, "Hola").original is None


@settings(max_examples=60)
@given(
    text=ANY_TEXT,
    source=ANY_TEXT,
    language=st.sampled_from([None, "es", "<x>", " ", "-->"]),
    speaker=st.one_of(st.none(), ANY_TEXT),
)
def test_any_two_texts_make_a_valid_file_that_says_both(
    text: str, source: str, language: str | None, speaker: str | None
) -> None:
    """Line limits hold for each language, and no cue shows nothing."""
    cue = Cue(0, 10_000, text, language, speaker, source, "en")
    for writer_class, parse in ((WebVttWriter, parse_webvtt), (SrtWriter, parse_srt)):
        stream = io.StringIO()
        with writer_class(stream, bilingual=True) as writer:
            writer.write(cue)
        parts = parse(stream.getvalue())
        assert len(parts) == writer.written
        assert bool(parts) == bool(without_blanks(text + source))
        for part in parts:
            assert 1 <= len(part.lines) <= 2 * MAX_LINES
            assert all(width(line) <= MAX_COLUMNS for line in part.lines)
        if writer_class is WebVttWriter:
            for part in parts:
                assert all(len(lines) <= MAX_LINES for _, lines in part.passages)


@given(first=st.integers(1, 20), second=st.integers(1, 20), max_lines=st.integers(1, 4))
def test_both_languages_are_shown_from_the_first_part_to_the_last(
    first: int, second: int, max_lines: int
) -> None:
    """All of both, in order; a short text stays while a long one goes on."""
    passages = [
        Passage(tuple(f"{language}{i}" for i in range(count)), language)
        for language, count in (("a", first), ("b", second))
    ]
    parts = divided(passages, max_lines)

    assert len(parts) == -(-max(first, second) // max_lines)
    for index, passage in enumerate(passages):
        lines = [part[index].lines for part in parts]
        assert all(1 <= len(each) <= max_lines for each in lines)
        flat = [line for each in lines for line in each]
        assert sorted(flat, key=passage.lines.index) == flat
        assert list(dict.fromkeys(flat)) == list(passage.lines)


def test_a_file_can_be_asked_for_by_name(tmp_path: Path) -> None:
    """Either format."""
    for suffix in (".vtt", ".srt"):
        path = tmp_path / f"out{suffix}"
        with open_captions(path, bilingual=True) as captions:
            captions.write(CUE)
        assert "Hello" in path.read_text("utf-8")
