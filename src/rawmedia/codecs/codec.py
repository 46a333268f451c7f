"""What an encoder and a decoder promise: who owns the state, how a hole is concealed, what reset does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples, PCMBytes


class Encoder(Protocol):
    """Turns the audio of one stream into payloads.

    The object owns its state, which goes with the order of calls: one stream, one encoder.
    It may be handed from thread to thread, and is used by one at a time; two encoders share
    nothing. Nothing here waits.
    """

    @property
    def format(self) -> AudioFormat:
        """What it takes."""
        ...

    def encode(self, samples: Int16Samples) -> bytes:
        """Turn samples into one payload.

        Args:
            samples: int16 of shape ``(samples_per_channel, num_channels)``, or
                ``(samples_per_channel,)`` for mono; for codecs with frames, a whole one. It
                is read before this returns and not kept.

        Returns:
            The payload; empty where the codec says that nothing need be sent.

        Raises:
            PayloadError: Another type, shape or length than the codec takes; the state is as before.
        """
        ...

    def reset(self) -> None:
        """Forget the audio so far, not the settings; the next frame begins a stream."""
        ...


class Decoder(Protocol):
    """Turns the payloads of one stream into audio, and fills its holes.

    State, threads and waiting are as for `Encoder`. Samples, not frames, come out: only who
    knows the packets' places (`rawmedia.streams.receiver`) can say where in media time they
    belong. Every array is new, the caller's to keep.
    """

    @property
    def format(self) -> AudioFormat:
        """What it gives."""
        ...

    def decode(self, payload: PCMBytes) -> Int16Samples:
        """Turn one payload into samples, shape ``(samples_per_channel, num_channels)``.

        Raises:
            PayloadError: The bytes are no such payload; none of them was taken, and the next
                payload is decoded as if this one had been lost.
        """
        ...

    def conceal(self, samples: int) -> Int16Samples:
        """Audio for a hole, made of what came before it.

        As the hole goes on it fades, to silence or to the background noise that was heard.

        Args:
            samples: Samples per channel to make, 0 or more.

        Returns:
            Exactly so many. A codec without concealment gives silence.
        """
        ...

    def recover(self, next_payload: PCMBytes, samples: int) -> Int16Samples:
        """Audio for the hole right before ``next_payload``, from what that says of it.

        Codecs with forward error correction send a small copy of each frame in the packet
        after it. Where there is none, this is `conceal`. ``next_payload`` is still to be decoded
        afterwards.

        Raises:
            PayloadError: ``next_payload`` is no payload; the state is as before.
        """
        ...

    def recoverable(self, next_payload: PCMBytes) -> int:
        """How many samples per channel right before ``next_payload`` `recover` can restore from it.

        0 where it says nothing of them, or is no payload; `recover` conceals the rest.
        """
        ...

    def reset(self) -> None:
        """Forget the audio so far; the next payload begins a stream."""
        ...


__all__ = ["Decoder", "Encoder"]
