"""The times of words in a phrase's JSON, which the SDK hands on as the service sent it."""

from __future__ import annotations

import json
from typing import Any

from rawmedia.translators.azure.messages import HeardWord

TICKS_PER_MS = 10_000.0
_MAX_WORDS = 10_000


def phrase_words(text: str, offset_ticks: int) -> tuple[HeardWord, ...]:
    """Read the words of the best result; whatever is not as expected counts as not told.

    Args:
        text: The JSON of a ``translation.phrase``, or of a ``translation.response``.
        offset_ticks: Where the phrase begins in the uploaded audio. The JSON counts from the
            start of the service's turn, of which there may be several over one connection.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    phrase = _object(content, "SpeechPhrase") or content
    best = phrase.get("NBest") if isinstance(phrase, dict) else None
    words = _object(best[0] if isinstance(best, list) and best else None, "Words")
    if not isinstance(words, list) or not isinstance(phrase.get("Offset"), int):
        return ()
    later = offset_ticks - phrase["Offset"]
    heard = (_word(word, later) for word in words[:_MAX_WORDS])
    return tuple(word for word in heard if word is not None)


def _word(word: Any, later: int) -> HeardWord | None:
    text, start, duration = (_object(word, name) for name in ("Word", "Offset", "Duration"))
    if not (isinstance(text, str) and isinstance(start, int) and isinstance(duration, int)):
        return None
    start += later
    return HeardWord(text, start / TICKS_PER_MS, (start + max(0, duration)) / TICKS_PER_MS)


def _object(parent: Any, name: str) -> Any:
    return parent.get(name) if isinstance(parent, dict) else None


__all__ = ["TICKS_PER_MS", "phrase_words"]
