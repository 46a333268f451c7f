"""Everything that can happen to an outbound stream, in any order, against a simple model."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from stream_kit import settle

from rawmedia.audio.format import AudioFormat
from rawmedia.errors import EndOfStreamError, StreamEndedError, StreamTimeoutError
from rawmedia.streams.outbound import OutboundAudioStream

if TYPE_CHECKING:
    from rawmedia.streams.playout import MarkReached

FRAME = 10  # samples of a frame at the lowest rate: 2.5 ms


@dataclass
class Sender:
    """A send that waits: what of it has no room yet, and how much had."""

    left: list[int]
    task: asyncio.Task[int]
    accepted: int = 0


@dataclass
class Model:
    """What the stream should hold; samples are numbers, padding is 0."""

    capacity: int
    frames: deque[list[int]] = field(default_factory=deque)
    pending: list[int] = field(default_factory=list)
    senders: deque[Sender] = field(default_factory=deque)
    marks: list[tuple[int, str]] = field(default_factory=list)  # place, name
    drains: list[tuple[int, asyncio.Task[bool]]] = field(default_factory=list)
    told: list[tuple[str, bool, int]] = field(default_factory=list)
    place: int = 0
    wire: int = 0
    content_end: int = 0
    sent: int = 0
    padded: int = 0
    cleared: int = 0
    stale: int = 0
    pulled: int = 0
    underrun: int = 0
    underruns: int = 0
    idle: int = 0
    open: bool = False
    dry: bool = False
    generation: int = 0

    @property
    def held(self) -> int:
        return len(self.frames) * FRAME + len(self.pending)

    @property
    def end(self) -> int:
        return self.place + self.held

    def accept(self, numbers: list[int]) -> None:
        self.open = True
        self.sent += len(numbers)
        self.pending += numbers
        while len(self.pending) >= FRAME:
            self.frames.append(self.pending[:FRAME])
            del self.pending[:FRAME]

    def let_in(self) -> None:
        """Whoever waits longest takes the room that there is, then the next."""
        while self.senders:
            first = self.senders[0]
            room = max(0, self.capacity - self.held)
            part, first.left = first.left[:room], first.left[room:]
            if part:
                self.accept(part)
                first.accepted += len(part)
            if first.left:
                return
            self.senders.popleft()

    def close_segment(self) -> None:
        if self.pending:
            missing = FRAME - len(self.pending)
            self.padded += missing
            self.frames.append(self.pending + [0] * missing)
            self.pending = []
        self.open = False

    def pull(self) -> list[int] | None:
        self.wire += FRAME
        if not self.frames:
            if self.open:
                self.underrun += FRAME
                self.underruns += not self.dry
            else:
                self.idle += FRAME
            self.dry = self.open
            return None
        frame = self.frames.popleft()
        self.place += FRAME
        self.pulled += FRAME
        self.content_end = self.wire
        self.dry = False
        self.reach()
        return frame

    def reach(self) -> None:
        reached = [mark for mark in self.marks if mark[0] <= self.place]
        self.marks = [mark for mark in self.marks if mark[0] > self.place]
        for place, name in reached:
            self.told.append((name, False, self.content_end - (self.place - place)))

    def clear(self) -> int:
        dropped = self.held
        self.place = self.place + len(self.frames) * FRAME
        self.cleared += dropped
        self.frames.clear()
        self.pending = []
        self.open = False
        self.generation += 1
        for sender in self.senders:
            self.stale += len(sender.left)
        self.told += [(name, True, self.wire) for _, name in self.marks]
        self.marks = []
        return dropped


class OutboundMachine(RuleBasedStateMachine):
    """The stream and the model side by side; after each step all tasks run until they wait."""

    @initialize(capacity=st.integers(1, 4))
    def begin(self, capacity: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.stream = OutboundAudioStream(
            AudioFormat(4_000), frame_ms=2.5, capacity_ms=2.5 * capacity
        )
        self.model = Model(capacity * FRAME)
        self.told: list[tuple[str, bool, int]] = []
        self.announced: list[tuple[str, int]] = []
        self.stream.on_mark(lambda name, position: self.announced.append((name, position)))
        self.next = 1
        self.finished: list[tuple[asyncio.Task[int], int]] = []
        self.drained: list[tuple[asyncio.Task[bool], bool]] = []
        self.names = 0

    def numbers(self, size: int) -> tuple[list[int], bytes]:
        numbers = [1 + (self.next + n) % 30_000 for n in range(size)]
        self.next += size
        return numbers, b"".join(number.to_bytes(2, "little") for number in numbers)

    def run(self) -> None:
        self.loop.run_until_complete(settle())

    def after(self) -> None:
        """Let the real tasks catch up with what the model did at once."""
        waiting = [(sender.task, sender) for sender in self.model.senders]
        self.model.let_in()
        done = [pair for pair in waiting if pair[1] not in self.model.senders]
        self.finished += [(task, sender.accepted) for task, sender in done]
        reached = [drain for drain in self.model.drains if drain[0] <= self.model.place]
        self.drained += [(task, True) for _, task in reached]
        self.model.drains = [drain for drain in self.model.drains if drain not in reached]
        self.run()

    @rule(size=st.integers(0, 35))
    def send(self, size: int) -> None:
        numbers, data = self.numbers(size)
        task = self.loop.create_task(self.stream.asend(data))
        if not size:
            self.finished.append((task, 0))
        else:
            self.model.senders.append(Sender(numbers, task))
        self.after()

    @rule(size=st.integers(1, 35))
    def try_to_send(self, size: int) -> None:
        numbers, data = self.numbers(size)
        room = 0 if self.model.senders else max(0, self.model.capacity - self.model.held)
        if size <= room:
            assert self.stream.send(data, timeout=0) == size
        else:
            with pytest.raises(StreamTimeoutError) as late:
                self.stream.send(data, timeout=0)
            assert late.value.accepted_samples == room
        if room:
            self.model.accept(numbers[:room])
        self.after()

    @rule(size=st.integers(0, 20))
    def send_stale(self, size: int) -> None:
        old = self.stream.generation - 1
        assert self.stream.send(bytes(2 * size), generation=old) == 0
        self.model.stale += size

    @rule()
    def pull(self) -> None:
        expected = self.model.pull()
        frame = self.stream.pull()
        assert frame.position == self.model.wire - FRAME
        if expected is None:
            assert frame.filler
            assert bytes(frame) == bytes(2 * FRAME)
        else:
            assert frame.samples[:, 0].tolist() == expected
            assert not frame.filler
        self.after()

    @rule()
    def end_segment(self) -> None:
        self.model.close_segment()
        self.stream.end_segment()
        self.after()

    @rule()
    def clear(self) -> None:
        drains, self.model.drains = self.model.drains, []
        self.drained += [(task, False) for _, task in drains]
        self.finished += [(sender.task, sender.accepted) for sender in self.model.senders]
        dropped = self.model.clear()
        self.model.senders.clear()
        assert self.stream.clear() == dropped / 4
        self.after()

    @rule()
    def mark(self) -> None:
        name = f"mark {self.names}"
        self.names += 1
        self.model.marks.append((self.model.end, name))
        self.model.reach()
        self.stream.mark(name, self.tell)

    def tell(self, reached: MarkReached) -> None:
        assert reached.estimated
        self.told.append((reached.name, reached.cleared, reached.position))

    @rule()
    def drain(self) -> None:
        self.model.close_segment()
        task = self.loop.create_task(self.stream.adrain())
        self.model.drains.append((self.model.end, task))
        self.after()

    @precondition(lambda self: self.model.senders)
    @rule(which=st.integers(0, 5))
    def cancel_a_send(self, which: int) -> None:
        sender = self.model.senders[which % len(self.model.senders)]
        self.model.senders.remove(sender)
        sender.task.cancel()
        self.after()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            sender.task.result()
        assert cancelled.value.accepted_samples == sender.accepted  # type: ignore[attr-defined]

    @precondition(lambda self: self.model.drains)
    @rule(which=st.integers(0, 5))
    def cancel_a_drain(self, which: int) -> None:
        drain = self.model.drains.pop(which % len(self.model.drains))
        drain[1].cancel()
        self.after()
        assert drain[1].cancelled()

    @invariant()
    def the_accounts_agree(self) -> None:
        if not hasattr(self, "stream"):
            return
        stats, model = self.stream.stats, self.model
        assert stats.sent_position == model.sent == self.stream.sent_position
        assert stats.pulled_position == stats.played_position == model.wire
        figures = (stats.buffered_ms, stats.padded_ms, stats.cleared_ms, stats.stale_ms)
        assert [ms * 4 for ms in figures] == [model.held, model.padded, model.cleared, model.stale]
        assert (stats.underrun_ms * 4, stats.idle_ms * 4) == (model.underrun, model.idle)
        assert (stats.underruns, stats.generation) == (model.underruns, model.generation)
        kept = model.pulled + stats.cleared_ms * 4 + stats.buffered_ms * 4
        assert stats.sent_position + stats.padded_ms * 4 == kept
        assert stats.buffered_ms * 4 < model.capacity + FRAME

    @invariant()
    def everybody_was_answered(self) -> None:
        if not hasattr(self, "stream"):
            return
        assert self.told == self.model.told
        assert self.announced == [
            (name, position) for name, cleared, position in self.told if not cleared
        ]
        for sent, accepted in self.finished:
            assert sent.result() == accepted
        for drained, played in self.drained:
            assert drained.result() is played
        waiting = [sender.task for sender in self.model.senders]
        assert not any(task.done() for task in [*waiting, *(task for _, task in self.model.drains)])

    def teardown(self) -> None:
        if not hasattr(self, "stream"):
            return
        self.stream.end()
        self.model.close_segment()
        self.run()
        for sender in self.model.senders:
            error = sender.task.exception()
            assert isinstance(error, StreamEndedError)
            assert error.accepted_samples == sender.accepted
        while self.model.frames:
            assert self.stream.pull().samples[:, 0].tolist() == self.model.pull()
        with pytest.raises(EndOfStreamError):
            self.stream.pull()
        self.run()
        assert all(task.result() is True for _, task in self.model.drains)
        assert self.told == self.model.told
        self.loop.close()


OutboundMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=40)
test_the_stream_does_what_the_model_does = OutboundMachine.TestCase
