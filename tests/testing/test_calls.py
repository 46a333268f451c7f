"""Fake calls without packets: who says what is heard where and when, to the sample."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import (
    ConfigurationError,
    EndOfStreamError,
    StreamClosedError,
    StreamFailedError,
    UnreadableFileError,
)
from rawmedia.sessions.interpreter import Interpreter
from rawmedia.streams.leg import DtmfPressed, ParticipantJoined, ParticipantLeft
from rawmedia.testing.calls import FakeCall
from rawmedia.testing.clock import ScaledClock, VirtualClock
from rawmedia.testing.compare import assert_same_audio
from rawmedia.testing.legs import Lost
from rawmedia.testing.party import (
    CallHappening,
    FakeParty,
    HangsUp,
    Mutes,
    PartyAct,
    Presses,
    Says,
)
from rawmedia.testing.signals import joined, noise, silence, speech_like, tone
from rawmedia.testing.spoken_text import spoken
from rawmedia.testing.translators import ScriptedTranslator
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rawmedia.streams.inbound import InboundAudioStream
    from rawmedia.streams.leg import LegEvent
    from rawmedia.streams.outbound import OutboundAudioStream
    from rawmedia.streams.reader import AudioReader

HELLO = spoken("hello there", seed=1)


def carry(call: FakeCall, program: Callable[[], Awaitable[object]]) -> None:
    """Carry a call to its end while a program runs, which ends the outbound streams itself."""

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(call.run())
            await program()

    assert isinstance(call.clock, VirtualClock)
    call.clock.run(main(), limit=600)


async def listen(stream: AudioReader) -> AudioFrame:
    """All that comes, gaps being silence; its start is the stream's."""
    frames = [frame async for frame in stream]
    return joined([AudioFrame(b"", stream.format), *frames])


async def relay(inbound: InboundAudioStream, outbound: OutboundAudioStream) -> None:
    async for frame in inbound:
        await outbound.asend(frame)
    outbound.end()


def placed(length_ms: float, *pieces: tuple[float, AudioFrame]) -> AudioFrame:
    """Silence with audio at its places."""
    wave = np.zeros((SPEECH.samples(length_ms), 1), np.int16)
    for at_ms, audio in pieces:
        start = SPEECH.samples(at_ms)
        wave[start : start + audio.samples_per_channel] += audio.samples
    return AudioFrame(wave, SPEECH)


# Parties apart.


def test_what_is_said_comes_at_its_place_to_the_sample_on_the_partys_own_leg() -> None:
    """A translation's spans are compared with the script's times."""
    clock = VirtualClock(3)
    odd_ms = 103.4375  # a sample in the middle of a frame
    call = FakeCall([FakeParty("ana", Says(odd_ms, HELLO)), FakeParty("bob")], clock=clock)
    heard: dict[str, AudioFrame] = {}

    async def program() -> None:
        for leg in call.legs.values():
            leg.outbound.end()
        for name, leg in call.legs.items():
            heard[name] = await listen(leg.inbound)

    carry(call, program)
    length_ms = heard["ana"].duration_ms
    assert odd_ms + HELLO.duration_ms <= length_ms < odd_ms + HELLO.duration_ms + 20
    assert_same_audio(placed(length_ms, (odd_ms, HELLO.audio)), heard["ana"], snr_db=math.inf)
    assert heard["bob"].duration_ms == length_ms  # one call has one end
    assert not heard["bob"].samples.any()
    assert clock.now() == pytest.approx(3 + length_ms / 1000, abs=0.021)


def test_what_is_sent_is_heard_where_it_was_sent_and_by_nobody_else() -> None:
    clock = VirtualClock()
    call = FakeCall([FakeParty("ana", stay(1_000)), FakeParty("bob")], clock=clock)

    async def program() -> None:
        await clock.sleep_until(0.31)
        await call.legs["bob"].outbound.asend(tone(200))
        for leg in call.legs.values():
            leg.outbound.end()

    carry(call, program)
    assert_same_audio(placed(520, (320, tone(200))), call.heard("bob"), snr_db=math.inf)
    assert not call.heard("ana").samples.any()
    assert call.heard("bob").format == SPEECH
    assert call.skipped_ms("bob") == 0
    assert call.stats("bob") == (None, None)


def stay(until_ms: float) -> Says:
    """A script that only makes the call last."""
    return Says(until_ms, silence(20))


def test_a_relay_between_two_parties_delays_by_a_frame_and_its_own_end_ends_the_call() -> None:
    """The timeline is one: when a thing was said and when it was heard can be subtracted."""
    clock = VirtualClock()
    ana = FakeParty("ana", Says(100, noise(300, seed=1)))
    bob = FakeParty("bob", Says(500, noise(300, seed=2)))
    call = FakeCall([ana, bob], clock=clock)

    async def program() -> None:
        legs = call.legs
        await asyncio.gather(
            relay(legs["ana"].inbound, legs["bob"].outbound),
            relay(legs["bob"].inbound, legs["ana"].outbound),
        )

    carry(call, program)
    expected = placed(840, (140, noise(300, seed=1)))
    assert_same_audio(expected, call.heard("bob"), snr_db=math.inf)
    expected = placed(840, (540, noise(300, seed=2)))
    assert_same_audio(expected, call.heard("ana"), snr_db=math.inf)
    assert call.now_ms == 840


def test_the_context_ends_what_is_outbound_and_waits_until_it_is_heard() -> None:
    """What a test asserts after the block is the whole of it."""
    clock = VirtualClock()

    async def main() -> FakeCall:
        party = FakeParty("ana", language="en-US")
        async with FakeCall([party], stays=True, clock=clock) as call:
            leg = call.legs["ana"]
            assert (leg.name, leg.language, leg.state) == ("ana", "en-US", "attached")
            await clock.sleep_until(2)
            await leg.outbound.asend(tone(1_000))
        assert leg.state == "closed"
        return call

    call = clock.run(main())
    assert_same_audio(
        placed(3_040, (2_040, tone(1_000))), call.heard("ana"), snr_db=60, align_ms=40
    )
    assert call.heard("ana").duration_ms >= 3_000


def test_an_error_in_the_block_stops_the_call_at_once() -> None:
    clock = VirtualClock()

    async def main() -> None:
        async with FakeCall([FakeParty("ana", stay(60_000))], clock=clock) as call:
            await call.legs["ana"].inbound.arecv()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        clock.run(main())
    assert clock.now() < 1


def test_a_stream_that_fails_fails_all_the_others_and_the_call() -> None:
    clock = VirtualClock()
    call = FakeCall([FakeParty("ana", stay(5_000)), FakeParty("bob")], clock=clock)
    errors: list[BaseException] = []

    async def main() -> None:
        carrying = asyncio.create_task(call.run())
        await clock.sleep_until(1)
        call.legs["ana"].outbound.fail(OSError("line cut"))
        with pytest.raises(StreamFailedError, match="line cut"):
            await carrying
        with pytest.raises(StreamFailedError, match="line cut"):
            await listen(call.legs["bob"].inbound)
        with pytest.raises(StreamFailedError, match="line cut"):
            await call.legs["bob"].outbound.asend(tone(20))

    clock.run(main())
    assert not errors


def test_a_call_that_was_cancelled_goes_on_where_it_was() -> None:
    clock = VirtualClock()
    call = FakeCall([FakeParty("ana", Says(0, speech_like(1_000, seed=1)))], clock=clock)

    async def main() -> AudioFrame:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call.run(), 0.5)
        await clock.sleep_until(100)
        call.legs["ana"].outbound.end()
        carrying = asyncio.create_task(call.run())
        heard = await listen(call.legs["ana"].inbound)
        await carrying
        return heard

    assert_same_audio(speech_like(1_000, seed=1), clock.run(main()), snr_db=math.inf)


# What parties do.


def test_a_party_says_one_thing_after_the_other_and_the_log_has_the_times() -> None:
    clock = VirtualClock()
    script = [
        Says(100, tone(300), "first"),
        Says(150, tone(0), "nothing"),
        Says(200, tone(100), "second"),
        Says(900, HELLO),
    ]
    call = FakeCall([FakeParty("ana", script)], clock=clock)

    async def program() -> None:
        call.legs["ana"].outbound.end()

    carry(call, program)
    assert call.log == [
        CallHappening(0, "ana", "joined"),
        CallHappening(100, "ana", "said", "first"),
        CallHappening(400, "ana", "said", "second"),
        CallHappening(900, "ana", "said", "hello there"),
    ]


def test_mute_silences_what_is_said_and_goes_at_frames() -> None:
    clock = VirtualClock()
    script: list[PartyAct] = [Says(0, noise(400, seed=1)), Mutes(95, until_ms=201), Mutes(300)]
    call = FakeCall([FakeParty("ana", script)], clock=clock)
    heard: list[AudioFrame] = []

    async def program() -> None:
        call.legs["ana"].outbound.end()
        heard.append(await listen(call.legs["ana"].inbound))

    carry(call, program)
    wave = noise(400, seed=1).samples.copy()
    wave[SPEECH.samples(100) : SPEECH.samples(220)] = 0
    wave[SPEECH.samples(300) :] = 0
    np.testing.assert_array_equal(heard[0].samples, wave)
    assert [(each.at_ms, each.what) for each in call.log[2:]] == [
        (100, "muted"),
        (220, "unmuted"),
        (300, "muted"),
    ]


def test_keys_are_events_of_the_leg_in_their_time() -> None:
    clock = VirtualClock()
    call = FakeCall([FakeParty("ana", Presses(100, "1a#", key_ms=60, pause_ms=40))], clock=clock)
    pressed: list[tuple[float, LegEvent]] = []

    async def program() -> None:
        call.legs["ana"].outbound.end()
        for _ in range(3):
            event = await call.legs["ana"].events.get()
            pressed.append((round(clock.now() * 1000), event))

    carry(call, program)
    assert pressed == [
        (120, DtmfPressed("1")),
        (220, DtmfPressed("A")),
        (320, DtmfPressed("#")),
    ]
    assert [each.detail for each in call.log if each.what == "pressed"] == ["1", "A", "#"]


def test_who_hangs_up_is_gone_and_the_others_go_on() -> None:
    clock = VirtualClock()
    ana = FakeParty("ana", [Says(0, noise(1_000, seed=1)), HangsUp(500)])
    call = FakeCall([ana, FakeParty("bob", stay(1_500))], clock=clock)
    heard: dict[str, AudioFrame] = {}

    async def program() -> None:
        legs = call.legs
        heard["ana"] = await listen(legs["ana"].inbound)
        assert 0.5 <= clock.now() <= 0.541
        with pytest.raises(StreamClosedError):
            await legs["ana"].outbound.asend(tone(20))
        heard["bob"] = await listen(legs["bob"].inbound)
        legs["bob"].outbound.end()

    carry(call, program)
    assert_same_audio(noise(500, seed=1), heard["ana"], snr_db=math.inf)
    assert heard["bob"].duration_ms == 1_520
    assert call.heard("ana").duration_ms <= 520
    assert ana.gone
    assert CallHappening(500, "ana", "left") in call.log


def test_who_joins_late_begins_a_media_time_of_its_own_and_has_heard_silence_before() -> None:
    """The recordings of all parties have one timeline; streams begin when somebody comes."""
    clock = VirtualClock()
    bob = FakeParty("bob", Says(700, HELLO), joins_ms=490)
    call = FakeCall([FakeParty("ana", stay(2_000)), bob], clock=clock)
    heard: list[AudioFrame] = []

    async def program() -> None:
        legs = call.legs
        await legs["bob"].outbound.asend(tone(400))
        for leg in legs.values():
            leg.outbound.end()
        heard.append(await listen(legs["bob"].inbound))

    carry(call, program)
    assert bob.joins_ms == 500
    assert_same_audio(placed(900, (500, tone(400))), call.heard("bob"), snr_db=math.inf)
    assert_same_audio(placed(heard[0].duration_ms, (200, HELLO.audio)), heard[0], snr_db=math.inf)
    assert CallHappening(500, "bob", "joined") in call.log


def test_nobody_has_heard_anything_who_never_came() -> None:
    clock = VirtualClock()
    call = FakeCall([FakeParty("ana", joins_ms=5_000)], clock=clock)

    async def program() -> None:
        await clock.sleep_until(1)
        call.hang_up()
        with pytest.raises(EndOfStreamError):
            await call.legs["ana"].inbound.arecv()

    carry(call, program)
    assert call.heard("ana").duration_ms == 0
    assert call.log == []


def test_a_test_may_act_in_mid_call_and_invite() -> None:
    """Reactions to what the program does can't be in a script."""
    clock = VirtualClock()
    ana = FakeParty("ana")
    happened: list[LegEvent] = []

    async def main() -> FakeCall:
        async with FakeCall([ana], stays=True, clock=clock) as call:
            await clock.sleep_until(1.005)
            ana.say(tone(100), "a tone")
            ana.mute()
            await clock.sleep_until(1.505)
            ana.unmute()
            ana.press("7")
            carla = FakeParty("carla", Says(100, tone(40), "late"))
            call.invite(carla)
            happened.append(await call.legs["ana"].events.get())
            await clock.sleep_until(2.005)
            ana.hang_up()
            ana.hang_up()
            await clock.sleep_until(2.5)
        assert call.parties == {"ana": ana, "carla": carla}
        return call

    call = clock.run(main())
    assert happened == [DtmfPressed("7")]
    assert [(each.at_ms, each.party, each.what, each.detail) for each in call.log] == [
        (0, "ana", "joined", ""),
        (1_000, "ana", "muted", ""),
        (1_000, "ana", "said", "a tone"),
        (1_500, "ana", "unmuted", ""),
        (1_500, "ana", "pressed", "7"),
        (1_520, "carla", "joined", ""),
        (1_520, "carla", "said", "late"),
        (2_000, "ana", "left", ""),
    ]


def test_frames_arrays_and_files_are_said_in_the_partys_format(tmp_path: object) -> None:
    clock = VirtualClock()
    wave = noise(100, seed=1, format=TELEPHONY).samples
    script = [Says(0, wave), Says(200, tone(100, format=WEBRTC))]
    call = FakeCall([FakeParty("ana", script, format=TELEPHONY)], clock=clock)
    heard: list[AudioFrame] = []

    async def program() -> None:
        call.legs["ana"].outbound.end()
        heard.append(await listen(call.legs["ana"].inbound))

    carry(call, program)
    assert heard[0].format == TELEPHONY
    np.testing.assert_array_equal(heard[0].samples[:800], wave)
    expected = tone(100, format=TELEPHONY)
    got = AudioFrame(heard[0].samples[1_600:], TELEPHONY)
    assert_same_audio(expected, got, snr_db=20)
    with pytest.raises(UnreadableFileError):
        FakeParty("ana", Says(0, f"{tmp_path}/missing.wav"))


def test_a_suspended_leg_leaves_a_gap_and_hears_silence() -> None:
    clock = VirtualClock()
    call = FakeCall([FakeParty("ana", Says(0, noise(1_000, seed=1)))], clock=clock)
    leg = call.legs["ana"]

    async def program() -> None:
        await leg.outbound.asend(noise(800, seed=2))
        leg.outbound.end()
        await clock.sleep_until(0.29)
        leg.suspend()
        await clock.sleep_until(0.49)
        leg.resume()
        heard = await listen(leg.inbound)
        assert_same_audio(noise(1_000, seed=1), heard, snr_db=0)
        assert not heard.samples[SPEECH.samples(290) : SPEECH.samples(480)].any()
        np.testing.assert_array_equal(
            heard.samples[SPEECH.samples(480) :],
            noise(1_000, seed=1).samples[SPEECH.samples(480) :],
        )

    carry(call, program)
    assert leg.inbound.stats.gap_ms == 200
    assert leg.outbound.stats.underruns == 0


def test_a_program_that_closes_its_streams_is_left_alone() -> None:
    clock = VirtualClock()
    call = FakeCall([FakeParty("ana", stay(500))], clock=clock)

    async def program() -> None:
        await clock.sleep_until(0.21)
        call.legs["ana"].inbound.close()
        call.legs["ana"].outbound.close()

    carry(call, program)
    assert call.heard("ana").duration_ms == 220


def test_recordings_are_bounded() -> None:
    clock = VirtualClock()
    call = FakeCall([FakeParty("ana", stay(500))], max_recorded_ms=100, clock=clock)

    async def program() -> None:
        await clock.sleep_until(0.4)
        call.legs["ana"].outbound.end()

    carry(call, program)
    assert call.heard("ana").duration_ms == 100


# Parties together.


@pytest.mark.parametrize("layout", ["separated", "mixed"])
def test_parties_in_one_call_hear_each_other_and_the_program_but_not_themselves(
    layout: str,
) -> None:
    clock = VirtualClock()
    said = {name: noise(200, seed=seed, peak_dbfs=-20) for seed, name in enumerate("abc")}
    parties = [FakeParty(name, Says(100, audio)) for name, audio in said.items()]
    call = FakeCall(parties, layout=layout, clock=clock)  # type: ignore[arg-type]  # of a parameter
    mixed: list[AudioFrame] = []
    announced = noise(200, seed=9, peak_dbfs=-20)

    async def program() -> None:
        await call.leg.outbound.asend(announced)
        call.leg.outbound.end()
        mixed.append(await listen(call.leg.inbound))

    carry(call, program)
    everybody = placed(mixed[0].duration_ms, *((100, audio) for audio in said.values()))
    np.testing.assert_array_equal(mixed[0].samples, everybody.samples)
    for name in said:
        others = [(120.0, audio) for other, audio in said.items() if other != name]
        expected = placed(call.heard(name).duration_ms, (0, announced), *others)
        np.testing.assert_array_equal(call.heard(name).samples, expected.samples)
    assert call.legs == {}


def test_separated_participants_come_and_go_with_streams_of_their_own() -> None:
    clock = VirtualClock()
    ana = FakeParty("ana", [Says(200, tone(100)), Presses(220, "5"), HangsUp(600)])
    bob = FakeParty("bob", Says(700, HELLO), joins_ms=400)
    call = FakeCall([ana, bob], layout="separated", clock=clock)
    happened: list[tuple[float, LegEvent]] = []
    heard: dict[str, AudioFrame] = {}

    async def follow(name: str) -> None:
        frames = [frame async for frame in call.leg.participants[name]]
        assert {frame.source for frame in frames} == {name}
        heard[name] = joined(frames)

    async def program() -> None:
        call.leg.outbound.end()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(5):
                event = await call.leg.events.get()
                happened.append((round(clock.now() * 1000), event))
                if isinstance(event, ParticipantJoined):
                    tasks.create_task(follow(event.participant))
        assert not call.leg.participants

    carry(call, program)
    assert happened == [
        (0, ParticipantJoined("ana")),
        (240, DtmfPressed("5", "ana")),
        (400, ParticipantJoined("bob")),
        (620, ParticipantLeft("ana")),
        (round(700 + HELLO.duration_ms) // 20 * 20 + 20, ParticipantLeft("bob")),
    ]
    assert_same_audio(placed(600, (200, tone(100))), heard["ana"], snr_db=math.inf)
    assert_same_audio(placed(900, (300, HELLO.audio)), heard["bob"], snr_db=math.inf)


def test_in_a_mixed_call_nobody_is_apart_but_keys_say_whose_they_are() -> None:
    clock = VirtualClock()
    call = FakeCall([FakeParty("ana", Presses(0, "1"))], layout="mixed", clock=clock)

    async def program() -> None:
        call.leg.outbound.end()
        assert await call.leg.events.get() == DtmfPressed("1", "ana")
        assert not call.leg.participants

    carry(call, program)


def test_parties_of_other_formats_are_converted_into_the_call() -> None:
    clock = VirtualClock()
    ana = FakeParty("ana", Says(100, tone(400, format=TELEPHONY)), format=TELEPHONY)
    bob = FakeParty("bob", format=AudioFormat(48_000, 2))
    call = FakeCall([ana, bob], layout="mixed", format=SPEECH, clock=clock)

    async def program() -> None:
        call.leg.outbound.end()
        heard = await listen(call.leg.inbound)
        assert_same_audio(placed(520, (100, tone(400))), heard, snr_db=25, align_ms=5)

    carry(call, program)
    heard = call.heard("bob")
    assert heard.format == AudioFormat(48_000, 2)
    expected = tone(400, format=heard.format)
    got = AudioFrame(heard.samples[heard.format.samples(120) :], heard.format)
    assert_same_audio(expected, got, snr_db=20, align_ms=10)


def test_a_participants_stream_that_the_program_closes_disturbs_nobody() -> None:
    clock = VirtualClock()
    call = FakeCall(
        [FakeParty("ana", Says(0, noise(400, seed=1)))], layout="separated", clock=clock
    )

    async def program() -> None:
        call.leg.outbound.end()
        await call.leg.events.get()
        call.leg.participants["ana"].close()
        assert_same_audio(noise(400, seed=1), await listen(call.leg.inbound), snr_db=math.inf)

    carry(call, program)


def test_the_suspended_leg_of_a_call_misses_what_others_still_hear() -> None:
    clock = VirtualClock()
    parties = [FakeParty("ana", Says(0, noise(400, seed=1))), FakeParty("bob")]
    call = FakeCall(parties, layout="mixed", clock=clock)

    async def program() -> None:
        call.leg.suspend()
        await clock.sleep_until(0.21)
        call.leg.resume()
        call.leg.outbound.end()
        heard = await listen(call.leg.inbound)
        np.testing.assert_array_equal(heard.samples[3_200:], noise(400, seed=1).samples[3_200:])

    carry(call, program)
    assert call.leg.inbound.stats.gap_ms == 200
    expected = placed(420, (20, noise(400, seed=1)))
    assert_same_audio(expected, call.heard("bob"), snr_db=math.inf)


# Scripts and engines.


def test_a_scripted_engine_answers_what_a_party_says_in_its_own_media_time() -> None:
    clock = VirtualClock()
    ana = FakeParty("ana", [Says(900, HELLO), Says(1_000, tone(200))], joins_ms=500)
    assert (
        ana.answered({"hello there": {"es": "hola"}}, delay_ms=200, audio=300.0)[0].start_ms == 400
    )
    call = FakeCall([ana, FakeParty("bob", stay(3_000))], clock=clock)
    engine = ScriptedTranslator(
        ana.answered({"hello there": {"es": "hola"}}, delay_ms=200, audio=300.0), clock=clock
    )
    request = TranslationRequest(source_language="en", target_languages=("es",))

    async def program() -> None:
        legs = call.legs
        session = Interpreter(legs["ana"].inbound, engine, legs["bob"].outbound, request)
        report = await session.run()
        assert [each.source_text for each in report.utterances] == ["hello there"]
        assert report.utterances[0].end_ms == 400 + HELLO.duration_ms
        for leg in legs.values():
            leg.outbound.end()

    carry(call, program)
    sound = np.flatnonzero(call.heard("bob").samples)
    assert SPEECH.duration_ms(int(sound[0])) == pytest.approx(1_100 + HELLO.duration_ms, abs=45)


def test_words_have_the_times_at_which_they_will_be_said() -> None:
    ana = FakeParty("ana", [Says(500, spoken("one, two")), Says(510, spoken("three"))])
    words = ana.words()
    assert [word for *_, word in words] == ["one,", "two", "three"]
    assert words[0][0] == 500
    assert words[2][0] == pytest.approx(words[1][1])  # "three" waits for "two"


def test_a_call_on_a_scaled_clock_is_the_same_call() -> None:
    """Native engines need real threads, and time that they can live in."""
    clock = ScaledClock(20)
    ana = FakeParty("ana", Says(100, noise(300, seed=1)))

    async def main() -> FakeCall:
        async with FakeCall([ana], stays=True, clock=clock) as call:
            call.legs["ana"].inbound.on_frame(frames.append)
            await clock.sleep_until(clock.now() + 0.6)
        return call

    frames: list[AudioFrame] = []
    call = asyncio.run(main())
    assert_same_audio(placed(500, (100, noise(300, seed=1))), joined(frames), snr_db=math.inf)
    assert call.log[1:] == [CallHappening(100, "ana", "said")]


def wrong() -> list[tuple[str, Callable[[], object]]]:
    return [
        ("two of the name", lambda: FakeCall([FakeParty("a"), FakeParty("a")])),
        ("layout", lambda: FakeCall([], layout="alone")),  # type: ignore[arg-type]
        ("see legs", lambda: FakeCall([]).leg),
        ("whole samples", lambda: FakeCall([], format=AudioFormat(11_025))),
        ("whole samples", lambda: FakeParty("a", format=AudioFormat(11_025))),
        ("joins_ms", lambda: FakeParty("a", joins_ms=-1)),
        ("at_ms", lambda: FakeParty("a", Says(math.nan, tone(20)))),
        ("until_ms", lambda: FakeParty("a", Mutes(0, -math.inf))),
        ("key", lambda: FakeParty("a", Presses(0, "12x"))),
        ("link", lambda: FakeParty("a", Says(0, Lost(20)))),
    ]


@pytest.mark.parametrize(("problem", "make"), wrong(), ids=[each for each, _ in wrong()])
def test_what_cannot_be_is_refused_before_the_call(
    problem: str, make: Callable[[], object]
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        make()
