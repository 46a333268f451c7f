"""What an engine's texts were before they were final: erasure, and when each word came to stay."""

from __future__ import annotations

from dataclasses import dataclass

from rawmedia.captions.erasure import Erasure, ErasureMeter
from rawmedia.captions.layout import one_line
from rawmedia.captions.words import split_words

# Texts that are being revised at once: a few utterances in a few languages. An engine that never
# finishes any, or that writes a book, must not fill the memory or hold the call up.
_MAX_TEXTS = 128
_MAX_CHARACTERS = 4_000


def words_of(text: str) -> list[str]:
    """What a text is measured in; of one longer than any utterance, the first 4000 characters."""
    return split_words(one_line(text[:_MAX_CHARACTERS]))


@dataclass(frozen=True, slots=True)
class RevisedText:
    """What the revisions of one text came to, when it was final."""

    erasure: Erasure
    since_s: tuple[float, ...]
    """Of each word, when the revision came from which on it and all before it stood."""


class _Text:
    __slots__ = ("meter", "revision", "since_s", "text")

    def __init__(self) -> None:
        self.meter = ErasureMeter()
        self.text = ""
        self.since_s: list[float] = []
        self.revision = -1

    def revise(self, text: str, now: float) -> None:
        if text != self.text:
            self.text = text[: _MAX_CHARACTERS + 1]
            words = words_of(text)
            kept = self.meter.revise(words)
            self.since_s[kept:] = [now] * (len(words) - kept)


class RevisionLog:
    """Follows the texts of utterances that are not final yet, by utterance and language.

    At most 128 are followed; beyond, the ones that began first are given up. Of each, 4000
    characters are.
    """

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], _Text] = {}

    def revise(
        self, utterance_id: str, language: str, text: str, revision: int, now: float
    ) -> bool:
        """A text is this from ``now`` on, in seconds; False where a later revision is known, and it isn't."""
        followed = self._text(utterance_id, language)
        if revision < followed.revision:
            return False
        followed.revision = revision
        followed.revise(text, now)
        return True

    def finish(self, utterance_id: str, language: str, text: str, now: float) -> RevisedText:
        """The text is final."""
        followed = self._texts.pop((utterance_id, language), None) or _Text()
        followed.revise(text, now)
        return RevisedText(followed.meter.erasure, tuple(followed.since_s))

    def forget(self, utterance_id: str) -> None:
        """The utterance will have no final text."""
        for key in [key for key in self._texts if key[0] == utterance_id]:
            del self._texts[key]

    def _text(self, utterance_id: str, language: str) -> _Text:
        key = utterance_id, language
        text = self._texts.get(key)
        if text is None:
            if len(self._texts) >= _MAX_TEXTS:
                del self._texts[next(iter(self._texts))]
            text = self._texts[key] = _Text()
        return text


__all__ = ["RevisedText", "RevisionLog", "words_of"]
