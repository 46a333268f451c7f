"""The decisions of resilience, without a clock or a task: facts and times in, decisions out.

`Resilience` is the machine; `ResilientTranslator` in ``rawmedia.translators.resilient`` runs it
around any engine.
"""

from __future__ import annotations

from rawmedia.translators.resilience.config import ResilienceConfig
from rawmedia.translators.resilience.machine import Resilience, ResilienceStats
from rawmedia.translators.resilience.session import Engine
from rawmedia.translators.resilience.steps import ResilienceCode, ResilienceWarning

__all__ = [
    "Engine",
    "Resilience",
    "ResilienceCode",
    "ResilienceConfig",
    "ResilienceStats",
    "ResilienceWarning",
]
