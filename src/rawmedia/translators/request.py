"""What is asked of a translator: from which language, into which, with which voices."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

# RFC 5646 section 2.1, as far as language, script, region and variants go, in any case.
_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(-(?P<script>[a-z]{4}))?(-(?P<region>[a-z]{2}|\d{3}))?"
    r"(?P<variants>(-([a-z0-9]{5,8}|\d[a-z0-9]{3}))*)",
    re.IGNORECASE,
)


def _language_tag(tag: str) -> str:
    if not _TAG.fullmatch(tag):
        raise ValueError(f"{tag!r} is not a BCP-47 language tag such as 'en-US', 'es' or 'zh-Hans'")
    return tag


LanguageTag = Annotated[str, AfterValidator(_language_tag)]
"""A BCP-47 tag; kept as it was written, compared without regard to case."""


def language_matches(tag: str, supported: str) -> bool:
    """Whether an engine that has ``supported`` can serve ``tag``.

    The languages must be the same; script, region and variants must be so only where both
    name one, so that "es" serves "es-MX" and "en-US" serves "en". What is no tag matches
    only itself.
    """
    wanted, offered = _TAG.fullmatch(tag.lower()), _TAG.fullmatch(supported.lower())
    if wanted is None or offered is None:
        return tag.lower() == supported.lower()
    return all(
        one == other or (name != "language" and not (one and other))
        for (name, one), other in zip(
            wanted.groupdict().items(), offered.groupdict().values(), strict=True
        )
    )


class TranslationRequest(BaseModel):
    """One speaker's translation: languages, speech and limits. Immutable.

    Raises:
        pydantic.ValidationError: A language is not a BCP-47 tag, there is no target, a target
            is named twice, a voice is for none of the targets, a setting is unknown or a
            number is out of range. (It is a ``ValueError``.)
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

    @model_validator(mode="after")
    def _targets_make_sense(self) -> Self:
        targets = self.target_languages
        if len({target.lower() for target in targets}) < len(targets):
            raise ValueError(f"a target language is named twice: {', '.join(targets)}")
        strangers = sorted(set(self.voices) - set(targets))
        if strangers:
            raise ValueError(
                f"voices for {', '.join(strangers)}, but the targets are {', '.join(targets)}"
            )
        return self


__all__ = ["LanguageTag", "TranslationRequest", "language_matches"]
