"""What is given by target language is given for those that are translated into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawmedia.translators.request import TranslationRequest


def require_targets(setting: str, given: Mapping[str, object], request: TranslationRequest) -> None:
    """Refuse what is given for languages that are not translated into.

    Raises:
        ConfigurationError: There is such a language.
    """
    strangers = sorted(set(given) - set(request.target_languages))
    if strangers:
        raise ConfigurationError(
            setting, f"{', '.join(strangers)} is no target language of the request"
        )


__all__ = ["require_targets"]
