"""What a session leaves in writing: captions in WebVTT and SubRip, and a report in JSON."""

from __future__ import annotations

from rawmedia.captions.cue import Cue
from rawmedia.captions.opening import CAPTION_WRITERS, check_caption_suffix, open_captions
from rawmedia.captions.percentile import percentile
from rawmedia.captions.report import (
    InputReport,
    SessionReport,
    Totals,
    TranslationReport,
    UtteranceReport,
)
from rawmedia.captions.srt import SrtWriter
from rawmedia.captions.webvtt import WebVttWriter
from rawmedia.captions.writer import CaptionWriter

__all__ = [
    "CAPTION_WRITERS",
    "CaptionWriter",
    "Cue",
    "InputReport",
    "SessionReport",
    "SrtWriter",
    "Totals",
    "TranslationReport",
    "UtteranceReport",
    "WebVttWriter",
    "check_caption_suffix",
    "open_captions",
    "percentile",
]
