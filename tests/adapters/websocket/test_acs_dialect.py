"""The messages of Azure Communication Services, as documented and as they should not be."""

from __future__ import annotations

import base64
import json

import pytest

from rawmedia.adapters.websocket.acs import AcsDialect
from rawmedia.adapters.websocket.dialect import (
    AudioReceived,
    ClearAudio,
    KeyPressed,
    MessageFault,
    SetMark,
    StreamStarted,
)
from rawmedia.audio.format import SPEECH, TELEPHONY, WIDEBAND_VOICE
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import ConfigurationError, FormatMismatchError, StreamUseError

METADATA = """{
    "kind": "AudioMetadata",
    "audioMetadata": {
        "subscriptionId": "5c0f9a34-7d21-4c0e-8e56-1f6a0b7a9d10",
        "encoding": "PCM",
        "sampleRate": 16000,
        "channels": 1,
        "length": 640
    }
}"""
UNMIXED = """{
    "kind": "AudioData",
    "audioData": {
        "timestamp": "2025-03-04T10:20:30.125Z",
        "participantRawID": "8:acs:one_two",
        "data": "AQACAP//",
        "silent": false
    }
}"""
MIXED = '{"kind":"AudioData","audioData":{"timestamp":null,"data":"AQACAP//","silent":true}}'
PASCAL = (
    '{"Kind":"AudioData","AudioData":{"Timestamp":"2025-03-04T10:20:30.1250000Z",'
    '"ParticipantRawId":"8:acs:one_two","Data":"AQACAP//","IsSilent":false},"StopAudio":null}'
)
DTMF = '{"kind":"DtmfData","dtmfData":{"data":"3"}}'
SAMPLES = b"\x01\x00\x02\x00\xff\xff"
AT_MS = 1_741_083_630_125.0


def started(metadata: str = METADATA) -> AcsDialect:
    dialect = AcsDialect()
    dialect.parse(metadata)
    return dialect


def test_the_first_message_says_what_the_stream_is() -> None:
    """Nothing can be decoded before."""
    dialect = AcsDialect()
    assert dialect.started is None
    start = StreamStarted(SPEECH, "5c0f9a34-7d21-4c0e-8e56-1f6a0b7a9d10")
    assert dialect.parse(METADATA) == (start,)
    assert dialect.started == start


@pytest.mark.parametrize("kind", ["AudioMetadata", "audioMetadata"])
def test_streams_of_24_khz_are_read_and_the_length_is_not_needed(kind: str) -> None:
    """One SDK of the platform does not look at the length either."""
    metadata = {"encoding": "pcm", "sampleRate": 24_000, "channels": 1}
    dialect = AcsDialect()
    dialect.parse(json.dumps({"Kind": kind, "AudioMetadata": metadata}))
    assert dialect.started == StreamStarted(WIDEBAND_VOICE, None)


def test_a_voice_of_its_own_names_its_speaker() -> None:
    """An unmixed stream brings each participant's audio in messages of their own."""
    heard = AudioReceived(SAMPLES, "8:acs:one_two", AT_MS, silent=False)
    assert started().parse(UNMIXED) == (heard,)


def test_both_casings_and_both_kinds_of_message_say_the_same() -> None:
    """The platform's SDKs differ in case, and a socket may give text as bytes."""
    assert started().parse(PASCAL) == started().parse(UNMIXED)
    assert started().parse(UNMIXED.encode()) == started().parse(UNMIXED)


def test_what_the_platforms_javascript_package_builds_is_read() -> None:
    """As version 1.6.0 of @azure/communication-call-automation built it from these samples."""
    built = '{"kind":"audioData","audioData":{"data":"AQACAP//","isSilent":false},"stopAudio":{}}'
    assert started().parse(built) == (AudioReceived(SAMPLES),)


def test_the_mixed_voice_has_no_speaker() -> None:
    """Who speaks is unknown, and so is when, if the message does not say."""
    assert started().parse(MIXED) == (AudioReceived(SAMPLES, None, None, silent=True),)


def test_a_key_is_told() -> None:
    """Digits dialled during the call come between the audio."""
    assert started().parse(DTMF) == (KeyPressed("3"),)
    later = '{"kind":"DtmfData","dtmfData":{"data":"d","participantRawId":"4:+1"}}'
    assert started().parse(later) == (KeyPressed("D", "4:+1"),)


@pytest.mark.parametrize("timestamp", ["2025-03-04T10:20:30.125", "2025-03-04T11:20:30.125+01:00"])
def test_times_are_read_in_any_precision_and_zone(timestamp: str) -> None:
    """A time without a zone is UTC, as the platform's are."""
    message = UNMIXED.replace("2025-03-04T10:20:30.125Z", timestamp)
    (event,) = started().parse(message)
    assert isinstance(event, AudioReceived)
    assert event.timestamp_ms == AT_MS


def test_audio_is_sent_as_documented() -> None:
    """Exactly: an SDK of the platform and its samples write these very fields."""
    (message,) = started().encode(AudioFrame(SAMPLES, SPEECH))
    assert message == '{"Kind":"AudioData","AudioData":{"Data":"AQACAP//"},"StopAudio":null}'


def test_a_clear_stops_the_platforms_playout() -> None:
    """Barge-in: what was sent ahead must not be heard any more."""
    (message,) = started().encode(ClearAudio())
    assert message == '{"Kind":"StopAudio","AudioData":null,"StopAudio":{}}'


def test_names_are_sent_in_camel_case_if_that_is_wanted() -> None:
    """As the service writes itself; nobody has asked it whether it minds."""
    dialect = AcsDialect(casing="camel")
    dialect.parse(METADATA)
    (message,) = dialect.encode(AudioFrame(SAMPLES, SPEECH))
    assert message == '{"kind":"AudioData","audioData":{"data":"AQACAP//"},"stopAudio":null}'
    (message,) = dialect.encode(ClearAudio())
    assert message == '{"kind":"StopAudio","audioData":null,"stopAudio":{}}'
    with pytest.raises(ConfigurationError, match="pascal or camel"):
        AcsDialect(casing="snake")  # type: ignore[arg-type]


def test_a_mark_says_nothing_because_the_platform_has_none() -> None:
    """Playout is then estimated by whoever sends, and said to be."""
    assert started().encode(SetMark("here")) == ()
    assert AcsDialect.clears
    assert not AcsDialect.marks


def test_what_can_not_be_said_is_refused() -> None:
    """A frame of another rate would sound like another speaker."""
    with pytest.raises(StreamUseError):
        AcsDialect().encode(ClearAudio())
    with pytest.raises(FormatMismatchError):
        started().encode(AudioFrame(bytes(4), TELEPHONY))
    with pytest.raises(ConfigurationError):
        AcsDialect(max_message_bytes=0)


def audio(**fields: object) -> str:
    return json.dumps({"kind": "AudioData", "audioData": fields})


def metadata(**changes: object) -> str:
    fields = {"encoding": "PCM", "sampleRate": 16_000, "channels": 1, **changes}
    return json.dumps({"kind": "AudioMetadata", "audioMetadata": fields})


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (b"\xff\xfe", MessageFault("not_utf8")),
        ("", MessageFault("not_json")),
        (UNMIXED[:-20], MessageFault("not_json")),
        (UNMIXED + "{}", MessageFault("not_json", "after the object")),
        ("[" * 100_000, MessageFault("not_json")),
        ("1" * 10_000, MessageFault("not_json")),
        ("[1]", MessageFault("not_an_object")),
        ("x" * 300_000, MessageFault("too_large")),
        ("{}", MessageFault("unknown_kind")),
        ('{"kind":["AudioData"]}', MessageFault("unknown_kind")),
        ('{"kind":"TranscriptionData","transcriptionData":{}}', MessageFault("unknown_kind")),
        ('{"kind":"AudioData","audioData":7}', MessageFault("bad_base64", "data")),
        (audio(), MessageFault("bad_base64", "data")),
        (audio(data=7), MessageFault("bad_base64", "data")),
        (audio(data="A*QA"), MessageFault("bad_base64", "data")),
        (audio(data="AQA"), MessageFault("bad_base64", "data")),
        (audio(data="é==="), MessageFault("bad_base64", "data")),
        (audio(data=""), MessageFault("no_audio")),
        (audio(data="AQAC"), MessageFault("odd_bytes")),
        (audio(data="AQA=", participantRawID=5), MessageFault("bad_field", "participantRawID")),
        (
            audio(data="AQA=", participantRawID="\ud800"),
            MessageFault("bad_field", "participantRawID"),
        ),
        (
            audio(data="AQA=", participantRawID="x" * 1_000),
            MessageFault("bad_field", "participantRawID"),
        ),
        (METADATA, MessageFault("second_start")),
        ('{"kind":"DtmfData","dtmfData":{"data":"33"}}', MessageFault("bad_field", "data")),
        ('{"kind":"DtmfData"}', MessageFault("bad_field", "data")),
    ],
)
def test_what_is_of_no_use_is_named_counted_and_left_out(
    message: str | bytes, fault: MessageFault
) -> None:
    """The call goes on whatever comes."""
    dialect = started()
    assert dialect.parse(message) == (fault,)
    assert {reason: n for reason, n in dialect.faults.items() if n} == {fault.reason: 1}
    assert dialect.parse(UNMIXED)[-1] == AudioReceived(SAMPLES, "8:acs:one_two", AT_MS)


@pytest.mark.parametrize("timestamp", ["yesterday", 12, "9999-99-99T00:00:00Z", ""])
def test_audio_of_an_unknown_time_is_heard_all_the_same(timestamp: object) -> None:
    """Losing 20 ms of speech for a wrong time would be worse than placing it by guess."""
    events = started().parse(audio(data="AQA=", timestamp=timestamp))
    assert events == (
        MessageFault("bad_timestamp", "timestamp"),
        AudioReceived(b"\x01\x00", None, None),
    )


@pytest.mark.parametrize("message", [UNMIXED, PASCAL, DTMF])
def test_nothing_is_taken_before_the_stream_has_started(message: str) -> None:
    """Its rate is not known yet."""
    dialect = AcsDialect()
    assert dialect.parse(message) == (MessageFault("before_start"),)
    assert dialect.started is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"encoding": "OPUS"}, "encoding"),
        ({"encoding": None}, "encoding"),
        ({"sampleRate": 44_100}, "sampleRate"),
        ({"sampleRate": "16000"}, "sampleRate"),
        ({"sampleRate": 10**400}, "sampleRate"),
        ({"channels": 2}, "channels"),
    ],
)
def test_a_stream_that_can_not_be_read_does_not_start(
    changes: dict[str, object], field: str
) -> None:
    """Noise in a caller's ear is worse than silence."""
    dialect = AcsDialect()
    assert dialect.parse(metadata(**changes)) == (MessageFault("unsupported_format", field),)
    assert dialect.started is None
    assert dialect.parse(METADATA) == (
        StreamStarted(SPEECH, json.loads(METADATA)["audioMetadata"]["subscriptionId"]),
    )


def test_a_second_start_changes_nothing() -> None:
    """Or a forged one could turn a voice into noise."""
    dialect = started()
    dialect.parse(metadata(sampleRate=24_000))
    assert dialect.started is not None
    assert dialect.started.format == SPEECH


def test_base64_of_a_frame_is_what_the_standard_library_makes() -> None:
    """Written without a JSON encoder, so it must be right by itself."""
    samples = bytes(range(256)) * 5
    (message,) = started().encode(AudioFrame(samples, SPEECH))
    assert base64.b64decode(json.loads(message)["AudioData"]["Data"]) == samples
