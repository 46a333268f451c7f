"""A plain WebSocket client that speaks the protocol message by message, without any SDK."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from rawmedia.testing.azure_emulator import AzureSpeechEmulator

BYTES_PER_MS = 32
UNIVERSAL = "/stt/speech/universal/v2"
OLDER = "/speech/translation/cognitiveservices/v1?from=en-US&to=es"
RECOGNITION = "/speech/recognition/conversation/cognitiveservices/v1?language=en-US"
SYNTHESIS = "/cognitiveservices/websocket/v1"


def wav(rate: int = 16_000, channels: int = 1, bits: int = 16, tag: int = 1) -> bytes:
    """The header that the SDK sends before any audio: its sizes are 0."""
    align = channels * bits // 8
    numbers = [(16, 4), (tag, 2), (channels, 2), (rate, 4), (rate * align, 4), (align, 2)]
    fmt = b"".join(value.to_bytes(size, "little") for value, size in [*numbers, (bits, 2)])
    return b"RIFF\0\0\0\0WAVEfmt " + fmt + b"data\0\0\0\0"


@dataclass(frozen=True)
class Answer:
    """One message of the service."""

    path: str
    request_id: str
    headers: Mapping[str, str]
    content: Any
    """JSON, the text if it is none, or the bytes of a binary message."""


CONTEXT: dict[str, Any] = {
    "phraseDetection": {"mode": "CONVERSATION", "language": "en-US"},
    "translation": {"targetLanguages": ["es"]},
}


def with_voice(*languages: str) -> dict[str, Any]:
    return {
        "phraseDetection": {"mode": "CONVERSATION", "language": "en-US"},
        "translation": {"targetLanguages": list(languages)},
        "synthesis": {"defaultVoices": {each: f"{each}-voice" for each in languages}},
    }


class PlainClient:
    """One connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.request_id = ""
        self._turns = 0

    async def text(
        self, path: str, content: object = None, *, request_id: str | None = None
    ) -> None:
        body = content if isinstance(content, str) else json.dumps(content or {})
        name = self.request_id if request_id is None else request_id
        await self.socket.send(f"Path:{path}\r\nX-RequestId:{name}\r\n\r\n{body}")

    async def binary(self, path: str, body: bytes, **headers: str) -> None:
        lines = {"Path": path, "X-RequestId": self.request_id, "X-StreamId": "1"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        head = "".join(f"{name}:{value}\r\n" for name, value in lines.items()).encode()
        await self.socket.send(len(head).to_bytes(2, "big") + head + body)

    async def begin(
        self, context: Mapping[str, Any] = CONTEXT, *, offset_ms: float | None = None
    ) -> None:
        """A new turn, up to the header of its audio."""
        self._turns += 1
        self.request_id = f"{self._turns:032x}"
        content = dict(context)
        if offset_ms is not None:
            offset = {"offset": str(round(offset_ms * 10_000))}
            content["continuation"] = {"audio": {"streams": {"1": offset}}}
        await self.text("speech.config", {"context": {"system": {"name": "plain"}}})
        await self.text("speech.context", content)
        await self.binary("audio", wav(), Content_Type="audio/x-wav")

    async def audio(self, ms: int, *, chunk_ms: int = 100, data: bytes | None = None) -> None:
        """So much audio, in messages of 100 ms as the SDK sends them."""
        data = bytes(ms * BYTES_PER_MS) if data is None else data
        size = chunk_ms * BYTES_PER_MS
        for at in range(0, len(data), size):
            await self.binary("audio", data[at : at + size])

    async def end(self) -> None:
        """There is no more audio."""
        await self.binary("audio", b"")

    async def say(self, text: str, voice: str = "de-DE-KatjaNeural", **audio: Any) -> None:
        """Have a text spoken."""
        self._turns += 1
        self.request_id = f"{self._turns:032x}"
        await self.text("synthesis.context", {"synthesis": {"audio": audio}})
        await self.text("ssml", ssml(text, voice))

    async def answer(self, timeout: float = 3.0) -> Answer:
        """The next message."""
        async with asyncio.timeout(timeout):
            return _parse(await self.socket.recv())

    async def until(self, path: str) -> list[Answer]:
        """All messages up to one of this path."""
        answers = [await self.answer()]
        while answers[-1].path != path:
            answers.append(await self.answer())
        return answers

    async def rest(self) -> list[Answer]:
        """All messages until the connection is closed."""
        answers = []
        try:
            while True:
                answers.append(await self.answer())
        except ConnectionClosed:
            return answers

    async def quiet(self, seconds: float = 0.05) -> bool:
        """Whether nothing comes for a while, though the connection is there."""
        try:
            await self.answer(seconds)
        except TimeoutError:
            return True
        return False

    @property
    def close_code(self) -> int | None:
        return self.socket.close_code

    async def refused(self) -> int:
        """The code with which the service closes the connection, whatever it says before."""
        await self.rest()
        assert self.close_code is not None
        return self.close_code


@asynccontextmanager
async def plain_client(
    emulator: AzureSpeechEmulator, path: str = UNIVERSAL, *, session: str = "s", **headers: str
) -> AsyncIterator[PlainClient]:
    """A connection to an emulator."""
    more = {"X-ConnectionId": session} | {n.replace("_", "-"): v for n, v in headers.items()}
    async with connect(
        emulator.host + path,
        additional_headers=more,
        compression=None,
        ping_interval=None,
        close_timeout=0.2,
        proxy=None,
    ) as socket:
        yield PlainClient(socket)


def ssml(text: str, voice: str = "de-DE-KatjaNeural") -> str:
    return (
        "<speak version='1.0' xmlns='http://www.w3.org/2001/10/synthesis' xml:lang='en-US'>"
        f"<voice name='{voice}'>{text}</voice></speak>"
    )


async def http(
    emulator: AzureSpeechEmulator, method: str, target: str, body: bytes = b"", **headers: str
) -> tuple[int, Any]:
    """One plain request: the status, and the body as JSON or text."""
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
    lines = {"Host": "x", "Content-Length": str(len(body)), "Connection": "close"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body)
    async with asyncio.timeout(3):
        answer = await reader.read()
    writer.close()
    first, _, rest = answer.partition(b"\r\n\r\n")
    text = rest.decode()
    status = int(first.split(b" ")[1])
    return status, json.loads(text) if b"application/json" in first else text


def _parse(message: str | bytes) -> Answer:
    content: Any
    if isinstance(message, str):
        head, _, body = message.partition("\r\n\r\n")
        try:
            content = json.loads(body)
        except ValueError:
            content = body
    else:
        size = int.from_bytes(message[:2], "big")
        head, content = message[2 : 2 + size].decode(), message[2 + size :]
    pairs = (line.split(":", 1) for line in head.split("\r\n") if line)
    headers = {name.lower(): value for name, value in pairs}
    return Answer(headers["path"], headers["x-requestid"], headers, content)
