"""The engine keeps every promise that a translator makes."""

from collections.abc import AsyncIterator

from rawmedia import AudioFrame, TranslationEvent, TranslationRequest, Translator, translator
from rawmedia.testing import VirtualClock, joined, silence
from rawmedia.testing.checks import check_translator

from morse_translator import keyed, morse_translator
from phrases import PHRASES


def two_sentences() -> AudioFrame:
    """At least two, so that there is an order to keep; the second one it does not know."""
    first, pause, second = keyed("good day"), silence(1_500), keyed("hello ana")
    return joined([first, pause.at(first.end), second.at(first.end + pause.samples_per_channel)])


def crashing(clock: VirtualClock) -> Translator:
    """An engine that breaks while it listens."""

    @translator(clock=clock)
    async def breaks(
        frames: AsyncIterator[AudioFrame], request: TranslationRequest
    ) -> AsyncIterator[TranslationEvent]:
        async for _ in frames:
            raise RuntimeError("the ear fell off")
            yield

    return breaks


def test_the_engine_keeps_every_promise(virtual_clock: VirtualClock) -> None:
    report = virtual_clock.run(
        check_translator(
            lambda: morse_translator(PHRASES, clock=virtual_clock),
            clock=virtual_clock,
            audio=two_sentences(),
            failing=lambda: crashing(virtual_clock),
        )
    )
    # What could not be tried is not known to be kept: these the engine has no use for.
    assert set(report.skipped) == {
        "a_change_of_format_is_refused",
        "an_engine_that_can_not_be_opened_says_so",
        "usage_is_never_negative",
    }
