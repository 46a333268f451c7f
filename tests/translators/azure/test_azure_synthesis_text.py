"""What is said, and nothing else: texts as SSML, whatever is in them."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.errors import ConfigurationError
from rawmedia.testing.azure_emulator.ssml import read_ssml
from rawmedia.translators.azure.ssml import (
    SpeakingStyle,
    pieces,
    silence_document,
    speak_document,
    speakable,
)

KATJA: dict[str, Any] = {"voice": "de-DE-KatjaNeural", "locale": "de-DE"}
ANY_TEXT = st.text(st.characters() | st.sampled_from("\x00\x0b\ud800\udfff\ufffe\x85<>&\"' .\n"))


def said(document: str) -> str:
    """What the service takes to be the text."""
    (segment,) = read_ssml(document)
    return segment.text


@given(text=ANY_TEXT)
def test_any_text_becomes_a_document_that_says_it(text: str) -> None:
    """Lone surrogates and control characters would have the service close the connection."""
    clean = speakable(text)

    document = speak_document(clean, **KATJA)

    ET.fromstring(document.encode("utf-8"))
    assert said(document) == clean


@given(text=ANY_TEXT)
def test_a_speakable_text_keeps_every_character_that_xml_has(text: str) -> None:
    """Replaced is what can't be written; white space is folded; all else is said as it stands."""
    kept = re.sub(r"\s", "", speakable(text))

    assert kept == "".join(
        char
        for char in text
        if not char.isspace()
        and not (ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0)
        and not 0xD800 <= ord(char) < 0xE000
        and ord(char) not in {0xFFFE, 0xFFFF}
    )


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("one\x00two\x1bthree", "one two three"),
        ("  one\r\n\ttwo  ", "one two"),
        ("\u202b\u05e9\u05dc\u05d5\u05dd\u202c", "\u202b\u05e9\u05dc\u05d5\u05dd\u202c"),
        ("\U0001d538 \U0001f469\u200d\U0001f467", "\U0001d538 \U0001f469\u200d\U0001f467"),
        ("a\ud83d b", "a b"),
        ("\x00\x01", ""),
    ],
)
def test_what_is_no_character_becomes_a_space(text: str, clean: str) -> None:
    """Right-to-left marks and characters beyond the first plane are characters."""
    assert speakable(text) == clean


@given(text=ANY_TEXT, length=st.integers(8, 60))
def test_pieces_lose_nothing_and_are_no_longer_than_allowed(text: str, length: int) -> None:
    clean = speakable(text)

    cut = pieces(clean, length)

    assert "".join(cut).replace(" ", "") == clean.replace(" ", "")
    assert all(0 < len(piece) <= length for piece in cut)
    assert all(piece == piece.strip() for piece in cut)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("One is said. Two is said after it.", ["One is said.", "Two is said after it."]),
        ("It costs 3.14 and more, or else 27", ["It costs 3.14 and more,", "or else 27"]),
        ("no stop at all in these many words", ["no stop at all in these many", "words"]),
        ("He said \u201cyes.\u201d Then he went away.", ["He said \u201cyes.\u201d", "Then he went away."]),
        ("今日は晴れです。明日は雨でしょう。明後日は曇りのち晴れになるようです。", ["今日は晴れです。明日は雨でしょう。", "明後日は曇りのち晴れになるようです。"]),
        ("x" * 33, ["x" * 30, "xxx"]),
        ("Yes. " + "y" * 40, ["Yes. " + "y" * 25, "y" * 15]),
    ],
)  # fmt: skip
def test_a_long_text_is_cut_where_a_speaker_breathes(text: str, cut: list[str]) -> None:
    """After sentences, else after parts of them, else between words, else anywhere."""
    assert pieces(text, 30) == cut


def test_a_letter_stays_with_its_accents() -> None:
    """A piece that begins with a combining mark is spelled out."""
    text = "e\u0301" * 20
    assert all(not piece.startswith("\u0301") for piece in pieces(text, 9))
    family = "👩\u200d👩\u200d👧" * 10
    assert all("👩\u200d👩\u200d👧" * (len(each) // 5) == each for each in pieces(family, 12))


def test_what_never_ends_is_cut_all_the_same() -> None:
    """A thousand accents on one letter must not make a piece without an end."""
    text = "e" + "\u0301" * 200
    cut = pieces(text, 40)
    assert "".join(cut) == text
    assert max(map(len, cut)) <= 40


def test_ten_thousand_characters_are_twenty_pieces() -> None:
    text = "Das ist ein Satz. " * 556
    cut = pieces(speakable(text))
    assert " ".join(cut) == text.strip()
    assert len(cut) <= 21


def test_a_voice_of_several_languages_is_told_which() -> None:
    document = speak_document(
        "hola", voice="en-US-AvaMultilingualNeural", locale="es-ES", foreign=True
    )
    root = ET.fromstring(document)
    lang = root[0][0]
    assert lang.tag.endswith("}lang")
    assert lang.attrib["{http://www.w3.org/XML/1998/namespace}lang"] == "es-ES"
    assert lang.text == "hola"


def test_style_and_rate_are_said_to_the_service() -> None:
    document = speak_document("hallo", **KATJA, how=SpeakingStyle("cheerful", 1.25))
    assert '<mstts:express-as style="cheerful"><prosody rate="+25%">hallo</prosody>' in document
    assert "prosody" not in speak_document("hallo", **KATJA, how=SpeakingStyle())
    assert 'rate="-50%"' in speak_document("hallo", **KATJA, how=SpeakingStyle(rate=0.5))


@pytest.mark.parametrize(
    "settings",
    [{"rate": 0.4}, {"rate": 2.5}, {"rate": float("nan")}, {"style": "a'/>"}, {"style": ""}],
)
def test_a_style_that_can_not_be_is_refused(settings: dict[str, float | str]) -> None:
    with pytest.raises(ConfigurationError):
        SpeakingStyle(**settings)  # type: ignore[arg-type]


def test_names_can_not_break_out_of_their_attributes() -> None:
    """A voice comes from a caller's configuration."""
    document = speak_document("x", voice="a'\"><b>", locale='"><c>')
    assert len(ET.fromstring(document)) == 1
    assert "<b>" not in document
    assert said(silence_document(voice="de-DE-KatjaNeural", locale="de")) == ""
