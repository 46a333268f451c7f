"""Values and arithmetic: formats, frames and what is computed from them. Nothing here waits.

Each name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.lazy import lazy_names

if TYPE_CHECKING:
    from rawmedia.audio.activity import ActivityDetector, EnergyActivity
    from rawmedia.audio.clock_drift import ClockDrift
    from rawmedia.audio.convert import FormatConverter
    from rawmedia.audio.drift import DriftResampler
    from rawmedia.audio.ducking import Ducker
    from rawmedia.audio.echo.figures import EchoFigures
    from rawmedia.audio.echo.guard import EchoGuard
    from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, WIDEBAND_VOICE, AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.audio.gain import Gain, amplified
    from rawmedia.audio.level import LevelMeter, LevelReading, peak, peak_dbfs, rms, rms_dbfs
    from rawmedia.audio.mix import mix_frames, mix_minus
    from rawmedia.audio.pauses import Pause, PauseFinder, cut_out, trim_pauses
    from rawmedia.audio.pcm import mix_down, mix_up, to_float32, to_int16
    from rawmedia.audio.rechunk import Rechunker
    from rawmedia.audio.resample import Resampler
    from rawmedia.audio.speech_spans import SpeechSpans
    from rawmedia.audio.stretch import TimeStretcher
    from rawmedia.audio.timeline import TimeSpan
    from rawmedia.audio.webrtc_activity import WebRtcActivity

_HOMES = {
    "rawmedia.audio.activity": (
        "ActivityDetector",
        "EnergyActivity",
    ),
    "rawmedia.audio.clock_drift": ("ClockDrift",),
    "rawmedia.audio.convert": ("FormatConverter",),
    "rawmedia.audio.drift": ("DriftResampler",),
    "rawmedia.audio.ducking": ("Ducker",),
    "rawmedia.audio.echo.guard": ("EchoGuard",),
    "rawmedia.audio.echo.figures": ("EchoFigures",),
    "rawmedia.audio.format": (
        "SPEECH",
        "TELEPHONY",
        "WEBRTC",
        "WIDEBAND_VOICE",
        "AudioFormat",
    ),
    "rawmedia.audio.frame": ("AudioFrame",),
    "rawmedia.audio.gain": (
        "Gain",
        "amplified",
    ),
    "rawmedia.audio.level": (
        "LevelMeter",
        "LevelReading",
        "peak",
        "peak_dbfs",
        "rms",
        "rms_dbfs",
    ),
    "rawmedia.audio.mix": (
        "mix_frames",
        "mix_minus",
    ),
    "rawmedia.audio.pauses": (
        "Pause",
        "PauseFinder",
        "cut_out",
        "trim_pauses",
    ),
    "rawmedia.audio.pcm": (
        "mix_down",
        "mix_up",
        "to_float32",
        "to_int16",
    ),
    "rawmedia.audio.rechunk": ("Rechunker",),
    "rawmedia.audio.resample": ("Resampler",),
    "rawmedia.audio.speech_spans": ("SpeechSpans",),
    "rawmedia.audio.stretch": ("TimeStretcher",),
    "rawmedia.audio.timeline": ("TimeSpan",),
    "rawmedia.audio.webrtc_activity": ("WebRtcActivity",),
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)

__all__ = [
    "SPEECH",
    "TELEPHONY",
    "WEBRTC",
    "WIDEBAND_VOICE",
    "ActivityDetector",
    "AudioFormat",
    "AudioFrame",
    "ClockDrift",
    "DriftResampler",
    "Ducker",
    "EchoFigures",
    "EchoGuard",
    "EnergyActivity",
    "FormatConverter",
    "Gain",
    "LevelMeter",
    "LevelReading",
    "Pause",
    "PauseFinder",
    "Rechunker",
    "Resampler",
    "SpeechSpans",
    "TimeSpan",
    "TimeStretcher",
    "WebRtcActivity",
    "amplified",
    "cut_out",
    "mix_down",
    "mix_frames",
    "mix_minus",
    "mix_up",
    "peak",
    "peak_dbfs",
    "rms",
    "rms_dbfs",
    "to_float32",
    "to_int16",
    "trim_pauses",
]
