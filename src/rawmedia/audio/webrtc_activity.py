"""WebRTC's voice detector, from an optional package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rawmedia.audio.decisions import DecisionBlocks
from rawmedia.audio.pcm import mix_down, saturate, to_bytes
from rawmedia.errors import (
    ConfigurationError,
    MissingDependencyError,
    UnsupportedFormatError,
)

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples

_WEBRTC_RATES: Final = (8_000, 16_000, 32_000, 48_000)


class WebRtcActivity:
    """The voice detector of WebRTC, a small statistical model (the package ``webrtcvad``).

    Several channels are averaged. At 48 kHz it costs ten times as much as at 16, and tells
    no more: resample first where there is much to do.

    Args:
        format: What the audio is: 8000, 16000, 32000 or 48000 Hz.
        aggressiveness: How readily it calls sound no speech, 0 to 3.

    Raises:
        UnsupportedFormatError: Another sample rate.
        ConfigurationError: ``aggressiveness`` is out of range.
        MissingDependencyError: The package is not installed.
    """

    __slots__ = ("_cut", "_rate", "_vad")

    def __init__(self, format: AudioFormat, *, aggressiveness: int = 2) -> None:
        if format.sample_rate not in _WEBRTC_RATES:
            raise UnsupportedFormatError(
                f"one of {', '.join(map(str, _WEBRTC_RATES))} Hz", f"{format.sample_rate} Hz"
            )
        if aggressiveness not in range(4):
            raise ConfigurationError("aggressiveness", f"0, 1, 2 or 3, not {aggressiveness}")
        try:
            import webrtcvad
        except ImportError as error:
            raise MissingDependencyError(
                "webrtcvad", "WebRTC's voice detector", "pip install 'rawmedia[vad]'"
            ) from error
        self._vad = webrtcvad.Vad(aggressiveness)
        self._rate = format.sample_rate
        self._cut = DecisionBlocks(format)

    def push(self, samples: Int16Samples) -> list[bool]:
        """Take audio, decide on each whole 10 ms; see `rawmedia.audio.activity.ActivityDetector.push`.

        Raises:
            PayloadError: Another type or shape; nothing was taken.
        """
        is_speech, rate = self._vad.is_speech, self._rate
        return [
            is_speech(
                to_bytes(block if block.shape[1] == 1 else saturate(mix_down(block, 1))), rate
            )
            for block in self._cut.push(samples)
        ]


__all__ = ["WebRtcActivity"]
