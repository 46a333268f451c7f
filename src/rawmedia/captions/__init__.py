"""What is shown and what stays in writing: live captions, WebVTT and SubRip, transcripts, figures, a report.

Each name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

# At once, as its module, which has the same name, would hide it once it is loaded.
from rawmedia.captions.percentile import percentile
from rawmedia.lazy import lazy_names

if TYPE_CHECKING:
    from rawmedia.captions.cue import Cue, CueSink
    from rawmedia.captions.erasure import Erasure, ErasureMeter, erasure_of
    from rawmedia.captions.feed import CaptionFeed, CaptionSubscription, SubscriberStats
    from rawmedia.captions.figures import (
        DirectionMetrics,
        ErasureFigures,
        InputFigures,
        LatencyFigures,
        ReportedUsage,
        ResilienceFigures,
        SessionMetrics,
        SpeechFigures,
        UsageFigures,
    )
    from rawmedia.captions.live import CaptionKey, CaptionUpdate, LiveCaptions, LiveCaptionStats
    from rawmedia.captions.opening import CAPTION_WRITERS, check_caption_suffix, open_captions
    from rawmedia.captions.reading import CHARACTERS_PER_SECOND, CueExtender, reading_ms
    from rawmedia.captions.report import (
        CallReport,
        InputReport,
        SessionReport,
        Totals,
        TranslationReport,
        UtteranceReport,
    )
    from rawmedia.captions.srt import SrtWriter
    from rawmedia.captions.stable import StabilityConfig, StableText
    from rawmedia.captions.transcript import TranscriptEntry, TranscriptWord, read_transcript
    from rawmedia.captions.transcript_writer import (
        JsonLinesTranscript,
        MarkdownTranscript,
        TranscriptWriter,
        open_transcript,
    )
    from rawmedia.captions.webvtt import WebVttWriter
    from rawmedia.captions.writer import CaptionWriter

_HOMES = {
    "rawmedia.captions.cue": (
        "Cue",
        "CueSink",
    ),
    "rawmedia.captions.erasure": (
        "Erasure",
        "ErasureMeter",
        "erasure_of",
    ),
    "rawmedia.captions.feed": (
        "CaptionFeed",
        "CaptionSubscription",
        "SubscriberStats",
    ),
    "rawmedia.captions.figures": (
        "DirectionMetrics",
        "ErasureFigures",
        "InputFigures",
        "LatencyFigures",
        "ReportedUsage",
        "ResilienceFigures",
        "SessionMetrics",
        "SpeechFigures",
        "UsageFigures",
    ),
    "rawmedia.captions.live": (
        "CaptionKey",
        "CaptionUpdate",
        "LiveCaptions",
        "LiveCaptionStats",
    ),
    "rawmedia.captions.opening": (
        "CAPTION_WRITERS",
        "check_caption_suffix",
        "open_captions",
    ),
    "rawmedia.captions.reading": (
        "CHARACTERS_PER_SECOND",
        "CueExtender",
        "reading_ms",
    ),
    "rawmedia.captions.report": (
        "CallReport",
        "InputReport",
        "SessionReport",
        "Totals",
        "TranslationReport",
        "UtteranceReport",
    ),
    "rawmedia.captions.srt": ("SrtWriter",),
    "rawmedia.captions.stable": (
        "StabilityConfig",
        "StableText",
    ),
    "rawmedia.captions.transcript": (
        "TranscriptEntry",
        "TranscriptWord",
        "read_transcript",
    ),
    "rawmedia.captions.transcript_writer": (
        "JsonLinesTranscript",
        "MarkdownTranscript",
        "TranscriptWriter",
        "open_transcript",
    ),
    "rawmedia.captions.webvtt": ("WebVttWriter",),
    "rawmedia.captions.writer": ("CaptionWriter",),
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)

__all__ = [
    "CAPTION_WRITERS",
    "CHARACTERS_PER_SECOND",
    "CallReport",
    "CaptionFeed",
    "CaptionKey",
    "CaptionSubscription",
    "CaptionUpdate",
    "CaptionWriter",
    "Cue",
    "CueExtender",
    "CueSink",
    "DirectionMetrics",
    "Erasure",
    "ErasureFigures",
    "ErasureMeter",
    "InputFigures",
    "InputReport",
    "JsonLinesTranscript",
    "LatencyFigures",
    "LiveCaptionStats",
    "LiveCaptions",
    "MarkdownTranscript",
    "ReportedUsage",
    "ResilienceFigures",
    "SessionMetrics",
    "SessionReport",
    "SpeechFigures",
    "SrtWriter",
    "StabilityConfig",
    "StableText",
    "SubscriberStats",
    "Totals",
    "TranscriptEntry",
    "TranscriptWord",
    "TranscriptWriter",
    "TranslationReport",
    "UsageFigures",
    "UtteranceReport",
    "WebVttWriter",
    "check_caption_suffix",
    "erasure_of",
    "open_captions",
    "open_transcript",
    "percentile",
    "read_transcript",
    "reading_ms",
]
