"""One speaker in one listener's mix: the original, the translation, and which of them is heard how."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from rawmedia.audio.activity import EnergyActivity
from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.ducking import Ducker
from rawmedia.audio.gain import scaled_int16
from rawmedia.audio.pcm import from_bytes
from rawmedia.sessions.mixing.originals import OriginalBuffer
from rawmedia.sessions.mixing.route import FADE_MS, Route

if TYPE_CHECKING:
    import threading

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.audio.pcm import FloatSamples, Int16Samples
    from rawmedia.sessions.mixing.config import Mixing
    from rawmedia.sessions.mixing.route import Way
    from rawmedia.sessions.mixing.total import MixSum
    from rawmedia.sessions.speech.playout import SpeechPlayout

    Contribution = Int16Samples | FloatSamples

_INT16: Final = np.dtype(np.int16)
_HANGOVER_MS: Final = 200.0
"""How long the detector goes on to tell of speech after the last of it."""
_DRY_MS: Final = 1_000.0
"""An utterance that says nothing for so long, and has no end, does not keep an original down."""


class MixInput:
    """What a speaker gives to a listener's mix.

    `hear` is for the loop that brings the original; the rest is called under the mix's lock.

    Args:
        format: The listener's.
        frame_samples: How many samples per channel the listener takes at a time.
        playout: The translated speech, in the listener's format; None where there is none.
        mixing: How both are heard.
    """

    def __init__(
        self,
        format: AudioFormat,
        frame_samples: int,
        playout: SpeechPlayout | None,
        mixing: Mixing,
    ) -> None:
        self._format = format
        self.playout = playout
        self._mixing = mixing
        self._passing = self._muted = self.leaving = False
        self.original = OriginalBuffer(format, frame_samples)
        self._converter: FormatConverter | None = None
        self._detector: EnergyActivity | None = None
        self._detector_format = format
        self._original_route = Route(format, self._original_way())
        self._speech_route = Route(format, self._speech_way(), mixing.translation_gain_db)
        self._ducker = _ducker(format, mixing)
        self._former_ducker: Ducker | None = None
        self._fade = format.samples(FADE_MS)
        self._faded = self._fade  # how far the ducker has taken over from the former one
        self._silence = np.zeros((frame_samples, format.num_channels), np.int16)
        self._wait: int | None = None  # until the original is down, while speech is held for that
        self._dry = 0  # how long the utterance that was begun has said nothing
        self._patience = format.samples(_DRY_MS)
        self._quiet: float = math.inf  # how long the speaker has been silent
        self._turn = True  # whether it is the translation's turn, in consecutive timing

    # What is set from outside.

    @property
    def mixing(self) -> Mixing:
        """How both are heard."""
        return self._mixing

    @mixing.setter
    def mixing(self, mixing: Mixing) -> None:
        before, self._mixing = self._mixing, mixing
        if _envelope(before) != _envelope(mixing):
            self._former_ducker, self._faded = self._ducker, 0
            self._ducker = _ducker(self._format, mixing)
            former = self._former_ducker
            self._begin_ducking(down=former is not None and former.gain_db < 0)
        if before.pause_ms != mixing.pause_ms:
            self._detector = None
        if before.timing != mixing.timing:
            self._quiet, self._turn = math.inf, True
        self._wait = None
        if self.playout is not None:
            self.playout.held = False
        self._turn_routes()

    def pass_through(self, *, on: bool) -> None:
        """Whether the original is heard at its own level, but for what is still spoken over it."""
        self._passing = on
        self._turn_routes()

    def mute(self, *, on: bool) -> None:
        """Whether nothing is heard of the speaker, nor of the translation."""
        self._muted = on
        self._turn_routes()

    def leave(self) -> None:
        """Fade out, never to be heard again."""
        self._muted = self.leaving = True
        self._turn_routes()

    @property
    def gone(self) -> bool:
        """Whether it left and has faded out."""
        return self.leaving and self._original_route.silent and self._speech_route.silent

    def _turn_routes(self) -> None:
        mixing, was_silent = self._mixing, self._original_route.silent
        self._original_route.turn(self._original_way())
        self._speech_route.turn(self._speech_way(), mixing.translation_gain_db)
        if was_silent and not self._original_route.silent:
            # Nobody has moved it on meanwhile.
            self._begin_ducking(down=False)

    def _original_way(self) -> Way:
        mode = self._mixing.mode
        if self._muted or (mode == "replace" and not self._passing):
            return "off"
        return "left" if mode == "side_by_side" and self._format.num_channels > 1 else "through"

    def _speech_way(self) -> Way:
        mode = self._mixing.mode
        if self._muted or mode == "captions_only":
            return "off"
        return "right" if mode == "side_by_side" and self._format.num_channels > 1 else "through"

    def _begin_ducking(self, *, down: bool) -> None:
        """Set the ducker to where it would be now."""
        if self._ducker is None:
            return
        self._ducker.reset()
        if down or (self.playout is not None and self.playout.speaking):
            self._ducker.gains(max(1, self._attack), speaking=True)

    @property
    def _attack(self) -> int:
        return self._format.samples(self._mixing.attack_ms)

    # The original, from the loop.

    def hear(self, frame: AudioFrame, lock: threading.RLock) -> None:
        """Take what was said; the mix's lock is only held while that is put where it is rendered from."""
        route = self._original_route
        samples = None if route.silent else self._converted(frame)
        # Whether there is a pause matters only to who waits for one.
        speaks = self._mixing.timing == "consecutive" and self._speaks(frame)
        if samples is None and not speaks:
            return
        with lock:
            if samples is not None and not route.silent:
                self.original.put(samples)
            if speaks:
                self._quiet = 0

    def _converted(self, frame: AudioFrame) -> Int16Samples:
        """The frame in the listener's format."""
        # Nearly always the same object, which costs less to see than that two are equal.
        if frame._format is self._format or frame._format == self._format:
            self._converter = None
            return frame.samples
        if self._converter is None or self._converter.source != frame.format:
            self._converter = FormatConverter(frame.format, self._format, prompt=True)
        return from_bytes(self._converter.push(frame), self._format.num_channels)

    def _speaks(self, frame: AudioFrame) -> bool:
        """Whether the speaker speaks in the frame."""
        if self._detector is None or self._detector_format != frame.format:
            self._detector = EnergyActivity(frame.format, hangover_ms=self._hangover_ms)
            self._detector_format = frame.format
        return any(self._detector.push(frame.samples))

    @property
    def _hangover_ms(self) -> float:
        return min(_HANGOVER_MS, self._mixing.pause_ms / 2)

    # The mix, from whoever pulls.

    def render(self, samples: int, now: float, parts: MixSum) -> None:
        """Add what the listener hears of the speaker in the next frame."""
        speech: Int16Samples | None = None
        speaking = False
        playout = self.playout
        if playout is not None:
            if self._mixing.timing == "consecutive":
                self._take_turns(playout, samples)
            elif self._ducker is not None:
                self._look_ahead(playout, samples)
            speech = playout.render(samples, now)
            if speech is not None:
                speaking, self._dry = True, 0
            else:
                self._dry += samples
                speaking = self._wait is not None or self._is_speaking(playout)
        if speech is None:
            self._speech_route.settle()
        elif (part := self._speech_route.push(speech)) is not None:
            parts.add(part)
        if not self._original_route.silent:
            self._render_original(samples, parts, speaking=speaking)

    def _is_speaking(self, playout: SpeechPlayout) -> bool:
        return playout.speaking and self._dry <= self._patience

    def _take_turns(self, playout: SpeechPlayout, samples: int) -> None:
        """Let new speech begin in the speaker's pause, and all that waits once it has begun."""
        self._quiet += samples
        if not self._turn or not (playout.ready or self._is_speaking(playout)):
            pause_ms = self._mixing.pause_ms - self._hangover_ms
            self._turn = self._quiet >= self._format.samples(pause_ms)
        playout.held = not self._turn

    def _look_ahead(self, playout: SpeechPlayout, samples: int) -> None:
        """Hold speech that could begin until the original is down."""
        if playout.speaking or not playout.ready or self._original_route.silent:
            self._wait = None
        elif self._wait is None:
            self._wait = self._time_to_lower()
        playout.held = bool(self._wait)
        if self._wait:
            self._wait = max(0, self._wait - samples)

    def _time_to_lower(self) -> int:
        """How long the original takes to be down; no time where there is none to hear."""
        depth_db = self._mixing.depth_db
        if not self.original.flowing or not depth_db or self._ducker is None:
            return 0
        return round(self._attack * (1 + self._ducker.gain_db / depth_db))

    def _render_original(self, samples: int, parts: MixSum, *, speaking: bool) -> None:
        original = self.original.take(samples)
        if original is None:
            self._original_route.settle()
            self._add_lowered(self._nothing(samples), None, speaking=speaking)
            return
        part = self._original_route.push(original)
        if part is not None:
            self._add_lowered(part, parts, speaking=speaking)
        if self._original_route.silent:
            self.original.clear()

    def _add_lowered(self, part: Contribution, parts: MixSum | None, *, speaking: bool) -> None:
        """Add the original, beneath the translation as deep as the ducker says; None only lets time pass."""
        lowered: Contribution = part
        if self._faded < self._fade:
            lowered = self._between_duckers(part, speaking=speaking)
        elif self._ducker is not None:
            factors = self._ducker.factors(part, speaking=speaking)
            if factors is None:
                pass
            elif part.dtype != _INT16:
                lowered = cast("FloatSamples", part) * factors
            elif not isinstance(factors, np.ndarray):
                if parts is not None:
                    parts.add_lowered(cast("Int16Samples", part), factors)
                return
            else:
                lowered = scaled_int16(cast("Int16Samples", part), factors, loudest=1)
        if parts is not None:
            parts.add(lowered)

    def _between_duckers(self, part: Contribution, *, speaking: bool) -> FloatSamples:
        """Lowered by two of them, of which one takes over from the other."""
        size = len(part)
        shares = np.arange(self._faded + 1, self._faded + size + 1, dtype=np.float32) / self._fade
        np.minimum(shares, 1, out=shares)
        before, after = (
            np.ones(size, np.float32) if ducker is None else ducker.gains(size, speaking=speaking)
            for ducker in (self._former_ducker, self._ducker)
        )
        self._faded = min(self._faded + size, self._fade)
        lowered: FloatSamples = part * (before + shares * (after - before)).reshape(-1, 1)
        return lowered

    def _nothing(self, samples: int) -> Int16Samples:
        if len(self._silence) != samples:
            self._silence = np.zeros((samples, self._format.num_channels), np.int16)
        return self._silence


def _envelope(mixing: Mixing) -> tuple[float, float, float, float] | None:
    """The settings of the ducker; None where the original keeps its level beside a translation.

    In ``replace``, too: the original may be passed through while speech is left to be spoken.
    """
    if mixing.mode in ("side_by_side", "captions_only"):
        return None
    return mixing.depth_db, mixing.attack_ms, mixing.release_ms, mixing.hold_ms


def _ducker(format: AudioFormat, mixing: Mixing) -> Ducker | None:
    envelope = _envelope(mixing)
    if envelope is None:
        return None
    depth_db, attack_ms, release_ms, hold_ms = envelope
    return Ducker(
        format.sample_rate,
        depth_db=depth_db,
        attack_ms=attack_ms,
        release_ms=release_ms,
        hold_ms=hold_ms,
    )


__all__ = ["MixInput"]
