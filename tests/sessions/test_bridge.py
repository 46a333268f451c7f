"""A bridge interprets both ways at once, and what befalls one direction is nothing to the other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest
from bridge_kit import Call, carry, hears, prepare, says, voice
from session_kit import VOICE

from rawmedia.audio.format import SPEECH
from rawmedia.captions.report import CallReport
from rawmedia.errors import (
    AuthenticationError,
    ConfigurationError,
    EngineCrashedError,
    FileWriteError,
    NetworkError,
    StreamUseError,
    TranslatorStalledError,
)
from rawmedia.sessions.bridge import Bridge
from rawmedia.sessions.direction import DEFAULT_NOTICE
from rawmedia.sessions.events import (
    CaptionsFailed,
    DirectionChanged,
    SessionWarning,
    SpeechLeftOut,
    UtteranceHeard,
)
from rawmedia.sessions.mixing.config import Mixing
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.legs import FakeLeg
from rawmedia.testing.script import ScriptedCrash, ScriptedStall
from rawmedia.testing.signals import noise, silence
from rawmedia.testing.translators import ScriptedTranslator
from rawmedia.translators.events import Progress
from rawmedia.translators.function import translator
from rawmedia.translators.request import TranslationRequest
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.captions.cue import Cue
    from rawmedia.sessions.direction import Direction
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.translators.events import TranslationEvent

ANA = [says(100, 500, 1), says(900, 1_300, 2)]
BOB = [says(300, 700, 3, speech_ms=900)]
# What comes 107 ms after the end is heard from the next frame on.
TO_BOB = [(620.0, voice(1)), (1_420.0, voice(2))]
TO_ANA = [(820.0, voice(3, 900))]


class TestBothDirections:
    def test_are_interpreted_at_once_and_nobody_hears_himself(self) -> None:
        """They speak and listen at the same time, as on any call; the demo could not do that."""
        call = carry(prepare(ANA, BOB))
        hears(call, call.bob, TO_BOB)
        hears(call, call.ana, TO_ANA)
        assert call.cues["a_to_b"].times == [(620, 1_020, "dit 1"), (1_420, 1_820, "dit 2")]
        assert call.cues["b_to_a"].times == [(820, 1_720, "said 3")]
        (cue,) = call.cues["b_to_a"]
        assert (cue.speaker, cue.source_text, cue.source_language) == ("bob", "said 3", "fr")
        report = call.bridge.report()
        assert report.complete
        assert [len(each.utterances) for each in report.directions.values()] == [2, 1]
        assert call.states("a_to_b") == ["translating", "ended"]
        assert call.error is None

    def test_take_their_languages_from_the_legs(self) -> None:
        """Who made the legs has said them already."""
        clock = VirtualClock()
        ana = FakeLeg(silence(500), language="en-US", name="ana", clock=clock)
        bob = FakeLeg(silence(500), language="fr", name="bob", clock=clock)
        bridge = Bridge(ana, bob, ScriptedTranslator(clock=clock))
        assert bridge.a_to_b.request.source_language == "en-US"
        assert bridge.a_to_b.request.target_languages == ("fr",)
        assert bridge.b_to_a.request.target_languages == ("en-US",)

    def test_are_in_a_report_that_is_read_back_as_it_was(self, tmp_path: Path) -> None:
        """Another program works with it after the call."""
        call = carry(prepare(ANA, BOB))
        report = call.bridge.report()
        report.write(tmp_path / "call.json")
        assert CallReport.read(tmp_path / "call.json") == report
        assert set(call.bridge.metrics()) == {"a_to_b", "b_to_a"}


class TestADirection:
    def test_whose_engine_crashes_lets_the_original_through_and_is_opened_again(self) -> None:
        """No dead air: a listener would rather hear a foreign language than nothing."""
        said = noise(4_000, seed=9)
        call = carry(
            prepare(
                [says(100, 500, 1), ScriptedCrash(at_ms=1_200, error=NetworkError("x", "gone"))],
                BOB,
                lasts_ms=4_000,
                voices={"ana": said},
                setups={"a_to_b": {"reopen_ms": 1_000.0}},
            )
        )
        heard = call.heard(call.bob)
        loud = np.abs(heard.reshape(-1, VOICE.samples(20)).astype(np.int32)).max(axis=1) > 500
        times = np.flatnonzero(loud) * 20.0
        assert times[0] == 620  # the translation, and after it, from the crash on, the original
        assert not loud[1_040 // 20 : 1_200 // 20].any()
        assert loud[1_260 // 20 : 2_180 // 20].all()
        assert not loud[2_260 // 20 :].any()
        changed = call.told("a_to_b", DirectionChanged)
        assert [event.state for event in changed] == [
            "translating",
            "passing_through",
            "translating",
            "ended",
        ]
        assert isinstance(changed[1].error, NetworkError)
        assert changed[1].retry_in_ms == 1_000
        # Who reads is told, because he can't hear that nobody translates.
        assert [(cue.start_ms, cue.text) for cue in call.cues["a_to_b"]] == [
            (pytest.approx(620), "dit 1"),
            (pytest.approx(1_200), DEFAULT_NOTICE),
        ]
        # And the other one has not noticed.
        hears(call, call.ana, TO_ANA)
        assert call.states("b_to_a") == ["translating", "ended"]
        assert call.error is None

    def test_whose_engine_fails_for_good_is_not_opened_again(self) -> None:
        """A wrong key does not get right by trying."""
        call = carry(
            prepare([ScriptedCrash(at_ms=500, error=AuthenticationError("x", "key"))], BOB)
        )
        assert call.states("a_to_b") == ["translating", "passing_through", "ended"]
        assert call.told("a_to_b", DirectionChanged)[1].retry_in_ms is None
        assert len(call.engines["a_to_b"].translations) == 1
        hears(call, call.ana, TO_ANA)

    def test_that_can_not_be_opened_at_first_is_tried_again(self) -> None:
        """The service may be down when the call begins."""
        call = prepare(ANA, BOB, setups={"a_to_b": {"reopen_ms": 500.0}})
        engine = call.engines["a_to_b"]
        engine._open_errors.append(NetworkError("x", "down"))
        carry(call)
        assert call.states("a_to_b")[:2] == ["passing_through", "translating"]
        hears(call, call.ana, TO_ANA)

    def test_may_be_switched_off_and_on_while_the_other_goes_on(self) -> None:
        """Off, its listener hears the original; on again, what is said from then on in his language."""

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(0.7)
            await call.bridge.a_to_b.disable()
            assert call.bridge.a_to_b.state == "off"
            await call.clock.sleep_until(2.0)
            await call.bridge.a_to_b.enable()

        said = noise(4_000, seed=9)
        script = [says(100, 500, 1)]
        call = carry(
            prepare(script, BOB, lasts_ms=4_000, voices={"ana": said}), meanwhile=meanwhile
        )
        heard = call.heard(call.bob)
        loud = np.abs(heard.reshape(-1, VOICE.samples(20)).astype(np.int32)).max(axis=1) > 500
        assert loud[640 // 20]  # the translation
        assert loud[760 // 20 : 1_980 // 20].all()  # the original
        assert not loud[2_100 // 20 :].any()
        assert call.states("a_to_b") == ["translating", "off", "opening", "translating", "ended"]
        assert len(call.engines["a_to_b"].translations) == 2
        hears(call, call.ana, TO_ANA)

    def test_that_begins_switched_off_opens_no_engine(self) -> None:
        """An engine costs money from the moment it is open."""
        call = carry(prepare(ANA, BOB, setups={"a_to_b": {"enabled": False}}))
        assert not call.engines["a_to_b"].translations
        hears(call, call.ana, TO_ANA)
        assert call.bridge.a_to_b.untranslated_ms == pytest.approx(3_000)

    def test_may_be_restarted(self) -> None:
        """What an operator tries first."""

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(0.7)
            await call.bridge.a_to_b.restart()

        call = carry(prepare(ANA, BOB), meanwhile=meanwhile)
        assert call.states("a_to_b") == ["translating", "off", "opening", "translating", "ended"]
        hears(call, call.ana, TO_ANA)

    def test_that_is_muted_is_neither_heard_nor_translated(self) -> None:
        """A party that mutes himself is not to be found in the captions either."""

        async def meanwhile(call: Call) -> None:
            call.bridge.a_to_b.mute()
            await call.clock.sleep_until(1.5)
            call.bridge.a_to_b.mute(on=False)

        said = noise(3_000, seed=9)
        call = carry(
            prepare(
                [],
                BOB,
                voices={"ana": said},
                setups={"a_to_b": {"mixing": Mixing(mode="captions_only")}},
            ),
            meanwhile=meanwhile,
        )
        heard = call.heard(call.bob)
        assert not heard[: VOICE.samples(1_480)].any()
        assert heard[VOICE.samples(1_560) :].any()
        (translation,) = call.engines["a_to_b"].translations
        taken = np.concatenate([frame.samples[:, 0] for frame in translation.frames])
        assert not taken[: 16 * 1_480].any()
        assert taken[16 * 1_560 :].any()
        hears(call, call.ana, TO_ANA)

    def test_may_change_its_language_and_the_listener_follows(self) -> None:
        """A new listener takes the telephone; the call is not put through again for that."""

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(0.7)
            request = TranslationRequest(source_language="en", target_languages=("es",))
            await call.bridge.a_to_b.update(request)

        call = carry(prepare(ANA, BOB), meanwhile=meanwhile)
        heard = [(event.language, event.text) for event in call.told("a_to_b", UtteranceHeard)]
        assert heard == [("fr", "dit 1"), ("es", "dicho 2")]
        hears(call, call.bob, TO_BOB)
        hears(call, call.ana, TO_ANA)

    def test_may_change_its_language_twice_at_once_and_the_listener_follows(self) -> None:
        """Who changes his mind before an engine is open hears what he asked for last."""

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(0.7)
            requests = [
                TranslationRequest(source_language="en", target_languages=(target,))
                for target in ("de", "es")
            ]
            await asyncio.gather(*(call.bridge.a_to_b.update(request) for request in requests))

        call = carry(prepare(ANA, BOB), meanwhile=meanwhile)
        heard = [(event.language, event.text) for event in call.told("a_to_b", UtteranceHeard)]
        assert heard == [("fr", "dit 1"), ("es", "dicho 2")]
        hears(call, call.bob, TO_BOB)

    def test_may_change_its_engine(self) -> None:
        """What was said before the old engine finishes; nothing is lost or doubled."""

        async def meanwhile(call: Call) -> None:
            script = [says(900, 1_300, 2)]
            other = ScriptedTranslator(script, clock=call.clock, speech_format=VOICE)
            await call.clock.sleep_until(0.55)
            await call.bridge.a_to_b.update(translator=other)

        call = carry(prepare([says(100, 500, 1)], BOB), meanwhile=meanwhile)
        assert [event.text for event in call.told("a_to_b", UtteranceHeard)] == ["dit 1", "dit 2"]
        hears(call, call.ana, TO_ANA)

    def test_may_change_its_mix(self) -> None:
        """From hearing the translation alone to hearing it over the original."""

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(0.3)
            call.bridge.a_to_b.set_mixing(Mixing(mode="duck"))

        said = noise(3_000, seed=9)
        call = carry(prepare([], BOB, voices={"ana": said}), meanwhile=meanwhile)
        heard = call.heard(call.bob)
        assert not heard[: VOICE.samples(300)].any()
        assert heard[VOICE.samples(400) : VOICE.samples(2_900)].any()
        hears(call, call.ana, TO_ANA)

    def test_that_is_interrupted_is_silent_within_a_frame_and_refuses_what_still_comes(
        self,
    ) -> None:
        """Barge-in: who begins to speak must not wait until the interpreter has finished."""
        dropped: list[float] = []

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(0.931)
            dropped.append(await call.bridge.a_to_b.interrupt())

        script = [says(100, 500, 1, speech_ms=3_000, audio_interval_ms=70.0)]
        call = carry(prepare(script, BOB), meanwhile=meanwhile)
        heard = call.heard(call.bob)
        assert heard[VOICE.samples(620) : VOICE.samples(940)].any()
        # The frame that was being heard ends at 940; in the next one it fades out within 5 ms.
        assert not heard[VOICE.samples(931 + 20) :].any()
        (left_out,) = call.told("a_to_b", SpeechLeftOut)
        assert (left_out.reason, left_out.ms) == ("interrupt", dropped[0])
        assert dropped[0] > 0
        hears(call, call.ana, TO_ANA)

    def test_whose_captions_can_not_be_written_goes_on_without_them(self) -> None:
        """A full disk is no reason to hang up on anybody."""

        class FullDisk:
            def write(self, cue: Cue) -> None:
                raise FileWriteError("out.vtt", "no space left")

        call = carry(prepare(ANA, BOB, setups={"a_to_b": {"captions": {"fr": FullDisk()}}}))
        (failed,) = call.told("a_to_b", CaptionsFailed)
        assert (failed.language, type(failed.error)) == ("fr", FileWriteError)
        hears(call, call.bob, TO_BOB)
        hears(call, call.ana, TO_ANA)
        assert len(call.cues["b_to_a"]) == 1

    def test_whose_engine_takes_no_more_audio_is_given_another(self) -> None:
        """A zombie looks alive: it has to be found out, and the other direction never waits for it."""
        call = carry(
            prepare(
                [ScriptedStall(at_ms=200, times=1), *ANA],
                BOB,
                lasts_ms=8_000,
                setups={
                    "a_to_b": {
                        "max_stall_ms": 1_000.0,
                        "reopen_ms": 100.0,
                        "request": TranslationRequest(
                            source_language="en", target_languages=("fr",), max_pending_ms=200
                        ),
                    }
                },
            )
        )
        assert call.states("a_to_b")[:3] == ["translating", "passing_through", "translating"]
        hears(call, call.ana, TO_ANA)


class TestALeg:
    def test_that_hangs_up_ends_its_side_and_the_other_is_still_captioned(self) -> None:
        """The one who stays may still be dictating."""

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(0.75)
            call.bob.hang_up()

        call = carry(prepare(ANA, BOB), meanwhile=meanwhile)
        assert call.error is None
        (warning,) = call.told("a_to_b", SessionWarning)
        assert "bob can't be reached any more" in warning.message
        # What Bob said before is translated and heard all the same.
        assert call.bridge.report().directions["b_to_a"].complete
        texts = [event.text for event in call.told("a_to_b", UtteranceHeard)]
        assert texts == ["dit 1", "dit 2"]
        assert [event.cut for event in call.told("a_to_b", UtteranceHeard)] == [True, False]

    def test_that_breaks_is_told_and_the_other_direction_ends_by_itself(self) -> None:
        """The transport says that the line is cut."""

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(0.9)
            call.bob.inbound.fail(ConnectionError("line cut"))

        call = carry(prepare(ANA, BOB), meanwhile=meanwhile)
        assert call.error is None
        assert any(
            "can't be heard any more" in warning.message
            for warning in call.told("b_to_a", SessionWarning)
        )
        # Bob's leg carries nothing any more, but what he had said is heard by Ana.
        hears(call, call.ana, TO_ANA)

    def test_that_is_suspended_delays_nobody(self) -> None:
        """A dropped socket comes back, or not; what is late by then is skipped, not piled up."""

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(0.5)
            call.bob.suspend()
            await call.clock.sleep_until(8.0)
            call.bob.resume()

        call = carry(prepare(ANA, BOB, lasts_ms=9_000), meanwhile=meanwhile)
        assert call.error is None
        assert [event.reason for event in call.told("a_to_b", SpeechLeftOut)] == ["lag", "lag"]
        assert not call.heard(call.bob).any()
        assert {event.text for event in call.told("a_to_b", UtteranceHeard)} == {"dit 1", "dit 2"}

    def test_that_never_takes_anything_is_given_up_in_the_end(self) -> None:
        """Speech for somebody who is not there must neither pile up nor hold the call."""
        script = [says(100 + 500 * n, 500 + 500 * n, n, speech_ms=1_000) for n in range(20)]
        call = prepare(script, BOB, lasts_ms=12_000, setups={"a_to_b": {"max_stall_ms": 2_000.0}})
        call.bob.suspend()

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(14.5)
            assert call.bridge.a_to_b.state == "ended"
            call.bob.hang_up()

        carry(call, meanwhile=meanwhile)
        assert call.error is None
        (warning,) = call.told("a_to_b", SessionWarning)
        assert "bob takes no audio" in warning.message
        assert [event.text for event in call.told("a_to_b", UtteranceHeard)] == [
            f"dit {n}" for n in range(20)
        ]

    def test_that_is_gone_ends_the_bridge_where_that_is_asked_for(self) -> None:
        """On a telephone call one who hangs up ends it for both."""

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(1.0)
            call.ana.hang_up()

        call = prepare(ANA, BOB, lasts_ms=60_000, ends_with="either")
        carry(call, meanwhile=meanwhile)
        assert call.error is None
        assert call.clock.now() < 61
        report = call.bridge.report()
        assert report.complete
        assert report.directions["b_to_a"].input is not None
        assert report.directions["b_to_a"].input.duration_ms < 3_000


class TestWhatIsRefused:
    def test_is_a_leg_without_a_language(self) -> None:
        """The error says which, and what to do."""
        clock = VirtualClock()
        legs = FakeLeg(name="ana", language="en", clock=clock), FakeLeg(name="bob", clock=clock)
        with pytest.raises(ConfigurationError, match="bob has no language"):
            Bridge(*legs, ScriptedTranslator(clock=clock))

    def test_is_a_bridge_without_an_engine(self) -> None:
        """There is no sensible default for what costs money."""
        clock = VirtualClock()
        ana, bob = (FakeLeg(language=language, clock=clock) for language in ("en", "fr"))
        with pytest.raises(ConfigurationError, match="a_to_b: give an engine"):
            Bridge(ana, bob)

    def test_are_legs_on_two_clocks(self) -> None:
        """Nobody could say what is heard when."""
        ana, bob = (FakeLeg(language=language, clock=VirtualClock()) for language in ("en", "fr"))
        with pytest.raises(ConfigurationError, match="different clocks"):
            Bridge(ana, bob, ScriptedTranslator())

    def test_is_an_engine_that_does_not_know_the_language(self) -> None:
        """Before anything is opened."""
        clock = VirtualClock()
        ana, bob = (FakeLeg(language=language, clock=clock) for language in ("en", "fr"))

        @translator(target_languages=["es"])
        async def spanish(
            frames: AsyncIterator[AudioFrame], request: TranslationRequest
        ) -> AsyncIterator[TranslationEvent]:
            async for _ in frames:
                yield Progress(0)

        with pytest.raises(ConfigurationError, match="fr"):
            Bridge(ana, bob, spanish)

    def test_is_a_second_run(self) -> None:
        """It has no state to begin from."""
        call = carry(prepare())

        async def again() -> None:
            await call.bridge.run()

        with pytest.raises(RuntimeError, match="once"):
            call.clock.run(again())

    def test_is_a_leg_that_somebody_else_mixes_for(self) -> None:
        """And the leg that was taken first is given back."""
        call = prepare()

        class Source:
            pending = False

            def render(self, samples: int, now: float) -> None:
                return None

        call.bob.outbound.set_source(Source())
        carry(call)
        assert isinstance(call.error, StreamUseError)
        call.ana.outbound.set_source(None)

    def test_an_error_of_the_program_is_raised(self) -> None:
        """It is the program's own, so nobody may hide it."""

        def on_event(direction: Direction, event: SessionEvent) -> None:
            if type(event) is UtteranceHeard:
                raise LookupError("my mistake")

        call = carry(prepare(ANA, BOB, on_event=on_event))
        assert isinstance(call.error, LookupError)


@pytest.mark.parametrize("at_ms", [0, 101, 520, 607, 615, 620, 750, 1_107, 1_510, 2_999, 3_001])
def test_cancelled_at_any_time_it_stops_at_once_and_leaves_nothing(at_ms: int) -> None:
    """Before, between and in the middle of everything that a bridge does."""
    call = prepare(ANA, BOB)

    async def main() -> None:
        carrying = [asyncio.create_task(leg.run()) for leg in (call.ana, call.bob)]
        bridging = asyncio.create_task(call.bridge.run())
        await call.clock.sleep_until(at_ms / 1000)
        now = call.clock.now()
        bridging.cancel()
        await asyncio.wait([bridging])
        assert call.clock.now() == now
        assert len(asyncio.all_tasks()) == 3
        for leg in (call.ana, call.bob):
            assert not leg.outbound.pending
            leg.outbound.end()
        await asyncio.wait(carrying)

    call.clock.run(main())
    assert all(each.state == "ended" for each in call.bridge.directions)


def test_what_an_engine_does_in_one_direction_never_changes_the_other() -> None:
    """Not by a sample: they share nothing."""
    quiet = carry(prepare([], BOB))
    busy = carry(
        prepare([*ANA, ScriptedCrash(at_ms=1_400, error=EngineCrashedError("x", "gone"))], BOB)
    )
    one, other = quiet.heard(quiet.ana), busy.heard(busy.ana)
    size = VOICE.samples(3_000)
    np.testing.assert_array_equal(one[:size], other[:size])


class Zombie:
    """An engine and its translation that hang where they are told to, and say nothing."""

    def __init__(self, *hangs: str) -> None:
        self.capabilities = TranslatorCapabilities(name="zombie", input_formats=(SPEECH,))
        self._hangs = hangs
        self._over = asyncio.Event()

    async def open(self, request: TranslationRequest) -> Zombie:
        await self._at("open")
        return self

    async def send(self, frame: AudioFrame) -> None:
        await self._at("send")

    async def commit(self) -> None: ...

    async def interrupt(self) -> None:
        await self._at("interrupt")

    async def update(self, request: TranslationRequest) -> None: ...

    async def end_input(self) -> None:
        await self._at("end_input")
        self._over.set()

    async def aclose(self) -> None:
        await self._at("aclose")
        self._over.set()

    def __aiter__(self) -> AsyncIterator[TranslationEvent]:
        return self

    async def __anext__(self) -> TranslationEvent:
        await self._at("anext")
        await self._over.wait()
        raise StopAsyncIteration

    async def _at(self, place: str) -> None:
        if place in self._hangs:
            await asyncio.Event().wait()


@pytest.mark.parametrize("hangs", ["open", "end_input", "anext", "aclose", "anext aclose"])
def test_an_engine_that_hangs_anywhere_does_not_hold_the_call(hangs: str) -> None:
    """Everything that an engine does has a time by which it has to be done."""
    call = prepare(
        [],
        BOB,
        engines={"a_to_b": Zombie(*hangs.split())},
        setups={"a_to_b": {"max_stall_ms": 1_000.0}},
    )
    carry(call)
    assert call.error is None
    hears(call, call.ana, TO_ANA)
    # The stall, and five seconds for closing.
    assert call.clock.now() <= 3 + 1 + 2 * 5 + 0.1
    problems = [
        *(event.error for event in call.told("a_to_b", DirectionChanged)),
        *(event.cause for event in call.told("a_to_b", SessionWarning)),
    ]
    assert any(isinstance(problem, TranslatorStalledError) for problem in problems)


def test_an_interruption_does_not_wait_for_an_engine_that_hangs_in_it() -> None:
    """It is silent already; what the engine makes of it is told."""

    async def meanwhile(call: Call) -> None:
        await call.clock.sleep_until(1.0)
        await call.bridge.a_to_b.interrupt()
        assert call.clock.now() <= 6.1

    call = prepare([], BOB, lasts_ms=7_000, engines={"a_to_b": Zombie("interrupt")})
    carry(call, meanwhile=meanwhile)
    (warning,) = call.told("a_to_b", SessionWarning)
    assert "could not be interrupted" in warning.message
