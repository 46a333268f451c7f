"""What a scripted translator is told: who says what and when, and how the engine takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rawmedia.audio.frame import AudioFrame

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.translators.events import TranslationEvent

Speech: TypeAlias = AudioFrame | npt.NDArray[Any] | float
"""A frame, int16 samples in the translator's ``speech_format``, or the length of a tone in ms."""

_TONE_HZ = 440.0
_TONE_PEAK = 8_192  # a quarter of full scale, about -12 dBFS


@dataclass(frozen=True, kw_only=True)
class ScriptedUtterance:
    """Something that is said in the source, and how the engine answers it.

    Places are source media time, delays are the clock's time. The final comes ``delay_ms``
    after the frame that reaches ``end_ms``, but not before that of the utterance before;
    the speech not before that of the utterance before is out.
    """

    source_text: str
    start_ms: float
    end_ms: float
    translations: Mapping[str, str] = field(default_factory=dict)
    """By target language, any number of them; only those that were requested are reported."""
    revisions: Sequence[str | tuple[str, Mapping[str, str]]] = ()
    """Partials, spread evenly from start to end: source text, or that and its translations."""
    audio: Speech | Mapping[str, Speech] | None = None
    """What is spoken: the same in every target language, or by target language."""
    revision_delay_ms: float = 0.0
    """From the source audio of a revision to its partial; one later than the final never comes."""
    delay_ms: float = 0.0
    """From the end of the source audio to the final."""
    audio_delay_ms: float = 0.0
    """From the final to the first piece of speech."""
    audio_interval_ms: float = 0.0
    """From one piece of speech to the next; 0 gives all at once."""
    answered: bool = True
    """False: there are partials, but the final never comes, and progress stays at its start."""

    def speech(self, language: str, format: AudioFormat) -> AudioFrame | None:
        """What is said in a language, as one frame from position 0.

        Args:
            language: As the request names it.
            format: Of tones and arrays; a frame keeps its own.
        """
        audio = self.audio.get(language) if isinstance(self.audio, Mapping) else self.audio
        if audio is None or isinstance(audio, AudioFrame):
            return audio
        if isinstance(audio, np.ndarray):
            return AudioFrame(audio, format)
        instants = np.arange(format.samples(audio))
        wave = _TONE_PEAK * np.sin(2 * np.pi * _TONE_HZ * instants / format.sample_rate)
        return AudioFrame(
            np.repeat(wave.astype(np.int16)[:, np.newaxis], format.num_channels, axis=1), format
        )


@dataclass(frozen=True, kw_only=True)
class ScriptedEvent:
    """An event that the engine reports ``delay_ms`` after the source reached ``at_ms``."""

    at_ms: float
    event: TranslationEvent
    delay_ms: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ScriptedCrash:
    """The engine fails ``delay_ms`` after the source reached ``at_ms``."""

    at_ms: float
    error: Exception | None = None
    """What it raises; an `EngineCrashedError` if not given."""
    delay_ms: float = 0.0
    times: int = 1
    """How often it happens, over all of the translator's translations; later they get past it."""


@dataclass(frozen=True, kw_only=True)
class ScriptedStall:
    """The engine takes no more frames once the source reached ``at_ms``; what it owes still comes."""

    at_ms: float
    duration_ms: float | None = None
    """For how long; None is for ever."""
    times: int = 1
    """How often it happens, over all of the translator's translations; later they get past it."""


ScriptItem: TypeAlias = ScriptedUtterance | ScriptedEvent | ScriptedCrash | ScriptedStall

__all__ = [
    "ScriptItem",
    "ScriptedCrash",
    "ScriptedEvent",
    "ScriptedStall",
    "ScriptedUtterance",
    "Speech",
]
