"""Conformance checks: whether your translator, leg, codec, dialect, clock or part keeps its protocol's promises.

Each ``check_...`` is an async function that needs no test framework. It raises a
`BrokenPromiseError` that says which promise was broken, how to see it and where it is
written; or it returns a `Report` of what was checked, and what could not be and why. The lists,
such as ``TRANSLATOR_CHECKS``, name the checks; ``only=`` runs one of them. Each name is loaded when
it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.lazy import lazy_names

if TYPE_CHECKING:
    from rawmedia.testing.checks.broken import BrokenPromiseError
    from rawmedia.testing.checks.check import Check, CheckList, Report
    from rawmedia.testing.checks.clock import CLOCK_CHECKS, check_clock
    from rawmedia.testing.checks.codec import CODEC_CHECKS, check_codec
    from rawmedia.testing.checks.dialect import DIALECT_CHECKS, check_dialect
    from rawmedia.testing.checks.leg import LEG_CHECKS, carried, check_leg
    from rawmedia.testing.checks.recognizer import RECOGNIZER_CHECKS, check_recognizer
    from rawmedia.testing.checks.synthesizer import SYNTHESIZER_CHECKS, check_synthesizer
    from rawmedia.testing.checks.text_translator import (
        TEXT_TRANSLATOR_CHECKS,
        check_text_translator,
    )
    from rawmedia.testing.checks.translator import TRANSLATOR_CHECKS, check_translator

_HOMES = {
    "rawmedia.testing.checks.broken": ("BrokenPromiseError",),
    "rawmedia.testing.checks.check": ("Check", "CheckList", "Report"),
    "rawmedia.testing.checks.clock": ("CLOCK_CHECKS", "check_clock"),
    "rawmedia.testing.checks.codec": ("CODEC_CHECKS", "check_codec"),
    "rawmedia.testing.checks.dialect": ("DIALECT_CHECKS", "check_dialect"),
    "rawmedia.testing.checks.leg": ("LEG_CHECKS", "carried", "check_leg"),
    "rawmedia.testing.checks.recognizer": ("RECOGNIZER_CHECKS", "check_recognizer"),
    "rawmedia.testing.checks.synthesizer": ("SYNTHESIZER_CHECKS", "check_synthesizer"),
    "rawmedia.testing.checks.text_translator": ("TEXT_TRANSLATOR_CHECKS", "check_text_translator"),
    "rawmedia.testing.checks.translator": ("TRANSLATOR_CHECKS", "check_translator"),
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)

__all__ = [
    "CLOCK_CHECKS",
    "CODEC_CHECKS",
    "DIALECT_CHECKS",
    "LEG_CHECKS",
    "RECOGNIZER_CHECKS",
    "SYNTHESIZER_CHECKS",
    "TEXT_TRANSLATOR_CHECKS",
    "TRANSLATOR_CHECKS",
    "BrokenPromiseError",
    "Check",
    "CheckList",
    "Report",
    "carried",
    "check_clock",
    "check_codec",
    "check_dialect",
    "check_leg",
    "check_recognizer",
    "check_synthesizer",
    "check_text_translator",
    "check_translator",
]
