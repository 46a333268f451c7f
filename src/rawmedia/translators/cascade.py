"""A translator made of three parts: one hears, one translates text, one speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.errors import UnsupportedLanguageError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.translators.cascade_translation import CascadeTranslation
from rawmedia.translators.request import language_matches
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawmedia.streams.clock import Clock
    from rawmedia.translators.parts import Recognizer, Synthesizer, TextTranslator
    from rawmedia.translators.request import TranslationRequest


class CascadeTranslator:
    """A `Translator` of a recogniser, a text translator and, for speech, a synthesizer.

    Each part works while the others do: the next utterance is heard and translated while
    one is spoken. Utterances come out in the order in which they were said, one at a time
    per language. When an utterance's translation or speech fails, or takes too long, a
    `TranslatorWarning` says so and the utterance goes without; when the recogniser fails, what it
    had understood is still delivered, and then the translation ends with its error.

    Args:
        recognizer: Speech to text.
        text_translator: Text to text.
        synthesizer: Text to speech; without one the translator gives text only.
        name: How errors and reports call it.
        translate_partials: Whether partials carry translations. Only the newest is ever
            translated; say False where each call costs money or takes seconds, and
            partials carry the source text alone.
        part_timeout_ms: How long the text translator may take for an utterance, and the
            synthesizer for its next frame.
        clock: What every wait is measured by.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        text_translator: TextTranslator,
        synthesizer: Synthesizer | None = None,
        *,
        name: str = "cascade",
        translate_partials: bool = True,
        part_timeout_ms: float = 10_000.0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.recognizer = recognizer
        self.text_translator = text_translator
        self.synthesizer = synthesizer
        self.translate_partials = translate_partials
        self.part_timeout_ms = part_timeout_ms
        self.clock = clock
        sources, targets = _languages(recognizer.languages, text_translator.pairs)
        self._capabilities = TranslatorCapabilities(
            name=name,
            input_formats=recognizer.input_formats,
            source_languages=sources,
            target_languages=targets,
            speech=synthesizer is not None,
            multi_target=True,
        )

    @property
    def capabilities(self) -> TranslatorCapabilities:
        """What the parts can do together."""
        return self._capabilities

    async def open(self, request: TranslationRequest) -> CascadeTranslation:
        """Start a translation for one speaker.

        Raises:
            UnsupportedLanguageError: A part lacks a language, or there is no such pair.
            ConfigurationError: Speech is wanted and there is no synthesizer.
        """
        self._capabilities.check(request)
        pairs = self.text_translator.pairs
        spoken = None if self.synthesizer is None else self.synthesizer.languages
        for target in request.target_languages:
            if pairs is not None:
                served = [to for of, to in pairs if language_matches(request.source_language, of)]
                _require(target, "target", served)
            if request.speech and spoken is not None:
                _require(target, "speech", spoken)
        return CascadeTranslation(self, request)

    async def aclose(self) -> None:
        """Close the parts that can be closed; close the translations first. Twice is harmless."""
        for part in (self.recognizer, self.text_translator, self.synthesizer):
            close = getattr(part, "aclose", None)
            if close is not None:
                await close()


def _require(tag: str, role: str, served: Iterable[str]) -> None:
    if not any(language_matches(tag, each) for each in served):
        raise UnsupportedLanguageError(tag, role, served)


def _languages(
    heard: tuple[str, ...] | None, pairs: tuple[tuple[str, str], ...] | None
) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """The source and target languages that a recogniser and a text translator have together."""
    if pairs is None:
        return heard, None
    if heard is None:
        heard = tuple(dict.fromkeys(source for source, _ in pairs))
    usable = [
        (tag, target) for tag in heard for source, target in pairs if language_matches(tag, source)
    ]
    sources = tuple(dict.fromkeys(tag for tag, _ in usable))
    targets = tuple(dict.fromkeys(target for _, target in usable))
    return sources, targets


__all__ = ["CascadeTranslator"]
