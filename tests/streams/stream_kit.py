"""What the tests of the streams share: audio, guards against hanging, a clock that tells who waits."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.errors import RawMediaError
from rawmedia.streams.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from rawmedia.audio.frame import AudioFrame

T = TypeVar("T")

GUARD_S = 20.0
"""Real seconds after which a test counts as hanging."""

FRAME = 320
"""Samples in 20 ms of speech."""


def pcm(samples: int, format: AudioFormat = SPEECH, seed: int = 1) -> bytes:
    """Noise of so many samples per channel; the same seed gives the same noise."""
    return random.Random(seed).randbytes(samples * format.bytes_per_instant)


def audio_of(frames: Iterable[AudioFrame]) -> bytes:
    """The bytes of all frames, joined."""
    return b"".join(bytes(frame) for frame in frames)


def cut(data: bytes, sizes: Iterable[int], format: AudioFormat = SPEECH) -> list[bytes]:
    """The data in pieces of so many samples per channel; what is left is the last piece."""
    pieces, start = [], 0
    for size in sizes:
        end = start + size * format.bytes_per_instant
        pieces.append(data[start:end])
        start = end
    return [*pieces, data[start:]]


def samples(ms: float, format: AudioFormat = SPEECH) -> int:
    """The whole number of samples that a figure in milliseconds stands for."""
    exact = ms * format.sample_rate / 1000
    assert abs(exact - round(exact)) < 1e-6
    return round(exact)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run on an ordinary event loop; a test that hangs fails."""

    async def guarded() -> T:
        async with asyncio.timeout(GUARD_S):
            return await main

    return asyncio.run(guarded())


class Worker(Generic[T]):
    """A call in a thread of its own, whose outcome is waited for with a guard."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._outcome: list[T] = []
        self._error: BaseException | None = None
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome.append(self._call())
        except BaseException as error:  # noqa: BLE001 - given to whoever asks for the outcome
            self._error = error

    def result(self) -> T:
        """What the call returned; raises what it raised."""
        self._thread.join(GUARD_S)
        assert not self._thread.is_alive(), "the thread hangs"
        if self._error is not None:
            raise self._error
        return self._outcome[0]

    def error(self) -> RawMediaError:
        """The library's error that the call raised."""
        self._thread.join(GUARD_S)
        assert not self._thread.is_alive(), "the thread hangs"
        assert isinstance(self._error, RawMediaError), self._error
        return self._error


class NoticingClock(SystemClock):
    """Real time that tells when a thread begins to wait, so that no test has to sleep for that."""

    def __init__(self) -> None:
        self._waits = threading.Semaphore(0)

    def wait(self, signal: threading.Lock, deadline: float | None) -> bool:
        self._waits.release()
        return super().wait(signal, deadline)

    def next_wait(self, count: int = 1) -> None:
        """Return when so many more waits have begun."""
        for _ in range(count):
            assert self._waits.acquire(timeout=GUARD_S), "no thread began to wait"


async def settle() -> None:
    """Let every other task of the loop run until it waits for something from outside."""
    for _ in range(20):
        await asyncio.sleep(0)
