"""What a bridge and a room cost for each frame of 20 ms, in virtual time, so that nothing waits.

    python benchmarks/bench_bridge.py

Half a minute of a call in which both speak most of the time, mixed by ``duck``, with bounded lag, captions
and metrics; less the same call with the same engines and nobody in between, before and after it. Calls are short
and many, as a machine that others share changes its speed within seconds. Aims: at most 40 us for each
frame and direction, and an eighth of what a pipecat pipeline of as many processors takes that only passes
frames on; at most 100 us for each frame that one of twelve in a room hears.
"""

from __future__ import annotations

import os

# Before numpy loads: a second BLAS thread would be counted, and does not help products so small.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import asyncio
import io
import statistics
import time
from typing import TYPE_CHECKING

from bench_streams import HOPS, Pipecat

from rawmedia.audio.format import SPEECH
from rawmedia.captions.webvtt import WebVttWriter
from rawmedia.sessions.bridge import Bridge, DirectionSetup
from rawmedia.sessions.direction import Direction
from rawmedia.sessions.listener import Listener
from rawmedia.sessions.mixing.config import Mixing
from rawmedia.sessions.room import Room
from rawmedia.testing import FakeLeg, ScriptedTranslator, ScriptedUtterance, VirtualClock
from rawmedia.testing.signals import noise, speech_like
from rawmedia.translators.request import TranslationRequest
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import Callable

CALL_MS = 30_000
ROUNDS = 21
VOICE = speech_like(CALL_MS, seed=1)
ANSWER = noise(3_500, seed=2, format=SPEECH, peak_dbfs=-20)
# Of pipecat's: input, translator, mix, lag, metrics, captions, output.
PROCESSORS = 7


def script(first_ms: float) -> list[ScriptedUtterance]:
    """A sentence of three seconds every four, and an answer that lasts longer."""
    return [
        ScriptedUtterance(
            source_text="what was said",
            start_ms=start,
            end_ms=start + 3_000,
            translations={"fr": "ce qui fut dit", "en": "what was said"},
            audio=ANSWER,
            revisions=["what", "what was"],
            delay_ms=107,
        )
        for start in range(int(first_ms), CALL_MS - 4_000, 4_000)
    ]


class Call:
    """Two parties and their engines; what stands between them is up to `run`."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.legs = [
            FakeLeg(VOICE, format=SPEECH, name=name, language=language, clock=self.clock)
            for name, language in (("ana", "en"), ("bob", "fr"))
        ]
        self.engines = [
            ScriptedTranslator(
                script(first), clock=self.clock, speech_format=SPEECH, max_recorded_frames=1
            )
            for first in (100, 1_100)
        ]
        self.requests = [
            TranslationRequest(source_language=source, target_languages=(target,))
            for source, target in (("en", "fr"), ("fr", "en"))
        ]

    def run(self, between: Callable[[Call], object]) -> float:
        """CPU seconds of the whole call."""

        async def main() -> None:
            carrying = [asyncio.create_task(leg.run()) for leg in self.legs]
            await between(self)  # type: ignore[misc]
            for leg in self.legs:
                leg.outbound.end()
            await asyncio.wait(carrying)

        began = time.process_time()
        self.clock.run(main())
        return time.process_time() - began


async def nobody(call: Call) -> None:
    """The engines hear, and what they say is let go."""

    async def feed(number: int) -> None:
        translation = await call.engines[number].open(call.requests[number])

        async def follow() -> None:
            async for _ in translation:
                pass

        following = asyncio.create_task(follow())
        async for frame in call.legs[number].inbound:
            await translation.send(frame)
        await translation.end_input()
        await following
        await translation.aclose()

    await asyncio.gather(feed(0), feed(1))


def bridged(*, echo_guard: bool) -> Callable[[Call], object]:
    """Everything that a bridge does."""

    async def between(call: Call) -> None:
        setups = [
            DirectionSetup(
                translator=engine,
                request=request,
                mixing=Mixing(mode="duck"),
                captions={request.target_languages[0]: WebVttWriter(io.StringIO())},
                echo_guard=echo_guard,
            )
            for engine, request in zip(call.engines, call.requests, strict=True)
        ]
        ana, bob = call.legs
        bridge = Bridge(
            ana, bob, a_to_b=setups[0], b_to_a=setups[1], on_event=lambda _way, _event: None
        )
        report = await bridge.run()
        assert report.complete

    return between


def bridge_cost() -> None:
    """In turn with the rival, so that both see the same machine."""
    frames = 2 * CALL_MS // 20
    own: list[float] = []
    gross: list[float] = []
    guarded: list[float] = []
    rival: list[float] = []
    with asyncio.Runner() as runner:
        pipeline = Pipecat.start_in(runner, processors=PROCESSORS)
        before = Call().run(nobody)
        for _ in range(ROUNDS):
            whole = Call().run(bridged(echo_guard=False))
            after = Call().run(nobody)
            bare, before = (before + after) / 2, after
            watched = Call().run(bridged(echo_guard=True))
            own.append((whole - bare) / frames * 1e6)
            gross.append(whole / frames * 1e6)
            guarded.append((watched - bare) / frames * 1e6)
            if pipeline is not None:
                began = time.process_time()
                runner.run(pipeline.frames())
                rival.append((time.process_time() - began) / HOPS * 1e6)
        if pipeline is not None:
            runner.run(pipeline.stop())
    show("bridge, for a frame and direction, less legs and engines", own)
    show("the same with the echo guard", guarded)
    show("everything: fake legs, scripted engines, bridge", gross)
    if rival:
        show(f"pipecat, a pipeline of {PROCESSORS} that pass it on", rival)
        show("bridge by pipecat", [mine / other for mine, other in zip(own, rival, strict=True)])
    else:
        print("pipecat: not installed")


def show(name: str, figures: list[float]) -> None:
    """Median, least and most."""
    middle = statistics.median(figures)
    print(f"{name:60} {middle:8.2f}   {min(figures):.2f} - {max(figures):.2f}")


def room_cost(*, multi_target: bool) -> None:
    """Twelve of four languages who all speak at once, ducked."""
    capabilities = TranslatorCapabilities(
        name="scripted", input_formats=(SPEECH,), multi_target=multi_target
    )
    rounds: list[float] = []
    opened = 0
    for _ in range(ROUNDS):
        clock = VirtualClock()
        rendering = 0.0
        frames = 0
        spoken = dict.fromkeys(("en", "fr", "es", "de"), ANSWER)
        said = [
            ScriptedUtterance(
                source_text="x",
                start_ms=start,
                end_ms=start + 3_000,
                translations=dict.fromkeys(spoken, "y"),
                audio=spoken,
                delay_ms=107,
            )
            for start in range(100, 12_000, 4_000)
        ]
        engine = ScriptedTranslator(
            said,
            clock=clock,
            capabilities=capabilities,
            speech_format=SPEECH,
            accepts_update=True,
            max_recorded_frames=1,
        )
        legs = [
            FakeLeg(
                speech_like(12_000, seed=number),
                format=SPEECH,
                name=f"p{number}",
                language=("en", "fr", "es", "de")[number % 4],
                clock=clock,
            )
            for number in range(12)
        ]

        render = Listener.render

        def timed(self: Listener, samples: int, now: float) -> object:
            nonlocal rendering, frames
            began = time.thread_time()
            try:
                return render(self, samples, now)  # noqa: B023 - called in this round alone
            finally:
                rendering += time.thread_time() - began
                frames += 1

        async def main() -> None:
            carrying = [asyncio.create_task(leg.run()) for leg in legs]  # noqa: B023
            async with Room(engine, mixing=Mixing(mode="duck")) as room:  # noqa: B023
                for leg in legs:  # noqa: B023
                    room.join(leg)
                await room.emptied()
            for leg in legs:  # noqa: B023
                leg.outbound.end()
            await asyncio.wait(carrying)

        Listener.render = timed  # type: ignore[method-assign, assignment]
        try:
            clock.run(main())
        finally:
            Listener.render = render  # type: ignore[method-assign]
        rounds.append(rendering / frames * 1e6)
        opened = len(engine.translations)
    kind = "several targets" if multi_target else "one target"
    show(f"room of 12, engines of {kind}: mixing, a leg and frame", rounds)
    print(f"{'':60} {opened:8} engines opened")


def interrupting() -> None:
    """From the call to the first frame without the voice, and what the call itself takes."""
    walls: list[float] = []
    silent: list[float] = []
    for offset_ms in range(0, 20, 3):

        async def between(call: Call, offset_ms: int = offset_ms) -> None:
            setups = [
                DirectionSetup(translator=engine, request=request)
                for engine, request in zip(call.engines, call.requests, strict=True)
            ]
            ana, bob = call.legs
            bridge = Bridge(ana, bob, a_to_b=setups[0], b_to_a=setups[1])
            running = asyncio.create_task(bridge.run())
            await call.clock.sleep_until((4_000 + offset_ms) / 1000)
            began = time.perf_counter()
            direction: Direction = bridge.a_to_b
            await direction.interrupt()
            walls.append((time.perf_counter() - began) * 1000)
            await call.clock.sleep_until(4.2)
            heard = call.legs[1].record().samples[:, 0]
            # What sounds after that lies in the fade, at most 2 ms of the next frame.
            last = max(abs(heard[: SPEECH.samples(4_200)]).nonzero()[0]) + 1
            silent.append(SPEECH.duration_ms(int(last)) - (4_000 + offset_ms))
            running.cancel()
            await asyncio.wait([running])

        Call().run(between)
    show("interrupt: ms of call time to silence at the leg", silent)
    show("interrupt: ms of wall time that the call takes", walls)


def main() -> None:
    """Run them all."""
    print(f"{'us':60} {'median':>8}   least - most")
    bridge_cost()
    for multi_target in (True, False):
        room_cost(multi_target=multi_target)
    interrupting()


if __name__ == "__main__":
    main()
