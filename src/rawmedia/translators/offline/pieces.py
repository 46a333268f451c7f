"""A long text in pieces that an engine takes in one go."""

from __future__ import annotations

import re
import textwrap

_SENTENCE_END = re.compile(r"(?<=[.!?]) ")


def pieces(text: str, max_length: int) -> list[str]:
    """The text cut after sentences, where those are short enough, else between words.

    White space is folded; a word longer than ``max_length`` characters is cut too.
    """
    taken: list[str] = []
    for sentence in _SENTENCE_END.split(" ".join(text.split())):
        for part in textwrap.wrap(sentence, max_length, break_on_hyphens=False):
            if taken and len(taken[-1]) + len(part) < max_length:
                taken[-1] += f" {part}"
            else:
                taken.append(part)
    return taken


__all__ = ["pieces"]
