"""What ``rawmedia devices`` does: lists the microphones and loudspeakers of this machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.adapters.soundcard import SoundDevice


def devices() -> tuple[SoundDevice, ...]:
    """All that there are.

    Raises:
        MissingDependencyError: sounddevice or PortAudio is not installed.
    """
    from rawmedia.adapters.soundcard import PortAudioBackend

    return PortAudioBackend().devices()


def to_json(found: Sequence[SoundDevice]) -> str:
    """The list for a program."""
    return json.dumps([asdict(each) for each in found], indent=2, ensure_ascii=False) + "\n"


def to_table(found: Sequence[SoundDevice]) -> str:
    """The list for a person; a star marks what is taken when nobody chooses."""
    if not found:
        return "This machine has no microphone and no loudspeaker.\n"
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from rawmedia.cli.summary import rendered

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("No.", justify="right")
    table.add_column("Name")
    table.add_column("System", no_wrap=True)
    table.add_column("Microphone", no_wrap=True)
    table.add_column("Loudspeaker", no_wrap=True)
    table.add_column("Rate", justify="right", no_wrap=True)
    for each in found:
        table.add_row(
            str(each.index),
            Text(each.name),
            Text(each.host_api),
            _channels(each.input_channels, default=each.default_input),
            _channels(each.output_channels, default=each.default_output),
            f"{each.default_rate_hz} Hz",
        )
    return f"{rendered(table)}* is taken when nobody chooses.\n"


def _channels(count: int, *, default: bool) -> str:
    if not count:
        return ""
    return f"{count} channel{'s' * (count > 1)}{' *' * default}"


__all__ = ["devices", "to_json", "to_table"]
