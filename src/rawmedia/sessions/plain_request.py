"""What is asked of an engine where all that is known is who speaks what."""

from __future__ import annotations

from pydantic import ValidationError

from rawmedia.errors import ConfigurationError
from rawmedia.translators.request import TranslationRequest


def plain_request(source: str, targets: tuple[str, ...]) -> TranslationRequest:
    """A request without any wishes.

    Raises:
        ConfigurationError: A leg's language is none.
    """
    try:
        return TranslationRequest(source_language=source, target_languages=targets)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        raise ConfigurationError("language", problem.removeprefix("Value error, ")) from error


__all__ = ["plain_request"]
