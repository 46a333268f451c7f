"""Two parties, an interpreter between them, and a bad network: a whole call in milliseconds."""

from collections.abc import Callable

import numpy as np
import pytest
from rawmedia import AudioFrame, Interpreter, TranslationRequest
from rawmedia.captions import SessionReport
from rawmedia.testing import (
    FakeCall,
    FakeParty,
    LossyLink,
    Says,
    VirtualClock,
    assert_said,
    assert_same_audio,
)

from morse_translator import keyed, morse_translator
from morse_translator.ear import MorseEar, Word
from phrases import PHRASES

MakeCall = Callable[..., FakeCall]
MakeLink = Callable[..., LossyLink[bytes]]


def interpreted(clock: VirtualClock, call: FakeCall) -> SessionReport:
    """Carry a call in which ana's Morse code is interpreted for ben, and say what came of it."""

    async def main() -> SessionReport:
        async with call:
            interpreter = Interpreter(
                call.legs["ana"].inbound,
                morse_translator(PHRASES, clock=clock),
                call.legs["ben"].outbound,
                TranslationRequest(source_language="en", target_languages=("es",)),
            )
            return await interpreter.run()

    return clock.run(main())


def understood(heard: AudioFrame) -> list[str]:
    """The words in what a party heard."""
    ear = MorseEar()
    return [word.text for word in (*ear.hear(heard), *ear.finish()) if isinstance(word, Word)]


def test_a_listener_hears_the_translation(virtual_clock: VirtualClock, fake_call: MakeCall) -> None:
    call = fake_call(FakeParty("ana", Says(500, keyed("good day"))), FakeParty("ben"))
    report = interpreted(virtual_clock, call)
    assert_said(report, "good day", at_ms=500, within_ms=20)
    assert_said(report, "buenos días", language="es", within_ms=6_000)
    heard = call.heard("ben")
    begin = int(np.flatnonzero(heard.samples)[0]) - 1  # a sine begins with a zero
    answer = AudioFrame(heard.samples[begin:], heard.format)
    assert_same_audio(keyed("buenos días"), answer, snr_db=60)


@pytest.mark.rawmedia_seeds(3)
def test_it_is_understood_over_a_network(
    virtual_clock: VirtualClock, fake_call: MakeCall, lossy_link: MakeLink
) -> None:
    """Each seed is another run of luck; a failure names those that its links had."""
    ana = FakeParty("ana", Says(500, keyed("send help")), uplink=lossy_link("good_wifi"))
    ben = FakeParty("ben", downlink=lossy_link("transatlantic"))
    call = fake_call(ana, ben)
    report = interpreted(virtual_clock, call)
    assert report.complete
    assert_said(report, "send help")
    assert understood(call.heard("ben")) == ["envie", "ayuda"]
