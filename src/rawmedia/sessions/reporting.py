"""The report of a session, out of its books."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.captions.report import (
    InputReport,
    SessionReport,
    Totals,
    TranslationReport,
    UtteranceReport,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawmedia.audio.format import AudioFormat
    from rawmedia.sessions.ledger import Ledger
    from rawmedia.sessions.metrics import Hearing, Utterance
    from rawmedia.streams.outbound import OutboundAudioStream
    from rawmedia.streams.reader import AudioReader
    from rawmedia.translators.request import TranslationRequest


def session_report(
    ledger: Ledger,
    engine: str,
    request: TranslationRequest,
    inbound: AudioReader,
    outbounds: Iterable[OutboundAudioStream],
    *,
    source: str | None,
    outcome: BaseException | str | None,
) -> SessionReport:
    """What happened so far, whole at any moment.

    Args:
        ledger: The books.
        engine: What the engine is called.
        request: What was asked for.
        inbound: Where the source came from, for what it lost.
        outbounds: Where the translation went, for where it ran out.
        source: The source's name, if it has one.
        outcome: What ended the session early, "complete", or anything else while it runs.
    """
    utterances = tuple(_utterance(each) for each in ledger if each.final is not None)
    return SessionReport(
        engine=engine,
        source_language=request.source_language,
        target_languages=request.target_languages,
        input=_input(inbound.format, ledger.source_ms, source),
        utterances=utterances,
        totals=Totals.of(
            utterances,
            overrun_ms=inbound.reader_stats.overrun_ms,
            underruns=sum(stream.stats.underruns for stream in outbounds),
        ),
        complete=outcome == "complete",
        error=f"{type(outcome).__name__}: {outcome}"
        if isinstance(outcome, BaseException)
        else None,
    )


def _input(layout: AudioFormat, heard_ms: float, source: str | None) -> InputReport | None:
    if not heard_ms:
        return None
    return InputReport(
        path=source,
        sample_rate=layout.sample_rate,
        num_channels=layout.num_channels,
        duration_ms=heard_ms,
    )


def _utterance(utterance: Utterance) -> UtteranceReport:
    final = utterance.final
    assert final is not None
    return UtteranceReport(
        id=utterance.utterance_id,
        start_ms=utterance.span.start_ms,
        end_ms=utterance.span.end_ms,
        source_text=final.source_text,
        translations={
            language: _translation(text, utterance.hearings.get(language))
            for language, text in final.translations.items()
        },
        untranslated=final.untranslated,
    )


def _translation(text: str, hearing: Hearing | None) -> TranslationReport:
    if hearing is None:
        return TranslationReport(text=text)
    return TranslationReport(
        text=text,
        spoken_ms=hearing.spoken_ms,
        heard_at_ms=hearing.start_ms,
        heard_until_ms=hearing.end_ms,
        cut=hearing.cut,
        ear_voice_span_ms=hearing.ear_voice_span_ms,
        end_offset_ms=hearing.end_offset_ms,
    )


__all__ = ["session_report"]
