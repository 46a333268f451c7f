"""Speech between the queue and the frames that are asked for, while it is played faster."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.stretch import TimeStretcher

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples


class SpeechPace:
    """A time stretcher that knows how much of its input was heard. For one thread at a time.

    All counts are samples per channel.

    Args:
        format: What the audio is.
    """

    __slots__ = ("_available", "_heard", "_output", "_pushed", "_source", "_stretcher", "active")

    def __init__(self, format: AudioFormat) -> None:
        self._stretcher = TimeStretcher(format)
        self._output: Int16Samples = np.empty((0, format.num_channels), np.int16)
        self._source = 0  # how much input the output stands for
        self._pushed = self._heard = 0
        # Of what is inside: up to which input sample, and since when its first was available.
        self._available: deque[tuple[int, float]] = deque()
        self.active = False
        """Whether audio has to go through here: the rate isn't 1, or something is left inside."""

    @property
    def rate(self) -> float:
        """How fast what comes next is played, 1.0 to 1.5."""
        return self._stretcher.rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._stretcher.rate = rate
        self.active = self.active or rate != 1

    @property
    def ready(self) -> int:
        """How much output there is."""
        return len(self._output)

    @property
    def pending(self) -> int:
        """How much input has not been heard."""
        return self._source + self._stretcher.held_samples

    @property
    def available_at(self) -> float:
        """When what is heard next became available, or a little before; asked only while some is pending."""
        while self._available[0][0] <= self._heard:
            self._available.popleft()
        return self._available[0][1]

    def push(self, samples: Int16Samples, available: float) -> None:
        """Take input, whose first sample became available then."""
        self._pushed += len(samples)
        self._available.append((self._pushed, available))
        held = self._stretcher.held_samples
        output = self._stretcher.push(samples)
        self._add(output, len(samples) + held - self._stretcher.held_samples)

    def flush(self) -> None:
        """No input follows this: all of it is output then."""
        held = self._stretcher.flush()
        self._add(held, len(held))

    def take(self, samples: int) -> tuple[Int16Samples, int]:
        """Take up to so many samples of output; with them, how much input they stand for."""
        taken, left = self._output[:samples], self._output[samples:]
        source = round(self._source * len(taken) / len(self._output)) if len(left) else self._source
        self._output = left
        self._source -= source
        self._heard += source
        if not len(left):
            self._settle()
        return taken, source

    def drop(self) -> tuple[Int16Samples, int]:
        """Forget all that is inside.

        Returns:
            What would have been heard next, and how much input was not heard.
        """
        pending = self.pending
        self._heard += pending
        self._available.clear()
        self.flush()
        dropped = self._output
        self._output, self._source = dropped[:0], 0
        self._settle()
        return dropped, pending

    def _add(self, output: Int16Samples, source: int) -> None:
        self._output = np.concatenate((self._output, output)) if len(self._output) else output
        self._source += source

    def _settle(self) -> None:
        if self._stretcher.rate == 1 and not self._stretcher.held_samples and not self._source:
            self._stretcher.reset()
            self._available.clear()
            self.active = False


__all__ = ["SpeechPace"]
