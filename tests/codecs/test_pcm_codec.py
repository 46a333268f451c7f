"""Linear PCM in nine encodings: exact where it can be, rounded as it says, and as others write it."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from fractions import Fraction
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import waveform_laws as laws
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.codecs.pcm import LinearPcmDecoder, LinearPcmEncoder, PcmEncoding
from rawmedia.errors import ConfigurationError, PayloadError

if TYPE_CHECKING:
    from pathlib import Path

Ints = npt.NDArray[np.int16]
STEREO = AudioFormat(16_000, 2)
ENCODINGS: tuple[PcmEncoding, ...] = get_args(PcmEncoding)
EXACT = [encoding for encoding in ENCODINGS if encoding != "u8"]
EVERY_INT16 = np.arange(-32_768, 32_768).astype(np.int16)[:, None]
BYTES = {"u8": 1, "s16": 2, "s24": 3, "s32": 4, "f32": 4}


def size_of(encoding: PcmEncoding) -> int:
    return BYTES[encoding.removesuffix("le").removesuffix("be")]


@pytest.mark.parametrize("encoding", EXACT)
def test_every_int16_comes_back_as_it_was(encoding: PcmEncoding) -> None:
    payload = LinearPcmEncoder(SPEECH, encoding).encode(EVERY_INT16)
    assert len(payload) == 65_536 * size_of(encoding)
    again = LinearPcmDecoder(SPEECH, encoding).decode(payload)
    assert again.dtype == np.int16
    np.testing.assert_array_equal(again, EVERY_INT16)


def test_eight_bits_are_the_nearest_of_256_steps_ties_to_even() -> None:
    payload = LinearPcmEncoder(SPEECH, "u8").encode(EVERY_INT16)
    wanted = [min(127, round(Fraction(int(sample), 256))) + 128 for sample in EVERY_INT16[:, 0]]
    assert payload == bytes(wanted)
    back = LinearPcmDecoder(SPEECH, "u8").decode(bytes(range(256)))
    assert back[:, 0].tolist() == [(code - 128) * 256 for code in range(256)]
    assert LinearPcmEncoder(SPEECH, "u8").encode(back) == bytes(range(256))


@pytest.mark.parametrize(
    ("encoding", "payload"),
    [
        ("u8", b"\x81\x00"),
        ("s16le", b"\x02\x01\x00\x80"),
        ("s16be", b"\x01\x02\x80\x00"),
        ("s24le", b"\x00\x02\x01\x00\x00\x80"),
        ("s24be", b"\x01\x02\x00\x80\x00\x00"),
        ("s32le", b"\x00\x00\x02\x01\x00\x00\x00\x80"),
        ("s32be", b"\x01\x02\x00\x00\x80\x00\x00\x00"),
        ("f32le", struct.pack("<2f", 0x102 / 32_768, -1)),
        ("f32be", struct.pack(">2f", 0x102 / 32_768, -1)),
    ],
)
def test_each_encoding_has_its_bytes_in_its_order(encoding: PcmEncoding, payload: bytes) -> None:
    samples = np.array([0x102, -32_768], np.int16)
    assert LinearPcmEncoder(SPEECH, encoding).encode(samples) == payload


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=40))
def test_thirty_two_bits_are_rounded_to_the_nearest_even_and_saturated(steps: list[int]) -> None:
    wanted = [min(32_767, round(Fraction(step, 65_536))) for step in steps]
    for encoding, order in (("s32le", "<"), ("s32be", ">")):
        payload = struct.pack(f"{order}{len(steps)}i", *steps)
        out = LinearPcmDecoder(SPEECH, encoding).decode(payload)  # type: ignore[arg-type]
        assert out[:, 0].tolist() == wanted


@given(st.lists(st.integers(-(2**23), 2**23 - 1), min_size=1, max_size=40))
def test_twenty_four_bits_are_rounded_to_the_nearest_even_and_saturated(steps: list[int]) -> None:
    wanted = [min(32_767, round(Fraction(step, 256))) for step in steps]
    little = b"".join(step.to_bytes(3, "little", signed=True) for step in steps)
    big = b"".join(step.to_bytes(3, "big", signed=True) for step in steps)
    assert LinearPcmDecoder(SPEECH, "s24le").decode(little)[:, 0].tolist() == wanted
    assert LinearPcmDecoder(SPEECH, "s24be").decode(big)[:, 0].tolist() == wanted


def test_ties_and_the_positive_end_are_where_rounding_shows() -> None:
    steps = [0x80, 0x180, -0x80, -0x180, 0x7FFFFF, -0x800000, 0x7FFF7F]
    payload = b"".join(step.to_bytes(3, "little", signed=True) for step in steps)
    out = LinearPcmDecoder(SPEECH, "s24le").decode(payload)[:, 0]
    assert out.tolist() == [0, 2, 0, -2, 32_767, -32_768, 32_767]


@given(st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=40))
def test_floats_are_rounded_and_saturated(floats: list[float]) -> None:
    wanted = [max(-32_768, min(32_767, round(value * 32_768))) for value in floats]
    for encoding, order in (("f32le", "<"), ("f32be", ">")):
        payload = struct.pack(f"{order}{len(floats)}f", *floats)
        out = LinearPcmDecoder(SPEECH, encoding).decode(payload)  # type: ignore[arg-type]
        assert out[:, 0].tolist() == wanted


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(("encoding", "order"), [("f32le", "<"), ("f32be", ">")])
def test_a_float_that_is_no_number_is_refused_and_leaves_no_trace(
    bad: float, encoding: PcmEncoding, order: str
) -> None:
    payload = struct.pack(f"{order}3f", 0.5, bad, 0.5)
    with pytest.raises(PayloadError, match="finite"):
        LinearPcmDecoder(SPEECH, encoding).decode(payload)
    laws.check_refusals(
        lambda: LinearPcmDecoder(SPEECH, encoding), LinearPcmEncoder(SPEECH, encoding), [payload]
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(cuts=st.lists(st.integers(0, 79), max_size=5), seed=st.integers(0, 2**32 - 1))
def test_where_a_payload_is_cut_does_not_change_the_audio(
    encoding: PcmEncoding, cuts: list[int], seed: int
) -> None:
    samples = np.random.default_rng(seed).integers(-32_768, 32_768, (80, 2), np.int16)
    payload = LinearPcmEncoder(STEREO, encoding).encode(samples)
    laws.check_cuts(
        lambda: LinearPcmDecoder(STEREO, encoding), payload, 2 * size_of(encoding), cuts
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_half_a_sample_is_refused_whole(encoding: PcmEncoding) -> None:
    instant = 2 * size_of(encoding)
    bad: list[Any] = [bytes(size) for size in range(2 * instant) if size % instant or not size]
    laws.check_refusals(
        lambda: LinearPcmDecoder(STEREO, encoding), LinearPcmEncoder(STEREO, encoding), bad
    )


@given(st.sampled_from(ENCODINGS), st.binary(max_size=200))
def test_any_bytes_are_audio_or_a_payload_error(encoding: PcmEncoding, data: bytes) -> None:
    decoder = LinearPcmDecoder(STEREO, encoding)
    try:
        out = decoder.decode(data)
    except PayloadError:
        assert decoder.conceal(10).shape == (10, 2), "it still works"
    else:
        assert len(out) * 2 * size_of(encoding) == len(data)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("format", [SPEECH, STEREO])
def test_encoder_and_decoder_keep_the_promises_of_a_codec(
    encoding: PcmEncoding, format: AudioFormat
) -> None:
    laws.check_protocol(
        lambda: LinearPcmDecoder(format, encoding), LinearPcmEncoder(format, encoding)
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encoders_take_int16_of_their_channels_only(encoding: PcmEncoding) -> None:
    encoder = LinearPcmEncoder(STEREO, encoding)
    laws.check_encoder_refusals(encoder)
    assert encoder.encode(np.zeros((0, 2), np.int16)) == b""
    assert encoder.encoding == LinearPcmDecoder(STEREO, encoding).encoding == encoding


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_channels_are_interleaved_in_any_order_of_memory(encoding: PcmEncoding) -> None:
    samples = np.arange(-300, 300, dtype=np.int16).reshape(-1, 2) * 99
    encoder = LinearPcmEncoder(STEREO, encoding)
    payload = encoder.encode(samples)
    assert encoder.encode(np.asfortranarray(samples)) == payload
    left = LinearPcmEncoder(SPEECH, encoding).encode(samples[:, 0])
    size = size_of(encoding)
    assert b"".join(payload[at : at + size] for at in range(0, len(payload), 2 * size)) == left


def test_an_encoding_that_there_is_not_is_refused_and_the_others_named() -> None:
    unknown: Any = "s16"
    for make in (LinearPcmEncoder, LinearPcmDecoder):
        with pytest.raises(ConfigurationError, match="s16le, s16be"):
            make(SPEECH, unknown)


SUBTYPES = {"u8": "PCM_U8", "s16": "PCM_16", "s24": "PCM_24", "s32": "PCM_32", "f32": "FLOAT"}


@pytest.mark.parametrize("encoding", EXACT)
def test_libsndfile_reads_the_same_samples(encoding: PcmEncoding) -> None:
    payload = LinearPcmEncoder(STEREO, encoding).encode(EVERY_INT16.reshape(-1, 2))
    endian = "LITTLE" if encoding.endswith("le") else "BIG"
    read, _ = soundfile.read(
        io.BytesIO(payload),
        samplerate=16_000,
        channels=2,
        format="RAW",
        subtype=SUBTYPES[encoding[:3]],
        endian=endian,
        dtype="float64",
    )
    np.testing.assert_array_equal(read * 32_768, EVERY_INT16.reshape(-1, 2))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_ffmpeg_reads_and_writes_the_same_bytes(encoding: PcmEncoding, tmp_path: Path) -> None:
    """Eight bits it cuts instead of rounding them; whole steps are the same."""
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    samples = EVERY_INT16 if encoding != "u8" else EVERY_INT16[::256]
    payload = LinearPcmEncoder(SPEECH, encoding).encode(samples)
    assert ffmpeg(tmp_path, "s16le", samples.astype("<i2").tobytes(), encoding) == payload
    back = ffmpeg(tmp_path, encoding, payload, "s16le")
    assert back == LinearPcmDecoder(SPEECH, encoding).decode(payload).astype("<i2").tobytes()


def ffmpeg(folder: Path, from_format: str, data: bytes, to_format: str) -> bytes:
    source = folder / "in.raw"
    source.write_bytes(data)
    command = ["ffmpeg", "-v", "error", "-f", from_format, "-ar", "16000", "-i", str(source)]
    return subprocess.run([*command, "-f", to_format, "-"], check=True, capture_output=True).stdout
