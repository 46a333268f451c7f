"""Values and arithmetic: formats, frames and what is computed from them. Nothing here waits."""

from __future__ import annotations

from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, WIDEBAND_VOICE, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.pcm import to_float32, to_int16
from rawmedia.audio.rechunk import Rechunker
from rawmedia.audio.resample import Resampler
from rawmedia.audio.timeline import TimeSpan

__all__ = [
    "SPEECH",
    "TELEPHONY",
    "WEBRTC",
    "WIDEBAND_VOICE",
    "AudioFormat",
    "AudioFrame",
    "FormatConverter",
    "Rechunker",
    "Resampler",
    "TimeSpan",
    "to_float32",
    "to_int16",
]
