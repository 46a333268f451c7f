"""The recording of what a client sent: "no audio lost" is asserted by it, so it must be right."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.timeline import TimeSpan
from rawmedia.testing.azure_emulator.recording import ReceivedAudio
from rawmedia.testing.azure_emulator.upload_format import SPEECH_UPLOAD

if TYPE_CHECKING:
    import pytest

SPEECH_BYTES = np.arange(32_000, dtype="<i2").tobytes()
SECOND = 32_000


def received(max_recorded_ms: float = 60_000) -> ReceivedAudio:
    return ReceivedAudio(SPEECH_UPLOAD, max_recorded_ms)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 400)), max_size=20))
def test_however_often_a_client_goes_back_every_sample_is_there_once(
    steps: list[tuple[int, int]],
) -> None:
    """Each step goes back so many samples and sends so many; what came is one stretch."""
    audio = received()
    sent = 0
    for back, count in steps:
        start = max(0, audio.end - back)
        audio.write(2 * start, SPEECH_BYTES[2 * start : 2 * (start + count)])
        sent += count
    whole = SPEECH_BYTES[: 2 * audio.end]
    assert audio.samples.tobytes() == whole
    assert audio.complete
    assert audio.digest() == hashlib.sha256(whole).hexdigest()
    assert audio.received_blocks == sent == audio.end + audio.replayed_blocks


def test_a_gap_is_reported_and_is_silent_in_the_samples() -> None:
    audio = received()
    audio.write(0, SPEECH_BYTES[:SECOND])
    audio.write(SECOND + 3_200, SPEECH_BYTES[SECOND + 3_200 : SECOND + 6_400])
    assert audio.gaps == [TimeSpan(1_000, 1_100)]
    assert audio.missing_blocks == 1_600
    assert not audio.complete
    assert not audio.samples[16_000:17_600].any()
    assert audio.samples[17_600:].tobytes() == SPEECH_BYTES[SECOND + 3_200 : SECOND + 6_400]
    assert "1 gaps" in repr(audio)


def test_what_comes_again_must_be_the_same() -> None:
    """A client that replays other audio than it sent has mixed something up."""
    audio = received()
    audio.write(0, SPEECH_BYTES[:SECOND])
    other = bytearray(SPEECH_BYTES[3_200:6_400])
    other[100] ^= 1
    audio.write(3_200, bytes(other))
    assert audio.conflicts == [TimeSpan(103.125, 103.15625)]
    assert audio.replays == [TimeSpan(100, 200)]
    assert not audio.complete
    assert audio.samples.tobytes() == SPEECH_BYTES[:SECOND], "what came first counts"


def test_replays_that_follow_each_other_are_one() -> None:
    audio = received()
    audio.write(0, SPEECH_BYTES[:6_400])
    audio.write(3_200, SPEECH_BYTES[3_200:4_800])
    audio.write(4_800, SPEECH_BYTES[4_800:8_000])
    assert audio.replays == [TimeSpan(100, 200)]
    assert audio.end_ms == 250


def test_no_more_than_the_limit_is_kept_and_all_of_it_is_counted() -> None:
    """A soak of hours must not fill the memory."""
    audio = received(max_recorded_ms=100)
    for at in range(0, 2 * SECOND, 3_200):
        audio.write(at, SPEECH_BYTES[at : at + 3_200])
    assert audio.samples.tobytes() == SPEECH_BYTES[:3_200]
    assert audio.end == 32_000
    assert audio.digest() == hashlib.sha256(SPEECH_BYTES).hexdigest()
    audio.write(SECOND, SPEECH_BYTES[SECOND:])
    assert audio.complete, "it is compared all the same"


def test_a_position_that_a_client_claims_allocates_nothing() -> None:
    """A continuation a year ahead must not cost a year of memory."""
    audio = received(max_recorded_ms=0)
    audio.write(2**50, b"ab")
    assert audio.samples.size == 0
    assert audio.end == 2**49 + 1


def test_a_replay_from_before_a_gap_is_not_compared_with_what_is_not_there() -> None:
    audio = received()
    audio.write(3_200, b"\1\1")
    audio.write(0, SPEECH_BYTES[:3_202])
    assert audio.conflicts == [TimeSpan(100, 100.0625)], "only what was there is compared"
    assert audio.gaps == [TimeSpan(0, 100)]


def test_what_is_settled_is_not_remembered_and_the_rest_still_compared() -> None:
    """Fifty clients at once must not keep a minute each of what nobody will send again."""
    audio = received(max_recorded_ms=0)
    audio.write(0, SPEECH_BYTES[:SECOND])
    audio.settle(900)
    assert len(audio._recent) == 3_200
    audio.settle(100)
    audio.write(0, b"\xff" * SECOND)
    assert audio.conflicts == [TimeSpan(900, 1_000)]
    audio.settle(99_999)
    assert not audio._recent
    audio.write(0, b"\xff" * SECOND)
    audio.settle(0)
    audio.write(SECOND, SPEECH_BYTES[SECOND:])
    audio.write(0, b"\xee" * 3_200)
    assert len(audio.conflicts) == 1, "what is not remembered is believed"


def test_the_memory_for_comparing_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rawmedia.testing.azure_emulator.recording._WINDOW_MS", 100)
    audio = received(max_recorded_ms=0)
    for at in range(0, 2 * SECOND, 1_600):
        audio.write(at, SPEECH_BYTES[at : at + 1_600])
    assert len(audio._recent) <= 1.25 * 3_200 + 1_600
    audio.write(0, b"\xff" * 3_200)
    assert audio.complete, "what is older than that is believed"
