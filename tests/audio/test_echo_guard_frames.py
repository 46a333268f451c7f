"""What an echo guard does with frames: which come back, in what pieces, and what it refuses."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from echo_kit import FRAME_MS, Room, call, guarded, int16, near_words, voice
from hypothesis import given, settings
from hypothesis import strategies as st

from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.echo.figures import EchoFigures
from rawmedia.audio.echo.guard import EchoGuard
from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.pcm import from_bytes
from rawmedia.errors import ConfigurationError, FormatMismatchError, UnsupportedFormatError
from rawmedia.testing.signals import in_frames, joined, noise, silence, speech_like

SECONDS = 9.0
CUTS = st.lists(st.integers(200, 1_000), min_size=1, max_size=4)


def test_without_an_echo_every_frame_comes_back_as_it_is() -> None:
    """Most people have headphones on; for them there must be no guard at all."""
    guard = EchoGuard(SPEECH)
    played = in_frames(AudioFrame(int16(voice(9, SECONDS)), SPEECH))
    heard = in_frames(speech_like(SECONDS * 1000, seed=10))
    for ours, theirs in zip(played, heard, strict=True):
        guard.played(ours)
        assert guard.heard(theirs)[0] is theirs
    assert guard.figures == EchoFigures()


@given(st.lists(st.integers(1, 2_000), min_size=1, max_size=20))
def test_before_anything_is_played_frames_pass_at_once(sizes: list[int]) -> None:
    """Of any size: a guard that is only on must not delay."""
    guard = EchoGuard(SPEECH)
    position = 0
    for size in sizes:
        frame = AudioFrame(np.full(size, 1_000, np.int16), SPEECH, position)
        position = frame.end
        assert guard.heard(frame) == [frame]


def test_of_silence_comes_silence() -> None:
    """A filter that guesses wrong would put an echo where there is none."""
    room = Room(11, rt60_ms=100)
    played = voice(11, 6.0)
    heard = call(played, room).heard.copy()
    heard[48_000:] = 0
    guard = EchoGuard(SPEECH)
    ours = in_frames(AudioFrame(int16(played), SPEECH))
    theirs = in_frames(AudioFrame(heard, SPEECH))
    for mine, frame in zip(ours, theirs, strict=True):
        guard.played(mine)
        clean = joined(guard.heard(frame))
        if frame.position >= 48_000:
            assert not clean.samples.any()
    assert guard.figures.delay_ms is not None


@pytest.mark.untraced
@settings(max_examples=15, deadline=None)
@given(played=CUTS, heard=CUTS, alone=st.integers(0, 2_000))
def test_where_frames_are_cut_does_not_change_what_comes_out(
    played: list[int], heard: list[int], alone: int
) -> None:
    """Carriers cut anywhere; what an engine hears must not depend on it."""
    audio = call(voice(12, 3.0), Room(12, delay_ms=60, rt60_ms=100), near_words(13, 3.0))
    alone *= 8  # samples that come before anything is played

    def run(guard: EchoGuard, played: list[int], heard: list[int]) -> np.ndarray:
        out = np.zeros_like(audio.heard)
        first, rest = (
            pieces(audio.heard, start, end, heard)
            for start, end in ((0, alone), (alone, len(out) // 320 * 320))
        )
        clean = [each for frame in first for each in guard.heard(frame)]
        for frame in pieces(int16(audio.played), alone, len(out), played):
            guard.played(frame)
        clean += [each for frame in rest for each in guard.heard(frame)]
        for frame in clean + guard.flush():
            out[frame.position : frame.end] = frame.samples[:, 0]
        return out

    whole = EchoGuard(SPEECH)
    cut = EchoGuard(SPEECH)
    np.testing.assert_array_equal(run(cut, played, heard), run(whole, [320], [320]))
    assert cut.figures == whole.figures
    assert cut.figures.subtracted_ms > 0


def pieces(samples: np.ndarray, start: int, end: int, sizes: list[int]) -> list[AudioFrame]:
    """A stretch in frames of such sizes, again and again."""
    cut = []
    for size in itertools.cycle(sizes):
        if start == end:
            break
        last = min(end, start + size)
        cut.append(AudioFrame(samples[start:last].copy(), SPEECH, start))
        start = last
    return cut


@pytest.mark.parametrize("frame_ms", [10, 60, 100])
def test_frames_longer_and_shorter_than_a_block_are_cleaned_too(frame_ms: float) -> None:
    """Carriers send 10 to 60 ms; each sample comes out once, at its own position."""
    audio = call(voice(14, 6.0), Room(14, rt60_ms=100))
    outcome = guarded(audio, frame_ms=frame_ms)
    assert outcome.kept_db() >= 20


def test_every_sample_comes_out_once_and_in_order() -> None:
    """With gaps and odd sizes, and what waits at the end too."""
    guard = EchoGuard(SPEECH)
    rng = np.random.default_rng(15)
    position = end = 0
    expected = got = 0
    for index in range(300):
        size = int(rng.integers(1, 700))
        position += 5_000 if index % 50 == 49 else 0
        guard.played(AudioFrame(noise(20, seed=index).samples, SPEECH, index * 320))
        frame = AudioFrame(noise(60, seed=index).samples[:size], SPEECH, position)
        position, expected = frame.end, expected + size
        for clean in guard.heard(frame):
            assert clean.position >= end
            end, got = clean.end, got + clean.samples_per_channel
    got += sum(frame.samples_per_channel for frame in guard.flush())
    assert got == expected


def test_the_same_calls_give_the_same_samples() -> None:
    """A bug in a call can be found when the call can be repeated."""
    audio = call(voice(16, 4.0), Room(16, rt60_ms=100))
    np.testing.assert_array_equal(guarded(audio).out, guarded(audio).out)


def test_after_a_reset_a_guard_is_as_new() -> None:
    """One call must not know of another's room."""
    first = call(voice(17, 4.0), Room(17, delay_ms=300, rt60_ms=100, drift_ppm=100))
    second = call(voice(18, 4.0), Room(18, delay_ms=40, rt60_ms=100))
    guard = EchoGuard(SPEECH)
    guarded(first, guard, heard_from=70_000)
    assert guard.figures != EchoFigures()
    guard.reset()
    assert guard.figures == EchoFigures()

    np.testing.assert_array_equal(guarded(second, guard).out, guarded(second).out)
    assert guard.figures == guarded(second).guard.figures


def test_what_is_played_may_be_in_another_format() -> None:
    """Speech is synthesized at 24 kHz and heard at 16, say."""
    audio = call(voice(20, SECONDS), Room(20, rt60_ms=100))
    stereo = AudioFormat(48_000, 2)
    convert = FormatConverter(SPEECH, stereo)
    played = from_bytes(convert.push(AudioFrame(int16(audio.played), SPEECH)), 2)

    guard = EchoGuard(SPEECH, played_format=stereo)
    out = np.zeros_like(audio.heard)
    for mine, theirs in zip(
        in_frames(AudioFrame(played, stereo)),
        in_frames(AudioFrame(audio.heard, SPEECH)),
        strict=False,
    ):
        guard.played(mine)
        for frame in guard.heard(theirs):
            out[frame.position : frame.end] = frame.samples[:, 0]
    before, after = (np.sum(each[64_000:-640].astype(float) ** 2) for each in (audio.heard, out))
    assert before / after > 100


def test_positions_may_begin_anywhere() -> None:
    """The two streams of a leg count for themselves, and not from the same moment."""
    audio = call(voice(21, 5.0), Room(21, rt60_ms=100))
    moved, plain = guarded(audio, played_from=1_234_567, heard_from=76_543), guarded(audio)
    np.testing.assert_array_equal(moved.out, plain.out)
    assert moved.guard.figures == plain.guard.figures


@pytest.mark.parametrize("pause", [slice(19_840, 60_160), slice(3_200, 150_080)], ids=str)
def test_what_was_not_played_was_silence(pause: slice) -> None:
    """A transport may leave frames out that hold nothing; positions tell."""
    played = voice(31, 12.0).copy()
    played[pause] = 0
    audio = call(played, Room(31, rt60_ms=100))
    guard, out = EchoGuard(SPEECH), np.zeros_like(audio.heard)
    for mine, theirs in zip(
        in_frames(AudioFrame(int16(played), SPEECH)),
        in_frames(AudioFrame(audio.heard, SPEECH)),
        strict=True,
    ):
        if not pause.start <= mine.position < pause.stop:
            guard.played(mine)
        for frame in guard.heard(theirs):
            out[frame.position : frame.end] = frame.samples[:, 0]
    np.testing.assert_array_equal(out, guarded(audio).out)
    assert guard.figures.subtracted_ms > 0


def test_of_a_frame_that_is_longer_than_all_that_is_kept_the_end_is() -> None:
    """Who plays a file gives it at once; the guard keeps some seconds and no more."""
    audio = call(voice(32, 20.0), Room(32, rt60_ms=100))
    guard, last = EchoGuard(SPEECH), slice(16_000 * 16, None)
    guard.heard(AudioFrame(audio.heard[: last.start], SPEECH))
    whole = AudioFrame(int16(audio.played), SPEECH)
    guard.played(whole)
    given = joined(guard.heard(AudioFrame(audio.heard[last], SPEECH, last.start)))
    before, after = (
        np.sum(each[32_000:].astype(float) ** 2)
        for each in (audio.heard[last], given.samples[:, 0])
    )
    assert before / after < 2, "it was told too late, and is not found where it can't be"
    guard.reset()
    guard.played(whole)
    assert guard.heard(AudioFrame(audio.heard[:320], SPEECH))[0].samples_per_channel == 320


def test_what_is_played_to_nobody_who_speaks_is_bounded_and_counted() -> None:
    """A line that has died goes on being played to."""
    guard = EchoGuard(SPEECH)
    for frame in in_frames(silence(10_000)):
        guard.played(frame)
    assert guard.figures.lost_played_ms == 10_000 - 256 * FRAME_MS


def test_audio_of_the_wrong_kind_is_refused_and_not_taken() -> None:
    """Taken for what it is not it would be an echo that is never found."""
    guard = EchoGuard(SPEECH)
    with pytest.raises(FormatMismatchError):
        guard.played(silence(20, format=TELEPHONY))
    with pytest.raises(FormatMismatchError):
        guard.heard(silence(20, format=TELEPHONY))
    assert guard.format == guard.played_format == SPEECH
    assert len(guard.heard(silence(20))) == 1


@pytest.mark.parametrize(
    "setting", [{"max_delay_ms": 501}, {"tail_ms": 10}, {"floor_db": -1}], ids=str
)
def test_settings_out_of_range_are_refused(setting: dict[str, Any]) -> None:
    """A guard of minutes would take all memory."""
    with pytest.raises(ConfigurationError):
        EchoGuard(SPEECH, **setting)


@pytest.mark.parametrize("format", [AudioFormat(4_000), AudioFormat(16_000, 2)], ids=str)
def test_formats_that_it_can_not_guard_are_refused(format: AudioFormat) -> None:
    """Two channels have two echo paths."""
    with pytest.raises(UnsupportedFormatError):
        EchoGuard(format)
