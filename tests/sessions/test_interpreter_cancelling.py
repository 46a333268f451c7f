"""Cancelling a session, wherever it is: at once, with nothing left behind and nothing left to be heard."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest
from session_kit import VOICE, prepare, speech, utterance

from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.legs import FakeLeg
from rawmedia.testing.script import ScriptedStall
from rawmedia.testing.signals import silence
from rawmedia.testing.translators import ScriptedTranslator

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_kit import Session

    from rawmedia.streams.playout import MarkReached
    from rawmedia.testing.script import ScriptItem
    from rawmedia.testing.scripted_translation import ScriptedTranslation
    from rawmedia.translators.request import TranslationRequest

SCRIPT: list[ScriptItem] = [
    utterance(100, 500, 3_000, seed=1, revisions=["a", "b"]),
    utterance(700, 1_000, 400, seed=2),
    ScriptedStall(at_ms=1_500, duration_ms=700),
]


def cancel(session: Session, *, after_s: float = 0.0, after_steps: int = 0) -> bool:
    """Cancel the session after some time and some turns of the loop; whether it was still running."""

    async def main() -> bool:
        carrying = asyncio.create_task(session.leg.run())
        running = asyncio.create_task(session.interpreter.run())
        await session.clock.sleep_until(after_s)
        for _ in range(after_steps):
            await asyncio.sleep(0)
        cancelled = running.cancel()
        await asyncio.wait([running])
        cancelled = cancelled and running.cancelled()
        assert asyncio.all_tasks() <= {asyncio.current_task(), carrying}
        # Nothing is left that somebody would go on hearing.
        assert not cancelled or session.leg.outbound.stats.buffered_ms == 0
        session.leg.outbound.end()
        await carrying
        return cancelled

    return session.clock.run(main())


def check(session: Session, *, cancelled: bool) -> None:
    """What is true wherever it was cancelled."""
    report = session.report
    assert report.complete is not cancelled
    assert report.error == ("CancelledError" if cancelled else None)
    assert all(translation.closed for translation in session.translator.translations)
    # Every utterance that somebody began to hear has an end and a caption.
    begun = [each for each in report.utterances if each.translations["es"].heard_at_ms is not None]
    for each in begun:
        assert each.translations["es"].heard_until_ms is not None
    assert [event.utterance_id for event in session.ended][: len(begun)] == [
        each.id for each in begun
    ]
    assert len(session.cues["es"]) == len(session.ended)


@pytest.mark.parametrize(
    "at_ms", [0, 101, 240, 507, 607, 615, 620, 750, 1_107, 1_510, 2_210, 2_999, 3_001, 3_700, 4_100]
)
def test_at_any_time_it_stops_at_once_and_leaves_nothing(at_ms: int) -> None:
    """Before, between and in the middle of everything that a session does."""
    session = prepare(SCRIPT, settings={"max_pending_ms": 300})
    cancelled = cancel(session, after_s=at_ms / 1000)
    assert cancelled is (at_ms < 4_000)
    check(session, cancelled=cancelled)


@pytest.mark.parametrize("steps", range(12))
@pytest.mark.parametrize("at_ms", [0, 607, 3_000, 3_620])
def test_at_any_step_it_stops_at_once_and_leaves_nothing(at_ms: int, steps: int) -> None:
    """Between two turns of the event loop, where only one task has seen the news."""
    session = prepare(SCRIPT[:1], settings={"max_pending_ms": 300})
    check(session, cancelled=cancel(session, after_s=at_ms / 1000, after_steps=steps))


def test_what_was_heard_by_then_stays_and_the_rest_is_never_heard() -> None:
    """The recording, the captions and the report tell the same story."""
    session = prepare(SCRIPT)
    assert cancel(session, after_s=0.93)
    heard = session.heard()
    begun = speech(3_000, 1).samples[: VOICE.samples(320), 0]
    np.testing.assert_array_equal(heard[VOICE.samples(620) :][: len(begun)], begun)
    assert not heard[VOICE.samples(940) :].any()
    assert session.cues["es"].times == [(620, 930, "texto 1")]
    figures = session.report.utterances[0].translations["es"]
    assert (figures.cut, figures.heard_until_ms) == (True, 930)


def test_before_it_has_begun_it_opens_no_engine() -> None:
    """A task that is cancelled before its first step never runs."""
    session = prepare(SCRIPT)

    async def main() -> None:
        running = asyncio.create_task(session.interpreter.run())
        running.cancel()
        await asyncio.wait([running])

    session.clock.run(main())
    assert not session.translator.requests


def test_while_the_engine_is_being_opened_is_the_engines_own_matter() -> None:
    """It sees the cancellation; the session has nothing to close."""

    class Slow(ScriptedTranslator):
        async def open(self, request: TranslationRequest) -> ScriptedTranslation:
            await self.clock.sleep_until(5)
            return await super().open(request)

    clock = VirtualClock()
    session = prepare(translator=Slow(SCRIPT, clock=clock), clock=clock)
    assert cancel(session, after_s=1)
    assert not session.translator.translations
    assert session.report.error == "CancelledError"


def test_call_backs_that_a_thread_brings_too_late_are_not_booked() -> None:
    """The report that was given out must not change behind its reader's back."""
    held: list[Callable[[], object]] = []

    class Late(OutboundAudioStream):
        def mark(self, name: str, callback: Callable[[MarkReached], object]) -> None:
            super().mark(name, lambda reached: held.append(lambda: callback(reached)))

    clock = VirtualClock()
    leg = FakeLeg(silence(3_000), clock=clock)
    leg.outbound = Late(VOICE, clock=clock)
    session = prepare(SCRIPT, leg=leg, clock=clock)

    async def main() -> None:
        carrying = asyncio.create_task(session.leg.run())
        running = asyncio.create_task(session.interpreter.run())
        await clock.sleep_until(0.93)
        running.cancel()
        await asyncio.wait([running])
        told, report = len(session.events), session.report
        assert held
        for tell in held:
            tell()
        assert (len(session.events), session.report) == (told, report)
        (utterance,) = session.interpreter._direction._ledger
        assert utterance.hearings["es"].start_ms is None
        session.leg.outbound.end()
        await carrying

    clock.run(main())


def test_a_call_that_goes_on_after_it_is_none_of_its_business() -> None:
    """Marks that the stream calls back later must not write into books that are closed."""
    session = prepare(SCRIPT)

    async def main() -> None:
        carrying = asyncio.create_task(session.leg.run())
        running = asyncio.create_task(session.interpreter.run())
        await session.clock.sleep_until(0.93)
        running.cancel()
        await asyncio.wait([running])
        told, report = len(session.events), session.report
        await session.leg.outbound.asend(speech(200, 9))
        await session.leg.outbound.adrain()
        assert (len(session.events), session.report) == (told, report)
        session.leg.outbound.end()
        await carrying

    session.clock.run(main())
