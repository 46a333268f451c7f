"""The original between loop and transport: whole, in time, and never more of it than is needed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.sessions.mixing.originals import CAPACITY_MS, OriginalBuffer
from rawmedia.testing.signals import noise, tone

FRAME = 320
CAPACITY = SPEECH.samples(CAPACITY_MS)


def frames_of(samples: np.ndarray, size: int = FRAME) -> list[np.ndarray]:
    return [samples[start : start + size] for start in range(0, len(samples), size)]


def heard_of(takes: list[np.ndarray | None]) -> np.ndarray:
    silence = np.zeros((FRAME, 1), np.int16)
    return np.concatenate([silence if take is None else take for take in takes])


@pytest.mark.parametrize("put_first", [True, False])
def test_a_steady_voice_passes_as_it_is_and_one_frame_late(put_first: bool) -> None:
    """Who comes first at the same instant, the voice or the pull, must not matter."""
    buffer = OriginalBuffer(SPEECH, FRAME)
    said = noise(1_000, seed=1).samples
    takes = []
    for frame in frames_of(said):
        if put_first:
            buffer.put(frame)
            takes.append(buffer.take(FRAME))
        else:
            takes.append(buffer.take(FRAME))
            buffer.put(frame)
    heard = heard_of(takes)
    delay = FRAME if put_first else 2 * FRAME
    np.testing.assert_array_equal(heard[delay:], said[:-delay])
    stats = buffer.stats
    assert (stats.underruns, stats.dropped_ms, stats.skipped_ms) == (0, 0, 0)


@given(st.lists(st.integers(1, 700), min_size=1, max_size=40), st.integers(1, 640))
def test_nothing_is_lost_uncounted(sizes: list[int], pull: int) -> None:
    """Whatever comes and goes in whatever pieces: put is heard, dropped, skipped or still there."""
    buffer = OriginalBuffer(SPEECH, pull)
    put = given_out = 0
    for size in sizes:
        before = buffer.stats
        buffer.put(np.full((size, 1), 7_000, np.int16))
        put += size
        missing = before.buffered_ms
        out = buffer.take(pull)
        if out is not None:
            assert out.shape == (pull, 1)
            after = buffer.stats
            moved = missing + size / 16 - after.buffered_ms
            lost = after.dropped_ms - before.dropped_ms + after.skipped_ms - before.skipped_ms
            given_out += round((moved - lost) * 16)
    stats = buffer.stats
    accounted = (stats.buffered_ms + stats.dropped_ms + stats.skipped_ms) * 16 + given_out
    assert stats.buffered_ms <= max(CAPACITY_MS, 3 * pull / 16)
    if given_out:
        assert round(accounted) == put


def test_who_never_pulls_keeps_no_more_than_the_capacity() -> None:
    """A stalled leg may stall for hours."""
    buffer = OriginalBuffer(SPEECH, FRAME)
    for _ in range(1_000):
        buffer.put(np.ones((FRAME, 1), np.int16))
        assert buffer.stats.buffered_ms <= CAPACITY_MS
        assert sum(map(len, buffer._chunks)) <= CAPACITY
    assert buffer.stats.dropped_ms == 20_000 - CAPACITY_MS
    long = np.ones((16_000, 1), np.int16)
    buffer.put(long)
    assert all(chunk.base is not long for chunk in buffer._chunks)
    assert buffer.stats.dropped_ms == 21_000 - CAPACITY_MS


def test_a_listener_who_was_away_hears_what_is_said_now() -> None:
    buffer = OriginalBuffer(SPEECH, FRAME)
    said = noise(2_000, seed=1).samples
    for frame in frames_of(said):
        buffer.put(frame)
    takes = [buffer.take(FRAME) for _ in range(10)]
    np.testing.assert_array_equal(heard_of(takes), said[-CAPACITY:])


def test_a_long_frame_is_never_longer_than_what_is_kept() -> None:
    buffer = OriginalBuffer(SPEECH, 16_000)
    said = noise(10_000, seed=1).samples
    takes = []
    for number, frame in enumerate(frames_of(said)):
        buffer.put(frame)
        if number % 50 == 49:
            takes.append(buffer.take(16_000))
    heard = np.concatenate([take for take in takes if take is not None])
    np.testing.assert_array_equal(heard, said[: len(heard)])
    assert len(heard) >= 8 * 16_000


def test_lateness_teaches_it_to_keep_more() -> None:
    """Frames that come 30 ms late every other second are in time from the second time on."""
    buffer = OriginalBuffer(SPEECH, FRAME)
    late: list[np.ndarray] = []
    for number in range(2_000):
        frame = np.full((FRAME, 1), 5_000, np.int16)
        if number % 100 in (50, 51):
            late.append(frame)
        else:
            for each in [*late, frame]:
                buffer.put(each)
            late = []
        buffer.take(FRAME)
    stats = buffer.stats
    assert 1 <= stats.underruns <= 4
    assert stats.buffered_ms <= 100
    assert stats.dropped_ms == 0


def test_silence_between_sentences_is_no_lateness() -> None:
    """Some senders send nothing in pauses."""
    buffer = OriginalBuffer(SPEECH, FRAME)
    for number in range(400):
        if number % 100 < 50:
            buffer.put(np.full((FRAME, 1), 5_000, np.int16))
        buffer.take(FRAME)
    assert buffer.stats.underruns == 0
    assert buffer.stats.buffered_ms == 0


def test_a_short_sound_is_heard_to_its_end() -> None:
    buffer = OriginalBuffer(SPEECH, FRAME)
    said = noise(15, seed=1).samples
    buffer.put(said)
    heard = heard_of([buffer.take(FRAME) for _ in range(6)])
    start = int(np.flatnonzero(heard)[0])
    np.testing.assert_array_equal(heard[start : start + len(said)], said)


def test_what_stays_in_hand_for_a_second_is_left_out() -> None:
    """A burst after a stall would delay the voice for ever."""
    buffer = OriginalBuffer(SPEECH, FRAME)
    buffer.put(noise(160, seed=1).samples)
    for number in range(100):
        buffer.put(noise(20, seed=number).samples)
        buffer.take(FRAME)
    stats = buffer.stats
    assert stats.buffered_ms <= 40
    assert stats.skipped_ms > 0
    assert stats.dropped_ms == 0


@pytest.mark.parametrize("what", ["stall", "overflow", "skip"])
def test_no_break_clicks(what: str) -> None:
    """A low tone moves slowly, so a step that is greater than its own is a click."""
    # 33 Hz, so that every frame begins at another place of the wave.
    said = tone(8_000, hz=33, peak_dbfs=-6).samples
    own = int(np.abs(np.diff(said.astype(np.int32), axis=0)).max())
    buffer = OriginalBuffer(SPEECH, FRAME)
    takes = []
    late: list[np.ndarray] = []
    for number, frame in enumerate(frames_of(said)):
        late.append(frame)
        if what != "stall" or number % 40 not in (20, 21, 22):
            for each in late:
                buffer.put(each)
            late = []
        if what == "skip" and number == 10:
            buffer.put(said[11 * FRAME : 16 * FRAME])
        if what != "overflow" or number % 3:
            takes.append(buffer.take(FRAME))
    heard = heard_of(takes).astype(np.int32)
    stats = buffer.stats
    assert {"stall": stats.underruns, "overflow": stats.dropped_ms, "skip": stats.skipped_ms}[what]
    # From one end of the wave to the other within 5 ms, on top of what the tone does by itself.
    limit = 2 * 16_500 / SPEECH.samples(5) + own
    steps = np.abs(np.diff(heard, axis=0)).reshape(-1)
    # What comes twice here makes one step that is none of the buffer's.
    assert np.sum(steps > limit) <= (what == "skip")


def test_clearing_forgets_all() -> None:
    buffer = OriginalBuffer(SPEECH, FRAME)
    for _ in range(3):
        buffer.put(np.ones((FRAME, 1), np.int16))
    buffer.take(FRAME)
    assert buffer.flowing
    buffer.clear()
    assert not buffer.flowing
    assert buffer.take(FRAME) is None
    buffer.put(np.zeros((0, 1), np.int16))
    assert buffer.stats.buffered_ms == 0


def test_it_takes_any_number_of_channels() -> None:
    stereo = AudioFormat(16_000, 2)
    buffer = OriginalBuffer(stereo, FRAME)
    said = noise(200, seed=1, format=stereo).samples
    takes = []
    for frame in itertools.chain(frames_of(said), [None] * 3):
        if frame is not None:
            buffer.put(frame)
        takes.append(buffer.take(FRAME))
    heard = np.concatenate([take for take in takes if take is not None])
    np.testing.assert_array_equal(heard[: len(said)], said)
