"""What is asked of a translator: from which language, into which, with which voices."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

# RFC 5646 section 2.1, as far as a language, a script and a region go, in any case.
_TAG = re.compile(r"[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|\d{3}))?(-[a-z0-9]{5,8})*", re.IGNORECASE)


def _language_tag(tag: str) -> str:
    if not _TAG.fullmatch(tag):
        raise ValueError(f"{tag!r} is not a BCP-47 language tag such as 'en-US', 'es' or 'zh-Hans'")
    return tag


LanguageTag = Annotated[str, AfterValidator(_language_tag)]
"""A BCP-47 tag; kept as it was written, compared without regard to case."""


def language_matches(tag: str, supported: str) -> bool:
    """Whether an engine that has ``supported`` can serve ``tag``.

    The languages must be the same; script and region must be so only where both name one,
    so that "es" serves "es-MX" and "en-US" serves "en".
    """
    wanted, offered = tag.lower().split("-"), supported.lower().split("-")
    shorter = min(len(wanted), len(offered))
    return wanted[:shorter] == offered[:shorter]


class TranslationRequest(BaseModel):
    """One speaker's translation: languages, speech and limits. Immutable.

    Raises:
        pydantic.ValidationError: A language is not a BCP-47 tag, there is no target, a
            target or a setting is repeated or unknown, or a number is out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    source_language: LanguageTag
    """What is spoken, such as "en-US"."""
    target_languages: Annotated[tuple[LanguageTag, ...], Field(min_length=1)]
    """What to translate into; events name the languages as they are written here."""
    speech: bool = True
    """Whether to speak the translation; without it only text comes."""
    voices: dict[str, str] = Field(default_factory=dict)
    """The engine's name of a voice by target language; the engine chooses where none is given."""
    partials: bool = True
    """Whether to report what was understood before the utterance is over."""
    max_pending_ms: Annotated[float, Field(ge=20, le=60_000)] = 10_000
    """How much audio may wait for the engine before ``send`` waits."""


__all__ = ["LanguageTag", "TranslationRequest", "language_matches"]
