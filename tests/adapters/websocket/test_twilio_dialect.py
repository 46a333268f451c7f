"""The messages of Twilio's media streams, as documented and as they should not be."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from rawmedia.adapters.websocket.dialect import (
    AudioReceived,
    ClearAudio,
    KeyPressed,
    MarkPassed,
    MessageFault,
    SetMark,
    StreamStarted,
    StreamStopped,
)
from rawmedia.adapters.websocket.twilio import TwilioDialect
from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.audio.frame import AudioFrame
from rawmedia.codecs.g711 import ULawDecoder
from rawmedia.errors import FormatMismatchError, StreamUseError

CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'
START = """{
    "event": "start",
    "sequenceNumber": "1",
    "start": {
        "accountSid": "AC0123",
        "streamSid": "MZ4567",
        "callSid": "CA89ab",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"language": "fr-FR", "seat": "12"}
    },
    "streamSid": "MZ4567"
}"""
MEDIA = """{
    "event": "media",
    "sequenceNumber": "3",
    "media": {"track": "inbound", "chunk": "1", "timestamp": "5", "payload": "/38A"},
    "streamSid": "MZ4567"
}"""
MARK = '{"event":"mark","sequenceNumber":"4","streamSid":"MZ4567","mark":{"name":"here"}}'
DTMF = (
    '{"event":"dtmf","streamSid":"MZ4567","sequenceNumber":"5",'
    '"dtmf":{"track":"inbound_track","digit":"#"}}'
)
STOP = (
    '{"event":"stop","sequenceNumber":"6","streamSid":"MZ4567",'
    '"stop":{"accountSid":"AC0123","callSid":"CA89ab"}}'
)
SAMPLES = np.array([0, 0, -32_124], np.int16).tobytes()


def started() -> TwilioDialect:
    dialect = TwilioDialect()
    dialect.parse(CONNECTED)
    dialect.parse(START)
    return dialect


def test_a_call_from_its_first_message_to_its_last() -> None:
    """In the order in which the platform's documentation has them."""
    dialect = TwilioDialect()
    events = [dialect.parse(each) for each in (CONNECTED, START, MEDIA, MARK, DTMF, STOP)]
    assert events == [
        (),
        (StreamStarted(TELEPHONY, "MZ4567", "CA89ab", {"language": "fr-FR", "seat": "12"}),),
        (AudioReceived(SAMPLES, None, 5.0),),
        (MarkPassed("here"),),
        (KeyPressed("#"),),
        (StreamStopped(),),
    ]
    assert not any(dialect.faults.values())


def test_audio_and_controls_are_sent_as_documented() -> None:
    """Exactly, but for spaces."""
    dialect = started()
    messages = [
        *dialect.encode(AudioFrame(SAMPLES, TELEPHONY)),
        *dialect.encode(SetMark('said "hello"')),
        *dialect.encode(ClearAudio()),
    ]
    assert messages == [
        '{"event":"media","streamSid":"MZ4567","media":{"payload":"//8A"}}',
        '{"event":"mark","streamSid":"MZ4567","mark":{"name":"said \\"hello\\""}}',
        '{"event":"clear","streamSid":"MZ4567"}',
    ]
    assert dialect.clears
    assert dialect.marks


def test_a_stream_id_that_needs_escapes_gets_them() -> None:
    """The frame path writes JSON by hand."""
    dialect = TwilioDialect()
    dialect.parse(START.replace("MZ4567", '\\"}MZ'))
    (message,) = dialect.encode(AudioFrame(SAMPLES, TELEPHONY))
    assert json.loads(message)["streamSid"] == '"}MZ'


def test_mu_law_comes_back_from_a_round_trip() -> None:
    """Each code stands for a value whose code it is, but for the two zeros."""
    codes = bytes(range(127)) + bytes(range(128, 256))
    dialect = started()
    media = {"payload": base64.b64encode(codes).decode()}
    message = json.dumps({"event": "media", "streamSid": "MZ4567", "media": media})
    (heard,) = dialect.parse(message)
    assert isinstance(heard, AudioReceived)
    assert heard.audio == ULawDecoder().decode(codes).tobytes()
    (back,) = dialect.encode(AudioFrame(heard.audio, TELEPHONY))
    assert base64.b64decode(json.loads(back)["media"]["payload"]) == codes


def test_what_can_not_be_said_is_refused() -> None:
    """There is no stream to name before it has started."""
    with pytest.raises(StreamUseError):
        TwilioDialect().encode(AudioFrame(SAMPLES, TELEPHONY))
    with pytest.raises(FormatMismatchError):
        started().encode(AudioFrame(SAMPLES, SPEECH))


def media(**fields: object) -> str:
    return json.dumps({"event": "media", "streamSid": "MZ4567", "media": fields})


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (b"\x80", MessageFault("not_utf8")),
        (MEDIA[:40], MessageFault("not_json")),
        ('{"event":"telepathy"}', MessageFault("unknown_kind")),
        ('{"event":{}}', MessageFault("unknown_kind")),
        (START, MessageFault("second_start", "start")),
        (CONNECTED, MessageFault("second_start", "connected")),
        (MEDIA.replace("MZ4567", "MZother"), MessageFault("other_stream", "media")),
        (media(payload="//8A", track="outbound"), MessageFault("other_stream", "track")),
        ('{"event":"media","media":[]}', MessageFault("bad_field", "media")),
        (media(payload="!"), MessageFault("bad_base64", "payload")),
        (media(), MessageFault("bad_base64", "payload")),
        (media(payload=""), MessageFault("no_audio")),
        ('{"event":"mark","mark":{"name":7}}', MessageFault("bad_field", "name")),
        ('{"event":"mark"}', MessageFault("bad_field", "name")),
        ('{"event":"dtmf","dtmf":{"digit":"E"}}', MessageFault("bad_field", "digit")),
    ],
)
def test_what_is_of_no_use_is_named_counted_and_left_out(
    message: str | bytes, fault: MessageFault
) -> None:
    """The call goes on whatever comes."""
    dialect = started()
    assert dialect.parse(message) == (fault,)
    assert {reason: n for reason, n in dialect.faults.items() if n} == {fault.reason: 1}
    assert dialect.parse(MEDIA) == (AudioReceived(SAMPLES, None, 5.0),)


@pytest.mark.parametrize("timestamp", ["-5", "5.5", "9" * 30, -1, 5.5, None.__class__.__name__])
def test_audio_of_an_unknown_time_is_heard_all_the_same(timestamp: object) -> None:
    """Losing 20 ms of speech for a wrong time would be worse than placing it by guess."""
    events = started().parse(media(payload="//8A", timestamp=timestamp))
    assert events == (
        MessageFault("bad_timestamp", "timestamp"),
        AudioReceived(SAMPLES, None, None),
    )


@pytest.mark.parametrize("message", [MEDIA, MARK, DTMF, STOP])
def test_nothing_is_taken_before_the_stream_has_started(message: str) -> None:
    """Its id and its format are not known yet."""
    dialect = TwilioDialect()
    assert dialect.parse(message) == (MessageFault("before_start", json.loads(message)["event"]),)


@pytest.mark.parametrize("message", [MEDIA, MARK, DTMF, STOP, START])
def test_nothing_is_taken_after_the_stream_has_stopped(message: str) -> None:
    """The call is over, and its legs may be gone."""
    dialect = started()
    dialect.parse(STOP)
    assert dialect.parse(message) == (MessageFault("after_stop", json.loads(message)["event"]),)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("audio/x-mulaw", "audio/mpeg", MessageFault("unsupported_format", "mediaFormat")),
        ("8000", "16000", MessageFault("unsupported_format", "mediaFormat")),
        ('"MZ4567"', "5", MessageFault("bad_field", "streamSid")),
    ],
)
def test_a_stream_that_can_not_be_read_does_not_start(
    old: str, new: str, fault: MessageFault
) -> None:
    """Noise in a caller's ear is worse than silence."""
    dialect = TwilioDialect()
    assert dialect.parse(START.replace(old, new)) == (fault,)
    assert dialect.started is None


def test_parameters_that_are_no_short_texts_are_left_out() -> None:
    """They are kept for as long as the call lasts."""
    start = json.loads(START)
    start["start"]["customParameters"] = {
        "good": "yes",
        "number": 5,
        "long": "x" * 5_000,
        "\ud800": "no",
        **{f"p{number}": "x" for number in range(1_000)},
    }
    (event,) = TwilioDialect().parse(json.dumps(start))
    assert isinstance(event, StreamStarted)
    assert event.parameters["good"] == "yes"
    assert not {"number", "long", "\ud800"} & set(event.parameters)
    assert len(event.parameters) <= 100
