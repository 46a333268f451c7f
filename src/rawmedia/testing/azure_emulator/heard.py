"""What was made out of a client's audio, before a message family puts it into words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rawmedia.testing.azure_emulator.script import ScriptedWord


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted:
    """Somebody begins to speak; times are milliseconds of the stream."""

    at_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Guessed:
    """What is being said, so far."""

    text: str
    translations: Mapping[str, str]
    start_ms: float
    end_ms: float
    language: str | None = None
    delay_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What was said between two pauses; acknowledges the audio up to ``end_ms``."""

    text: str
    translations: Mapping[str, str]
    start_ms: float
    end_ms: float
    language: str | None = None
    words: Sequence[ScriptedWord] = ()
    delay_ms: float = 0.0
    status: str = "Success"
    translation_status: str = "Success"


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """The speech of what was just understood, in one language, or a part of it."""

    language: str
    messages: Sequence[bytes]
    end_ms: float
    """Where in the stream what it says ends."""
    first: bool = True
    last: bool = True
    status: str = "Success"
    delay_ms: float = 0.0
    interval_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceDone:
    """All of what was just understood is told, its speech included."""

    end_ms: float


Heard = SpeechStarted | Guessed | Understood | Voice | UtteranceDone


@dataclass(slots=True)
class Asked:
    """What a client asked for in a turn; targets and voices may change while it runs."""

    source: str | None
    """What is spoken; None where the service is to find out."""
    candidates: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    voices: dict[str, str] = field(default_factory=dict)
    """By the target language that is to be spoken."""
    words: bool = False
    detailed: bool = False
    once: bool = False
    """Whether one utterance ends the turn."""
    silence_ms: float | None = None
    """How long nobody may speak at first."""

    @property
    def spoken(self) -> list[str]:
        """The target languages that are to be spoken."""
        targets = {target.lower() for target in self.targets}
        return [language for language in self.voices if language.lower() in targets]


def read_context(context: Mapping[str, Any], query: Mapping[str, Sequence[str]]) -> Asked:
    """What a ``speech.context`` asks for, and the query of the connection where it is silent.

    Whatever has another shape than the SDK gives it counts as not asked for.
    """
    detection, translation = _object(context, "phraseDetection"), _object(context, "translation")
    candidates = _strings(_object(context, "languageId").get("languages"))
    source = None if candidates else detection.get("language") or _first(query, "language", "from")
    voices = read_voices(_object(context, "synthesis"))
    targets = _strings(translation.get("targetLanguages")) or tuple(query.get("to", ()))
    if not voices and "texttospeech" in query.get("features", ()) and targets:
        voices = {targets[0]: _first(query, "voice") or ""}
    output = _object(context, "phraseOutput")
    options = _strings(_object(output, "detailed").get("options"))
    silence_ms = detection.get("initialSilenceTimeout")
    return Asked(
        source=source if isinstance(source, str) else None,
        candidates=candidates,
        targets=targets,
        voices=voices,
        words="WordTimings" in options,
        detailed=output.get("format") == "Detailed" or "detailed" in query.get("format", ()),
        once=detection.get("mode") == "INTERACTIVE",
        silence_ms=float(silence_ms) if isinstance(silence_ms, int | float) else None,
    )


def read_voices(synthesis: Mapping[str, Any]) -> dict[str, str]:
    """The voices of a ``synthesis`` object by language."""
    voices = _object(synthesis, "defaultVoices")
    return {language: str(voice) for language, voice in voices.items()}


def _object(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _strings(value: object) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _first(query: Mapping[str, Sequence[str]], *names: str) -> str | None:
    return next((query[name][0] for name in names if query.get(name)), None)


__all__ = [
    "Asked",
    "Guessed",
    "Heard",
    "SpeechStarted",
    "Understood",
    "UtteranceDone",
    "Voice",
    "read_context",
    "read_voices",
]
