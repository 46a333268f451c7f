"""A microphone and a loudspeaker by themselves, as the sound system's threads use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawmedia.adapters.soundcard.microphone import Microphone
from rawmedia.adapters.soundcard.speaker import Speaker
from rawmedia.audio.format import SPEECH, WIDEBAND_VOICE, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import PayloadError, StreamFailedError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing import tone

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.streams.clock import Clock

BLOCK = bytes(640)


def test_a_block_that_makes_no_sense_fails_the_stream() -> None:
    """Half a sample, of a sound system of somebody's own."""
    inbound = InboundAudioStream(SPEECH)
    microphone = Microphone(inbound, SPEECH, SYSTEM_CLOCK)
    microphone.take(memoryview(b"123"), 0.0, False)
    microphone.take(memoryview(BLOCK), 0.0, False)
    with pytest.raises(StreamFailedError) as failed:
        inbound.recv(timeout=0)
    assert isinstance(failed.value.cause, PayloadError)


def test_a_microphone_that_nobody_wants_any_more_goes_on_in_silence() -> None:
    """Blocks come until the device is closed."""
    inbound = InboundAudioStream(SPEECH)
    microphone = Microphone(inbound, SPEECH, SYSTEM_CLOCK)
    inbound.close()
    for overflowed in (False, True, False):
        microphone.take(memoryview(BLOCK), 0.02, overflowed)
    assert microphone.overflows == 1


@pytest.mark.parametrize("latency_s", [0.0, 0.05])
@pytest.mark.parametrize("suspended_blocks", [range(0), range(700, 1_100), range(100)])
def test_what_was_heard_is_known_to_the_sample(latency_s: float, suspended_blocks: range) -> None:
    """Whoever is interrupted heard so much and no more, however the device holds and converts it."""
    device, size = AudioFormat(48_000), 12
    outbound = OutboundAudioStream(WIDEBAND_VOICE, capacity_ms=2_000)
    click = np.zeros((24_000, 1), np.int16)
    click[4_801] = 20_000
    outbound.send(AudioFrame(click, WIDEBAND_VOICE))
    number = 0
    speaker = Speaker(outbound, device, SYSTEM_CLOCK, suspended=lambda: number in suspended_blocks)
    played: list[int] = []
    known_at: int | None = None
    for number in range(3_000):
        block = bytearray(2 * size)
        speaker.fill(memoryview(block), latency_s, False)
        played.extend(np.frombuffer(bytes(block), np.int16).tolist())
        if known_at is None and outbound.stats.played_position > 4_801:
            known_at = number * size - round(latency_s * device.sample_rate)
    assert known_at is not None
    clicked_at = int(np.argmax(np.abs(played)))
    assert 0 < known_at - clicked_at <= size + 2


class BrokenClock:
    """A clock that stops working after it was looked at once."""

    def __init__(self) -> None:
        self.looks = 0

    def now(self) -> float:
        self.looks += 1
        if self.looks > 1:
            raise RuntimeError("the clock is broken")
        return 0.0

    call_at = sleep_until = wait = None


def speaker_of(outbound: OutboundAudioStream, clock: Clock = SYSTEM_CLOCK) -> Speaker:
    return Speaker(outbound, SPEECH, clock, suspended=lambda: False)


def filled(speaker: Speaker) -> bytes:
    block = bytearray(b"\x55" * len(BLOCK))
    speaker.fill(memoryview(block), 0.02, False)
    return bytes(block)


def test_whatever_goes_wrong_is_silent_and_fails_the_stream() -> None:
    """What was in the device's memory before would be a bang."""
    outbound = OutboundAudioStream(SPEECH)
    broken: Callable[[], Clock] = BrokenClock  # type: ignore[assignment]
    assert filled(speaker_of(outbound, broken())) == BLOCK
    with pytest.raises(StreamFailedError) as failed:
        outbound.send(tone(20))
    assert str(failed.value.cause) == "the clock is broken"


@pytest.mark.parametrize("end", [OutboundAudioStream.end, OutboundAudioStream.close])
def test_a_loudspeaker_plays_silence_after_the_end(
    end: Callable[[OutboundAudioStream], None],
) -> None:
    """Blocks are asked for until the device is closed."""
    outbound = OutboundAudioStream(SPEECH)
    speaker = speaker_of(outbound)
    end(outbound)
    assert [filled(speaker) for _ in range(3)] == [BLOCK] * 3
