"""The Azure Speech engine: one recogniser that hears, translates and speaks, in Microsoft's cloud.

And its three parts for a cascade. Each name is loaded when it is first used; Microsoft's SDK is,
when something is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.lazy import lazy_names

if TYPE_CHECKING:
    from rawmedia.translators.azure.config import AzureSpeechConfig
    from rawmedia.translators.azure.options import AzureOptions
    from rawmedia.translators.azure.speech_recognizer import AzureRecognizer
    from rawmedia.translators.azure.synthesis import AzureSynthesizer
    from rawmedia.translators.azure.text_translator import AzureTextTranslator
    from rawmedia.translators.azure.translation import AzureTranslation
    from rawmedia.translators.azure.translator import AzureTranslator

_HOMES = {
    "rawmedia.translators.azure.config": ("AzureSpeechConfig",),
    "rawmedia.translators.azure.options": ("AzureOptions",),
    "rawmedia.translators.azure.speech_recognizer": ("AzureRecognizer",),
    "rawmedia.translators.azure.synthesis": ("AzureSynthesizer",),
    "rawmedia.translators.azure.text_translator": ("AzureTextTranslator",),
    "rawmedia.translators.azure.translation": ("AzureTranslation",),
    "rawmedia.translators.azure.translator": ("AzureTranslator",),
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)

__all__ = [
    "AzureOptions",
    "AzureRecognizer",
    "AzureSpeechConfig",
    "AzureSynthesizer",
    "AzureTextTranslator",
    "AzureTranslation",
    "AzureTranslator",
]
