"""What one recogniser is asked for, in the service's own terms; what it could not be asked is refused here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawmedia.errors import ConfigurationError, UnsupportedLanguageError
from rawmedia.translators.azure.languages import default_voice, target_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawmedia.translators.azure.config import AzureSpeechConfig
    from rawmedia.translators.azure.options import AzureOptions
    from rawmedia.translators.request import TranslationRequest

PERSONAL_VOICE = "personal-voice"
"""What the service calls a likeness of the speaker's own voice."""

# "es-MX-DaliaNeural", "sr-Latn-RS-NicholasNeural", "zh-CN-liaoning-XiaobeiNeural".
_VOICE = re.compile(
    r"(?P<locale>[a-z]{2,3}(-[A-Z][a-z]{3})?-[A-Z]{2})(-[a-z]+)?-(?P<name>[A-Z]\w*(:\w+)?)"
)
# These speak whatever language the text is in.
_POLYGLOT = re.compile(r"Multilingual|:")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizerSettings:
    """What one recogniser is asked for."""

    config: AzureSpeechConfig
    options: AzureOptions
    source_language: str
    target_codes: tuple[str, ...]
    voice: str | None
    """Who speaks the first target; None where the service is asked for text only."""


def recognizer_settings(
    config: AzureSpeechConfig, options: AzureOptions, request: TranslationRequest
) -> tuple[RecognizerSettings, dict[str, str]]:
    """What to ask the service for, and its codes with the request's names of the targets.

    Args:
        config: Which service.
        options: How it listens and speaks.
        request: With ``speech`` where the service itself is to speak, which it does for the
            first target alone.

    Raises:
        ConfigurationError: The source language or a candidate is no locale, two targets are one
            language to the service, or a voice is none, or of another language.
        UnsupportedLanguageError: No voice is known for the language to be spoken.
    """
    _check_locale(request.source_language, "source_language")
    for candidate in options.candidates:
        _check_locale(candidate, "candidates")
        if candidate.lower() == request.source_language.lower():
            raise ConfigurationError(
                "candidates", f"{candidate} is the request's source_language already"
            )
    targets = {target_code(tag): tag for tag in request.target_languages}
    if len(targets) < len(request.target_languages):
        raise ConfigurationError(
            "target_languages",
            f"{', '.join(request.target_languages)} are only {', '.join(targets)} to Azure Speech",
        )
    voices = {tag: voice_of(tag, request.voices, options) for tag in request.voices}
    voice = None
    if request.speech:
        tag = request.target_languages[0]
        voice = voices.get(tag) or voice_of(tag, {}, options)
    return (
        RecognizerSettings(
            config=config,
            options=options,
            source_language=request.source_language,
            target_codes=tuple(targets),
            voice=voice,
        ),
        targets,
    )


def voice_of(tag: str, voices: Mapping[str, str], options: AzureOptions) -> str:
    """Who speaks a target language.

    Args:
        tag: The language.
        voices: What the request names, by language.
        options: Whether it is the speaker's own voice.

    Raises:
        ConfigurationError: The name is none of a voice, or that of another language's.
        UnsupportedLanguageError: The request names none, and none is known.
    """
    name = voices.get(tag)
    if name is None:
        return PERSONAL_VOICE if options.personal_voice else default_voice(tag)
    if name == PERSONAL_VOICE:
        if not options.personal_voice:
            raise ConfigurationError("voices", f"{name} needs the option personal_voice")
        return name
    voice = _VOICE.fullmatch(name)
    if voice is None:
        raise ConfigurationError(
            "voices",
            f"{name[:80]!r} for {tag} is no name of a voice, which has its locale in front"
            f"{_such_as(tag)}",
        )
    if not _POLYGLOT.search(voice["name"]) and _language(voice["locale"]) != _language(tag):
        raise ConfigurationError(
            "voices", f"{name} speaks {voice['locale']}, not {tag}; choose one of it{_such_as(tag)}"
        )
    return name


def _check_locale(tag: str, setting: str) -> None:
    """Refuse what the recogniser can't be asked for: its models are made for locales."""
    if "-" not in tag:
        try:
            locale = _VOICE.match(default_voice(tag))
        except UnsupportedLanguageError:
            locale = None
        meant = "such as en-US or es-MX" if locale is None else f"such as {locale['locale']}"
        raise ConfigurationError(
            setting, f"Azure Speech recognises locales, {meant}; {tag!r} names no region"
        )


def _language(tag: str) -> str:
    """The language alone, as the translator calls it, whatever script or region."""
    return target_code(tag).split("-")[0].lower()


def _such_as(tag: str) -> str:
    try:
        return f", such as {default_voice(tag)}"
    except UnsupportedLanguageError:
        return ""


__all__ = ["PERSONAL_VOICE", "RecognizerSettings", "recognizer_settings", "voice_of"]
