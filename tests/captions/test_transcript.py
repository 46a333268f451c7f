"""Transcripts: whole at every moment, read back as they were written, readable by people."""

from __future__ import annotations

import contextlib
import io
import json
import resource
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from caption_texts import ANY_TEXT
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rawmedia.audio.timeline import TimeSpan
from rawmedia.captions import (
    JsonLinesTranscript,
    MarkdownTranscript,
    TranscriptEntry,
    open_transcript,
    read_transcript,
)
from rawmedia.captions.layout import one_line
from rawmedia.errors import (
    ConfigurationError,
    FileWriteError,
    StreamClosedError,
    UnreadableFileError,
)
from rawmedia.translators.events import FinalTranslation, WordTiming

if TYPE_CHECKING:
    from collections.abc import Iterator

ENTRIES = st.lists(
    st.builds(
        TranscriptEntry,
        id=ANY_TEXT,
        speaker=st.one_of(st.none(), ANY_TEXT),
        start_ms=st.floats(0, 1e9),
        end_ms=st.floats(0, 1e9),
        source_language=st.sampled_from(["en", "", "zh-Hans"]),
        source_text=ANY_TEXT,
        translations=st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=2),
        said_at=st.one_of(st.none(), st.datetimes(timezones=st.just(UTC))),
    ),
    max_size=4,
)
FINAL = FinalTranslation(
    "u0",
    3,
    "good morning widget",
    "en",
    TimeSpan(100, 900),
    {"es": "buenos días widget", "fr": "bonjour"},
    (WordTiming("good", TimeSpan(100, 300)), WordTiming("morning", TimeSpan(300, 600))),
    ("widget",),
)


def test_an_entry_says_all_that_the_final_says() -> None:
    """The line of the file, as its readers count on it."""
    stream = io.StringIO()
    said_at = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    JsonLinesTranscript(stream).write(TranscriptEntry.of(FINAL, speaker="Ann", said_at=said_at))

    assert stream.getvalue().endswith("}\n")
    assert json.loads(stream.getvalue()) == {
        "schema_version": 1,
        "id": "u0",
        "speaker": "Ann",
        "start_ms": 100,
        "end_ms": 900,
        "source_language": "en",
        "source_text": "good morning widget",
        "translations": {"es": "buenos días widget", "fr": "bonjour"},
        "words": [
            {"word": "good", "start_ms": 100, "end_ms": 300},
            {"word": "morning", "start_ms": 300, "end_ms": 600},
        ],
        "untranslated": ["widget"],
        "said_at": "2025-01-02T03:04:05Z",
    }


def test_a_span_without_end_is_taken_for_its_start() -> None:
    """JSON has no infinity, and an engine's mistake must not cost the text."""
    endless = TimeSpan(5, float("inf"))
    final = FinalTranslation("u", 0, "x", "en", endless, {}, (WordTiming("x", endless),))
    entry = TranscriptEntry.of(final)
    assert (entry.start_ms, entry.end_ms, entry.words[0].end_ms) == (5, 5, 5)
    nowhere = TimeSpan(float("inf"), float("inf"))
    entry = TranscriptEntry.of(FinalTranslation("u", 0, "x", "en", nowhere, {}))
    assert (entry.start_ms, entry.end_ms) == (0, 0)


@settings(max_examples=40)
@given(entries=ENTRIES, data=st.data())
def test_a_file_cut_anywhere_gives_the_entries_before_the_cut(
    entries: list[TranscriptEntry], data: st.DataObject
) -> None:
    """A machine that lost its power tears the last line at any byte, inside a character too."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "call.jsonl"
        borders = [0]
        with open_transcript(path) as transcript:
            for entry in entries:
                transcript.write(entry)
                borders.append(path.stat().st_size)
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole[:cut])
        # A line is whole when only its line break is missing.
        count = sum(border - 1 <= cut for border in borders[1:])

        assert read_transcript(path) == tuple(entries[:count])
        path.write_bytes(whole)
        assert read_transcript(path) == tuple(entries)


def test_a_bad_line_in_the_middle_is_told(tmp_path: Path) -> None:
    """That is not a torn end but another file."""
    path = tmp_path / "call.jsonl"
    path.write_text('\n{"no": "entry"}\n{}')
    with pytest.raises(UnreadableFileError, match="line 2 is no entry") as caught:
        read_transcript(path)
    assert caught.value.path == str(path)
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        read_transcript(tmp_path / "none.jsonl")
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        read_transcript("a\0b")


def test_a_line_of_a_later_version_is_read_or_refused(tmp_path: Path) -> None:
    """A field more is no harm; another version may mean something else by the same names."""
    path = tmp_path / "call.jsonl"
    line = TranscriptEntry.of(FINAL).model_dump_json()
    path.write_text(line.replace('"id"', '"mood":"fine","id"') + "\n")
    assert read_transcript(path) == (TranscriptEntry.of(FINAL),)
    path.write_text(line.replace('"schema_version":1', '"schema_version":2') + "\n")
    with pytest.raises(UnreadableFileError, match="line 1"):
        read_transcript(path)


def test_markdown_is_for_people() -> None:
    """Who, when, and each language."""
    stream = io.StringIO()
    with MarkdownTranscript(stream) as transcript:
        transcript.write(TranscriptEntry.of(FINAL, speaker="Ann\n*Lee*"))
        transcript.write(TranscriptEntry.of(FINAL))
    assert stream.getvalue() == (
        "# Transcript\n\n"
        "## 00:00:00.100 - 00:00:00.900 Ann \\*Lee\\*\n\n"
        "- **en**: good morning widget\n- **es**: buenos días widget\n- **fr**: bonjour\n\n"
        "## 00:00:00.100 - 00:00:00.900\n\n"
        "- **en**: good morning widget\n- **es**: buenos días widget\n- **fr**: bonjour\n\n"
    )


@settings(max_examples=60)
@given(text=st.one_of(ANY_TEXT, st.text("ab *_`[]()<>!&#;\\~|-+1.\n", max_size=20)))
def test_no_text_becomes_markup(text: str) -> None:
    """What a speaker says must not make a link, a table or a heading."""
    stream = io.StringIO()
    entry = TranscriptEntry(id="u", start_ms=0, end_ms=0, source_language="en", source_text=text)
    MarkdownTranscript(stream).write(entry)

    tokens = MarkdownIt().parse(stream.getvalue())
    inline = [token for token in tokens if token.type == "inline"]
    shown = "".join(
        child.content
        for child in inline[-1].children or ()
        if child.type in ("text", "text_special")
    )
    assert shown.removeprefix("en:").strip() == one_line(entry.source_text)
    assert {child.type for child in inline[-1].children or ()} <= {
        "text",
        "text_special",
        "strong_open",
        "strong_close",
    }


@contextlib.contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("suffix", [".jsonl", ".MD"])
@pytest.mark.parametrize("size", [100, 1_000, 1_001, 2_345])
def test_a_full_disk_keeps_whole_entries(suffix: str, size: int, tmp_path: Path) -> None:
    """The entry that does not fit leaves no half of itself, and the error is typed."""
    path = tmp_path / f"call{suffix}"
    transcript = open_transcript(path)

    def write_for_ever() -> None:
        for _ in range(100):
            transcript.write(TranscriptEntry.of(FINAL))

    with disk_of(size):
        with pytest.raises(FileWriteError, match="File too large; the entries before"):
            write_for_ever()
        transcript.close()
    assert path.stat().st_size <= size
    if suffix == ".jsonl":
        assert len(read_transcript(path)) == transcript.written
    else:
        assert path.read_text("utf-8").count("## ") == transcript.written


def test_a_closed_transcript_takes_nothing(tmp_path: Path) -> None:
    """Twice closed is harmless."""
    transcript = open_transcript(tmp_path / "call.md")
    transcript.close()
    transcript.close()
    assert transcript.closed
    with pytest.raises(StreamClosedError):
        transcript.write(TranscriptEntry.of(FINAL))


def test_files_that_cannot_be_made_are_told(tmp_path: Path) -> None:
    """By a typed error with the path; no file is left open."""
    with pytest.raises(ConfigurationError, match=r"\.jsonl or \.md"):
        open_transcript(tmp_path / "call.txt")
    with pytest.raises(FileWriteError):
        open_transcript(tmp_path / "none" / "call.md")
    with disk_of(3), pytest.raises(FileWriteError, match="File too large"):
        open_transcript(tmp_path / "call.md")
