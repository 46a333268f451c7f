"""The replay buffer: every sample is settled, held, unguarded or lost, and memory has an end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.translators.resilience.replay import ReplayBuffer

MS = SPEECH.samples(1)


def frame(position: int, samples: int = 20 * MS) -> AudioFrame:
    return AudioFrame(bytes(2 * samples), SPEECH, position)


def filled(count: int, capacity_ms: float = 1_000.0) -> ReplayBuffer:
    buffer = ReplayBuffer(capacity_ms)
    for number in range(count):
        buffer.push(frame(number * 20 * MS), speech=bool(number % 2))
    return buffer


def send(buffer: ReplayBuffer, count: int = 1_000_000) -> list[int]:
    """The positions of the next frames, each taken."""
    positions: list[int] = []
    while len(positions) < count and (kept := buffer.next()) is not None:
        positions.append(kept.frame.position)
        assert buffer.sent(buffer.cursor) is kept
    return positions


def balanced(buffer: ReplayBuffer) -> bool:
    return buffer.received_samples == (
        buffer.settled_samples
        + buffer.held_samples
        + buffer.unguarded_samples
        + buffer.lost_samples
    )


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(1, 3_000)),
        st.tuples(st.just("gap"), st.integers(1, 3_000)),
        st.tuples(st.just("send"), st.integers(1, 6)),
        st.tuples(st.just("settle"), st.integers(0, 4_000)),
        st.tuples(st.just("rewind"), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS)
def test_every_sample_is_somewhere_and_nothing_is_sent_out_of_order(
    steps: list[tuple[str, int]],
) -> None:
    """The law that "no audio lost" is asserted with, whatever engines do."""
    buffer = ReplayBuffer(500.0)
    end = settled = sent_end = 0
    last_sent = -1
    for step, amount in steps:
        if step == "push":
            buffer.push(frame(end, amount), speech=False)
            end += amount
        elif step == "gap":
            end += amount
        elif step == "send":
            for _ in range(amount):
                if (kept := buffer.next()) is not None:
                    assert kept.frame.position > last_sent
                    last_sent, sent_end = kept.frame.position, kept.frame.end
                    buffer.sent(buffer.cursor)
        elif step == "settle":
            settled = max(settled, min(sent_end, settled + amount))
            buffer.settle(settled)
        else:
            buffer.rewind()
            last_sent, sent_end = -1, 0
            assert buffer.unguarded_samples == 0
            assert buffer.unsent_samples == buffer.held_samples
        assert balanced(buffer)
        assert 0 <= buffer.unsent_samples <= buffer.held_samples
        assert buffer.held_ms <= 500.0 or len(buffer) == 1
    buffer.settle(end)
    buffer.lose()
    assert buffer.received_samples == buffer.settled_samples + buffer.lost_samples
    assert len(buffer) == 0


def test_frames_are_sent_in_order_and_again_after_a_rewind() -> None:
    buffer = filled(5)
    assert send(buffer, 3) == [0, 320, 640]
    buffer.settle(320)
    buffer.rewind()
    assert send(buffer) == [320, 640, 960, 1_280]
    assert buffer.lost_samples == 0


def test_a_frame_stays_the_next_until_it_is_taken_and_knows_who_spoke() -> None:
    buffer = filled(2)
    first = buffer.next()
    assert first is not None
    assert buffer.next() is first
    assert not first.speech
    buffer.sent(buffer.cursor)
    second = buffer.next()
    assert second is not None
    assert second.speech


def test_a_frame_that_is_not_wholly_settled_is_kept_whole() -> None:
    """Half a frame would begin in the middle of a word."""
    buffer = filled(3)
    buffer.settle(639)
    assert buffer.start == 320
    buffer.settle(640)
    assert buffer.start == 640


def test_what_no_engine_had_is_lost_when_it_is_pushed_out() -> None:
    """Half a minute of outage is kept, the rest is counted."""
    buffer = filled(60, capacity_ms=1_000)
    assert buffer.lost_samples == 10 * 320
    assert buffer.start == 10 * 320
    assert buffer.held_ms == 1_000


def test_what_an_engine_has_is_lost_only_with_the_engine() -> None:
    """A sentence longer than the buffer is no loss while its engine lives."""
    buffer = ReplayBuffer(100.0)
    for number in range(10):
        buffer.push(frame(number * 320), speech=True)
        send(buffer)
    assert (buffer.unguarded_samples, buffer.lost_samples) == (5 * 320, 0)
    buffer.settle(3 * 320)
    assert (buffer.settled_samples, buffer.unguarded_samples) == (3 * 320, 2 * 320)
    buffer.rewind()
    assert (buffer.unguarded_samples, buffer.lost_samples) == (0, 2 * 320)


def test_an_engine_that_never_settles_costs_constant_memory() -> None:
    """Hours of frames with gaps between them make stretches, and those are joined."""
    buffer = ReplayBuffer(100.0)
    for number in range(2_000):
        buffer.push(frame(number * 640), speech=True)
        send(buffer)
    assert len(buffer) == 5
    assert len(buffer._unguarded) <= 64
    assert balanced(buffer)
    buffer.settle(2_000 * 640)
    assert buffer.settled_samples == buffer.received_samples


def test_single_samples_cost_bounded_memory_too() -> None:
    buffer = ReplayBuffer(600_000.0)
    for number in range(30_010):
        buffer.push(frame(number, 1), speech=False)
    assert len(buffer) == 30_000
    assert buffer.lost_samples == 10


def test_a_frame_longer_than_the_buffer_is_kept_alone() -> None:
    buffer = filled(3, capacity_ms=100)
    buffer.push(frame(960, 200 * MS), speech=True)
    assert len(buffer) == 1
    assert buffer.lost_samples == 3 * 320


def test_a_frame_that_is_pushed_out_while_it_is_being_sent_counts_as_lost() -> None:
    buffer = filled(5, capacity_ms=100)
    offered = buffer.cursor
    buffer.push(frame(5 * 320), speech=True)
    assert buffer.sent(offered) is None
    assert buffer.lost_samples == 320
    assert send(buffer) == [320, 640, 960, 1_280, 1_600]


def test_a_second_engine_hears_from_a_place_on_what_the_first_has_too() -> None:
    """The cut of a hand-over lies within a frame; nothing is lost by it."""
    buffer = filled(5)
    send(buffer)
    buffer.rewind_to(2 * 320 + 100)
    assert buffer.unsent_samples == 3 * 320
    assert send(buffer) == [640, 960, 1_280]
    buffer.rewind_to(10 * 320)
    assert buffer.next() is None
    assert buffer.unsent_samples == 0


def test_an_empty_buffer_answers() -> None:
    buffer = ReplayBuffer(100.0)
    assert buffer.start is None
    assert buffer.held_ms == buffer.unsent_ms == 0.0
    assert buffer.next() is None
    buffer.rewind()
    buffer.rewind_to(10)
    buffer.settle(10)
    buffer.lose()
    assert balanced(buffer)
