"""A text that is shown while it is still being revised, without flicker: no I/O, no clock.

Two rules say when a word of a partial result is shown for good. *Local agreement*: so many
revisions in a row begin with it (D. Liu, G. Spanakis and J. Niehues, Low-Latency
Sequence-to-Sequence Speech Recognition and Translation by Partial Hypothesis Selection,
Interspeech 2020). *Hold-back*: the last words of a revision are the ones that change, so they
wait (N. Arivazhagan et al., Re-translation versus Streaming for Simultaneous Translation,
IWSLT 2020, who call it masking).
"""

from __future__ import annotations

from collections import deque

from pydantic import BaseModel, ConfigDict, Field

from rawmedia.captions.erasure import Erasure, ErasureMeter, common_prefix
from rawmedia.captions.layout import one_line
from rawmedia.captions.words import split_words


class StabilityConfig(BaseModel):
    """When a word of a partial result is shown for good."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    agreeing_revisions: int = Field(default=2, ge=1, le=16)
    """How many revisions in a row must begin with it; 1 believes the first."""
    held_back_words: int = Field(default=1, ge=0, le=64)
    """How many words at the end of a revision wait; characters where there are no spaces."""
    show_tail: bool = True
    """Whether what is not stable yet is shown too, marked as such; it may flicker."""


class StableText:
    """One text from its first partial result to its final.

    ``stable`` only grows until ``finish``. ``tail`` is what the latest revision says beyond
    it; it is empty while that revision contradicts what is stable, because nobody knows then
    where the rest belongs. What is shown, ``stable`` and ``tail``, never takes back more words
    than the engine did; without a tail it takes none back before the final.

    Texts are shown as one line: blanks become one space, control characters go.
    """

    __slots__ = ("_agreed", "_engine", "_held_back", "_show_tail", "_shown", "final", "stable")

    def __init__(self, config: StabilityConfig | None = None) -> None:
        config = config or StabilityConfig()
        # Of the revision before the latest and so on: how many words the next one kept.
        pairs = config.agreeing_revisions - 1
        self._agreed = deque([0] * pairs, pairs)
        self._held_back = config.held_back_words
        self._show_tail = config.show_tail
        self._engine = ErasureMeter()
        self._shown = _Shown()
        self.stable = ""
        """Shown for good, unless the final contradicts it."""
        self.final = False
        """Whether nothing will revise it any more."""

    @property
    def tail(self) -> str:
        """Shown for now, with the space before it."""
        return "".join(self._shown.tail)

    @property
    def text(self) -> str:
        """All that is shown."""
        return self.stable + self.tail

    @property
    def engine_erasure(self) -> Erasure:
        """What the engine took back, as if its latest text were final."""
        return self._engine.erasure

    @property
    def shown_erasure(self) -> Erasure:
        """What was taken back of what was shown, measured by the engine's latest text."""
        return Erasure(self._shown.erased, len(self._engine.words))

    def revise(self, text: str) -> None:
        """The engine has a new partial result; it replaces the one before whole.

        After ``finish`` it is passed over.
        """
        if self.final:
            return
        words = split_words(one_line(text))
        self._agreed.append(self._engine.revise(words))
        agreed = min(self._agreed, default=len(words))
        stable_words = self._shown.stable
        if common_prefix(stable_words, words) < len(stable_words):
            self._shown.show(stable_words, [])
            return
        settled = max(len(stable_words), min(agreed, len(words) - self._held_back))
        if settled > len(stable_words):
            self.stable = "".join(words[:settled])
            stable_words = words[:settled]
        self._shown.show(stable_words, words[settled:] if self._show_tail else [])

    def finish(self, text: str) -> None:
        """Show the final text, whatever was shown before; what that takes back is counted."""
        if self.final:
            return
        words = split_words(one_line(text))
        self._engine.revise(words)
        self._shown.show(words, [])
        self.stable = "".join(words)
        self.final = True


class _Shown:
    """The words on the screen."""

    __slots__ = ("erased", "stable", "tail")

    def __init__(self) -> None:
        self.stable: list[str] = []
        self.tail: list[str] = []
        self.erased = 0

    def show(self, stable: list[str], tail: list[str]) -> None:
        """Replace what is shown, and count the words that this takes away."""
        before, after = [*self.stable, *self.tail], [*stable, *tail]
        self.erased += len(before) - common_prefix(before, after)
        self.stable, self.tail = stable, tail


__all__ = ["StabilityConfig", "StableText"]
