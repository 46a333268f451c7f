"""When something breaks in the middle: what was translated is heard and written, and then the right error comes."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from session_kit import (
    VOICE,
    Session,
    carry,
    prepare,
    request,
    speech,
    timeline,
    utterance,
)

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.captions.webvtt import WebVttWriter
from rawmedia.errors import (
    AuthenticationError,
    EngineCrashedError,
    EngineFailedError,
    FileWriteError,
    NetworkError,
    RawMediaError,
    StreamClosedError,
    StreamEndedError,
    StreamFailedError,
    TranslatorOverloadedError,
    TranslatorStalledError,
)
from rawmedia.sessions.events import (
    SessionWarning,
    SpeechLeftOut,
    UtteranceHeard,
    UtteranceStarted,
)
from rawmedia.sessions.interpreter import Interpreter
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.legs import FakeLeg
from rawmedia.testing.script import ScriptedCrash, ScriptedEvent, ScriptedStall
from rawmedia.testing.signals import in_frames, silence
from rawmedia.testing.translators import ScriptedTranslator
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    UtteranceEnded,
)
from rawmedia.translators.function import translator
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rawmedia.captions.cue import Cue
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.testing.script import ScriptItem
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.request import TranslationRequest

TWO: list[ScriptItem] = [utterance(100, 500, 400, seed=1), utterance(700, 1_000, 400, seed=2)]


def heard_of_two(session: Session) -> None:
    """Both utterances of `TWO` were heard, captioned and reported, whole."""
    heard = session.heard()
    pieces = [(620.0, speech(400, 1)), (1_120.0, speech(400, 2))]
    np.testing.assert_array_equal(heard, timeline(pieces, len(heard)))
    assert session.cues["es"].times == [(620, 1_020, "texto 1"), (1_120, 1_520, "texto 2")]
    assert [each.translations["es"].cut for each in session.report.utterances] == [False, False]


class Refusing:
    """An engine and its only translation: takes no frame and says nothing until it is closed."""

    capabilities = TranslatorCapabilities(name="refusing", input_formats=(SPEECH,))

    async def open(self, request: TranslationRequest) -> Refusing:
        self._closed = asyncio.Event()
        return self

    async def send(self, frame: AudioFrame) -> None:
        raise TranslatorOverloadedError("refusing", 0)

    async def end_input(self) -> None:
        """It has none."""

    async def commit(self) -> None:
        """It has no utterance."""

    async def interrupt(self) -> None:
        """It does not speak."""

    async def update(self, request: TranslationRequest) -> None:
        """It is all the same to it."""

    async def __aiter__(self) -> AsyncIterator[TranslationEvent]:
        await self._closed.wait()
        if not self._closed.is_set():
            yield Progress(0)

    async def aclose(self) -> None:
        self._closed.set()


class TestAnEngine:
    def test_that_crashes_in_mid_utterance_is_heard_to_where_it_got(self) -> None:
        """A listener has the words that there are; then somebody has to know that it is over."""
        script: list[ScriptItem] = [
            utterance(100, 500, 1_000, audio_interval_ms=60.0),
            ScriptedCrash(at_ms=500, delay_ms=107 + 290),  # five of ten pieces are out
        ]
        session = carry(prepare(script))
        assert isinstance(session.error, EngineCrashedError)
        heard = session.heard()
        begun = speech(500, 1)
        np.testing.assert_array_equal(heard, timeline([(620, begun)], len(heard)))
        assert session.cues["es"].times == [(620, 1_120, "texto 1")]
        report = session.report
        assert not report.complete
        assert report.error == f"EngineCrashedError: {session.error}"
        assert report.utterances[0].translations["es"].heard_until_ms == 1_120
        assert session.leg.outbound.stats.underruns == 0

    def test_that_crashes_between_text_and_speech_leaves_the_text_in_the_captions(self) -> None:
        """It was translated; who reads must get it."""
        script: list[ScriptItem] = [
            utterance(100, 500, audio_delay_ms=500),
            ScriptedCrash(at_ms=700),
        ]
        session = carry(prepare(script, targets=["es", "fr"]))
        assert isinstance(session.error, EngineCrashedError)
        assert session.cues["es"].times == [(700, 1_700, "texto 1")]
        assert session.cues["fr"].times == [(607, 1_607, "texte 1")]
        assert not session.heard().any()

    def test_that_crashes_while_speech_waits_is_heard_to_the_end(self) -> None:
        """What was translated before is played, however far behind the playing is."""
        session = carry(prepare([*TWO, ScriptedCrash(at_ms=1_200)]))
        assert isinstance(session.error, EngineCrashedError)
        heard_of_two(session)

    def test_that_has_failed_leaves_the_call_to_be_read_while_its_speech_plays(self) -> None:
        """The party goes on talking, whoever listens; nothing of it counts as lost."""
        script: list[ScriptItem] = [utterance(100, 500, 8_000), ScriptedCrash(at_ms=1_000)]
        session = carry(prepare(script, says=silence(20_000)))
        assert isinstance(session.error, EngineCrashedError)
        assert session.report.utterances[0].translations["es"].heard_until_ms == 8_620
        assert session.report.totals.overrun_ms == 0

    def test_that_raises_anything_is_an_engine_that_failed(self) -> None:
        """An exception of a stranger's library is no news that a program can catch."""
        script: list[ScriptItem] = [
            *TWO,
            ScriptedCrash(at_ms=1_200, error=ZeroDivisionError("oops")),
        ]
        session = carry(prepare(script))
        assert isinstance(session.error, EngineFailedError)
        assert isinstance(session.error.__cause__, ZeroDivisionError)
        heard_of_two(session)

    def test_that_ends_while_the_call_goes_on_has_failed(self) -> None:
        """Nobody would notice otherwise that the rest of the call is not translated."""

        @translator(multi_target=True)
        async def quitter(
            frames: AsyncIterator[AudioFrame], request: TranslationRequest
        ) -> AsyncIterator[TranslationEvent]:
            span = TimeSpan(0, 500)
            async for frame in frames:
                if frame.end_ms >= 507:
                    yield FinalTranslation("a", 0, "a", "en", span, {"es": "uno"})
                    yield TranslatedAudio("a", "es", speech(1_000, 1), span)
                    yield UtteranceEnded("a", span)
                    return

        session = carry(prepare(translator=quitter))
        assert type(session.error) is EngineFailedError
        assert "while the call went on" in str(session.error)
        heard = session.heard()
        start = int(np.flatnonzero(heard)[0]) / 24
        np.testing.assert_array_equal(heard, timeline([(540, speech(1_000, 1))], len(heard)))
        assert start == pytest.approx(540, abs=1)
        assert [cue.text for cue in session.cues["es"]] == ["uno"]

    def test_that_takes_no_audio_for_long_has_stalled_and_what_came_meanwhile_is_counted(
        self,
    ) -> None:
        """A hanging engine must not hang the call, nor fill the memory."""
        clock = VirtualClock()
        leg = FakeLeg(silence(60_000), outbound_format=VOICE, clock=clock)
        session = prepare(
            [*TWO, ScriptedStall(at_ms=1_200)],
            leg=leg,
            clock=clock,
            settings={"max_pending_ms": 500},
            max_stall_ms=5_000.0,
        )
        carry(session)
        assert isinstance(session.error, TranslatorStalledError)
        assert isinstance(session.error.__cause__, TranslatorOverloadedError)
        assert "5000 ms" in str(session.error)
        heard_of_two(session)
        (warning,) = session.told(SessionWarning)
        assert isinstance(warning.cause, TranslatorOverloadedError)
        # Stalled since 1200, full since 1700, given up at 6700; the stream keeps 2000 ms.
        assert session.report.totals.overrun_ms == pytest.approx(3_000, abs=60)
        assert session.translator.translations[0].closed

    def test_that_stalls_for_a_while_goes_on_where_it_was(self) -> None:
        """The loss is counted, the place of what follows is right."""
        session = prepare(
            [ScriptedStall(at_ms=500, duration_ms=4_000), utterance(7_000, 7_500)],
            says=silence(9_000),
            settings={"max_pending_ms": 500},
            max_stall_ms=5_000.0,
        )
        carry(session)
        assert session.error is None
        assert len(session.told(SessionWarning)) == 1
        report = session.report
        assert report.complete
        assert report.totals.overrun_ms == pytest.approx(1_500, abs=60)
        assert report.utterances[0].translations["es"].heard_at_ms == 7_620
        assert report.utterances[0].translations["es"].ear_voice_span_ms == 620

    def test_is_not_blamed_where_its_speech_cannot_be_heard(self) -> None:
        """It waits because the listener's connection is away; that is nobody's stall."""
        clock = VirtualClock()

        @translator(clock=clock)
        async def talkative(
            frames: AsyncIterator[AudioFrame], request: TranslationRequest
        ) -> AsyncIterator[TranslationEvent]:
            span = TimeSpan(0, 200)
            async for frame in frames:
                if frame.end_ms == 200:
                    # More than queues take, so that it waits here and takes no frames.
                    for piece in in_frames(speech(40_000, 1), 100):
                        yield TranslatedAudio("a", "es", piece, span)

        speaker = FakeLeg(silence(30_000), clock=clock)
        session = prepare(
            says=silence(30_000),
            translator=talkative,
            inbound=speaker.inbound,
            clock=clock,
            settings={"max_pending_ms": 500},
            max_stall_ms=2_000.0,
            max_queued_ms=1_000.0,
        )

        async def hang_on(session: Session) -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(speaker.run())
                session.leg.suspend()
                await clock.sleep_until(60)
                session.leg.resume()
                speaker.outbound.end()

        carry(session, meanwhile=hang_on)
        assert any(isinstance(event, SessionWarning) for _, event in session.events)
        assert session.error is None
        assert session.report.utterances[0].translations["es"].spoken_ms == 40_000
        assert session.report.complete

    def test_that_never_takes_anything_is_given_up_whoever_wrote_it(self) -> None:
        """The protocol is all that counts; this one derives from nothing and refuses at once."""
        session = carry(prepare(translator=Refusing()))
        assert isinstance(session.error, TranslatorStalledError)
        assert len(session.told(SessionWarning)) == 1

    @pytest.mark.parametrize("error", [AuthenticationError("x", "key"), OSError("no route")])
    def test_that_cannot_be_opened_ends_the_session_with_its_error(self, error: Exception) -> None:
        """Nothing was started, so nothing is left."""
        clock = VirtualClock()
        engine = ScriptedTranslator(clock=clock, open_errors=[error])
        session = carry(prepare(translator=engine, clock=clock))
        if isinstance(error, RawMediaError):
            assert session.error is error
        else:
            assert isinstance(session.error, EngineFailedError)
            assert session.error.__cause__ is error
        assert session.report.error == f"{type(session.error).__name__}: {session.error}"
        assert not session.report.complete
        assert not session.events

    def test_that_fails_where_audio_is_sent_says_so_with_its_own_error(self) -> None:
        """Its events end with the same; the first word counts."""
        session = carry(
            prepare([*TWO, ScriptedCrash(at_ms=2_400, error=NetworkError("x", "gone"))])
        )
        assert isinstance(session.error, NetworkError)
        heard_of_two(session)


class TestAnInboundStream:
    def test_that_fails_leaves_what_was_said_to_be_translated(self) -> None:
        """The last sentence before the line broke is often the one that matters."""

        clock = VirtualClock()
        inbound = InboundAudioStream(clock=clock)

        async def speak(_: Session) -> None:
            for number in range(50):
                await clock.sleep_until((number + 1) * 0.02)
                inbound.push(silence(20))
            inbound.fail(ConnectionError("line cut"))

        session = carry(prepare(TWO, inbound=inbound, clock=clock), meanwhile=speak)
        assert isinstance(session.error, StreamFailedError)
        assert isinstance(session.error.cause, ConnectionError)
        heard_of_two(session)
        assert session.report.error is not None
        assert "line cut" in session.report.error

    def test_that_is_closed_ends_the_session_likewise(self) -> None:
        """Closing drops what is unread; what was read is translated."""

        async def close(session: Session) -> None:
            await session.clock.sleep_until(1.01)
            session.leg.inbound.close()

        session = carry(prepare(TWO), meanwhile=close)
        assert isinstance(session.error, StreamClosedError)
        heard_of_two(session)

    def test_and_an_engine_that_fail_both_tell_of_the_first(self) -> None:
        """The second failure is often a consequence."""

        async def close(session: Session) -> None:
            await session.clock.sleep_until(0.61)
            session.leg.inbound.close()

        script: list[ScriptItem] = [*TWO, ScriptedCrash(at_ms=500, delay_ms=300)]
        session = carry(prepare(script), meanwhile=close)
        assert isinstance(session.error, StreamClosedError)


class TestAnOutboundStream:
    @pytest.mark.parametrize(
        ("stop", "error"),
        [
            (lambda leg: leg.outbound.close(), StreamClosedError),
            (lambda leg: leg.outbound.end(), StreamEndedError),
        ],
    )
    def test_that_takes_no_more_ends_the_session(
        self, stop: Any, error: type[RawMediaError]
    ) -> None:
        """Nobody hears it any more; whoever runs it has to know."""

        async def act(session: Session) -> None:
            await session.clock.sleep_until(1.05)
            stop(session.leg)

        session = carry(prepare(TWO), meanwhile=act)
        assert isinstance(session.error, error)
        assert session.translator.translations[0].closed
        assert session.cues["es"].times[0] == (620, 1_020, "texto 1")
        assert session.report.utterances[0].translations["es"].heard_until_ms == 1_020

    def test_that_is_closed_in_mid_utterance_leaves_it_cut_in_the_report(self) -> None:
        """The report says what was not heard."""

        async def act(session: Session) -> None:
            await session.clock.sleep_until(0.81)
            session.leg.outbound.close()

        session = carry(prepare([utterance(100, 500, 3_000)]), meanwhile=act)
        assert isinstance(session.error, StreamClosedError)
        figures = session.report.utterances[0].translations["es"]
        assert (figures.cut, figures.heard_at_ms, figures.heard_until_ms) == (True, 620, 810)
        assert session.ended[0].cut

    def test_that_fails_ends_the_session_with_the_cause(self) -> None:
        """The transport knows why; it must not be lost on the way."""

        async def act(session: Session) -> None:
            await session.clock.sleep_until(0.9)
            session.leg.outbound.fail(ConnectionError("line cut"))

        session = carry(prepare(TWO), meanwhile=act)
        assert isinstance(session.error, StreamFailedError)
        assert isinstance(session.error.cause, ConnectionError)


def broken_off(heard: Any, begun: AudioFrame, after: list[tuple[float, AudioFrame]]) -> None:
    """What began at 620 ms was heard to 940, the frame after an interruption, faded out in it."""
    fade = slice(VOICE.samples(940), VOICE.samples(960))
    faded, heard = heard[fade].copy(), heard.copy()
    heard[fade] = 0
    first = AudioFrame(begun.samples[: VOICE.samples(320)], VOICE)
    np.testing.assert_array_equal(heard, timeline([(620.0, first), *after], len(heard)))
    assert not faded[VOICE.samples(10) :].any()


class TestAnInterruption:
    def test_in_mid_utterance_drops_the_rest_of_it_and_the_next_one_is_heard(self) -> None:
        """Who interrupts the interpreter wants to hear what comes next, not what was going on."""

        async def interrupt(session: Session) -> None:
            await session.clock.sleep_until(0.93)
            await session.interpreter.interrupt()

        script: list[ScriptItem] = [
            utterance(100, 500, 4_000, seed=1),
            utterance(1_000, 1_300, 400, seed=2),
        ]
        session = carry(prepare(script), meanwhile=interrupt)
        broken_off(session.heard(), speech(4_000, 1), [(1_420, speech(400, 2))])
        one, other = (each.translations["es"] for each in session.report.utterances)
        assert (one.cut, one.heard_at_ms, one.heard_until_ms) == (True, 620, 940)
        assert (other.cut, other.heard_at_ms, other.heard_until_ms) == (False, 1_420, 1_820)
        assert session.cues["es"].times == [(620, 940, "texto 1"), (1_420, 1_820, "texto 2")]
        (left_out,) = session.told(SpeechLeftOut)
        assert (left_out.reason, left_out.ms) == ("interrupt", pytest.approx(4_000 - 320))
        assert session.error is None

    def test_of_an_utterance_that_is_still_being_made_drops_what_is_made_later_too(self) -> None:
        """Its pieces come one by one, before and after."""

        async def interrupt(session: Session) -> None:
            await session.clock.sleep_until(0.93)
            await session.interpreter.interrupt()

        script: list[ScriptItem] = [utterance(100, 500, 2_000, audio_interval_ms=70.0)]
        session = carry(prepare(script), meanwhile=interrupt)
        broken_off(session.heard(), speech(2_000, 1), [])
        (figures,) = session.report.utterances[0].translations.values()
        assert (figures.cut, figures.heard_until_ms) == (True, 940)
        assert session.leg.outbound.stats.underruns == 0

    def test_before_any_of_an_utterance_is_heard_leaves_it_to_be_read(self) -> None:
        """Skipped speech is left in the captions, for as long as it takes to read."""

        async def interrupt(session: Session) -> None:
            await session.clock.sleep_until(0.615)
            await session.interpreter.interrupt()

        session = carry(prepare([utterance(100, 500)]), meanwhile=interrupt)
        assert not session.heard().any()
        assert session.cues["es"].times == [(615, 1_615, "texto 1")]
        assert not session.started
        figures = session.report.utterances[0].translations["es"]
        assert (figures.cut, figures.heard_at_ms, figures.ear_voice_span_ms) == (True, None, None)

    def test_between_utterances_cuts_nothing(self) -> None:
        """There was nothing to drop."""

        async def interrupt(session: Session) -> None:
            await session.clock.sleep_until(1.05)
            await session.interpreter.interrupt()

        script: list[ScriptItem] = [
            utterance(100, 500, 400, seed=1),
            utterance(1_060, 1_300, 400, seed=2),
        ]
        session = carry(prepare(script), meanwhile=interrupt)
        assert session.cues["es"].times == [(620, 1_020, "texto 1"), (1_420, 1_820, "texto 2")]
        assert [each.translations["es"].cut for each in session.report.utterances] == [False, False]

    def test_after_all_that_there_is_of_an_utterance_was_heard_cuts_what_may_still_come(
        self,
    ) -> None:
        """The engine has not said that it is over; it ends where the ear had the last of it."""
        span = TimeSpan(100, 500)
        script: list[ScriptItem] = [
            ScriptedEvent(at_ms=500, event=TranslatedAudio("a", "es", speech(200, 1), span)),
            ScriptedEvent(at_ms=500, delay_ms=1_507, event=UtteranceEnded("a", span)),
        ]

        async def interrupt(session: Session) -> None:
            await session.clock.sleep_until(1.05)
            await session.interpreter.interrupt()

        session = carry(prepare(script), meanwhile=interrupt)
        assert [event.cut for event in session.ended] == [True]
        assert session.ended[0].end_ms == pytest.approx(720)


class _FullDisk(WebVttWriter):
    """A caption file on a disk that is full after its header and some cues."""

    def __init__(self, cues: int) -> None:
        super().__init__(io.StringIO())
        self._cues = cues

    def write(self, cue: Cue) -> None:
        if self.written >= self._cues:
            raise FileWriteError("out.vtt", "no space left")
        super().write(cue)


class TestTheProgramsOwn:
    @pytest.mark.parametrize("cues", [0, 1])
    def test_caption_sink_that_fails_ends_the_session_with_its_error(self, cues: int) -> None:
        """A full disk is no fault of the stream in whose work it is noticed."""
        session = carry(prepare(TWO, captions={"es": _FullDisk(cues)}))
        assert type(session.error) is FileWriteError
        assert session.report.error == f"FileWriteError: {session.error}"
        assert len(session.report.utterances) == cues + 1
        assert session.translator.translations[0].closed
        assert session.leg.outbound.stats.generation == 1  # what was unheard is cleared
        # The stream itself was not failed by it: the party heard it to its end.
        assert session.leg.record().duration_ms >= 3_000

    def test_caption_sink_that_fails_where_nothing_is_spoken_does_likewise(self) -> None:
        """That error comes by another way, from the engine's own events."""
        session = carry(prepare(TWO, captions={"es": _FullDisk(1)}, settings={"speech": False}))
        assert type(session.error) is FileWriteError

    def test_caption_sink_that_fails_at_the_very_last_is_not_overlooked(self) -> None:
        """There may be nothing left that would be waited for."""

        @translator(speech=False)
        async def at_the_end(
            frames: AsyncIterator[AudioFrame], request: TranslationRequest
        ) -> AsyncIterator[TranslationEvent]:
            async for _ in frames:
                pass
            yield FinalTranslation("a", 0, "one", "en", TimeSpan(0, 100), {"es": "uno"})

        session = prepare()
        session.interpreter = Interpreter(
            session.leg.inbound,
            at_the_end,
            {},
            request("es", speech=False),
            clock=session.clock,
            captions={"es": _FullDisk(0)},
        )
        carry(session)
        assert type(session.error) is FileWriteError

    def test_caption_sink_that_is_closed_is_told_from_a_stream(self) -> None:
        """It raises the error of a closed stream, which must not pass for the call's."""
        sink = WebVttWriter(io.StringIO())
        sink.close()
        session = carry(prepare(TWO, captions={"es": sink}))
        assert isinstance(session.error, StreamClosedError)
        assert len(session.report.utterances) == 1

    @pytest.mark.parametrize(
        "kind",
        [PartialTranslation, FinalTranslation, TranslatedAudio, UtteranceStarted, UtteranceHeard],
    )
    @pytest.mark.parametrize("error", [ValueError, StreamClosedError, NetworkError])
    def test_on_event_that_raises_ends_the_session_with_that_and_is_not_called_again(
        self, kind: type[Any], error: type[Exception]
    ) -> None:
        """Whatever it raises and wherever: an error of the program is no error of the engine."""
        raised = error("x", "y") if error is NetworkError else error()
        calls: list[SessionEvent] = []

        def fail(event: SessionEvent) -> None:
            calls.append(event)
            if isinstance(event, kind):
                raise raised

        script: list[ScriptItem] = [utterance(100, 500, revisions=["a"]), TWO[1]]
        session = carry(prepare(script, on_event=fail))
        assert session.error is raised
        assert isinstance(calls[-1], kind)
        assert sum(isinstance(call, kind) for call in calls) == 1
        assert session.translator.translations[0].closed

    def test_on_event_that_raises_in_a_warning_ends_the_session_likewise(self) -> None:
        """The warning comes from where frames are given to the engine."""

        def fail(event: SessionEvent) -> None:
            if isinstance(event, SessionWarning):
                raise StreamClosedError

        session = prepare(
            [ScriptedStall(at_ms=500, duration_ms=2_000)],
            on_event=fail,
            settings={"max_pending_ms": 500},
        )
        carry(session)
        assert isinstance(session.error, StreamClosedError)

    def test_error_keeps_its_own_cause(self) -> None:
        """Of a full disk the operating system's error is the cause, and no group of tasks."""
        cause = OSError(28, "No space left on device")

        class Sink:
            def write(self, cue: Cue) -> None:
                raise FileWriteError("out.vtt", "full") from cause

        session = carry(prepare(TWO, captions={"es": Sink()}))
        assert isinstance(session.error, FileWriteError)
        assert session.error.__cause__ is cause


def test_what_the_streams_lost_before_and_after_is_no_loss_of_the_session() -> None:
    """A stream may be older than the session, and outlive it."""
    clock = VirtualClock()
    inbound = InboundAudioStream(clock=clock)
    inbound.push(silence(5_000))
    session = prepare([utterance(3_100, 3_500)], inbound=inbound, clock=clock)
    session.leg.outbound.send(speech(110, 9))
    for _ in range(6):
        session.leg.outbound.pull()
    session.leg.outbound.end_segment()
    assert inbound.stats.overrun_ms == 3_000
    assert session.leg.outbound.stats.underruns == 1

    async def speak(_: Session) -> None:
        await clock.sleep_until(1)
        inbound.end()

    carry(session, meanwhile=speak)
    assert session.report.complete
    assert session.report.totals.utterances == 1
    assert session.report.totals.overrun_ms == 0
    assert session.report.totals.underruns == 0


def test_errors_are_still_typed_when_two_streams_break_at_once() -> None:
    """A leg that hangs up closes both; one error comes out, not a group."""

    async def hang_up(session: Session) -> None:
        await session.clock.sleep_until(0.81)
        await session.leg.aclose()

    session = carry(prepare([utterance(100, 500, 3_000)]), meanwhile=hang_up)
    assert isinstance(session.error, StreamClosedError)
