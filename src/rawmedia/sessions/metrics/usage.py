"""What engines did, counted by engine and language, whether they count themselves or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rawmedia.captions.figures import ReportedUsage, UsageFigures

if TYPE_CHECKING:
    from rawmedia.translators.events import Usage

OTHER = "other"
"""Where more engines and languages are named than anybody has."""
_MAX_ROWS = 64
# 30 years in milliseconds, at once; sums of such are still numbers that JSON can hold.
_MAX_COUNT = 1e12


@dataclass(slots=True)
class _Row:
    heard_ms: float = 0.0
    source_characters: int = 0
    target_characters: int = 0
    spoken_characters: int = 0
    speech_ms: float = 0.0


@dataclass(slots=True)
class _Reported:
    audio_ms: float = 0.0
    source_characters: int = 0
    target_characters: int = 0
    speech_ms: float = 0.0


@dataclass(slots=True)
class UsageBook:
    """Counts for one direction. Set ``engine`` when another one takes over."""

    engine: str = ""
    source_language: str = ""
    _rows: dict[tuple[str, str], _Row] = field(default_factory=dict)
    _reported: dict[str, _Reported] = field(default_factory=dict)

    def heard(self, ms: float) -> None:
        """The engine was given source audio."""
        self._row(self.source_language).heard_ms += ms

    def understood(self, text: str) -> None:
        """A source text is final."""
        self._row(self.source_language).source_characters += len(text)

    def translated(self, language: str, text: str) -> None:
        """A translation is final."""
        self._row(language).target_characters += len(text)

    def voiced(self, language: str, text: str) -> None:
        """There is speech of a translation."""
        self._row(language).spoken_characters += len(text)

    def synthesized(self, language: str, ms: float) -> None:
        """Speech was made."""
        self._row(language).speech_ms += ms

    def reported(self, usage: Usage) -> None:
        """The engine counts itself."""
        engine = self._known(self.engine, self._reported)
        sums = self._reported.setdefault(engine, _Reported())
        sums.audio_ms += _sane(usage.audio_ms)
        sums.source_characters += round(_sane(usage.source_characters))
        sums.target_characters += round(_sane(usage.target_characters))
        sums.speech_ms += _sane(usage.speech_ms)

    def figures(self) -> tuple[UsageFigures, ...]:
        """What was seen, by engine and language, in the order in which they appeared."""
        return tuple(
            UsageFigures(
                engine,
                language,
                row.heard_ms,
                row.source_characters,
                row.target_characters,
                row.spoken_characters,
                row.speech_ms,
            )
            for (engine, language), row in self._rows.items()
        )

    def reported_figures(self) -> tuple[ReportedUsage, ...]:
        """What engines that count themselves report."""
        return tuple(
            ReportedUsage(
                engine,
                sums.audio_ms,
                sums.source_characters,
                sums.target_characters,
                sums.speech_ms,
            )
            for engine, sums in self._reported.items()
        )

    def _row(self, language: str) -> _Row:
        key = self.engine, language
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= _MAX_ROWS:
                key = OTHER, OTHER
            row = self._rows.setdefault(key, _Row())
        return row

    @staticmethod
    def _known(name: str, rows: dict[str, _Reported]) -> str:
        return name if name in rows or len(rows) < _MAX_ROWS else OTHER


def _sane(count: float) -> float:
    """What an engine says it did; one that says that it did nonsense did nothing."""
    return count if 0 <= count < _MAX_COUNT else 0


__all__ = ["OTHER", "UsageBook"]
