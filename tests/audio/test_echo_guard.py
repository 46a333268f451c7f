"""The echo guard: own voice is kept from the engine, and nobody's words are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from echo_kit import Room, call, guarded, int16, near_words, voice

from rawmedia.audio.echo.guard import EchoGuard
from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.testing.signals import in_frames, noise

SECONDS = 9.0
ROOMS = [
    Room(1, delay_ms=0, gain_db=-6, rt60_ms=100),
    Room(2, delay_ms=35, gain_db=-12, rt60_ms=100, codec="ulaw", drift_ppm=100),
    Room(3, delay_ms=120, gain_db=-30, rt60_ms=100),
    Room(4, delay_ms=260, gain_db=-18, rt60_ms=100, codec="opus", drift_ppm=-100),
    Room(5, delay_ms=500, gain_db=-6, rt60_ms=100, codec="ulaw", noise_dbfs=-50),
    Room(6, delay_ms=430, gain_db=-10, rt60_ms=200, clip=2.0, drift_ppm=100),
]


def room_name(room: Room) -> str:
    return f"{room.delay_ms:g}ms{room.gain_db:g}dB{room.codec}{room.drift_ppm:g}ppm"


@pytest.mark.parametrize("room", ROOMS, ids=room_name)
def test_own_voice_is_kept_from_the_engine(room: Room) -> None:
    """What an engine hears of its own speech it translates again, and so on for ever."""
    outcome = guarded(call(voice(room.seed, SECONDS), room))

    assert outcome.kept_db() >= 20
    figures = outcome.guard.figures
    # Resampling a clock that drifts takes a millisecond.
    assert figures.delay_ms == pytest.approx(room.delay_ms, abs=2)
    assert figures.erle_db is not None
    assert figures.erle_db > 6
    assert figures.subtracted_ms > 0
    assert figures.gated_ms > 0


@pytest.mark.parametrize("room", ROOMS, ids=room_name)
def test_no_word_of_who_speaks_over_it_is_lost(room: Room) -> None:
    """A gate that closes on people is worse than the echo that it keeps out."""
    near = near_words(room.seed + 100, SECONDS)
    outcome = guarded(call(voice(room.seed, SECONDS), room, near))

    losses = outcome.word_losses_db()
    assert len(losses) >= 3
    assert min(losses) >= -3, "every word is passed, 3 dB softer at most"
    assert outcome.guard.figures.double_talk_ms > 0
    assert outcome.kept_db() >= 20, "and between the words the own voice is still kept out"


@pytest.mark.parametrize("ppm", [-100, 0, 100])
def test_how_far_two_clocks_are_apart_is_found(ppm: float) -> None:
    """At 100 ppm an echo slides by a sample in 0.6 s, faster than a filter alone follows."""
    outcome = guarded(call(voice(7, 14.0), Room(7, rt60_ms=100, drift_ppm=ppm)))
    figures = outcome.guard.figures
    assert figures.drift_ppm == pytest.approx(ppm, abs=15)
    assert figures.erle_db is not None
    assert figures.erle_db > 15, "and followed by parts of a sample"


def test_an_echo_that_moves_is_found_again() -> None:
    """A jitter buffer on the way may grow in the middle of a call."""
    room = Room(8, delay_ms=100, rt60_ms=100, jump_ms=140, jump_at_ms=6_000)
    outcome = guarded(call(voice(8, 14.0), room))

    assert outcome.kept_db(8_500) >= 20
    assert outcome.guard.figures.delay_ms == pytest.approx(240, abs=2)
    assert outcome.guard.figures.delay_changes >= 2


@pytest.mark.parametrize("format", [TELEPHONY, AudioFormat(24_000)], ids=str)
def test_the_rate_of_the_line_does_not_matter(format: AudioFormat) -> None:
    """A telephone's, and a speech synthesizer's."""
    audio = call(voice(19, SECONDS, format), Room(19, rt60_ms=100), format=format)
    outcome = guarded(audio)
    assert outcome.kept_db() >= 20
    assert outcome.guard.figures.delay_ms == pytest.approx(120, abs=1)


def test_what_is_read_late_and_in_a_burst_is_cleaned_as_well() -> None:
    """While an engine is opened what is said waits, and then comes at once."""
    audio = call(voice(22, SECONDS), Room(22, rt60_ms=100))
    guard, out = EchoGuard(SPEECH), np.zeros_like(audio.heard)
    played = in_frames(AudioFrame(int16(audio.played), SPEECH))
    heard = in_frames(AudioFrame(audio.heard, SPEECH))
    for index, mine in enumerate(played):
        guard.played(mine)
        if 200 <= index < 350:
            continue  # three seconds
        for theirs in heard[200 : index + 1] if index == 350 else heard[index : index + 1]:
            for frame in guard.heard(theirs):
                out[frame.position : frame.end] = frame.samples[:, 0]
    before, after = (np.sum(each[48_000:].astype(float) ** 2) for each in (audio.heard, out))
    assert before / after > 100
    assert guard.figures.lost_played_ms == 0


def test_holes_in_what_is_heard_let_no_echo_through() -> None:
    """A network that loses three packets every second must not make an echo of each."""
    audio = call(voice(24, SECONDS), Room(24, rt60_ms=100, gain_db=-15))
    guard, rng = EchoGuard(SPEECH), np.random.default_rng(24)
    heard, out = audio.heard.copy(), np.zeros_like(audio.heard)
    played = in_frames(AudioFrame(int16(audio.played), SPEECH))
    lost = 0
    for mine, theirs in zip(played, in_frames(AudioFrame(audio.heard, SPEECH)), strict=True):
        guard.played(mine)
        lost = 3 if not lost and rng.random() < 0.02 else max(0, lost - 1)
        if lost:
            heard[theirs.position : theirs.end] = 0
            continue
        for frame in guard.heard(theirs):
            out[frame.position : frame.end] = frame.samples[:, 0]
    assert not heard[64_000:].all()
    assert guard.figures.delay_changes == 1
    before, after = (np.sum(each[48_000:].astype(float) ** 2) for each in (heard, out))
    assert before / after > 100


def test_frames_that_come_at_odd_times_do_not_matter() -> None:
    """Up to 60 ms late, both ways: what is played is told when it is pulled, not when it is heard."""
    audio = call(voice(25, SECONDS), Room(25, delay_ms=150, rt60_ms=100))
    rng = np.random.default_rng(25)
    played = in_frames(AudioFrame(int16(audio.played), SPEECH))
    heard = in_frames(AudioFrame(audio.heard, SPEECH))
    pulled, came = (
        np.maximum.accumulate(np.arange(len(played)) * 20 + rng.uniform(0, 60, len(played)))
        for _ in range(2)
    )
    guard, out, index = EchoGuard(SPEECH), np.zeros_like(audio.heard), 0
    for theirs, now in zip(heard, came + 20, strict=True):
        while index < len(played) and pulled[index] <= now:
            guard.played(played[index])
            index += 1
        for frame in guard.heard(theirs):
            out[frame.position : frame.end] = frame.samples[:, 0]
    before, after = (np.sum(each[48_000:].astype(float) ** 2) for each in (audio.heard, out))
    assert before / after > 100


@pytest.mark.untraced
@pytest.mark.parametrize("ppm", [-100, 100])
def test_a_long_call_whose_clocks_are_apart_stays_clean(ppm: float) -> None:
    """In three minutes an echo slides by 18 ms, whatever the count of what is played says of it."""
    played = np.tile(voice(30, 20.0), 9)
    outcome = guarded(call(played, Room(30, rt60_ms=100, delay_ms=60, drift_ppm=ppm)))
    assert outcome.kept_db(170_000) >= 20
    assert outcome.guard.figures.delay_changes == 1


def test_what_is_known_of_a_room_outlasts_a_pause() -> None:
    """Translations come now and then; to learn the room anew each time would let each one's start pass."""
    played = voice(26, 14.0).copy()
    played[80_000:160_000] = 0  # from 5 to 10 s
    outcome = guarded(call(played, Room(26, rt60_ms=100, drift_ppm=100)))
    first = slice(160_000, 176_000)
    before, after = (
        np.sum(each[first].astype(float) ** 2) for each in (outcome.call.heard, outcome.out)
    )
    assert before / after > 100


def test_a_steady_noise_on_the_line_is_no_voice() -> None:
    """It must neither hold the gate open, nor a voice in it be taken for it."""
    room = Room(27, rt60_ms=100, noise_dbfs=-50)
    near = near_words(127, SECONDS)
    outcome = guarded(call(voice(27, SECONDS), room, near))
    assert outcome.kept_db() >= 20
    assert min(outcome.word_losses_db()) >= -3


def test_who_speaks_without_a_pause_is_not_taken_for_noise() -> None:
    """Readers go on for many seconds."""
    near = voice(128, SECONDS).copy()
    near[:32_000] = 0
    outcome = guarded(call(voice(28, SECONDS), Room(28, gain_db=-20, rt60_ms=100), near))
    losses = outcome.word_losses_db()
    assert losses
    assert min(losses) >= -3


def test_an_echo_path_that_changes_makes_nothing_louder() -> None:
    """What is subtracted from something else than it is in is added to it."""
    audio = call(voice(29, 8.0), Room(29, gain_db=-6, rt60_ms=100), voice(129, 8.0) * 0.3)
    heard = audio.heard.copy()
    echo = int16(audio.echo)
    heard[64_000:] -= 2 * echo[64_000:]
    outcome = guarded(dataclasses.replace(audio, heard=heard))
    before, after = (
        np.sum(each.astype(float).reshape(-1, 320) ** 2, axis=1) for each in (heard, outcome.out)
    )
    assert outcome.guard.figures.double_talk_ms > 1_000
    # But for the block in which it lets go.
    assert np.sum(after > 1.6 * before + 320) <= 3


def test_the_loudest_of_inputs_does_no_harm() -> None:
    """Feedback howls at full scale, and what howls must not become what is given."""
    square = np.where(np.arange(16_000 * 4) // 8 % 2, 32_767, -32_768).astype(np.int16)
    guard = EchoGuard(SPEECH)
    frames = in_frames(AudioFrame(square, SPEECH)) + in_frames(
        AudioFrame(noise(2_000, seed=23, peak_dbfs=-40).samples, SPEECH, position=64_000)
    )
    for frame in frames:
        guard.played(frame)
        for clean in guard.heard(frame):
            power = np.mean(clean.samples.astype(float) ** 2)
            assert power <= 2 * np.mean(frame.samples.astype(float) ** 2) + 1
