"""Laws of both dialects: nothing that comes raises, and what is said both ways is the same."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawmedia.adapters.websocket.acs import AcsDialect
from rawmedia.adapters.websocket.dialect import AudioReceived, MessageFault
from rawmedia.adapters.websocket.twilio import TwilioDialect
from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.audio.frame import AudioFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.adapters.websocket.json_dialect import JsonDialect

ACS_START = {"encoding": "PCM", "sampleRate": 16_000, "channels": 1}
TWILIO_START = {
    "streamSid": "MZ1",
    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8_000, "channels": 1},
}


def acs() -> AcsDialect:
    dialect = AcsDialect()
    dialect.parse(json.dumps({"kind": "AudioMetadata", "audioMetadata": ACS_START}))
    return dialect


def twilio() -> TwilioDialect:
    dialect = TwilioDialect()
    dialect.parse(json.dumps({"event": "start", "start": TWILIO_START}))
    return dialect


DIALECTS = pytest.mark.parametrize("make", [AcsDialect, TwilioDialect, acs, twilio])

# Words of both dialects in any place, so that every branch is met and none is met as expected.
WORDS = st.sampled_from(
    [
        "kind",
        "Kind",
        "event",
        "media",
        "mark",
        "dtmf",
        "stop",
        "start",
        "connected",
        "AudioData",
        "audioData",
        "AudioMetadata",
        "audioMetadata",
        "DtmfData",
        "dtmfData",
        "data",
        "Data",
        "silent",
        "timestamp",
        "participantRawID",
        "sampleRate",
        "channels",
        "encoding",
        "PCM",
        "streamSid",
        "MZ1",
        "mediaFormat",
        "payload",
        "name",
        "digit",
        "track",
        "inbound",
        "customParameters",
        "AQA=",
        "AQAC",
        "//8A",
        "2025-03-04T10:20:30Z",
        "5",
    ]
)
VALUES: Any = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=12,
)
MESSAGES = (
    st.binary(max_size=60)
    | st.text(max_size=60)
    | st.dictionaries(WORDS, VALUES, max_size=4).map(json.dumps)
)


@DIALECTS
@given(messages=st.lists(MESSAGES, max_size=8))
@settings(max_examples=150, deadline=None)
def test_whatever_comes_nothing_raises_and_every_fault_is_counted(
    make: Callable[[], JsonDialect], messages: list[str | bytes]
) -> None:
    """The far end is not to be trusted, and a call must not end by a message."""
    dialect = make()
    before = sum(dialect.faults.values())
    events = [event for message in messages for event in dialect.parse(message)]
    faults = [event for event in events if isinstance(event, MessageFault)]
    assert sum(dialect.faults.values()) - before == len(faults)
    for event in events:
        if isinstance(event, AudioReceived):
            assert event.audio
            assert len(event.audio) % 2 == 0


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_message_gives_audio_or_a_fault_and_the_next_is_good(data: st.DataObject) -> None:
    """A bit that fell over, or the end that is missing."""
    dialect = acs()
    audio = {"timestamp": "2025-03-04T10:20:30Z", "participantRawID": "8:acs:x", "data": "AQACAP//"}
    good = json.dumps({"kind": "AudioData", "audioData": audio}).encode()
    damaged = bytearray(good)
    damaged[data.draw(st.integers(0, len(good) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.integers(0, len(damaged)))
    dialect.parse(bytes(damaged[:cut]))
    dialect.parse(bytes(damaged))
    (event,) = dialect.parse(good)
    assert isinstance(event, AudioReceived)


@given(samples=st.binary(min_size=1, max_size=400).map(lambda half: half * 2))
def test_samples_come_back_bit_for_bit_over_acs(samples: bytes) -> None:
    """PCM loses nothing; what is sent is what the service would send, but for case."""
    dialect = acs()
    (message,) = dialect.encode(AudioFrame(samples, SPEECH))
    (event,) = dialect.parse(message)
    assert event == AudioReceived(samples)


@given(codes=st.binary(min_size=1, max_size=400).map(lambda codes: codes.replace(b"\x7f", b"\xff")))
def test_codes_come_back_bit_for_bit_over_twilio(codes: bytes) -> None:
    """μ-law loses nothing when it was μ-law before; of its two zeros one is sent."""
    dialect = twilio()
    payload = base64.b64encode(codes).decode()
    (event,) = dialect.parse(json.dumps({"event": "media", "media": {"payload": payload}}))
    assert isinstance(event, AudioReceived)
    (message,) = dialect.encode(AudioFrame(event.audio, TELEPHONY))
    assert json.loads(message)["media"]["payload"] == payload
    assert dialect.parse(message) == (event,)


@given(data=st.data())
def test_where_spaces_stand_changes_nothing(data: st.DataObject) -> None:
    """JSON may be written wide or narrow."""
    message = {"event": "media", "streamSid": "MZ1", "media": {"payload": "//8A"}}
    space = st.sampled_from(["", " ", "\n", "\t"])
    wide = data.draw(space) + json.dumps(message, indent=data.draw(st.sampled_from([None, 1, 4])))
    assert twilio().parse(wide + data.draw(space)) == twilio().parse(json.dumps(message))
