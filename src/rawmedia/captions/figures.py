"""The figures of a session as values: what a snapshot and a report hold of each direction."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeVar

from rawmedia.audio.echo.figures import EchoFigures


@dataclass(frozen=True, slots=True)
class LatencyFigures:
    """How long something took, in milliseconds; None where it has not happened yet."""

    count: int = 0
    mean_ms: float | None = None
    p50_ms: float | None = None
    """Nearest rank, like all percentiles here."""
    p90_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None


@dataclass(frozen=True, slots=True)
class InputFigures:
    """What became of the audio of the one who speaks."""

    heard_ms: float = 0.0
    """How much of it the session has taken."""
    overrun_ms: float = 0.0
    """Dropped because it was not taken in time."""
    gaps: int = 0
    """How often some never came."""
    gap_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class SpeechFigures:
    """What became of the translated speech, all languages and listeners together.

    Milliseconds are those of the engine's audio, unless said.
    """

    made_ms: float = 0.0
    """What the engine made, once for each language, however many listen."""
    played_ms: float = 0.0
    """What was heard."""
    queued_ms: float = 0.0
    """What waits to be."""
    speed_ups: int = 0
    """How many utterances were played faster than they were made."""
    sped_up_ms: float = 0.0
    """How much time that saved."""
    trimmed_ms: float = 0.0
    """Pauses that were cut out."""
    skips: int = 0
    """How often speech was left out to catch up."""
    skipped_ms: float = 0.0
    interrupts: int = 0
    interrupted_ms: float = 0.0
    """Dropped by interrupts."""
    underruns: int = 0
    """How often speech ran out in the middle of an utterance."""
    underrun_ms: float = 0.0
    """How long these breaks were, on the clock."""
    refused_ms: float = 0.0
    """What came too late, after its utterance was cut off or over, or when there was no room."""
    unheard_ms: float = 0.0
    """Made in a language that nobody hears."""


@dataclass(frozen=True, slots=True)
class ErasureFigures:
    """How much of the engine's partial translations was taken back, in all final utterances."""

    erased_words: int = 0
    """As `rawmedia.captions.erasure` counts them."""
    final_words: int = 0
    normalised: float | None = None
    """The first over the second, the normalised erasure; None where there is no text."""


@dataclass(frozen=True, slots=True)
class ResilienceFigures:
    """What a resilient translation had to do."""

    reconnects: int = 0
    """How often an engine ran again after it was gone."""
    replays: int = 0
    """How often audio was sent again."""
    replayed_ms: float = 0.0
    lost_ms: float = 0.0
    """Source audio that reached no engine which answered for it."""
    steps: dict[str, int] = field(default_factory=dict)
    """How often each step was taken, by its code (`ResilienceCode`)."""


@dataclass(frozen=True, slots=True)
class UsageFigures:
    """What an engine did in one language: of the source it hears, of a target it writes and speaks."""

    engine: str
    language: str
    heard_ms: float = 0.0
    """Source audio that it was given, or says that it processed."""
    source_characters: int = 0
    """Characters of final source texts."""
    target_characters: int = 0
    """Characters translated into this language."""
    spoken_characters: int = 0
    """Those of them that there is speech of."""
    speech_ms: float = 0.0
    """Speech synthesized."""


@dataclass(frozen=True, slots=True)
class ReportedUsage:
    """What an engine's `Usage` events sum up to; 0 for what it does not report."""

    engine: str
    audio_ms: float = 0.0
    source_characters: int = 0
    target_characters: int = 0
    speech_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class DirectionMetrics:
    """One direction of a session, at one moment."""

    engine: str = ""
    source_language: str = ""
    target_languages: tuple[str, ...] = ()
    utterances: int = 0
    """All that the engine began, those that the books have forgotten since included."""
    forgotten: int = 0
    untranslated_words: int = 0
    ear_voice_span: LatencyFigures = LatencyFigures()
    """From the first word to the first of its translation being heard, the engine's delay included."""
    start_offset: LatencyFigures = LatencyFigures()
    """From the start of an utterance's span to the first of its translation being heard."""
    end_offset: LatencyFigures = LatencyFigures()
    """From the end of an utterance to the last of its translation being heard."""
    laal: LatencyFigures = LatencyFigures()
    """Length-adaptive average lagging of what was heard."""
    text_laal: LatencyFigures = LatencyFigures()
    """The same of the text as the engine gave it, word by word as it came to stay."""
    queueing_lag: LatencyFigures = LatencyFigures()
    """From translated speech being there to its being heard; what `max_lag_ms` bounds."""
    input: InputFigures = InputFigures()
    speech: SpeechFigures = SpeechFigures()
    erasure: ErasureFigures = ErasureFigures()
    resilience: ResilienceFigures = ResilienceFigures()
    usage: tuple[UsageFigures, ...] = ()
    """What was seen, by engine and language."""
    reported_usage: tuple[ReportedUsage, ...] = ()
    """What engines that count themselves report."""
    echo: EchoFigures | None = None
    """None where no guard was on."""
    warnings: int = 0
    """How many an engine gave, steps of resilience apart."""
    oddities: dict[str, int] = field(default_factory=dict)
    """How often an engine broke a rule of the protocol, by which one (`Oddity`)."""

    def as_dict(self) -> dict[str, Any]:
        """The same in dicts, lists, strings and numbers, ready for JSON."""
        return asdict(self)

    def rounded(self) -> DirectionMetrics:
        """The same for a report: milliseconds to a tenth, names as UTF-8 can hold them."""
        return _rounded(self)


@dataclass(frozen=True, slots=True)
class SessionMetrics:
    """Every direction of a session, at one moment."""

    directions: dict[str, DirectionMetrics] = field(default_factory=dict)
    """By a name such as ``a to b``, or the speaker's."""

    def as_dict(self) -> dict[str, Any]:
        """The same in dicts, lists, strings and numbers, ready for JSON."""
        return asdict(self)


_Figures = TypeVar("_Figures")


def _rounded(value: _Figures) -> _Figures:
    """Milliseconds and decibels to a tenth, what else there is to a thousandth."""
    changes = {
        each.name: _short(getattr(value, each.name), 1 if each.name.endswith(("_ms", "_db")) else 3)
        for each in fields(value)  # type: ignore[arg-type]
    }
    return replace(value, **changes)  # type: ignore[type-var]


def _short(value: object, digits: int) -> object:
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, str):
        # Languages are named by engines; half a surrogate pair is no JSON.
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, tuple):
        return tuple(_short(each, digits) for each in value)
    return _rounded(value) if is_dataclass(value) else value


__all__ = [
    "DirectionMetrics",
    "EchoFigures",
    "ErasureFigures",
    "InputFigures",
    "LatencyFigures",
    "ReportedUsage",
    "ResilienceFigures",
    "SessionMetrics",
    "SpeechFigures",
    "UsageFigures",
]
