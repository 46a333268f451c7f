"""G.711 against the tables of the ITU and against other programs, code for code."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
import waveform_laws as laws
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import TELEPHONY, AudioFormat
from rawmedia.codecs import g711
from rawmedia.codecs.g711 import (
    ALAW_SILENCE,
    ULAW_SILENCE,
    ALawDecoder,
    ALawEncoder,
    ULawDecoder,
    ULawEncoder,
    alaw_to_ulaw,
    ulaw_to_alaw,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rawmedia.codecs.codec import Decoder, Encoder

Ints = npt.NDArray[np.int16]
EVERY_CODE = bytes(range(256))
EVERY_INT16 = np.arange(-32_768, 32_768).astype(np.int16)
STEREO = AudioFormat(16_000, 2)
LAWS = [
    pytest.param(ULawEncoder, ULawDecoder, id="ulaw"),
    pytest.param(ALawEncoder, ALawDecoder, id="alaw"),
]


def values(decoder: Decoder) -> Ints:
    return decoder.decode(EVERY_CODE)[:, 0]


def segment_values(law: str) -> list[int]:
    """Positive output values from the recommendation's own description, written out plainly.

    Tables 1a and 2a, in their units: eight segments of sixteen equal steps, each twice as wide
    as the last (A-law: the first two alike), and every value in the middle of its step.
    """
    if law == "alaw":  # 12 bits and a sign, steps of 2 at first; by 8 it is 16 bits
        starts = [0, 32, 64, 128, 256, 512, 1_024, 2_048]
        widths = [2, 2, 4, 8, 16, 32, 64, 128]
        scale = 8
    else:  # 13 bits and a sign; the first step has its other half below 0
        starts = [-1, 31, 95, 223, 479, 991, 2_015, 4_063]
        widths = [2 << n for n in range(8)]
        scale = 4
    return [
        scale * (start + width * step + width // 2)
        for start, width in zip(starts, widths, strict=True)
        for step in range(16)
    ]


@pytest.mark.parametrize(
    ("decoder", "law", "positive"),
    [
        # From 0 upwards, the codes of the recommendation count down (μ) or are inverted (A).
        (ULawDecoder(), "ulaw", [0xFF - n for n in range(128)]),
        (ALawDecoder(), "alaw", [(0x80 | n) ^ 0x55 for n in range(128)]),
    ],
)
def test_every_code_stands_for_the_value_in_the_table(
    decoder: Decoder, law: str, positive: list[int]
) -> None:
    table = values(decoder)
    wanted = segment_values(law)
    assert [int(table[code]) for code in positive] == wanted
    assert [int(table[code ^ 0x80]) for code in positive] == [-value for value in wanted]


def test_the_extremes_and_the_silences_are_those_of_the_recommendation() -> None:
    ulaw, alaw = values(ULawDecoder()), values(ALawDecoder())
    assert (ulaw.min(), ulaw.max()) == (-32_124, 32_124)
    assert (alaw.min(), alaw.max()) == (-32_256, 32_256)
    silence = np.zeros((3, 1), np.int16)
    assert ULawEncoder().encode(silence) == bytes([ULAW_SILENCE] * 3)
    assert ALawEncoder().encode(silence) == bytes([ALAW_SILENCE] * 3)
    assert ulaw[ULAW_SILENCE] == 0
    assert alaw[ALAW_SILENCE] == 8


@pytest.mark.parametrize(
    ("codec", "decoder", "sox_type", "ffmpeg_format"),
    [("ulaw", ULawDecoder(), "ul", "mulaw"), ("alaw", ALawDecoder(), "al", "alaw")],
)
def test_sox_and_ffmpeg_hear_the_same_in_all_256_codes(
    codec: str, decoder: Decoder, sox_type: str, ffmpeg_format: str, tmp_path: Path
) -> None:
    source = tmp_path / f"codes.{sox_type}"
    source.write_bytes(EVERY_CODE)
    wanted = values(decoder).astype("<i2").tobytes()
    heard = 0
    if shutil.which("sox"):
        command = ["sox", "-D", "-t", sox_type, "-r", "8000", "-c", "1", str(source)]
        command += ["-t", "raw", "-e", "signed", "-b", "16", "-L", "-"]
        assert subprocess.run(command, check=True, capture_output=True).stdout == wanted
        heard += 1
    if shutil.which("ffmpeg"):
        command = ["ffmpeg", "-v", "error", "-f", ffmpeg_format, "-ar", "8000", "-i", str(source)]
        command += ["-f", "s16le", "-"]
        assert subprocess.run(command, check=True, capture_output=True).stdout == wanted
        heard += 1
    if not heard:
        pytest.skip("neither sox nor ffmpeg is installed")


@pytest.mark.parametrize(
    ("encoder", "decoder", "ffmpeg_format"),
    [(ULawEncoder(), ULawDecoder(), "mulaw"), (ALawEncoder(), ALawDecoder(), "alaw")],
)
def test_ffmpeg_encodes_to_the_same_code_or_one_as_near(
    encoder: Encoder, decoder: Decoder, ffmpeg_format: str, tmp_path: Path
) -> None:
    """Where the steps become wider, it takes the nearest value, G.711 the step that holds the sample."""
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    source = tmp_path / "samples.raw"
    source.write_bytes(EVERY_INT16.astype("<i2").tobytes())
    command = ["ffmpeg", "-v", "error", "-f", "s16le", "-ar", "8000", "-i", str(source)]
    command += ["-f", ffmpeg_format, "-"]
    theirs = subprocess.run(command, check=True, capture_output=True).stdout
    ours = encoder.encode(EVERY_INT16)
    table = values(decoder).astype(int)
    order = np.unique(table)
    ours_at, theirs_at = (
        np.searchsorted(order, table[np.frombuffer(codes, np.uint8)]) for codes in (ours, theirs)
    )
    assert np.abs(ours_at - theirs_at).max() <= 1
    assert np.count_nonzero(ours_at != theirs_at) < 1_100


@pytest.mark.parametrize(("make_encoder", "make_decoder"), LAWS)
def test_each_code_stands_for_the_middle_of_the_samples_that_get_it(
    make_encoder: Any, make_decoder: Any
) -> None:
    """But for the first of μ-law, which has its other half below 0, and the last, which saturates."""
    positive = np.arange(32_768, dtype=np.int16)
    heard = make_decoder().decode(make_encoder().encode(positive))[:, 0].astype(int)
    assert (np.diff(heard) >= 0).all(), "a louder sample never gets a softer code"
    steps, first, sizes = np.unique(heard, return_index=True, return_counts=True)
    assert len(steps) == 128
    middles = first + sizes / 2
    np.testing.assert_array_equal(middles[1:-1], steps[1:-1])
    assert steps[0] in (0, middles[0])
    assert sizes[-1] >= sizes[-2]


@pytest.mark.parametrize(("make_encoder", "make_decoder"), LAWS)
def test_a_negative_sample_mirrors_the_positive_one_below_it(
    make_encoder: Any, make_decoder: Any
) -> None:
    """G.191 takes the one's complement, so that -1 mirrors 0: only the sign bit differs."""
    positive = np.arange(32_768, dtype=np.int16)
    above = np.frombuffer(make_encoder().encode(positive), np.uint8)
    below = np.frombuffer(make_encoder().encode(~positive), np.uint8)
    np.testing.assert_array_equal(above ^ 0x80, below)


def test_the_encoders_differ_from_those_of_sun_just_where_the_facts_say() -> None:
    """CPython's audioop had Sun's: 508 μ-law codes, each of a negative sample, and no A-law code."""
    audioop = _audioop()
    data = EVERY_INT16.astype("<i2").tobytes()
    ours = np.frombuffer(ULawEncoder().encode(EVERY_INT16), np.uint8)
    theirs = np.frombuffer(audioop.lin2ulaw(data, 2), np.uint8)
    differing = EVERY_INT16[ours != theirs]
    assert len(differing) == 508
    assert (differing < 0).all()
    assert ALawEncoder().encode(EVERY_INT16) == audioop.lin2alaw(data, 2)
    for decoder, theirs_decode in (
        (ULawDecoder(), audioop.ulaw2lin),
        (ALawDecoder(), audioop.alaw2lin),
    ):
        assert values(decoder).astype("<i2").tobytes() == theirs_decode(EVERY_CODE, 2)


def _audioop() -> Any:
    """The standard library's, up to Python 3.12, which warns that it will go."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return pytest.importorskip("audioop")


def test_what_was_decoded_is_encoded_to_the_same_code_but_for_the_negative_zero() -> None:
    """So a gateway that decodes and encodes again adds nothing."""
    assert ALawEncoder().encode(ALawDecoder().decode(EVERY_CODE)) == EVERY_CODE
    again = ULawEncoder().encode(ULawDecoder().decode(EVERY_CODE))
    assert [n for n in range(256) if again[n] != n] == [0x7F]
    assert again[0x7F] == 0xFF


def test_a_code_changes_its_law_by_the_value_it_stands_for() -> None:
    """The direct way and the way through samples differ for the negative half at most."""
    half = bytes(range(0x80, 0x100))
    assert ulaw_to_alaw(half) == ALawEncoder().encode(ULawDecoder().decode(half))
    assert alaw_to_ulaw(half) == ULawEncoder().encode(ALawDecoder().decode(half))


@pytest.mark.parametrize("change", [ulaw_to_alaw, alaw_to_ulaw])
def test_changing_the_law_keeps_the_sign_and_is_the_same_on_both_sides(change: Any) -> None:
    for code in range(256):
        mirrored = change(bytes([code ^ 0x80]))[0]
        assert change(bytes([code]))[0] == mirrored ^ 0x80
    assert change(bytearray(EVERY_CODE)) == change(EVERY_CODE)
    assert change(b"") == b""


def test_there_and_back_again_the_law_moves_no_code_twice() -> None:
    """A call that crosses an ocean and comes back is no worse than one that crosses two."""
    once = alaw_to_ulaw(ulaw_to_alaw(EVERY_CODE))
    assert alaw_to_ulaw(ulaw_to_alaw(once)) == once
    distance = np.abs(np.frombuffer(once, np.uint8).astype(int) - np.arange(256))
    assert distance.max() <= 1


@pytest.mark.parametrize(("make_encoder", "make_decoder"), LAWS)
@given(data=st.binary(min_size=1, max_size=400), cuts=st.lists(st.integers(0, 200), max_size=5))
def test_where_a_payload_is_cut_does_not_change_the_audio(
    make_encoder: Any, make_decoder: Any, data: bytes, cuts: list[int]
) -> None:
    laws.check_cuts(make_decoder, data, 1, [cut for cut in cuts if cut < len(data)])
    if len(data) > 1:
        even = data[: len(data) // 2 * 2]
        places = [cut for cut in cuts if 2 * cut < len(even)]
        laws.check_cuts(lambda: make_decoder(STEREO), even, 2, places)


@pytest.mark.parametrize(("make_encoder", "make_decoder"), LAWS)
def test_what_is_no_payload_is_refused_and_leaves_no_trace(
    make_encoder: Any, make_decoder: Any
) -> None:
    laws.check_refusals(make_decoder, make_encoder(), [b"", memoryview(b"abcd")[::2], "text", 5])
    laws.check_refusals(lambda: make_decoder(STEREO), make_encoder(STEREO), [b"", b"a", b"abc"])


@pytest.mark.parametrize(("make_encoder", "make_decoder"), LAWS)
@pytest.mark.parametrize("format", [TELEPHONY, STEREO])
def test_encoder_and_decoder_keep_the_promises_of_a_codec(
    make_encoder: Any, make_decoder: Any, format: AudioFormat
) -> None:
    laws.check_protocol(lambda: make_decoder(format), make_encoder(format))


@pytest.mark.parametrize(("make_encoder", "make_decoder"), LAWS)
def test_encoders_take_int16_of_their_channels_only(make_encoder: Any, make_decoder: Any) -> None:
    laws.check_encoder_refusals(make_encoder(STEREO))
    assert make_encoder().encode(np.zeros(0, np.int16)) == b""


@pytest.mark.parametrize(("make_encoder", "make_decoder"), LAWS)
def test_channels_are_interleaved_in_any_order_of_memory(
    make_encoder: Any, make_decoder: Any
) -> None:
    samples = np.arange(-400, 400, dtype=np.int16).reshape(-1, 2) * 40
    payload = make_encoder(STEREO).encode(samples)
    assert payload[::2] == make_encoder().encode(samples[:, 0])
    assert make_encoder(STEREO).encode(np.asfortranarray(samples)) == payload
    assert make_encoder(STEREO).encode(samples[::3]) == b"".join(
        payload[at : at + 2] for at in range(0, len(payload), 6)
    )
    out = make_decoder(STEREO).decode(payload)
    np.testing.assert_array_equal(out[:, 1], make_decoder().decode(payload[1::2])[:, 0])


def test_the_tables_are_shared_and_nobody_can_change_them() -> None:
    """Hundreds of calls use one set; what a caller does to his audio must not reach it."""
    first = values(ULawDecoder())
    ULawDecoder().decode(EVERY_CODE)[:] = 0
    np.testing.assert_array_equal(values(ULawDecoder()), first)
    for of_law, table in itertools.product(["ulaw", "alaw"], ["values", "codes"]):
        made = getattr(g711, f"{of_law}_{table}")()
        assert made.flags.writeable, "whoever asks for a table gets one of his own"
