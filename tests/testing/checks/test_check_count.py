"""How many promises there are, and that each is broken by somebody whom its check catches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import broken_clocks
import broken_codecs
import broken_dialects
import broken_legs
import broken_parts
import broken_translators
import pytest

from rawmedia.testing import checks

if TYPE_CHECKING:
    from conformance_kit import Breaches

BREACHES: dict[str, tuple[Breaches[Any], ...]] = {
    "CLOCK_CHECKS": (broken_clocks.CLOCK_BREACHES,),
    "CODEC_CHECKS": (broken_codecs.CODEC_BREACHES,),
    "DIALECT_CHECKS": (broken_dialects.DIALECT_BREACHES,),
    "LEG_CHECKS": (broken_legs.LEG_BREACHES,),
    "RECOGNIZER_CHECKS": (broken_parts.HEARING_BREACHES,),
    "SYNTHESIZER_CHECKS": (broken_parts.SPEECH_BREACHES,),
    "TEXT_TRANSLATOR_CHECKS": (broken_parts.TEXT_BREACHES,),
    "TRANSLATOR_CHECKS": (
        broken_translators.TRANSLATOR_BREACHES,
        broken_translators.FAILING_BREACHES,
    ),
}


def test_every_list_of_checks_has_its_broken_implementations() -> None:
    """That each of them is caught is tested beside its kind."""
    assert set(BREACHES) == {name for name in checks.__all__ if name.endswith("_CHECKS")}


@pytest.mark.parametrize("name", BREACHES)
def test_every_promise_is_broken_by_somebody(name: str) -> None:
    """A check that catches nobody may check nothing."""
    promised = set(getattr(checks, name).names)
    caught = set().union(*(each.checks for each in BREACHES[name]))
    print(f"{name}: {len(promised)} promises, {sum(map(len, BREACHES[name]))} breaches")
    assert caught == promised
