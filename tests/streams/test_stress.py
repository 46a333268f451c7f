"""Real threads and several event loops on one stream at once: nothing lost, nobody left waiting."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from stream_kit import FRAME, GUARD_S, Worker

from rawmedia.errors import (
    EndOfStreamError,
    StreamClosedError,
    StreamEndedError,
    StreamError,
    StreamFailedError,
    StreamTimeoutError,
)
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.streams.pair import audio_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.reader import AudioReader

SEEDS = range(4)


@pytest.fixture(autouse=True)
def _switch_threads_often() -> Iterator[None]:
    """Races that need an unlucky switch happen a hundred times more often."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(5e-5)
    yield
    sys.setswitchinterval(interval)


def in_a_loop(main: Callable[[], Coroutine[object, object, None]]) -> Callable[[], None]:
    """A call that runs an event loop of its own."""

    async def guarded() -> None:
        async with asyncio.timeout(GUARD_S):
            await main()

    return lambda: asyncio.run(guarded())


def together(calls: list[Callable[[], object]]) -> None:
    """Run every call in a thread of its own and raise what any of them raised."""
    for worker in [Worker(call) for call in calls]:
        worker.result()


class Readers:
    """Threads and tasks that read one stream to its end and are interrupted all the time."""

    def __init__(self, reader: AudioReader, seed: int) -> None:
        self._reader = reader
        self._seed = seed
        self.received: list[list[AudioFrame]] = []

    def calls(self) -> list[Callable[[], object]]:
        return [
            lambda: self._in_thread(1),
            lambda: self._in_thread(2),
            in_a_loop(lambda: self._in_tasks(3)),
            in_a_loop(lambda: self._in_tasks(4)),
        ]

    def _in_thread(self, number: int) -> None:
        chance = random.Random(self._seed * 100 + number)
        frames: list[AudioFrame] = []
        self.received.append(frames)
        with contextlib.suppress(EndOfStreamError):
            while True:
                timeout = chance.choice([0, 0.0001, 0.001, GUARD_S])
                with contextlib.suppress(StreamTimeoutError):
                    frames.append(self._reader.recv(timeout))

    async def _in_tasks(self, number: int) -> None:
        async def read() -> None:
            frames: list[AudioFrame] = []
            self.received.append(frames)
            with contextlib.suppress(EndOfStreamError):
                while True:
                    frames.append(await self._reader.arecv())
                    if chance.random() < 0.3:
                        await asyncio.sleep(0)

        async def read_impatiently() -> None:
            frames: list[AudioFrame] = []
            self.received.append(frames)
            with contextlib.suppress(EndOfStreamError):
                while True:
                    one = asyncio.ensure_future(self._reader.arecv())
                    for _ in range(chance.randrange(4)):
                        await asyncio.sleep(0)
                    one.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        frames.append(await one)

        chance = random.Random(self._seed * 100 + number)
        await asyncio.gather(read(), read(), read_impatiently())


def tagged(source: int, number: int, samples: int = FRAME) -> bytes:
    """Audio that says where it comes from."""
    return np.tile(np.array([source, number], np.int16), samples // 2).tobytes()


def tags_of(frame: AudioFrame) -> tuple[int, int]:
    return int(frame.samples[0, 0]), int(frame.samples[1, 0])


@pytest.mark.parametrize("seed", SEEDS)
def test_what_many_push_is_received_once_and_in_order(seed: int) -> None:
    stream = InboundAudioStream(capacity_ms=3_600_000)
    readers = Readers(stream, seed)
    pushers, frames = 3, 400
    left = threading.Semaphore(pushers - 1)

    def push(source: int) -> None:
        for number in range(frames):
            stream.push(tagged(source, number))
        if not left.acquire(blocking=False):
            stream.end()

    together([*readers.calls(), *(lambda n=n: push(n) for n in range(pushers))])
    for part in readers.received:
        positions = [frame.position for frame in part]
        assert positions == sorted(set(positions))
    everything = sorted(itertools.chain(*readers.received), key=lambda frame: frame.position)
    assert [frame.position for frame in everything] == [n * FRAME for n in range(pushers * frames)]
    for source in range(pushers):
        numbers = [number for who, number in map(tags_of, everything) if who == source]
        assert numbers == list(range(frames))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_not_received_is_counted(seed: int) -> None:
    """A small buffer under pushers that never wait; taps come and go."""
    stream = InboundAudioStream(capacity_ms=60)
    readers = Readers(stream, seed)
    tap = stream.tap(40)
    tap_readers = Readers(tap, seed)
    frames = 1_000

    def push() -> None:
        chance = random.Random(seed)
        for number in range(frames):
            stream.push(tagged(1, number))
            if chance.random() < 0.05:
                stream.tap(20).close()
            if chance.random() < 0.05:
                stream.clear()
        stream.end()

    together([*readers.calls(), *tap_readers.calls(), push])
    stats = stream.stats
    received = list(itertools.chain(*readers.received))
    assert stats.frames == len(received) == len({frame.position for frame in received})
    assert len(received) * 20 + stats.overrun_ms + stats.discarded_ms == frames * 20
    tapped = list(itertools.chain(*tap_readers.received))
    assert len(tapped) * 20 + tap.reader_stats.overrun_ms == frames * 20


class Senders:
    """Threads and tasks that send messages of one number each, and give up now and then."""

    def __init__(self, stream: OutboundAudioStream, seed: int) -> None:
        self._stream = stream
        self._seed = seed
        self._numbers = itertools.count(1)
        self.accepted: dict[int, int] = {}

    def calls(self) -> list[Callable[[], object]]:
        return [
            lambda: self._in_thread(1),
            lambda: self._in_thread(2),
            in_a_loop(lambda: self._in_tasks(3)),
            in_a_loop(lambda: self._in_tasks(4)),
        ]

    def _message(self, chance: random.Random) -> tuple[int, bytes]:
        number = next(self._numbers)
        return number, np.full(chance.randrange(1, 5 * FRAME), number, np.int16).tobytes()

    def _in_thread(self, number: int) -> None:
        chance = random.Random(self._seed * 100 + number)
        for _ in range(40):
            message, data = self._message(chance)
            try:
                self.accepted[message] = self._stream.send(
                    data, chance.choice([0, 0.0005, GUARD_S, GUARD_S])
                )
            except StreamTimeoutError as late:
                self.accepted[message] = late.accepted_samples

    async def _in_tasks(self, number: int) -> None:
        chance = random.Random(self._seed * 100 + number)

        async def send() -> None:
            for _ in range(20):
                message, data = self._message(chance)
                one = asyncio.ensure_future(self._stream.asend(data))
                if chance.random() < 0.3:
                    await asyncio.sleep(chance.choice([0, 0.0005]))
                    one.cancel()
                try:
                    self.accepted[message] = await one
                except asyncio.CancelledError as cancelled:
                    # One that was cancelled before it began has no say.
                    self.accepted[message] = getattr(cancelled, "accepted_samples", 0)

        await asyncio.gather(send(), send())


def runs_of(frames: list[AudioFrame]) -> list[tuple[int, int]]:
    """Number and length of every run of equal samples."""
    if not frames:
        return []
    audio = np.concatenate([frame.samples[:, 0] for frame in frames])
    return [(int(key), len(list(group))) for key, group in itertools.groupby(audio.tolist())]


@pytest.mark.parametrize("clears", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_what_many_send_leaves_whole(seed: int, clears: bool) -> None:
    """Each message is one run of its number, as long as its sender was told."""
    stream = OutboundAudioStream(capacity_ms=60)
    senders = Senders(stream, seed)
    pulled: list[AudioFrame] = []
    finished = threading.Event()

    def pull() -> None:
        with contextlib.suppress(EndOfStreamError):
            while True:
                frame = stream.pull()
                if not frame.filler:
                    pulled.append(frame)

    def clear() -> None:
        while clears and not finished.wait(0.002):
            stream.clear()

    puller, clearer = Worker(pull), Worker(clear)
    together(senders.calls())
    finished.set()
    clearer.result()
    stream.end()
    puller.result()
    runs = [run for run in runs_of(pulled) if run[0]]
    stats = stream.stats
    if clears:
        lengths = Counter[int]()
        for number, length in runs:
            lengths[number] += length
        assert all(length <= senders.accepted[number] for number, length in lengths.items())
    else:
        assert dict(runs) == {n: size for n, size in senders.accepted.items() if size}
    assert len({number for number, _ in runs}) == len(runs)
    assert stats.sent_position == sum(senders.accepted.values())
    content = len(pulled) * FRAME
    assert stats.sent_position + stats.padded_ms * 16 == content + stats.cleared_ms * 16
    assert stats.buffered_ms == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pair_carries_everything_between_threads_and_loops(seed: int) -> None:
    outbound, inbound = audio_pair(capacity_ms=60)
    senders, readers = Senders(outbound, seed), Readers(inbound, seed)
    tap = inbound.tap(3_600_000)
    reached = Counter[str]()

    def mark() -> None:
        for number in range(200):
            outbound.mark(f"{number}", lambda mark: reached.update([mark.name]))
            outbound.drain(GUARD_S) if number % 20 == 0 else None

    reading = [Worker(call) for call in readers.calls()]
    together([*senders.calls(), mark])
    outbound.end()
    for worker in reading:
        worker.result()
    received = sorted(itertools.chain(*readers.received), key=lambda frame: frame.position)
    assert [frame.position for frame in received] == [n * FRAME for n in range(len(received))]
    heard = Counter[int]()
    for number, length in runs_of(received):
        heard[number] += length
    del heard[0]
    assert heard == {n: size for n, size in senders.accepted.items() if size}
    assert runs_of(list(tap)) == runs_of(received)
    assert reached == {f"{number}": 1 for number in range(200)}


@pytest.mark.parametrize("ending", ["end", "close", "fail"])
@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_is_left_waiting_when_it_is_over(seed: int, ending: str) -> None:
    """Whenever the end comes, everybody is told of it, in threads and in tasks."""
    chance = random.Random(seed)
    outbound = OutboundAudioStream(capacity_ms=40)
    inbound = InboundAudioStream(capacity_ms=40)
    over = (StreamEndedError, StreamClosedError, StreamFailedError, EndOfStreamError)
    begun = threading.Semaphore(0)

    def use(call: Callable[[], object]) -> None:
        with contextlib.suppress(*over):
            begun.release()
            while True:
                call()

    async def ause(call: Callable[[], Coroutine[object, object, object]]) -> None:
        with contextlib.suppress(*over):
            begun.release()
            while True:
                await call()
                await asyncio.sleep(0)

    async def tasks() -> None:
        await asyncio.gather(
            *(ause(inbound.arecv) for _ in range(3)),
            *(ause(lambda: outbound.asend(bytes(2_000))) for _ in range(3)),
            ause(outbound.adrain),
        )

    def finish() -> None:
        for _ in range(11):
            assert begun.acquire(timeout=GUARD_S)
        for _ in range(chance.randrange(300)):
            outbound.pull()
            inbound.push(bytes(640))
        for stream in (outbound, inbound):
            stream.fail(OSError()) if ending == "fail" else getattr(stream, ending)()
        with contextlib.suppress(StreamError):
            while True:
                outbound.pull()
        # A drain after the end is done at once, again and again.
        outbound.close()

    together(
        [
            lambda: use(lambda: inbound.recv(GUARD_S)),
            lambda: use(lambda: outbound.send(bytes(2_000), GUARD_S)),
            lambda: use(lambda: outbound.send(bytes(2_000), GUARD_S)),
            lambda: use(lambda: outbound.drain(GUARD_S)),
            in_a_loop(tasks),
            finish,
        ]
    )
