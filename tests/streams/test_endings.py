"""End, drain, clear, close and fail are five things; whoever waits is told which it was."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from stream_kit import FRAME, GUARD_S, NoticingClock, Worker, pcm, run, settle

from rawmedia.errors import (
    EndOfStreamError,
    PayloadError,
    StreamClosedError,
    StreamEndedError,
    StreamError,
    StreamFailedError,
    StreamUseError,
)
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.streams.pair import audio_pair
from rawmedia.testing.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.streams.playout import MarkReached

ENDINGS = ["end", "fail", "close"]
CAUSE = OSError("the line is cut")


def do(stream: InboundAudioStream | OutboundAudioStream, verb: str) -> None:
    if verb == "fail":
        stream.fail(CAUSE)
    else:
        getattr(stream, verb)()


def outcome(call: Callable[[], Any]) -> str:
    """What a call comes to, in a word."""
    try:
        result = call()
    except StreamFailedError as error:
        return "failed" if error.cause is CAUSE else f"failed with {error.cause!r}"
    except StreamError as error:
        return {
            EndOfStreamError: "end of stream",
            StreamEndedError: "ended",
            StreamClosedError: "closed",
        }[type(error)]
    return str(result)


def expected_of(verbs: tuple[str, ...], *, inbound: bool) -> str:
    """What counts of several endings.

    A close outweighs all. A call that has ended inbound can't fail any more; what is
    still playing outbound can.
    """
    if "close" in verbs:
        return "closed"
    if inbound:
        return {"end": "end of stream", "fail": "failed"}[verbs[0]]
    return "failed" if "fail" in verbs else "end of stream"


COMBINATIONS = [
    *itertools.product(ENDINGS, repeat=1),
    *itertools.product(ENDINGS, repeat=2),
    *itertools.product(ENDINGS, repeat=3),
]


@pytest.mark.parametrize("verbs", COMBINATIONS, ids=" ".join)
def test_inbound_says_what_happened(verbs: tuple[str, ...]) -> None:
    """A reader gets what is left, unless the stream was closed; then always the same answer."""
    stream = InboundAudioStream()
    stream.push(pcm(FRAME + 1))
    for verb in verbs:
        do(stream, verb)
    told = expected_of(verbs, inbound=True)
    left = [] if told == "closed" else ["320", "1"]
    read = lambda: stream.recv(timeout=0).samples_per_channel  # noqa: E731
    assert [outcome(read) for _ in range(4)] == [*left, *[told] * (4 - len(left))]
    writers = "ended" if told == "end of stream" else told
    assert outcome(lambda: stream.push(pcm(1))) == writers


@pytest.mark.parametrize("verbs", COMBINATIONS, ids=" ".join)
def test_outbound_says_what_happened(verbs: tuple[str, ...]) -> None:
    """After an end the rest plays out; a failure or a close drops it."""
    stream = OutboundAudioStream()
    stream.send(pcm(FRAME + 1))
    for verb in verbs:
        do(stream, verb)
    told = expected_of(verbs, inbound=False)
    left = ["320", "320"] if told == "end of stream" else []
    pull = lambda: stream.pull().samples_per_channel  # noqa: E731
    assert [outcome(pull) for _ in range(4)] == [*left, *[told] * (4 - len(left))]
    writers = "ended" if told == "end of stream" else told
    assert outcome(lambda: stream.send(pcm(1))) == writers
    drained = "True" if told == "end of stream" else told
    assert outcome(lambda: stream.drain(timeout=0)) == drained


def test_nothing_else_ends_a_stream() -> None:
    outbound, inbound = OutboundAudioStream(), InboundAudioStream()
    for _ in range(2):
        outbound.send(pcm(FRAME))
        outbound.pull()
        assert outbound.drain(timeout=0) is True
        outbound.end_segment()
        outbound.clear()
        inbound.push(pcm(FRAME))
        inbound.clear()
    assert outcome(lambda: outbound.send(pcm(1))) == "1"
    inbound.push(pcm(FRAME))
    assert inbound.recv(timeout=0).position == 2 * FRAME


@pytest.mark.parametrize("verbs", [(a, b) for a in ENDINGS for b in ENDINGS], ids=" ".join)
@pytest.mark.parametrize("end", ["outbound", "inbound"])
def test_a_pair_ends_as_one(end: str, verbs: tuple[str, str]) -> None:
    """Whichever end says it, both ends and the taps know."""
    outbound, inbound = audio_pair()
    tap = inbound.tap()
    outbound.send(pcm(FRAME + 1))
    for verb in verbs:
        do(outbound if end == "outbound" else inbound, verb)
    failed_first = verbs[0] == "fail"
    told = expected_of(verbs, inbound=end == "inbound")
    read = lambda: inbound.recv(timeout=0).samples_per_channel  # noqa: E731
    left = [] if told == "closed" or (told == "failed" and end == "outbound") else ["320", "320"]
    assert [outcome(read) for _ in range(3)] == [*left, *[told] * (3 - len(left))]
    heard = lambda: tap.recv(timeout=0).samples_per_channel  # noqa: E731
    if told == "closed":
        rest = []
    elif told == "failed" and end == "outbound" and failed_first:
        rest = ["320"]
    else:
        rest = ["320", "320"]
    assert [outcome(heard) for _ in range(3)] == [*rest, *[told] * (3 - len(rest))]
    assert outcome(lambda: outbound.send(pcm(1))) == ("ended" if told == "end of stream" else told)


# Whoever waits.


@pytest.mark.parametrize("verb", ENDINGS)
@pytest.mark.parametrize("again", [False, True])
def test_every_ending_wakes_every_inbound_reader(verb: str, again: bool) -> None:
    clock = NoticingClock()
    stream = InboundAudioStream(clock=clock)
    tap = stream.tap()

    async def main() -> list[str]:
        threads = [Worker(stream.recv), Worker(tap.recv)]
        await asyncio.to_thread(clock.next_wait, 2)
        tasks = [asyncio.create_task(reader.arecv()) for reader in (stream, tap, stream)]
        await settle()
        do(stream, verb)
        if again:
            do(stream, verb)
        told = [outcome(lambda worker=worker: worker.result()) for worker in threads]  # type: ignore[misc]
        await asyncio.wait(tasks)
        return told + [outcome(task.result) for task in tasks]

    assert run(main()) == [expected_of((verb,), inbound=True)] * 5


@pytest.mark.parametrize("verb", ENDINGS)
@pytest.mark.parametrize("stream_kind", ["outbound", "pair"])
def test_every_ending_wakes_every_sender_and_drainer(verb: str, stream_kind: str) -> None:
    """Each sender learns how much of its audio was accepted."""
    clock = NoticingClock()
    if stream_kind == "pair":
        stream, _ = audio_pair(capacity_ms=20, clock=clock)
    else:
        stream = OutboundAudioStream(capacity_ms=20, clock=clock)

    async def main() -> tuple[list[str], list[int], list[str]]:
        tasks = [asyncio.create_task(stream.asend(pcm(2 * FRAME)))]
        await settle()
        threads = [Worker(lambda: stream.send(pcm(2 * FRAME)))]
        await asyncio.to_thread(clock.next_wait)
        tasks.append(asyncio.create_task(stream.asend(pcm(2 * FRAME))))
        drains = [asyncio.create_task(stream.adrain()) for _ in range(2)]
        drainer = Worker(lambda: stream.drain(GUARD_S))
        await asyncio.to_thread(clock.next_wait)
        await settle()
        do(stream, verb)
        do(stream, verb)
        await asyncio.wait(tasks)
        errors = [task.exception() for task in tasks]
        errors.append(await asyncio.to_thread(threads[0].error))
        accepted = [error.accepted_samples for error in errors if isinstance(error, StreamError)]
        told = [outcome(task.result) for task in tasks]
        if verb == "end":
            assert not any(drain.done() for drain in drains)
            for drain in drains:
                drain.cancel()
            stream.close()
            assert isinstance(await asyncio.to_thread(drainer.error), StreamClosedError)
            return told, accepted, []
        await asyncio.wait(drains)
        drained = [outcome(drain.result) for drain in drains]
        drained.append(outcome(drainer.result))
        return told, accepted, drained

    told, accepted, drained = run(main())
    name = {"end": "ended", "fail": "failed", "close": "closed"}[verb]
    assert told == [name] * 2
    assert accepted == [FRAME, 0, 0]
    assert drained == ([] if verb == "end" else [name] * 3)


@pytest.mark.parametrize("verb", ENDINGS)
@pytest.mark.parametrize("end", ["outbound", "inbound"])
def test_every_ending_of_a_pair_wakes_the_readers(verb: str, end: str) -> None:
    clock = NoticingClock()
    outbound, inbound = audio_pair(clock=clock)
    tap = inbound.tap()

    async def main() -> list[str]:
        threads = [Worker(inbound.recv), Worker(tap.recv)]
        await asyncio.to_thread(clock.next_wait, 2)
        tasks = [asyncio.create_task(reader.arecv()) for reader in (inbound, tap)]
        await settle()
        do(outbound if end == "outbound" else inbound, verb)
        await asyncio.wait(tasks)
        told = [outcome(lambda worker=worker: worker.result()) for worker in threads]  # type: ignore[misc]
        return told + [outcome(task.result) for task in tasks]

    assert run(main()) == [expected_of((verb,), inbound=True)] * 4


@pytest.mark.parametrize("kind", [InboundAudioStream, OutboundAudioStream])
def test_a_signal_handler_may_close_the_stream_that_it_interrupts(
    kind: type[InboundAudioStream | OutboundAudioStream],
) -> None:
    """It runs between two steps of a thread that may be inside of the stream."""
    stream = kind()

    def interrupted() -> str:
        with stream._lock:
            stream.close()
            return "closed"

    assert Worker(interrupted).result() == "closed"


@pytest.mark.parametrize("verb", ["fail", "close"])
def test_what_is_dropped_at_the_end_is_counted(verb: str) -> None:
    outbound = OutboundAudioStream()
    outbound.send(pcm(FRAME + 16))
    do(outbound, verb)
    assert (outbound.stats.cleared_ms, outbound.stats.buffered_ms) == (21, 0)
    inbound = InboundAudioStream()
    tap = inbound.tap()
    inbound.push(pcm(FRAME + 16))
    do(inbound, verb)
    inbound.close()
    assert (inbound.stats.discarded_ms, inbound.stats.buffered_ms) == (21, 0)
    assert tap.reader_stats.discarded_ms == (20 if verb == "close" else 21)


def test_a_mark_behind_a_delay_is_told_after_the_end_while_the_transport_pulls() -> None:
    """What was pulled last is heard only after the stream has ended."""
    clock = VirtualClock()
    told: list[MarkReached] = []

    async def main() -> None:
        stream = OutboundAudioStream(playout_delay_ms=50, clock=clock)
        stream.send(bytes(640))
        stream.mark("last", told.append)
        stream.end()
        stream.pull()
        await asyncio.sleep(0.06)
        with pytest.raises(EndOfStreamError):
            stream.pull()

    clock.run(main())
    assert [reached.name for reached in told] == ["last"]


@pytest.mark.parametrize("stream", [InboundAudioStream(), OutboundAudioStream()])
def test_a_stream_fails_only_with_an_exception(
    stream: InboundAudioStream | OutboundAudioStream,
) -> None:
    """Whoever reads or sends is told the cause; there must be one."""
    with pytest.raises(StreamUseError, match="not with None"):
        stream.fail(None)  # type: ignore[arg-type]
    assert stream.stats.buffered_ms == 0


def test_a_position_is_a_whole_number() -> None:
    """A fraction would spread to every position after it."""
    stream = InboundAudioStream()
    with pytest.raises(PayloadError, match="in whole samples"):
        stream.push(bytes(640), 1.5)  # type: ignore[arg-type]
    assert stream.stats.position == 0


def test_the_sending_end_of_a_pair_has_no_transport() -> None:
    """A report of playout would end the pair's own; the other end is the transport."""
    outbound, inbound = audio_pair()
    with pytest.raises(StreamUseError, match="counts as played"):
        outbound.report_played(0)
    with pytest.raises(StreamUseError, match="receive from the other end"):
        outbound.paced()
    outbound.send(bytes(640))
    inbound.recv(0)
    assert outbound.drain(timeout=1)
