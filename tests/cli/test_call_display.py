"""What stands on a terminal while `rawmedia live` interprets."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from rawmedia.audio.timeline import TimeSpan
from rawmedia.cli.call_display import TerminalCallDisplay
from rawmedia.sessions.events import DirectionChanged, OwnVoiceIgnored, SpeechLeftOut
from rawmedia.translators.events import FinalTranslation, PartialTranslation, UtteranceEnded

if TYPE_CHECKING:
    from rawmedia.sessions.events import SessionEvent

SPAN = TimeSpan(0, 1_000)


class Way:
    """All that is asked of a direction."""

    def __init__(self, name: str) -> None:
        self.name = name


ME: Any = Way("a_to_b")
CALL: Any = Way("b_to_a")


def display(width: int = 60) -> tuple[TerminalCallDisplay, io.StringIO]:
    out = io.StringIO()
    return TerminalCallDisplay(Console(file=out, force_terminal=True, width=width)), out


def below(shown: TerminalCallDisplay, width: int = 60) -> list[str]:
    """What is below the finals now."""
    paper = io.StringIO()
    Console(file=paper, width=width, color_system=None).print(shown._render())
    return [line.rstrip() for line in paper.getvalue().splitlines()]


def partial(utterance_id: str, text: str) -> PartialTranslation:
    return PartialTranslation(utterance_id, 0, text, "en-US", SPAN, {})


def final(utterance_id: str, text: str) -> FinalTranslation:
    return FinalTranslation(utterance_id, 1, text, "en-US", SPAN, {"fr-FR": f"[{text}]"})


def test_finals_of_both_scroll_by_and_below_stands_what_either_says() -> None:
    """With who said it; what comes from outside does not steer the terminal."""
    shown, out = display()
    with shown:
        shown.status("opening")
        shown.begin("type")
        shown.event(CALL, partial("u1", "hel\x1b[2J"))
        shown._live.refresh()
        shown.event(CALL, final("u1", "hello"))
        shown.event(CALL, SpeechLeftOut("u1", "fr-FR", 1_500, "lag"))
        shown.event(CALL, DirectionChanged("passing_through", RuntimeError("gone")))
    for text in ("hel", "hello", "[hello]", "call", "1.5 s of speech", "gone", "type"):
        assert text in out.getvalue()
    assert "\x1b[2J" not in out.getvalue()


@pytest.mark.parametrize(
    "end",
    [
        UtteranceEnded("u1", SPAN),
        OwnVoiceIgnored("u1", "hello"),
        final("u1", "hello"),
        final("u1", ""),
    ],
    ids=["no final", "own voice", "final", "empty final"],
)
def test_what_is_said_stands_there_until_its_utterance_ends_however_it_does(
    end: SessionEvent,
) -> None:
    """An engine that fails in mid-sentence gives no final; its half sentence stood there for ever."""
    shown, _ = display()
    shown.begin("type")
    shown.event(CALL, partial("u1", "hello"))
    shown.event(ME, partial("u1", "bonjour"))
    assert below(shown) == ["call: hello", "me: bonjour", "type (and Enter)"]
    shown.event(CALL, end)
    assert below(shown) == ["me: bonjour", "type (and Enter)"]


def test_the_end_of_an_utterance_leaves_the_next_one_that_began() -> None:
    """Finals may come late; somebody goes on talking meanwhile."""
    shown, out = display()
    shown.event(CALL, partial("u1", "hello"))
    shown.event(CALL, partial("u2", "how are"))
    shown.event(CALL, final("u1", "hello"))
    shown.event(CALL, UtteranceEnded("u1", SPAN))
    assert below(shown)[0] == "call: how are"
    assert "[hello]" in out.getvalue()


def test_of_a_long_sentence_the_newest_words_are_shown() -> None:
    """On one line; it used to be the oldest, though what is said now is what one wants to read."""
    shown, _ = display()
    shown.event(CALL, partial("u1", "one two three " * 20 + "END"))
    (line, _status) = below(shown)
    assert line.startswith("call: …")
    assert line.endswith(" END")
    assert len(line) <= 60
