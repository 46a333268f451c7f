"""A fake of the speech translation service on loopback, which the real SDK connects to.

It speaks the service's second protocol (``universal/v2``): text messages are headers and
JSON, binary ones have a two-byte header length. What it says is a script bound to the
audio that it has received, never to time, so that every run is the same.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from websockets.asyncio.server import Server
    from websockets.http11 import Request, Response

BYTES_PER_MS = 32
"""16 kHz mono int16, which is what the SDK is given."""
TICKS_PER_MS = 10_000
WAV_HEADER_BYTES = 44
UPLOAD_HEADER = b"RIFF"


def riff_header(
    sample_rate: int = 16_000, channels: int = 1, bits: int = 16, tag: int = 1
) -> bytes:
    """A WAV header whose sizes are not known yet, as the service sends it."""
    align = channels * bits // 8
    return b"".join(
        [
            b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00",
            tag.to_bytes(2, "little"),
            channels.to_bytes(2, "little"),
            sample_rate.to_bytes(4, "little"),
            (sample_rate * align).to_bytes(4, "little"),
            align.to_bytes(2, "little"),
            bits.to_bytes(2, "little"),
            b"data\xff\xff\xff\xff",
        ]
    )


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """One utterance of the script."""

    start_ms: int
    end_ms: int
    text: str = "hello"
    translations: Mapping[str, str] = field(default_factory=lambda: {"es": "hola"})
    partials: Sequence[str] = ()
    """Reported as hypotheses, spread evenly over the utterance."""
    speech: Sequence[bytes] = ()
    """Binary messages of synthesized audio, verbatim; none means nothing is synthesized."""
    speech_ends: bool = True
    status: str = "Success"
    """The phrase's RecognitionStatus."""
    translation_status: str = "Success"
    synthesis_status: str = "Success"


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What the service does wrong; each entry counts once per connection, the last for ever."""

    handshake: Sequence[int | None] = (None,)
    """The HTTP status to answer a handshake with; None lets it through."""
    close: Sequence[tuple[int, int] | None] = (None,)
    """Close the connection after so many received milliseconds of audio, with this code."""
    deaf: bool = False
    """Accept everything and never answer."""
    ends_turns: bool = True
    """Whether turn.end follows the end of the audio."""


class Visit:
    """One connection of a client: what it asked for and sent."""

    def __init__(self, request: Request) -> None:
        self.path = request.path
        self.headers = request.headers
        self.contexts: list[dict[str, Any]] = []
        """The speech.context of every turn."""
        self.audio = bytearray()
        """All audio without the WAV header."""
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.audio_ended = False
        self.said: list[str] = []
        """The paths of what the service answered."""


class FakeSpeechService:
    """Listens on loopback while its ``async with`` block lasts.

    Args:
        script: The utterances, in order of time.
        faults: What goes wrong.
    """

    def __init__(self, script: Sequence[Spoken] = (), faults: Faults | None = None) -> None:
        self.script = tuple(script)
        self.faults = faults or Faults()
        self.visits: list[Visit] = []
        self.handshakes = 0
        self.changed = asyncio.Condition()
        self._server: Server | None = None
        self._port = 0

    @property
    def host(self) -> str:
        """What goes into ``AzureSpeechConfig(host=...)``."""
        return f"ws://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._handshake,
            compression=None,
            ping_interval=None,
            close_timeout=0.2,
            max_size=2**24,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def until(self, reached: Any, timeout: float = 5.0) -> None:
        """Wait until ``reached()`` is true; it is asked whenever a message has come."""
        async with asyncio.timeout(timeout), self.changed:
            await self.changed.wait_for(reached)

    def _handshake(self, connection: ServerConnection, request: Request) -> Response | None:
        statuses = self.faults.handshake
        status = statuses[min(self.handshakes, len(statuses) - 1)]
        self.handshakes += 1
        if status is None:
            return None
        return connection.respond(HTTPStatus(status), "refused by the script\n")

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        visit = Visit(connection.request)
        self.visits.append(visit)
        closes = self.faults.close
        close = closes[min(len(self.visits), len(closes)) - 1]
        try:
            await _Turns(self, visit, connection, close).run()
        except ConnectionClosed:
            pass
        finally:
            await self._tell()

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()


class _Turns:
    """The conversation over one connection."""

    def __init__(
        self,
        service: FakeSpeechService,
        visit: Visit,
        connection: ServerConnection,
        close: tuple[int, int] | None,
    ) -> None:
        self._service, self._visit, self._connection = service, visit, connection
        self._close = close
        self._request_id = ""
        self._offset_ms = 0
        """Where in the stream this turn's audio begins; what is said counts from there."""
        self._turn_bytes = 0
        self._said: set[tuple[int, int]] = set()

    async def run(self) -> None:
        async for message in self._connection:
            if isinstance(message, str):
                await self._text(message)
            else:
                await self._audio(message)
            await self._service._tell()
            if self._close is not None and len(self._visit.audio) >= self._close[0] * BYTES_PER_MS:
                await self._connection.close(self._close[1])
                return

    async def _text(self, message: str) -> None:
        headers, body = _parse(message)
        content = json.loads(body) if body else {}
        path = headers["path"]
        if path == "speech.context":
            self._visit.contexts.append(content)
            self._request_id = headers["x-requestid"]
            stream = content.get("continuation", {}).get("audio", {}).get("streams", {}).get("1")
            self._offset_ms = int(stream["offset"]) // TICKS_PER_MS if stream else 0
            self._turn_bytes = 0
            await self._send("turn.start", {"context": {"serviceTag": "0" * 32}})
        else:
            self._visit.events.append((path, content))

    async def _audio(self, message: bytes) -> None:
        size = int.from_bytes(message[:2], "big")
        headers, _ = _parse(message[2 : 2 + size].decode("ascii"))
        body = message[2 + size :]
        assert headers["path"] in {"audio", "audio.commit"}, headers
        if headers.get("content-type") == "audio/x-wav":
            assert body.startswith(UPLOAD_HEADER)
            body = body[WAV_HEADER_BYTES:]
        elif not body:
            await self._end()
            return
        self._visit.audio += body
        self._turn_bytes += len(body)
        await self._speak(self._offset_ms + self._turn_bytes // BYTES_PER_MS)

    async def _speak(self, heard_ms: int) -> None:
        """Say all that the script has for the audio up to ``heard_ms``."""
        for number, spoken in enumerate(self._service.script):
            if spoken.start_ms < self._offset_ms:
                continue  # acknowledged on an earlier connection
            parts = len(spoken.partials)
            for index, partial in enumerate(spoken.partials):
                end_ms = spoken.start_ms + (spoken.end_ms - spoken.start_ms) * (index + 1) // (
                    parts + 1
                )
                if heard_ms >= end_ms and self._once(number, index):
                    await self._hypothesis(spoken, partial, end_ms)
            if heard_ms >= spoken.end_ms and self._once(number, parts):
                await self._phrase(spoken)

    def _once(self, number: int, part: int) -> bool:
        if (number, part) in self._said:
            return False
        self._said.add((number, part))
        return True

    async def _hypothesis(self, spoken: Spoken, text: str, end_ms: int) -> None:
        await self._send(
            "translation.hypothesis",
            {
                "Text": text,
                "Offset": (spoken.start_ms - self._offset_ms) * TICKS_PER_MS,
                "Duration": (end_ms - spoken.start_ms) * TICKS_PER_MS,
                "Translation": {
                    "TranslationStatus": "Success",
                    "Translations": [
                        {"Language": language, "Text": f"{text} ({language})"}
                        for language in spoken.translations
                    ],
                },
            },
        )

    async def _phrase(self, spoken: Spoken) -> None:
        await self._send(
            "translation.phrase",
            {
                "RecognitionStatus": spoken.status,
                "Text": spoken.text,
                "Offset": (spoken.start_ms - self._offset_ms) * TICKS_PER_MS,
                "Duration": (spoken.end_ms - spoken.start_ms) * TICKS_PER_MS,
                "Translation": {
                    "TranslationStatus": spoken.translation_status,
                    "Translations": [
                        {"Language": language, "Text": text}
                        for language, text in spoken.translations.items()
                    ],
                },
            },
        )
        for chunk in spoken.speech:
            await self._send_audio(chunk)
        if spoken.speech and spoken.speech_ends:
            status: dict[str, object] = {"SynthesisStatus": spoken.synthesis_status}
            if spoken.synthesis_status != "Success":
                status["FailureReason"] = "the script says so"
            await self._send("translation.synthesis.end", status)

    async def _end(self) -> None:
        """The client has no more audio: acknowledge the tail, and end the turn."""
        self._visit.audio_ended = True
        heard_ms = self._turn_bytes // BYTES_PER_MS
        if not self._service.faults.ends_turns:
            return
        await self._send(
            "translation.phrase",
            {
                "RecognitionStatus": "EndOfDictation",
                "Offset": heard_ms * TICKS_PER_MS,
                "Duration": 0,
            },
        )
        await self._send("turn.end", {})

    async def _send(self, path: str, content: Mapping[str, object]) -> None:
        if self._service.faults.deaf:
            return
        self._visit.said.append(path)
        await self._connection.send(
            f"X-RequestId:{self._request_id}\r\nContent-Type:application/json; charset=utf-8\r\n"
            f"Path:{path}\r\n\r\n{json.dumps(content)}"
        )

    async def _send_audio(self, chunk: bytes) -> None:
        head = (
            f"X-RequestId:{self._request_id}\r\nContent-Type:audio/x-wav\r\n"
            "Path:translation.synthesis\r\n"
        ).encode("ascii")
        await self._connection.send(len(head).to_bytes(2, "big") + head + chunk)


def _parse(message: str) -> tuple[dict[str, str], str]:
    """Headers by lower-case name, and the body."""
    head, _, body = message.partition("\r\n\r\n")
    pairs = (line.split(":", 1) for line in head.split("\r\n") if line)
    return {name.lower(): value for name, value in pairs}, body
