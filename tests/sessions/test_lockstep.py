"""On a leg in lockstep the engine is kept in step with the clock."""

from __future__ import annotations

from rawmedia.sessions.interpreter import Interpreter, for_lockstep
from rawmedia.streams.media_clock import MediaClock
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.streams.pair import audio_pair
from rawmedia.testing import ScriptedTranslator, VirtualClock
from rawmedia.translators.request import TranslationRequest

REQUEST = TranslationRequest(source_language="en", target_languages=("es",))


def asked_for(clock: MediaClock | VirtualClock) -> float:
    """How much audio may wait for the engine of an interpreter on this clock."""
    runner = VirtualClock()
    engine = ScriptedTranslator(clock=runner)

    async def main() -> None:
        said, inbound = audio_pair(clock=clock)
        heard = OutboundAudioStream(clock=clock)
        said.end()
        await Interpreter(inbound, engine, heard, REQUEST).run()

    runner.run(main())
    return engine.requests[0].max_pending_ms


def test_on_a_media_clock_little_audio_waits_for_the_engine() -> None:
    """Otherwise the clock runs ahead of what the engine has heard, by seconds of made-up delay."""
    assert asked_for(MediaClock()) == for_lockstep(REQUEST).max_pending_ms == 300


def test_on_any_other_clock_the_request_counts() -> None:
    """In real time nobody waits for a slow engine but the engine's own queue."""
    assert asked_for(VirtualClock()) == REQUEST.max_pending_ms


def test_a_stricter_request_stays_as_it_is() -> None:
    """The caller knows the engine."""
    strict = REQUEST.model_copy(update={"max_pending_ms": 40})
    assert for_lockstep(strict).max_pending_ms == 40
