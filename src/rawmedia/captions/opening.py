"""Which caption writer a file's name asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rawmedia.captions.srt import SrtWriter
from rawmedia.captions.webvtt import WebVttWriter
from rawmedia.errors import ConfigurationError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from rawmedia.captions.writer import CaptionWriter

CAPTION_WRITERS: Mapping[str, type[WebVttWriter | SrtWriter]] = {
    ".vtt": WebVttWriter,
    ".srt": SrtWriter,
}
"""The writer of every suffix that captions can have."""


def check_caption_suffix(path: str | os.PathLike[str]) -> None:
    """Refuse a name that no writer has, before any work is done for it.

    Raises:
        ConfigurationError: The suffix is none of ``CAPTION_WRITERS``.
    """
    if Path(path).suffix.lower() not in CAPTION_WRITERS:
        choices = " or ".join(CAPTION_WRITERS)
        raise ConfigurationError(str(path), f"the name of a caption file must end in {choices}")


def open_captions(path: str | os.PathLike[str], *, bilingual: bool = False) -> CaptionWriter:
    """Start a caption file of the kind that its suffix names, in any case.

    Args:
        path: Ends in ``.vtt`` or ``.srt``. A file that exists is replaced.
        bilingual: Whether a cue's source text is shown under its translation.

    Raises:
        ConfigurationError: Another suffix.
        FileWriteError: The file cannot be made.
    """
    check_caption_suffix(path)
    return CAPTION_WRITERS[Path(path).suffix.lower()](path, bilingual=bilingual)


__all__ = ["CAPTION_WRITERS", "check_caption_suffix", "open_captions"]
