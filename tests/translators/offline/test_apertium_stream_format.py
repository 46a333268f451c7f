"""Any text goes through the format of the pipe and comes back; only marks are read as marks."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.translators.offline.stream_format import decode, encode

SYNTAX = "^$/\\[]{}<>@*#~\0\n"


@given(text=st.text() | st.text(alphabet=SYNTAX + "ab t0u"))
def test_any_text_comes_back_from_a_pipe_that_changes_nothing(text: str) -> None:
    """White space is folded, control characters and halves of a surrogate pair are white space."""
    request = encode(text, "t7")
    folded = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", " ", text).split())
    assert request.count(b"\0") == 1
    assert request.endswith(b"[t7]\0")
    assert decode(request[:-1], "t7") == (folded, ())


@given(text=st.text() | st.text(alphabet=SYNTAX))
def test_no_syntax_reaches_the_pipe_unwrapped(text: str) -> None:
    """One stray bracket would make the stages wait for its partner for ever."""
    words = re.sub(r"\[[a-z0-9]+\]", "", encode(text, "t7").decode().removesuffix("\0"))
    assert not set(words) & set(SYNTAX)


@pytest.mark.parametrize(
    ("reply", "text", "unknown"),
    [
        ("Hola *zorglub, adiós *zorglub.[t7]", "Hola zorglub, adiós zorglub.", ("zorglub",)),
        (r"\@what és #querer *anul·lar[t7]", "what és querer anul·lar", ("what", "anul·lar")),
        ("*i'*ll paga[t7]", "i'll paga", ("i", "ll")),
        (r"Un \^b\$ [u2a]estrella[u23]5[t7]", "Un ^b$ *estrella#5", ()),
        ("dos [t7]palabras", "dos palabras", ()),
        ("[u110000][uffffff]x[t7]", "x", ()),
        ("*[t7]", "", ()),
    ],
)
def test_marks_are_stripped_and_what_they_mark_is_named(
    reply: str, text: str, unknown: tuple[str, ...]
) -> None:
    """A caption reads better with the foreign word than with a star before it."""
    assert decode(reply.encode(), "t7") == (text, unknown)


@pytest.mark.parametrize("reply", [b"", b"Hola.[t6]", b"Hola.[t7][t7]", b"\xff[t7", b"Hola."])
def test_the_reply_to_another_request_is_refused(reply: bytes) -> None:
    """Out of step, every later caller would get the answer of the one before."""
    with pytest.raises(ValueError, match="another request"):
        decode(reply, "t7")


@given(reply=st.binary())
def test_any_bytes_are_a_text_or_refused(reply: bytes) -> None:
    """Also bytes that are no UTF-8."""
    text, unknown = decode(reply.replace(b"[t7]", b"") + b"[t7]", "t7")
    assert "[t7]" not in text
    assert all(word in text for word in unknown)
