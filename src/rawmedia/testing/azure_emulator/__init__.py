"""A local Azure Speech service for tests: scripts, faults, and what the clients did.

Each name is loaded when it is first used. It needs numpy and, to listen, websockets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rawmedia.testing.azure_emulator.emulator import AzureSpeechEmulator
    from rawmedia.testing.azure_emulator.fault_plan import Injection
    from rawmedia.testing.azure_emulator.faults import (
        Abort,
        BadJSON,
        BrokenFrame,
        Close,
        FailedSynthesis,
        Fault,
        HalfOpen,
        MissingTurnEnd,
        MissingTurnStart,
        RecognitionFailure,
        RefusedHandshake,
        Rotation,
        Service,
        Silence,
        SlowHandshake,
        SlowSynthesis,
        Throttle,
        TranslationFailure,
        Unacknowledged,
        WrongRequestId,
    )
    from rawmedia.testing.azure_emulator.recording import ReceivedAudio
    from rawmedia.testing.azure_emulator.records import EmulatedConnection, EmulatedSession
    from rawmedia.testing.azure_emulator.script import (
        EmulatedUtterance,
        Revision,
        ScriptedWord,
        pseudo_translation,
        repeated,
    )
    from rawmedia.testing.azure_emulator.voices import VOICES
    from rawmedia.testing.azure_emulator.voicing import speech_for_text

_HOMES = {
    "emulator": ("AzureSpeechEmulator",),
    "fault_plan": ("Injection",),
    "faults": (
        "Abort",
        "BadJSON",
        "BrokenFrame",
        "Close",
        "FailedSynthesis",
        "Fault",
        "HalfOpen",
        "MissingTurnEnd",
        "MissingTurnStart",
        "RecognitionFailure",
        "RefusedHandshake",
        "Rotation",
        "Service",
        "Silence",
        "SlowHandshake",
        "SlowSynthesis",
        "Throttle",
        "TranslationFailure",
        "Unacknowledged",
        "WrongRequestId",
    ),
    "recording": ("ReceivedAudio",),
    "records": ("EmulatedConnection", "EmulatedSession"),
    "script": ("EmulatedUtterance", "Revision", "ScriptedWord", "pseudo_translation", "repeated"),
    "voices": ("VOICES",),
    "voicing": ("speech_for_text",),
}


def __getattr__(name: str) -> object:
    """Load a public name from its home at its first use (PEP 562)."""
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            value: object = getattr(import_module(f"{__name__}.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "VOICES",
    "Abort",
    "AzureSpeechEmulator",
    "BadJSON",
    "BrokenFrame",
    "Close",
    "EmulatedConnection",
    "EmulatedSession",
    "EmulatedUtterance",
    "FailedSynthesis",
    "Fault",
    "HalfOpen",
    "Injection",
    "MissingTurnEnd",
    "MissingTurnStart",
    "ReceivedAudio",
    "RecognitionFailure",
    "RefusedHandshake",
    "Revision",
    "Rotation",
    "ScriptedWord",
    "Service",
    "Silence",
    "SlowHandshake",
    "SlowSynthesis",
    "Throttle",
    "TranslationFailure",
    "Unacknowledged",
    "WrongRequestId",
    "pseudo_translation",
    "repeated",
    "speech_for_text",
]
