"""The running figures of one direction: counters and histograms, and a snapshot of them at any moment."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from rawmedia.captions.erasure import Erasure
from rawmedia.captions.figures import (
    DirectionMetrics,
    EchoFigures,
    ErasureFigures,
    InputFigures,
    LatencyFigures,
    ResilienceFigures,
    SpeechFigures,
)
from rawmedia.sessions.metrics.latency import LatencyHistogram
from rawmedia.translators.resilience.steps import ResilienceWarning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.sessions.metrics.oddities import Oddity
    from rawmedia.sessions.metrics.usage import UsageBook
    from rawmedia.sessions.metrics.utterance import Hearing
    from rawmedia.sessions.speech.facts import SpeechStats
    from rawmedia.translators.events import TranslatorWarning


class DirectionMeter:
    """Counts for one direction; a count or a delay costs well below a microsecond. For one thread.

    Args:
        usage: What the engine is called and listens to, and what it did.
    """

    def __init__(self, usage: UsageBook) -> None:
        self.usage = usage
        self.made_ms = self.unheard_ms = 0.0
        self.untranslated_words = 0
        self.ear_voice_span = LatencyHistogram()
        self.start_offset = LatencyHistogram()
        self.end_offset = LatencyHistogram()
        self.laal = LatencyHistogram()
        self.text_laal = LatencyHistogram()
        self.erasure = Erasure()
        self.warnings = 0
        self.oddities: dict[str, int] = {}
        self._steps: dict[str, int] = {}
        self._replayed_ms = self._lost_ms = 0.0

    def odd(self, oddity: Oddity) -> bool:
        """The engine broke a rule; whether for the first time."""
        count = self.oddities[oddity] = self.oddities.get(oddity, 0) + 1
        return count == 1

    def warned(self, event: TranslatorWarning) -> None:
        """The engine, or what keeps it alive, survived something."""
        if not isinstance(event, ResilienceWarning):
            self.warnings += 1
            return
        self._steps[event.code] = self._steps.get(event.code, 0) + 1
        if event.code == "replayed":
            self._replayed_ms += event.audio_ms
        elif event.code == "audio_lost":
            self._lost_ms += event.audio_ms

    def heard(self, hearing: Hearing) -> None:
        """An utterance has been heard to its end in one language."""
        _add(self.ear_voice_span, hearing.ear_voice_span_ms)
        _add(self.start_offset, hearing.start_offset_ms)
        _add(self.end_offset, hearing.end_offset_ms)
        _add(self.laal, hearing.laal_ms)

    def revised(self, erasure: Erasure, laal_ms: float | None) -> None:
        """A text is final in one language."""
        self.erasure += erasure
        _add(self.text_laal, laal_ms)

    def snapshot(
        self,
        *,
        target_languages: tuple[str, ...],
        utterances: int,
        forgotten: int,
        input: InputFigures,
        speech: Sequence[SpeechStats],
        underruns: int,
        echo: EchoFigures | None,
    ) -> DirectionMetrics:
        """All of it at this moment; what others counted is given. See `Ledger.metrics`."""
        return DirectionMetrics(
            engine=self.usage.engine,
            source_language=self.usage.source_language,
            target_languages=target_languages,
            utterances=utterances,
            forgotten=forgotten,
            untranslated_words=self.untranslated_words,
            ear_voice_span=self.ear_voice_span.figures(),
            start_offset=self.start_offset.figures(),
            end_offset=self.end_offset.figures(),
            laal=self.laal.figures(),
            text_laal=self.text_laal.figures(),
            queueing_lag=_longest([each.lag for each in speech]),
            input=input,
            speech=self._speech(speech, underruns),
            erasure=ErasureFigures(
                self.erasure.erased, self.erasure.length, self.erasure.normalised
            ),
            resilience=ResilienceFigures(
                reconnects=self._steps.get("reconnected", 0),
                replays=self._steps.get("replayed", 0),
                replayed_ms=self._replayed_ms,
                lost_ms=self._lost_ms,
                steps=dict(self._steps),
            ),
            usage=self.usage.figures(),
            reported_usage=self.usage.reported_figures(),
            echo=echo,
            warnings=self.warnings,
            oddities=dict(self.oddities),
        )

    def _speech(self, stats: Sequence[SpeechStats], underruns: int) -> SpeechFigures:
        return SpeechFigures(
            made_ms=self.made_ms,
            played_ms=sum(each.played_ms for each in stats),
            queued_ms=sum(each.queued_ms for each in stats),
            speed_ups=sum(each.speed_ups for each in stats),
            sped_up_ms=sum(each.sped_up_ms for each in stats),
            trimmed_ms=sum(each.trimmed_ms for each in stats),
            skips=sum(each.skips for each in stats),
            skipped_ms=sum(each.skipped_ms for each in stats),
            interrupts=sum(each.interrupts for each in stats),
            interrupted_ms=sum(each.interrupted_ms for each in stats),
            underruns=sum((each.underruns for each in stats), underruns),
            underrun_ms=sum(each.underrun_ms for each in stats),
            refused_ms=sum(each.stale_ms + each.overflow_ms for each in stats),
            unheard_ms=self.unheard_ms,
        )


def _add(histogram: LatencyHistogram, ms: float | None) -> None:
    """A figure that could not be had, or that a span out of all bounds made, is none."""
    if ms is not None and isfinite(ms):
        histogram.add(ms)


def _longest(lags: Sequence[LatencyFigures]) -> LatencyFigures:
    """Of several listeners the one who waits longest, figure by figure.

    No percentile of all their lags together is above the greatest of the single ones.
    """
    lags = [each for each in lags if each.count]
    if len(lags) <= 1:
        return lags[0] if lags else LatencyFigures()
    count = sum(each.count for each in lags)
    return LatencyFigures(
        count=count,
        mean_ms=sum((each.mean_ms or 0.0) * each.count for each in lags) / count,
        p50_ms=_max([each.p50_ms for each in lags]),
        p90_ms=_max([each.p90_ms for each in lags]),
        p99_ms=_max([each.p99_ms for each in lags]),
        max_ms=_max([each.max_ms for each in lags]),
    )


def _max(figures: Sequence[float | None]) -> float | None:
    return max((each for each in figures if each is not None), default=None)


__all__ = ["DirectionMeter"]
