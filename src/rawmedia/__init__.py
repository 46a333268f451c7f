"""The audio of a live call, both ways, with a socket-like interface, translated while people speak.

These are the names that most programs need; each is loaded when it is first used, so that
importing the package costs next to nothing. What is beside them lives in the subpackages:
``rawmedia.audio``, ``files``, ``captions``, and ``testing`` for the tests of programs that use
them, have it at their top; ``rawmedia.streams``, ``translators``, ``sessions`` and ``adapters`` in
their modules. Every exception is in ``rawmedia.errors``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.lazy import lazy_names

if TYPE_CHECKING:
    from rawmedia.adapters.file_leg import FileLeg
    from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, WIDEBAND_VOICE, AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.audio.timeline import TimeSpan
    from rawmedia.errors import RawMediaError
    from rawmedia.sessions.bridge import Bridge, DirectionSetup
    from rawmedia.sessions.direction import Direction
    from rawmedia.sessions.interpreter import Interpreter
    from rawmedia.sessions.mixing.config import Mixing
    from rawmedia.sessions.room import Room
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.inbound import InboundAudioStream
    from rawmedia.streams.leg import CallLeg
    from rawmedia.streams.outbound import OutboundAudioStream
    from rawmedia.streams.pair import audio_pair
    from rawmedia.translators.azure import AzureOptions, AzureSpeechConfig, AzureTranslator
    from rawmedia.translators.cascade import CascadeTranslator
    from rawmedia.translators.events import (
        FinalTranslation,
        PartialTranslation,
        Progress,
        TranslatedAudio,
        TranslationEvent,
        TranslatorWarning,
        Usage,
        UtteranceEnded,
    )
    from rawmedia.translators.function import translator
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.select import choose_translator
    from rawmedia.translators.translator import Translation, Translator, TranslatorCapabilities

__version__ = "0.1.0"

_HOMES = {
    "rawmedia.adapters.file_leg": ("FileLeg",),
    "rawmedia.audio.format": ("SPEECH", "TELEPHONY", "WEBRTC", "WIDEBAND_VOICE", "AudioFormat"),
    "rawmedia.audio.frame": ("AudioFrame",),
    "rawmedia.audio.timeline": ("TimeSpan",),
    "rawmedia.errors": ("RawMediaError",),
    "rawmedia.sessions.bridge": ("Bridge", "DirectionSetup"),
    "rawmedia.sessions.direction": ("Direction",),
    "rawmedia.sessions.interpreter": ("Interpreter",),
    "rawmedia.sessions.mixing.config": ("Mixing",),
    "rawmedia.sessions.room": ("Room",),
    "rawmedia.streams.clock": ("Clock",),
    "rawmedia.streams.inbound": ("InboundAudioStream",),
    "rawmedia.streams.leg": ("CallLeg",),
    "rawmedia.streams.outbound": ("OutboundAudioStream",),
    "rawmedia.streams.pair": ("audio_pair",),
    "rawmedia.translators.azure": ("AzureOptions", "AzureSpeechConfig", "AzureTranslator"),
    "rawmedia.translators.cascade": ("CascadeTranslator",),
    "rawmedia.translators.events": (
        "FinalTranslation",
        "PartialTranslation",
        "Progress",
        "TranslatedAudio",
        "TranslationEvent",
        "TranslatorWarning",
        "Usage",
        "UtteranceEnded",
    ),
    "rawmedia.translators.function": ("translator",),
    "rawmedia.translators.request": ("TranslationRequest",),
    "rawmedia.translators.select": ("choose_translator",),
    "rawmedia.translators.translator": ("Translation", "Translator", "TranslatorCapabilities"),
}


__getattr__, __dir__ = lazy_names(globals(), _HOMES)

__all__ = [
    "SPEECH",
    "TELEPHONY",
    "WEBRTC",
    "WIDEBAND_VOICE",
    "AudioFormat",
    "AudioFrame",
    "AzureOptions",
    "AzureSpeechConfig",
    "AzureTranslator",
    "Bridge",
    "CallLeg",
    "CascadeTranslator",
    "Clock",
    "Direction",
    "DirectionSetup",
    "FileLeg",
    "FinalTranslation",
    "InboundAudioStream",
    "Interpreter",
    "Mixing",
    "OutboundAudioStream",
    "PartialTranslation",
    "Progress",
    "RawMediaError",
    "Room",
    "TimeSpan",
    "TranslatedAudio",
    "Translation",
    "TranslationEvent",
    "TranslationRequest",
    "Translator",
    "TranslatorCapabilities",
    "TranslatorWarning",
    "Usage",
    "UtteranceEnded",
    "__version__",
    "audio_pair",
    "choose_translator",
    "translator",
]
