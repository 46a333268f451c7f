"""What the worker process reports, as the values of a cascade; anything else is refused."""

from __future__ import annotations

import json
from typing import Any

from rawmedia.audio.format import SPEECH
from rawmedia.audio.timeline import TimeSpan
from rawmedia.translators.events import WordTiming
from rawmedia.translators.offline.messages import MessageError
from rawmedia.translators.parts import Heard, Recognition

_MAX_POSITION = 1 << 53
"""Samples; what a float still tells apart."""


def parse_reports(payload: bytes) -> list[Recognition | Heard]:
    """The values that ``messages.reports_message`` was given.

    Raises:
        MessageError: The payload is anything else.
    """
    try:
        return [_parse(each) for each in json.loads(payload)]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise MessageError(f"reports that are none ({type(error).__name__})") from error


def _parse(report: dict[str, Any]) -> Recognition | Heard:
    if "settled" in report:
        return Heard(_ms(report["heard"]), _ms(report["settled"]))
    return Recognition(
        text=_text(report["text"]),
        span=_span(report["start"], report["end"]),
        is_final=report["is_final"] is True,
        words=tuple(
            WordTiming(_text(word), _span(start, end)) for word, start, end in report["words"]
        ),
        heard_ms=_ms(report["heard"]),
    )


def _span(start: object, end: object) -> TimeSpan:
    return TimeSpan(_ms(start), _ms(end))


def _ms(position: object) -> float:
    if type(position) is not int or not 0 <= position <= _MAX_POSITION:
        raise ValueError(position)
    return SPEECH.duration_ms(position)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


__all__ = ["parse_reports"]
