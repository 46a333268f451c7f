"""eSpeak NG as a cascade's synthesizer: robotic, clear, and as fast as anybody can listen."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import ConfigurationError, EngineFailedError
from rawmedia.translators.offline.espeak_library import ENGINE, installed, load
from rawmedia.translators.offline.pieces import pieces

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from rawmedia.translators.offline.espeak_library import EspeakLibrary

_MAX_PIECE = 400
"""Characters that are spoken in one go, about half a minute: as long as others wait at most."""
_CAPACITY_MS = 30_000
"""Speech that may wait for its reader; made in some hundred milliseconds."""


class EspeakSynthesizer:
    """Speaks more than a hundred languages through eSpeak NG, as 22 050 Hz mono.

    The library is one per process and says one text at a time; texts are cut at sentences,
    so that calls take turns. A call that nobody reads holds at most 30 s of speech, and the
    others up for at most ``timeout``.

    Args:
        words_per_minute: How fast it speaks, 80 to 450.
        timeout: Seconds to wait for the next piece of speech, and for a reader to make room.

    Raises:
        ConfigurationError: The rate is out of range.
    """

    def __init__(self, *, words_per_minute: int = 175, timeout: float = 30.0) -> None:
        if not 80 <= words_per_minute <= 450:
            raise ConfigurationError("words_per_minute", f"80 to 450, got {words_per_minute}")
        self._words_per_minute = words_per_minute
        self._timeout = timeout

    @property
    def languages(self) -> tuple[str, ...] | None:
        """What it speaks; None while it is not installed."""
        return load().languages if installed() else None

    async def prepare(self, language: str, voice: str | None = None) -> None:
        """Load the library now and check that it has the voice.

        Raises:
            RawMediaError: As ``synthesize``.
        """
        library = await asyncio.wrap_future(_thread().submit(load))
        library.find_voice(language, voice)

    async def synthesize(
        self, text: str, language: str, voice: str | None = None
    ) -> AsyncGenerator[AudioFrame, None]:
        """Speak plain text; see ``Synthesizer.synthesize``.

        Args:
            text: Markup in it is read out.
            language: A BCP-47 tag; the voice that suits it best speaks.
            voice: Another voice's name, identifier or language, with "+" and a variant if
                wanted: "roa/es-419", "es+f3".

        Raises:
            MissingDependencyError: eSpeak NG is not installed.
            UnsupportedLanguageError: No voice speaks the language.
            ConfigurationError: There is no such voice.
            EngineFailedError: It could not be loaded, refused the text or gave nothing in
                time; or the reader of this call made no room in time.
        """
        library = await asyncio.wrap_future(_thread().submit(load))
        chosen = library.find_voice(language, voice)
        position = 0
        for piece in pieces(text, _MAX_PIECE):
            speech = _Speech(library, self._timeout)
            speaking = _thread().submit(speech.speak, piece, chosen, self._words_per_minute)
            try:
                while pcm := await speech.read():
                    frame = AudioFrame(pcm, library.format, position)
                    position = frame.end
                    yield frame
            finally:
                # One that has not begun never will; one that has stops within 60 ms of speech.
                speaking.cancel()
                speech.close()


class _Speech:
    """A piece of speech on its way from the library's thread to an event loop."""

    def __init__(self, library: EspeakLibrary, timeout: float) -> None:
        self._library = library
        self._timeout = timeout
        self._capacity = 2 * library.format.samples(_CAPACITY_MS)
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._changed = threading.Condition()
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._closed = False
        self._ended = False
        self._error: Exception | None = None

    def speak(self, text: str, voice: str, words_per_minute: int) -> None:
        """Let the library speak; blocks."""
        try:
            self._library.speak(text, voice, words_per_minute, self._put)
        except EngineFailedError as error:
            self._error = error
        with self._changed:
            self._ended = True
            self._tell()

    async def read(self) -> bytes:
        """The next samples; empty at the end.

        Raises:
            EngineFailedError: From the library; or nothing came in time, or was read in time.
        """
        while True:
            with self._changed:
                if self._chunks:
                    chunk = self._chunks.popleft()
                    self._size -= len(chunk)
                    self._changed.notify()
                    return chunk
                if self._error is not None:
                    raise self._error
                if self._ended:
                    return b""
                self._news.clear()
            try:
                async with asyncio.timeout(self._timeout):
                    await self._news.wait()
            except TimeoutError:
                problem = f"no speech came within {self._timeout:g} s"
                raise EngineFailedError(ENGINE, problem) from None

    def close(self) -> None:
        """Nobody reads any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _put(self, chunk: bytes) -> bool:
        """Take a chunk from the library, when there is room; False ends the speech."""
        with self._changed:
            if not self._changed.wait_for(self._has_room, self._timeout):
                problem = f"its speech was not read for {self._timeout:g} s"
                self._error = EngineFailedError(ENGINE, problem)
            if self._closed or self._error is not None:
                return False
            self._chunks.append(chunk)
            self._size += len(chunk)
            self._tell()
            return True

    def _has_room(self) -> bool:
        return self._closed or self._size < self._capacity

    def _tell(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # its loop is closed, so nobody reads any more
            self._closed = True


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "rawmedia-espeak")


__all__ = ["EspeakSynthesizer"]
