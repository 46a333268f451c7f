"""A translator whose translation is open already."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translation, Translator, TranslatorCapabilities


class OpenedTranslator:
    """Gives an interpreter the translation that was opened before.

    So an engine that can't be started is found out before the files of earlier results are
    emptied for new ones.
    """

    def __init__(self, translator: Translator, translation: Translation) -> None:
        self._translator = translator
        self._translation = translation

    @property
    def capabilities(self) -> TranslatorCapabilities:
        """The engine's."""
        return self._translator.capabilities

    async def open(self, request: TranslationRequest) -> Translation:  # noqa: ARG002
        """Hand it over; whoever made this closes it too, which is harmless."""
        return self._translation


__all__ = ["OpenedTranslator"]
