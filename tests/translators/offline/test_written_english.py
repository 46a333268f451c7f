"""A recogniser's English is written as people write it, and the translation as its source."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.translators.offline.written_english import adopt_case, restore


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("i want to cancel my subscription", "I want to cancel my subscription."),
        ("do i know what i'm doing", "Do I know what I'm doing."),
        ("i'll pay and i've paid and i'd pay", "I'll pay and I've paid and I'd pay."),
        ("i\u2019m here", "I'm here."),
        ("so do i", "So do I."),
        ("that is, i.e. on a wi-fi or a hi-fi", "That is, i.e. on a wi-fi or a hi-fi."),
        ("on monday i speak english", "On Monday I speak English."),
        ("in may we march in december", "In may we march in December."),
        ("ask mr smith", "Ask Mr smith."),
        ("hello. where is it? here!", "Hello. Where is it? Here!"),
        ('"hello"', '"Hello".'),
        ("Written already.", "Written already."),
        ("well …", "Well …"),
        ("  two\n lines ", "Two lines."),
        ("éa", "Éa."),
        ("7 days", "7 days."),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_capitals_and_the_full_stop_are_restored(heard: str, written: str) -> None:
    """Apertium's dictionary knows "I" and "Monday", and not "i" and "monday"."""
    assert restore(heard) == written


@given(text=st.text())
def test_what_is_restored_once_stays_as_it_is(text: str) -> None:
    """Text that was written properly is not for this to change."""
    once = restore(text)
    assert restore(once) == once


@pytest.mark.parametrize(
    ("translation", "source", "cased"),
    [
        (" Quiero anular", "I want to cancel.", "Quiero anular"),
        ("Hola  zorglub Es aquí.", "Hello zorglub is here.", "Hola zorglub es aquí."),
        ("hola. adiós.", "Hello. Goodbye.", "Hola. Adiós."),
        ("Veo a Pedro Aquí.", "Peter is here and I see Peter.", "Veo a Pedro Aquí."),
        ("el plan de EE.UU.", "The plan.", "El plan de EE.UU."),
        ("", "", ""),
    ],
)
def test_the_translation_takes_its_case_from_its_source(
    translation: str, source: str, cased: str
) -> None:
    """Capitals wander to the middle with the word that took the first one's place."""
    assert adopt_case(translation, source) == cased
