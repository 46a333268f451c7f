from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from command_line import cues
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.timeline import TimeSpan
from rawmedia.captions import SessionReport, open_captions
from rawmedia.cli.keeping import ReportKeeper
from rawmedia.cli.printable import media_time, printable
from rawmedia.cli.stopping import stop_on_signals
from rawmedia.cli.subtitles import Subtitles
from rawmedia.streams.media_clock import MediaClock
from rawmedia.translators.events import FinalTranslation

if TYPE_CHECKING:
    from pathlib import Path


@given(st.text())
def test_printable_text_is_one_line_that_steers_nothing(text: str) -> None:
    """Whatever an engine, a service or a file's name holds."""
    shown = printable(text)

    assert len(shown.splitlines()) <= 1
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in shown)
    shown.encode()


def test_joiners_and_wide_characters_stay() -> None:
    """Persian, Hindi and emoji are made with characters that have no width."""
    for text in ("می‌خواهم", "क्‍ष", "说话", "👩‍💻"):
        assert printable(text) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0:00.0"), (3_299, "0:03.2"), (61_500, "1:01.5"), (3_723_400, "1:02:03.4")],
)
def test_a_place_in_a_recording_reads_like_on_a_player(ms: float, text: str) -> None:
    """Rounded down, so that it is never a place that was not reached."""
    assert media_time(ms) == text


def report(engine: str = "scripted") -> SessionReport:
    return SessionReport(engine=engine, source_language="en", target_languages=("es",))


def test_a_report_is_not_written_more_often_than_it_is_worth(tmp_path: Path) -> None:
    """Writing it all, again and again, must not take the time that translating needs."""
    clock = MediaClock()
    written = []

    def slow() -> SessionReport:
        clock.advance_to(clock.now() + 1)
        written.append(clock.now())
        return report()

    keeper = ReportKeeper(tmp_path / "o.json", slow, pytest.fail, clock=clock)
    while clock.now() < 100:
        keeper.utterance_over()
        clock.advance_to(clock.now() + 1)

    assert 4 <= len(written) <= 6


def test_a_report_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    """The translation goes on; a warning after each utterance would bury its text."""
    clock, warnings = MediaClock(), list[str]()
    keeper = ReportKeeper(tmp_path / "no" / "o.json", report, warnings.append, clock=clock)

    for _ in range(3):
        keeper.utterance_over()

    (warning,) = warnings
    assert "No such file or directory; the translation goes on" in warning


def test_a_report_that_nobody_wants_is_not_made() -> None:
    """Neither the file nor the work."""
    ReportKeeper(None, pytest.fail, pytest.fail).utterance_over()


def test_a_cue_of_the_original_stays_long_enough_to_read(tmp_path: Path) -> None:
    """A translation may be longer than what was said; in a second nobody reads 50 letters."""
    with open_captions(tmp_path / "o.vtt") as writer:
        subtitles = Subtitles(writer, "es")
        for number, text in enumerate(["no", "x" * 40, ""]):
            span = TimeSpan(10_000 * number + 500, 10_000 * number + 900)
            subtitles.final(FinalTranslation("u", 0, "s", "en", span, {"es": text}))
        subtitles.final(FinalTranslation("u", 0, "s", "en", TimeSpan(0, 1), {"fr": "non"}))

    assert [(start, end) for start, end, _ in cues(tmp_path / "o.vtt")] == [
        (0.5, 1.5),
        (10.5, 12.9),
    ]


def test_the_first_signal_asks_and_the_second_gives_up() -> None:
    """And afterwards everything is as it was before."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    given_up: list[int] = []

    async def main() -> None:
        asked, inside = asyncio.Event(), signal.getsignal(signal.SIGINT)
        with stop_on_signals(asked.set, given_up.append) as wish:
            os.kill(os.getpid(), signal.SIGINT)
            async with asyncio.timeout(10):
                await asked.wait()
            assert (wish.signal, str(wish)) == (signal.SIGINT, "stopped with Ctrl-C")
            assert given_up == []
            os.kill(os.getpid(), signal.SIGTERM)
            assert given_up == [143]
            assert wish.signal is signal.SIGINT
        assert signal.getsignal(signal.SIGINT) is inside

    asyncio.run(main())

    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_outside_the_main_thread_signals_are_somebody_else_s() -> None:
    """Python delivers none there, and would refuse a handler."""
    wishes: list[object] = []

    async def main() -> None:
        with stop_on_signals(pytest.fail, wishes.append) as wish:
            wishes.append(str(wish))

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    thread.join(timeout=10)

    assert wishes == ["not stopped"]
