"""The pipe to the worker: what is sent arrives, and whatever else arrives is a typed error."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawmedia.audio.timeline import TimeSpan
from rawmedia.translators.events import WordTiming
from rawmedia.translators.offline.messages import (
    BANNER,
    MAX_PAYLOAD,
    REPORTS,
    MessageError,
    Report,
    audio_message,
    message,
    parse_audio,
    read_message,
    reports_message,
    skip_to_banner,
)
from rawmedia.translators.offline.reports import parse_reports
from rawmedia.translators.parts import Heard, Recognition


@given(messages=st.lists(st.tuples(st.binary(min_size=1, max_size=1), st.binary(max_size=100))))
def test_messages_arrive_as_they_were_sent(messages: list[tuple[bytes, bytes]]) -> None:
    """One after the other, whatever their bytes."""
    stream = io.BytesIO(b"".join(message(kind, payload) for kind, payload in messages))
    assert [read_message(stream) for _ in messages] == messages
    with pytest.raises(EOFError):
        read_message(stream)


@given(noise=st.binary(max_size=64))
def test_any_bytes_are_a_message_or_a_typed_error(noise: bytes) -> None:
    """A worker that goes astray must not take its program along."""
    stream = io.BytesIO(noise)
    try:
        while True:
            kind, payload = read_message(stream)
            assert len(kind) == 1
            assert len(payload) <= MAX_PAYLOAD
    except (EOFError, MessageError):
        pass


def test_a_length_beyond_the_bound_is_refused_before_anything_is_allocated() -> None:
    """Four bytes may claim four gigabytes."""
    with pytest.raises(MessageError, match="4294967295 bytes"):
        read_message(io.BytesIO(b"R\xff\xff\xff\xff"))


def test_audio_keeps_its_position() -> None:
    """Gaps are told by positions alone."""
    kind, payload = read_message(io.BytesIO(audio_message(1 << 40, b"\1\0\2\0")))
    assert (kind, parse_audio(payload)) == (b"A", (1 << 40, b"\1\0\2\0"))


@pytest.mark.parametrize("payload", [b"", b"\0" * 7, b"\0" * 9])
def test_audio_that_is_none_is_refused(payload: bytes) -> None:
    """Neither half a position nor half a sample."""
    with pytest.raises(MessageError, match="audio of"):
        parse_audio(payload)


def test_the_banner_is_found_behind_noise() -> None:
    """A start-up hook may print, with or without an end of line."""
    stream = io.BytesIO(b"hello\n\xff\0 world" + BANNER + b"rest")
    skip_to_banner(stream)
    assert stream.read() == b"rest"


def test_a_stream_without_banner_ends_or_is_given_up() -> None:
    """Whoever prints for ever is not the worker."""
    with pytest.raises(EOFError):
        skip_to_banner(io.BytesIO(b"Python was not found\n"))
    with pytest.raises(MessageError, match="not the worker"):
        skip_to_banner(io.BytesIO(b"noise\n" * 2000))


places = st.integers(0, 1 << 50)


@given(text=st.text(), start=places, length=places, heard=places, is_final=st.booleans())
def test_reports_arrive_in_media_time(
    text: str, start: int, length: int, heard: int, is_final: bool
) -> None:
    """Samples at 16 kHz become milliseconds; words keep theirs."""
    report: Report = {
        "text": text,
        "start": start,
        "end": start + length,
        "is_final": is_final,
        "words": [(text, start, start)],
        "heard": heard,
    }
    span = TimeSpan(start / 16, (start + length) / 16)
    assert parse_reports(payload_of([report, {"heard": heard, "settled": start}])) == [
        Recognition(
            text, span, is_final, (WordTiming(text, TimeSpan(start / 16, start / 16)),), heard / 16
        ),
        Heard(heard / 16, start / 16),
    ]


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
FIELDS = ["text", "start", "end", "is_final", "words", "heard", "settled"]


@settings(max_examples=50, deadline=None)
@given(reports=st.lists(st.dictionaries(st.sampled_from(FIELDS), anything)) | anything)
def test_any_json_is_reports_or_a_typed_error(reports: Any) -> None:
    """JSON of the wrong shape is as bad as no JSON."""
    refused_or_read(json.dumps(reports).encode())


@given(payload=st.binary(max_size=50))
def test_any_payload_is_reports_or_a_typed_error(payload: bytes) -> None:
    """Bytes may be no text at all."""
    refused_or_read(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 100_000,
        b'[{"heard": 1e999, "settled": 0}]',
        b'[{"heard": 1, "settled": -1}]',
        b'[{"heard": true, "settled": 0}]',
        b'[{"heard": 1' + b"0" * 30 + b', "settled": 0}]',
        b'[{"text": "a", "start": 2, "end": 1, "is_final": true, "words": [], "heard": 2}]',
        b'[{"text": 1, "start": 1, "end": 2, "is_final": true, "words": [], "heard": 2}]',
    ],
)
def test_reports_that_cannot_be_are_refused(payload: bytes) -> None:
    """Too deep, endless, negative, not a number, backwards, no text."""
    with pytest.raises(MessageError, match="reports that are none"):
        parse_reports(payload)


def refused_or_read(payload: bytes) -> None:
    try:
        reports = parse_reports(payload)
    except MessageError:
        return
    assert all(isinstance(each, Recognition | Heard) for each in reports)


def payload_of(reports: list[Report]) -> bytes:
    kind, payload = read_message(io.BytesIO(reports_message(reports)))
    assert kind == REPORTS
    return payload
