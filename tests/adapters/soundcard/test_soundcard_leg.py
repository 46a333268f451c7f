"""A leg of a microphone and a loudspeaker, over a fake sound card in virtual time."""

from __future__ import annotations

import asyncio
import pickle
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sound_measures import holes_ms, pitch_hz, sounding

from rawmedia.adapters.soundcard import (
    DeviceLostError,
    DeviceNotFoundError,
    DeviceOpenError,
    Direction,
    SoundCardConfig,
    SoundCardLeg,
    SoundDevice,
)
from rawmedia.audio.format import SPEECH, WIDEBAND_VOICE, AudioFormat
from rawmedia.errors import (
    ConfigurationError,
    StreamError,
    StreamFailedError,
    StreamUseError,
    UnsupportedFormatError,
)
from rawmedia.testing import VirtualClock, speech_like, tone
from rawmedia.testing.checks import check_leg
from rawmedia.testing.fake_soundcard import LOUDSPEAKER, MICROPHONE, FakeSoundCard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rawmedia.audio.frame import AudioFrame


def at_the_desk(
    script: Callable[[SoundCardLeg, FakeSoundCard], Awaitable[object]],
    config: SoundCardConfig | None = None,
    *,
    leg: dict[str, Any] | None = None,
    **card: Any,
) -> None:
    """Run a script with an open leg."""
    clock = VirtualClock()

    async def main() -> None:
        fake = FakeSoundCard(clock, **card)
        async with SoundCardLeg(config, backend=fake, clock=clock, **(leg or {})) as opened:
            await script(opened, fake)

    clock.run(main())


async def passes(leg: SoundCardLeg, ms: float) -> None:
    await leg.clock.sleep_until(leg.clock.now() + ms / 1000)


async def listen(leg: SoundCardLeg, ms: float) -> list[AudioFrame]:
    """All that the microphone brings in such a time."""
    frames: list[AudioFrame] = []

    async def read() -> None:
        async for frame in leg.inbound:
            frames.append(frame)

    reading = asyncio.create_task(read())
    await passes(leg, ms)
    reading.cancel()
    return frames


def joined(frames: list[AudioFrame]) -> np.ndarray[Any, Any]:
    return np.concatenate([frame.samples for frame in frames])


def test_what_the_microphone_hears_comes_in_and_what_goes_out_is_played() -> None:
    """Both ways at once, converted between the devices' format and the leg's."""

    async def script(leg: SoundCardLeg, card: FakeSoundCard) -> None:
        await leg.outbound.asend(tone(1_000, hz=700, format=WIDEBAND_VOICE))
        frames = await listen(leg, 1_500)
        heard = joined(frames)[:16_000]
        assert pitch_hz(heard[1_600:12_800], SPEECH.sample_rate) == pytest.approx(300, rel=1e-3)
        played = card.heard()
        assert played.format.sample_rate == 48_000
        loud = np.flatnonzero(np.abs(played.samples[:, 0].astype(int)) > 500)
        part = played.samples[loud[0] + 2_000 : loud[-1] - 2_000]
        assert pitch_hz(part, 48_000) == pytest.approx(700, rel=1e-3)
        assert len(loud) / 48_000 > 0.8

    at_the_desk(script, hears=tone(1_000, hz=300))


def test_a_leg_of_a_sound_card_keeps_every_promise() -> None:
    """What is written of legs holds for this one."""
    clock = VirtualClock()

    def make() -> SoundCardLeg:
        return SoundCardLeg(backend=FakeSoundCard(clock), clock=clock)

    clock.run(check_leg(make))


@pytest.mark.untraced
@pytest.mark.parametrize("ppm", [-300.0, 300.0])
def test_clocks_that_drift_change_no_pitch_and_pile_nothing_up(ppm: float) -> None:
    """Two minutes, after which an uncompensated stream would be 36 ms off, and for ever more."""

    async def script(leg: SoundCardLeg, card: FakeSoundCard) -> None:
        piece = tone(1_000, hz=700, format=WIDEBAND_VOICE)

        async def talk() -> None:
            while True:
                await leg.outbound.asend(piece)

        talking = asyncio.create_task(talk())
        frames = await listen(leg, 120_000)
        talking.cancel()
        heard = joined(frames)
        # The clock says how much there must be; a device's clock that is off by 300 ppm does not.
        assert len(heard) / SPEECH.sample_rate == pytest.approx(120, abs=0.04)
        late = heard[-20 * SPEECH.sample_rate :]
        assert pitch_hz(late, SPEECH.sample_rate) == pytest.approx(300, rel=2e-4)
        played = card.heard().samples[-20 * 48_000 :]
        assert pitch_hz(played, 48_000) == pytest.approx(700, rel=2e-4)
        stats = leg.stats
        assert stats.input_ppm == pytest.approx(ppm, abs=30)
        assert stats.output_ppm == pytest.approx(-ppm, abs=30)
        assert not stats.input_overflows
        assert not stats.output_underflows
        pulled_s = leg.outbound.stats.pulled_position / WIDEBAND_VOICE.sample_rate
        assert pulled_s == pytest.approx(120, abs=0.1)

    at_the_desk(script, hears=tone(121_000, hz=300), input_ppm=ppm, output_ppm=-ppm)


def test_audio_that_a_device_loses_is_counted() -> None:
    """The sound system says so; a program shows it to whoever wonders about crackles."""

    async def script(leg: SoundCardLeg, card: FakeSoundCard) -> None:
        await listen(leg, 200)
        card.drop("input")
        card.drop("output")
        await listen(leg, 200)
        assert leg.stats.input_overflows == 1
        assert leg.stats.output_underflows == 1

    at_the_desk(script)


def test_a_device_that_stood_still_leaves_a_gap_and_keeps_time() -> None:
    """Audio after it is at its place in time, as if it had been silent meanwhile."""

    async def script(leg: SoundCardLeg, card: FakeSoundCard) -> None:
        await listen(leg, 6_000)
        for times in (1, 2):
            card.stand_still("input", 500)
            card.stand_still("output", 500)
            await listen(leg, 6_000)
            stats = leg.inbound.stats
            position_s = stats.position / SPEECH.sample_rate
            assert position_s == pytest.approx(6 + 6 * times, abs=0.1)
            assert stats.gap_ms == pytest.approx(500 * times, abs=60 * times)
            assert leg.stats.output_stalled_ms == pytest.approx(500 * times, abs=60 * times)

    at_the_desk(script, hears=tone(20_000, hz=300))


async def until_it_fails(leg: SoundCardLeg, direction: str) -> None:
    """Use a side of the leg for as long as it can be used."""
    while direction == "input":
        await leg.inbound.arecv(timeout=20)
    while True:
        await leg.outbound.asend(tone(500, format=WIDEBAND_VOICE), timeout=20)


@pytest.mark.parametrize("silently", [False, True])
@pytest.mark.parametrize("direction", ["input", "output"])
def test_a_device_that_vanishes_ends_its_side_alone(direction: Any, silently: bool) -> None:
    """Also where the sound system does not say that it is gone."""

    async def script(leg: SoundCardLeg, card: FakeSoundCard) -> None:
        await listen(leg, 5_000)
        gone = leg.clock.now()
        card.unplug(direction, silently=silently)
        with pytest.raises(StreamFailedError) as failed:
            await until_it_fails(leg, direction)
        assert leg.clock.now() - gone == (pytest.approx(3, abs=0.3) if silently else 0)
        cause = failed.value.cause
        assert isinstance(cause, DeviceLostError)
        assert ("it gave no sign" if silently else "it stopped") in cause.problem
        assert cause.direction == direction
        assert cause.device in (MICROPHONE.name, LOUDSPEAKER.name)
        if direction == "input":
            await leg.outbound.asend(tone(100, format=WIDEBAND_VOICE))
            assert await leg.outbound.adrain(timeout=5)
        else:
            assert await listen(leg, 200)

    at_the_desk(script, hears=tone(20_000, hz=300))


def test_a_device_that_takes_its_time_to_begin_is_not_lost() -> None:
    """A headset over Bluetooth changes its profile first, which takes longer than a block may."""

    async def script(leg: SoundCardLeg, card: FakeSoundCard) -> None:
        for direction in ("input", "output"):
            card.stand_still(direction, 8_000)
        heard = joined(await listen(leg, 10_000))
        assert pitch_hz(heard[1_600:], SPEECH.sample_rate) == pytest.approx(300, rel=1e-3)
        await leg.outbound.asend(tone(100, format=WIDEBAND_VOICE))
        assert await leg.outbound.adrain(timeout=5)

    at_the_desk(script, SoundCardConfig(lost_after_s=1), hears=tone(20_000, hz=300))


@pytest.mark.parametrize("direction", ["input", "output"])
def test_a_device_that_never_begins_is_lost_in_the_end(direction: Any) -> None:
    """Somebody waits for it."""

    async def script(leg: SoundCardLeg, card: FakeSoundCard) -> None:
        card.unplug(direction, silently=True)
        with pytest.raises(StreamFailedError) as failed:
            await until_it_fails(leg, direction)
        assert isinstance(failed.value.cause, DeviceLostError)
        assert 10 <= leg.clock.now() <= 11

    at_the_desk(script, SoundCardConfig(lost_after_s=1))


def test_what_was_heard_is_known_to_be_played() -> None:
    """Drains and marks follow the device, its latency included."""

    async def script(leg: SoundCardLeg, card: FakeSoundCard) -> None:
        await passes(leg, 100)
        began = leg.clock.now()
        await leg.outbound.asend(tone(600, format=WIDEBAND_VOICE))
        leg.outbound.end_segment()
        assert await leg.outbound.adrain(timeout=5)
        assert 0.6 <= leg.clock.now() - began <= 0.75
        assert not leg.outbound.stats.played_is_estimate

    at_the_desk(script)


def opening(error: type[Exception], config: SoundCardConfig | None = None, **card: Any) -> Any:
    """Open a leg that can't be, and see that nothing is left open."""
    clock = VirtualClock()

    async def main() -> Any:
        fake = FakeSoundCard(clock, **card)
        leg = SoundCardLeg(config, backend=fake, clock=clock)
        with pytest.raises(error) as refused:
            await leg.__aenter__()
        assert leg.state == "closed"
        return refused.value

    return clock.run(main())


HEADSETS = (
    MICROPHONE,
    LOUDSPEAKER,
    SoundDevice(2, "USB Headset A", "fake", 1, 2, 48_000),
    SoundDevice(3, "USB Headset B", "fake", 1, 2, 44_100),
)


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ("usb", "2 fit 'usb'"),
        ("nothing", "none fit"),
        (9, "none fit 9"),
        (1, "none fit 1"),
        ("", "none fit ''"),
    ],
)
def test_a_device_that_is_not_there_is_told_with_those_that_are(
    wanted: str | int, problem: str
) -> None:
    """Before any is opened; a loudspeaker is no microphone."""
    error = opening(DeviceNotFoundError, SoundCardConfig(input_device=wanted), devices=HEADSETS)
    assert problem in str(error)
    assert "2 USB Headset A (fake)" in str(error)
    assert isinstance(error, ConfigurationError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("wanted", [2, "USB Headset A", "headset a", "HEADSET A"])
def test_a_device_is_chosen_by_number_or_by_a_part_of_its_name(wanted: str | int) -> None:
    """In any case, as people type."""

    async def script(leg: SoundCardLeg, card: FakeSoundCard) -> None:
        assert leg.stats.input_device == "USB Headset A"
        assert leg.stats.output_device == LOUDSPEAKER.name
        assert [(name, way) for name, way, _ in card.opened] == [
            ("USB Headset A", "input"),
            (LOUDSPEAKER.name, "output"),
        ]

    at_the_desk(script, SoundCardConfig(input_device=wanted), devices=HEADSETS)


def test_a_whole_name_goes_before_a_part_of_another() -> None:
    """Else nobody could choose it."""
    longer = SoundDevice(2, "USB Headset Pro", "fake", 1, 2, 48_000)
    shorter = SoundDevice(3, "USB Headset", "fake", 1, 2, 48_000)

    async def script(leg: SoundCardLeg, card: FakeSoundCard) -> None:
        assert leg.stats.input_device == "USB Headset"

    at_the_desk(
        script,
        SoundCardConfig(input_device="usb headset"),
        devices=[longer, shorter, LOUDSPEAKER],
    )


def test_a_device_that_two_systems_list_is_chosen_with_its_system() -> None:
    """The names alone are the same."""
    both = [
        SoundDevice(number, "USB", system, 1, 2, 48_000)
        for number, system in enumerate(["ALSA", "JACK"], 5)
    ]

    async def script(leg: SoundCardLeg, card: FakeSoundCard) -> None:
        assert leg.stats.input_device == "USB"

    at_the_desk(
        script, SoundCardConfig(input_device="usb (jack)"), devices=[*both[1:], LOUDSPEAKER]
    )
    error = opening(DeviceNotFoundError, SoundCardConfig(input_device="usb"), devices=both)
    assert "2 fit 'usb'; there are: 5 USB (ALSA); 6 USB (JACK)" in str(error)


def test_a_device_that_is_busy_is_told_so() -> None:
    """Not that its formats are strange, though it refuses each of them."""
    error = opening(DeviceOpenError, busy=[LOUDSPEAKER.name])
    assert "it is busy" in str(error)
    assert LOUDSPEAKER.name in str(error)
    assert error.retryable
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


class OddDriver(FakeSoundCard):
    """Refuses every rate but one as if it were busy."""

    def takes(self, device: SoundDevice, direction: Direction, format: AudioFormat) -> bool:
        if format.sample_rate != 44_100:
            raise DeviceOpenError(device.name, direction, "it is busy")
        return super().takes(device, direction, format)


def test_a_driver_that_refuses_a_format_in_other_words_is_asked_for_another() -> None:
    """Some of ALSA's answer so."""
    clock = VirtualClock()

    async def main() -> None:
        async with SoundCardLeg(backend=OddDriver(clock), clock=clock) as leg:
            assert leg.stats.input_format == AudioFormat(44_100)

    clock.run(main())


def test_a_device_that_can_not_be_opened_leaves_none_open() -> None:
    """The one that was opened before it is given back."""
    clock = VirtualClock()

    async def main() -> None:
        card = FakeSoundCard(clock)
        card.unplug("output")
        with pytest.raises(DeviceOpenError, match="it is gone"):
            await SoundCardLeg(backend=card, clock=clock).__aenter__()
        assert [way for _, way, _ in card.opened] == ["input"]
        assert card.open_streams == 0

    clock.run(main())


def test_no_default_and_no_format_are_told() -> None:
    """Machines without a sound card are where servers run."""
    assert "no default" in str(opening(DeviceNotFoundError, devices=()))
    odd = AudioFormat(11_025)
    opening(UnsupportedFormatError, formats=[odd])


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_whatever_the_device_takes_is_converted(rate: int, channels: int) -> None:
    """A headset of 16 kHz, and a card of 44.1 kHz in stereo."""
    layout = AudioFormat(rate, channels)

    async def script(leg: SoundCardLeg, card: FakeSoundCard) -> None:
        frames = await listen(leg, 1_200)
        assert leg.stats.input_format == layout
        heard = joined(frames)
        assert pitch_hz(heard[2_000:12_000], SPEECH.sample_rate) == pytest.approx(300, rel=1e-3)

    wide = (
        SoundDevice(0, "in", "fake", 2, 0, 48_000, default_input=True),
        LOUDSPEAKER,
    )
    at_the_desk(script, hears=tone(1_500, hz=300), formats=[layout], devices=wide)


@pytest.mark.parametrize("block_ms", [3.0, 7.5, 100.0])
def test_blocks_of_any_length_do(block_ms: float) -> None:
    """A device gives what it likes, whatever it is asked for."""

    async def script(leg: SoundCardLeg, card: FakeSoundCard) -> None:
        await leg.outbound.asend(tone(1_500, hz=700, format=WIDEBAND_VOICE))
        heard = joined(await listen(leg, 2_000))
        assert pitch_hz(heard[2_000:28_000], SPEECH.sample_rate) == pytest.approx(300, rel=1e-3)
        played = sounding(card.heard().samples)
        assert len(played) / 48_000 == pytest.approx(1.5, abs=0.01)
        assert not holes_ms(played, 48_000)

    at_the_desk(script, hears=tone(3_000, hz=300), block_ms=block_ms)


def test_without_headphones_the_microphone_hears_the_loudspeaker() -> None:
    """What keeps an engine from hearing itself is tried with it, clocks that drift included."""

    async def script(leg: SoundCardLeg, card: FakeSoundCard) -> None:
        await leg.outbound.asend(tone(1_500, hz=700, format=WIDEBAND_VOICE))
        heard = sounding(joined(await listen(leg, 2_000)))
        assert pitch_hz(heard[1_600:-1_600], SPEECH.sample_rate) == pytest.approx(700, rel=1e-3)
        loudest = np.abs(heard).max() / np.abs(card.heard().samples).max()
        assert loudest == pytest.approx(0.5, abs=0.02)
        assert len(heard) / SPEECH.sample_rate == pytest.approx(1.5, abs=0.01)
        assert not holes_ms(heard, SPEECH.sample_rate)

    at_the_desk(script, echo=0.5, input_ppm=200, output_ppm=-200)


def test_a_program_that_does_not_read_costs_a_bounded_amount() -> None:
    """And what it sends beyond the bound waits."""

    async def script(leg: SoundCardLeg, card: FakeSoundCard) -> None:
        await passes(leg, 5_000)
        assert leg.inbound.stats.buffered_ms <= 500
        assert leg.inbound.stats.overrun_ms > 4_000
        with pytest.raises(StreamError):
            await leg.outbound.asend(speech_like(5_000, seed=1, format=WIDEBAND_VOICE), timeout=1)

    at_the_desk(script, SoundCardConfig(capacity_ms=500))


def test_a_leg_is_opened_once() -> None:
    """A closed one stays closed."""
    clock = VirtualClock()

    async def main() -> None:
        leg = SoundCardLeg(backend=FakeSoundCard(clock), clock=clock)
        with pytest.raises(StreamUseError):
            _ = leg.stats
        async with leg:
            with pytest.raises(StreamUseError):
                await leg.__aenter__()
        await leg.aclose()
        with pytest.raises(StreamUseError):
            await leg.__aenter__()
        never = SoundCardLeg(backend=FakeSoundCard(clock), clock=clock)
        await never.aclose()
        with pytest.raises(StreamUseError):
            await never.__aenter__()

    clock.run(main())


class SlowSoundCard(FakeSoundCard):
    """Takes until it is let go to say what devices it has."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.asked, self.let_go = threading.Event(), threading.Event()

    def devices(self) -> tuple[SoundDevice, ...]:
        self.asked.set()
        assert self.let_go.wait(60)
        return super().devices()


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_leg_that_is_given_up_while_it_opens_leaves_nothing_open(cancelled: bool) -> None:
    """Devices take their time, and people don't."""
    clock = VirtualClock()

    async def main() -> None:
        card = SlowSoundCard(clock)
        leg = SoundCardLeg(backend=card, clock=clock)
        opening = asyncio.create_task(leg.__aenter__())
        assert await asyncio.to_thread(card.asked.wait, 60)
        if cancelled:
            opening.cancel()
        closing = asyncio.create_task(leg.aclose())
        await asyncio.sleep(0)
        card.let_go.set()
        await closing
        with pytest.raises(asyncio.CancelledError if cancelled else StreamUseError):
            await opening
        assert card.open_streams == 0
        assert {task for task in asyncio.all_tasks() if not task.done()} == {asyncio.current_task()}

    clock.run(main())


@pytest.mark.parametrize(
    ("setting", "value"),
    [("input_ppm", 20_000), ("output_ppm", float("nan")), ("echo", 1.5), ("block_ms", 0)],
)
def test_a_fake_card_refuses_what_can_not_be(setting: str, value: Any) -> None:
    """More than a percent off is no clock."""

    async def main() -> None:
        with pytest.raises(ConfigurationError, match=setting):
            FakeSoundCard(VirtualClock(), **{setting: value})

    asyncio.run(main())


def test_the_text_of_an_error_names_device_and_direction() -> None:
    """A person has two of each."""
    error = DeviceLostError("USB", "input", "it stopped")
    assert str(error) == "input device 'USB': it stopped"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
