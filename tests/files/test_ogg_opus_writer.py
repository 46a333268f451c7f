"""The Ogg Opus writer for live recordings: exact lengths, short losses, cheap silence."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from file_samples import read_samples, tone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import UnsupportedFormatError
from rawmedia.files import AudioFileReader
from rawmedia.files.ogg_opus import OggOpusWriter, SilentOggOpusEncoder
from rawmedia.testing.signals import speech_like

if TYPE_CHECKING:
    from pathlib import Path

    from file_samples import Int16

KINDS = [AudioFormat(8_000), SPEECH, AudioFormat(24_000), AudioFormat(48_000, 2)]


def likeness(a: Int16, b: Int16) -> float:
    """How alike two sounds are in shape and place, 1 for the same."""
    return float(np.corrcoef(a[:, 0], b[:, 0])[0, 1])


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_long_silence_is_silent_and_leaves_the_words_in_their_place(
    kind: AudioFormat, tmp_path: Path
) -> None:
    """The packets that stand for silence are not the encoder's own; nothing may click or shift."""
    words = speech_like(2_000, seed=1, format=kind)
    gap = kind.samples(20_007.3)
    path = tmp_path / "out.opus"

    with OggOpusWriter(path, kind) as writer:
        writer.write(words)
        before = writer.size_bytes
        writer.write_silence(gap)
        silent_bytes = writer.size_bytes - before
        writer.write(words)

    got = read_samples(path)
    said = words.samples_per_channel
    assert len(got) == 2 * said + gap
    settled = kind.samples(100)
    assert np.abs(got[said + settled : said + gap - settled]).max() <= 2
    assert likeness(got[:said], words.samples) > 0.85
    assert likeness(got[said + gap :], words.samples) > 0.85
    assert likeness(got[said + gap :], got[:said]) > 0.95
    assert silent_bytes < 20_000 / 20 * 8  # 4 bytes a packet, and the pages


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_follows_a_silence_sounds_as_at_the_start_of_a_file(
    kind: AudioFormat, tmp_path: Path
) -> None:
    """A decoder has forgotten the words before; an encoder that had not would distort these."""
    words = speech_like(1_000, seed=4, format=kind)
    with OggOpusWriter(tmp_path / "fresh.opus", kind) as writer:
        writer.write(words)
    with OggOpusWriter(tmp_path / "after.opus", kind) as writer:
        writer.write(words)
        writer.write_silence(kind.samples(1_000))
        writer.write(words)

    after = read_samples(tmp_path / "after.opus")[2 * words.samples_per_channel :]
    np.testing.assert_allclose(after, read_samples(tmp_path / "fresh.opus"), atol=1)


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pieces=st.lists(st.tuples(st.booleans(), st.integers(0, 9_000)), max_size=12))
def test_sound_and_silence_of_any_length_decode_to_as_much(
    pieces: list[tuple[bool, int]], tmp_path: Path
) -> None:
    """A recording stays in step with the others whatever comes and goes in it."""
    path = tmp_path / "out.opus"
    sound = speech_like(600, seed=2).samples

    with OggOpusWriter(path, SPEECH) as writer:
        for is_sound, samples in pieces:
            if is_sound:
                writer.write(AudioFrame(sound[:samples], SPEECH))
            else:
                writer.write_silence(samples)
        total = writer.position

    if total:
        with AudioFileReader(path) as reader:
            assert reader.warning is None
            assert sum(frame.samples_per_channel for frame in reader) == total


def test_where_silence_is_cut_does_not_change_the_pages() -> None:
    """A second at a time or a frame at a time: it is one silence."""
    words = speech_like(505, seed=3).samples

    def pages(cuts: list[int]) -> int:
        encoder = SilentOggOpusEncoder(SPEECH)
        data = encoder.push(words)
        data += b"".join(encoder.push_silence(cut) for cut in cuts)
        data += encoder.push(words) + encoder.end()
        return len(data)

    assert pages([40_000]) == pages([1] * 100 + [39_000, 900]) == pages([320] * 125)


@pytest.mark.parametrize("kind", [SPEECH, AudioFormat(44_100)], ids=str)
def test_a_process_killed_at_any_moment_loses_a_third_of_a_second(
    kind: AudioFormat, tmp_path: Path
) -> None:
    """A copy made between two frames is what a process killed there leaves behind."""
    samples = tone(kind, 3_000)
    path, copy = tmp_path / "out.opus", tmp_path / "copy.opus"
    frame = kind.samples(20)
    worst_ms = 0.0

    with OggOpusWriter(path, kind) as writer:
        for start in range(0, len(samples), frame):
            writer.write(AudioFrame(samples[start : start + frame], kind))
            if writer.duration_ms < 400 or start // frame % 3:
                continue
            shutil.copyfile(path, copy)
            info = soundfile.info(copy)
            worst_ms = max(worst_ms, writer.duration_ms - info.frames / info.samplerate * 1000)

    assert 200 < worst_ms <= 330


@pytest.mark.parametrize("silent", [False, True])
def test_a_file_plays_from_its_first_packet_on(silent: bool, tmp_path: Path) -> None:
    """A process may be killed when the file has only just begun."""
    path = tmp_path / "out.opus"
    with OggOpusWriter(path, SPEECH) as writer:
        writer.write(AudioFrame(tone(SPEECH, 10), SPEECH))
        assert path.stat().st_size == 0
        if silent:
            writer.write_silence(320)
        else:
            writer.write(AudioFrame(tone(SPEECH, 20), SPEECH))
        assert soundfile.info(path).frames == 320 - 104  # the encoder's lookahead


def test_more_than_two_channels_are_refused_before_a_file_is_made(tmp_path: Path) -> None:
    """There is nothing to clean up."""
    with pytest.raises(UnsupportedFormatError):
        OggOpusWriter(tmp_path / "out.opus", AudioFormat(48_000, 3))
    assert not list(tmp_path.iterdir())


def test_another_rate_is_converted_and_its_silence_too(tmp_path: Path) -> None:
    """The converter's memory reaches into the silence."""
    kind = AudioFormat(44_100)
    with OggOpusWriter(tmp_path / "out.opus", kind) as writer:
        writer.write(AudioFrame(tone(kind, 500), kind))
        writer.write_silence(44_100)
    assert len(read_samples(tmp_path / "out.opus")) == 72_000
