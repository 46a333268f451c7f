"""What one listener hears: every speaker's original and translation, as one.

The mix is pulled: a transport that wants a frame has the stream ask for it (`ListenerMix` is an
`OutboundSource`). So there is no queue of mixed audio and no task that paces; what is interrupted
is silent with the next frame, and a listener who stalls delays nobody.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rawmedia.audio.format import DEFAULT_FRAME_MS
from rawmedia.errors import ConfigurationError, FormatMismatchError
from rawmedia.sessions.mixing.config import Mixing, MixMode, MixTiming
from rawmedia.sessions.mixing.originals import OriginalStats
from rawmedia.sessions.mixing.speaker import MixInput
from rawmedia.sessions.mixing.total import MixSum
from rawmedia.streams.buffer import checked_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.sessions.speech.facts import SpeechFact
    from rawmedia.sessions.speech.playout import SpeechPlayout

_MAX_LEAVING = 16


class ListenerMix:
    """The mix for one listener, of any number of speakers; a source for the leg's outbound stream.

    ::

        mix = ListenerMix(leg.outbound.format, leg.outbound.frame_ms)
        mix.add_speaker("ana", playout, Mixing(mode="duck"))
        leg.outbound.set_source(mix)
        ...
        mix.original("ana", frame)                # from the loop, as she speaks
        with mix.lock:
            playout.put("u1", samples, now)       # whatever touches a playout holds the lock

    Voices are added as they are and saturated once; one that is alone passes untouched. `render`
    may be called in any thread, everything else from one event loop.

    Args:
        format: What the listener gets; of every playout, too.
        frame_ms: What the listener takes at a time, 2.5 to 1000.
        on_facts: Called with a speaker's key and what `SpeechPlayout.take_facts` gave, whenever
            that is something: in the thread that pulls, within the pull and without the lock. So
            a `mark` that it sets on the stream tells when the frame of these facts is heard. It
            must not wait, and when it raises, the stream fails. None leaves the facts to whoever
            takes them.

    Raises:
        ConfigurationError: ``frame_ms`` is out of range.
    """

    def __init__(
        self,
        format: AudioFormat,
        frame_ms: float = DEFAULT_FRAME_MS,
        *,
        on_facts: Callable[[Hashable, Sequence[SpeechFact]], object] | None = None,
    ) -> None:
        self._format = format
        self._frame_samples = checked_frame(format, frame_ms)
        self._on_facts = on_facts
        self._inputs: dict[Hashable, MixInput] = {}
        self._leaving: list[MixInput] = []
        self.lock = threading.RLock()
        """Held for a moment by whoever renders, and by whoever touches a playout of this mix."""

    @property
    def format(self) -> AudioFormat:
        """What the listener gets."""
        return self._format

    def add_speaker(
        self, key: Hashable, playout: SpeechPlayout | None = None, mixing: Mixing | None = None
    ) -> None:
        """Let the listener hear somebody.

        Args:
            key: How to call him here.
            playout: The speech of his translation; None where there is none.
            mixing: How both are heard; `Mixing()` if None.

        Raises:
            ConfigurationError: There is a speaker of this key.
            FormatMismatchError: The playout is in another format than the mix.
        """
        if playout is not None and playout.format != self._format:
            raise FormatMismatchError(self._format, playout.format)
        with self.lock:
            if key in self._inputs:
                raise ConfigurationError("key", f"there is a speaker {key!r} in the mix")
            # Who comes back must not find himself fading out of what he has left to say.
            self._leaving = [
                old for old in self._leaving if playout is None or old.playout is not playout
            ]
            self._inputs[key] = MixInput(
                self._format, self._frame_samples, playout, mixing or Mixing()
            )

    def remove_speaker(self, key: Hashable) -> None:
        """Let the listener hear him no more, within 10 ms; harmless when he is not there."""
        with self.lock:
            speaker = self._inputs.pop(key, None)
            if speaker is not None:
                speaker.leave()
                # Where nobody pulls nobody fades out; then the oldest just goes.
                self._leaving = [*self._leaving[1 - _MAX_LEAVING :], speaker]

    def original(self, key: Hashable, frame: AudioFrame) -> None:
        """Bring what somebody says, as it comes; let go when nobody hears it, or he is not there.

        Args:
            key: Who says it.
            frame: Of any format; in the listener's own it costs nothing to convert, so where
                many listeners share a format, convert for all of them before.

        Raises:
            UnsupportedFormatError: No resampler goes from its rate to the listener's.
        """
        speaker = self._inputs.get(key)
        if speaker is not None:
            speaker.hear(frame, self.lock)

    def set_mixing(self, key: Hashable, mixing: Mixing) -> None:
        """Change how a speaker is heard, from the next frame on and without a click.

        Raises:
            ConfigurationError: There is no speaker of this key.
        """
        with self.lock:
            self._input(key).mixing = mixing

    def mixing(self, key: Hashable) -> Mixing:
        """How a speaker is heard.

        Raises:
            ConfigurationError: There is no speaker of this key.
        """
        with self.lock:
            return self._input(key).mixing

    def pass_through(self, key: Hashable, *, on: bool = True) -> None:
        """Let the original be heard in ``replace`` too, lowered only while speech is left to be spoken.

        For a listener of the speaker's own language, and for one whose engine is gone.

        Raises:
            ConfigurationError: There is no speaker of this key.
        """
        with self.lock:
            self._input(key).pass_through(on=on)

    def mute(self, key: Hashable, *, on: bool = True) -> None:
        """Let nothing be heard of a speaker nor of the translation; its speech goes by unheard.

        Raises:
            ConfigurationError: There is no speaker of this key.
        """
        with self.lock:
            self._input(key).mute(on=on)

    def original_stats(self, key: Hashable) -> OriginalStats:
        """What became of a speaker's original.

        Raises:
            ConfigurationError: There is no speaker of this key.
        """
        with self.lock:
            return self._input(key).original.stats

    # The source of an outbound stream.

    @property
    def pending(self) -> bool:
        """Whether speech waits to be heard; originals don't count, for they come by themselves."""
        with self.lock:
            return any(
                speaker.playout is not None and speaker.playout.queued_ms > 0
                for speaker in self._inputs.values()
            )

    def render(self, samples: int, now: float) -> Int16Samples | None:
        """What the listener hears next.

        Args:
            samples: How many samples per channel.
            now: When that is, in seconds on the clock that playouts are fed by.

        Returns:
            int16 of shape ``(samples, num_channels)``, not to be written to; None where nothing
            is to be heard.
        """
        parts = MixSum()
        told: list[tuple[Hashable, Sequence[SpeechFact]]] = []
        with self.lock:
            for key, speaker in self._inputs.items():
                speaker.render(samples, now, parts)
                playout = speaker.playout
                if playout is not None and self._on_facts is not None:
                    facts = playout.take_facts()
                    if facts:
                        told.append((key, facts))
            if self._leaving:
                self._see_off(samples, now, parts)
        for key, news in told:
            assert self._on_facts is not None
            self._on_facts(key, news)
        return parts.total()

    def _see_off(self, samples: int, now: float, parts: MixSum) -> None:
        for speaker in self._leaving:
            speaker.render(samples, now, parts)
        self._leaving = [speaker for speaker in self._leaving if not speaker.gone]

    def _input(self, key: Hashable) -> MixInput:
        try:
            return self._inputs[key]
        except KeyError:
            raise ConfigurationError("key", f"there is no speaker {key!r} in the mix") from None


__all__ = ["ListenerMix", "MixMode", "MixTiming", "Mixing", "OriginalStats"]
