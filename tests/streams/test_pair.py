"""Two connected ends, like a socket pair: what goes into one comes out of the other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_kit import FRAME, NoticingClock, Worker, audio_of, cut, pcm, run, samples, settle

from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import (
    ConfigurationError,
    EndOfStreamError,
    RawMediaError,
    StreamFailedError,
    StreamTimeoutError,
    StreamUseError,
)
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.streams.pair import audio_pair
from rawmedia.testing.clock import VirtualClock

if TYPE_CHECKING:
    from rawmedia.streams.playout import MarkReached

STEREO = AudioFormat(48_000, 2)


def test_a_pair_is_two_streams() -> None:
    outbound, inbound = audio_pair(TELEPHONY, frame_ms=10, source="anna")
    assert isinstance(outbound, OutboundAudioStream)
    assert isinstance(inbound, InboundAudioStream)
    assert outbound.format == inbound.format == TELEPHONY
    assert outbound.frame_ms == inbound.frame_ms == 10
    outbound.send(pcm(80))
    assert inbound.recv(timeout=0) == AudioFrame(pcm(80), TELEPHONY, source="anna")


@given(
    st.lists(st.integers(0, 1_000), max_size=8),
    st.sampled_from([SPEECH, TELEPHONY, STEREO]),
    st.integers(1, 5),
)
def test_everything_arrives_however_it_is_cut_and_however_small_the_room(
    cuts: list[int], source: AudioFormat, capacity: int
) -> None:
    clock = VirtualClock()
    data = pcm(sum(cuts) + 50, source)

    async def transfer(pieces: list[bytes], capacity_ms: float) -> list[AudioFrame]:
        outbound, inbound = audio_pair(capacity_ms=capacity_ms, clock=clock)

        async def send() -> None:
            for piece in pieces:
                await outbound.asend(AudioFrame(piece, source))
            outbound.end()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(send())
            return [frame async for frame in inbound]

    whole = clock.run(transfer([data], 60_000))
    assert clock.run(transfer(cut(data, cuts, source), 20 * capacity)) == whole
    assert [frame.position for frame in whole] == [n * FRAME for n in range(len(whole))]
    if source == SPEECH:
        assert audio_of(whole).startswith(data)


def test_it_is_unpaced_and_a_send_waits_for_the_reader() -> None:
    clock = NoticingClock()
    outbound, inbound = audio_pair(capacity_ms=40, clock=clock)
    sender = Worker(lambda: outbound.send(pcm(4 * FRAME)))
    clock.next_wait()
    assert outbound.stats.buffered_ms == 40
    assert audio_of(inbound.recv() for _ in range(4)) == pcm(4 * FRAME)
    assert sender.result() == 4 * FRAME


def test_each_end_refuses_the_verbs_of_a_transport() -> None:
    outbound, inbound = audio_pair()
    with pytest.raises(StreamUseError, match="send into the other end"):
        inbound.push(pcm(1))
    with pytest.raises(StreamUseError, match="receive from the other end"):
        outbound.pull()


def test_marks_are_reached_when_the_audio_is_received() -> None:
    outbound, inbound = audio_pair()
    told: list[tuple[str, bool, int]] = []
    announced: list[tuple[str, int]] = []

    def tell(reached: MarkReached) -> None:
        told.append((reached.name, reached.cleared, reached.position))

    outbound.on_mark(lambda name, position: announced.append((name, position)))
    outbound.send(pcm(FRAME + 5))
    outbound.mark("tail", tell)
    outbound.end_segment()
    outbound.mark("end", tell)
    inbound.recv()
    assert told == []
    run(inbound.arecv())
    assert told == [("tail", False, FRAME + 5), ("end", False, 2 * FRAME)]
    assert announced == [("tail", FRAME + 5), ("end", 2 * FRAME)]
    assert outbound.stats.played_position == 2 * FRAME


def test_a_drain_waits_for_the_reader() -> None:
    outbound, inbound = audio_pair()

    async def main() -> bool:
        await outbound.asend(pcm(FRAME + 1))
        drain = asyncio.create_task(outbound.adrain())
        for _ in range(2):
            await settle()
            assert not drain.done()
            await inbound.arecv()
        return await drain

    assert run(main()) is True


def test_clearing_the_sending_end_drops_what_is_unread() -> None:
    outbound, inbound = audio_pair(capacity_ms=40, fill_gaps=True)
    told: list[bool] = []

    async def main() -> tuple[int, bool]:
        sender = asyncio.create_task(outbound.asend(pcm(5 * FRAME)))
        await settle()
        outbound.mark("end", lambda reached: told.append(reached.cleared))
        drain = asyncio.create_task(outbound.adrain())
        await settle()
        assert outbound.clear() == 40
        return await sender, await drain

    assert run(main()) == (2 * FRAME, False)
    assert told == [True]
    assert outbound.generation == 1
    outbound.send(pcm(FRAME))
    frames = [inbound.recv(timeout=0) for _ in range(3)]
    assert [(frame.position, frame.filler) for frame in frames] == [
        (0, True),
        (FRAME, True),
        (2 * FRAME, False),
    ]
    assert inbound.stats.discarded_ms == outbound.stats.cleared_ms == 40


def test_clearing_the_receiving_end_makes_room_and_tells_the_sender() -> None:
    """The reader dropped it; it was not played, and nobody waits for ever for it to be."""
    outbound, inbound = audio_pair(capacity_ms=40)
    told: list[tuple[str, bool]] = []

    def tell(reached: MarkReached) -> None:
        told.append((reached.name, reached.cleared))

    async def main() -> tuple[bool, int]:
        await outbound.asend(pcm(2 * FRAME))
        outbound.mark("dropped", tell)
        drain = asyncio.create_task(outbound.adrain())
        sender = asyncio.create_task(outbound.asend(pcm(FRAME)))
        await settle()
        assert inbound.clear() == 40
        outbound.mark("new", tell)
        outcome = await drain, await sender
        assert (await inbound.arecv()).position == 2 * FRAME
        return outcome

    assert run(main()) == (False, FRAME)
    assert told == [("dropped", True), ("new", False)]
    assert outbound.generation == 0
    assert outbound.drain(timeout=0) is True


@pytest.mark.parametrize("end", ["outbound", "inbound"])
def test_closing_either_end_clears_marks_once(end: str) -> None:
    outbound, inbound = audio_pair()
    told: list[bool] = []
    outbound.send(pcm(FRAME + 1))
    outbound.mark("end", lambda reached: told.append(reached.cleared))
    stream = outbound if end == "outbound" else inbound
    stream.close()
    stream.close()
    assert told == [True]
    assert samples(outbound.stats.cleared_ms) == samples(inbound.stats.discarded_ms) == FRAME + 1


def test_a_failing_source_is_heard_to_its_end() -> None:
    """`inbound.fail` is the verb of whoever brings the audio: what it brought counts."""
    outbound, inbound = audio_pair()
    told: list[bool] = []
    outbound.send(pcm(FRAME + 5))
    outbound.mark("end", lambda reached: told.append(reached.cleared))
    inbound.fail(OSError("broken file"))
    assert audio_of(inbound.recv() for _ in range(2)).startswith(pcm(FRAME + 5))
    assert told == [False]
    with pytest.raises(StreamFailedError, match="broken file"):
        inbound.recv()


def test_taps_of_a_pair_hear_what_is_sent() -> None:
    outbound, inbound = audio_pair()
    outbound.send(pcm(FRAME))
    tap = inbound.tap(fill_gaps=True)
    outbound.send(pcm(FRAME, seed=2))
    outbound.send(pcm(3, seed=3))
    outbound.end()
    frames = list(tap)
    assert [frame.position for frame in frames] == [FRAME, 2 * FRAME]
    assert audio_of(frames).startswith(pcm(FRAME, seed=2) + pcm(3, seed=3))
    assert len(list(inbound)) == 3


def test_the_accounts_of_both_ends_agree() -> None:
    outbound, inbound = audio_pair()
    outbound.send(pcm(3 * FRAME + 7))
    inbound.recv()
    sent, received = outbound.stats, inbound.stats
    assert sent.buffered_ms == received.buffered_ms
    assert received.position == sent.sent_position == 3 * FRAME + 7
    assert sent.pulled_position == FRAME
    assert received.frames == 1


# A callback at the receiving end.


def test_a_callback_gets_frames_in_the_thread_that_sends() -> None:
    outbound, inbound = audio_pair(capacity_ms=40)
    frames: list[AudioFrame] = []
    overs: list[type] = []
    inbound.on_frame(frames.append, on_over=lambda error: overs.append(type(error)))
    assert outbound.send(pcm(FRAME)) == FRAME
    assert len(frames) == 1
    assert outbound.send(pcm(10 * FRAME + 1)) == 10 * FRAME + 1  # more than there is room for
    assert len(frames) == 11
    assert run(outbound.asend(pcm(5 * FRAME))) == 5 * FRAME
    outbound.end_segment()
    assert len(frames) == 17
    with pytest.raises(StreamTimeoutError):
        outbound.send(pcm(10 * FRAME), timeout=0)
    assert len(frames) == 19
    outbound.send(pcm(1))
    outbound.end()
    assert len(frames) == 20
    assert overs == [EndOfStreamError]


def test_a_callback_reaches_marks_and_ends_drains() -> None:
    outbound, inbound = audio_pair()
    told: list[bool] = []
    inbound.on_frame(lambda frame: None)
    outbound.send(pcm(1))
    outbound.mark("end", lambda reached: told.append(reached.cleared))
    assert outbound.drain(timeout=0) is True
    assert told == [False]


def test_a_callback_that_raises_fails_both_ends() -> None:
    outbound, inbound = audio_pair()
    overs: list[RawMediaError] = []
    told: list[bool] = []

    def broken(frame: AudioFrame) -> None:
        raise LookupError("no such key")

    outbound.send(pcm(2 * FRAME))
    outbound.mark("end", lambda reached: told.append(reached.cleared))
    inbound.on_frame(broken, on_over=overs.append)
    outbound.send(pcm(1))
    assert [type(error) for error in overs] == [StreamFailedError]
    assert told == [True]
    with pytest.raises(StreamFailedError, match="no such key"):
        outbound.send(pcm(1))


@pytest.mark.parametrize("end", ["outbound", "inbound"])
@pytest.mark.parametrize("verb", ["close", "fail", "end"])
def test_a_callback_is_told_of_every_ending(end: str, verb: str) -> None:
    outbound, inbound = audio_pair()
    overs: list[RawMediaError] = []
    inbound.on_frame(lambda frame: None, on_over=overs.append)
    stream = outbound if end == "outbound" else inbound
    stream.fail(OSError()) if verb == "fail" else getattr(stream, verb)()
    assert len(overs) == 1


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        audio_pair(capacity_ms=1)


def test_two_pairs_share_nothing() -> None:
    (out_a, in_a), (out_b, in_b) = audio_pair(), audio_pair()
    out_a.send(pcm(FRAME))
    out_b.close()
    assert in_b.stats.buffered_ms == 0
    assert in_a.recv(timeout=0).position == 0


def test_marks_and_positions_follow_whoever_reads_by_async_for() -> None:
    """What was received counts as played, through whichever door it was received."""
    out, back = audio_pair()
    reached: list[object] = []
    out.send(bytes(3_200))
    out.mark("m", reached.append)
    out.end()

    async def read() -> int:
        return len([frame async for frame in back])

    assert asyncio.run(read()) == 5
    assert len(reached) == 1
    assert out.stats.pulled_position == 1_600


def test_positions_follow_whoever_takes_all_that_is_ready() -> None:
    """As for a single frame; else the sender would think that nobody reads."""
    out, back = audio_pair()
    out.send(bytes(3_200))
    assert len(back.recv_ready()) == 5
    assert out.stats.pulled_position == 1_600
