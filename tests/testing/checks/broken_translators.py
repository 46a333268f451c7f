"""Translators each of which breaks one promise, built around one that keeps them all."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance_kit import Breaches, scripted

from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import (
    EngineFailedError,
    FormatMismatchError,
    PayloadError,
    TranslatorClosedError,
    TranslatorError,
    TranslatorOverloadedError,
)
from rawmedia.testing import EchoTranslator, ScriptedCrash, ScriptedTranslator
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    Usage,
    UtteranceEnded,
    WordTiming,
)
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translation, Translator

    Change = Callable[[Any], Iterable[Any]]

TRANSLATOR_BREACHES: Breaches[Callable[[Clock], Translator]] = Breaches()
FAILING_BREACHES: Breaches[Callable[[Clock], Translator]] = Breaches()
breaks = TRANSLATOR_BREACHES.of
_FOREVER = threading.Event()


class Wrapped:
    """A translation that passes everything on; its subclasses spoil something."""

    def __init__(self, translator: Wrapper, inner: Translation) -> None:
        self.translator, self.inner, self.clock = translator, inner, translator.clock

    async def send(self, frame: AudioFrame) -> None:
        await self.inner.send(frame)

    async def commit(self) -> None:
        await self.inner.commit()

    async def interrupt(self) -> None:
        await self.inner.interrupt()

    async def update(self, request: TranslationRequest) -> None:
        await self.inner.update(request)

    async def end_input(self) -> None:
        await self.inner.end_input()

    def __aiter__(self) -> AsyncIterator[Any]:
        return aiter(self.inner)

    async def aclose(self) -> None:
        await self.inner.aclose()


class Wrapper:
    """A translator whose translations are of a class that spoils something."""

    def __init__(
        self,
        clock: Clock,
        wrapped: Callable[[Wrapper, Translation], Wrapped],
        inner: Translator | None = None,
    ) -> None:
        self.clock, self.wrapped = clock, wrapped
        self.inner = inner or scripted(clock)
        self.opened: list[Wrapped] = []

    @property
    def capabilities(self) -> TranslatorCapabilities:
        return self.inner.capabilities

    async def open(self, request: TranslationRequest) -> Wrapped:
        translation = self.wrapped(self, await self.inner.open(request))
        self.opened.append(translation)
        return translation


def breaks_by(*checks: str, inner: Callable[[Clock], Translator] = scripted) -> Any:
    """A subclass of `Wrapped` as a broken translator."""

    def add(wrapped: type[Wrapped]) -> type[Wrapped]:
        def make(clock: Clock) -> Translator:
            return Wrapper(clock, wrapped, inner(clock))

        make.__name__ = wrapped.__name__
        breaks(*checks)(make)
        return wrapped

    return add


def breaks_events(*checks: str) -> Callable[[Change], Change]:
    """A function of one event into several as a broken translator."""

    def add(change: Change) -> Change:
        class Changed(Wrapped):
            async def __aiter__(self) -> AsyncIterator[Any]:
                async for event in self.inner:
                    for each in change(event):
                        yield each

        def make(clock: Clock) -> Translator:
            return Wrapper(clock, Changed)

        make.__name__ = change.__name__
        breaks(*checks)(make)
        return change

    return add


def echo(clock: Clock) -> EchoTranslator:
    return EchoTranslator(clock=clock)


class _Quiet(Wrapped):
    async def __aiter__(self) -> AsyncIterator[Any]:
        async for event in self.inner:
            if not isinstance(event, Progress):
                yield event


def no_progress(clock: Clock) -> Translator:
    """It keeps its promises, among which none is to report progress."""
    return Wrapper(clock, _Quiet)


# What events say.


@breaks_events("every_event_is_one_of_the_seven")
def reports_a_word(event: Any) -> Iterable[Any]:
    return (event, "done") if isinstance(event, UtteranceEnded) else (event,)


@breaks_events("revisions_count_up")
def repeats_a_revision(event: Any) -> Iterable[Any]:
    return (replace(event, revision=0),) if isinstance(event, PartialTranslation) else (event,)


@breaks_events("revisions_count_up")
def begins_at_revision_one(event: Any) -> Iterable[Any]:
    return (
        (replace(event, revision=event.revision + 1),)
        if isinstance(event, PartialTranslation)
        else (event,)
    )


@breaks_events("a_final_has_the_highest_revision")
def numbers_finals_afresh(event: Any) -> Iterable[Any]:
    return (replace(event, revision=0),) if isinstance(event, FinalTranslation) else (event,)


@breaks_events("nothing_revises_a_final")
def revises_finals(event: Any) -> Iterable[Any]:
    return (event, event) if isinstance(event, FinalTranslation) else (event,)


@breaks_events("an_ended_utterance_is_over")
def ends_before_the_final(event: Any) -> Iterable[Any]:
    if isinstance(event, FinalTranslation):
        return (UtteranceEnded(event.utterance_id, event.span), event)
    return (event,)


@breaks_events("every_utterance_ends")
def never_ends_an_utterance(event: Any) -> Iterable[Any]:
    return () if isinstance(event, UtteranceEnded) else (event,)


@breaks_events("spans_lie_in_the_audio")
def counts_in_seconds_since_1970(event: Any) -> Iterable[Any]:
    if isinstance(event, FinalTranslation):
        return (replace(event, span=TimeSpan(1.7e12, 1.7e12 + 1)),)
    return (event,)


@breaks_events("words_lie_in_order_in_their_span")
def times_words_from_the_utterance(event: Any) -> Iterable[Any]:
    if isinstance(event, FinalTranslation):
        return (replace(event, words=(WordTiming("hello", TimeSpan(0, 100)),)),)
    return (event,)


@breaks_events("words_lie_in_order_in_their_span")
def sorts_words_by_length(event: Any) -> Iterable[Any]:
    if isinstance(event, FinalTranslation):
        start = event.span.start_ms
        late, early = TimeSpan(start + 50, start + 90), TimeSpan(start, start + 40)
        return (replace(event, words=(WordTiming("b", late), WordTiming("a", early))),)
    return (event,)


@breaks_events("unknown_words_stand_in_a_translation")
def leaves_unknown_words_out(event: Any) -> Iterable[Any]:
    if isinstance(event, FinalTranslation):
        return (replace(event, untranslated=("zxqvjk",)),)
    return (event,)


@breaks_events("languages_are_named_as_requested")
def names_languages_its_own_way(event: Any) -> Iterable[Any]:
    if isinstance(event, FinalTranslation):
        return (replace(event, translations={"es": "hola"}),)
    return (event,)


@breaks_events("speech_is_contiguous")
def begins_every_piece_at_zero(event: Any) -> Iterable[Any]:
    if isinstance(event, TranslatedAudio):
        return (replace(event, frame=event.frame.at(0)),)
    return (event,)


@breaks_events("progress_only_goes_forward")
def takes_progress_back(event: Any) -> Iterable[Any]:
    if isinstance(event, Progress):
        return (event, Progress(event.position_ms - 100))
    return (event,)


@breaks_events("progress_only_goes_forward")
def is_ahead_of_what_was_sent(event: Any) -> Iterable[Any]:
    return (Progress(1e6),) if isinstance(event, Progress) else (event,)


@breaks_events("progress_leaves_nothing_behind")
def settles_what_it_has_not_said(event: Any) -> Iterable[Any]:
    if isinstance(event, FinalTranslation):
        return (Progress(event.span.end_ms), event)
    return (event,)


@breaks_events("usage_is_never_negative")
def corrects_its_usage(event: Any) -> Iterable[Any]:
    return (event, Usage(audio_ms=-5)) if isinstance(event, FinalTranslation) else (event,)


class _Ignores(Wrapper):
    """Opens with fields of the request set to something else."""

    changes: dict[str, Any] = {}  # noqa: RUF012 - a constant of each subclass

    async def open(self, request: TranslationRequest) -> Wrapped:
        return await super().open(request.model_copy(update=self.changes))


@breaks("without_speech_only_text_comes")
def always_speaks(clock: Clock) -> Translator:
    translator = _Ignores(clock, Wrapped)
    translator.changes = {"speech": True}
    return translator


@breaks("without_partials_only_finals_come")
def always_reports_partials(clock: Clock) -> Translator:
    translator = _Ignores(clock, Wrapped)
    translator.changes = {"partials": True}
    return translator


# What becomes of frames.


def two_formats(clock: Clock) -> ScriptedTranslator:
    capabilities = TranslatorCapabilities(name="two", input_formats=(SPEECH, TELEPHONY))
    return ScriptedTranslator(clock=clock, capabilities=capabilities)


@breaks_by("a_strange_format_is_refused")
class SwallowsFormats(Wrapped):
    async def send(self, frame: AudioFrame) -> None:
        try:
            await super().send(frame)
        except FormatMismatchError:
            return


@breaks_by("a_strange_format_is_refused")
class CallsItSomethingElse(Wrapped):
    async def send(self, frame: AudioFrame) -> None:
        try:
            await super().send(frame)
        except FormatMismatchError as error:
            raise PayloadError("another format", "this one") from error


@breaks_by("a_change_of_format_is_refused", inner=two_formats)
class TakesChanges(SwallowsFormats):
    pass


@breaks_by("a_frame_from_the_past_is_refused")
class SwallowsThePast(Wrapped):
    async def send(self, frame: AudioFrame) -> None:
        try:
            await super().send(frame)
        except PayloadError:
            return


@breaks_by("positions_are_media_time", inner=echo)
class CountsFromItsOwnStart(Wrapped):
    start: int | None = None

    async def send(self, frame: AudioFrame) -> None:
        self.start = frame.position if self.start is None else self.start
        await super().send(frame.at(frame.position - self.start))


@breaks_by("sends_at_once_are_served_in_order")
class ServesTheLastFirst(Wrapped):
    waiting = 0

    async def send(self, frame: AudioFrame) -> None:
        self.waiting += 1
        for _ in range(100 - self.waiting):
            await asyncio.sleep(0)
        await super().send(frame)


@breaks_by("a_send_with_room_does_not_wait")
class HearsInRealTime(Wrapped):
    async def send(self, frame: AudioFrame) -> None:
        await super().send(frame)
        await self.clock.sleep_until(self.clock.now() + frame.duration_ms / 1000)


@breaks_by("a_cancelled_send_takes_nothing")
class TakesBeforeItWaits(Wrapped):
    async def send(self, frame: AudioFrame) -> None:
        await super().send(frame)
        for _ in range(5):
            await asyncio.sleep(0)


@breaks_by("what_nobody_reads_is_bounded")
class Hoards(Wrapped):
    def __init__(self, translator: Wrapper, inner: Translation) -> None:
        super().__init__(translator, inner)
        self.hoard: list[AudioFrame] = []

    async def send(self, frame: AudioFrame) -> None:
        self.hoard.append(frame)


@breaks_by("what_nobody_reads_is_bounded", inner=echo)
class WaitsTooLong(Wrapped):
    async def send(self, frame: AudioFrame) -> None:
        try:
            await super().send(frame)
        except TranslatorOverloadedError:
            await self.clock.sleep_until(self.clock.now() + 5)
            raise


@breaks_by("what_nobody_reads_is_bounded", inner=echo)
class WaitsForEver(Wrapped):
    async def send(self, frame: AudioFrame) -> None:
        try:
            await super().send(frame)
        except TranslatorOverloadedError:
            await asyncio.Event().wait()


@breaks_by("an_overload_passes", inner=echo)
class TakesWhatItRefuses(Wrapped):
    end = 0

    async def send(self, frame: AudioFrame) -> None:
        if frame.position < self.end:
            raise PayloadError("a later frame", "one that came before")
        self.end = frame.end
        await super().send(frame)


@breaks_by(
    "nothing_is_taken_after_end_input",
    "nothing_is_taken_after_aclose",
)
class SwallowsWhatComesTooLate(Wrapped):
    async def send(self, frame: AudioFrame) -> None:
        try:
            await super().send(frame)
        except TranslatorClosedError:
            return


@breaks_by("closing_lets_a_waiting_send_go", inner=echo)
class ForgetsWhoWaits(Wrapped):
    async def send(self, frame: AudioFrame) -> None:
        try:
            await super().send(frame)
        except TranslatorClosedError:
            await asyncio.Event().wait()


@breaks_by("closing_lets_a_waiting_send_go", inner=echo)
class LiesToWhoWaits(SwallowsWhatComesTooLate):
    pass


# How it begins and ends.


class _Wavering(Wrapper):
    @property
    def capabilities(self) -> TranslatorCapabilities:
        return replace(self.inner.capabilities, name=f"after {len(self.opened)}")


@breaks("capabilities_never_change")
def changes_its_capabilities(clock: Clock) -> Translator:
    return _Wavering(clock, Wrapped)


class _Boasting(Wrapper):
    lacks: dict[str, Any] = {}  # noqa: RUF012 - a constant of each subclass

    @property
    def capabilities(self) -> TranslatorCapabilities:
        return replace(self.inner.capabilities, **self.lacks)


def _boasting(name: str, **lacks: Any) -> None:
    def make(clock: Clock) -> Translator:
        translator = _Boasting(clock, Wrapped)
        translator.lacks = lacks
        return translator

    make.__name__ = name
    breaks("what_it_cannot_do_is_refused_by_open")(make)


_boasting("hears_any_language", source_languages=("en",))
_boasting("speaks_any_language", target_languages=("es",))
_boasting("takes_two_targets", multi_target=False)
_boasting("takes_speech", speech=False)


class _StartsFirst(Wrapper):
    async def open(self, request: TranslationRequest) -> Wrapped:
        asyncio.create_task(asyncio.sleep(3_600), name="the engine")  # noqa: RUF006 - the fault
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return await super().open(request)


@breaks("a_cancelled_open_leaves_nothing", "no_task_is_left")
def leaves_a_task(clock: Clock) -> Translator:
    return _StartsFirst(clock, Wrapped)


@breaks_by("without_audio_iteration_ends_too")
class WaitsForTheFirstFrame(Wrapped):
    sent = False

    async def send(self, frame: AudioFrame) -> None:
        self.sent = True
        await super().send(frame)

    async def end_input(self) -> None:
        if self.sent:
            await super().end_input()


@breaks_by("ending_the_input_twice_is_harmless")
class EndsOnce(Wrapped):
    ended = False

    async def end_input(self) -> None:
        if self.ended:
            raise RuntimeError("the input has ended already")
        self.ended = True
        await super().end_input()


@breaks_by("what_has_ended_stays_ended")
class TellsItAgain(Wrapped):
    async def __aiter__(self) -> AsyncIterator[Any]:
        async for event in self.inner:
            yield event
        yield Progress(0)


@breaks_by("what_has_ended_stays_ended")
class HangsAfterTheEnd(Wrapped):
    over = False

    async def __aiter__(self) -> AsyncIterator[Any]:
        if self.over:
            await asyncio.Event().wait()
        async for event in self.inner:
            yield event
        self.over = True


@breaks_by("a_cancelled_wait_loses_no_event")
class IsAGenerator(Wrapped):
    async def __aiter__(self) -> AsyncIterator[Any]:
        async for event in self.inner:
            yield event


@breaks_by("closing_twice_is_harmless")
class ClosesOnce(Wrapped):
    closed = False

    async def aclose(self) -> None:
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True
        await super().aclose()


@breaks_by("closing_ends_iteration")
class LeavesItsReader(Wrapped):
    closed = False

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for event in self.inner:
            yield event
        if self.closed:
            await asyncio.Event().wait()

    async def aclose(self) -> None:
        self.closed = True
        await super().aclose()


@breaks_by("closing_ends_iteration")
class GoesOnAfterTheClose(Wrapped):
    closed = False

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for event in self.inner:
            yield event
        if self.closed:
            yield Progress(0)

    async def aclose(self) -> None:
        self.closed = True
        await super().aclose()


@breaks_by("a_cancelled_close_can_be_repeated")
class WaitsForACancelledClose(Wrapped):
    done: asyncio.Event | None = None

    async def aclose(self) -> None:
        if self.done is not None:
            await self.done.wait()
            return
        self.done = asyncio.Event()
        await asyncio.sleep(0)
        await super().aclose()
        self.done.set()


class _Threaded(Wrapper):
    async def open(self, request: TranslationRequest) -> Wrapped:
        threading.Thread(target=_FOREVER.wait, args=(3,), daemon=True, name="engine").start()
        return await super().open(request)


@breaks("no_thread_is_left")
def leaves_a_thread(clock: Clock) -> Translator:
    return _Threaded(clock, Wrapped)


@breaks_by("a_commit_ends_nothing_else")
class EndsAtACommit(Wrapped):
    async def commit(self) -> None:
        await self.end_input()


@breaks_by("an_interrupt_stops_the_speech")
class TalksOn(Wrapped):
    async def interrupt(self) -> None:
        """Nothing."""


@breaks_by("an_interrupt_stops_the_speech")
class StopsListening(Wrapped):
    async def interrupt(self) -> None:
        await self.inner.aclose()


@breaks_by("an_update_is_taken_or_refused")
class HasNoUpdate(Wrapped):
    async def update(self, request: TranslationRequest) -> None:
        raise NotImplementedError


@breaks_by("cancelled_verbs_leave_it_working")
class DiesOfACancel(Wrapped):
    async def commit(self) -> None:
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            await self.inner.aclose()
            raise


class _One(Wrapper):
    async def open(self, request: TranslationRequest) -> Wrapped:
        return self.opened[0] if self.opened else await super().open(request)


@breaks("two_translations_share_nothing")
def has_one_translation_for_all(clock: Clock) -> Translator:
    return _One(clock, Wrapped)


@breaks_by("closing_one_leaves_the_others")
class ClosesItsSiblings(Wrapped):
    async def aclose(self) -> None:
        for each in self.translator.opened:
            await each.inner.aclose()


# What a failure leaves; the inner engine crashes.


def crashing(clock: Clock) -> ScriptedTranslator:
    return scripted(clock, ScriptedCrash(at_ms=1_000, times=100))


def breaks_failing(*checks: str) -> Any:
    """A subclass of `Wrapped` around an engine that crashes."""

    def add(wrapped: type[Wrapped]) -> type[Wrapped]:
        def make(clock: Clock) -> Translator:
            return Wrapper(clock, wrapped, crashing(clock))

        make.__name__ = wrapped.__name__
        FAILING_BREACHES.of(*checks)(make)
        return wrapped

    return add


@breaks_failing("a_failure_ends_iteration_with_its_error")
class FailsOnce(Wrapped):
    failed = False

    async def __aiter__(self) -> AsyncIterator[Any]:
        if self.failed:
            return
        self.failed = True
        async for event in self.inner:
            yield event


@breaks_failing("a_failure_ends_iteration_with_its_error")
class FailsInSilence(Wrapped):
    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for event in self.inner:
                yield event
        except TranslatorError:
            return


@breaks_failing("a_failure_ends_iteration_with_its_error")
class FailsInItsOwnWords(Wrapped):
    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for event in self.inner:
                yield event
        except TranslatorError as error:
            raise KeyError("engine") from error


@breaks_failing("a_failure_refuses_frames")
class FeedsTheDead(Wrapped):
    async def send(self, frame: AudioFrame) -> None:
        try:
            await super().send(frame)
        except TranslatorError:
            return


@breaks_failing("a_failure_refuses_frames")
class BlamesTheCaller(Wrapped):
    async def send(self, frame: AudioFrame) -> None:
        try:
            await super().send(frame)
        except TranslatorError as error:
            raise TranslatorOverloadedError("engine", 0) from error


@breaks_failing("a_failed_translation_leaves_nothing")
class LeavesItsHeartbeat(Wrapped):
    def __init__(self, translator: Wrapper, inner: Translation) -> None:
        super().__init__(translator, inner)
        self.heartbeat = asyncio.create_task(asyncio.sleep(3_600), name="heartbeat")
        self.failed = False

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for event in self.inner:
                yield event
        except TranslatorError:
            self.failed = True
            raise

    async def aclose(self) -> None:
        await super().aclose()
        if not self.failed:
            self.heartbeat.cancel()


@breaks_failing("a_failure_refuses_frames", "a_failed_translation_leaves_nothing")
class HangsWhenItFails(Wrapped):
    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for event in self.inner:
                yield event
        except TranslatorError:
            await asyncio.Event().wait()


class Unreachable(Wrapper):
    """Its service can't be reached."""

    async def open(self, request: TranslationRequest) -> Wrapped:
        raise EngineFailedError("engine", "nobody answers")


def unreachable(clock: Clock) -> Translator:
    """It keeps its promises: it says so."""
    return Unreachable(clock, Wrapped)


class _RaisesWhatItGot(Wrapper):
    async def open(self, request: TranslationRequest) -> Wrapped:
        raise ConnectionRefusedError


class _ConnectsOnBehind(Unreachable):
    async def open(self, request: TranslationRequest) -> Wrapped:
        self.connecting = asyncio.create_task(asyncio.sleep(3_600), name="connecting")
        return await super().open(request)


@FAILING_BREACHES.of("an_engine_that_can_not_be_opened_says_so")
def raises_what_it_got(clock: Clock) -> Translator:
    return _RaisesWhatItGot(clock, Wrapped)


@FAILING_BREACHES.of("an_engine_that_can_not_be_opened_says_so")
def connects_on_behind(clock: Clock) -> Translator:
    return _ConnectsOnBehind(clock, Wrapped)
