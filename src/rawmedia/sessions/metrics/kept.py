"""The utterances of a session that are kept, bounded in number and in text; the oldest go first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.sessions.metrics.utterance import Utterance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rawmedia.audio.timeline import TimeSpan

MAX_UTTERANCES = 20_000
"""How many utterances are kept, a day of talk; beyond, the oldest go and are counted."""
MAX_CHARACTERS = 20_000_000
"""How much text of them is, which is more unless an engine writes books."""


class KeptUtterances:
    """Utterances by their ids, in the order in which they came.

    Args:
        max_utterances: How many, at most.
    """

    def __init__(self, max_utterances: int = MAX_UTTERANCES) -> None:
        self._max_utterances = max_utterances
        self._by_id: dict[str, Utterance] = {}
        # The dictionary's own, because it is asked for every piece of speech.
        self.get: Callable[[str], Utterance | None] = self._by_id.get
        """The utterance of an id; None where it is not kept."""
        self._characters = 0
        self.forgotten = 0
        """How many were left out because there were too many."""

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self._by_id.values())

    def add(self, utterance_id: str, span: TimeSpan) -> Utterance:
        """A new one; where there are too many, the oldest goes."""
        if len(self._by_id) >= self._max_utterances:
            self._forget_oldest()
        utterance = self._by_id[utterance_id] = Utterance(utterance_id, span)
        return utterance

    def grow(self, utterance: Utterance, characters: int) -> None:
        """Text came to an utterance; where there is too much of it, the oldest utterances go."""
        utterance.characters += characters
        self._characters += characters
        while self._characters > MAX_CHARACTERS and len(self._by_id) > 1:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        oldest = self._by_id.pop(next(iter(self._by_id)))
        self._characters -= oldest.characters
        self.forgotten += 1


__all__ = ["MAX_CHARACTERS", "MAX_UTTERANCES", "KeptUtterances"]
