"""PocketSphinx as a cascade's recogniser: English, in a worker process of its own per call."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO, ClassVar

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.errors import (
    EngineFailedError,
    FormatMismatchError,
    MissingDependencyError,
    PayloadError,
    UnsupportedLanguageError,
)
from rawmedia.translators.offline.child import Child
from rawmedia.translators.offline.messages import (
    END,
    PROBLEM,
    REPORTS,
    MessageError,
    audio_message,
    message,
    read_message,
    skip_to_banner,
)
from rawmedia.translators.offline.reports import parse_reports
from rawmedia.translators.request import language_matches

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.translators.parts import Heard, Recognition

ENGINE = "PocketSphinx"

_MAX_PIECE_SAMPLES = SPEECH.samples(200)
"""The most that is handed to the worker before it has answered for what came earlier."""
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    "from rawmedia.translators.offline.worker import main; main()"
)


class PocketSphinxRecognizer:
    """Hears English (its model is of US English) in 16 kHz mono, with no key and no network.

    Speech is found by PocketSphinx's endpointer, which needs 280 ms of silence to call an
    utterance over; speech without a pause is cut after 20 s. Partials come at most every
    200 ms of speech. Each call runs in a worker process, which takes 0.4 s to load and 100
    to 160 MB; at most 200 ms of audio are in its hands at a time.

    Args:
        timeout: Seconds that the worker may take to start, or to answer for 200 ms of audio
            (the final decode of a long utterance takes up to one second on a good machine).
    """

    languages: ClassVar[tuple[str, ...]] = ("en",)
    input_formats: ClassVar[tuple[AudioFormat, ...]] = (SPEECH,)

    def __init__(self, *, timeout: float = 30.0) -> None:
        self._timeout = timeout
        self._spare: deque[_Worker] = deque()

    async def prepare(self) -> None:
        """Start a worker now, for the next call to find ready.

        One waits at most; it goes when it is used, at ``aclose``, or with this object.
        Cancelling ends what was started.

        Raises:
            MissingDependencyError: PocketSphinx is not installed.
            EngineFailedError: The worker did not start.
        """
        if self._spare and self._spare[0].alive:
            return
        worker = await self._start_worker()
        previous = _pop(self._spare)
        self._spare.append(worker)
        if previous is not None:
            await previous.aclose()

    async def recognize(
        self, frames: AsyncIterator[AudioFrame], language: str
    ) -> AsyncGenerator[Recognition | Heard, None]:
        """Listen to one speaker; see ``Recognizer.recognize``.

        Raises:
            UnsupportedLanguageError: Not English.
            MissingDependencyError: PocketSphinx is not installed.
            FormatMismatchError: A frame is not 16 kHz mono.
            PayloadError: A frame lies before the end of the frame before.
            EngineFailedError: The worker did not start, did not answer in time, or its
                answer makes no sense.
            EngineCrashedError: The worker is gone.
        """
        if not any(language_matches(language, each) for each in self.languages):
            raise UnsupportedLanguageError(language, "source", self.languages)
        worker = _pop(self._spare)
        if worker is None or not worker.alive:
            worker = await self._start_worker()
        try:
            end = 0
            async for frame in frames:
                _check(frame, end)
                end = frame.end
                for request in _requests(frame):
                    for report in await worker.ask(request):
                        yield report
            for report in await worker.ask(message(END)):
                yield report
        finally:
            await worker.aclose()

    async def aclose(self) -> None:
        """End the worker that waits for a call, if one does. Twice is harmless."""
        spare = _pop(self._spare)
        if spare is not None:
            await spare.aclose()

    async def _start_worker(self) -> _Worker:
        if not pocketsphinx_installed():
            raise missing_pocketsphinx()
        worker = _Worker(self._timeout)
        try:
            await worker.start()
        except BaseException:
            await worker.aclose()
            raise
        return worker


class _Worker:
    """A worker process and the thread in which it is waited for; belongs to no event loop."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        # The modules that this process finds, wherever it found them.
        command = [sys.executable, "-P", "-c", _START, json.dumps(sys.path)]
        self._child = Child(ENGINE, command)
        self._thread = ThreadPoolExecutor(1, "rawmedia-pocketsphinx")

    @property
    def alive(self) -> bool:
        return self._child.alive

    async def start(self) -> None:
        """Wait until the model is loaded."""
        await self._exchange(b"", _read_first_reply)

    async def ask(self, request: bytes) -> list[Recognition | Heard]:
        """Send one message and wait for its reply; once cancelled, only ``aclose`` is left."""
        return await self._exchange(request, _read_reply)

    async def aclose(self) -> None:
        """Kill the process and give everything back; at once, also if cancelled meanwhile."""
        self._child.kill()
        stopped = self._thread.submit(self._child.stop)
        self._thread.shutdown(wait=False)
        await asyncio.wrap_future(stopped)

    async def _exchange(
        self, request: bytes, read: Callable[[BinaryIO], list[Recognition | Heard]]
    ) -> list[Recognition | Heard]:
        reply = self._thread.submit(self._child.exchange, request, read, self._timeout)
        return await asyncio.wrap_future(reply)


def pocketsphinx_installed() -> bool:
    """Whether the package is there, its model included."""
    return importlib.util.find_spec("pocketsphinx") is not None


def missing_pocketsphinx(version: tuple[int, int] = sys.version_info[:2]) -> MissingDependencyError:
    """The error that says how to install PocketSphinx under Python ``version``."""
    command = "pip install 'rawmedia[offline]'"
    if version >= (3, 14):
        # The sdist would want a C compiler and CMake.
        command += " under Python 3.11, 3.12 or 3.13 (PocketSphinx has no wheel for "
        command += f"{version[0]}.{version[1]})"
    return MissingDependencyError(ENGINE, "the offline recogniser", command)


def _pop(workers: deque[_Worker]) -> _Worker | None:
    # One step, because event loops in several threads may share the recogniser.
    try:
        return workers.pop()
    except IndexError:
        return None


def _check(frame: AudioFrame, end: int) -> None:
    if frame.format != SPEECH:
        raise FormatMismatchError(SPEECH, frame.format)
    if frame.position < end:
        raise PayloadError(f"a frame at {end} or later", f"one at {frame.position}")


def _requests(frame: AudioFrame) -> list[bytes]:
    """The frame in messages of at most 200 ms."""
    data = memoryview(frame.data)
    return [
        audio_message(
            frame.position + start, bytes(data[2 * start : 2 * (start + _MAX_PIECE_SAMPLES)])
        )
        for start in range(0, frame.samples_per_channel, _MAX_PIECE_SAMPLES)
    ]


def _read_first_reply(stream: BinaryIO) -> list[Recognition | Heard]:
    try:
        skip_to_banner(stream)
    except MessageError as error:
        raise _senseless(error) from error
    return _read_reply(stream)


def _read_reply(stream: BinaryIO) -> list[Recognition | Heard]:
    try:
        kind, payload = read_message(stream)
        if kind == REPORTS:
            return parse_reports(payload)
    except MessageError as error:
        raise _senseless(error) from error
    if kind == PROBLEM:
        problem = payload[:500].decode(errors="replace")
        raise EngineFailedError(ENGINE, f"its worker process failed with {problem}")
    raise _senseless(f"a message of the unknown kind {kind!r}")


def _senseless(what: object) -> EngineFailedError:
    return EngineFailedError(ENGINE, f"its worker process answered with {what}; it was ended")


__all__ = ["PocketSphinxRecognizer", "missing_pocketsphinx", "pocketsphinx_installed"]
