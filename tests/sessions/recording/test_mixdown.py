"""Two sides of a recording in one stereo file, in step with the recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from recording_kit import FRAME, record, sound

from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import ConfigurationError, UnreadableFileError
from rawmedia.sessions.recording import Recorder, RecordingManifest, write_mixdown
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.signals import noise, tone

if TYPE_CHECKING:
    from pathlib import Path

    from recording_kit import Int16


def stereo_of(path: Path, rate: int = 16_000) -> Int16:
    """What is in the mixdown, shape (samples, 2)."""
    samples: Int16
    samples, got = soundfile.read(path, dtype="int16", always_2d=True)
    assert got == rate
    assert samples.shape[1] == 2
    return samples


def recorded(folder: Path, *tracks: tuple[str, str, float], **settings: object) -> None:
    """A recording of 3 s with a second of sound in each track: its name, its role, where it is in ms."""
    clock = VirtualClock()

    async def call(recorder: Recorder) -> None:
        for seed, (name, role, at_ms) in enumerate(tracks, start=1):
            track = recorder.track(name, format=SPEECH, role=role)  # type: ignore[arg-type]
            track.write(sound(16_000, seed), at_ms=at_ms)
        await clock.sleep_until(3.0)

    record(clock, folder, call, **settings)


@pytest.mark.parametrize("settings", [{}, {"format": "flac"}, {"rotate_ms": 1_000}])
def test_the_original_is_left_and_its_translation_right_sample_by_sample(
    settings: dict[str, object], tmp_path: Path
) -> None:
    """Who listens to both hears how far behind the translation was; what legs heard is left out."""
    tracks = [("anna", "original", 0), ("ben heard", "heard", 0), ("es", "translation", 1_700)]
    recorded(tmp_path / "out", *tracks, **settings)

    assert write_mixdown(tmp_path / "out", tmp_path / "mix.wav") == 0

    got = stereo_of(tmp_path / "mix.wav")
    expected = np.zeros((43_200, 2), np.int16)
    expected[:16_000, :1] = sound(16_000, 1).samples
    expected[27_200:, 1:] = sound(16_000, 3).samples
    np.testing.assert_array_equal(got, expected)


def test_the_sides_may_be_named_and_several_voices_of_one_are_added(tmp_path: Path) -> None:
    """Two legs on two sides is the other use of a mixdown; a sum that is too loud saturates."""
    recorded(tmp_path / "out", ("a", "original", 0), ("b", "original", 500), ("c", "heard", 0))

    write_mixdown(tmp_path / "out", tmp_path / "mix.wav", left=["a", "b"], right=["c"])

    got = stereo_of(tmp_path / "mix.wav")
    total = np.zeros(24_000, np.int32)
    total[:16_000] += sound(16_000, 1).samples[:, 0]
    total[8_000:] += sound(16_000, 2).samples[:, 0]
    np.testing.assert_array_equal(got[:, 0], total.clip(-32_768, 32_767))
    np.testing.assert_array_equal(got[:16_000, 1], sound(16_000, 3).samples[:, 0])


def test_tracks_of_other_rates_and_channels_line_up(tmp_path: Path) -> None:
    """A telephone leg and a wideband voice are the usual pair; stereo is made mono."""
    clock = VirtualClock()
    wide = AudioFormat(24_000, 2)
    low, high = tone(1_000, format=TELEPHONY), tone(1_000, format=wide)

    async def call(recorder: Recorder) -> None:
        recorder.track("low", format=TELEPHONY).write(low, at_ms=1_000)
        recorder.track("high", format=wide).write(high, at_ms=1_000)

    record(clock, tmp_path / "out", call, rotate_ms=1_300)
    write_mixdown(tmp_path / "out", tmp_path / "mix.wav", left=["low"], right=["high"])

    got = stereo_of(tmp_path / "mix.wav", 24_000).astype(float)
    assert len(got) == 48_000
    assert not got[:23_000].any()
    np.testing.assert_array_equal(got[24_000:, 1], high.samples[:, 0])
    assert got[-24:, 0].any()  # nothing is held back
    # Away from the edges, which a low-pass rounds off, it is the same tone at the same place.
    error = got[25_000:47_000, 0] - got[25_000:47_000, 1]
    assert np.abs(error).max() <= 0.01 * np.abs(got[:, 1]).max()


@pytest.mark.parametrize("suffix", [".flac", ".opus"])
def test_other_formats_hold_the_same_length(suffix: str, tmp_path: Path) -> None:
    """The suffix says which, as for every file that is written."""
    recorded(tmp_path / "out", ("a", "original", 0), ("b", "translation", 900), format="opus")

    write_mixdown(tmp_path / "out", tmp_path / f"mix{suffix}")

    assert len(stereo_of(tmp_path / f"mix{suffix}")) == 30_400


def test_where_the_oldest_parts_are_gone_it_begins_with_what_is_there(tmp_path: Path) -> None:
    """Hours of silence before the last minutes help nobody; the place is told."""
    clock = VirtualClock()

    async def call(recorder: Recorder) -> None:
        tracks = [recorder.track(name, format=SPEECH) for name in ("one", "two")]
        for number in range(100):
            await clock.sleep_until((number + 1) * 0.1)
            for track in tracks:
                track.write(sound(1_600, seed=number + 1), at_ms=number * 100)

    limits = {"rotate_ms": 1_000, "max_bytes": 200_000, "when_full": "delete_oldest"}
    manifest, _ = record(clock, tmp_path / "out", call, **limits)
    begin_ms = write_mixdown(tmp_path / "out", tmp_path / "mix.wav", left=["one"], right=["two"])

    assert begin_ms == min(track.parts[0].start_ms for track in manifest.tracks) > 5_000
    got = stereo_of(tmp_path / "mix.wav")
    assert len(got) == 160_000 - begin_ms * 16
    np.testing.assert_array_equal(got[-1_600:, :1], sound(1_600, seed=100).samples)
    np.testing.assert_array_equal(got[-1_600:, 1:], sound(1_600, seed=100).samples)


def test_a_recording_whose_process_was_killed_can_be_mixed(tmp_path: Path) -> None:
    """More is in its last part than the manifest knows of, or nothing yet."""
    clock = VirtualClock()
    folder = tmp_path / "out"

    async def call(recorder: Recorder) -> None:
        one = recorder.track("one", format=SPEECH)
        two = recorder.track("two", format=SPEECH)
        one.write(sound(FRAME), at_ms=0)
        two.write(sound(FRAME), at_ms=0)
        await recorder.flush()
        for number in range(1, 50):
            one.write(sound(FRAME, seed=number), at_ms=20 * number)
        await recorder.flush()
        killed = tmp_path / "killed"
        killed.mkdir()
        for path in folder.iterdir():
            (killed / path.name).write_bytes(path.read_bytes())
        (killed / "two.wav").write_bytes((folder / "two.wav").read_bytes()[:80])

    record(clock, folder, call)
    assert not RecordingManifest.read(tmp_path / "killed").complete
    write_mixdown(tmp_path / "killed", tmp_path / "mix.wav", left=["one"], right=["two"])

    got = stereo_of(tmp_path / "mix.wav")
    assert len(got) == 16_000
    np.testing.assert_array_equal(got[-FRAME:, :1], sound(FRAME, seed=49).samples)
    assert not got[:, 1].any()


def test_a_finished_part_that_is_gone_is_told(tmp_path: Path) -> None:
    """Silence in its place would pass for a call in which nobody spoke."""
    recorded(tmp_path / "out", ("a", "original", 0), ("b", "translation", 0))
    (tmp_path / "out" / "b.wav").unlink()

    with pytest.raises(UnreadableFileError, match=r"b\.wav"):
        write_mixdown(tmp_path / "out", tmp_path / "mix.wav")


@pytest.mark.untraced
def test_memory_does_not_grow_with_the_call(tmp_path: Path) -> None:
    """Nobody has an hour of every track in memory: a second of each is read at a time."""
    import tracemalloc

    clock = VirtualClock()
    peaks = []
    for name, seconds in (("short", 10), ("long", 200)):

        async def call(recorder: Recorder, seconds: int = seconds) -> None:
            for side in ("left", "right"):
                track = recorder.track(side, format=SPEECH)
                track.write(sound(320), at_ms=0)
                track.write(sound(320), at_ms=seconds * 1_000)

        record(clock, tmp_path / name, call)
        tracemalloc.start()
        write_mixdown(tmp_path / name, tmp_path / f"{name}.wav", left=["left"], right=["right"])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.parametrize(
    ("sides", "match"),
    [
        ({}, "translation"),
        ({"left": ["nobody"], "right": ["a"]}, "nobody"),
        ({"left": ["a"], "right": []}, "right"),
    ],
)
def test_sides_without_a_track_are_refused(
    sides: dict[str, list[str]], match: str, tmp_path: Path
) -> None:
    """A file with an empty side would be found out only by listening; no file is made."""
    recorded(tmp_path / "out", ("a", "original", 0))

    with pytest.raises(ConfigurationError, match=match):
        write_mixdown(tmp_path / "out", tmp_path / "mix.wav", **sides)
    assert not (tmp_path / "mix.wav").exists()


def test_a_track_is_never_overwritten_by_the_mixdown(tmp_path: Path) -> None:
    """It would be emptied before it is read."""
    recorded(tmp_path / "out", ("a", "original", 0), ("b", "translation", 0))
    before = (tmp_path / "out" / "a.wav").read_bytes()

    with pytest.raises(ConfigurationError, match="recording itself"):
        write_mixdown(tmp_path / "out", tmp_path / "out" / ".." / "out" / "a.wav")
    assert (tmp_path / "out" / "a.wav").read_bytes() == before


def test_tracks_without_audio_are_silent(tmp_path: Path) -> None:
    """A party that never spoke is no error; the other side is as long as it is."""
    clock = VirtualClock()

    async def call(recorder: Recorder) -> None:
        recorder.track("a", format=SPEECH, role="original").write(
            AudioFrame(noise(100, seed=1).samples, SPEECH), at_ms=0
        )
        recorder.track("b", format=SPEECH, role="translation")

    record(clock, tmp_path / "out", call)
    write_mixdown(tmp_path / "out", tmp_path / "mix.wav")

    got = stereo_of(tmp_path / "mix.wav")
    assert got[:, 0].any()
    assert got.shape == (1_600, 2)
    assert not got[:, 1].any()
