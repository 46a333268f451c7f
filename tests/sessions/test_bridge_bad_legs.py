"""Whatever a leg does to the audio of a call, whoever is at the other one does not notice."""

from __future__ import annotations

import asyncio
import errno
import io
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bridge_kit import Call, carry, hears, prepare, says
from hypothesis import given, settings
from hypothesis import strategies as st
from lawless_kit import BOB, TO_ANA, TO_READ, WEBVTT, Lawless, adds_up
from session_kit import VOICE

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.captions.transcript import TranscriptEntry, read_transcript
from rawmedia.captions.transcript_writer import JsonLinesTranscript
from rawmedia.captions.webvtt import WebVttWriter
from rawmedia.errors import (
    ConfigurationError,
    FileWriteError,
    RawMediaError,
    StreamError,
    UnsupportedLanguageError,
)
from rawmedia.files.reader import AudioFileReader
from rawmedia.files.sink import GuardedSink
from rawmedia.sessions.bridge import Bridge
from rawmedia.sessions.events import (
    CaptionsFailed,
    DirectionChanged,
    SessionWarning,
    UtteranceHeard,
)
from rawmedia.sessions.recording import Recorder
from rawmedia.sessions.recording.events import TrackStopped
from rawmedia.sessions.recording.manifest import RecordingManifest
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.legs import FakeLeg
from rawmedia.testing.signals import noise, silence
from rawmedia.testing.translators import ScriptedTranslator
from rawmedia.translators.events import FinalTranslation
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rawmedia.sessions.direction import Direction
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.streams.inbound import InboundAudioStream

HOUR = 3_600 * SPEECH.sample_rate
# What Ana says, where the test lets her be understood.
ANA = [says(100, 500, 1), says(1_500, 1_900, 2)]


class WildLeg(FakeLeg):
    """A party whose transport brings each frame in its own manner."""

    manner: Callable[[InboundAudioStream, bytes, int], object]

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.number = 0
        self.refused: list[Exception] = []

    def _push(self, samples: bytes | memoryview) -> None:
        try:
            self.manner(self.inbound, bytes(samples), self.number)
        except (RawMediaError, ValueError) as error:
            # What a transport gets for bringing nonsense, and goes on from.
            self.refused.append(error)
        self.number += 1
        self._said += len(samples) // 2


def wild(manner: Callable[[InboundAudioStream, bytes, int], object]) -> Callable[..., WildLeg]:
    def make(*given: Any, **more: Any) -> WildLeg:
        leg = WildLeg(*given, **more)
        leg.manner = manner
        return leg

    return make


def frame_of(samples: bytes, rate_hz: int, channels: int) -> AudioFrame:
    """Twenty milliseconds of another format."""
    return AudioFrame.silence(AudioFormat(rate_hz, channels), rate_hz // 50)


def in_bursts(stream: InboundAudioStream, samples: bytes, number: int) -> None:
    """Two seconds at once, then nothing for as long."""
    if number % 100 == 99:
        for _ in range(100):
            stream.push(samples)


def with_another_format_each_time(stream: InboundAudioStream, samples: bytes, number: int) -> None:
    rates, channels = (8_000, 16_000, 24_000, 44_100, 48_000), (1, 2, 8)
    stream.push(frame_of(samples, rates[number % 5], channels[number % 3]))


def with_another_format_now_and_then(
    stream: InboundAudioStream, samples: bytes, number: int
) -> None:
    with_another_format_each_time(stream, samples, number // 25)


def at_a_rate_that_nothing_converts(
    stream: InboundAudioStream, samples: bytes, number: int
) -> None:
    stream.push(AudioFrame.silence(AudioFormat(23_981), 480))


def in_single_samples(stream: InboundAudioStream, samples: bytes, number: int) -> None:
    for start in range(0, len(samples), 2):
        stream.push(samples[start : start + 2])


def in_halves_of_samples(stream: InboundAudioStream, samples: bytes, number: int) -> None:
    stream.push(samples[1:])


def an_hour_at_once(stream: InboundAudioStream, samples: bytes, number: int) -> None:
    if number == 5:
        stream.push(bytes(2 * 600 * SPEECH.sample_rate))


def backwards(stream: InboundAudioStream, samples: bytes, number: int) -> None:
    stream.push(samples, max(0, 3_000 - number) * 320)


def each_frame_twice(stream: InboundAudioStream, samples: bytes, number: int) -> None:
    stream.push(samples, number // 2 * 320)


def overlapping(stream: InboundAudioStream, samples: bytes, number: int) -> None:
    stream.push(samples, number * 200)


def with_holes_of_an_hour(stream: InboundAudioStream, samples: bytes, number: int) -> None:
    stream.push(samples, number * HOUR)


def at_places_that_are_no_numbers(stream: InboundAudioStream, samples: bytes, number: int) -> None:
    places: list[Any] = [-5, 2**62, 2**200, 0.5, "1", None, -(2**70)]
    stream.push(samples, places[number % len(places)])


def after_its_end(stream: InboundAudioStream, samples: bytes, number: int) -> None:
    if number == 20:
        stream.end()
    stream.push(samples)


def never(stream: InboundAudioStream, samples: bytes, number: int) -> None:
    """Not a sample."""


def empty(stream: InboundAudioStream, samples: bytes, number: int) -> None:
    stream.push(b"")
    stream.push(b"", number * 320)


MANNERS = [
    in_bursts,
    with_another_format_each_time,
    at_a_rate_that_nothing_converts,
    in_single_samples,
    in_halves_of_samples,
    an_hour_at_once,
    backwards,
    each_frame_twice,
    overlapping,
    with_holes_of_an_hour,
    at_places_that_are_no_numbers,
    after_its_end,
    never,
    empty,
]


def unharmed(call: Call) -> None:
    """Bob is heard, to the sample and in time, and the call came to its end in order."""
    assert call.error is None
    hears(call, call.ana, TO_ANA)
    assert call.cues["b_to_a"].times == TO_READ
    assert call.states("b_to_a") == ["translating", "ended"]
    report = call.bridge.report()
    assert report.complete
    assert len(report.directions["b_to_a"].utterances) == len(BOB)
    adds_up(call)


class TestWhatALegBrings:
    @pytest.mark.parametrize("echo_guard", [False, True])
    @pytest.mark.parametrize("manner", MANNERS, ids=lambda manner: manner.__name__)
    def test_may_come_in_any_manner(self, manner: Any, echo_guard: bool) -> None:
        """The other party's words go another way, and are not later by a frame for it."""
        call = prepare(
            ANA,
            BOB,
            kinds={"ana": wild(manner)},
            setups={"a_to_b": {"echo_guard": echo_guard}},
        )
        carry(call)
        unharmed(call)
        heard = call.bridge.report().directions["a_to_b"].metrics
        assert heard is not None
        assert heard.input.heard_ms <= 3_000 + 40 + 2_000

    def test_in_another_format_is_translated_like_any_other(self) -> None:
        """A gateway may change the codec in the middle of a call."""
        call = prepare(ANA, BOB, kinds={"ana": wild(with_another_format_now_and_then)})
        carry(call)
        unharmed(call)
        texts = [event.text for event in call.told("a_to_b", UtteranceHeard)]
        assert texts == ["dit 1", "dit 2"]
        assert call.bridge.a_to_b.metrics().input.heard_ms == pytest.approx(3_000, abs=30)

    def test_in_bursts_is_translated_whole(self) -> None:
        """What fits into the stream is not lost because it comes late."""
        call = prepare(ANA, BOB, kinds={"ana": wild(in_bursts)}, lasts_ms=4_000)
        carry(call)
        unharmed(call)
        texts = [event.text for event in call.told("a_to_b", UtteranceHeard)]
        assert texts == ["dit 1", "dit 2"]
        assert call.bridge.a_to_b.metrics().input.overrun_ms == 0

    def test_that_is_nonsense_is_refused_to_the_transport(self) -> None:
        """It is the transport's mistake, and nothing is taken of it."""
        for manner in (at_a_rate_that_nothing_converts, in_halves_of_samples):
            call = prepare(ANA, BOB, kinds={"ana": wild(manner)})
            carry(call)
            assert isinstance(call.ana, WildLeg)
            assert len(call.ana.refused) == 150
            assert all(isinstance(error, RawMediaError) for error in call.ana.refused)
            assert call.bridge.a_to_b.metrics().input.heard_ms == 0

    @settings(max_examples=40, deadline=None)
    @given(
        pushes=st.lists(
            st.tuples(
                st.integers(0, 1_000),
                st.none() | st.integers(-10, 40_000) | st.integers(0, 2**40),
                st.sampled_from([SPEECH, AudioFormat(8_000), AudioFormat(48_000, 2)]),
            ),
            max_size=60,
        )
    )
    def test_may_be_of_any_length_and_place_and_format(self, pushes: list[Any]) -> None:
        """Whatever a network, a gateway and a bug make of it together."""

        def anyhow(stream: InboundAudioStream, samples: bytes, number: int) -> None:
            if number < len(pushes):
                length, place, layout = pushes[number]
                stream.push(AudioFrame.silence(layout, length), place)

        call = prepare(ANA, BOB, kinds={"ana": wild(anyhow)})
        carry(call)
        unharmed(call)


ODD = AudioFormat(23_981)


class TestAFormatThatNothingConverts:
    def test_is_refused_for_an_engine_when_the_bridge_is_made(self) -> None:
        """In the middle of the call it would be an error that nobody expects."""
        with pytest.raises(
            ConfigurationError, match="scripted takes 16000 Hz mono, into which 23981"
        ):
            prepare(kinds={"ana": of(ODD)})

    def test_is_refused_for_a_listener_before_anything_is_opened(self) -> None:
        """It is found out when the first original is heard, which may be an hour later."""
        engine = ScriptedTranslator(
            capabilities=TranslatorCapabilities(name="odd", input_formats=(ODD,))
        )
        call = prepare([], BOB, kinds={"ana": of(ODD)}, engines={"a_to_b": engine})
        carry(call)
        assert isinstance(call.error, ConfigurationError)
        assert "bob takes 24000 Hz mono, into which 23981 Hz mono" in str(call.error)
        assert not engine.translations
        assert not call.engines["b_to_a"].translations

    def test_is_refused_for_another_engine_while_it_runs(self) -> None:
        """The one that is there goes on."""
        found: list[Exception] = []

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(0.2)
            capabilities = TranslatorCapabilities(name="odd", input_formats=(ODD,))
            try:
                await call.bridge.a_to_b.update(
                    translator=ScriptedTranslator(clock=call.clock, capabilities=capabilities)
                )
            except ConfigurationError as error:
                found.append(error)

        call = carry(prepare(ANA, BOB), meanwhile=meanwhile)
        unharmed(call)
        assert len(found) == 1
        texts = [event.text for event in call.told("a_to_b", UtteranceHeard)]
        assert texts == ["dit 1", "dit 2"]


def of(layout: AudioFormat) -> Callable[..., FakeLeg]:
    """A leg whose party speaks in a format."""

    def make(says: Any, **more: Any) -> FakeLeg:
        return FakeLeg(silence(3_000, format=layout), format=layout, **more)

    return make


class TestALegThatVanishes:
    @pytest.mark.parametrize("at_ms", range(0, 3_200, 290))
    @pytest.mark.parametrize("way", ["hang_up", "fail", "aclose", "suspend"])
    def test_at_any_moment_leaves_what_was_said_before(self, way: str, at_ms: int) -> None:
        """In the middle of whatever goes on: the bridge ends with the call, and tells what it lost."""

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(at_ms / 1000)
            if way == "hang_up":
                call.bob.hang_up()
            elif way == "fail":
                call.bob.inbound.fail(ConnectionError("cut"))
                call.bob.outbound.fail(ConnectionError("cut"))
            elif way == "aclose":
                await call.bob.aclose()
            else:
                call.bob.suspend()
                # By then the bridge has given him up.
                await call.clock.sleep_until(6.0)
                call.bob.hang_up()

        call = prepare(ANA, BOB, setups={"a_to_b": {"max_stall_ms": 1_000.0}})
        carry(call, meanwhile=meanwhile)
        assert call.error is None
        # What had been understood of Bob by then is heard by Ana, whole.
        engine_latency_ms = 107 + 40
        known = [piece for piece, said in zip(TO_ANA, BOB, strict=True) if at_ms >= said.end_ms]
        maybe = [said for said in BOB if said.end_ms > at_ms - engine_latency_ms]
        heard = call.heard(call.ana)
        for start_ms, audio in known:
            if way != "aclose" or at_ms > start_ms + engine_latency_ms:
                begin = VOICE.samples(start_ms)
                got = heard[begin : begin + audio.samples_per_channel]
                np.testing.assert_array_equal(got, audio.samples[: len(got), 0])
        assert len(known) + len(maybe) >= len(BOB)
        # All that Ana said is to be read, heard or not.
        texts = [event.text for event in call.told("a_to_b", UtteranceHeard)]
        assert texts == ["dit 1", "dit 2"]
        assert call.bridge.report().complete
        adds_up(call)
        if way in ("hang_up", "fail", "aclose") and 40 <= at_ms < 3_000:
            (warning, *_) = call.told("a_to_b", SessionWarning)
            assert isinstance(warning.cause, StreamError)

    def test_and_comes_back_is_heard_again(self) -> None:
        """A socket that drops for a second, again and again."""

        async def meanwhile(call: Call) -> None:
            for _ in range(10):
                await asyncio.sleep(0.1)
                call.ana.suspend()
                await asyncio.sleep(0.1)
                call.ana.resume()

        call = prepare(ANA, BOB)
        carry(call, meanwhile=meanwhile)
        assert call.error is None
        assert call.bridge.report().complete
        texts = [event.text for event in call.told("b_to_a", UtteranceHeard)]
        assert texts == ["said 3", "said 4"]
        adds_up(call)


class TestLanguages:
    @pytest.mark.parametrize("role", ["source", "target"])
    def test_that_an_engine_lacks_are_refused_before_anything_is_opened(self, role: str) -> None:
        """And the error names those that there are, so that somebody can choose."""
        clock = VirtualClock()
        engine = ScriptedTranslator(
            clock=clock,
            capabilities=TranslatorCapabilities(
                name="picky",
                input_formats=(SPEECH,),
                source_languages=("en", "de") if role == "source" else None,
                target_languages=("en", "es") if role == "target" else None,
            ),
        )
        ana = FakeLeg(silence(100), language="en", name="ana", clock=clock)
        bob = FakeLeg(silence(100), language="tlh", name="bob", clock=clock)
        with pytest.raises(UnsupportedLanguageError) as caught:
            Bridge(ana, bob, engine)
        assert "tlh" in str(caught.value)
        assert "en" in str(caught.value)
        assert not engine.translations
        assert not ana.outbound.pending

    def test_that_are_no_tags_are_refused_too(self) -> None:
        """A typing mistake is found at once."""
        clock = VirtualClock()
        with pytest.raises(ConfigurationError, match="not a language"):
            Bridge(
                FakeLeg(language="en", clock=clock),
                FakeLeg(language="not a language", clock=clock),
                ScriptedTranslator(clock=clock),
            )

    def test_or_voices_that_only_the_service_knows_to_be_wrong_fail_one_direction_for_good(
        self,
    ) -> None:
        """Asking again would not make them right; the other party is understood all the same."""
        refusal = ConfigurationError(
            "voices", "there is no 'fr-FR-Nobody'; there is 'fr-FR-Denise'"
        )
        engine = Lawless(open=refusal)
        call = prepare([], BOB, engines={"a_to_b": engine})
        carry(call)
        unharmed(call)
        assert call.states("a_to_b") == ["passing_through", "ended"]
        (failed, _) = call.told("a_to_b", DirectionChanged)
        assert failed.error is refusal
        assert failed.retry_in_ms is None
        assert engine.opened == 1

    def test_asked_for_while_it_runs_change_nothing(self) -> None:
        """The call goes on in the languages that it has."""
        found: list[Exception] = []

        async def meanwhile(call: Call) -> None:
            await call.clock.sleep_until(0.2)
            direction = call.bridge.a_to_b
            wanted = direction.request.model_copy(update={"target_languages": ("tlh",)})
            try:
                await direction.update(wanted)
            except ConfigurationError as error:
                found.append(error)

        capabilities = TranslatorCapabilities(
            name="picky", input_formats=(SPEECH,), target_languages=("fr",)
        )
        call = prepare(ANA, BOB)
        call.engines["a_to_b"]._capabilities = capabilities
        carry(call, meanwhile=meanwhile)
        unharmed(call)
        (error,) = found
        assert isinstance(error, UnsupportedLanguageError)
        texts = [event.text for event in call.told("a_to_b", UtteranceHeard)]
        assert texts == ["dit 1", "dit 2"]


class Disk:
    """A disk that takes so many bytes more, of files whose path has a word in it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, word: str, room: int) -> None:
        put, grow, full = GuardedSink._put, GuardedSink.grow, self._full
        self._word, self._room = word, room

        def limited(sink: Any, offset: int, data: bytes | memoryview) -> bool:
            if full(sink, offset + len(data) - sink.size):
                return False
            return put(sink, offset, data)

        def limited_growth(sink: Any, count: int) -> int:
            return 0 if full(sink, count) else grow(sink, count)

        monkeypatch.setattr(GuardedSink, "_put", limited)
        monkeypatch.setattr(GuardedSink, "grow", limited_growth)

    def _full(self, sink: Any, grows: int) -> bool:
        if self._word not in str(sink._raw.name) or grows <= 0:
            return False
        if self._room < grows:
            sink.fail(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
            return True
        self._room -= grows
        return False


class FailingStream(io.StringIO):
    """A text stream whose n-th write, or flush, fails."""

    def __init__(self, number: int, verb: str, error: Exception) -> None:
        super().__init__()
        self._left, self._verb, self._error = number, verb, error

    def write(self, text: str) -> int:
        self._count("write")
        return super().write(text)

    def flush(self) -> None:
        self._count("flush")

    def _count(self, verb: str) -> None:
        if verb == self._verb:
            self._left -= 1
            if self._left < 0:
                raise self._error


LONG = [says(100 + 300 * number, 350 + 300 * number, number, speech_ms=200) for number in range(8)]


class TestAFullDisk:
    @pytest.mark.parametrize("room", [8, 9, 40, 70, 130, 200, 330, 400, 10_000])
    def test_under_captions_leaves_a_file_that_can_be_read(
        self, room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """At whichever byte: whole cues are in it, and a typed event says which language lacks the rest."""
        Disk(monkeypatch, "ana.vtt", room)
        with WebVttWriter(tmp_path / "ana.vtt") as sink:
            call = prepare(LONG, BOB, setups={"a_to_b": {"captions": {"fr": sink}}})
            carry(call)
        unharmed(call)
        failed = call.told("a_to_b", CaptionsFailed)
        assert len(failed) == (room < 10_000)
        for each in failed:
            assert each.language == "fr"
            assert isinstance(each.error, FileWriteError)
            assert "No space left" in str(each.error)
        text = (tmp_path / "ana.vtt").read_text()
        assert WEBVTT.fullmatch(text)
        assert len(text) <= room
        assert sum(f"dit {number}" in text for number in range(8)) == sink.written
        # What could not be written is told all the same, and in the report.
        assert len(call.told("a_to_b", UtteranceHeard)) == 8
        assert len(call.bridge.report().directions["a_to_b"].utterances) == 8

    @pytest.mark.parametrize("verb", ["write", "flush"])
    @pytest.mark.parametrize("number", [1, 2, 8, 9])
    @pytest.mark.parametrize("error", [OSError(28, "full"), KeyError("bug")])
    def test_or_anything_that_a_stream_raises_ends_its_captions_only(
        self, error: Exception, number: int, verb: str
    ) -> None:
        """Somebody else's stream, such as a socket, in whichever state."""
        stream = FailingStream(number, verb, error)
        sink = WebVttWriter(stream)
        call = prepare(LONG, BOB, setups={"a_to_b": {"captions": {"fr": sink}}})
        carry(call)
        unharmed(call)
        assert len(call.told("a_to_b", CaptionsFailed)) == (number < 9)
        assert WEBVTT.fullmatch(stream.getvalue())
        assert len(call.told("a_to_b", UtteranceHeard)) == 8

    @pytest.mark.parametrize("room", [0, 44, 1_000, 20_000, 20_001, 60_000, 10_000_000])
    def test_under_a_recorder_stops_tracks_and_no_party(
        self, room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was recorded plays, a typed event names the track, and everybody goes on talking."""
        Disk(monkeypatch, "ana", room)
        stopped: list[Any] = []

        async def main() -> None:
            async with Recorder(
                tmp_path / "call", clock=call.clock, on_event=stopped.append
            ) as recorder:
                recorder.leg(call.ana)
                recorder.leg(call.bob)
                async with asyncio.TaskGroup() as tasks:
                    legs = [tasks.create_task(leg.run()) for leg in (call.ana, call.bob)]
                    await call.bridge.run()
                    for leg in (call.ana, call.bob):
                        leg.outbound.end()
                    await asyncio.wait(legs)

        call = prepare(LONG, BOB, voices={"ana": noise(3_000, seed=5)})
        call.clock.run(main())
        unharmed(call)
        stops = [event for event in stopped if isinstance(event, TrackStopped)]
        assert bool(stops) == (room < 10_000_000)
        for stop in stops:
            assert "ana" in stop.track
            assert isinstance(stop.error, FileWriteError)
        manifest = RecordingManifest.read(tmp_path / "call")
        assert manifest.complete
        for track in manifest.tracks:
            assert (track.state == "stopped") == (track.name in [stop.track for stop in stops])
            for part in track.parts:
                if part.samples:
                    with AudioFileReader(tmp_path / "call" / part.file) as reader:
                        assert sum(frame.samples_per_channel for frame in reader) == part.samples
        ms = {track.name: sum(part.samples for part in track.parts) for track in manifest.tracks}
        assert all(samples > 40_000 for name, samples in ms.items() if "bob" in name)

    def test_under_a_transcript_is_the_programs_own_business(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is written by the program, whose errors nobody may hide; what it caught is its own."""
        Disk(monkeypatch, "call.jsonl", 500)
        lost: list[FileWriteError] = []

        def write(direction: Direction, event: SessionEvent) -> None:
            if isinstance(event, FinalTranslation):
                try:
                    transcript.write(TranscriptEntry.of(event, speaker=direction.name))
                except FileWriteError as error:
                    lost.append(error)

        with JsonLinesTranscript(tmp_path / "call.jsonl") as transcript:
            call = prepare(LONG, BOB, on_event=write)
            carry(call)
        unharmed(call)
        entries = read_transcript(tmp_path / "call.jsonl")
        assert len(entries) == transcript.written == 10 - len(lost)
        assert lost
