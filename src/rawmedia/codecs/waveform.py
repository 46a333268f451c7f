"""What the decoders share whose payloads are samples and nothing else: G.711 and linear PCM."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.pcm import byte_view
from rawmedia.codecs.concealment import Concealer
from rawmedia.errors import PayloadError

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples, PCMBytes


class WaveformDecoder(ABC):
    """A `Decoder` of payloads that each stand alone, so that its only state is for concealment.

    Args:
        format: What it gives.
        bytes_per_sample: What one sample of one channel takes in a payload.
    """

    __slots__ = (
        "_before",
        "_concealer",
        "_format",
        "_hole",
        "_instant_bytes",
        "_past",
        "_past_bytes",
        "_past_limit",
        "_past_size",
    )

    def __init__(self, format: AudioFormat, bytes_per_sample: int) -> None:
        self._format = format
        self._instant_bytes = bytes_per_sample * format.num_channels
        self._concealer = Concealer(format)
        self._past_bytes = self._concealer.history_samples * self._instant_bytes
        self._hole: bool  # whether one is open, or the audio after it has not faded in fully
        self._past_limit = 8 * self._past_bytes
        self._past: list[bytes]  # the payloads before now, since the last hole
        self._past_size: int
        self._before: Int16Samples  # what was heard before these
        self.reset()

    @property
    def format(self) -> AudioFormat:
        """What it gives."""
        return self._format

    def decode(self, payload: PCMBytes) -> Int16Samples:
        """Turn one payload into samples; right after a hole they fade in within 5 ms.

        Args:
            payload: Whole samples of every channel, interleaved; one at least, any number.

        Returns:
            A new int16 array of shape ``(samples_per_channel, num_channels)``.

        Raises:
            PayloadError: There is none, or half of one, or one that is no number; nothing was taken.
        """
        held = payload if type(payload) is bytes else bytes(byte_view(payload))
        size = len(held)
        if not size or size % self._instant_bytes:
            raise self._refusal(size)
        samples = self._expanded(held)
        # Kept as they came, which costs least: they are only joined and decoded again for a hole.
        self._past.append(held)
        self._past_size += size
        if self._past_size > self._past_limit:
            self._keep_past(b"".join(self._past)[-self._past_bytes :])
        return self._rejoined(samples) if self._hole else samples

    def conceal(self, samples: int) -> Int16Samples:
        """Audio for a hole: the last pitch period again and again, silent after 60 ms (`Concealer`).

        Args:
            samples: Samples per channel to make, 0 or more.

        Returns:
            Exactly so many.

        Raises:
            PayloadError: The number is negative.
        """
        if samples < 0:
            raise PayloadError("0 samples or more to conceal", str(samples))
        if samples == 0:
            return np.zeros((0, self._format.num_channels), np.int16)
        history = self._history()
        if not self._hole:
            self._hole = True
            self._concealer.begin(history)
        made = self._concealer.conceal(samples)
        # A hole soon after this one finds in the history what was heard.
        self._keep_past(b"")
        heard = np.concatenate([history, made[-self._concealer.history_samples :]])
        self._before = heard[-self._concealer.history_samples :].copy()
        return made

    def recover(self, next_payload: PCMBytes, samples: int) -> Int16Samples:
        """The same as `conceal`: the next payload says nothing of the hole before it.

        Raises:
            PayloadError: ``next_payload`` is no payload, or the number is negative; the state is
                as before.
        """
        payload = bytes(byte_view(next_payload))
        if not payload or len(payload) % self._instant_bytes:
            raise self._refusal(len(payload))
        self._expanded(payload)
        return self.conceal(samples)

    def recoverable(self, next_payload: PCMBytes) -> int:  # noqa: ARG002
        """0: a payload says nothing of what came before it."""
        return 0

    def reset(self) -> None:
        """Forget the audio so far; the next payload begins a stream."""
        self._hole = False
        self._keep_past(b"")
        self._before = np.zeros((0, self._format.num_channels), np.int16)

    def _refusal(self, size: int) -> PayloadError:
        return PayloadError(
            f"whole samples of {self._instant_bytes} bytes, one at least", f"{size} bytes"
        )

    def _rejoined(self, samples: Int16Samples) -> Int16Samples:
        joined = self._concealer.rejoin(samples)
        self._hole = not self._concealer.rejoined
        return joined

    def _keep_past(self, payload: bytes) -> None:
        self._past = [payload]
        self._past_size = len(payload)

    def _history(self) -> Int16Samples:
        """What was heard before now, as far as concealment makes use of it."""
        if not self._past_size:
            return self._before
        past = b"".join(self._past)[-self._past_bytes :]
        heard = np.concatenate([self._before, self._expanded(past)])
        return heard[-self._concealer.history_samples :]

    @abstractmethod
    def _expanded(self, payload: bytes) -> Int16Samples:
        """The samples of a payload of the right length, as a new array.

        Raises:
            PayloadError: It has a value that is no number.
        """


__all__ = ["WaveformDecoder"]
