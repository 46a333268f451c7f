"""The microphone and the loudspeaker of this machine as a leg; needs the extra ``soundcard``.

Each name is loaded when it is first used, and PortAudio when the first device is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.lazy import lazy_names

if TYPE_CHECKING:
    from rawmedia.adapters.soundcard.backend import (
        Direction,
        OnBlock,
        OnFinished,
        SoundBackend,
        SoundDevice,
        SoundStream,
    )
    from rawmedia.adapters.soundcard.choice import DeviceNotFoundError
    from rawmedia.adapters.soundcard.errors import (
        DeviceLostError,
        DeviceOpenError,
        SoundDeviceError,
        SoundSystemError,
    )
    from rawmedia.adapters.soundcard.leg import SoundCardConfig, SoundCardLeg, SoundCardStats
    from rawmedia.adapters.soundcard.portaudio import PortAudioBackend

_HOMES = {
    "rawmedia.adapters.soundcard.backend": (
        "Direction",
        "OnBlock",
        "OnFinished",
        "SoundBackend",
        "SoundDevice",
        "SoundStream",
    ),
    "rawmedia.adapters.soundcard.choice": ("DeviceNotFoundError",),
    "rawmedia.adapters.soundcard.errors": (
        "DeviceLostError",
        "DeviceOpenError",
        "SoundDeviceError",
        "SoundSystemError",
    ),
    "rawmedia.adapters.soundcard.leg": ("SoundCardConfig", "SoundCardLeg", "SoundCardStats"),
    "rawmedia.adapters.soundcard.portaudio": ("PortAudioBackend",),
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)

__all__ = [
    "DeviceLostError",
    "DeviceNotFoundError",
    "DeviceOpenError",
    "Direction",
    "OnBlock",
    "OnFinished",
    "PortAudioBackend",
    "SoundBackend",
    "SoundCardConfig",
    "SoundCardLeg",
    "SoundCardStats",
    "SoundDevice",
    "SoundDeviceError",
    "SoundStream",
    "SoundSystemError",
]
