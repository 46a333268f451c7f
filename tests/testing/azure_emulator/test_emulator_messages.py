"""The framing of messages, and the header of an upload, of whatever bytes somebody sends."""

from __future__ import annotations

import contextlib
import json
import string
from typing import Any

import numpy as np
import pytest
from emulator_client import wav
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.errors import PacketError
from rawmedia.testing.azure_emulator.messages import (
    ClientMessage,
    binary_message,
    parse_binary,
    parse_text,
    text_message,
)
from rawmedia.testing.azure_emulator.upload_format import (
    SPEECH_UPLOAD,
    read_upload_header,
    wav_header,
)

WORDS = st.text(string.ascii_letters + string.digits + ".-_", min_size=1, max_size=20)
JSON = st.dictionaries(
    st.text(max_size=8), st.one_of(st.integers(), st.text(max_size=8), st.none()), max_size=4
)


@given(WORDS, WORDS, JSON)
def test_a_text_message_is_read_as_it_was_written(
    path: str, request_id: str, content: dict[str, Any]
) -> None:
    message = parse_text(text_message(path, request_id, content, X_Extra="1"))
    assert (message.path, message.request_id) == (path.lower(), request_id)
    assert message.content() == content
    assert message.headers["x-extra"] == "1"


@given(WORDS, WORDS, st.binary(max_size=64))
def test_a_binary_message_is_read_as_it_was_written(
    path: str, request_id: str, body: bytes
) -> None:
    message = parse_binary(binary_message(path, request_id, body, X_StreamId="7"))
    assert message == ClientMessage(
        path.lower(), {"path": path, "x-requestid": request_id, "x-streamid": "7"}, body
    )


@given(st.one_of(st.text(), st.text().map(lambda text: f"Path:{text}\r\n\r\n{{")))
def test_any_text_is_a_message_or_a_typed_error(text: str) -> None:
    """A broken client must not be able to bring the emulator down."""
    with contextlib.suppress(PacketError):
        parse_text(text).content()


@given(st.one_of(st.binary(), st.binary().map(lambda data: len(data).to_bytes(2, "big") + data)))
def test_any_bytes_are_a_message_or_a_typed_error(data: bytes) -> None:
    with contextlib.suppress(PacketError):
        parse_binary(data)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Path:x", "empty line"),
        ("X-RequestId:1\r\n\r\n", "a Path header"),
        ("Path:x\r\nnonsense\r\n\r\n", "without a colon"),
        ("Path:x\r\n" + "A:1\r\n" * 40 + "\r\n", "at most 32"),
    ],
)
def test_a_message_that_is_none_says_why(text: str, problem: str) -> None:
    with pytest.raises(PacketError, match=problem):
        parse_text(text)


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"\x00\x05Path", b"\x00\x08Path:\xff\xff\xff"], ids=repr
)
def test_binary_headers_must_be_there_and_ascii(data: bytes) -> None:
    with pytest.raises(PacketError):
        parse_binary(data)


@pytest.mark.parametrize("body", ["[1]", "{", "nul", "[" * 100_000])
def test_a_body_that_is_no_object_is_a_typed_error(body: str) -> None:
    """Even one that is nested so deep that the parser gives up."""
    with pytest.raises(PacketError, match="JSON"):
        parse_text(f"Path:speech.context\r\n\r\n{body}").content()


def test_a_body_may_be_empty_or_written_verbatim() -> None:
    assert parse_text("Path:telemetry\r\n\r\n").content() == {}
    assert text_message("x", "1", "{bro").endswith("Path:x\r\n\r\n{bro")
    assert json.loads(text_message("x", "1", {"a": "ñ"}).partition("\r\n\r\n")[2]) == {"a": "ñ"}


@given(st.binary(max_size=80))
def test_any_bytes_are_an_upload_header_or_a_typed_error(data: bytes) -> None:
    for start in (b"", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0"):
        with contextlib.suppress(PacketError):
            read_upload_header(start + data)


@given(st.sampled_from([8_000, 16_000, 22_050, 48_000]), st.integers(1, 8), st.binary(max_size=32))
def test_the_header_of_an_upload_gives_its_format_and_what_follows(
    rate: int, channels: int, audio: bytes
) -> None:
    upload, rest = read_upload_header(wav(rate, channels) + audio)
    assert upload.pcm == AudioFormat(rate, channels)
    assert rest == audio
    assert upload.duration_ms(rate) == 1000
    assert upload.blocks(10_000_000) == rate
    assert upload.array(audio).shape == (len(audio) // (2 * channels), channels)


def test_what_is_no_pcm_is_counted_in_bytes() -> None:
    """The SDK passes μ-law through untouched, as tag 7."""
    upload, _ = read_upload_header(wav(8_000, 1, 8, 7))
    assert upload.pcm is None
    assert upload.duration_ms(8) == 1
    assert upload.array(b"\1\2\3").dtype == np.uint8


@pytest.mark.parametrize(
    "header",
    [
        b"",
        wav().replace(b"WAVE", b"WAVX"),
        wav()[:-8],
        wav().replace(b"fmt \x10", b"fmt \x04"),
        wav(0),
        wav(2_000),
        wav(16_000, 9),
        wav(16_000, 1, 0),
        wav(16_000).replace((32_000).to_bytes(4, "little"), (5).to_bytes(4, "little")),
        wav(16_000).replace((32_000).to_bytes(4, "little"), (33_000).to_bytes(4, "little")),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(header: bytes) -> None:
    with pytest.raises(PacketError):
        read_upload_header(header)


def test_the_emulators_own_header_is_one() -> None:
    """A client reads it as we read the SDK's."""
    upload, rest = read_upload_header(wav_header(SPEECH) + b"ab")
    assert (upload, rest) == (SPEECH_UPLOAD, b"ab")
