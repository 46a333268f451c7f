r"""Any text through Apertium's stream format and back: what has a meaning there travels as a blank.

In that format ``^ $ / \ [ ] { } < > @ * # ~`` and NUL are syntax. Escaping would do for most,
but not for the marks in the reply: an escaped asterisk of the source looks like the mark of
an unknown word. So everything but words and plain punctuation is replaced by a "superblank",
brackets around the character's number, which passes through all stages as it is.

Source: Apertium's wiki, "Apertium stream format".
"""

from __future__ import annotations

import re

# The middle dot is a letter's part in Catalan.
_PLAIN = r"\w .,;:!?'\"()%·-"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_PLAIN = re.compile(rf"[^{_PLAIN}]")
_BLANK = re.compile(r"\[u([0-9a-f]{1,6})\]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# "*" is an unknown word, "@" one that the bilingual dictionary lacks, "#" a translation
# that could not be inflected; they stand before the word, or between its parts.
_UNKNOWN = re.compile(r"[*@]([^\s\[\]*@#.,;:!?\"()]+)")
_MARK = re.compile(r"[*@#]")


def encode(text: str, token: str) -> bytes:
    """A request: the text, a blank of its own that names it, and the NUL that flushes the pipes.

    Args:
        text: Anything. Control characters are white space.
        token: Lower-case letters and digits that no other request has; not "u" and a number.
    """
    words = " ".join(_CONTROL.sub(" ", text).split())
    return f"{_NOT_PLAIN.sub(_blank, words)}[{token}]\0".encode()


def decode(reply: bytes, token: str) -> tuple[str, tuple[str, ...]]:
    """The text of a reply without its NUL, and the words in it that were not known.

    Raises:
        ValueError: It is not the reply to the request that had this token.
    """
    text = reply.decode(errors="replace")
    if text.count(f"[{token}]") != 1:
        raise ValueError("a reply to another request")
    text = _ESCAPED.sub(r"\1", text.replace(f"[{token}]", ""))
    unknown = tuple(dict.fromkeys(word.strip("'-") for word in _UNKNOWN.findall(text)))
    return _BLANK.sub(_character, _MARK.sub("", text)), unknown


def _blank(match: re.Match[str]) -> str:
    return f"[u{ord(match[0]):x}]"


def _character(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if number <= 0x10FFFF else ""


__all__ = ["decode", "encode"]
