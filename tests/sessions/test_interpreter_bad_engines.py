"""An interpreter ends with an error that says whose it is, whatever the engine takes for one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lawless_kit import Lawless
from session_kit import carry, prepare, request

from rawmedia.audio.format import AudioFormat
from rawmedia.errors import ConfigurationError, EngineFailedError, TranslatorStalledError
from rawmedia.sessions.interpreter import Interpreter
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.legs import FakeLeg
from rawmedia.testing.signals import silence
from rawmedia.testing.translators import ScriptedTranslator


@pytest.mark.parametrize("place", ["open", "send", "anext", "aiter", "end_input"])
@pytest.mark.parametrize(
    "error", [OSError, TimeoutError, asyncio.CancelledError, GeneratorExit, StopAsyncIteration]
)
def test_what_an_engine_raises_is_the_engines(error: type[BaseException], place: str) -> None:
    """A program that catches the library's errors catches this, and is not cancelled by it."""
    acts: dict[str, Any] = {place: error()}
    session = carry(prepare(translator=Lawless(**acts)))
    assert type(session.error) is EngineFailedError
    assert session.error.fault == "engine"
    assert not session.report.complete
    assert session.report.error == f"EngineFailedError: {session.error}"


@pytest.mark.parametrize("place", ["send", "anext", "open"])
def test_an_engine_that_cancels_whoever_calls_it_has_failed(place: str) -> None:
    """The session would wait for ever otherwise, or end as if somebody had stopped it."""
    acts: dict[str, Any] = {place: "cancel"}
    session = carry(prepare(translator=Lawless(**acts)))
    assert type(session.error) is EngineFailedError
    assert "cancel" in str(session.error).lower()


def test_an_engine_that_hangs_in_its_opening_has_stalled() -> None:
    """What it opens with is its own clock's business, not the session's."""
    session = carry(prepare(translator=Lawless(open="hang"), max_stall_ms=1_000.0))
    assert type(session.error) is TranslatorStalledError
    assert "did not open within 1 s" in str(session.error)


def test_what_no_engine_can_be_given_is_refused_when_it_is_made() -> None:
    """A file may have any rate; the error names both."""
    clock = VirtualClock()
    odd = AudioFormat(23_981)
    leg = FakeLeg(silence(100, format=odd), format=odd, clock=clock)
    engine = ScriptedTranslator(clock=clock)
    with pytest.raises(ConfigurationError, match="takes 16000 Hz mono, into which 23981 Hz mono"):
        Interpreter(leg.inbound, engine, {}, request("es"), clock=clock)
