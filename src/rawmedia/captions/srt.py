"""SubRip captions (``.srt``), which almost every player shows.

SubRip has no standard; this is what SubRip writes and players agree on: a number, the times
with a comma, the text, a blank line. It has no escapes either, so a player may take what
stands in angle brackets or braces for markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.captions.layout import clean_lines
from rawmedia.captions.writer import CaptionWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.captions.cue import Cue


class SrtWriter(CaptionWriter):
    """Writes SubRip. Speakers are named before their text; languages are not told."""

    HEADER = ""
    FRACTION_MARK = ","

    def _text(self, cue: Cue) -> str:
        # An arrow in the text could be taken for a line of times.
        lines = clean_lines(cue.text.replace("-->", "→"))
        if lines and cue.speaker is not None and (speaker := " ".join(clean_lines(cue.speaker))):
            lines[0] = f"{speaker.replace('-->', '→')}: {lines[0]}"
        return "\n".join(lines)

    def _payload(self, lines: Sequence[str], _cue: Cue, /) -> str:
        return "\n".join(lines)


__all__ = ["SrtWriter"]
