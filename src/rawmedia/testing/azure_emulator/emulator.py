"""A local Azure Speech service, to which Microsoft's real SDK connects, with no key and no network."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from rawmedia.errors import ConfigurationError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.testing.azure_emulator.credentials import Credentials
from rawmedia.testing.azure_emulator.families import (
    NewerTranslationFamily,
    OlderTranslationFamily,
)
from rawmedia.testing.azure_emulator.fault_plan import FaultPlan, Moments, Place
from rawmedia.testing.azure_emulator.faults import Service
from rawmedia.testing.azure_emulator.listening import Listening
from rawmedia.testing.azure_emulator.offline import OfflineEngine
from rawmedia.testing.azure_emulator.plain_http import MAX_HEAD_BYTES
from rawmedia.testing.azure_emulator.reception import UNIVERSAL_PATHS, Reception
from rawmedia.testing.azure_emulator.records import EmulatedConnection, EmulatedSession
from rawmedia.testing.azure_emulator.script import ScriptReader, pseudo_translation
from rawmedia.testing.azure_emulator.speaker import Speaker
from rawmedia.testing.azure_emulator.synthesis import Speaking, generated_speech
from rawmedia.testing.azure_emulator.voices import VOICES
from rawmedia.testing.azure_emulator.websocket_link import new_protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    import numpy as np
    import numpy.typing as npt

    from rawmedia.streams.clock import Clock
    from rawmedia.testing.azure_emulator.families import Family
    from rawmedia.testing.azure_emulator.fault_plan import Injection
    from rawmedia.testing.azure_emulator.faults import Fault
    from rawmedia.testing.azure_emulator.plain_http import HTTPRequest
    from rawmedia.testing.azure_emulator.script import Script
    from rawmedia.testing.azure_emulator.websocket_link import WebSocketLink
    from rawmedia.translators.translator import Translator

_MAX_SESSIONS = 10_000
_MAX_CONNECTIONS_KEPT = 1_000


class AzureSpeechEmulator:
    """Listens on loopback while its ``async with`` block lasts.

    It serves speech translation (both endpoints, both families of messages), speech
    recognition, speech synthesis, the translator of texts, tokens and the list of voices, all
    on one port. What it hears is the script, bound to the audio that was received and never
    to time, or what an engine makes of the audio.

    ::

        script = [EmulatedUtterance(source_text="hello", start_ms=200, end_ms=900,
                                    translations={"es": "hola"})]
        async with AzureSpeechEmulator(script) as emulator:
            config = AzureSpeechConfig(**emulator.config_arguments)
            ...
            assert emulator.sessions[0].audio.complete

    Args:
        script: What is said in the audio; or a script for each source language.
        faults: What goes wrong.
        seed: Of the faults that come by chance.
        clock: What delays, tokens and moments on the clock are measured by; a `ScaledClock`
            makes them shorter. Sockets have no part in virtual time.
        port: Where it listens; 0 is any free port.
        keys: Subscription keys that let a client in. Without keys and tokens anybody may come in.
        tokens: Tokens that do, each with the milliseconds after which it has expired, or None.
        family: Which messages tell a translation; None is what goes with the endpoint.
        recognise: "script", "offline" for the embedded engine (which then translates texts and
            speaks, too), or a `Translator` that hears the audio.
        record_audio: Whether received audio is kept; it is counted, compared and summed up
            in any case.
        max_recorded_ms: How much of each stream is kept.
        silence_timeout_ms: After how much audio without an utterance the service says that it
            heard nothing, which acknowledges that audio; None is never.
        voices: The synthesizer's.
        max_connections: How many WebSockets may be open at once, as a resource's quota.

    Raises:
        ConfigurationError: The script is not in order; or, on entering, the port is taken.
        MissingDependencyError: On entering: websockets is not installed.
    """

    def __init__(
        self,
        script: Script | Mapping[str, Script] = (),
        *,
        faults: Sequence[Fault] = (),
        seed: int = 0,
        clock: Clock = SYSTEM_CLOCK,
        port: int = 0,
        keys: Collection[str] = (),
        tokens: Mapping[str, float | None] | None = None,
        family: Literal["older", "newer"] | None = None,
        recognise: Literal["script", "offline"] | Translator = "script",
        record_audio: bool = True,
        max_recorded_ms: float = 600_000.0,
        silence_timeout_ms: float | None = 15_000.0,
        voices: Collection[str] = VOICES,
        max_connections: int | None = None,
    ) -> None:
        self._scripts = (
            {language.lower(): ScriptReader(each) for language, each in script.items()}
            if isinstance(script, Mapping)
            else {"": ScriptReader(script)}
        )
        if isinstance(recognise, str) and recognise not in {"script", "offline"}:
            raise ConfigurationError("recognise", '"script", "offline" or a translator')
        self._plan = FaultPlan(faults, seed)
        self.connections: deque[EmulatedConnection] = deque(maxlen=_MAX_CONNECTIONS_KEPT)
        """All connections in order, the last thousand."""
        self.failures: list[Exception] = []
        """What went wrong in the emulator itself, or in a script that is a function."""
        self._clock = clock
        self._port = port
        self._first_key = next(iter(keys), None)
        self._family, self._silence_ms = family, silence_timeout_ms
        self._max_recorded_ms = max_recorded_ms if record_audio else 0.0
        self._offline = OfflineEngine(clock) if recognise == "offline" else None
        self._engine = None if isinstance(recognise, str) else recognise
        self._voices = tuple(voices)
        self._sessions: OrderedDict[str, tuple[EmulatedSession, Moments]] = OrderedDict()
        self._session_count = self._connection_count = 0
        self._waiters: set[asyncio.Event] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._reception = Reception(
            credentials=Credentials(keys, tokens or {}, clock),
            plan=self._plan,
            clock=clock,
            voices=self._voices,
            translate=self._translate,
            serve=self._serve,
            session_number=self._session_number,
            max_connections=max_connections,
        )

    @property
    def port(self) -> int:
        """Where it listens; 0 before it does, unless one was given."""
        return self._port

    @property
    def host(self) -> str:
        """What goes into ``host=`` of the SDK's configurations, and of `AzureSpeechConfig`."""
        return f"ws://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """Where plain HTTP goes: the translator of texts, tokens, the list of voices."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def config_arguments(self) -> dict[str, Any]:
        """What `AzureSpeechConfig` takes to come here: the host, and a key that is let in."""
        return {"host": self.host, "key": self._first_key or "emulated"}

    @property
    def sessions(self) -> list[EmulatedSession]:
        """Every recogniser and synthesizer that came, in order (the last ten thousand)."""
        return [session for session, _ in self._sessions.values()]

    @property
    def handshakes(self) -> int:
        """How often a WebSocket was asked for, refused ones included."""
        return self._reception.handshakes

    @property
    def injected(self) -> list[Injection]:
        """The faults that happened, in order (the last ten thousand)."""
        return list(self._plan.injected)

    @property
    def injected_count(self) -> int:
        """How many faults happened."""
        return self._plan.count

    def received(self, session: EmulatedSession | int = 0) -> npt.NDArray[np.int16 | np.uint8]:
        """Exactly the audio that a client sent, each sample once and in its place.

        Args:
            session: Which client, or its place in ``sessions``.

        Returns:
            int16 of shape ``(samples, num_channels)``; bytes, one block a row, where the
            client sent something else than PCM. ``session.audio`` tells of gaps and replays.
        """
        if isinstance(session, int):
            session = self.sessions[session]
        return session.audio.samples

    async def wait_for(self, predicate: Callable[[], object], timeout: float = 5.0) -> None:
        """Wait until ``predicate()`` is true; it is asked whenever something has happened.

        Raises:
            TimeoutError: It was not, within ``timeout`` seconds.
        """
        changed = asyncio.Event()
        self._waiters.add(changed)
        try:
            async with asyncio.timeout(timeout):
                while not predicate():
                    changed.clear()
                    await changed.wait()
        finally:
            self._waiters.discard(changed)

    async def __aenter__(self) -> Self:
        new_protocol()  # says at once what is not installed
        try:
            self._server = await asyncio.start_server(
                self._receive, "127.0.0.1", self._port, limit=MAX_HEAD_BYTES
            )
        except (OSError, OverflowError) as error:
            raise ConfigurationError("port", f"can't listen on {self._port}: {error}") from None
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()
        if self.failures and error[0] is None:
            raise self.failures[0]

    async def aclose(self) -> None:
        """Break all connections and listen no more. Twice is harmless."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
        if self._offline is not None:
            await self._offline.aclose()

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._reception.receive(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        except Exception as error:  # noqa: BLE001 - told when the emulator is left
            self.failures.append(error)
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            self._changed()

    async def _serve(self, request: HTTPRequest, service: Service, link: WebSocketLink) -> None:
        """Serve a WebSocket until it is over."""
        session, moments = self._session(request, service)
        record = EmulatedConnection(
            number=self._connection_count,
            service=service,
            path=request.path,
            query=request.query,
            headers=request.headers,
            session=session,
        )
        self._connection_count += 1
        self.connections.append(record)
        session.connections.append(record)
        place = Place(service, session.number, record.number)
        speaker = Speaker(
            link,
            record,
            self._plan,
            place,
            moments.connection(self._plan, place),
            self._clock,
            self._changed,
        )
        self._changed()
        try:
            if service is Service.SYNTHESIS:
                make_speech = self._offline.speak if self._offline else generated_speech
                await Speaking(speaker, self._voices, make_speech).run()
            else:
                family = self._family_of(request)
                engine = self._offline.translator if self._offline else self._engine
                await Listening(speaker, family, self._script, engine, self._silence_ms).run()
        finally:
            record.close_code = link.close_code

    def _session(self, request: HTTPRequest, service: Service) -> tuple[EmulatedSession, Moments]:
        name = request.headers.get("x-connectionid") or f"anonymous-{self._connection_count}"
        if name not in self._sessions:
            session = EmulatedSession(name, self._session_count, service, self._max_recorded_ms)
            self._session_count += 1
            self._sessions[name] = session, Moments()
            if len(self._sessions) > _MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return self._sessions[name]

    def _session_number(self, request: HTTPRequest) -> int:
        known = self._sessions.get(request.headers.get("x-connectionid", ""))
        return self._session_count if known is None else known[0].number

    def _family_of(self, request: HTTPRequest) -> Family:
        """In which messages translations are told."""
        universal = request.path.endswith(UNIVERSAL_PATHS)
        newer = universal if self._family is None else self._family == "newer"
        return NewerTranslationFamily() if newer else OlderTranslationFamily()

    def _script(self, language: str | None) -> ScriptReader:
        """The script for a source language."""
        reader = self._scripts.get((language or "").lower()) or self._scripts.get("")
        return reader or ScriptReader(())

    async def _translate(self, text: str, source: str | None, target: str) -> str:
        """Translate a text: as the script does, or as the embedded engine does."""
        if self._offline is not None:
            return await self._offline.translate(text, source, target)
        for reader in self._scripts.values():
            utterance = reader.find(text)
            if utterance is not None:
                return utterance.translation(target)
        return pseudo_translation(text, target)

    def _changed(self) -> None:
        for waiter in self._waiters:
            waiter.set()


__all__ = ["AzureSpeechEmulator"]
