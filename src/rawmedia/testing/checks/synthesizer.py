"""Whether a synthesizer keeps every promise of `Synthesizer`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import ConfigurationError, UnsupportedLanguageError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.testing.checks.broken import broke, require, skip
from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.leftovers import Leftovers, MemoryGrowth
from rawmedia.testing.checks.parts_trial import (
    PARTS,
    UNHEARD_OF,
    PartTrial,
    closed,
    value_or_typed_error,
)
from rawmedia.testing.checks.waiting import cancelled_at_each_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rawmedia.streams.clock import Clock
    from rawmedia.testing.checks.check import Report
    from rawmedia.translators.parts import Synthesizer

_SPEAKS = f"{PARTS}.Synthesizer"
_NO_VOICE = "no such voice 7f3a"
_MARKUP = ("a <b> & c", "<speak>hello</speak>", "[[h@'loU]] &lt; {x}", "<mark name='1'/> one")
_ODD_TEXTS = ("", " ", "\n", "...", "\x00\x07", "\N{GRINNING FACE}", "你好")
_LONG_WORDS = 2_000
_AHEAD_MIB = 6.0
"""Half a minute of the dearest format, 48 kHz stereo, is 5.5."""
_WAIT_TURNS = 200

SYNTHESIZER_CHECKS: CheckList[SynthesizerTrial] = CheckList()


async def check_synthesizer(
    factory: Callable[[], Synthesizer],
    *,
    texts: Sequence[str] = ("Good morning, everybody.", "Where is the station?"),
    language: str | None = None,
    repeatable: bool = True,
    clock: Clock = SYSTEM_CLOCK,
    patience_s: float = 30.0,
    only: str | None = None,
) -> Report:
    """Put every promise of a synthesizer to the test.

    Args:
        factory: Makes one; called for each check.
        texts: Different texts that it speaks.
        language: What they are in; by default its first language, or English.
        repeatable: Whether a text gives the same audio each time.
        clock: What it is timed on; a virtual clock makes the loops that it is tried on.
        patience_s: After how many seconds of the event loop's time a call counts as hanging.
        only: The name of the one check to run, as in ``SYNTHESIZER_CHECKS.names``.

    Raises:
        BrokenPromiseError: The first promise that was not kept; it says how to see it.
        ConfigurationError: There is no such check.
    """
    trial = SynthesizerTrial(factory, texts, language, clock, patience_s, repeatable=repeatable)
    return await SYNTHESIZER_CHECKS.run(trial, only, trial.guard)


class SynthesizerTrial(PartTrial):
    """A synthesizer under test, and what it is to say."""

    def __init__(
        self,
        factory: Callable[[], Synthesizer],
        texts: Sequence[str],
        language: str | None,
        clock: Clock,
        patience_s: float,
        *,
        repeatable: bool,
    ) -> None:
        super().__init__(clock, patience_s)
        self.factory, self.texts, self.repeatable = factory, texts, repeatable
        self.language = language or (factory().languages or ("en",))[0]

    async def speak(
        self, part: Synthesizer, text: str, language: str | None = None, voice: str | None = None
    ) -> list[AudioFrame]:
        """All frames of a text."""

        async def frames() -> list[AudioFrame]:
            speech = part.synthesize(text, language or self.language, voice)
            async with closed(speech) as pieces:
                return [frame async for frame in pieces]

        return await self.within(frames(), f"synthesize({text[:40]!r})")

    def heard(self, frames: Sequence[AudioFrame]) -> bytes:
        """What can be compared: the audio, or that there is some."""
        if self.repeatable:
            return b"".join(bytes(frame) for frame in frames)
        return b"speech" if frames else b""


@SYNTHESIZER_CHECKS.promise(
    "Frames are of one format and contiguous, their position counted from 0.",
    f"{_SPEAKS}.synthesize",
)
async def frames_are_contiguous_from_zero(trial: SynthesizerTrial) -> None:
    """They are played one after the other."""
    for text in trial.texts:
        frames = await trial.speak(trial.factory(), text)
        require(bool(frames), f"{text!r} gave no frame.")
        end = 0
        for frame in frames:
            require(isinstance(frame, AudioFrame), f"{text!r} gave a {type(frame).__name__}.")
            require(
                frame.format == frames[0].format,
                f"{text!r} began in {frames[0].format} and went on in {frame.format}.",
            )
            require(
                frame.position == end,
                f"a frame of {text!r} was at sample {frame.position}, not {end}.",
            )
            end = frame.end


@SYNTHESIZER_CHECKS.promise("Nothing to say gives no frame.", f"{_SPEAKS}.synthesize")
async def nothing_to_say_gives_no_frame(trial: SynthesizerTrial) -> None:
    """Silence that is spoken makes everything after it late."""
    for text in ("", " ", "\n"):
        frames = await trial.speak(trial.factory(), text)
        require(not frames, f"{text!r} gave {len(frames)} frames.")


@SYNTHESIZER_CHECKS.promise("Markup is no markup.", f"{_SPEAKS}.synthesize")
async def markup_is_said_as_it_stands(trial: SynthesizerTrial) -> None:
    """What a recogniser wrote must not steer the voice, nor break it."""
    for text in _MARKUP:
        frames = await trial.speak(trial.factory(), text)
        require(bool(frames), f"{text!r} gave no frame.")


@SYNTHESIZER_CHECKS.promise(
    "Any text gives frames or a RawMediaError, and the next call starts afresh.", PARTS
)
async def any_text_gives_frames_or_a_typed_error(trial: SynthesizerTrial) -> None:
    """A translator writes whatever it likes."""
    part = trial.factory()
    expected = trial.heard(await trial.speak(trial.factory(), trial.texts[0]))
    for text in _ODD_TEXTS:
        await value_or_typed_error(trial.speak(part, text), f"synthesize({text!r})")
    again = trial.heard(await trial.speak(part, trial.texts[0]))
    require(again == expected, f"after odd texts {trial.texts[0]!r} sounded different.")


@SYNTHESIZER_CHECKS.promise(
    "A voice that there is not raises ConfigurationError.", f"{_SPEAKS}.synthesize"
)
async def a_voice_that_there_is_not_is_refused(trial: SynthesizerTrial) -> None:
    """Else a mistyped one is never noticed."""
    try:
        await trial.speak(trial.factory(), trial.texts[0], voice=_NO_VOICE)
    except ConfigurationError:
        return
    broke(f"the voice {_NO_VOICE!r} spoke.")


@SYNTHESIZER_CHECKS.promise("A language that it lacks raises UnsupportedLanguageError.", PARTS)
async def a_language_that_it_lacks_is_refused(trial: SynthesizerTrial) -> None:
    """Else it is read out in the accent of another."""
    part = trial.factory()
    if part.languages is None:
        skip("it does not say which languages it has")
    try:
        await trial.speak(part, trial.texts[0], UNHEARD_OF)
    except UnsupportedLanguageError:
        return
    broke(f"it spoke {UNHEARD_OF!r}, and has only {', '.join(part.languages)}.")


@SYNTHESIZER_CHECKS.promise("Iterators raise at their first step, not when they are made.", PARTS)
async def errors_come_at_the_first_step(trial: SynthesizerTrial) -> None:
    """The call itself is made where nobody catches."""
    part = trial.factory()
    try:
        async with closed(part.synthesize(trial.texts[0], UNHEARD_OF, _NO_VOICE)):
            pass
    except Exception as error:  # noqa: BLE001 - whatever it is, it came too early
        broke(f"synthesize() itself raised {type(error).__name__}: {error}.")


@SYNTHESIZER_CHECKS.promise("Calls at once share nothing that a caller can see.", PARTS)
async def calls_at_once_sound_as_alone(trial: SynthesizerTrial) -> None:
    """A room speaks many languages at the same time."""
    part = trial.factory()
    expected = [trial.heard(await trial.speak(trial.factory(), text)) for text in trial.texts]
    speeches = await asyncio.gather(*(trial.speak(part, text) for text in trial.texts))
    for text, frames, alone in zip(trial.texts, speeches, expected, strict=True):
        require(trial.heard(frames) == alone, f"{text!r} sounded different beside another call.")
        require(
            not frames or frames[0].position == 0,
            f"{text!r} began at sample {frames[0].position if frames else 0} beside another call.",
        )


@SYNTHESIZER_CHECKS.promise(
    "Closing the iterator ends the speech and leaves the part ready for the next call.", PARTS
)
async def a_closed_speech_leaves_the_part_ready(trial: SynthesizerTrial) -> None:
    """Somebody interrupts after the first word."""
    part = trial.factory()
    expected = trial.heard(await trial.speak(trial.factory(), trial.texts[1]))

    async def begin() -> None:
        async with closed(part.synthesize(trial.texts[0], trial.language, None)) as pieces:
            await anext(pieces)

    for _ in range(3):
        await trial.within(begin(), "closing after the first frame")
    frames = await trial.speak(part, trial.texts[1])
    require(
        trial.heard(frames) == expected, "a speech was closed, and the next one sounded different."
    )


@SYNTHESIZER_CHECKS.promise("A cancelled step leaves the part ready for the next call.", PARTS)
async def a_cancelled_step_leaves_the_part_ready(trial: SynthesizerTrial) -> None:
    """An interrupt cancels the task that speaks."""
    part = trial.factory()
    expected = trial.heard(await trial.speak(trial.factory(), trial.texts[1]))

    async def speak_and_close(_: int) -> None:
        async with closed(part.synthesize(trial.texts[0], trial.language, None)) as pieces:
            async for _frame in pieces:
                await asyncio.sleep(0)

    await cancelled_at_each_turn(SYSTEM_CLOCK, trial.patience_s, speak_and_close, "a speech")
    frames = await trial.speak(part, trial.texts[1])
    require(
        trial.heard(frames) == expected,
        "a speech was cancelled, and the next one sounded different.",
    )


@SYNTHESIZER_CHECKS.promise(
    "Frames are made at most some seconds ahead of the reader.", f"{_SPEAKS}.synthesize"
)
async def speech_is_not_made_far_ahead(trial: SynthesizerTrial) -> None:
    """A long text must not fill the memory while its beginning is heard."""
    part = trial.factory()
    await trial.speak(part, trial.texts[0])
    text = " ".join([trial.texts[0]] * (_LONG_WORDS // max(1, len(trial.texts[0].split()))))

    async def begin() -> float:
        async with closed(part.synthesize(text, trial.language, None)) as pieces:
            await anext(pieces)
            for _ in range(_WAIT_TURNS):
                await asyncio.sleep(0.001)
            return memory.now()

    with MemoryGrowth() as memory:
        grown = await trial.within(begin(), "the beginning of a long speech")
    require(
        grown < _AHEAD_MIB,
        f"one frame of {_LONG_WORDS} words was read, and memory grew by {grown:.1f} MiB.",
    )


@SYNTHESIZER_CHECKS.promise("A part may be used on any event loop.", PARTS)
async def any_event_loop_will_do(trial: SynthesizerTrial) -> None:
    """A program may run one loop a call."""
    part = trial.factory()
    expected = trial.heard(await trial.speak(part, trial.texts[0]))
    for _ in range(2):
        frames = await trial.in_another_loop(lambda: trial.speak(part, trial.texts[0]))
        require(trial.heard(frames) == expected, "in another loop it sounded different.")


@SYNTHESIZER_CHECKS.promise("A call gives back what it holds when its iterator is closed.", PARTS)
async def calls_leave_no_task(trial: SynthesizerTrial) -> None:
    """What the part keeps between calls may stay; what each call adds may not."""
    part = trial.factory()
    await trial.speak(part, trial.texts[0])
    leftovers = Leftovers()

    async def begin() -> None:
        async with closed(part.synthesize(trial.texts[0], trial.language, None)) as pieces:
            await anext(pieces)

    await trial.within(begin(), "closing after the first frame")
    await trial.speak(part, trial.texts[0])
    await leftovers.require_no_tasks("a speech was closed and another over")
    await leftovers.require_no_threads("a speech was closed and another over")


__all__ = ["SYNTHESIZER_CHECKS", "SynthesizerTrial", "check_synthesizer"]
