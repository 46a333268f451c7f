"""What a server writes of its calls: events with fields, as text for people or as JSON for programs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Final, Literal

LogFormat = Literal["text", "json"]

_FIELDS: Final = "rawmedia_fields"
_MAX_VALUE_CHARS: Final = 500

Field = str | int | float | bool | None


def log_event(
    logger: logging.Logger,
    level: int,
    event: str,
    *,
    error: BaseException | None = None,
    **fields: Field,
) -> None:
    """Log that something happened to a call.

    Names of calls, counts and lengths of time are for logs; what was said, tokens and URLs are not.

    Args:
        logger: Whose it is.
        level: As `logging` has them.
        event: Its stable name, such as ``call_started``.
        error: Whose traceback is wanted.
        fields: Its facts; a float is rounded to a thousandth, None is left out.
    """
    if not logger.isEnabledFor(level):
        return
    facts = {name: _short(value) for name, value in fields.items() if value is not None}
    text = " ".join([event, *(f"{name}={_shown(value)}" for name, value in facts.items())])
    logger.log(level, "%s", text, extra={_FIELDS: {"event": event, **facts}}, exc_info=error)


class JsonLines(logging.Formatter):
    """A record as a JSON object on a line: time, level, logger, then the event's fields or the message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        fields = getattr(record, _FIELDS, None)
        line |= fields if isinstance(fields, dict) else {"message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log_to_stderr(form: LogFormat, *, level: int = logging.INFO) -> None:
    """Have this process write its log to the standard error, one event a line; for programs, not libraries."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonLines()
        if form == "json"
        else logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _short(value: Field) -> Field:
    if isinstance(value, float):
        return round(value, 3)
    return value[:_MAX_VALUE_CHARS] if isinstance(value, str) else value


def _shown(value: Field) -> str:
    """One word, whatever a far end has put into a name."""
    text = str(value)
    return text if text.isprintable() and text and not set(text) & set(' "=') else json.dumps(text)


__all__ = ["Field", "JsonLines", "LogFormat", "log_event", "log_to_stderr"]
