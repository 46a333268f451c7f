"""The embedded engine and its three parts: PocketSphinx, Apertium and eSpeak NG.

Names are loaded when they are used: the recogniser's worker process, which everybody waits
for when a call starts, needs none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.lazy import lazy_names

if TYPE_CHECKING:
    from rawmedia.translators.offline.apertium import ApertiumTranslator
    from rawmedia.translators.offline.espeak import EspeakSynthesizer
    from rawmedia.translators.offline.pocketsphinx import PocketSphinxRecognizer
    from rawmedia.translators.offline.translator import (
        OfflineTranslator,
        missing,
        offline_translator,
    )

_HOMES = {
    "rawmedia.translators.offline.apertium": ("ApertiumTranslator",),
    "rawmedia.translators.offline.espeak": ("EspeakSynthesizer",),
    "rawmedia.translators.offline.pocketsphinx": ("PocketSphinxRecognizer",),
    "rawmedia.translators.offline.translator": (
        "OfflineTranslator",
        "missing",
        "offline_translator",
    ),
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)

__all__ = [
    "ApertiumTranslator",
    "EspeakSynthesizer",
    "OfflineTranslator",
    "PocketSphinxRecognizer",
    "missing",
    "offline_translator",
]
