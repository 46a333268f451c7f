"""The checks of dialects pass ours, and each catches what it is there for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from broken_dialects import DIALECT_BREACHES, FAULTS, SHARED, Subject
from conformance_kit import Breach, require_caught

from rawmedia.adapters.websocket.acs import AcsDialect
from rawmedia.adapters.websocket.twilio import TwilioDialect
from rawmedia.audio.format import SPEECH, WIDEBAND_VOICE
from rawmedia.testing.checks.broken import BrokenPromiseError
from rawmedia.testing.checks.dialect import DIALECT_CHECKS, check_dialect
from rawmedia.testing.fake_acs import AcsMessages
from rawmedia.testing.fake_twilio import TwilioMessages

if TYPE_CHECKING:
    from rawmedia.adapters.websocket.acs import Casing
    from rawmedia.audio.format import AudioFormat


@pytest.mark.parametrize("format", [SPEECH, WIDEBAND_VOICE], ids=["16 kHz", "24 kHz"])
@pytest.mark.parametrize("casing", ["camel", "pascal"])
def test_the_dialect_of_acs_keeps_every_promise(format: AudioFormat, casing: Casing) -> None:
    report = asyncio.run(check_dialect(AcsDialect, lambda: AcsMessages(format, casing=casing)))
    assert set(report.skipped) == {"the_end_is_told", "marks_tells_the_truth", "marks_come_back"}
    assert len(report.passed) + len(report.skipped) == len(DIALECT_CHECKS)


def test_the_dialect_of_twilio_keeps_every_promise() -> None:
    report = asyncio.run(check_dialect(TwilioDialect, TwilioMessages))
    assert set(report.skipped) == {"speakers_are_told"}
    assert len(report.passed) + len(report.skipped) == len(DIALECT_CHECKS)


@pytest.mark.parametrize("breach", DIALECT_BREACHES.params())
def test_a_broken_dialect_is_caught(breach: Breach[Subject]) -> None:
    SHARED.clear()
    FAULTS.update(dict.fromkeys(FAULTS, 0))
    with pytest.raises(BrokenPromiseError) as caught:
        asyncio.run(check_dialect(*breach.make, only=breach.check))
    require_caught(caught, breach.check)


def test_every_check_has_somebody_to_catch() -> None:
    assert DIALECT_BREACHES.checks == set(DIALECT_CHECKS.names)


def test_a_platform_that_says_no_times_leaves_a_check_out() -> None:
    class Timeless(TwilioMessages):
        def audio(self, pcm: bytes, participant: str | None, at_ms: float) -> str:
            return str(super().audio(pcm, participant, at_ms)).replace('"timestamp"', '"time"')

    check = "times_are_told"
    report = asyncio.run(check_dialect(TwilioDialect, Timeless, only=check))
    assert report.skipped == {check: "the platform does not say when"}
