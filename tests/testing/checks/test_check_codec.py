"""The checks of codecs pass ours, and each catches what it is there for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from broken_codecs import CODEC_BREACHES, DeltaDecoder, DeltaEncoder, Ends
from conformance_kit import Breach, require_caught

from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, AudioFormat
from rawmedia.codecs import (
    CODECS,
    LinearPcmDecoder,
    LinearPcmEncoder,
    OpusDecoder,
    OpusEncoder,
    ULawDecoder,
    ULawEncoder,
    codec_of_name,
    libopus,
)
from rawmedia.errors import ConfigurationError, MissingDependencyError
from rawmedia.testing import tone
from rawmedia.testing.checks import CODEC_CHECKS, BrokenPromiseError, check_codec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from rawmedia.audio.pcm import PCMBytes
    from rawmedia.codecs import Codec

    Ints = npt.NDArray[np.int16]

TELEPHONY_STEREO = AudioFormat(8_000, 2)
try:
    libopus.load()
    OPUS = True
except MissingDependencyError:  # pragma: no cover - the extra is installed where coverage counts
    OPUS = False
needs_opus = pytest.mark.skipif(not OPUS, reason="libopus is not installed")


@pytest.mark.parametrize(
    "codec",
    [
        pytest.param(each, id=each.name, marks=[needs_opus] if each.name == "opus" else [])
        for each in CODECS
    ],
)
def test_every_codec_of_the_catalogue_keeps_every_promise(codec: Codec) -> None:
    audio = tone(400, format=codec.encoder().format)
    report = asyncio.run(check_codec(codec, audio=audio))
    assert set(report.passed) | set(report.skipped) == set(CODEC_CHECKS.names)
    assert set(report.skipped) <= {"mono_needs_no_second_axis"}


@pytest.mark.parametrize(
    "ends",
    [
        pytest.param(
            Ends(lambda: OpusEncoder(SPEECH, complexity=0, dtx=True), lambda: OpusDecoder(SPEECH)),
            id="opus with dtx",
            marks=needs_opus,
        ),
        pytest.param(
            Ends(lambda: OpusEncoder(SPEECH, complexity=0), lambda: OpusDecoder(WEBRTC)),
            id="opus to another rate",
            marks=needs_opus,
        ),
        pytest.param(
            Ends(lambda: ULawEncoder(TELEPHONY_STEREO), lambda: ULawDecoder(TELEPHONY_STEREO)),
            id="G.711 in stereo",
        ),
        pytest.param(
            Ends(
                lambda: LinearPcmEncoder(SPEECH, "f32le"),
                lambda: LinearPcmDecoder(SPEECH, "f32le"),
            ),
            id="floats",
        ),
        pytest.param(Ends(), id="the one that is broken below"),
    ],
)
def test_codecs_with_other_settings_keep_every_promise(ends: Ends) -> None:
    audio = tone(400, format=ends.encoder().format, hz=300)
    report = asyncio.run(check_codec(ends.encoder, ends.decoder, audio=audio))
    assert set(report.skipped) <= {"mono_needs_no_second_axis"}


@needs_opus
@pytest.mark.parametrize("check", CODEC_CHECKS.names)
def test_opus_with_forward_error_correction_keeps_its_promises(check: str) -> None:
    """Also after a reset, over which libopus 1.6.1 keeps what it had decided about FEC."""
    report = asyncio.run(
        check_codec(
            lambda: OpusEncoder(SPEECH, complexity=0, fec=True, expected_loss_percent=20),
            lambda: OpusDecoder(SPEECH),
            only=check,
        )
    )
    assert report.passed == (check,)


@pytest.mark.parametrize("breach", CODEC_BREACHES.params())
def test_a_broken_codec_is_caught(breach: Breach[Ends]) -> None:
    with pytest.raises(BrokenPromiseError) as caught:
        asyncio.run(check_codec(breach.make.encoder, breach.make.decoder, only=breach.check))
    require_caught(caught, breach.check)


def test_every_check_has_somebody_to_catch() -> None:
    assert CODEC_BREACHES.checks == set(CODEC_CHECKS.names)


class TakesAll(DeltaDecoder):
    """Takes any bytes; what it is given is never refused."""

    def deltas(self, payload: PCMBytes) -> Ints:
        held = bytes(payload)[1:]
        return super().deltas(b"D" + held + bytes(2 + len(held) % 2))


def test_what_takes_any_bytes_is_not_held_to_refusing_some() -> None:
    for check in ("refused_bytes_leave_no_trace", "recover_refuses_what_is_no_payload"):
        report = asyncio.run(check_codec(DeltaEncoder, TakesAll, only=check))
        assert report.skipped == {check: "no random bytes were refused"}


def test_a_codec_that_restores_every_frame_has_no_hole_to_conceal() -> None:
    class Copies(DeltaDecoder):
        def recoverable(self, next_payload: PCMBytes) -> int:
            return 160

    check = "without_a_copy_recover_conceals"
    report = asyncio.run(check_codec(DeltaEncoder, Copies, only=check))
    assert report.skipped == {check: "every payload has a copy of the frame before"}


def test_what_can_not_be_checked_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="decoder_factory"):
        asyncio.run(check_codec(DeltaEncoder))
    with pytest.raises(ConfigurationError, match="audio"):
        asyncio.run(check_codec(codec_of_name("PCMU"), audio=tone(400, format=SPEECH)))
    with pytest.raises(ConfigurationError, match="10 frames"):
        asyncio.run(check_codec(codec_of_name("PCMU"), audio=tone(100, format=TELEPHONY)))
    with pytest.raises(ConfigurationError, match="only"):
        asyncio.run(check_codec(codec_of_name("PCMU"), only="no such check"))
