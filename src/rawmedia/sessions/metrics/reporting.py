"""The report of a session, out of its books."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from rawmedia.captions.report import (
    InputReport,
    SessionReport,
    Totals,
    TranslationReport,
    UtteranceReport,
)
from rawmedia.sessions.metrics.utterance import Hearing, WrittenText

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.captions.figures import DirectionMetrics
    from rawmedia.sessions.metrics.ledger import Ledger
    from rawmedia.sessions.metrics.utterance import Utterance
    from rawmedia.translators.request import TranslationRequest


def session_report(
    ledger: Ledger,
    engine: str,
    request: TranslationRequest,
    heard: AudioFormat,
    *,
    source: str | None,
    overrun_ms: float,
    underruns: int,
    complete: bool,
    error: BaseException | None,
    metrics: DirectionMetrics | None = None,
) -> SessionReport:
    """What happened so far, whole at any moment; figures to a tenth of a millisecond.

    Args:
        ledger: The books.
        engine: What the engine is called.
        request: What was asked for.
        heard: What the source came in.
        source: The source's name, if it has one.
        overrun_ms: How much of the source was lost.
        underruns: How often translated speech ran out.
        complete: Whether the session came to its own end.
        error: What ended it early.
        metrics: The running figures; the books' own, with those above, unless others are given.
    """
    metrics = metrics or ledger.metrics(overrun_ms=overrun_ms, underruns=underruns)
    utterances = tuple(
        _utterance(each) for each in ledger if each.final is not None or each.hearings
    )
    totals = Totals.of(
        utterances,
        overrun_ms=_tenths(overrun_ms),
        underruns=underruns,
    )
    return SessionReport(
        engine=engine,
        source_language=request.source_language,
        target_languages=request.target_languages,
        input=_input(heard, ledger.source_ms, source),
        utterances=utterances,
        # A sum of tenths is none.
        totals=totals.model_copy(update={"spoken_ms": _tenths(totals.spoken_ms)}),
        complete=complete,
        error=None if error is None else _text(error),
        metrics=metrics.rounded(),
    )


def _input(layout: AudioFormat, heard_ms: float, source: str | None) -> InputReport | None:
    if not heard_ms:
        return None
    return InputReport(
        path=source,
        sample_rate=layout.sample_rate,
        num_channels=layout.num_channels,
        duration_ms=_tenths(heard_ms),
    )


def _utterance(utterance: Utterance) -> UtteranceReport:
    final = utterance.final
    texts = {} if final is None else final.translations
    return UtteranceReport(
        id=utterance.utterance_id,
        start_ms=_tenths(utterance.span.start_ms),
        end_ms=_tenths(utterance.span.end_ms),
        source_text="" if final is None else final.source_text,
        translations={
            language: _translation(
                texts.get(language, ""),
                utterance.hearings.get(language) or Hearing(),
                utterance.texts.get(language) or WrittenText(),
            )
            for language in (*texts, *(utterance.hearings.keys() - texts.keys()))
        },
        untranslated=() if final is None else final.untranslated,
    )


def _translation(text: str, hearing: Hearing, written: WrittenText) -> TranslationReport:
    return TranslationReport(
        text=text,
        spoken_ms=_tenths(hearing.spoken_ms),
        heard_at_ms=_tenths(hearing.start_ms),
        heard_until_ms=_tenths(hearing.end_ms),
        cut=hearing.cut,
        skipped_ms=_tenths(hearing.skipped_ms),
        ear_voice_span_ms=_tenths(hearing.ear_voice_span_ms),
        start_offset_ms=_tenths(hearing.start_offset_ms),
        end_offset_ms=_tenths(hearing.end_offset_ms),
        laal_ms=_tenths(hearing.laal_ms),
        text_laal_ms=_tenths(written.laal_ms),
        erasure=None if written.erasure is None else round(written.erasure, 3),
    )


@overload
def _tenths(ms: float) -> float: ...


@overload
def _tenths(ms: float | None) -> float | None: ...


def _tenths(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)


def _text(error: BaseException) -> str:
    """Of a cancellation, say, nothing but the name is known."""
    return f"{type(error).__name__}: {error}".removesuffix(": ")


__all__ = ["session_report"]
