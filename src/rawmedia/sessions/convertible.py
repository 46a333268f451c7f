"""Formats that have to be converted are tried before a call, and not in the middle of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.audio.convert import FormatConverter
from rawmedia.errors import ConfigurationError, UnsupportedFormatError

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat


def require_convertible(setting: str, who: str, source: AudioFormat, target: AudioFormat) -> None:
    """Refuse audio for somebody who can't be given it.

    Raises:
        ConfigurationError: There is no converter from ``source`` to ``target``.
    """
    if source == target:
        return
    try:
        FormatConverter(source, target, prompt=True)
    except UnsupportedFormatError as error:
        problem = f"{who} takes {target}, into which {source} can't be converted"
        raise ConfigurationError(setting, problem) from error


__all__ = ["require_convertible"]
