"""Whether what an engine yields is an event at all, field by field.

Order, numbers and languages are left alone: the books count what is odd about them. What is
refused here would be an error in the middle of this library instead, where nobody could tell
any more whose it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, TypeAlias

from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    TranslatorWarning,
    Usage,
    UtteranceEnded,
    WordTiming,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    _Fields: TypeAlias = Mapping[str, Callable[[object], bool]]

_NEVER = float("inf")
_LAST_MS = 1e15
"""30 000 years; beyond, times can't be added up to a millisecond, or are no floats at all."""


def problem_of(event: object) -> str | None:
    """What makes it no event; None where it is one."""
    fields = _FIELDS.get(type(event)) or _fields_of_kin(event)
    # Types are told and not values, which may be books, or raise when they are to be told.
    if fields is None:
        return f"it reported a {type(event).__name__}, which is no event"
    for name, is_right in fields.items():
        value = getattr(event, name)
        if not is_right(value):
            found = type(value).__name__
            return f"it reported a {type(event).__name__} with an impossible {name} ({found})"
    return None


def _fields_of_kin(event: object) -> _Fields | None:
    return next((fields for kind, fields in _FIELDS.items() if isinstance(event, kind)), None)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Real))


def _is_frame(value: object) -> bool:
    return isinstance(value, AudioFrame)


def _are_texts(value: object) -> bool:
    return isinstance(value, tuple) and all(map(_is_text, value))


def _are_translations(value: object) -> bool:
    return isinstance(value, Mapping) and _are_texts((*value, *value.values()))


def _are_words(value: object) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(word, WordTiming) and _is_text(word.word) and _is_span(word.span)
        for word in value
    )


def _is_span(value: object) -> bool:
    """Whether it is a span that keeps its own promise; what ends never is for the books."""
    if not isinstance(value, TimeSpan):
        return False
    start_ms, end_ms = value.start_ms, value.end_ms
    if not (_is_number(start_ms) and _is_number(end_ms) and 0 <= start_ms <= end_ms):
        return False
    return end_ms <= _LAST_MS or (end_ms == _NEVER and (start_ms <= _LAST_MS or start_ms == _NEVER))


_PLACED: _Fields = {"utterance_id": _is_text, "span": _is_span}
_TEXT: _Fields = {
    **_PLACED,
    "revision": _is_number,
    "source_text": _is_text,
    "source_language": _is_text,
    "translations": _are_translations,
    "words": _are_words,
}
_FIELDS: Mapping[type, _Fields] = {
    PartialTranslation: _TEXT,
    FinalTranslation: {**_TEXT, "untranslated": _are_texts},
    TranslatedAudio: {**_PLACED, "language": _is_text, "frame": _is_frame},
    UtteranceEnded: _PLACED,
    Progress: {"position_ms": _is_number},
    TranslatorWarning: {"message": _is_text, "utterance_id": _is_text_or_none},
    Usage: {
        "audio_ms": _is_number,
        "source_characters": _is_number,
        "target_characters": _is_number,
        "speech_ms": _is_number,
    },
}

__all__ = ["problem_of"]
