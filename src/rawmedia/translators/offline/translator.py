"""The embedded engine: hears English, speaks Spanish, with no key and no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.translators.cascade import CascadeTranslator
from rawmedia.translators.offline.apertium import ApertiumTranslator, missing_mode, mode_path
from rawmedia.translators.offline.espeak import EspeakSynthesizer
from rawmedia.translators.offline.espeak_library import installed as espeak_installed
from rawmedia.translators.offline.espeak_library import missing_espeak
from rawmedia.translators.offline.pocketsphinx import (
    PocketSphinxRecognizer,
    missing_pocketsphinx,
    pocketsphinx_installed,
)

if TYPE_CHECKING:
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.cascade_translation import CascadeTranslation
    from rawmedia.translators.request import TranslationRequest


class OfflineTranslator(CascadeTranslator):
    """PocketSphinx hears, Apertium translates, eSpeak NG speaks.

    A demonstration and a test engine: on clean speech it is understood, with a little noise
    it mishears and then translates the mishearing fluently. From English, into Spanish and,
    experimentally, French. Text and speech start some 450 ms after the end of an utterance.

    Processes start at the first ``open`` and end at ``aclose`` or when this object is garbage.

    Args:
        clock: What the cascade's waits are measured by. The processes run in real time.
    """

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._pocketsphinx = PocketSphinxRecognizer()
        self._apertium = ApertiumTranslator()
        self._espeak = EspeakSynthesizer()
        super().__init__(
            self._pocketsphinx, self._apertium, self._espeak, name="offline", clock=clock
        )

    async def open(self, request: TranslationRequest) -> CascadeTranslation:
        """Start a translation for one speaker, with all that it needs up and running.

        Takes half a second for the recogniser's model, and longer for what starts the first time.

        Raises:
            ConfigurationError: It can't serve the request (``capabilities.check``), or has
                no such voice.
            MissingDependencyError: Something is not installed; says which command adds it.
            EngineFailedError: Something did not start.
        """
        self.capabilities.check(request)
        for target in request.target_languages:
            if request.speech:
                await self._espeak.prepare(target, request.voices.get(target))
            await self._apertium.prepare(request.source_language, target)
        await self._pocketsphinx.prepare()
        return await super().open(request)


def offline_translator(*, clock: Clock = SYSTEM_CLOCK) -> OfflineTranslator:
    """The embedded engine; nothing is started or looked for before it is used."""
    return OfflineTranslator(clock=clock)


def missing() -> list[tuple[str, str]]:
    """What English to Spanish still needs on this machine: each thing and the command that adds it."""
    errors = []
    if not pocketsphinx_installed():
        errors.append(missing_pocketsphinx())
    if mode_path("eng-spa") is None:
        errors.append(missing_mode("eng-spa"))
    if not espeak_installed():
        errors.append(missing_espeak())
    return [(error.what, error.command) for error in errors]


__all__ = ["OfflineTranslator", "missing", "offline_translator"]
