"""A platform that dials a server: speaks a recording, plays what comes back, and misbehaves on request."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from rawmedia.adapters.websocket.socket import NORMAL, SocketClosedError
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import MissingDependencyError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.tasks import joined_tasks
from rawmedia.testing.platform_messages import SaidAudio, SaidMark

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rawmedia.adapters.websocket.dialect import Message
    from rawmedia.streams.clock import Clock
    from rawmedia.testing.platform_messages import PlatformMessages

_TICK_MS = 20
_MAX_COMPLAINTS = 100


class Line(Protocol):
    """The platform's end of a WebSocket; a `FakeSocket` is one."""

    async def send(self, message: Message) -> None:
        """Send a message."""
        ...

    async def receive(self) -> Message:
        """Wait for the next message; raises `SocketClosedError`."""
        ...

    async def close(self, code: int = NORMAL) -> None:
        """Close it."""
        ...


class FakePlatform:
    """One call of a platform, over one socket or several in turn.

    Every 20 ms it says what each voice says then, and plays the next 20 ms of what the server
    sent, or silence. Both go on while it is not connected: what is said then is lost.

    Args:
        messages: How it writes and reads.
        says: What the one voice says, or what each participant says, by id; each from its
            frame's position on, a multiple of 20 ms, and then silence.
        max_heard_ms: How much of what it plays is kept.
        clock: What it is paced by.
    """

    def __init__(
        self,
        messages: PlatformMessages,
        says: AudioFrame | Mapping[str, AudioFrame] | None = None,
        *,
        max_heard_ms: float = 600_000.0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.messages, self.clock = messages, clock
        self.complaints: list[str] = []
        """What the server did that the platform does not document; the first hundred."""
        self.answers_marks = True
        """Whether it answers marks; may be set at any time."""
        self.reads = True
        """Whether it reads what the server sends; may be set at any time."""
        self.speaks = True
        """Whether it sends audio; may be set at any time."""
        self._voices: dict[str | None, AudioFrame] = {None: AudioFrame(b"", messages.format)}
        if isinstance(says, AudioFrame):
            self._voices = {None: says}
        elif says is not None:
            self._voices = {who: each for who, each in says.items()}  # noqa: C416 - for the keys' type
        self._tick_bytes = messages.format.samples(_TICK_MS) * messages.format.bytes_per_instant
        self._began: float | None = None
        self._ticks = 0
        self._heard: list[bytes] = []
        self._max_heard = int(max_heard_ms // _TICK_MS)
        self._to_play: deque[bytes | SaidMark] = deque()
        self._most_ahead_ms = 0.0
        self._outbox: deque[Message | None] = deque()

    # What happens in the call; may be called at any time.

    def press(self, key: str) -> None:
        """Somebody presses a key."""
        self._outbox.append(self.messages.key(key))

    def inject(self, message: Message) -> None:
        """Send a message of any kind."""
        self._outbox.append(message)

    def hang_up(self) -> None:
        """End the call as the platform does: its last message, and a close."""
        goodbye = self.messages.goodbye()
        if goodbye is not None:
            self._outbox.append(goodbye)
        self._outbox.append(None)

    # What came of it.

    @property
    def elapsed_ms(self) -> float:
        """How long ago the call began."""
        return 0.0 if self._began is None else (self.clock.now() - self._began) * 1000

    @property
    def ahead_ms(self) -> float:
        """How much audio it holds unplayed."""
        return self._ms(sum(len(each) for each in self._to_play if isinstance(each, bytes)))

    @property
    def most_ahead_ms(self) -> float:
        """How much audio it held unplayed at most."""
        return self._most_ahead_ms

    def heard(self) -> AudioFrame:
        """What was played since the call began, silence included."""
        return AudioFrame(b"".join(self._heard), self.messages.format)

    # Carrying the call.

    async def dial(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        """Dial a server, and go on until the socket is closed by either end.

        Raises:
            MissingDependencyError: The package ``websockets`` is not installed.
            OSError: Nobody is there.
            SocketClosedError: The server refused.
        """
        await self.run(await _dialled(url, headers or {}))

    async def run(self, line: Line) -> None:
        """Speak and listen on a socket until it is closed by either end; run again for a re-dialled call."""
        if self._began is None:
            self._began = self.clock.now()
        self._to_play.clear()
        with suppress(SocketClosedError):
            for message in self.messages.opening():
                await line.send(message)
            async with joined_tasks() as tasks:
                tasks.create_task(self._listen(line), name="fake platform listens")
                tasks.create_task(self._tick(line), name="fake platform speaks and plays")

    async def _listen(self, line: Line) -> None:
        while True:
            while not self.reads:
                await self.clock.sleep_until(self.clock.now() + _TICK_MS / 1000)
            message = await line.receive()
            try:
                said = self.messages.read(message)
            except ValueError as error:
                if len(self.complaints) < _MAX_COMPLAINTS:
                    self.complaints.append(f"{error} at {self.elapsed_ms:g} ms")
                continue
            if isinstance(said, SaidAudio):
                self._to_play.append(said.audio)
                self._most_ahead_ms = max(self._most_ahead_ms, self.ahead_ms)
            elif isinstance(said, SaidMark):
                self._to_play.append(said)
            else:
                marks = [each for each in self._to_play if isinstance(each, SaidMark)]
                self._to_play.clear()
                self._answer(*marks)

    async def _tick(self, line: Line) -> None:
        assert self._began is not None
        now = self.clock.now()
        # What was said while it was not connected is lost, and silence was heard.
        missed = int((now - self._began) * 1000 / _TICK_MS + 1e-6) - self._ticks
        for _ in range(missed):
            self._keep(bytes(self._tick_bytes))
        self._ticks += max(0, missed)
        while True:
            self._play()
            self._ticks += 1
            await self.clock.sleep_until(self._began + self._ticks * _TICK_MS / 1000)
            await self._send_what_waits(line)
            if self.speaks:
                await self._say(line)

    async def _say(self, line: Line) -> None:
        at = (self._ticks - 1) * self._tick_bytes
        for who, voice in self._voices.items():
            start = voice.position * voice.format.bytes_per_instant
            piece = bytes(
                voice.data[at - start : at - start + self._tick_bytes] if at >= start else b""
            )
            # Who is silent among separate voices is not among those that are sent.
            if piece or who is None:
                pcm = piece.ljust(self._tick_bytes, b"\0")
                await line.send(self.messages.audio(pcm, who, (self._ticks - 1) * _TICK_MS))

    async def _send_what_waits(self, line: Line) -> None:
        while self._outbox:
            message = self._outbox.popleft()
            if message is None:
                await line.close(NORMAL)
                raise SocketClosedError(NORMAL)
            await line.send(message)

    def _play(self) -> None:
        """Play the next 20 ms of what there is, and answer the marks that are reached."""
        played = bytearray()
        while self._to_play and len(played) < self._tick_bytes:
            piece = self._to_play.popleft()
            if isinstance(piece, SaidMark):
                self._answer(piece)
                continue
            room = self._tick_bytes - len(played)
            played += piece[:room]
            if len(piece) > room:
                self._to_play.appendleft(piece[room:])
        while self._to_play and isinstance(self._to_play[0], SaidMark):
            self._answer(self._to_play.popleft())
        self._keep(bytes(played.ljust(self._tick_bytes, b"\0")))

    def _ms(self, size: int) -> float:
        layout = self.messages.format
        return layout.duration_ms(size // layout.bytes_per_instant)

    def _keep(self, played: bytes) -> None:
        if len(self._heard) < self._max_heard:
            self._heard.append(played)

    def _answer(self, *marks: bytes | SaidMark) -> None:
        for mark in marks:
            answer = self.messages.mark(mark.name) if isinstance(mark, SaidMark) else None
            if answer is not None and self.answers_marks:
                self._outbox.append(answer)


class _WebSocketsLine:
    """A connection of the package ``websockets`` as a line."""

    def __init__(self, connection: Any, closed: type[Exception]) -> None:
        self._connection, self._closed = connection, closed

    async def send(self, message: Message) -> None:
        await self._guarded(self._connection.send, message)

    async def receive(self) -> Message:
        message: Message = await self._guarded(self._connection.recv)
        return message

    async def close(self, code: int = NORMAL) -> None:
        await self._connection.close(code)

    async def _guarded(self, call: Callable[..., Any], *given: Message) -> Any:
        try:
            return await call(*given)
        except self._closed:
            raise SocketClosedError(self._connection.close_code or 1006) from None


async def _dialled(url: str, headers: Mapping[str, str]) -> Line:
    try:
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidStatus
    except ImportError as error:
        raise MissingDependencyError(
            "websockets", "a fake platform that dials", "pip install 'rawmedia[testing]'"
        ) from error
    try:
        connection = await connect(
            url, additional_headers=dict(headers), compression=None, proxy=None
        )
    except InvalidStatus as refused:
        raise SocketClosedError(refused.response.status_code) from None
    return _WebSocketsLine(connection, ConnectionClosed)


__all__ = ["FakePlatform", "Line"]
