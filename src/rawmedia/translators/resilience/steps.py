"""What a resilient translation tells of itself: a warning with a code that programs can rely on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from rawmedia.translators.events import TranslatorWarning

ResilienceCode: TypeAlias = Literal[
    "reconnecting",  # the engine is gone; another attempt follows
    "reconnected",  # an engine runs again
    "replayed",  # `audio_ms` of audio is sent again, or for the first time after an outage
    "audio_lost",  # `audio_ms` of audio reached no engine that answered for it
    "duplicate_dropped",  # what was said before was recognised again, and left out
    "partly_repeated",  # a text repeats words said before, because it has new ones too
    "speech_resumed",  # speech that broke off goes on where it did
    "speech_dropped",  # speech that broke off, or never came, will not come
    "handing_over",  # a second translation is opened while the first still runs
    "handed_over",  # the second has taken over
    "handover_failed",  # the second could not be opened; the first goes on
    "failed_over",  # the next engine of the list is tried
    "failed_back",  # the first engine of the list is in use again
    "call_refused",  # an engine failed at a change, a commit or an interrupt; it goes on without
]
"""Stable names of the steps."""


@dataclass(frozen=True, slots=True)
class ResilienceWarning(TranslatorWarning):
    """A step that a resilient translation took to survive."""

    code: ResilienceCode = field(kw_only=True)
    """Which step."""
    audio_ms: float = field(default=0.0, kw_only=True)
    """How much source audio it is about, where it is about some."""
    engine: str = field(default="", kw_only=True)
    """The engine that translates from here on, by the name in its capabilities; empty where the step
    puts none into use."""


__all__ = ["ResilienceCode", "ResilienceWarning"]
