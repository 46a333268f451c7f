"""Whether what an engine has recognised is what this session said itself a moment ago."""

from __future__ import annotations

import unicodedata
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rawmedia.audio.decisions import check_setting
from rawmedia.captions.words import split_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.audio.timeline import TimeSpan

    Run = tuple[str, ...]

OwnWordsReason = Literal["own_words", "other_words", "too_few", "nothing_said"]
"""Why: most of it was said; too little of it was; it is too short to tell; nothing was said lately."""

_RUN, _UNSPACED_RUN = 2, 3
"""How many words, or characters where words have no spaces, must follow each other to count."""
_LEAST, _UNSPACED_LEAST = 4, 6
"""Shorter than so many words or characters is what anybody may say: "yes", "thank you very much"."""
_MAX_TEXTS: Final = 64
_MAX_UNITS: Final = 1_000
"""Of a text; five minutes of speech."""
_MAX_CHARACTERS: Final = 20_000
"""Of a text; more than so many units have in any language."""


@dataclass(frozen=True, slots=True)
class OwnWordsVerdict:
    """What became of one recognised text."""

    own: bool
    """Whether to drop it."""
    reason: OwnWordsReason
    share: float = 0.0
    """How much of it was said by the session, in the same order, 0 to 1."""
    said: str = ""
    """The text that has most of it, as it was said; empty where none has any."""


@dataclass(frozen=True, slots=True)
class _Said:
    text: str
    runs: frozenset[Run]
    span: TimeSpan


class OwnWords:
    """Remembers what was spoken lately, and knows it again although a recogniser has misheard some.

    Case, accents, width and punctuation don't count. Of the words of a recognised text those
    count as said that stand in a run of two or more that was said in that order; where words have no
    spaces, characters in runs of three. Who answers uses other words, or a few of the
    same; who repeats a sentence does so after it was said. So an utterance is only compared with
    what was being said while it began, or at most ``max_delay_ms`` before.

    At most 64 texts are kept, and 1000 words of each. For one thread at a time.

    Args:
        max_delay_ms: How late an echo may be, 0 to 10 000. Longer than what `EchoGuard` looks for, as this is for what it misses.
        min_share: What share of a recognised text must have been said, 0.5 to 1.

    Raises:
        ConfigurationError: A setting is out of range.
    """

    __slots__ = ("_max_delay_ms", "_min_share", "_said", "dropped")

    def __init__(self, *, max_delay_ms: float = 1_500.0, min_share: float = 0.7) -> None:
        check_setting("max_delay_ms", max_delay_ms, 0, 10_000)
        check_setting("min_share", min_share, 0.5, 1)
        self._max_delay_ms, self._min_share = max_delay_ms, min_share
        self._said: deque[_Said] = deque(maxlen=_MAX_TEXTS)
        self.dropped = 0
        """How many recognised texts were own words."""

    def reset(self) -> None:
        """Forget what was said; the count begins anew."""
        self._said.clear()
        self.dropped = 0

    def said(self, text: str, span: TimeSpan) -> None:
        """The session speaks this, has spoken it, or is about to.

        Args:
            text: In the language that is spoken.
            span: From its first sound to its last, on any clock. Told again with another end, it has that
                end, so what is still being spoken can be told as it goes on.
        """
        for index, each in enumerate(self._said):
            if each.span.start_ms == span.start_ms and each.text == text:
                self._said[index] = _Said(text, each.runs, span)
                return
        units = _units(text)
        if units:
            runs = frozenset((*_runs(units, _RUN), *_runs(units, _UNSPACED_RUN)))
            self._said.append(_Said(text, runs, span))

    def judge(self, text: str, span: TimeSpan) -> OwnWordsVerdict:
        """Say whether a recognised text is the session's own.

        Args:
            text: What the engine took it for; the whole utterance, not a part of it.
            span: From where to where it was heard, on the clock that `said` was told.
        """
        units = _units(text)
        unspaced = 2 * sum(map(_is_unspaced, units)) > len(units)
        length, least = (_UNSPACED_RUN, _UNSPACED_LEAST) if unspaced else (_RUN, _LEAST)
        if len(units) < least:
            return OwnWordsVerdict(own=False, reason="too_few")
        lately = [said for said in self._said if self._may_be(said.span, span)]
        if not lately:
            return OwnWordsVerdict(own=False, reason="nothing_said")
        runs = _runs(units, length)
        likest = max(lately, key=lambda said: _covered(runs, [said], length))
        # An utterance may take in two of what was said.
        share = _covered(runs, lately, length) / len(units)
        own = share >= self._min_share
        self.dropped += own
        reason: OwnWordsReason = "own_words" if own else "other_words"
        return OwnWordsVerdict(own, reason, share, likest.text if share else "")

    def _may_be(self, said: TimeSpan, heard: TimeSpan) -> bool:
        return heard.start_ms <= said.end_ms + self._max_delay_ms and heard.end_ms >= said.start_ms


def _units(text: str) -> list[str]:
    """The words of a text, or characters where there are no spaces, as they sound alike."""
    folded = unicodedata.normalize("NFKD", text[:_MAX_CHARACTERS].casefold())
    # Accents go, and apostrophes; what else is no letter, number or vowel sign parts words.
    spaced = "".join(_folded(char) for char in folded)
    return [unit.strip() for unit in split_words(" ".join(spaced.split()))][:_MAX_UNITS]


def _folded(char: str) -> str:
    kind = unicodedata.category(char)
    if char in "'\u2019" or unicodedata.combining(char):
        return ""
    return char if kind[0] in "LNM" else " "


def _is_unspaced(unit: str) -> bool:
    # After a letter it is a piece of its own.
    return len(split_words(f"x{unit}")) > 1


def _runs(units: Sequence[str], length: int) -> list[Run]:
    return [tuple(units[start : start + length]) for start in range(len(units) - length + 1)]


def _covered(runs: Sequence[Run], said: Sequence[_Said], length: int) -> int:
    """How many units stand in a run that was said."""
    covered = end = 0
    for start, run in enumerate(runs):
        if any(run in each.runs for each in said):
            covered += start + length - max(start, end)
            end = start + length
    return covered


__all__ = ["OwnWords", "OwnWordsReason", "OwnWordsVerdict"]
