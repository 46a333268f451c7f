"""What tests of programs on rawmedia need: fakes, signals, comparisons, checks and virtual time.

Each name is loaded when it is first used. It all needs numpy and nothing else, but for a
`FakeLeg` that is given a file. `rawmedia.testing.checks` has the conformance checks,
`rawmedia.testing.strategies` what hypothesis draws from, `rawmedia.testing.azure_emulator` a local
Azure Speech service, and `rawmedia.testing.pytest_plugin` the fixtures that pytest finds by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.lazy import lazy_names

if TYPE_CHECKING:
    from rawmedia.testing.assertions import assert_no_gap, assert_said
    from rawmedia.testing.calls import FakeCall
    from rawmedia.testing.clock import ScaledClock, VirtualClock
    from rawmedia.testing.compare import AudioDiffersError, assert_same_audio, snr_db
    from rawmedia.testing.fake_acs import AcsMessages, FakeAcs
    from rawmedia.testing.fake_sockets import FakeSocket, socket_pair
    from rawmedia.testing.fake_soundcard import FakeSoundCard
    from rawmedia.testing.fake_twilio import FakeTwilio, TwilioMessages
    from rawmedia.testing.flaky import FlakyTranslator
    from rawmedia.testing.legs import FakeLeg, Lost
    from rawmedia.testing.network import GilbertElliott, LossyLink
    from rawmedia.testing.party import CallHappening, FakeParty, HangsUp, Mutes, Presses, Says
    from rawmedia.testing.script import (
        ScriptedCrash,
        ScriptedEvent,
        ScriptedStall,
        ScriptedUtterance,
    )
    from rawmedia.testing.scripted_translation import ScriptedTranslation
    from rawmedia.testing.signals import in_frames, joined, noise, silence, speech_like, tone
    from rawmedia.testing.spoken_text import SpokenText, spoken
    from rawmedia.testing.translators import EchoTranslator, ScriptedTranslator

_HOMES = {
    "rawmedia.testing.assertions": (
        "assert_no_gap",
        "assert_said",
    ),
    "rawmedia.testing.calls": ("FakeCall",),
    "rawmedia.testing.clock": (
        "ScaledClock",
        "VirtualClock",
    ),
    "rawmedia.testing.compare": (
        "AudioDiffersError",
        "assert_same_audio",
        "snr_db",
    ),
    "rawmedia.testing.fake_acs": (
        "AcsMessages",
        "FakeAcs",
    ),
    "rawmedia.testing.fake_sockets": (
        "FakeSocket",
        "socket_pair",
    ),
    "rawmedia.testing.fake_soundcard": ("FakeSoundCard",),
    "rawmedia.testing.fake_twilio": (
        "FakeTwilio",
        "TwilioMessages",
    ),
    "rawmedia.testing.flaky": ("FlakyTranslator",),
    "rawmedia.testing.legs": (
        "FakeLeg",
        "Lost",
    ),
    "rawmedia.testing.network": (
        "GilbertElliott",
        "LossyLink",
    ),
    "rawmedia.testing.party": (
        "CallHappening",
        "FakeParty",
        "HangsUp",
        "Mutes",
        "Presses",
        "Says",
    ),
    "rawmedia.testing.script": (
        "ScriptedCrash",
        "ScriptedEvent",
        "ScriptedStall",
        "ScriptedUtterance",
    ),
    "rawmedia.testing.scripted_translation": ("ScriptedTranslation",),
    "rawmedia.testing.signals": (
        "in_frames",
        "joined",
        "noise",
        "silence",
        "speech_like",
        "tone",
    ),
    "rawmedia.testing.spoken_text": (
        "SpokenText",
        "spoken",
    ),
    "rawmedia.testing.translators": (
        "EchoTranslator",
        "ScriptedTranslator",
    ),
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)

__all__ = [
    "AcsMessages",
    "AudioDiffersError",
    "CallHappening",
    "EchoTranslator",
    "FakeAcs",
    "FakeCall",
    "FakeLeg",
    "FakeParty",
    "FakeSocket",
    "FakeSoundCard",
    "FakeTwilio",
    "FlakyTranslator",
    "GilbertElliott",
    "HangsUp",
    "LossyLink",
    "Lost",
    "Mutes",
    "Presses",
    "Says",
    "ScaledClock",
    "ScriptedCrash",
    "ScriptedEvent",
    "ScriptedStall",
    "ScriptedTranslation",
    "ScriptedTranslator",
    "ScriptedUtterance",
    "SpokenText",
    "TwilioMessages",
    "VirtualClock",
    "assert_no_gap",
    "assert_said",
    "assert_same_audio",
    "in_frames",
    "joined",
    "noise",
    "silence",
    "snr_db",
    "socket_pair",
    "speech_like",
    "spoken",
    "tone",
]
