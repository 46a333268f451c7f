"""What tests of calls assert beside audio: that something was said in time, and that no audio is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from rawmedia.captions.cue import Cue
from rawmedia.captions.report import SessionReport
from rawmedia.errors import ConfigurationError
from rawmedia.testing.compare import assert_same_audio
from rawmedia.translators.events import FinalTranslation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawmedia.audio.frame import AudioFrame

Captions: TypeAlias = SessionReport | Iterable[Cue | object]
"""A session's report, captions, or events, of which the final translations count."""

_MAX_NAMED = 5
_APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"
_WORD = re.compile(rf"[^\W_]+(?:['{_APOSTROPHE}][^\W_]+)*")
# Milliseconds of odd rates are no round numbers.
_TOLERANCE_MS = 1e-6


def assert_said(
    captions: Captions,
    text: str,
    *,
    within_ms: float | None = None,
    at_ms: float | None = None,
    language: str | None = None,
) -> None:
    """Check that a text is in the captions, and when it begins.

    Words are compared, not case, punctuation or spaces. The text may be a part of a caption or go
    on over several; its time is that of the caption in which it begins. Where it is said more than
    once, the time that fits best counts.

    Args:
        captions: A `SessionReport`; captions as `Cue`; or a session's or translation's events.
        text: What must have been said.
        within_ms: How far from ``at_ms`` it may begin, either way. Without ``at_ms``: of a report and
            a ``language``, how long after the source's words their translation may begin to be
            heard (its ear-voice span).
        at_ms: When it must begin, in milliseconds as the captions have it.
        language: Look at the translation into this language; without it, of a report or events, at
            the source's text, and of captions at all.

    Raises:
        AssertionError: It was not said, or not then; the text says what came nearest, and when.
        ConfigurationError: ``text`` has no word, or the times asked for make no sense here.
    """
    wanted = _words(text)
    if not wanted:
        raise ConfigurationError("text", f"at least a word, not {text!r}")
    if within_ms is not None and not within_ms >= 0:
        raise ConfigurationError("within_ms", f"0 or more, not {within_ms}")
    if at_ms is not None and within_ms is None:
        raise ConfigurationError("within_ms", "how far from at_ms it may be")
    lines = list(_lines(captions, language))
    if within_ms is not None and at_ms is None and not _tells_latency(captions, language):
        raise ConfigurationError(
            "within_ms", "needs at_ms, or a report and a language, where latency is known"
        )
    found = _occurrences(lines, wanted)
    if not found:
        raise AssertionError(_not_said(text, wanted, lines))
    if within_ms is None:
        return
    off_ms = [
        (ms, line)
        for line in found
        if (ms := line.lag_ms if at_ms is None else line.start_ms - at_ms) is not None
    ]
    if not off_ms:
        raise AssertionError(f"{text!r} was said, but when it was heard is not known")
    best_ms, best = min(off_ms, key=lambda each: abs(each[0]))
    if abs(best_ms) > within_ms + _TOLERANCE_MS:
        raise AssertionError(_not_then(text, best, best_ms, within_ms, at_ms))


def assert_no_gap(frames: Iterable[AudioFrame], *, within_ms: float = 0.0) -> None:
    """Check that frames follow each other without a hole, an overlap or filler.

    Filler is silence that the library put where there was no audio, so it counts as a hole; what a
    party says nothing in does not.

    Args:
        frames: In order, as a reader got them.
        within_ms: How long a hole may be and still pass; nothing that goes back does.

    Raises:
        AssertionError: Audio is missing, or came twice; the text says where and how much.
    """
    got = list(frames)
    holes = [each for each in _holes(got) if each[1] - each[0] > within_ms + _TOLERANCE_MS]
    problems = [
        (start_ms, f"  {start_ms:.1f} to {end_ms:.1f} ms: {end_ms - start_ms:.1f} ms missing")
        for start_ms, end_ms in holes
    ]
    for one, other in pairwise(got):
        if other.position < one.end:
            back_ms = one.end_ms - other.start_ms
            account = f"  {other.start_ms:.1f} ms: goes back by {back_ms:.1f} ms, which came twice"
            problems.append((other.start_ms, account))
    if problems:
        missing_ms = sum(end_ms - start_ms for start_ms, end_ms in holes)
        places = "1 place" if len(holes) == 1 else f"{len(holes)} places"
        lines = [f"{missing_ms:.1f} ms of audio missing, in {places}"]
        lines += [account for _, account in sorted(problems)[:_MAX_NAMED]]
        if len(problems) > _MAX_NAMED:
            lines.append(f"  and {len(problems) - _MAX_NAMED} more")
        raise AssertionError("\n".join(lines))


def _holes(frames: list[AudioFrame]) -> Iterator[tuple[float, float]]:
    """Where audio is missing, from and to in ms, filler or nothing at all; holes that touch are one."""
    parts = [(one.end_ms, other.start_ms) for one, other in pairwise(frames)]
    parts += [(frame.start_ms, frame.end_ms) for frame in frames if frame.filler]
    start_ms = end_ms = -1.0
    for part_start_ms, part_end_ms in sorted(part for part in parts if part[0] < part[1]):
        if part_start_ms > end_ms + _TOLERANCE_MS:
            if end_ms > start_ms:
                yield start_ms, end_ms
            start_ms = part_start_ms
        end_ms = max(end_ms, part_end_ms)
    if end_ms > start_ms:
        yield start_ms, end_ms


def _tells_latency(captions: Captions, language: str | None) -> bool:
    return isinstance(captions, SessionReport) and language is not None


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """Something that was said, with its time."""

    text: str
    start_ms: float
    end_ms: float
    lag_ms: float | None = None
    """How long after the source's words it was heard, where that is known."""


def _lines(captions: Captions, language: str | None) -> Iterator[_Line]:
    if isinstance(captions, SessionReport):
        yield from _reported(captions, language)
        return
    for each in captions:
        if isinstance(each, Cue):
            if language is None or each.language in (None, language):
                yield _Line(each.text, each.start_ms, each.end_ms)
        elif isinstance(each, FinalTranslation):
            text = each.source_text if language is None else each.translations.get(language)
            if text is not None:
                yield _Line(text, each.span.start_ms, each.span.end_ms)


def _reported(report: SessionReport, language: str | None) -> Iterator[_Line]:
    for one in report.utterances:
        if language is None:
            yield _Line(one.source_text, one.start_ms, one.end_ms)
        elif (translation := one.translations.get(language)) is not None:
            start_ms, end_ms = translation.heard_at_ms, translation.heard_until_ms
            yield _Line(
                translation.text,
                one.start_ms if start_ms is None else start_ms,
                one.end_ms if end_ms is None else end_ms,
                translation.ear_voice_span_ms,
            )


def _words(text: str) -> list[str]:
    return [word.casefold().replace(_APOSTROPHE, "'") for word in _WORD.findall(text)]


def _occurrences(lines: list[_Line], wanted: list[str]) -> list[_Line]:
    """The lines in which the words begin, each as often as they do."""
    said = [(word, line) for line in lines for word in _words(line.text)]
    words = [word for word, _ in said]
    return [
        said[start][1]
        for start in range(len(words) - len(wanted) + 1)
        if words[start : start + len(wanted)] == wanted
    ]


def _not_said(text: str, wanted: list[str], lines: list[_Line]) -> str:
    if not lines:
        return f"{text!r} was not said: nothing was"
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted)
    nearest, likeness = lines[0], -1.0
    for line in lines:
        matcher.set_seq1(_words(line.text))
        if matcher.ratio() > likeness:
            nearest, likeness = line, matcher.ratio()
    if not likeness > 0:
        account = "; ".join(f"{each.text!r}" for each in lines[:_MAX_NAMED])
        return f"{text!r} was not said, nor any of its words, but: {account}"
    missing = [word for word in wanted if word not in _words(nearest.text)]
    lacks = f", which lacks {', '.join(map(repr, missing))}" if missing else ""
    return (
        f"{text!r} was not said; nearest is {nearest.text!r} at {nearest.start_ms:.0f} to "
        f"{nearest.end_ms:.0f} ms{lacks}"
    )


def _not_then(text: str, line: _Line, off_ms: float, within_ms: float, at_ms: float | None) -> str:
    if at_ms is None:
        direction = "after" if off_ms > 0 else "before"
        return (
            f"{text!r} was heard {abs(off_ms):.0f} ms {direction} its source, "
            f"{abs(off_ms) - within_ms:.0f} ms more than the {within_ms:g} ms asked"
        )
    direction = "late" if off_ms > 0 else "early"
    return (
        f"{text!r} was said at {line.start_ms:.0f} ms: {abs(off_ms):.0f} ms too {direction} for "
        f"{at_ms:g} ms, of which {within_ms:g} ms are allowed"
    )


__all__ = ["Captions", "assert_no_gap", "assert_said", "assert_same_audio"]
