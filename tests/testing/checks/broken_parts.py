"""Parts of a cascade each of which breaks one promise, built around those that keep them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from conformance_kit import Breaches
from good_parts import GoodRecognizer, GoodSynthesizer, GoodTextTranslator

from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import ConfigurationError, UnsupportedLanguageError
from rawmedia.translators.parts import Heard, Recognition, TextTranslation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

TEXT_BREACHES: Breaches[Callable[[], Any]] = Breaches()
SPEECH_BREACHES: Breaches[Callable[[], Any]] = Breaches()
HEARING_BREACHES: Breaches[Callable[[], Any]] = Breaches()
breaks_text, breaks_speech, breaks_hearing = (
    TEXT_BREACHES.of,
    SPEECH_BREACHES.of,
    HEARING_BREACHES.of,
)


class OneLoop:
    """Belongs to the loop on which it was first used."""

    loop: asyncio.AbstractEventLoop | None = None

    def enter(self) -> None:
        self.loop = self.loop or asyncio.get_running_loop()
        if self.loop is not asyncio.get_running_loop():
            raise ConfigurationError("loop", "another one")


def leave_a_task() -> None:
    """The fault of whoever calls this."""
    asyncio.create_task(asyncio.sleep(3_600), name="left behind")  # noqa: RUF006


# Text.


@breaks_text("a_text_gives_a_text_translation")
class GivesAString(GoodTextTranslator):
    async def translate(self, text: str, *pair: str) -> Any:
        return (await super().translate(text, *pair)).text


@breaks_text("a_text_gives_a_text_translation")
class GivesNothing(GoodTextTranslator):
    async def translate(self, text: str, *pair: str) -> TextTranslation:
        return TextTranslation(" ")


@breaks_text("nothing_gives_nothing")
class EndsSentences(GoodTextTranslator):
    async def translate(self, text: str, *pair: str) -> TextTranslation:
        return TextTranslation(f"{(await super().translate(text, *pair)).text}.")


@breaks_text("unknown_words_stand_in_the_text")
class DropsUnknownWords(GoodTextTranslator):
    async def translate(self, text: str, *pair: str) -> TextTranslation:
        answer = await super().translate(text, *pair)
        known = " ".join(word for word in answer.text.split() if word not in answer.unknown_words)
        return TextTranslation(known, answer.unknown_words)


@breaks_text("any_text_gives_a_value_or_a_typed_error")
class KnowsOnlyAscii(GoodTextTranslator):
    async def translate(self, text: str, *pair: str) -> TextTranslation:
        text.encode("ascii")
        return await super().translate(text, *pair)


@breaks_text("any_text_gives_a_value_or_a_typed_error")
class HangsAtOddTexts(GoodTextTranslator):
    async def translate(self, text: str, *pair: str) -> TextTranslation:
        if "{" in text:
            await asyncio.Event().wait()
        return await super().translate(text, *pair)


@breaks_text("any_text_gives_a_value_or_a_typed_error")
class IsSpoilt(GoodTextTranslator):
    odd = ""

    async def translate(self, text: str, *pair: str) -> TextTranslation:
        self.odd = self.odd or ("?" if "<" in text else "")
        return await super().translate(text + self.odd, *pair)


@breaks_text("calls_at_once_get_their_own_answers")
class KeepsTheText(GoodTextTranslator):
    text = ""

    async def translate(self, text: str, *pair: str) -> TextTranslation:
        self.text = text
        await asyncio.sleep(0)
        return await super().translate(self.text, *pair)


@breaks_text("a_cancelled_call_leaves_no_answer")
class AnswersInTurn(GoodTextTranslator):
    def __init__(self) -> None:
        self.answers: list[str] = []

    async def translate(self, text: str, *pair: str) -> TextTranslation:
        self.answers.append(text)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return await super().translate(self.answers.pop(0), *pair)


@breaks_text("a_language_that_it_lacks_is_refused")
class TakesAnyLanguage(GoodTextTranslator):
    async def translate(self, text: str, *pair: str) -> TextTranslation:
        return await super().translate(text, "en", "es")


@breaks_text("any_event_loop_will_do")
class TranslatesInOneLoop(OneLoop, GoodTextTranslator):
    async def translate(self, text: str, *pair: str) -> TextTranslation:
        self.enter()
        return await super().translate(text, *pair)


@breaks_text("calls_leave_no_task")
class LeavesATask(GoodTextTranslator):
    async def translate(self, text: str, *pair: str) -> TextTranslation:
        leave_a_task()
        return await super().translate(text, *pair)


# Speech.


class Spoken(GoodSynthesizer):
    """Passes every frame through ``spoken``."""

    def spoken(self, frame: AudioFrame) -> Any:
        return frame

    async def synthesize(self, text: str, *voice: Any) -> AsyncIterator[AudioFrame]:
        async for frame in super().synthesize(text, *voice):
            yield self.spoken(frame)


@breaks_speech("frames_are_contiguous_from_zero")
class BeginsEachPieceAtZero(Spoken):
    def spoken(self, frame: AudioFrame) -> AudioFrame:
        return frame.at(0)


@breaks_speech("frames_are_contiguous_from_zero")
class ChangesItsFormat(Spoken):
    def spoken(self, frame: AudioFrame) -> AudioFrame:
        layout = SPEECH if frame.position == 0 else TELEPHONY
        return AudioFrame(frame.samples, layout, frame.position)


@breaks_speech("frames_are_contiguous_from_zero")
class GivesArrays(Spoken):
    def spoken(self, frame: AudioFrame) -> Any:
        return frame.samples


@breaks_speech("frames_are_contiguous_from_zero", "markup_is_said_as_it_stands")
class SaysNothing(GoodSynthesizer):
    async def synthesize(self, text: str, *voice: Any) -> AsyncIterator[AudioFrame]:
        async for frame in super().synthesize("", *voice):
            yield frame  # pragma: no cover - there is none


@breaks_speech("nothing_to_say_gives_no_frame")
class BreathesIn(GoodSynthesizer):
    async def synthesize(self, text: str, *voice: Any) -> AsyncIterator[AudioFrame]:
        async for frame in super().synthesize(f"_{text}", *voice):
            yield frame


@breaks_speech("markup_is_said_as_it_stands")
class ParsesMarkup(GoodSynthesizer):
    async def synthesize(self, text: str, *voice: Any) -> AsyncIterator[AudioFrame]:
        if "<" in text:
            raise SyntaxError("mismatched tag")
        async for frame in super().synthesize(text, *voice):
            yield frame


@breaks_speech("any_text_gives_frames_or_a_typed_error")
class SpeaksOnlyAscii(GoodSynthesizer):
    async def synthesize(self, text: str, *voice: Any) -> AsyncIterator[AudioFrame]:
        text.encode("ascii")
        async for frame in super().synthesize(text, *voice):
            yield frame


@breaks_speech("any_text_gives_frames_or_a_typed_error")
class GetsHoarse(GoodSynthesizer):
    spoken = ""

    async def synthesize(self, text: str, *voice: Any) -> AsyncIterator[AudioFrame]:
        self.spoken += "!" if "." in text else ""
        async for frame in super().synthesize(text + self.spoken, *voice):
            yield frame


@breaks_speech("a_voice_that_there_is_not_is_refused")
class HasOneVoice(GoodSynthesizer):
    async def synthesize(
        self, text: str, language: str, voice: str | None
    ) -> AsyncIterator[AudioFrame]:
        async for frame in super().synthesize(text, language, None):
            yield frame


@breaks_speech("a_language_that_it_lacks_is_refused")
class SpeaksAnything(GoodSynthesizer):
    async def synthesize(
        self, text: str, language: str, voice: str | None
    ) -> AsyncIterator[AudioFrame]:
        async for frame in super().synthesize(text, "es", voice):
            yield frame


@breaks_speech("errors_come_at_the_first_step")
class RaisesAtOnce(GoodSynthesizer):
    def synthesize(self, text: str, language: str, voice: str | None) -> AsyncIterator[AudioFrame]:
        if language not in (self.languages or ()):
            raise UnsupportedLanguageError(language, "speech")
        return super().synthesize(text, language, voice)


@breaks_speech("calls_at_once_sound_as_alone")
class SharesItsText(GoodSynthesizer):
    text = ""

    async def synthesize(self, text: str, *voice: Any) -> AsyncIterator[AudioFrame]:
        self.text = text
        await asyncio.sleep(0)
        async for frame in super().synthesize(self.text, *voice):
            yield frame


@breaks_speech("calls_at_once_sound_as_alone")
class SharesItsPosition(GoodSynthesizer):
    speaking = 0

    async def synthesize(self, text: str, *voice: Any) -> AsyncIterator[AudioFrame]:
        self.speaking += 1
        start = self.speaking - 1
        async for frame in super().synthesize(text, *voice):
            yield frame.at(frame.position + start)
        self.speaking -= 1


@breaks_speech("a_closed_speech_leaves_the_part_ready", "a_cancelled_step_leaves_the_part_ready")
class StaysBusy(GoodSynthesizer):
    left = ""

    async def synthesize(self, text: str, *voice: Any) -> AsyncIterator[AudioFrame]:
        text, self.left = self.left + text, text
        async for frame in super().synthesize(text, *voice):
            yield frame
        self.left = ""


@breaks_speech("speech_is_not_made_far_ahead")
class MakesItAllFirst(GoodSynthesizer):
    async def synthesize(self, text: str, *voice: Any) -> AsyncIterator[AudioFrame]:
        size = WEBRTC.samples(50)
        frames = [
            AudioFrame(np.zeros((size, 1), np.int16), WEBRTC, number * size)
            for number in range(len(text) // 5)
        ]
        for frame in frames:
            yield frame


@breaks_speech("any_event_loop_will_do")
class SpeaksInOneLoop(OneLoop, GoodSynthesizer):
    async def synthesize(self, text: str, *voice: Any) -> AsyncIterator[AudioFrame]:
        self.enter()
        async for frame in super().synthesize(text, *voice):
            yield frame


@breaks_speech("calls_leave_no_task")
class SpeaksOnBehind(GoodSynthesizer):
    async def synthesize(self, text: str, *voice: Any) -> AsyncIterator[AudioFrame]:
        leave_a_task()
        async for frame in super().synthesize(text, *voice):
            yield frame


# Hearing.


class Reported(GoodRecognizer):
    """Passes every report through ``reported``."""

    def reported(self, report: Any) -> list[Any]:
        return [report]

    async def recognize(self, frames: Any, language: str) -> AsyncIterator[Any]:
        async for report in super().recognize(frames, language):
            for each in self.reported(report):
                yield each


@breaks_hearing("every_report_is_one_of_two")
class ReportsStrings(Reported):
    def reported(self, report: Any) -> list[Any]:
        return [report, "heard"]


@breaks_hearing("the_last_utterance_is_finished")
class NeverFinishes(Reported):
    def reported(self, report: Any) -> list[Any]:
        if isinstance(report, Recognition) and report.is_final:
            return [self.partial(report.span)]
        return [report]


@breaks_hearing("utterances_do_not_overlap")
class HearsTwice(Reported):
    def reported(self, report: Any) -> list[Any]:
        final = isinstance(report, Recognition) and report.is_final
        return [report, report] if final else [report]


@breaks_hearing("spans_lie_in_the_audio")
class CountsFromItsStart(GoodRecognizer):
    def final(self, number: int, span: TimeSpan) -> Recognition:
        return super().final(number, TimeSpan(number * 1_000, number * 1_000 + 1_000))


@breaks_hearing("words_lie_in_order_in_their_span")
class TurnsWordsRound(GoodRecognizer):
    def final(self, number: int, span: TimeSpan) -> Recognition:
        final = super().final(number, span)
        return Recognition(final.text, span, is_final=True, words=final.words[::-1])


@breaks_hearing("an_utterance_has_words")
class ReportsBreath(GoodRecognizer):
    def partial(self, span: TimeSpan) -> Recognition:
        return Recognition(" ", span, is_final=False)


@breaks_hearing("what_is_heard_only_goes_forward")
class ForgetsWhatItHeard(Reported):
    def reported(self, report: Any) -> list[Any]:
        return [report, Heard(0.0)] if isinstance(report, Heard) else [report]


@breaks_hearing("what_is_heard_only_goes_forward")
class HearsTheFuture(Reported):
    def reported(self, report: Any) -> list[Any]:
        return [Heard(1e6)] if isinstance(report, Heard) else [report]


@breaks_hearing("what_is_heard_is_told_often")
class SaysNothingOfWhatItHeard(Reported):
    def reported(self, report: Any) -> list[Any]:
        return [] if isinstance(report, Heard) else [report]


@breaks_hearing("what_is_heard_is_told_often")
class SpeaksOnlyAtTheEnd(Reported):
    def reported(self, report: Any) -> list[Any]:
        seldom = isinstance(report, Heard) and report.position_ms < 3_000
        return [] if seldom else [report]


@breaks_hearing("nothing_is_told_of_what_was_not_heard")
class ListensAhead(Reported):
    def reported(self, report: Any) -> list[Any]:
        if isinstance(report, Recognition):
            return [replace(report, heard_ms=report.span.end_ms + 500)]
        return [report]


@breaks_hearing("what_is_settled_is_not_reported_later")
class SettlesTooMuch(Reported):
    def reported(self, report: Any) -> list[Any]:
        if isinstance(report, Heard):
            return [Heard(report.position_ms, report.position_ms)]
        return [report]


class Hoards(GoodRecognizer):
    @staticmethod
    async def hoarded(frames: Any) -> AsyncIterator[AudioFrame]:
        for frame in [frame async for frame in frames]:
            yield frame

    async def recognize(self, frames: Any, language: str) -> AsyncIterator[Any]:
        async for report in super().recognize(self.hoarded(frames), language):
            yield report


breaks_hearing("frames_are_not_hoarded")(Hoards)


@breaks_hearing("errors_of_the_frames_come_through")
class TakesErrorsForTheEnd(GoodRecognizer):
    async def recognize(self, frames: Any, language: str) -> AsyncIterator[Any]:
        try:
            async for report in super().recognize(frames, language):
                yield report
        except ConnectionError:
            return


@breaks_hearing("a_strange_format_is_refused")
class TakesAnyFormat(GoodRecognizer):
    async def recognize(self, frames: Any, language: str) -> AsyncIterator[Any]:
        async for frame in frames:
            yield Heard(frame.end_ms)


@breaks_hearing("a_language_that_it_lacks_is_refused")
class HearsAnyLanguage(GoodRecognizer):
    async def recognize(self, frames: Any, language: str) -> AsyncIterator[Any]:
        async for report in super().recognize(frames, "en"):
            yield report


@breaks_hearing("a_language_that_it_lacks_is_refused")
class EndsInAnyLanguage(GoodRecognizer):
    async def recognize(self, frames: Any, language: str) -> AsyncIterator[Any]:
        if language == "en":
            async for report in super().recognize(frames, language):
                yield report


@breaks_hearing("a_language_that_it_lacks_is_refused")
class RefusesAtOnce(GoodRecognizer):
    def recognize(self, frames: Any, language: str) -> AsyncIterator[Any]:
        if language != "en":
            raise UnsupportedLanguageError(language, "source")
        return super().recognize(frames, language)


@breaks_hearing("calls_at_once_understand_as_alone")
class CountsForAll(GoodRecognizer):
    count = 0

    def final(self, number: int, span: TimeSpan) -> Recognition:
        self.count += 1
        return super().final(self.count - 1 if span.start_ms else number, span)


@breaks_hearing("a_closed_call_leaves_the_part_ready")
class HearsTheCallBefore(GoodRecognizer):
    begun = 0

    async def recognize(self, frames: Any, language: str) -> AsyncIterator[Any]:
        self.begun += 1
        async for report in super().recognize(frames, language):
            yield report
        self.begun -= 1

    def final(self, number: int, span: TimeSpan) -> Recognition:
        return super().final(number + self.begun, span)


@breaks_hearing("without_audio_the_reports_end")
class HearsVoices(GoodRecognizer):
    async def recognize(self, frames: Any, language: str) -> AsyncIterator[Any]:
        yield Recognition("hello", TimeSpan(0, 0), is_final=True)
        async for report in super().recognize(frames, language):
            yield report


@breaks_hearing("without_audio_the_reports_end")
class WaitsForAudio(GoodRecognizer):
    async def recognize(self, frames: Any, language: str) -> AsyncIterator[Any]:
        heard = False
        async for report in super().recognize(frames, language):
            heard = True
            yield report
        if not heard:
            await asyncio.Event().wait()


@breaks_hearing("any_event_loop_will_do")
class HearsInOneLoop(OneLoop, GoodRecognizer):
    async def recognize(self, frames: Any, language: str) -> AsyncIterator[Any]:
        self.enter()
        async for report in super().recognize(frames, language):
            yield report


@breaks_hearing("calls_leave_no_task")
class ListensOnBehind(GoodRecognizer):
    async def recognize(self, frames: Any, language: str) -> AsyncIterator[Any]:
        leave_a_task()
        async for report in super().recognize(frames, language):
            yield report
