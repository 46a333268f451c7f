"""WebSocket dialects: one 20 ms frame read from a platform's message, and written to one.

    python benchmarks/bench_dialect.py

Rivals: ``json`` and ``base64`` of the standard library alone, without a check, a timestamp or an
event, which is the least that any program does; and pipecat's serializer of Twilio's messages,
which as ours turns μ-law to PCM and back.
"""

from __future__ import annotations

import base64
import importlib.util
import json
from functools import partial
from typing import Any

import numpy as np
from harness import Rival, measure

from rawmedia.adapters.websocket.acs import AcsDialect
from rawmedia.adapters.websocket.twilio import TwilioDialect
from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.audio.frame import AudioFrame

RATIO = "ratio: this one's time by rawmedia's"
ACS_START = {
    "kind": "AudioMetadata",
    "audioMetadata": {"encoding": "PCM", "sampleRate": 16_000, "channels": 1, "length": 640},
}
TWILIO_START = {
    "event": "start",
    "streamSid": "MZ0123456789abcdef0123456789abcdef",
    "start": {
        "streamSid": "MZ0123456789abcdef0123456789abcdef",
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8_000, "channels": 1},
    },
}


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def plain_read(message: str, *path: str) -> bytes:
    fields = json.loads(message)
    for name in path:
        fields = fields[name]
    return base64.b64decode(fields)


def pipecat() -> Any:
    """The serializer of pipecat at the telephone's rate, so that it resamples nothing; None without it."""
    if not importlib.util.find_spec("pipecat"):
        return None
    from pipecat.serializers.twilio import TwilioFrameSerializer

    settings = TwilioFrameSerializer.InputParams(sample_rate=8_000, auto_hang_up=False)
    serializer = TwilioFrameSerializer("MZ0123456789abcdef0123456789abcdef", params=settings)
    serializer._sample_rate = 8_000
    return serializer


def finished(call: Any) -> Any:
    """What a coroutine that waits for nothing returns, without a loop's share of the time."""
    try:
        call.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("it waits for something")


def bench_acs(pcm: bytes) -> None:
    dialect = AcsDialect()
    dialect.parse(json.dumps(ACS_START))
    audio = {
        "timestamp": "2025-03-04T10:20:30.125Z",
        "participantRawID": "8:acs:00000000-0000-0000-0000-000000000000_one",
        "data": base64_of(pcm),
        "silent": False,
    }
    message = json.dumps({"kind": "AudioData", "audioData": audio})
    measure(
        {
            "rawmedia": partial(dialect.parse, message),
            "json and base64": partial(plain_read, message, "audioData", "data"),
        },
        title=f"ACS, reading 20 ms at 16 kHz; {RATIO}",
    )
    frame = AudioFrame(pcm, SPEECH)
    measure(
        {
            "rawmedia": partial(dialect.encode, frame),
            "json and base64": lambda: json.dumps(
                {
                    "Kind": "AudioData",
                    "AudioData": {"Data": base64_of(pcm)},
                    "StopAudio": None,
                }
            ),
        },
        title=f"ACS, writing the same; {RATIO}",
    )


def bench_twilio(pcm: bytes) -> None:
    dialect, rival = TwilioDialect(), pipecat()
    dialect.parse(json.dumps(TWILIO_START))
    (written,) = dialect.encode(AudioFrame(pcm, TELEPHONY))
    media = {"track": "inbound", "chunk": "7", "timestamp": "120"}
    media["payload"] = json.loads(written)["media"]["payload"]
    stream = TWILIO_START["streamSid"]
    message = json.dumps(
        {"event": "media", "sequenceNumber": "9", "media": media, "streamSid": stream}
    )
    reading: dict[str, Rival | None] = {
        "rawmedia": partial(dialect.parse, message),
        "json and base64, no mu-law": partial(plain_read, message, "media", "payload"),
        "pipecat": rival and (lambda: finished(rival.deserialize(message))),
    }
    measure(reading, title=f"Twilio, reading 20 ms; {RATIO}")
    payload = base64.b64decode(media["payload"])
    writing: dict[str, Rival | None] = {
        "rawmedia, and a frame made": lambda: dialect.encode(AudioFrame(pcm, TELEPHONY)),
        "json and base64, no mu-law": lambda: json.dumps(
            {"event": "media", "streamSid": stream, "media": {"payload": base64_of(payload)}}
        ),
        "pipecat": rival and pipecat_writing(rival, pcm),
    }
    measure(writing, title=f"Twilio, writing the same; {RATIO}")


def pipecat_writing(serializer: Any, pcm: bytes) -> Rival:
    from pipecat.frames.frames import OutputAudioRawFrame

    frame = OutputAudioRawFrame(pcm, 8_000, 1)
    return lambda: finished(serializer.serialize(frame))


def main() -> None:
    rng = np.random.default_rng(1)
    samples = (rng.standard_normal(320) * 3_000).astype(np.int16)
    bench_acs(samples.tobytes())
    bench_twilio(samples[:160].tobytes())


if __name__ == "__main__":
    main()
