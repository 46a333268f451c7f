"""Payloads become packets whose numbers follow each other, around every wrap."""

from __future__ import annotations

import pytest

from rawmedia.errors import ConfigurationError
from rawmedia.wire.packetizer import RtpPacketizer


def test_numbers_follow_each_other_and_wrap() -> None:
    """A call of half an hour wraps the one, any call may wrap the other."""
    packetizer = RtpPacketizer(8, ssrc=7, sequence_number=65_535, timestamp=2**32 - 160)
    first, second, third = (packetizer.packet(bytes(160), 160) for _ in range(3))
    assert [each.sequence_number for each in (first, second, third)] == [65_535, 0, 1]
    assert [each.timestamp for each in (first, second, third)] == [2**32 - 160, 0, 160]
    assert {each.ssrc for each in (first, second, third)} == {7} == {packetizer.ssrc}
    assert {each.payload_type for each in (first, second, third)} == {8}


def test_a_talkspurt_begins_with_the_marker_after_time_without_packets() -> None:
    """By which a receiver knows where it may stretch or cut (RFC 3551, section 4.1)."""
    packetizer = RtpPacketizer(0, timestamp=0)
    marked = [packetizer.packet(b"", 160).marker for _ in range(3)]
    packetizer.skip(1_600)
    assert packetizer.timestamp == 480 + 1_600
    after = packetizer.packet(b"", 160)
    assert marked == [True, False, False]
    assert after.marker
    assert after.timestamp == 2_080


def test_numbers_begin_at_random() -> None:
    """RFC 3550, section 5.1: known plaintext makes attacks on encryption easier."""
    starts = {
        (packet.ssrc, packet.sequence_number, packet.timestamp)
        for packet in (RtpPacketizer(0).packet(b"", 160) for _ in range(20))
    }
    assert len(starts) == 20


@pytest.mark.parametrize(
    "numbers",
    [{"payload_type": 128}, {"ssrc": 2**32}, {"sequence_number": -1}, {"timestamp": 2**32}],
)
def test_numbers_out_of_range_are_refused(numbers: dict[str, int]) -> None:
    """At once, not when the first packet is built."""
    with pytest.raises(ConfigurationError, match=next(iter(numbers))):
        RtpPacketizer(**{"payload_type": 0, **numbers})
