"""Caption files: valid at every moment, whatever is written and whatever ends the process."""

from __future__ import annotations

import contextlib
import io
import itertools
import resource
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from caption_grammar import Parsed, parse_srt, parse_webvtt
from caption_texts import ANY_TEXT, without_blanks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rawmedia.captions import (
    Cue,
    SrtWriter,
    WebVttWriter,
    check_caption_suffix,
    open_captions,
)
from rawmedia.captions.layout import width
from rawmedia.captions.writer import MAX_COLUMNS, MAX_LINES
from rawmedia.errors import ConfigurationError, FileWriteError, StreamClosedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rawmedia.captions import CaptionWriter

    Parser = Callable[[str], list[Parsed]]

FORMATS = [(WebVttWriter, parse_webvtt), (SrtWriter, parse_srt)]
both_formats = pytest.mark.parametrize(("writer_class", "parse"), FORMATS, ids=["vtt", "srt"])
both_suffixes = pytest.mark.parametrize(
    ("suffix", "parse"), [(".vtt", parse_webvtt), (".srt", parse_srt)]
)

TIMES = st.floats(0, 1e9, allow_nan=False)
CUES = st.builds(
    lambda times, text, language, speaker: Cue(min(times), max(times), text, language, speaker),
    st.tuples(TIMES, TIMES),
    ANY_TEXT,
    st.one_of(st.none(), st.sampled_from(["es", "fr", "<x>"])),
    st.one_of(st.none(), ANY_TEXT),
)


class RecordingStream(io.StringIO):
    """A text stream that remembers what was there after every write."""

    def __init__(self) -> None:
        super().__init__()
        self.states = [""]

    def write(self, text: str) -> int:
        count = super().write(text)
        self.states.append(self.getvalue())
        return count


def written(cues: list[Cue], writer_class: type[CaptionWriter]) -> str:
    stream = io.StringIO()
    with writer_class(stream) as writer:
        for cue in cues:
            writer.write(cue)
    return stream.getvalue()


@both_formats
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(cues=st.lists(CUES, max_size=6))
def test_any_cues_make_a_valid_file_that_says_them(
    writer_class: type[CaptionWriter], parse: Parser, cues: list[Cue]
) -> None:
    """Arrows, empty lines, markup, control characters, half surrogates: text is only text."""
    parsed = parse(written(cues, writer_class))

    said = "".join("".join(part.lines) for part in parsed)
    if writer_class is SrtWriter:
        # The speaker is part of the text there, and an arrow becomes one character.
        expected = "".join(
            (without_blanks(f"{cue.speaker}: ") if without_blanks(cue.speaker or "") else "")
            + without_blanks(cue.text)
            for cue in cues
            if without_blanks(cue.text)
        )
        assert without_blanks(said).replace("→", "-->") == expected.replace("→", "-->")
    else:
        assert without_blanks(said) == "".join(without_blanks(cue.text) for cue in cues)
    for part in parsed:
        assert 1 <= len(part.lines) <= MAX_LINES
        assert all(width(line) <= MAX_COLUMNS for line in part.lines)


@both_formats
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(cues=st.lists(CUES, min_size=1, max_size=5))
def test_the_file_is_valid_after_every_write(
    writer_class: type[CaptionWriter], parse: Parser, cues: list[Cue]
) -> None:
    """One write for a cue: a process that is killed has written it whole or not at all."""
    stream = RecordingStream()
    with writer_class(stream) as writer:
        for cue in cues:
            before = len(stream.states)
            skipped = writer.skipped
            writer.write(cue)
            assert len(stream.states) == before + (skipped == writer.skipped)

    states = [parse(state) for state in stream.states[1:]]
    for earlier, later in itertools.pairwise(states):
        assert later[: len(earlier)] == earlier
    assert len(states[-1]) == writer.written


@both_formats
def test_times_are_right_to_the_millisecond(
    writer_class: type[CaptionWriter], parse: Parser
) -> None:
    """59.9996 s is a minute, not 59.1000 s; and a day of captions has more than 99 hours."""
    text = written(
        [
            Cue(0, 59_999.6, "a minute"),
            Cue(3_599_999.4, 3_599_999.6, "an hour"),
            Cue(360_000_000, 3_600_000_001, "a hundred hours, a thousand hours"),
        ],
        writer_class,
    )

    assert [(cue.start_ms, cue.end_ms) for cue in parse(text)] == [
        (0, 60_000),
        (3_599_999, 3_600_000),
        (360_000_000, 3_600_000_001),
    ]
    assert "00:00:00" in text
    assert "100:00:00" in text
    assert "1000:00:00" in text


@both_formats
def test_a_cue_without_duration_is_shown_for_a_millisecond(
    writer_class: type[CaptionWriter], parse: Parser
) -> None:
    """Both formats want the end after the start."""
    [cue] = parse(written([Cue(1_000, 1_000, "now")], writer_class))
    assert (cue.start_ms, cue.end_ms) == (1_000, 1_001)


@both_formats
def test_a_late_cue_is_moved_and_counted(writer_class: type[CaptionWriter], parse: Parser) -> None:
    """What is written cannot be taken back, and WebVTT wants starts in order."""
    stream = io.StringIO()
    with writer_class(stream) as writer:
        writer.write(Cue(5_000, 6_000, "first"))
        writer.write(Cue(4_000, 7_000, "late"))
        writer.write(Cue(1_000, 2_000, "too late"))
        writer.write(Cue(5_000, 5_500, "in time"))

    assert [(cue.start_ms, cue.end_ms) for cue in parse(stream.getvalue())] == [
        (5_000, 6_000),
        (5_000, 7_000),
        (5_000, 5_001),
        (5_000, 5_500),
    ]
    assert (writer.written, writer.adjusted, writer.skipped) == (4, 2, 0)


@both_formats
def test_a_cue_without_text_is_skipped_and_counted(
    writer_class: type[CaptionWriter], parse: Parser
) -> None:
    """An empty cue would be invalid, or blank the screen."""
    stream = io.StringIO()
    with writer_class(stream) as writer:
        for text in ("", " \n\n\t", "\0\x07"):
            writer.write(Cue(0, 1, text, speaker="Ann"))

    assert parse(stream.getvalue()) == []
    assert (writer.written, writer.skipped) == (0, 3)


@both_formats
def test_a_long_utterance_is_shown_in_parts_that_share_its_time(
    writer_class: type[CaptionWriter], parse: Parser
) -> None:
    """Twelve lines at once cover the picture, and nobody reads them."""
    parts = parse(written([Cue(10_000, 16_000, "word " * 60)], writer_class))

    assert [part.lines for part in parts] == [["word " * 7 + "word"] * 2] * 3 + [
        ["word " * 7 + "word", "word " * 3 + "word"]
    ]
    assert parts[0].start_ms == 10_000
    assert parts[-1].end_ms == 16_000
    assert all(a.end_ms == b.start_ms for a, b in itertools.pairwise(parts))
    assert [part.end_ms - part.start_ms for part in parts] == [1_602, 1_603, 1_603, 1_192]


@both_formats
@settings(deadline=None)
@given(start=st.integers(0, 10_000), duration=st.integers(0, 60), words=st.integers(1, 150))
def test_parts_of_a_short_cue_still_follow_each_other(
    writer_class: type[CaptionWriter], parse: Parser, start: int, duration: int, words: int
) -> None:
    """A time too short to divide must not give parts that end before they start."""
    parts = parse(written([Cue(start, start + duration, "wörd " * words)], writer_class))

    assert parts[0].start_ms == start
    assert all(part.start_ms < part.end_ms for part in parts)
    assert all(a.end_ms == b.start_ms for a, b in itertools.pairwise(parts))
    assert parts[-1].end_ms == max(start + duration, start + len(parts))


def test_webvtt_names_speakers_and_foreign_languages() -> None:
    """Players style voices; screen readers change their own with the language."""
    stream = io.StringIO()
    with WebVttWriter(stream, language="es") as writer:
        writer.write(Cue(0, 1_000, "Hola", language="es", speaker="Ann\n<&> Lee"))
        writer.write(Cue(1_000, 2_000, "Bonjour\nAnn", language="fr"))
        writer.write(Cue(2_000, 3_000, "Hello", language="en", speaker="Bob"))
        writer.write(Cue(3_000, 4_000, "Sí", speaker=" "))

    assert [(cue.voice, cue.lang, cue.lines) for cue in parse_webvtt(stream.getvalue())] == [
        ("Ann <&> Lee", None, ["Hola"]),
        (None, "fr", ["Bonjour", "Ann"]),
        ("Bob", "en", ["Hello"]),
        (None, None, ["Sí"]),
    ]


def test_srt_names_speakers_in_the_text() -> None:
    """It has no other place for them."""
    text = written([Cue(0, 1, "Hola", "es", "Ann\nLee"), Cue(1, 2, "-->", "es", " ")], SrtWriter)
    assert [cue.lines for cue in parse_srt(text)] == [["Ann Lee: Hola"], ["→"]]


@both_formats
@pytest.mark.parametrize(
    ("max_columns", "max_lines", "setting"), [(9, 2, "max_columns"), (42, 0, "max_lines")]
)
def test_a_layout_that_cannot_be_is_refused(
    writer_class: type[CaptionWriter],
    parse: Parser,
    max_columns: int,
    max_lines: int,
    setting: str,
) -> None:
    """Nothing fits in no lines."""
    with pytest.raises(ConfigurationError, match=setting):
        writer_class(io.StringIO(), max_columns=max_columns, max_lines=max_lines)


@both_formats
def test_one_line_of_any_width_is_a_layout_too(
    writer_class: type[CaptionWriter], parse: Parser
) -> None:
    """Television in some countries has 37 columns, a telephone's screen fewer."""
    stream = io.StringIO()
    with writer_class(stream, max_columns=10, max_lines=1) as writer:
        writer.write(Cue(0, 3_000, "one two three four five"))

    assert [cue.lines for cue in parse(stream.getvalue())] == [
        ["one two"],
        ["three four"],
        ["five"],
    ]


@pytest.mark.parametrize(
    ("start", "end"),
    [(-1, 0), (2, 1), (float("nan"), 1), (0, float("nan")), (0, float("inf"))],
)
def test_a_cue_needs_a_time(start: float, end: float) -> None:
    """A cue that is wrong is refused where it is made, not where it is written."""
    with pytest.raises(ValueError, match="0 <= start <= end"):
        Cue(start, end, "text")


@both_suffixes
def test_the_suffix_chooses_the_format(suffix: str, parse: Parser, tmp_path: Path) -> None:
    """And a file that exists is replaced, whole."""
    path = tmp_path / f"out{suffix.upper()}"
    path.write_text("x" * 10_000)

    with open_captions(path) as captions:
        captions.write(Cue(0, 1_000, "¿Qué tal?"))
        assert parse(path.read_text("utf-8")) == [Parsed(0, 1_000, ["¿Qué tal?"])]
        captions.close()
        assert captions.closed
        with pytest.raises(StreamClosedError):
            captions.write(Cue(1_000, 2_000, "more"))
    captions.close()

    assert parse(path.read_bytes().decode()) == [Parsed(0, 1_000, ["¿Qué tal?"])]


def test_other_suffixes_are_refused_with_the_choices(tmp_path: Path) -> None:
    """Before any file is made."""
    with pytest.raises(ConfigurationError, match=r"\.vtt or \.srt"):
        open_captions(tmp_path / "out.txt")
    with pytest.raises(ConfigurationError):
        check_caption_suffix("vtt")
    assert list(tmp_path.iterdir()) == []


@both_suffixes
def test_a_file_that_cannot_be_made_is_told(suffix: str, parse: Parser, tmp_path: Path) -> None:
    """With the path that was asked for."""
    with pytest.raises(FileWriteError, match="No such file or directory"):
        open_captions(tmp_path / "none" / f"out{suffix}")


@contextlib.contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@both_suffixes
@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(size=st.integers(20, 700))
def test_a_full_disk_keeps_whole_cues(
    suffix: str, parse: Parser, size: int, tmp_path: Path
) -> None:
    """The cue that does not fit leaves no half of itself."""
    path = tmp_path / f"out{suffix}"
    captions = open_captions(path)

    def write_for_ever() -> None:
        for number in range(1_000):
            captions.write(Cue(number, number + 1, "¿Qué tal?"))

    with disk_of(size):
        with pytest.raises(FileWriteError, match="File too large; the cues before"):
            write_for_ever()
        with pytest.raises(FileWriteError):
            captions.write(Cue(2_000, 2_001, "more"))
        captions.close()

    cues = parse(path.read_bytes().decode())
    assert len(cues) == captions.written
    assert path.stat().st_size <= size


def test_a_disk_without_room_for_the_header(tmp_path: Path) -> None:
    """Nothing stays open."""
    with disk_of(3), pytest.raises(FileWriteError, match="File too large"):
        open_captions(tmp_path / "out.vtt")


def test_a_stream_is_flushed_and_left_open() -> None:
    """Whoever opened ``sys.stdout`` has other plans for it."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "utf-8", newline="\n")
    with SrtWriter(stream) as captions:
        captions.write(Cue(0, 1_000, "Hola"))
        assert raw.getvalue() == b"1\n00:00:00,000 --> 00:00:01,000\nHola\n\n"

    assert not stream.closed
    stream.close()
    with pytest.raises(FileWriteError, match="closed file"):
        SrtWriter(stream).write(Cue(0, 1, "more"))


def test_a_stream_that_lacks_the_letters_is_told(tmp_path: Path) -> None:
    """A terminal in an old encoding; the traceback of a codec helps nobody."""
    with (tmp_path / "out").open("w", encoding="ascii") as stream:
        captions = SrtWriter(stream)
        with pytest.raises(FileWriteError, match="ascii") as caught:
            captions.write(Cue(0, 1, "¿Qué?"))
        captions.close()
    assert caught.value.path == str(tmp_path / "out")


def test_a_file_that_fails_only_at_closing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Network file systems report there what went wrong before; the second time is silent."""

    class FailingFile(io.FileIO):
        def close(self) -> None:
            was_open = not self.closed
            super().close()
            if was_open:
                raise OSError(5, "Input/output error")

    monkeypatch.setattr("rawmedia.files.sink._open_new", lambda path: FailingFile(path, "wb"))
    captions = open_captions(tmp_path / "out.srt")

    with pytest.raises(FileWriteError, match="Input/output error"):
        captions.close()
    captions.close()


WRITE_FOR_EVER = """
import itertools, sys
from rawmedia.captions import Cue, open_captions

captions = open_captions(sys.argv[1])
for number in itertools.count():
    captions.write(Cue(number, number + 1, f"¿Qué tal? {number}", speaker="Ann"))
    print(number, flush=True)
"""


@both_suffixes
def test_kill_minus_nine_leaves_a_valid_file(suffix: str, parse: Parser, tmp_path: Path) -> None:
    """The real thing, in the middle of writing."""
    path = tmp_path / f"out{suffix}"
    command = [sys.executable, "-c", WRITE_FOR_EVER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) > 500:
                process.kill()
                break
        told = int([line, *process.stdout.read().split()][-1])

    cues = parse(path.read_bytes().decode())
    assert len(cues) > told
    assert cues[told].lines[-1].endswith(f"¿Qué tal? {told}")


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
@both_suffixes
def test_ffmpeg_takes_the_file(suffix: str, parse: Parser, tmp_path: Path) -> None:
    """The parser that most players are built on reads the same cues."""
    path = tmp_path / f"out{suffix}"
    with open_captions(path) as captions:
        captions.write(Cue(0, 59_999.6, "Tom & Ann: 3 > 2\n\nzwei"))
        captions.write(Cue(60_000, 66_000, "我们今天开会讨论。" * 20))
        captions.write(Cue(366_000_000, 366_001_000, "one hundred hours"))

    done = subprocess.run(
        ["ffmpeg", "-v", "warning", "-i", path, "-f", "srt", "-"],
        capture_output=True,
        timeout=60,
        check=True,
    )

    assert done.stderr == b""
    assert parse_srt(done.stdout.decode().replace("\r\n", "\n")) == parse(
        path.read_bytes().decode()
    )
