from __future__ import annotations

import io
import os
import pty
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from command_line import SCRIPTED_RAWMEDIA, speech
from rich.console import Console

from rawmedia.audio.timeline import TimeSpan
from rawmedia.cli.live import LiveDisplay
from rawmedia.cli.terminal_display import terminal
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    UtteranceEnded,
)

if TYPE_CHECKING:
    from pathlib import Path

SPAN = TimeSpan(61_500, 63_000)


def screen(width: int = 60) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)


def drawn(display: LiveDisplay, width: int = 60) -> list[str]:
    """What is below the finals now."""
    paper = Console(file=io.StringIO(), width=width, color_system=None)
    paper.print(display._render())
    assert isinstance(paper.file, io.StringIO)
    return [line.rstrip() for line in paper.file.getvalue().splitlines()]


def scrolled(console: Console) -> str:
    """What was printed above, without what steers the terminal."""
    assert isinstance(console.file, io.StringIO)
    return re.sub(r"\x1b\[[?\d;]*[A-Za-z]|\r", "", console.file.getvalue())


def partial(revision: int, source: str, translation: str) -> PartialTranslation:
    return PartialTranslation("u1", revision, source, "en-US", SPAN, {"es": translation})


def final(source: str, translations: dict[str, str], *untranslated: str) -> FinalTranslation:
    return FinalTranslation("u1", 9, source, "en-US", SPAN, translations, untranslated=untranslated)


def test_a_partial_is_replaced_in_place_until_the_final_scrolls_by() -> None:
    """One utterance is on the screen once, whatever number of times it was revised."""
    console = screen()
    display = LiveDisplay(console, "en-US", "es")
    display.listening(None, lambda: 0.0)

    display.event(partial(0, "good", "buen"))
    first = drawn(display)
    display.event(partial(1, "good morning", "buenos días"))
    second = drawn(display)
    display.event(final("good morning", {"es": "buenos días"}))
    last = drawn(display)

    assert first[:2] == ["en-US  good", "es  buen"]
    assert second[:2] == ["en-US  good morning", "es  buenos días"]
    assert len(last) == 1
    assert scrolled(console).count("good") == 1
    assert "1:01.5  en-US  good morning" in scrolled(console)


def test_a_partial_without_a_final_goes_when_its_utterance_ends() -> None:
    """An engine that fails in mid-sentence gives none; the next utterance's stays."""
    display = LiveDisplay(screen(), "en-US", "es")
    display.listening(None, lambda: 0.0)

    display.event(partial(0, "good", "buen"))
    display.event(UtteranceEnded("u0", SPAN))
    assert len(drawn(display)) == 3
    display.event(UtteranceEnded("u1", SPAN))
    assert len(drawn(display)) == 1


def test_the_newest_words_of_a_long_partial_are_shown() -> None:
    """One line each, so that what is below does not jump; a speaker wants to see the end of it."""
    display = LiveDisplay(screen(), "en-US", "es")
    display.listening(None, lambda: 0.0)
    display.event(partial(0, "one two three " * 20 + "END", "说话" * 60 + "完"))

    source, translation, _progress = drawn(display)

    assert source.endswith(" END")
    assert source.startswith("en-US  …")
    assert translation.endswith("说话完")
    assert len(source) <= 60


def test_words_without_translation_are_pointed_out() -> None:
    """They were left as they are; nobody should take them for Spanish."""
    console = screen()
    display = LiveDisplay(console, "en-US", "es")

    display.event(final("frobnicate it", {"es": "frobnicate lo"}, "frobnicate"))
    display.event(final("good bye", {}))
    display.event(final("", {"es": ""}))
    display.event(Progress(1_000))

    text = scrolled(console)
    assert "frobnicate lo  (not translated: frobnicate)" in text
    assert "(no translation)" in text
    assert text.count("en-US") == 2


@pytest.mark.parametrize(
    ("duration_ms", "heard_ms", "place"),
    [
        (20_000.0, 5_000.0, "0:05.0 / 0:20.0"),
        (None, 5_000.0, "0:05.0"),
        (2_000.0, 5_000.0, "0:05.0 / 0:05.0"),
        (7_200_000.0, 5_000.0, "0:05.0 / 2:00:00.0"),
    ],
)
def test_progress_is_shown_whatever_the_header_claims(
    duration_ms: float | None, heard_ms: float, place: str
) -> None:
    """A header may lie in both directions, or say nothing."""
    display = LiveDisplay(screen(), "en-US", "es")

    display.listening(duration_ms, lambda: heard_ms)

    (line,) = drawn(display)
    assert f" {place} " in line
    assert ("finishing" in line) is (duration_ms == 2_000.0)


def test_before_the_first_audio_it_says_what_is_waited_for() -> None:
    """An engine may take seconds to start."""
    display = LiveDisplay(screen(), "en-US", "es")

    display.status("starting the engine")

    assert "starting the engine" in drawn(display)[0]


def test_markup_and_control_characters_are_text() -> None:
    """An engine may say anything; it must neither colour nor steer the terminal."""
    console = screen()
    display = LiveDisplay(console, "en-US", "es")

    display.event(final("[red]one[/red] \x1b[2J", {"es": "[bold]uno"}))
    display.warn("[green]beware\x07")

    text = scrolled(console)
    assert "[red]one[/red] \N{REPLACEMENT CHARACTER}[2J" in text
    assert "[bold]uno" in text
    assert "warning: [green]beware\N{REPLACEMENT CHARACTER}" in text


def test_there_is_no_live_display_without_a_terminal() -> None:
    """Neither on a pipe nor on a terminal that can't replace lines."""
    assert terminal() is None


def on_a_terminal(tmp_path: Path, *options: str, **environment: str) -> str:
    """What a pseudo-terminal is sent by a short translation."""
    source = speech(tmp_path / "talk.wav", duration_s=2)
    leader, follower = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with subprocess.Popen(
        [
            *(*SCRIPTED_RAWMEDIA, "translate", str(source), "--from", "en-US", "--to", "es"),
            *("-o", str(tmp_path / "o.wav"), *options),
        ],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**clean, "TERM": "xterm-256color", "COLUMNS": "70", **environment},
    ) as process:
        os.close(follower)
        sent = b""
        while True:
            try:
                piece = os.read(leader, 65_536)
            except OSError:  # how a pseudo-terminal says that nobody writes any more
                break
            if not piece:
                break
            sent += piece
        os.close(leader)
    assert process.returncode == 0, sent.decode()
    return sent.decode()


def colours(sent: str) -> list[str]:
    return [
        code
        for codes in re.findall(r"\x1b\[([\d;]*)m", sent)
        for code in codes.split(";")
        if code.isdigit() and 30 <= int(code) <= 49
    ]


def test_on_a_terminal_there_are_partials_a_bar_and_colours(tmp_path: Path) -> None:
    """The look; and the cursor is visible again afterwards."""
    sent = on_a_terminal(tmp_path, "--realtime")

    assert "━" in sent
    assert sent.count("sentence 0") == 1
    assert sent.count("sentence") > 4
    assert colours(sent)
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l")
    assert "Ear-voice span" in sent


def test_no_color_is_obeyed(tmp_path: Path) -> None:
    """https://no-color.org: no colours; the bar and the rest stay."""
    sent = on_a_terminal(tmp_path, NO_COLOR="1")

    assert "━" in sent
    assert not colours(sent)


def test_a_dumb_terminal_is_sent_plain_lines(tmp_path: Path) -> None:
    """It can't replace what it has shown."""
    sent = on_a_terminal(tmp_path, TERM="dumb")

    assert "\x1b" not in sent
    assert "0:00.1\tes\tfrase 0" in sent
