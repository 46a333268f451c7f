"""The Azure Speech engine: one recogniser that hears, translates and speaks, in Microsoft's cloud.

Nothing here loads Microsoft's SDK; opening a translation does.
"""

from __future__ import annotations

from rawmedia.translators.azure.config import AzureSpeechConfig
from rawmedia.translators.azure.translator import AzureTranslation, AzureTranslator

__all__ = ["AzureSpeechConfig", "AzureTranslation", "AzureTranslator"]
