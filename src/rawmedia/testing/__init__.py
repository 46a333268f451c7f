"""What tests of programs on rawmedia need: fakes, signals, comparisons and virtual time.

Each name is loaded when it is first used. It all needs numpy and nothing else, but for a
`FakeLeg` that is given a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.lazy import lazy_names

if TYPE_CHECKING:
    from rawmedia.testing.clock import ScaledClock, VirtualClock
    from rawmedia.testing.compare import assert_same_audio, snr_db
    from rawmedia.testing.legs import FakeLeg, Lost
    from rawmedia.testing.network import GilbertElliott, LossyLink
    from rawmedia.testing.script import (
        ScriptedCrash,
        ScriptedEvent,
        ScriptedStall,
        ScriptedUtterance,
    )
    from rawmedia.testing.scripted_translation import ScriptedTranslation
    from rawmedia.testing.signals import in_frames, joined, noise, silence, speech_like, tone
    from rawmedia.testing.translators import EchoTranslator, ScriptedTranslator

_HOMES = {
    "rawmedia.testing.clock": ("ScaledClock", "VirtualClock"),
    "rawmedia.testing.compare": ("assert_same_audio", "snr_db"),
    "rawmedia.testing.legs": ("FakeLeg", "Lost"),
    "rawmedia.testing.network": ("GilbertElliott", "LossyLink"),
    "rawmedia.testing.script": (
        "ScriptedCrash",
        "ScriptedEvent",
        "ScriptedStall",
        "ScriptedUtterance",
    ),
    "rawmedia.testing.scripted_translation": ("ScriptedTranslation",),
    "rawmedia.testing.signals": ("in_frames", "joined", "noise", "silence", "speech_like", "tone"),
    "rawmedia.testing.translators": ("EchoTranslator", "ScriptedTranslator"),
}


__getattr__, __dir__ = lazy_names(globals(), _HOMES)

__all__ = [
    "EchoTranslator",
    "FakeLeg",
    "GilbertElliott",
    "LossyLink",
    "Lost",
    "ScaledClock",
    "ScriptedCrash",
    "ScriptedEvent",
    "ScriptedStall",
    "ScriptedTranslation",
    "ScriptedTranslator",
    "ScriptedUtterance",
    "VirtualClock",
    "assert_same_audio",
    "in_frames",
    "joined",
    "noise",
    "silence",
    "snr_db",
    "speech_like",
    "tone",
]
