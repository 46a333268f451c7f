"""What a frame costs on its way through a stream, against queues, sockets and a pipeline framework.

    python benchmarks/bench_streams.py

20 ms of 16 kHz mono (640 bytes) each time. Aims: a ready hop at most twice a socket pair's; a
hop that wakes a reader waiting on the same loop at most twice ``sock_sendall``/``sock_recv``; at
most a twentieth of what pipecat takes. pipecat-ai is measured where it is installed (extra ``bench``).
"""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine

from harness import Rival, measure

from rawmedia import InboundAudioStream, OutboundAudioStream, audio_pair

FRAME = bytes(640)
HOPS = 1_000


def ready_hops() -> None:
    """Everything is there already: nobody waits."""
    left, right = socket.socketpair()
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    inbound, outbound = InboundAudioStream(), OutboundAudioStream()
    sender, receiver = audio_pair()

    def through_socket() -> None:
        left.send(FRAME)
        right.recv(640)

    def through_inbound() -> None:
        inbound.push(FRAME)
        inbound.recv()

    def through_outbound() -> None:
        outbound.send(FRAME)
        outbound.pull()

    def through_pair() -> None:
        sender.send(FRAME)
        receiver.recv()

    measure(
        {
            "socketpair send, recv": through_socket,
            "inbound push, recv": through_inbound,
            "outbound send, pull": through_outbound,
            "audio_pair send, recv": through_pair,
        },
        title="ready hop, blocking doors (aim: ratio <= 2)",
    )

    async def through_queue() -> None:
        queue.put_nowait(FRAME)
        await queue.get()

    async def through_async_inbound() -> None:
        inbound.push(FRAME)
        await inbound.arecv()

    async def through_async_outbound() -> None:
        await outbound.asend(FRAME)
        outbound.pull()

    async def through_socket_again() -> None:
        through_socket()

    with asyncio.Runner() as runner:
        measure(
            {
                "socketpair send, recv": on(runner, through_socket_again),
                "asyncio.Queue put_nowait, get": on(runner, through_queue),
                "inbound push, arecv": on(runner, through_async_inbound),
                "outbound asend, pull": on(runner, through_async_outbound),
            },
            title="ready hop, async doors (aim: ratio <= 2)",
            operations=HOPS,
        )
    left.close()
    right.close()


def on(runner: asyncio.Runner, hop: Callable[[], Awaitable[object]]) -> Rival:
    """Many hops in a row on a loop, so that starting the loop does not count."""

    async def hops() -> None:
        for _ in range(HOPS):
            await hop()

    return lambda: runner.run(hops())


def waking_hops() -> None:
    """A reader waits on the same loop; each hop wakes it and it answers by waiting again."""
    with asyncio.Runner() as runner:
        measure(
            {
                "sock_sendall, sock_recv": lambda: runner.run(wake_through_sockets()),
                "asyncio.Queue put_nowait, get": lambda: runner.run(wake_through_queues()),
                "inbound push, arecv": lambda: runner.run(wake_through_streams()),
            },
            title="hop that wakes a waiting reader on the same loop, there and back (aim: ratio <= 2)",
            operations=2 * HOPS,
        )


async def wake_through_sockets() -> None:
    """Ping-pong over two ends of a socket pair."""
    loop = asyncio.get_running_loop()
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)

    async def answer() -> None:
        for _ in range(HOPS):
            await loop.sock_recv(right, 640)
            await loop.sock_sendall(right, FRAME)

    async def ask() -> None:
        for _ in range(HOPS):
            await loop.sock_sendall(left, FRAME)
            await loop.sock_recv(left, 640)

    with left, right:
        await asyncio.gather(answer(), ask())


async def wake_through_queues() -> None:
    """Ping-pong over two queues."""
    there: asyncio.Queue[bytes] = asyncio.Queue()
    back: asyncio.Queue[bytes] = asyncio.Queue()
    await ping_pong(there.get, there.put_nowait, back.get, back.put_nowait)


async def wake_through_streams() -> None:
    """Ping-pong over two streams."""
    there, back = InboundAudioStream(), InboundAudioStream()
    await ping_pong(there.arecv, there.push, back.arecv, back.push)


async def ping_pong(
    hear: Callable[[], Coroutine[object, object, object]],
    say: Callable[[bytes], object],
    hear_back: Callable[[], Coroutine[object, object, object]],
    say_back: Callable[[bytes], object],
) -> None:
    """Two tasks that wait for each other in turn."""

    async def answer() -> None:
        for _ in range(HOPS):
            await hear()
            say_back(FRAME)

    async def ask() -> None:
        for _ in range(HOPS):
            say(FRAME)
            await hear_back()

    await asyncio.gather(answer(), ask())


def waking_across_threads() -> None:
    """A reader waits on a loop and is woken from a thread; beside it, the bare wake-up."""

    async def bare() -> None:
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        go = threading.Semaphore(0)

        def wake() -> None:
            for _ in range(HOPS):
                go.acquire()
                loop.call_soon_threadsafe(woken.set)

        thread = threading.Thread(target=wake)
        thread.start()
        for _ in range(HOPS):
            go.release()
            await woken.wait()
            woken.clear()
        thread.join()

    async def stream() -> None:
        inbound = InboundAudioStream()
        go = threading.Semaphore(0)

        def push() -> None:
            for _ in range(HOPS):
                go.acquire()
                inbound.push(FRAME)

        thread = threading.Thread(target=push)
        thread.start()
        for _ in range(HOPS):
            go.release()
            await inbound.arecv()
        thread.join()

    with asyncio.Runner() as runner:
        measure(
            {
                "call_soon_threadsafe": lambda: runner.run(bare()),
                "push from a thread, arecv": lambda: runner.run(stream()),
            },
            title="wake across threads, wall time",
            operations=HOPS,
            clock=time.perf_counter,
        )


def pipelines() -> None:
    """A frame through a pipeline of one processor, against a frame through a stream."""
    inbound, outbound = InboundAudioStream(), OutboundAudioStream()

    async def through_inbound() -> None:
        inbound.push(FRAME)
        await inbound.arecv()

    async def through_outbound() -> None:
        await outbound.asend(FRAME)
        outbound.pull()

    with asyncio.Runner() as runner:
        pipeline = Pipecat.start_in(runner)

        def pipeline_rival() -> None:
            assert pipeline is not None
            runner.run(pipeline.frames())

        measure(
            {
                "pipecat, one processor": None if pipeline is None else pipeline_rival,
                "inbound push, arecv": on(runner, through_inbound),
                "outbound asend, pull": on(runner, through_outbound),
                "audio_pair between two tasks": lambda: runner.run(through_tasks()),
            },
            title="frame through, against a pipeline (aim: ratio <= 0.05)",
            operations=HOPS,
            number=1,
        )
        if pipeline:
            runner.run(pipeline.stop())


async def through_tasks() -> None:
    """One task sends, another receives."""
    sender, receiver = audio_pair()

    async def send() -> None:
        for _ in range(HOPS):
            await sender.asend(FRAME)
        sender.end()

    async def receive() -> None:
        async for _ in receiver:
            pass

    await asyncio.gather(send(), receive())


class Pipecat:
    """A running pipeline whose processors pass frames on, and the last of which counts them."""

    @classmethod
    def start_in(cls, runner: asyncio.Runner, processors: int = 1) -> Pipecat | None:
        """Start one on the loop; None where pipecat is not installed."""
        if importlib.util.find_spec("pipecat") is None:
            return None
        pipeline = cls()
        runner.run(pipeline.start(processors))
        return pipeline

    async def start(self, processors: int) -> None:
        """Build the pipeline and wait until it runs."""
        from pipecat.frames.frames import Frame, InputAudioRawFrame
        from pipecat.pipeline.pipeline import Pipeline
        from pipecat.pipeline.runner import PipelineRunner
        from pipecat.pipeline.task import PipelineTask
        from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

        self.left = 0
        self.done = asyncio.Event()
        started = asyncio.Event()
        outer = self

        class PassingOn(FrameProcessor):  # type: ignore[misc]  # untyped where it is not installed
            """Passes everything on."""

            async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
                await super().process_frame(frame, direction)
                await self.push_frame(frame, direction)

        class Counter(FrameProcessor):  # type: ignore[misc]  # untyped where it is not installed
            """Passes everything on and notices the last frame."""

            async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
                await super().process_frame(frame, direction)
                started.set()
                if isinstance(frame, InputAudioRawFrame):
                    outer.left -= 1
                    if not outer.left:
                        outer.done.set()
                await self.push_frame(frame, direction)

        self.frame: Callable[[], object] = lambda: InputAudioRawFrame(FRAME, 16_000, 1)
        chain = [*(PassingOn() for _ in range(processors - 1)), Counter()]
        self.task = PipelineTask(Pipeline(chain), idle_timeout_secs=None, enable_rtvi=False)
        running = PipelineRunner(handle_sigint=False).run(self.task)
        self.running = asyncio.create_task(running)
        await asyncio.wait_for(started.wait(), 30)

    async def frames(self) -> None:
        """Put frames in and wait until the last is through."""
        self.left = HOPS
        self.done.clear()
        for _ in range(HOPS):
            await self.task.queue_frame(self.frame())
        await asyncio.wait_for(self.done.wait(), 60)

    async def stop(self) -> None:
        """End it in its own way, because it does not end when it is cancelled."""
        await self.task.cancel()
        await asyncio.wait([self.running], timeout=10)


def main() -> None:
    """Run them all."""
    ready_hops()
    waking_hops()
    waking_across_threads()
    pipelines()


if __name__ == "__main__":
    main()
