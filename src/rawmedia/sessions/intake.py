"""What is said, read to its end whatever the engine does, and given to whoever translates it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import StreamError
from rawmedia.sessions.cancelling import go_on

if TYPE_CHECKING:
    from rawmedia.sessions.engine.keeper import EngineKeeper
    from rawmedia.sessions.engine.run import EngineRun
    from rawmedia.sessions.faults import Faults
    from rawmedia.sessions.metrics.ledger import Ledger
    from rawmedia.sessions.own_voice.guard import OwnVoice
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.reader import AudioReader


class Intake:
    """Reads the inbound stream and feeds the engine. For one event loop.

    Args:
        name: How its task is called.
        inbound: What is said.
        engine: Who is given it, while there is one.
        ledger: Where it is booked when what was said.
        clock: What that is counted on.
        own_voice: What is kept from the engine; None for nothing.
        faults: Told when the stream breaks.
        news: Set when something changed that somebody waits for; and waited for in here.
    """

    def __init__(
        self,
        name: str,
        inbound: AudioReader,
        engine: EngineKeeper,
        *,
        ledger: Ledger,
        clock: Clock,
        own_voice: OwnVoice | None,
        faults: Faults,
        news: asyncio.Event,
    ) -> None:
        self._name = name
        self._inbound = inbound
        self._engine = engine
        self._ledger = ledger
        self._clock = clock
        self._own_voice = own_voice
        self._faults = faults
        self._news = news
        self._reading: asyncio.Task[None] | None = None
        self._stopped = self._ended = False
        self.muted = False
        """Whether the engine gets silence in place of what is said."""
        self.untranslated_ms = 0.0
        """What was said while there was no engine for it."""

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Read from now on, in a task of these."""
        self._reading = tasks.create_task(self._read(), name=f"reading {self._name}")
        self._reading.add_done_callback(lambda _: self._news.set())

    async def settle(self, tasks: asyncio.TaskGroup) -> None:
        """Wait until nothing more will be translated, and see to engines that cancel what they should not."""
        while not self._settled:
            self._news.clear()
            await self._engine.notice()
            await self._go_on(tasks)
            await self._news.wait()

    def stop(self) -> None:
        """Take nothing more in; what was said before is still translated."""
        self._stopped = True
        self.cancel()

    def cancel(self) -> None:
        """Read no more, now. Twice is harmless."""
        if self._reading is not None:
            self._reading.cancel()

    @property
    def _settled(self) -> bool:
        """Whether nothing more will be translated."""
        if not self._engine.idle:
            return False
        return self._ended or self._faults.failure is not None

    async def _go_on(self, tasks: asyncio.TaskGroup) -> None:
        """Where an engine has cancelled the task that feeds it, the next one gets what follows."""
        if self._reading is not None and self._reading.cancelled() and not self._ended:
            self.begin(tasks)
            await self._engine.give_up("it cancelled the task that feeds it")

    async def _read(self) -> None:
        """Give the engine what is said, until nobody says anything any more."""
        try:
            if not self._stopped:
                await self._take_in()
        except StreamError as error:
            self._faults.happened("what is said can't be heard any more", error)
        except asyncio.CancelledError:
            if not self._stopped or self._settled:
                raise
            go_on()
        self._ended = True
        await self._engine.end_input()
        self._news.set()

    async def _take_in(self) -> None:
        ledger, clock, engine, own_voice = self._ledger, self._clock, self._engine, self._own_voice
        async for frame in self._inbound:
            ledger.arrived(frame, clock.now())
            while engine.state == "opening":
                # What is said meanwhile waits in the stream, which counts what it loses.
                self._news.clear()
                await self._news.wait()
            run = engine.run
            if run is None or run.closed:
                self.untranslated_ms += frame.duration_ms
            if own_voice is not None:
                for piece in own_voice.clean(frame):
                    await self._feed(run, piece)
            elif run is not None:
                await run.feed(_silenced(frame) if self.muted else frame)
        if own_voice is not None:
            for piece in own_voice.flush():
                await self._feed(engine.run, piece)

    async def _feed(self, run: EngineRun | None, frame: AudioFrame) -> None:
        if run is not None:
            await run.feed(_silenced(frame) if self.muted else frame)


def _silenced(frame: AudioFrame) -> AudioFrame:
    """Silence in the place of a frame, so that time goes on for the engine."""
    return AudioFrame.silence(frame.format, frame.samples_per_channel, frame.position)


__all__ = ["Intake"]
