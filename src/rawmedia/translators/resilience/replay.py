"""Audio that no engine has settled yet, kept to be sent again; bounded, and every sample accounted for."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rawmedia.audio.frame import AudioFrame

# So that a caller who sends single samples does not fill memory with their wrappings.
_MAX_FRAMES = 30_000
# Stretches that were pushed out while the engine that had them still ran; beyond that many
# the oldest are taken together.
_MAX_STRETCHES = 64


class Kept(NamedTuple):
    """A frame, and whether somebody speaks in it."""

    frame: AudioFrame
    speech: bool


class ReplayBuffer:
    """Frames in order from the oldest that an engine may have to hear again.

    What is pushed out for want of room is lost at once if no engine had it. What the
    running engine has is *unguarded* from then on: settled if that engine settles it, lost
    if the engine is. So at any moment ``received == settled + held + unguarded + lost``, all
    in samples per channel.

    Args:
        capacity_ms: How much is kept. A single frame longer than that is kept alone.
    """

    def __init__(self, capacity_ms: float) -> None:
        self._capacity_ms = capacity_ms
        self._frames: deque[Kept] = deque()
        self._first = 0  # the sequence number of the oldest frame
        self._cursor = 0
        self._unguarded: deque[tuple[int, int]] = deque()  # (end, samples)
        self.received_samples = 0
        """Everything that came."""
        self.settled_samples = 0
        """What an engine answered for."""
        self.held_samples = 0
        """What is kept."""
        self.unsent_samples = 0
        """What of it the running engine has not taken."""
        self.unguarded_samples = 0
        """What the running engine has, is not settled and could not be sent again."""
        self.lost_samples = 0
        """What reached no engine that answered for it."""

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def cursor(self) -> int:
        """The sequence number of the next frame to send; frames count up from 0."""
        return self._cursor

    @property
    def start(self) -> int | None:
        """The position of the oldest frame kept, or None when none is."""
        return self._frames[0].frame.position if self._frames else None

    @property
    def held_ms(self) -> float:
        """How much is kept."""
        return self._ms(self.held_samples)

    @property
    def unsent_ms(self) -> float:
        """How much of it the running engine has not taken."""
        return self._ms(self.unsent_samples)

    def push(self, frame: AudioFrame, *, speech: bool) -> None:
        """Keep a frame; the oldest are pushed out beyond the capacity."""
        self._frames.append(Kept(frame, speech))
        samples = frame.samples_per_channel
        self.received_samples += samples
        self.held_samples += samples
        self.unsent_samples += samples
        while len(self._frames) > 1 and (
            self.held_ms > self._capacity_ms or len(self._frames) > _MAX_FRAMES
        ):
            self._push_out()

    def next(self) -> Kept | None:
        """The next frame to send, which stays the next until ``sent``; None when all are."""
        index = self._cursor - self._first
        return self._frames[index] if index < len(self._frames) else None

    def sent(self, sequence: int) -> Kept | None:
        """The running engine took that frame; None when it was pushed out meanwhile, and counted as lost."""
        if sequence != self._cursor:
            return None
        kept = self._frames[sequence - self._first]
        self.unsent_samples -= kept.frame.samples_per_channel
        self._cursor += 1
        return kept

    def settle(self, position: int) -> None:
        """Nothing before a position, in samples, is needed again."""
        while self._unguarded and self._unguarded[0][0] <= position:
            samples = self._unguarded.popleft()[1]
            self.unguarded_samples -= samples
            self.settled_samples += samples
        while self._frames and self._frames[0].frame.end <= position:
            self.settled_samples += self._pop()

    def rewind(self) -> None:
        """The running engine is gone: all that is kept is to be sent to the next."""
        self.lost_samples += self.unguarded_samples
        self.unguarded_samples = 0
        self._unguarded.clear()
        self._cursor, self.unsent_samples = self._first, self.held_samples

    def rewind_to(self, position: int) -> None:
        """Another engine is to hear all from a position on, in samples; what lies before it the first still has."""
        self._cursor, self.unsent_samples = self._first, self.held_samples
        for kept in self._frames:
            if kept.frame.end > position:
                break
            self._cursor += 1
            self.unsent_samples -= kept.frame.samples_per_channel

    def lose(self) -> None:
        """Nobody will ask for any of it."""
        self.rewind()
        while self._frames:
            self.lost_samples += self._pop()

    def _push_out(self) -> None:
        end, sent = self._frames[0].frame.end, self._cursor > self._first
        samples = self._pop()
        if not sent:
            self.lost_samples += samples
            return
        self.unguarded_samples += samples
        self._unguarded.append((end, samples))
        if len(self._unguarded) > _MAX_STRETCHES:
            (_, one), (end, two) = self._unguarded.popleft(), self._unguarded.popleft()
            self._unguarded.appendleft((end, one + two))

    def _pop(self) -> int:
        """Take the oldest frame out of the buffer and its counts; returns its samples."""
        samples = self._frames.popleft().frame.samples_per_channel
        self.held_samples -= samples
        if self._cursor == self._first:
            self._cursor += 1
            self.unsent_samples -= samples
        self._first += 1
        return samples

    def _ms(self, samples: int) -> float:
        return self._frames[-1].frame.format.duration_ms(samples) if self._frames else 0.0


__all__ = ["Kept", "ReplayBuffer"]
