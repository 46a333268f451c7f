"""Parsers that accept what the formats' grammars allow and nothing else.

Players are lenient, so that a player's consent proves little.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# W3C WebVTT (CR of 4 April 2019), section 4.1: a cue block.
_VTT_BLOCK = re.compile(
    r"""
    (?:(?P<id>(?:(?!-->)[^\n])+)\n)?
    (?P<start>(?:\d{2,}:)?[0-5]\d:[0-5]\d\.\d{3})
    [ \t]+-->[ \t]+
    (?P<end>(?:\d{2,}:)?[0-5]\d:[0-5]\d\.\d{3})
    \n
    (?P<payload>(?:[^\n]+\n)+)
    """,
    re.VERBOSE,
)
# Section 4.2.2, as far as writers here go: voice and language spans, and text.
_ANNOTATION = r"(?:[^\n\r&<>]|&amp;|&lt;|&gt;)+"
_LINE = r"(?:[^\n\r&<>]|&amp;|&lt;|&gt;)+"
_LINES = rf"{_LINE}(?:\n{_LINE})*"
_VTT_PAYLOAD = re.compile(
    rf"(?:<v[ ](?P<voice>{_ANNOTATION})>)?(?P<spans>.*?)(?P<voice_end></v>)?", re.DOTALL
)
# What stands in one language span, or in none.
_VTT_SPAN = re.compile(
    rf"(?:<lang[ ](?P<lang>{_ANNOTATION})>(?P<foreign>{_LINES})</lang>|(?P<text>{_LINES}))(?:\n|\Z)"
)
_SRT_BLOCK = re.compile(
    r"""
    (?P<id>[1-9]\d*)\n
    (?P<start>\d{2,}:[0-5]\d:[0-5]\d,\d{3})[ ]-->[ ](?P<end>\d{2,}:[0-5]\d:[0-5]\d,\d{3})\n
    (?P<payload>(?:[^\n]+\n)+)\n
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Parsed:
    start_ms: int
    end_ms: int
    lines: list[str] = field(default_factory=list)
    voice: str | None = None
    lang: str | None = None
    """Of the first lines."""
    passages: list[tuple[str | None, list[str]]] = field(default_factory=list, compare=False)
    """All lines, by the language that they are marked as."""


def parse_webvtt(text: str) -> list[Parsed]:
    """The cues of a WebVTT file, which must follow the syntax to the letter."""
    assert "\r" not in text
    assert "\0" not in text
    header = re.match(r"\ufeff?WEBVTT(?:[ \t][^\n]*)?\n\n+", text)
    assert header, f"no header: {text[:40]!r}"
    at, latest_start = header.end(), 0
    cues: list[Parsed] = []
    while at < len(text):
        block = _VTT_BLOCK.match(text, at)
        assert block, f"no cue block: {text[at : at + 80]!r}"
        assert "-->" not in block["payload"]
        cue = _vtt_cue(block)
        assert latest_start <= cue.start_ms < cue.end_ms
        latest_start = cue.start_ms
        cues.append(cue)
        at = block.end()
        gap = re.compile(r"\n*").match(text, at)
        assert gap
        at = gap.end()
        assert gap[0] or at == len(text), "cue blocks need a blank line between them"
    return cues


def _vtt_cue(block: re.Match[str]) -> Parsed:
    payload = _VTT_PAYLOAD.fullmatch(block["payload"][:-1])
    assert payload, f"no cue text: {block['payload']!r}"
    assert (payload["voice"] is None) == (payload["voice_end"] is None)
    at, passages = 0, []
    while at < len(payload["spans"]):
        span = _VTT_SPAN.match(payload["spans"], at)
        assert span, f"no cue text: {payload['spans'][at:]!r}"
        text = span["text"] if span["lang"] is None else span["foreign"]
        passages.append((span["lang"] and _unescape(span["lang"]), _unescape(text).split("\n")))
        at = span.end()
    return Parsed(
        _ms(block["start"], "."),
        _ms(block["end"], "."),
        [line for _, lines in passages for line in lines],
        payload["voice"] and _unescape(payload["voice"]),
        passages[0][0],
        passages,
    )


def parse_srt(text: str) -> list[Parsed]:
    """The cues of a SubRip file: numbered from 1, one blank line after each."""
    at = 0
    cues: list[Parsed] = []
    while at < len(text):
        block = _SRT_BLOCK.match(text, at)
        assert block, f"no cue block: {text[at : at + 80]!r}"
        assert int(block["id"]) == len(cues) + 1
        assert "-->" not in block["payload"]
        cue = Parsed(
            _ms(block["start"], ","), _ms(block["end"], ","), block["payload"][:-1].split("\n")
        )
        assert cue.start_ms < cue.end_ms
        cues.append(cue)
        at = block.end()
    return cues


def _ms(timestamp: str, mark: str) -> int:
    clock, milliseconds = timestamp.split(mark)
    seconds = 0
    for part in clock.split(":"):
        seconds = seconds * 60 + int(part)
    return seconds * 1_000 + int(milliseconds)


def _unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
