"""Azure Communication Services as it dials a server for a call's audio, by its documented messages."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.testing.fake_platform import FakePlatform
from rawmedia.testing.platform_messages import SaidAudio, SaidClear, object_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rawmedia.adapters.websocket.acs import Casing
    from rawmedia.adapters.websocket.dialect import Message
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.clock import Clock
    from rawmedia.testing.platform_messages import ServerSaid

_BEGAN = datetime(2025, 3, 4, 10, 20, 30, tzinfo=UTC)


class AcsMessages:
    """The messages of ACS; another subscription with each opening.

    Args:
        format: PCM of 16 or 24 kHz.
        casing: How names are written: as the service does, or as some of its SDKs do.
        takes: How names must be written to it: as the documentation writes them out, or as its
            JavaScript package does.
    """

    separates_voices = True

    def __init__(
        self,
        format: AudioFormat = SPEECH,
        *,
        casing: Casing = "camel",
        takes: Casing = "pascal",
    ) -> None:
        self.format = format
        self._pascal = casing == "pascal"
        self._takes_pascal = takes == "pascal"
        self._subscriptions = 0

    def opening(self) -> Sequence[Message]:
        """The metadata of the audio."""
        self._subscriptions += 1
        metadata = {
            "subscriptionId": f"00000000-0000-4000-8000-{self._subscriptions:012}",
            "encoding": "PCM",
            "sampleRate": self.format.sample_rate,
            "channels": 1,
            "length": self.format.samples(20) * 2,
        }
        return (self._written("AudioMetadata", metadata),)

    def audio(self, pcm: bytes, participant: str | None, at_ms: float) -> Message:
        """A frame of the mix, or of a participant."""
        at = (_BEGAN + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds")
        audio: dict[str, object] = {"timestamp": at.replace("+00:00", "Z")}
        if participant is not None:
            audio["participantRawID"] = participant
        audio["data"] = base64.b64encode(pcm).decode()
        audio["silent"] = not any(pcm)
        return self._written("AudioData", audio)

    def key(self, key: str) -> Message:
        """A tone."""
        return self._written("DtmfData", {"data": key})

    def mark(self, name: str) -> None:
        """There are none."""

    def goodbye(self) -> None:
        """The socket is closed."""

    def read(self, message: Message) -> ServerSaid:
        """Understand audio and StopAudio, in the documented form.

        Raises:
            ValueError: It is neither.
        """
        if not isinstance(message, str):
            raise ValueError("a binary message")  # noqa: TRY004 - it is the message that is wrong
        fields = object_of(json.loads(message), "the message")
        if not self._takes_pascal:
            fields = _camel_as_pascal(fields)
        if set(fields) != {"Kind", "AudioData", "StopAudio"}:
            raise ValueError(f"fields are {sorted(fields)}")
        if fields["Kind"] == "StopAudio" and fields["AudioData"] is None:
            object_of(fields["StopAudio"], "StopAudio")
            return SaidClear()
        if fields["Kind"] != "AudioData" or fields["StopAudio"] is not None:
            raise ValueError(f"the kind is {fields['Kind']!r}")
        audio = object_of(fields["AudioData"], "AudioData")
        pcm = base64.b64decode(text_of(audio.get("Data"), "Data"), validate=True)
        if not pcm or len(pcm) % 2:
            raise ValueError(f"{len(pcm)} bytes of audio")
        return SaidAudio(pcm)

    def _written(self, kind: str, fields: Mapping[str, object]) -> str:
        inner = kind[0].lower() + kind[1:]
        message: dict[str, object] = {"kind": kind, inner: dict(fields)}
        if self._pascal:
            message = {"Kind": kind, kind: {_pascal(name): value for name, value in fields.items()}}
        return json.dumps(message)


def _pascal(name: str) -> str:
    return name[:1].upper() + name[1:]


def _camel_as_pascal(fields: Mapping[str, object]) -> dict[str, object]:
    """The same message as the documentation writes it, of which the package leaves out or adds what is empty.

    Raises:
        ValueError: A name does not begin with a small letter.
    """
    if wrong := [name for name in fields if not name[:1].islower()]:
        raise ValueError(f"fields are {sorted(wrong)}")
    message: dict[str, object] = {"AudioData": None, "StopAudio": None}
    message |= {_pascal(name): value for name, value in fields.items()}
    message["Kind"] = _pascal(text_of(message.get("Kind"), "kind"))
    if message["Kind"] == "AudioData":
        audio = object_of(message["AudioData"], "audioData")
        message["AudioData"] = {_pascal(name): value for name, value in audio.items()}
        message["StopAudio"] = message["StopAudio"] or None
    return message


class FakeAcs(FakePlatform):
    """A call of Azure Communication Services.

    ::

        acs = FakeAcs(speech_like(3_000, seed=1))
        await acs.dial("ws://127.0.0.1:8000/acs", acs.headers)
        acs.heard()                                    # on the timeline of what it said

    Args:
        says: The mix, or what each participant says by id, which makes it unmixed.
        format: PCM of 16 or 24 kHz.
        casing: As for `AcsMessages`.
        takes: Likewise.
        call_id: The call connection's id, the same on each socket of the call.
        clock: What it is paced by.
    """

    def __init__(
        self,
        says: AudioFrame | Mapping[str, AudioFrame] | None = None,
        *,
        format: AudioFormat = SPEECH,
        casing: Casing = "camel",
        takes: Casing = "pascal",
        call_id: str = "00000000-0000-4000-9000-000000000001",
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(AcsMessages(format, casing=casing, takes=takes), says, clock=clock)
        self.headers = {
            "x-ms-call-connection-id": call_id,
            "x-ms-call-correlation-id": call_id[::-1],
        }
        """What it sends as it dials; a bearer token is for the test to add."""


__all__ = ["AcsMessages", "FakeAcs"]
