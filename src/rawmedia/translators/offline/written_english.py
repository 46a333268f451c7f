"""Recognised English as it is written: capitals and a full stop, which a recogniser leaves out.

Apertium's rules and dictionary expect them: "i" is a letter to it where "I" is a person,
"monday" is unknown and "Monday" is not. What was written properly already stays as it is.
"""

from __future__ import annotations

import re

_I = re.compile(r"(?<![\w.-])i(?![\w-]|\.\w)")
# Not "may" and "march", which are mostly something else when they are heard.
_NAME = re.compile(
    r"\b(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday"
    r"|january|february|april|june|july|august|september|october|november|december"
    r"|american|british|chinese|english|european|french|german|italian|japanese"
    r"|mexican|portuguese|russian|spanish|mr|mrs|ms|dr)\b"
)
# A single letter before the stop is an initial or an abbreviation: "i.e. on", "john s. smith".
_SENTENCE_START = re.compile(r"(?:^|(?<!\b\w)[.!?] +)\W*\w")
_SENTENCE_END = re.compile(r"[.!?…]\W*$")
_CAPITAL_INSIDE = re.compile(r"(?<=[^.!?…] )[A-ZÀ-Ý](?=[a-zß-ÿ])")
_CAPITAL_WORD = re.compile(r"(?<=[^.!?…] )(?!I\b)[A-ZÀ-Ý]")


def restore(text: str) -> str:
    """``text`` with its capitals ("I", sentence, weekday and the like) and its full stop.

    White space is folded. An empty text stays empty.
    """
    text = " ".join(text.replace("\u2019", "'").split())
    if not text:
        return ""
    text = _NAME.sub(lambda match: match[0].capitalize(), _I.sub("I", text))
    text = _SENTENCE_START.sub(lambda match: match[0].upper(), text)
    return text if _SENTENCE_END.search(text) else f"{text}."


def adopt_case(translation: str, source: str) -> str:
    """``translation`` with a capital where its sentences start, and inside only if ``source`` has one.

    Apertium hands the case of a source word on to whichever word lands in its place, so
    that a sentence's first capital can end up in its middle.
    """
    translation = " ".join(translation.split())
    if not _CAPITAL_WORD.search(source):
        translation = _CAPITAL_INSIDE.sub(lambda match: match[0].lower(), translation)
    return _SENTENCE_START.sub(lambda match: match[0].upper(), translation)


__all__ = ["adopt_case", "restore"]
