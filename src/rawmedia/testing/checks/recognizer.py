"""Whether a recogniser keeps every promise of `Recognizer` and its reports."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rawmedia.audio.format import AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import ConfigurationError, FormatMismatchError, UnsupportedLanguageError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.testing.checks.broken import broke, require, skip
from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.leftovers import Leftovers
from rawmedia.testing.checks.parts_trial import PARTS, UNHEARD_OF, PartTrial, closed
from rawmedia.testing.checks.waiting import cancelled_at_each_turn
from rawmedia.testing.signals import in_frames, speech_like
from rawmedia.translators.parts import Heard, Recognition

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from rawmedia.streams.clock import Clock
    from rawmedia.testing.checks.check import Report
    from rawmedia.translators.parts import Recognizer

_HEARS = f"{PARTS}.Recognizer.recognize"
_STRANGE_FORMATS = (AudioFormat(11_025), AudioFormat(44_100, 2))
_TOLERANCE_MS = 1.0
_AHEAD_MS = 3_000.0
"""What a recogniser may have taken beyond what it says it has heard."""
_SELDOM_MS = 1_000.0
"""Several times a second is less, also where a machine is busy."""
_UNREAD_MS = 120_000.0

RECOGNIZER_CHECKS: CheckList[RecognizerTrial] = CheckList()


async def check_recognizer(
    factory: Callable[[], Recognizer],
    *,
    audio: AudioFrame | Sequence[AudioFrame] | None = None,
    language: str | None = None,
    repeatable: bool = True,
    clock: Clock = SYSTEM_CLOCK,
    patience_s: float = 60.0,
    only: str | None = None,
) -> Report:
    """Put every promise of a recogniser to the test.

    Args:
        factory: Makes one; called for each check.
        audio: Speech that it understands, in one of its input formats, two utterances at least.
            By default four seconds that only sound like speech, of which little can be checked.
        language: What is spoken; by default its first language, or English.
        repeatable: Whether the same audio gives the same texts each time.
        clock: What it is timed on; a virtual clock makes the loops that it is tried on.
        patience_s: After how many seconds of the event loop's time a call counts as hanging.
        only: The name of the one check to run, as in ``RECOGNIZER_CHECKS.names``.

    Raises:
        BrokenPromiseError: The first promise that was not kept; it says how to see it.
        ConfigurationError: There is no audio, or no such check.
    """
    trial = RecognizerTrial(factory, audio, language, clock, patience_s, repeatable=repeatable)
    return await RECOGNIZER_CHECKS.run(trial, only, trial.guard)


class Source:
    """The frames that a recogniser is given, and what it did with them."""

    def __init__(self, frames: Iterable[AudioFrame], error: Exception | None = None) -> None:
        self._frames, self._error = iter(frames), error
        self.taken_ms = 0.0
        """The end of the last frame that was handed out."""

    def __aiter__(self) -> Source:
        return self

    async def __anext__(self) -> AudioFrame:
        await asyncio.sleep(0)
        frame = next(self._frames, None)
        if frame is None:
            if self._error is not None:
                raise self._error
            raise StopAsyncIteration
        self.taken_ms = frame.end_ms
        return frame


class RecognizerTrial(PartTrial):
    """A recogniser under test, and what it is to hear."""

    def __init__(
        self,
        factory: Callable[[], Recognizer],
        audio: AudioFrame | Sequence[AudioFrame] | None,
        language: str | None,
        clock: Clock,
        patience_s: float,
        *,
        repeatable: bool,
    ) -> None:
        super().__init__(clock, patience_s)
        self.factory, self.repeatable = factory, repeatable
        part = factory()
        self.formats = part.input_formats
        self.language = language or (part.languages or ("en",))[0]
        if audio is None:
            audio = speech_like(4_000, seed=1, format=self.formats[0])
        self.frames = in_frames(audio) if isinstance(audio, AudioFrame) else list(audio)
        if not self.frames:
            raise ConfigurationError("audio", "at least one frame is needed")

    async def reports(
        self, part: Recognizer | None = None, frames: AsyncIterator[AudioFrame] | None = None
    ) -> list[Recognition | Heard]:
        """All that is reported of the audio."""

        async def listen() -> list[Recognition | Heard]:
            source = Source(self.frames) if frames is None else frames
            async with closed((part or self.factory()).recognize(source, self.language)) as all_of:
                return [report async for report in all_of]

        return await self.within(listen(), "recognize() of the whole audio")

    async def require_same(self, reports: Iterable[Recognition | Heard], when: str) -> None:
        """What was understood must be what is understood undisturbed, if the engine repeats itself."""
        if self.repeatable:
            got, expected = _texts(reports), _texts(await self.reports())
            require(got == expected, f"{when} it understood {got}, and {expected} undisturbed.")


@RECOGNIZER_CHECKS.promise("Reports are a Recognition or a Heard.", _HEARS)
async def every_report_is_one_of_two(trial: RecognizerTrial) -> None:
    """Whoever matches on kinds must not meet a stranger."""
    for report in await trial.reports():
        require(isinstance(report, Recognition | Heard), f"{report!r} was reported.")


@RECOGNIZER_CHECKS.promise("When the frames end the utterance in progress is finished.", _HEARS)
async def the_last_utterance_is_finished(trial: RecognizerTrial) -> None:
    """The last sentence of a call counts as much as the first."""
    texts = _recognitions(await trial.reports())
    require(
        not texts or texts[-1].is_final,
        f"the last report was the partial {texts[-1].text if texts else ''!r}.",
    )
    if not texts:
        skip("nothing was understood of the audio; give audio= that the recogniser understands")


@RECOGNIZER_CHECKS.promise(
    "Utterances do not overlap, and come in order.", f"{PARTS}.Recognition.span"
)
async def utterances_do_not_overlap(trial: RecognizerTrial) -> None:
    """What was said once must not be translated twice."""
    end_ms = 0.0
    for final in _finals(await trial.reports()):
        require(
            final.span.start_ms >= end_ms - _TOLERANCE_MS,
            f"{final.text!r} was at {final.span}, and the utterance before ended at {end_ms:g} ms.",
        )
        end_ms = final.span.end_ms


@RECOGNIZER_CHECKS.promise("A span is the media time of the frames.", f"{PARTS}.Recognition.span")
async def spans_lie_in_the_audio(trial: RecognizerTrial) -> None:
    """Here the call is ten seconds old when the recogniser is opened."""
    shift = trial.frames[0].format.samples(10_000)
    frames = [frame.at(frame.position + shift) for frame in trial.frames]
    for report in _recognitions(await trial.reports(frames=Source(frames))):
        require(
            report.span.start_ms >= frames[0].start_ms - _TOLERANCE_MS
            and report.span.end_ms <= frames[-1].end_ms + _TOLERANCE_MS,
            f"frames from {frames[0].start_ms:g} to {frames[-1].end_ms:g} ms gave {report.text!r} at {report.span}.",
        )


@RECOGNIZER_CHECKS.promise("Words are in order and inside the span.", f"{PARTS}.Recognition.words")
async def words_lie_in_order_in_their_span(trial: RecognizerTrial) -> None:
    """Duplicates after a reconnection are found by their times."""
    timed = False
    for report in _recognitions(await trial.reports()):
        at_ms = report.span.start_ms
        for word in report.words:
            timed = True
            require(
                word.span.start_ms >= at_ms - _TOLERANCE_MS
                and word.span.end_ms <= report.span.end_ms + _TOLERANCE_MS,
                f"the word {word.word!r} at {word.span} is out of order, or outside of {report.span}.",
            )
            at_ms = word.span.start_ms
    if not timed:
        skip("it gives no word times")


@RECOGNIZER_CHECKS.promise(
    "An utterance without any word is not reported.", f"{PARTS}.Recognition.text"
)
async def an_utterance_has_words(trial: RecognizerTrial) -> None:
    """A final is empty only where partials came before."""
    partials = False
    for report in _recognitions(await trial.reports()):
        require(
            bool(report.text.strip()) or (report.is_final and partials),
            f"an empty text was reported at {report.span}.",
        )
        partials = not report.is_final


@RECOGNIZER_CHECKS.promise(
    "Heard never goes back, and not beyond what was handed out.", f"{PARTS}.Heard"
)
async def what_is_heard_only_goes_forward(trial: RecognizerTrial) -> None:
    """What is pending is counted by it."""
    source, position_ms, settled_ms = Source(trial.frames), 0.0, 0.0
    async with closed(trial.factory().recognize(source, trial.language)) as reports:
        async for report in reports:
            if not isinstance(report, Heard):
                continue
            require(
                report.position_ms >= position_ms
                and (report.settled_ms or settled_ms) >= settled_ms,
                f"it had heard until {position_ms:g} ms, and then {report}.",
            )
            require(
                report.position_ms <= source.taken_ms + _TOLERANCE_MS,
                f"it had been given {source.taken_ms:g} ms, and reported {report}.",
            )
            position_ms, settled_ms = report.position_ms, report.settled_ms or settled_ms
    if not position_ms:
        skip("it does not say how far it has heard")


@RECOGNIZER_CHECKS.promise(
    "While frames come Heard is reported several times a second.", f"{PARTS}.Heard"
)
async def what_is_heard_is_told_often(trial: RecognizerTrial) -> None:
    """What was handed out and not heard is pending, and bounds what is sent."""
    before_ms = trial.frames[0].start_ms
    for report in await trial.reports():
        if isinstance(report, Heard):
            require(
                report.position_ms - before_ms <= _SELDOM_MS,
                f"it said that it had heard {before_ms:g} ms, and nothing before {report.position_ms:g}.",
            )
            before_ms = max(before_ms, report.position_ms)
    end_ms = trial.frames[-1].end_ms
    require(
        end_ms - before_ms <= _SELDOM_MS,
        f"it was given {end_ms:g} ms, and the last that it said to have heard was {before_ms:g}.",
    )


@RECOGNIZER_CHECKS.promise(
    "heard_ms is how far it had listened, so not beyond what was handed out.",
    f"{PARTS}.Recognition.heard_ms",
)
async def nothing_is_told_of_what_was_not_heard(trial: RecognizerTrial) -> None:
    """What an engine took for an utterance is computed from it."""
    source, told = Source(trial.frames), False
    async with closed(trial.factory().recognize(source, trial.language)) as reports:
        async for report in reports:
            if isinstance(report, Recognition) and report.heard_ms is not None:
                told = True
                require(
                    report.heard_ms <= source.taken_ms + _TOLERANCE_MS,
                    f"it had been given {source.taken_ms:g} ms, and said of {report.text!r} that it had "
                    f"listened to {report.heard_ms:g}.",
                )
    if not told:
        skip("it does not say how far it had listened")


@RECOGNIZER_CHECKS.promise(
    "Audio that is settled lies in no utterance still to be reported.", f"{PARTS}.Heard.settled_ms"
)
async def what_is_settled_is_not_reported_later(trial: RecognizerTrial) -> None:
    """It is thrown away."""
    settled_ms = 0.0
    for report in await trial.reports():
        if isinstance(report, Heard):
            settled_ms = max(settled_ms, report.settled_ms or 0.0)
        else:
            require(
                report.span.start_ms >= settled_ms - _TOLERANCE_MS,
                f"audio before {settled_ms:g} ms was settled, and then {report.text!r} at {report.span} came.",
            )
    if not settled_ms:
        skip("it does not say what is settled")


@RECOGNIZER_CHECKS.promise("It reads only a fraction of a second ahead of its work.", _HEARS)
async def frames_are_not_hoarded(trial: RecognizerTrial) -> None:
    """Whoever holds the other end bounds what waits; here nobody reads the reports after the first."""
    source = Source(_long(trial))
    async with closed(trial.factory().recognize(source, trial.language)) as reports:
        first = await anext(reports, None)
        if first is None:
            skip("it reported nothing")
        for _ in range(2_000):
            await asyncio.sleep(0)
        heard_ms = first.position_ms if isinstance(first, Heard) else first.span.end_ms
        require(
            source.taken_ms - heard_ms <= _AHEAD_MS,
            f"its first report was at {heard_ms:g} ms and nobody asked for another, and it took frames "
            f"up to {source.taken_ms:g} ms.",
        )


@RECOGNIZER_CHECKS.promise("Whatever the frames raise comes through.", _HEARS)
async def errors_of_the_frames_come_through(trial: RecognizerTrial) -> None:
    """A call that breaks is not one that ends."""
    error = ConnectionResetError("the check broke the call")
    try:
        await trial.reports(frames=Source(trial.frames[:10], error))
    except ConnectionResetError:
        return
    broke("the frames raised ConnectionResetError, and the reports simply ended.")


@RECOGNIZER_CHECKS.promise(
    "A frame in a format that it does not take raises FormatMismatchError.", _HEARS
)
async def a_strange_format_is_refused(trial: RecognizerTrial) -> None:
    """It would hear noise, or speech at another speed."""
    strange = next(each for each in _STRANGE_FORMATS if each not in trial.formats)
    silence = AudioFrame.silence(strange, strange.samples(20))
    frames = [silence.at(n * silence.samples_per_channel) for n in range(50)]
    try:
        await trial.reports(frames=Source(frames))
    except FormatMismatchError:
        return
    broke(f"it took frames of {strange}, and is said to take only {trial.formats}.")


@RECOGNIZER_CHECKS.promise(
    "A language that it lacks raises UnsupportedLanguageError, at the first step.", PARTS
)
async def a_language_that_it_lacks_is_refused(trial: RecognizerTrial) -> None:
    """Not when the iterator is made, where nobody catches."""
    part = trial.factory()
    if part.languages is None:
        skip("it does not say which languages it has")
    try:
        reports = part.recognize(Source(trial.frames), UNHEARD_OF)
    except Exception as error:  # noqa: BLE001 - whatever it is, it came too early
        broke(f"recognize() itself raised {type(error).__name__}: {error}.")
    async with closed(reports):
        try:
            await trial.within(anext(reports), "the first step")
        except UnsupportedLanguageError:
            return
        except StopAsyncIteration:
            pass
    broke(f"it listened to {UNHEARD_OF!r}, and has only {', '.join(part.languages)}.")


@RECOGNIZER_CHECKS.promise("Calls at once share nothing that a caller can see.", PARTS)
async def calls_at_once_understand_as_alone(trial: RecognizerTrial) -> None:
    """One recogniser serves all speakers of a room."""
    part = trial.factory()
    for reports in await asyncio.gather(trial.reports(part), trial.reports(part)):
        await trial.require_same(reports, "beside another call")


@RECOGNIZER_CHECKS.promise(
    "A call that was closed or cancelled leaves the part ready for the next.", PARTS
)
async def a_closed_call_leaves_the_part_ready(trial: RecognizerTrial) -> None:
    """A speaker hangs up in the middle of a word."""
    part = trial.factory()

    async def listen(_: int) -> None:
        source = Source(trial.frames)
        async with closed(part.recognize(source, trial.language)) as reports:
            await anext(reports, None)

    await trial.within(listen(0), "closing after the first report")
    await cancelled_at_each_turn(SYSTEM_CLOCK, trial.patience_s, listen, "recognize()")
    await trial.require_same(
        await trial.reports(part), "after calls that were closed and cancelled"
    )


@RECOGNIZER_CHECKS.promise("Without audio the reports end.", _HEARS)
async def without_audio_the_reports_end(trial: RecognizerTrial) -> None:
    """A call may be hung up before anybody says a word."""
    texts = _recognitions(await trial.reports(frames=Source(())))
    require(not texts, f"there was no audio, and {len(texts)} texts were reported.")


@RECOGNIZER_CHECKS.promise("A part may be used on any event loop.", PARTS)
async def any_event_loop_will_do(trial: RecognizerTrial) -> None:
    """A program may run one loop a call."""
    part = trial.factory()
    await trial.reports(part)
    for _ in range(2):
        reports = await trial.in_another_loop(lambda: trial.reports(part))
        await trial.require_same(reports, "in another loop")


@RECOGNIZER_CHECKS.promise("A call gives back what it holds when its iterator is closed.", PARTS)
async def calls_leave_no_task(trial: RecognizerTrial) -> None:
    """What the part keeps between calls may stay; what each call adds may not."""
    part = trial.factory()
    await trial.reports(part)
    leftovers = Leftovers()

    async def begin() -> None:
        async with closed(part.recognize(Source(trial.frames), trial.language)) as reports:
            await anext(reports, None)

    await trial.within(begin(), "closing after the first report")
    await trial.reports(part)
    await leftovers.require_no_tasks("a call was closed and another over")
    await leftovers.require_no_threads("a call was closed and another over")


def _long(trial: RecognizerTrial) -> Iterable[AudioFrame]:
    """The audio again and again."""
    position = trial.frames[0].position
    while position < trial.frames[0].format.samples(_UNREAD_MS):
        for frame in trial.frames:
            yield frame.at(position)
            position += frame.samples_per_channel


def _recognitions(reports: Iterable[Recognition | Heard]) -> list[Recognition]:
    return [report for report in reports if isinstance(report, Recognition)]


def _finals(reports: Iterable[Recognition | Heard]) -> list[Recognition]:
    finals = [report for report in _recognitions(reports) if report.is_final]
    if not finals:
        skip("nothing was understood of the audio; give audio= that the recogniser understands")
    return finals


def _texts(reports: Iterable[Recognition | Heard]) -> list[str]:
    return [report.text for report in _recognitions(reports) if report.is_final]


__all__ = ["RECOGNIZER_CHECKS", "RecognizerTrial", "Source", "check_recognizer"]
