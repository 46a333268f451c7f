"""SubRip captions (``.srt``), which almost every player shows.

SubRip has no standard; this is what SubRip writes and players agree on: a number, the times
with a comma, the text, a blank line. It has no escapes either, so a player may take what
stands in angle brackets or braces for markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.captions.writer import CaptionWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.captions.passage import Passage


class SrtWriter(CaptionWriter):
    """Writes SubRip. Speakers are named before their text.

    Languages are told only with ``bilingual``: as ``[es]`` before the text.
    """

    HEADER = ""
    FRACTION_MARK = ","

    def _text(self, text: str, language: str, speaker: str) -> str:
        if language and self._bilingual:
            text = f"[{language}] {text}"
        if speaker:
            text = f"{speaker}: {text}"
        # An arrow in the text could be taken for a line of times.
        return text.replace("-->", "→")

    def _payload(self, passages: Sequence[Passage], _speaker: str, /) -> str:
        return "\n".join(line for passage in passages for line in passage.lines)


__all__ = ["SrtWriter"]
