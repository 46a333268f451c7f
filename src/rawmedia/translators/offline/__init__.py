"""The embedded engine and its three parts: PocketSphinx, Apertium and eSpeak NG.

Names are loaded when they are used: the recogniser's worker process, which everybody waits
for when a call starts, needs none of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rawmedia.translators.offline.apertium import ApertiumTranslator
    from rawmedia.translators.offline.espeak import EspeakSynthesizer
    from rawmedia.translators.offline.pocketsphinx import PocketSphinxRecognizer
    from rawmedia.translators.offline.translator import (
        OfflineTranslator,
        missing,
        offline_translator,
    )

_MODULES = {
    "ApertiumTranslator": "apertium",
    "EspeakSynthesizer": "espeak",
    "OfflineTranslator": "translator",
    "PocketSphinxRecognizer": "pocketsphinx",
    "missing": "translator",
    "offline_translator": "translator",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


__all__ = [
    "ApertiumTranslator",
    "EspeakSynthesizer",
    "OfflineTranslator",
    "PocketSphinxRecognizer",
    "missing",
    "offline_translator",
]
