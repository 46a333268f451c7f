"""Texts as SSML that says nothing but the text, in pieces that the service speaks in one go."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from rawmedia.errors import ConfigurationError

MAX_PIECE = 500
"""Characters of one request, some thirty seconds: what is spoken ahead of its reader at most.

The service itself ends a request after ten minutes of speech, which 10,000 characters come to.
https://learn.microsoft.com/azure/ai-services/speech-service/speech-services-quotas-and-limits
"""

# XML 1.0 (5th edition), production 2: everything else can't be written, not even as a reference.
# The C1 controls could be and say nothing.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"})
_STYLE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")

# Where a text is cut, the best first: after a sentence, after a part of one, between words.
# The full stops of scripts without spaces need none behind them.
_CLOSING = r"[\"'\u2019\u201d\u00bb)\]]*"
_SENTENCE = rf"[.!?\u2026\u061f\u06d4]{_CLOSING}(?=\s)"
_SENTENCE_UNSPACED = (
    r"[\u3002\uff0e\uff01\uff1f\uff61\u0964\u0965\u1362\u104b\u17d4][\u300d\u300f\u201d]*"
)
_CLAUSE = rf"[,;:\u060c\u061b\u2013\u2014]{_CLOSING}(?=\s)|[\u3001\uff0c\uff1b\uff1a\u1361]"
_WORD = r"(?<=\S)(?=\s)"
_CUTS = tuple(
    re.compile(pattern) for pattern in (f"{_SENTENCE}|{_SENTENCE_UNSPACED}", _CLAUSE, _WORD)
)
_JOINERS = {"\u200d", "\u200c", "\ufe0e", "\ufe0f"}
_MAX_CLUSTER = 32


@dataclass(frozen=True, slots=True)
class SpeakingStyle:
    """How everything is said.

    Args:
        style: One that the voice has, such as "cheerful"; None is the voice's own.
        rate: How fast, 1 being the voice's own speed.

    Raises:
        ConfigurationError: The rate is not 0.5 to 2, or the style is no name.
    """

    style: str | None = None
    rate: float = 1.0

    def __post_init__(self) -> None:
        if not 0.5 <= self.rate <= 2:
            raise ConfigurationError("rate", f"0.5 to 2, got {self.rate}")
        if self.style is not None and not _STYLE.fullmatch(self.style):
            raise ConfigurationError("style", f"a name such as cheerful, got {self.style[:40]!r}")


def speakable(text: str) -> str:
    """The text as XML can carry it: on one line, what is no XML character replaced by a space."""
    return " ".join(_NOT_XML.sub(" ", text).split())


def pieces(text: str, max_length: int = MAX_PIECE) -> list[str]:
    """A `speakable` text cut where a speaker would breathe; nothing is lost but spaces.

    A letter stays with its accents, and an emoji of several characters in one.
    """
    taken = []
    while len(text) > max_length:
        cut = _cut(text, max_length)
        taken.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    if text:
        taken.append(text)
    return taken


def speak_document(
    text: str, *, voice: str, locale: str, foreign: bool = False, how: SpeakingStyle | None = None
) -> str:
    """An SSML document that has a voice say a `speakable` text.

    Args:
        text: Markup in it is said.
        voice: The service's short name of the voice.
        locale: What the text is in.
        foreign: Whether the voice has to be told so: it speaks several languages.
        how: With which style, and how fast.

    Source: W3C SSML 1.1 and, for ``mstts:express-as``, the service's own
    https://learn.microsoft.com/azure/ai-services/speech-service/speech-synthesis-markup-voice.
    """
    content = text.translate(_ENTITIES)
    locale = locale.translate(_ENTITIES)
    if how is not None and how.rate != 1:
        content = f'<prosody rate="{(how.rate - 1) * 100:+.0f}%">{content}</prosody>'
    if foreign:
        content = f'<lang xml:lang="{locale}">{content}</lang>'
    if how is not None and how.style is not None:
        content = f'<mstts:express-as style="{how.style}">{content}</mstts:express-as>'
    return _document(content, voice, locale)


def silence_document(*, voice: str, locale: str) -> str:
    """An SSML document that has a voice be silent for 10 ms, to see whether it is there."""
    return _document('<break time="10ms"/>', voice, locale.translate(_ENTITIES))


def _document(content: str, voice: str, locale: str) -> str:
    return (
        '<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" '
        f'xmlns:mstts="http://www.w3.org/2001/mstts" xml:lang="{locale}">'
        f'<voice name="{speakable(voice).translate(_ENTITIES)}">{content}</voice></speak>'
    )


def _cut(text: str, max_length: int) -> int:
    """Where the first piece ends; ``text`` is longer than one."""
    for pattern in _CUTS:
        # One character more, to see that a full stop there has a space behind it.
        matches = pattern.finditer(text, 0, max_length + 1)
        end = max((match.end() for match in matches if match.end() <= max_length), default=0)
        # A first sentence of two words is no piece where the second fills many.
        if end >= max(1, max_length // 4):
            return end
    cut = max_length
    while cut > max(1, max_length - _MAX_CLUSTER) and _belong_together(text[cut - 1], text[cut]):
        cut -= 1
    return cut


def _belong_together(one: str, other: str) -> bool:
    return bool({one, other} & _JOINERS) or unicodedata.category(other).startswith("M")


__all__ = [
    "MAX_PIECE",
    "SpeakingStyle",
    "pieces",
    "silence_document",
    "speak_document",
    "speakable",
]
