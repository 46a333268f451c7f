"""Synthesizers that are connected and wait for a text, a few for each voice."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING

from rawmedia.errors import TranslatorClosedError
from rawmedia.translators.azure.native_sdk import ENGINE

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.translators.azure.catalogue import Voice
    from rawmedia.translators.azure.native_synthesizer import NativeSynthesizer

_CLOSE_TIMEOUT_S = 3.0


class SynthesizerPool:
    """Lends each synthesizer to one text at a time; for any number of event loops.

    Args:
        make: Makes a synthesizer, not yet started.
        per_voice: How many there may be for a voice; more texts at once wait for their turn.
        max_idle: How many may wait for a text, over all voices; beyond that the one that
            waited longest is given back.
    """

    def __init__(
        self, make: Callable[[], NativeSynthesizer], *, per_voice: int, max_idle: int
    ) -> None:
        self._make = make
        self._per_voice = per_voice
        self._max_idle = max_idle
        self._lock = threading.Lock()
        self._closed = False
        self._idle: list[tuple[Voice, NativeSynthesizer]] = []
        """The one that waits longest first."""
        self._lent: dict[NativeSynthesizer, Voice] = {}
        self._turns: dict[Voice, deque[Future[NativeSynthesizer]]] = {}

    async def borrow(self, voice: Voice) -> NativeSynthesizer:
        """Wait for a synthesizer. Whoever has it gives it back. Cancelling takes none.

        Raises:
            TranslatorClosedError: ``close`` came first.
            EngineFailedError: The system gives no more threads.
        """
        with self._lock:
            self._check_open()
            native = self._take_idle(voice)
            if native is None and self._count(voice) < self._per_voice:
                native = self._make()
                native.start()
            if native is not None:
                self._lent[native] = voice
                return native
            turn: Future[NativeSynthesizer] = Future()
            self._turns.setdefault(voice, deque()).append(turn)
        try:
            return await asyncio.wrap_future(turn)
        except asyncio.CancelledError:
            if not turn.cancel() and turn.exception() is None:
                self.give_back(turn.result())
            raise

    def give_back(self, native: NativeSynthesizer) -> None:
        """Let the next text have it; from any thread."""
        with self._lock:
            voice = self._lent.pop(native, None)
            if voice is None:
                return  # the pool was closed meanwhile
            turn = self._next_turn(voice)
            if turn is not None:
                self._lent[native] = voice
            else:
                self._idle.append((voice, native))
                if len(self._idle) > self._max_idle:
                    self._idle.pop(0)[1].stop()
        if turn is not None:
            turn.set_result(native)

    def close(self) -> list[NativeSynthesizer]:
        """Stop all synthesizers, those at work too; returns at once. Twice is harmless.

        Returns:
            Those that are now stopping.
        """
        with self._lock:
            self._closed = True
            natives = [*self._lent, *(native for _, native in self._idle)]
            turns = [turn for turns in self._turns.values() for turn in turns]
            self._lent.clear()
            self._idle.clear()
            self._turns.clear()
        for native in natives:
            native.stop()
        for turn in turns:
            if turn.set_running_or_notify_cancel():
                turn.set_exception(_closed())
        return natives

    async def aclose(self) -> None:
        """Close, and wait until all is released, three seconds at most. Twice is harmless."""
        natives = self.close()
        if natives:
            await asyncio.to_thread(_join, natives)

    def _check_open(self) -> None:
        if self._closed:
            raise _closed()

    def _count(self, voice: Voice) -> int:
        return sum(each == voice for each in self._lent.values())

    def _take_idle(self, voice: Voice) -> NativeSynthesizer | None:
        """The one that was at work last: its connection is the least likely to have gone stale."""
        for index in range(len(self._idle) - 1, -1, -1):
            if self._idle[index][0] == voice:
                return self._idle.pop(index)[1]
        return None

    def _next_turn(self, voice: Voice) -> Future[NativeSynthesizer] | None:
        """The first that waits and was not cancelled; from now on it can't be."""
        turns = self._turns.get(voice, deque())
        while turns:
            turn = turns.popleft()
            if turn.set_running_or_notify_cancel():
                return turn
        self._turns.pop(voice, None)
        return None


def _closed() -> TranslatorClosedError:
    return TranslatorClosedError(ENGINE, "the synthesizer is closed")


def _join(natives: list[NativeSynthesizer]) -> None:
    deadline = time.monotonic() + _CLOSE_TIMEOUT_S
    for native in natives:
        native.join(max(0.0, deadline - time.monotonic()))


__all__ = ["SynthesizerPool"]
