"""Audio of any size and format becomes frames, wherever it was cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_kit import audio_of, cut, pcm

from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.format import SPEECH, TELEPHONY, WIDEBAND_VOICE, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import PayloadError, UnsupportedFormatError
from rawmedia.streams.intake import Intake, as_payload

STEREO = AudioFormat(16_000, 2)
SOURCES = [SPEECH, TELEPHONY, WIDEBAND_VOICE, AudioFormat(22_050), AudioFormat(48_000, 2), STEREO]

sizes = st.lists(st.integers(0, 700), max_size=12)


def given_out(intake: Intake, pieces: list[AudioFrame], *, pad: bool = False) -> list[AudioFrame]:
    frames = [frame for piece in pieces for frame in intake.take(piece)]
    return [*frames, *intake.flush(pad=pad)]


@pytest.mark.parametrize("prompt", [False, True])
@given(sizes, st.sampled_from(SOURCES), st.integers(10, 400))
def test_where_audio_is_cut_changes_nothing(
    prompt: bool, cuts: list[int], source: AudioFormat, frame_samples: int
) -> None:
    """Platforms cut as they like; the frames must not tell how."""
    data = pcm(sum(cuts) + 50, source)
    whole = given_out(Intake(SPEECH, frame_samples, prompt=prompt), [AudioFrame(data, source)])
    pieces = [AudioFrame(piece, source) for piece in cut(data, cuts, source)]
    assert given_out(Intake(SPEECH, frame_samples, prompt=prompt), pieces) == whole


@given(sizes, st.sampled_from(SOURCES), st.integers(10, 400))
def test_frames_have_one_length_and_follow_each_other(
    cuts: list[int], source: AudioFormat, frame_samples: int
) -> None:
    intake = Intake(SPEECH, frame_samples)
    data = pcm(sum(cuts), source)
    frames = given_out(intake, [AudioFrame(data, source)], pad=True)
    assert [frame.samples_per_channel for frame in frames] == [frame_samples] * len(frames)
    assert [frame.position for frame in frames] == [
        frame_samples * number for number in range(len(frames))
    ]
    assert intake.position == frame_samples * len(frames)


@given(sizes, st.sampled_from(SOURCES), st.integers(10, 400))
def test_what_waits_is_counted_to_the_sample(
    cuts: list[int], source: AudioFormat, frame_samples: int
) -> None:
    """Marks and accounts rest on where the audio ends, also while a converter holds some of it."""
    intake = Intake(SPEECH, frame_samples)
    given = 0
    for piece in cut(pcm(sum(cuts), source), cuts, source):
        given += len(piece) // source.bytes_per_instant
        for frame in intake.take(AudioFrame(piece, source)):
            assert frame.end <= intake.end
        assert intake.end == -(-given * SPEECH.sample_rate // source.sample_rate)
        assert intake.end == intake.position + intake.pending_samples
    end = intake.end
    intake.flush(pad=False)
    assert (intake.end, intake.pending_samples) == (end, 0)


@given(st.lists(st.tuples(st.sampled_from(SOURCES), st.integers(0, 500)), max_size=8))
def test_formats_may_change_in_mid_stream(parts: list[tuple[AudioFormat, int]]) -> None:
    """Each stretch of one format is converted by itself, its tail included, and nothing is lost."""
    intake = Intake(SPEECH, 160)
    frames: list[AudioFrame] = []
    expected = b""
    stretch: tuple[AudioFormat, bytes] = (SPEECH, b"")
    for number, (source, size) in enumerate(parts):
        data = pcm(size, source, seed=number)
        frames += intake.take(AudioFrame(data, source))
        if not size:
            continue
        if source != stretch[0]:
            expected += converted(*stretch)
            stretch = (source, b"")
        stretch = (source, stretch[1] + data)
    frames += intake.flush(pad=False)
    assert audio_of(frames) == expected + converted(*stretch)


def converted(source: AudioFormat, data: bytes) -> bytes:
    converter = FormatConverter(source, SPEECH)
    return converter.push(data) + converter.flush()


def test_a_prompt_intake_gives_a_frame_for_a_frame() -> None:
    """A reader of a telephone call would otherwise get everything one frame later."""
    prompt, aligned = Intake(SPEECH, 320, prompt=True), Intake(SPEECH, 320)
    frame = AudioFrame(pcm(160, TELEPHONY), TELEPHONY)
    assert [len(prompt.take(frame)) for _ in range(5)] == [1] * 5
    assert [len(aligned.take(frame)) for _ in range(5)] == [0, 1, 1, 1, 1]
    assert prompt.slack == 64  # 3 ms of the filter, and 1 ms of rounding
    assert aligned.slack == 16


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "memoryview", "array", "frame"])
def test_it_takes_whatever_holds_samples(kind: str) -> None:
    data = pcm(500, STEREO)
    forms = {
        "bytes": data,
        "bytearray": bytearray(data),
        "memoryview": memoryview(data),
        "array": np.frombuffer(data, np.int16).reshape(-1, 2),
        "frame": AudioFrame(data, STEREO),
    }
    intake = Intake(STEREO, 320)
    frames = [*intake.take(forms[kind]), *intake.flush(pad=False)]  # type: ignore[arg-type]
    assert audio_of(frames) == data


def test_memory_that_its_owner_writes_again_was_copied() -> None:
    """A sound card hands out the same buffer for every block."""
    buffer = bytearray(pcm(320))
    before = bytes(buffer)
    (frame,) = Intake(SPEECH, 320).take(buffer)
    buffer[:] = bytes(len(buffer))
    assert bytes(frame) == before


def test_a_frame_that_is_as_it_should_be_passes_uncopied() -> None:
    data = pcm(320)
    intake = Intake(SPEECH, 320)
    (first,) = intake.take(AudioFrame(data, SPEECH, position=77, source="anna"))
    assert first.data is data
    assert (first.position, first.source) == (0, "anna")
    second = intake.take_whole(data)
    assert second == AudioFrame(data, SPEECH, position=320)
    assert second.data is data


def test_a_whole_frame_does_not_overtake_what_a_converter_holds() -> None:
    intake = Intake(SPEECH, 320, prompt=True)
    telephone, speech = pcm(160, TELEPHONY), pcm(320)
    frames = [
        *intake.take(AudioFrame(telephone, TELEPHONY)),
        *intake.take(AudioFrame(speech, SPEECH)),
        *intake.flush(pad=False),
    ]
    converter = FormatConverter(TELEPHONY, SPEECH, prompt=True)
    assert audio_of(frames) == converter.push(telephone) + converter.flush() + speech


def test_a_frame_over_any_memory_passes_uncopied() -> None:
    """Its maker has promised to leave the memory alone."""
    frame = AudioFrame(memoryview(pcm(320)), SPEECH)
    (taken,) = Intake(SPEECH, 320).take(frame)
    assert taken.data is frame.data


def test_the_frame_path_is_for_whole_frames_alone() -> None:
    intake = Intake(SPEECH, 320)
    assert intake.take_whole(pcm(319)) is None
    intake.take(pcm(1))
    assert intake.take_whole(pcm(320)) is None
    intake.clear()
    intake.take(AudioFrame(pcm(1, TELEPHONY), TELEPHONY))
    assert intake.take_whole(pcm(320)) is None


@given(st.integers(0, 700), st.sampled_from(SOURCES))
def test_clearing_counts_all_that_is_held(size: int, source: AudioFormat) -> None:
    intake = Intake(SPEECH, 320)
    intake.take(AudioFrame(pcm(size, source), source))
    pending, position = intake.pending_samples, intake.position
    assert intake.clear() == pending
    assert (intake.end, intake.position, intake.slack) == (position, position, 0)
    assert intake.flush(pad=False) == []


def test_a_named_speaker_outweighs_what_frames_say() -> None:
    intake = Intake(SPEECH, 320, "line 1")
    assert intake.take(AudioFrame(pcm(320), SPEECH, source="anna"))[0].source == "line 1"
    assert intake.take(AudioFrame(pcm(640), SPEECH, source="anna"))[1].source == "line 1"
    assert Intake(SPEECH, 320).take(AudioFrame(pcm(640), SPEECH, source="anna"))[1].source == "anna"


@pytest.mark.parametrize(
    "audio", [b"\0", np.zeros(4), np.zeros((2, 3), np.int16), "text", 7, None, memoryview(b"abc")]
)
def test_what_is_no_audio_is_refused_whole(audio: object) -> None:
    intake = Intake(SPEECH, 320)
    intake.take(pcm(10))
    with pytest.raises(PayloadError):
        intake.take(audio)  # type: ignore[arg-type]
    assert intake.end == 10


def test_a_rate_that_cannot_be_converted_changes_nothing() -> None:
    """What the converter before it holds must not go with the refusal."""
    intake = Intake(SPEECH, 320)
    intake.take(AudioFrame(pcm(100, TELEPHONY), TELEPHONY))
    odd = AudioFormat(44_101)
    with pytest.raises(UnsupportedFormatError):
        intake.take(AudioFrame(pcm(100, odd), odd))
    assert intake.end == 200
    assert len(audio_of(intake.flush(pad=False))) == 400


@pytest.mark.parametrize("source", [SPEECH, TELEPHONY])
def test_nothing_in_changes_nothing(source: AudioFormat) -> None:
    """An empty packet must not end a stretch of converted audio."""
    intake = Intake(SPEECH, 320)
    intake.take(AudioFrame(pcm(100, TELEPHONY), TELEPHONY))
    assert list(intake.take(AudioFrame(b"", source))) == []
    assert intake.slack > 0
    assert intake.end == 200


def test_payloads_are_not_copied() -> None:
    data = pcm(10)
    assert as_payload(data, SPEECH) == (data, SPEECH, None)
    frame = AudioFrame(data, TELEPHONY, source="anna")
    assert as_payload(frame, SPEECH)[0] is data
    assert as_payload(frame, SPEECH)[1:] == (TELEPHONY, "anna")


@given(sizes)
def test_two_intakes_share_nothing(cuts: list[int]) -> None:
    first, second = Intake(SPEECH, 160), Intake(SPEECH, 160)
    alone = given_out(Intake(SPEECH, 160), [AudioFrame(pcm(900, TELEPHONY), TELEPHONY)])
    data = pcm(sum(cuts), TELEPHONY, seed=2)
    frames: list[AudioFrame] = []
    pieces = cut(pcm(900, TELEPHONY), [900 // (len(cuts) + 1)] * len(cuts))
    for piece, other in zip(pieces, [*cut(data, cuts)[: len(cuts)], b""], strict=True):
        frames += first.take(AudioFrame(piece, TELEPHONY))
        second.take(AudioFrame(other, TELEPHONY))
    assert [*frames, *first.flush(pad=False)] == alone
