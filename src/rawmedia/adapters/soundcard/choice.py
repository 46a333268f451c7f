"""Which device and which of its formats, from what somebody asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.adapters.soundcard.errors import DeviceOpenError
from rawmedia.audio.format import MAX_CHANNELS, AudioFormat
from rawmedia.errors import ConfigurationError, UnsupportedFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rawmedia.adapters.soundcard.backend import Direction, SoundBackend, SoundDevice

_USUAL_RATES_HZ = (48_000, 44_100, 16_000)


class DeviceNotFoundError(ConfigurationError):
    """Nothing was opened; choose one of ``available``, by its name or its number."""

    def __init__(
        self, wanted: str | int | None, direction: Direction, problem: str, available: Sequence[str]
    ) -> None:
        listed = "; ".join(available) or "none"
        super().__init__(f"{direction} device", f"{problem}; there are: {listed}")
        self.args = (wanted, direction, problem, tuple(available))
        self.wanted, self.direction, self.available = wanted, direction, tuple(available)


def choose_device(
    devices: Sequence[SoundDevice], wanted: str | int | None, direction: Direction
) -> SoundDevice:
    """The device that is meant.

    Args:
        devices: All there are.
        wanted: Its number; its name, or a part that no other has, in any case; its name with its
            system, such as ``"USB (ALSA)"``, where one is listed by two; None for the machine's
            default.
        direction: Which way it must work.

    Raises:
        DeviceNotFoundError: None is meant, or more than one.
    """
    able = [device for device in devices if device.channels(direction)]

    def refusal(problem: str) -> DeviceNotFoundError:
        listed = [f"{device.index} {_full_name(device)}" for device in able]
        return DeviceNotFoundError(wanted, direction, problem, listed)

    if wanted is None:
        found = [device for device in able if device.is_default(direction)]
        if not found:
            raise refusal("this machine has no default")
        return found[0]
    if isinstance(wanted, int):
        found = [device for device in able if device.index == wanted]
    else:
        name = wanted.casefold().strip()
        names = [(device, device.name.casefold(), _full_name(device).casefold()) for device in able]
        exact = [device for device, *both in names if name in both]
        found = exact or [device for device, _, full in names if name and name in full]
    if len(found) != 1:
        raise refusal(f"{len(found) or 'none'} fit {wanted!r}")
    return found[0]


def _full_name(device: SoundDevice) -> str:
    return f"{device.name} ({device.host_api})"


def choose_format(
    backend: SoundBackend, device: SoundDevice, direction: Direction, wanted: AudioFormat
) -> AudioFormat:
    """What the device takes that is nearest to the leg's format; the rest is converted.

    Raises:
        DeviceOpenError: It is busy or gone.
        UnsupportedFormatError: It takes none that can be converted.
    """
    refusal: DeviceOpenError | None = None
    for candidate in _candidates(device, direction, wanted):
        try:
            if backend.takes(device, direction, candidate):
                return candidate
        except DeviceOpenError as error:
            # Some drivers refuse a format in the words of a broken device; others may do.
            refusal = error
    if refusal is not None:
        raise refusal
    raise UnsupportedFormatError(
        "an int16 format that can be converted", f"none of {direction} device {device.name!r}"
    )


def _candidates(
    device: SoundDevice, direction: Direction, wanted: AudioFormat
) -> Iterator[AudioFormat]:
    most = min(device.channels(direction), MAX_CHANNELS)
    channels = dict.fromkeys(
        count for count in (wanted.num_channels, 1, 2, most) if 1 <= count <= most
    )
    for rate in dict.fromkeys((wanted.sample_rate, device.default_rate_hz, *_USUAL_RATES_HZ)):
        for count in channels:
            try:
                yield AudioFormat(rate, count)
            except UnsupportedFormatError:
                continue


__all__ = ["DeviceNotFoundError", "choose_device", "choose_format"]
