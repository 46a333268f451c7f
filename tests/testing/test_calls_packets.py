"""The packets of a fake call, one by one, and the device at the end of their way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.audio.frame import AudioFrame
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.testing.call_line import FrameQueue
from rawmedia.testing.call_path import PacketPath
from rawmedia.testing.network import LossyLink
from rawmedia.wire.rtp import RtpPacket
from rawmedia.wire.telephone_event import TelephoneEvent

FRAME = bytes(SPEECH.samples(20) * 2)


def packets(link: LossyLink[bytes]) -> list[RtpPacket]:
    return [RtpPacket.parse(datagram) for _, datagram in link.receive(math.inf)]


def a_path(codec: str = "L16") -> tuple[PacketPath, LossyLink[bytes]]:
    link = LossyLink[bytes](1)
    stream = InboundAudioStream(SPEECH)
    return PacketPath(stream, SPEECH, lambda key: None, codec=codec, link=link), link


@pytest.mark.parametrize(("codec", "ticks"), [("L16", 320), ("PCMU", 160)])
def test_packets_are_numbered_one_by_one_and_only_the_first_is_marked(
    codec: str, ticks: int
) -> None:
    path, link = a_path(codec)
    for number in range(5):
        path.send(FRAME, number * 20.0)
    sent = packets(link)
    first = sent[0]
    assert [each.sequence_number - first.sequence_number for each in sent] == [0, 1, 2, 3, 4]
    assert [each.timestamp - first.timestamp for each in sent] == [ticks * at for at in range(5)]
    assert [each.marker for each in sent] == [True, False, False, False, False]
    assert len({(each.payload_type, each.ssrc) for each in sent}) == 1


def test_after_a_pause_the_numbers_go_on_the_timestamps_are_ahead_and_the_next_is_marked() -> None:
    """So a receiver takes it for silence, and not for loss (RFC 3551, section 4.1)."""
    path, link = a_path()
    for number, samples in enumerate([FRAME, None, None, FRAME, FRAME]):
        path.send(samples, number * 20.0)
    one, other, third = packets(link)
    assert (other.sequence_number - one.sequence_number, other.timestamp - one.timestamp) == (
        1,
        3 * 320,
    )
    assert (one.marker, other.marker, third.marker) == (True, True, False)


def test_a_key_takes_the_place_of_audio_under_the_timestamp_of_its_start() -> None:
    """RFC 4733, section 2.5.1: marked once, its end told three times, the audio's clock going on."""
    path, link = a_path()
    path.press("5", 60)
    path.press("#", 40)
    assert path.presses
    for number in range(12):
        path.send(FRAME, number * 20.0)
    assert not path.presses
    sent = packets(link)
    start = sent[0].timestamp
    numbers = [each.sequence_number for each in sent]
    assert numbers == list(range(numbers[0], numbers[0] + 12))
    keys = [
        (each.timestamp - start, each.marker, TelephoneEvent.parse(each.payload)[0])
        for each in sent
        if each.payload_type == 101
    ]
    five = [(0, True, False, 320), *((0, False, False, 640),), *((0, False, True, 960),) * 3]
    hash_ = [(1_600, True, False, 320), *((1_600, False, True, 640),) * 3]
    assert [(at, marker, key.end, key.duration) for at, marker, key in keys] == five + hash_
    assert [key.name for *_, key in keys] == ["5"] * 5 + ["#"] * 4
    audio = [each.timestamp - start for each in sent if each.payload_type == 96]
    assert audio == [320 * at for at in (9, 10, 11)]


def test_a_device_plays_frame_by_frame_and_silence_where_nothing_came() -> None:
    device = FrameQueue(TELEPHONY)
    assert device.empty
    short = AudioFrame(np.ones(100, np.int16), TELEPHONY)
    device.put(short)
    assert not device.empty
    assert device.take() == bytes(short) + bytes(120)
    assert device.take() == bytes(320)


def test_a_burst_is_more_than_a_device_keeps_and_the_oldest_goes_counted() -> None:
    """A device that kept all of it would be late for the rest of the call."""
    device = FrameQueue(TELEPHONY)
    for number in range(15):
        device.put(AudioFrame(np.full(160, number, np.int16), TELEPHONY))
    assert device.skipped == 5
    taken = [np.frombuffer(device.take(), np.int16)[0] for _ in range(10)]
    assert taken == list(range(5, 15))
    assert device.empty
