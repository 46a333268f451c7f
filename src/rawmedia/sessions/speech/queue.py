"""One utterance's speech that waits to be heard, and since when each sample of it waits.

An engine often hands over the whole speech of an utterance at once. Its last word can't be heard
before those ahead of it, so it does not wait for as long as these take: a sample *becomes
available* when it is put, or, where it comes ahead of its place, at its place in the utterance,
counted from when the first of it was put. So an utterance isn't late because it is long, but it
is while others are in its way, and after the engine stalled in the middle of it.

Only so far, though, as `MAX_LEAD_MS`. An utterance without an end whose speech comes faster than
it can be said would otherwise never be late.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples

MAX_LEAD_MS: Final = 30_000.0
"""What comes further ahead of its place waits: longer than the utterances that engines make."""


class Utterance:
    """The unheard audio of one utterance, and what became of the rest. For one thread at a time.

    Positions are samples per channel since the utterance began, as they were put.

    Args:
        utterance_id: Whose it is.
        format: What the audio is.
        now: When its first audio comes, in seconds.
    """

    __slots__ = (
        "_lead",
        "_pieces",
        "_put",
        "_rate_hz",
        "_shape",
        "begun",
        "cut",
        "ended",
        "first_put",
        "heard",
        "max_rate",
        "position",
        "queued",
        "trimmed",
        "utterance_id",
    )

    def __init__(self, utterance_id: str, format: AudioFormat, now: float) -> None:
        self.utterance_id = utterance_id
        self.first_put = now
        self.ended = False
        """Whether no more comes."""
        self.begun = False
        """Whether any of it was heard."""
        self.cut = False
        """Whether some of it is never heard, or would not be if it came."""
        self.position = 0
        """Of the sample that is read next."""
        self.queued = 0
        """Samples that are unread."""
        self.heard = 0
        self.trimmed = 0
        self.max_rate = 1.0
        self._pieces: deque[tuple[Int16Samples, float]] = deque()
        self._put = now  # when what was read last had been put
        self._rate_hz = format.sample_rate
        self._shape = (0, format.num_channels)
        self._lead = MAX_LEAD_MS / 1000

    def add(self, samples: Int16Samples, now: float) -> None:
        """Put audio behind what waits; it is kept, not copied."""
        self._pieces.append((samples, now))
        self.queued += len(samples)

    def available_at(self) -> float:
        """When the next sample became available, in seconds; asked only where there is one."""
        put = self._pieces[0][1]
        place = self.first_put + self.position / self._rate_hz
        # As `_available`, of which every frame asks.
        return put if place <= put else min(place, put + self._lead)

    def last_available_at(self) -> float:
        """When the last sample that waits became available; asked only where there is one."""
        return self._available(self.position + self.queued, self._pieces[-1][1])

    def read(self, samples: int) -> Int16Samples:
        """Take up to so many samples off the front; a view where they lie in one piece."""
        pieces = self._pieces
        if pieces and len(pieces[0][0]) > samples:
            piece, self._put = pieces[0]
            pieces[0] = (piece[samples:], self._put)
            self.position += samples
            self.queued -= samples
            return piece[:samples]
        return self._read_pieces(min(samples, self.queued))

    def unread(self, samples: Int16Samples) -> None:
        """Put what was just read back to the front, or what is to be heard in its stead."""
        self._pieces.appendleft((samples, self._put))
        self.position -= len(samples)
        self.queued += len(samples)

    def drop(self, samples: int) -> int:
        """Pass over up to so many samples; returns how many."""
        left = samples = min(samples, self.queued)
        pieces = self._pieces
        while left:
            piece, put = pieces[0]
            if len(piece) > left:
                pieces[0] = (piece[left:], put)
                break
            left -= len(piece)
            pieces.popleft()
        self.position += samples
        self.queued -= samples
        return samples

    def peek(self, start: int, samples: int) -> Int16Samples:
        """Up to so many samples from position ``start`` on, which is not yet read."""
        at, found = self.position, []
        for piece, _ in self._pieces:
            if samples <= 0:
                break
            if at + len(piece) > start:
                part = piece[max(0, start - at) :][:samples]
                found.append(part)
                samples -= len(part)
            at += len(piece)
        if len(found) == 1:
            return found[0]
        return np.concatenate(found) if found else np.empty(self._shape, np.int16)

    def first_available_from(self, when: float) -> int | None:
        """The position of the first unread sample that became available at ``when`` or later."""
        at = self.position
        for piece, put in self._pieces:
            if put >= when:
                return at
            if put + self._lead >= when:
                place = max(at, math.ceil((when - self.first_put) * self._rate_hz))
                if place < at + len(piece):
                    return place
            at += len(piece)
        return None

    def _available(self, position: int, put: float) -> float:
        place = self.first_put + position / self._rate_hz
        return put if place <= put else min(place, put + self._lead)

    def _read_pieces(self, samples: int) -> Int16Samples:
        self.position += samples
        self.queued -= samples
        pieces, found = self._pieces, []
        while samples:
            piece, self._put = pieces[0]
            if len(piece) > samples:
                pieces[0] = (piece[samples:], self._put)
                piece = piece[:samples]
            else:
                pieces.popleft()
            samples -= len(piece)
            found.append(piece)
        if len(found) == 1:
            return found[0]
        return np.concatenate(found) if found else np.empty(self._shape, np.int16)


__all__ = ["MAX_LEAD_MS", "Utterance"]
