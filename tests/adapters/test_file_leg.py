"""A leg made of files: every format, both paces, one timeline, and whatever goes wrong with a disk."""

from __future__ import annotations

import asyncio
import contextlib
import math
import resource
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from rawmedia.adapters.file_leg import FileLeg
from rawmedia.audio.format import SPEECH, TELEPHONY, WIDEBAND_VOICE, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import (
    ClockError,
    ConfigurationError,
    FileWriteError,
    StreamClosedError,
    StreamFailedError,
    UnreadableFileError,
)
from rawmedia.files import AudioFileReader
from rawmedia.sessions.interpreter import Interpreter
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.compare import assert_same_audio
from rawmedia.testing.script import ScriptedUtterance
from rawmedia.testing.signals import in_frames, joined, noise, silence, speech_like
from rawmedia.testing.translators import EchoTranslator, ScriptedTranslator
from rawmedia.translators.events import TranslatedAudio
from rawmedia.translators.function import translator
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from rawmedia.translators.events import TranslationEvent

BOTH = pytest.mark.parametrize("realtime", [False, True], ids=["lockstep", "realtime"])
REQUEST = TranslationRequest(source_language="en", target_languages=("es",))


def make(path: Path, audio: AudioFrame, **options: Any) -> Path:
    # As floats: libsndfile 1.2 makes noise of stereo int16 when it writes MP3.
    soundfile.write(path, audio.samples / 32_768, audio.format.sample_rate, **options)
    return path


def recording(path: Path) -> AudioFrame:
    """What is in a file; it must be whole."""
    with AudioFileReader(path) as reader:
        audio = joined(reader)
        assert reader.warning is None
    return audio


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three seconds, the last frame of which is not full."""
    return make(tmp_path / "source.wav", speech_like(3_005, seed=1))


def call(
    leg: FileLeg, clock: VirtualClock, program: Callable[[FileLeg], Awaitable[object]]
) -> None:
    """Carry a call with a program at the other end of it."""

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            carrying = tasks.create_task(leg.run())
            await program(leg)
            await carrying
        await leg.aclose()
        assert len(asyncio.all_tasks()) == 1

    clock.run(main())


async def listen(leg: FileLeg, heard: list[AudioFrame] | None = None) -> None:
    """Hear it to its end and say nothing."""
    async for frame in leg.inbound:
        if heard is not None:
            heard.append(frame)
    leg.outbound.end()


async def echo(leg: FileLeg) -> None:
    """Say back everything at once."""
    async for frame in leg.inbound:
        await leg.outbound.asend(frame)
    leg.outbound.end()


@BOTH
@pytest.mark.parametrize(
    ("name", "format", "options", "snr_db"),
    [
        ("phone.wav", TELEPHONY, {}, math.inf),
        ("phone.flac", TELEPHONY, {}, math.inf),
        ("odd.wav", AudioFormat(11_025), {}, math.inf),
        ("half.flac", AudioFormat(22_050), {}, math.inf),
        ("cd.wav", AudioFormat(44_100, 2), {}, math.inf),
        ("studio.wav", AudioFormat(192_000), {}, math.inf),
        ("quad.flac", AudioFormat(48_000, 4), {}, math.inf),
        ("cd.mp3", AudioFormat(44_100, 2), {"format": "MP3"}, 20),
        ("voice.ogg", AudioFormat(48_000), {"format": "OGG", "subtype": "VORBIS"}, 15),
        ("voice.opus", AudioFormat(48_000), {"format": "OGG", "subtype": "OPUS"}, 15),
    ],
)
def test_what_is_in_a_file_is_heard_in_frames_of_20_ms(
    name: str,
    format: AudioFormat,
    options: dict[str, str],
    snr_db: float,
    realtime: bool,
    tmp_path: Path,
) -> None:
    """Whatever people have; the length is that of the file, whole frames in between."""
    spoken = speech_like(1_507, seed=3, format=format)
    path = make(tmp_path / name, spoken, **options)
    clock = VirtualClock()
    leg = FileLeg(path, realtime=realtime, clock=clock)
    heard: list[AudioFrame] = []

    assert leg.duration_ms == pytest.approx(1_507, abs=60)
    call(leg, clock, lambda leg: listen(leg, heard))
    assert leg.inbound.format == format
    assert leg.name == str(path)
    assert all(frame.samples_per_channel == format.samples(20) for frame in heard[:-1])
    assert_same_audio(
        spoken, joined(heard), snr_db=snr_db, align_ms=0 if snr_db == math.inf else 60
    )
    if snr_db == math.inf:
        assert (
            0 <= joined(heard).samples_per_channel - spoken.samples_per_channel < format.samples(20)
        )
    assert leg.warning is None


@BOTH
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus"])
@pytest.mark.parametrize("outbound", [WIDEBAND_VOICE, AudioFormat(48_000, 2)], ids=str)
def test_what_is_said_back_is_recorded_where_it_was_said(
    suffix: str, outbound: AudioFormat, realtime: bool, source: Path, tmp_path: Path
) -> None:
    """The recording is as long as the call, and an echo comes with the next frame."""
    clock = VirtualClock()
    output = tmp_path / f"out.{suffix}"
    leg = FileLeg(source, output, realtime=realtime, outbound_format=outbound, clock=clock)
    call(leg, clock, echo)
    recorded = recording(output)
    assert recorded.duration_ms >= 3_005
    if suffix in ("wav", "flac"):
        assert recorded.format == outbound
        assert recorded.samples_per_channel % outbound.samples(20) == 0
    expected = speech_like(3_005, seed=1, format=recorded.format)
    lossy = suffix in ("ogg", "opus")
    # A frame is said, the next one is heard; conversion holds the first one back by another.
    assert_same_audio(expected, recorded, snr_db=10 if lossy else 30, align_ms=62)


@BOTH
def test_the_recording_is_sample_exact_where_nothing_is_converted(
    realtime: bool, source: Path, tmp_path: Path
) -> None:
    """Whole frames, silence where nothing was said, and every sample that was, in its place."""
    clock = VirtualClock()
    leg = FileLeg(
        source, tmp_path / "out.wav", realtime=realtime, outbound_format=SPEECH, clock=clock
    )

    async def program(leg: FileLeg) -> None:
        async for frame in leg.inbound:
            if frame.start_ms == 1_000:
                await leg.outbound.asend(noise(410, seed=2))
                leg.outbound.end_segment()
        leg.outbound.end()

    call(leg, clock, program)
    heard = recording(tmp_path / "out.wav").samples[:, 0]
    assert len(heard) % 320 == 0
    assert 3_005 * 16 <= len(heard) <= 3_005 * 16 + 3 * 320
    start = int(np.flatnonzero(heard)[0])
    assert start in (1_040 * 16, 1_020 * 16)
    expected = np.zeros(len(heard), np.int16)
    expected[start:][: 410 * 16] = noise(410, seed=2).samples[:, 0]
    np.testing.assert_array_equal(heard, expected)


def test_in_real_time_a_frame_comes_when_its_last_sample_was_spoken(source: Path) -> None:
    """Whoever times a program against the file times it against a speaker."""
    clock = VirtualClock(50)
    leg = FileLeg(source, realtime=True, clock=clock)
    arrivals: list[float] = []

    async def program(leg: FileLeg) -> None:
        async for _ in leg.inbound:
            arrivals.append(round(clock.now() * 1000 - 50_000, 3))
        leg.outbound.end()

    call(leg, clock, program)
    assert arrivals == [20.0 * (number + 1) for number in range(150)] + [3_005]
    assert leg.clock is clock


def test_in_lockstep_the_clock_shows_what_the_program_has_taken(source: Path) -> None:
    """Figures are read off it: a frame is taken when its last sample was spoken."""
    clock = VirtualClock()
    leg = FileLeg(source, clock=clock)

    async def program(leg: FileLeg) -> None:
        async for frame in leg.inbound:
            assert leg.clock.now() * 1000 == pytest.approx(frame.end_ms, abs=20)
            await asyncio.sleep(1)  # what it computes takes no time on that clock
        leg.outbound.end()

    call(leg, clock, program)
    assert leg.clock.now() * 1000 == pytest.approx(3_020, abs=20)


def test_in_lockstep_it_goes_as_fast_as_the_program(tmp_path: Path) -> None:
    """A minute of file must not take a minute; no clock is waited for."""
    path = make(tmp_path / "long.flac", silence(60_000, format=TELEPHONY))
    clock = VirtualClock()
    leg = FileLeg(path, clock=clock)
    call(leg, clock, listen)
    assert clock.now() < 1


def test_in_lockstep_threads_are_refused_and_do_not_hang(source: Path) -> None:
    """Nobody could move the clock while the only thread waits."""
    leg = FileLeg(source)
    with pytest.raises(ClockError, match="async door"):
        leg.inbound.recv()
    asyncio.run(leg.aclose())


def interpret(
    source: Path, output: Path, script: list[ScriptedUtterance], *, realtime: bool, **more: Any
) -> Interpreter:
    """A whole session on files, everything on the leg's clock."""
    clock = VirtualClock()
    leg = FileLeg(source, output, realtime=realtime, clock=clock)
    engine = ScriptedTranslator(script, clock=leg.clock)
    interpreter = Interpreter(
        leg.inbound, engine, {"es": leg.outbound}, REQUEST, clock=leg.clock, **more
    )

    async def program(leg: FileLeg) -> None:
        await interpreter.run()
        leg.outbound.end()

    call(leg, clock, program)
    return interpreter


def uttered(start_ms: float, end_ms: float, speech_ms: float, seed: int) -> ScriptedUtterance:
    return ScriptedUtterance(
        source_text="x",
        start_ms=start_ms,
        end_ms=end_ms,
        translations={"es": "y"},
        audio=noise(speech_ms, seed=seed, format=WIDEBAND_VOICE),
        delay_ms=307,
    )


@BOTH
def test_a_translation_is_in_the_recording_where_the_report_says(
    realtime: bool, source: Path, tmp_path: Path
) -> None:
    """The report, the captions and the recording are of one timeline, in lockstep as in real time."""
    script = [uttered(200, 700, 610, 1), uttered(900, 1_500, 1_200, 2)]
    interpreter = interpret(source, tmp_path / "out.wav", script, realtime=realtime)
    heard = recording(tmp_path / "out.wav").samples[:, 0]
    expected = np.zeros(len(heard), np.int16)
    for said, reported in zip(script, interpreter.report().utterances, strict=True):
        figures = reported.translations["es"]
        assert figures.heard_at_ms is not None
        assert figures.ear_voice_span_ms is not None
        # The engine's own delay, to the next frame.
        span_ms = said.end_ms - said.start_ms + said.delay_ms
        assert 0 < figures.ear_voice_span_ms - span_ms <= 20
        assert isinstance(said.audio, AudioFrame)
        start = WIDEBAND_VOICE.samples(figures.heard_at_ms)
        expected[start:][: said.audio.samples_per_channel] = said.audio.samples[:, 0]
    np.testing.assert_array_equal(heard, expected)


def test_in_lockstep_an_answer_that_is_due_after_the_end_of_the_file_still_comes(
    source: Path, tmp_path: Path
) -> None:
    """An engine on the leg's clock has delays on it, and after the last frame nobody moves it."""
    script = [uttered(2_500, 3_000, 500, 1)]
    interpreter = interpret(source, tmp_path / "out.wav", script, realtime=False)
    figures = interpreter.report().utterances[0].translations["es"]
    assert figures.heard_at_ms == pytest.approx(3_307, abs=40)
    heard = recording(tmp_path / "out.wav").samples[:, 0]
    start = int(np.flatnonzero(heard)[0])
    assert start == WIDEBAND_VOICE.samples(figures.heard_at_ms or 0)
    np.testing.assert_array_equal(
        heard[start:][:12_000], noise(500, seed=1, format=WIDEBAND_VOICE).samples[:, 0]
    )


def test_in_lockstep_marks_come_when_the_recording_is_there_after_the_end_of_the_file_too(
    source: Path, tmp_path: Path
) -> None:
    """Figures are read off the clock when a mark comes."""
    clock = VirtualClock()
    leg = FileLeg(source, tmp_path / "out.wav", clock=clock)
    reached: list[float] = []

    async def program(leg: FileLeg) -> None:
        await listen_only(leg)
        for _ in range(3):
            await leg.outbound.asend(noise(20, seed=1, format=WIDEBAND_VOICE))
            leg.outbound.mark("x", lambda _: reached.append(leg.clock.now() * 1000))
        leg.outbound.end()

    async def listen_only(leg: FileLeg) -> None:
        async for _ in leg.inbound:
            pass

    call(leg, clock, program)
    start_ms = np.flatnonzero(recording(tmp_path / "out.wav").samples)[0] / 24
    assert reached == pytest.approx([start_ms, start_ms + 20, start_ms + 40])


@pytest.mark.parametrize("format", [AudioFormat(192_000), AudioFormat(11_025)], ids=str)
def test_in_lockstep_nothing_is_said_twice_to_a_program_that_takes_its_time(
    format: AudioFormat, tmp_path: Path
) -> None:
    """While the speaker waits he must know how far he has got, in the middle of a frame too."""
    spoken = noise(1_507, seed=1, format=format)
    path = make(tmp_path / "source.wav", spoken)
    clock = VirtualClock()
    leg = FileLeg(path, clock=clock)
    heard: list[AudioFrame] = []

    async def program(leg: FileLeg) -> None:
        async for frame in leg.inbound:
            heard.append(frame)
            if len(heard) % 7 == 0:
                await leg.clock.sleep_until(leg.clock.now() + 0.1)
        leg.outbound.end()

    call(leg, clock, program)
    assert_same_audio(spoken, heard, snr_db=math.inf)


def test_in_lockstep_a_program_that_must_be_heard_before_it_listens_on_is_heard(
    source: Path, tmp_path: Path
) -> None:
    """Otherwise both would wait for each other for ever: the speaker waits, and time passes."""
    clock = VirtualClock()
    leg = FileLeg(source, tmp_path / "out.wav", clock=clock)

    async def program(leg: FileLeg) -> None:
        async for frame in leg.inbound:
            if frame.start_ms == 1_000:
                await leg.outbound.asend(noise(9_000, seed=1, format=WIDEBAND_VOICE))
                assert await leg.outbound.adrain()
        leg.outbound.end()

    call(leg, clock, program)
    heard = recording(tmp_path / "out.wav")
    assert heard.duration_ms == pytest.approx(3_005 + 9_000, abs=100)
    start = int(np.flatnonzero(heard.samples)[0])
    np.testing.assert_array_equal(
        heard.samples[start:][: 9_000 * 24], noise(9_000, seed=1, format=WIDEBAND_VOICE).samples
    )
    assert clock.now() < 30  # two seconds of patience, then fast


@pytest.mark.parametrize("on_leg_clock", [True, False])
def test_in_lockstep_an_engine_that_says_more_than_queues_take_comes_to_its_end(
    on_leg_clock: bool, source: Path, tmp_path: Path
) -> None:
    """It waits to get rid of its speech, the session for it, and the leg for the session."""
    clock = VirtualClock()
    leg = FileLeg(source, tmp_path / "out.wav", clock=clock)
    speech = noise(45_000, seed=1, format=WIDEBAND_VOICE)

    @translator(clock=leg.clock if on_leg_clock else clock)
    async def talkative(
        frames: AsyncIterator[AudioFrame], request: TranslationRequest
    ) -> AsyncIterator[TranslationEvent]:
        span = TimeSpan(0, 200)
        async for frame in frames:
            if frame.end_ms == 200:
                for piece in in_frames(speech, 100):
                    yield TranslatedAudio("a", "es", piece, span)

    interpreter = Interpreter(
        leg.inbound,
        talkative,
        leg.outbound,
        REQUEST.model_copy(update={"max_pending_ms": 200}),
        clock=leg.clock,
        max_queued_ms=500,
        max_stall_ms=1_000,
    )

    async def program(leg: FileLeg) -> None:
        report = await interpreter.run()
        assert report.complete
        leg.outbound.end()

    call(leg, clock, program)
    heard = recording(tmp_path / "out.wav").samples
    start = int(np.flatnonzero(heard)[0])
    np.testing.assert_array_equal(heard[start:][: 45_000 * 24], speech.samples)
    assert len(heard) < 60_000 * 24


def test_in_lockstep_time_passes_for_a_program_that_only_waits_for_it(source: Path) -> None:
    """A timeout on the leg's clock has to come though nobody takes audio."""
    clock = VirtualClock()
    leg = FileLeg(source, clock=clock)

    async def program(leg: FileLeg) -> None:
        await leg.clock.sleep_until(10)
        await listen(leg)

    call(leg, clock, program)
    assert leg.clock.now() == pytest.approx(13, abs=0.1)


def test_in_lockstep_a_program_that_computes_for_long_is_waited_for(
    source: Path, tmp_path: Path
) -> None:
    """A slow engine must not stretch the recording."""
    clock = VirtualClock()
    leg = FileLeg(source, tmp_path / "out.wav", clock=clock)

    async def program(leg: FileLeg) -> None:
        async for frame in leg.inbound:
            if frame.start_ms == 1_000:
                await asyncio.sleep(60)
        await asyncio.sleep(60)
        leg.outbound.end()

    call(leg, clock, program)
    assert recording(tmp_path / "out.wav").duration_ms == pytest.approx(3_020, abs=20)


@BOTH
def test_an_outbound_that_ends_or_closes_early_is_silent_for_the_rest_of_the_recording(
    realtime: bool, source: Path, tmp_path: Path
) -> None:
    """The party is there to the end of what it says, whether anybody talks to it or not."""
    for stop in (OutboundAudioStream.end, OutboundAudioStream.close):
        clock = VirtualClock()
        leg = FileLeg(
            source, tmp_path / "out.wav", realtime=realtime, outbound_format=SPEECH, clock=clock
        )

        async def program(leg: FileLeg, stop: Any = stop) -> None:
            await leg.outbound.asend(noise(200, seed=1))
            async for frame in leg.inbound:
                if frame.start_ms == 1_000:
                    stop(leg.outbound)

        call(leg, clock, program)
        heard = recording(tmp_path / "out.wav").samples[:, 0]
        assert 3_005 * 16 <= len(heard) <= 3_060 * 16
        start = int(np.flatnonzero(heard)[0])
        expected = np.zeros(len(heard), np.int16)
        expected[start:][:3_200] = noise(200, seed=1).samples[:, 0]
        np.testing.assert_array_equal(heard, expected)


@BOTH
def test_an_inbound_that_is_closed_early_ends_the_speaking_only(
    realtime: bool, source: Path, tmp_path: Path
) -> None:
    """Who has heard enough may still have something to say."""
    clock = VirtualClock()
    leg = FileLeg(
        source, tmp_path / "out.wav", realtime=realtime, outbound_format=SPEECH, clock=clock
    )

    async def program(leg: FileLeg) -> None:
        for _ in range(10):
            await leg.inbound.arecv()
        leg.inbound.close()
        await leg.outbound.asend(noise(1_000, seed=1))
        leg.outbound.end()

    call(leg, clock, program)
    heard = recording(tmp_path / "out.wav").samples[:, 0]
    start = int(np.flatnonzero(heard)[0])
    np.testing.assert_array_equal(heard[start:], noise(1_000, seed=1).samples[:, 0])
    assert start <= 300 * 16


@BOTH
@pytest.mark.parametrize("at_ms", [0, 20, 510, 3_001])
@pytest.mark.parametrize("suffix", ["wav", "flac", "opus"])
def test_cancelled_at_any_time_it_leaves_a_file_that_plays_and_nothing_else(
    suffix: str, at_ms: int, realtime: bool, source: Path, tmp_path: Path
) -> None:
    """Ctrl-C is how long calls end."""
    clock = VirtualClock()
    output = tmp_path / f"out.{suffix}"
    leg = FileLeg(source, output, realtime=realtime, clock=clock)

    async def main() -> None:
        running = asyncio.create_task(leg.run())
        talking = asyncio.create_task(echo(leg))
        while leg.clock.now() * 1000 < at_ms:
            await (clock.sleep_until(clock.now() + 0.01) if realtime else asyncio.sleep(0))
        running.cancel()
        talking.cancel()
        await asyncio.wait([running, talking])
        assert running.cancelled()
        await leg.aclose()
        await leg.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(main())
    if at_ms >= 510:
        assert recording(output).duration_ms == pytest.approx(at_ms, abs=80)
    else:
        assert output.exists()


@BOTH
def test_closed_while_it_runs_it_ends_without_an_error(
    realtime: bool, source: Path, tmp_path: Path
) -> None:
    """`async with` carries the call while its block runs, and ends it with the block."""
    clock = VirtualClock()

    async def main() -> None:
        async with FileLeg(source, tmp_path / "out.wav", realtime=realtime, clock=clock) as leg:
            for _ in range(30):
                await leg.inbound.arecv()
        with pytest.raises(StreamClosedError):
            await leg.inbound.arecv()
        assert leg.state == "closed"

    clock.run(main())
    assert recording(tmp_path / "out.wav").duration_ms == pytest.approx(600, abs=60)


def test_closed_while_a_thread_reads_it_waits_for_that_and_reads_no_more(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled task leaves its thread reading; the file must not go from under it."""
    begun, go_on = threading.Event(), threading.Event()
    read = AudioFileReader.read
    closed_meanwhile: list[bool] = []

    def slow(self: AudioFileReader, max_samples: int | None = None) -> AudioFrame | None:
        begun.set()
        assert go_on.wait(20)
        closed_meanwhile.append(self.closed)
        return read(self, max_samples)

    monkeypatch.setattr(AudioFileReader, "read", slow)
    leg = FileLeg(source, realtime=True)

    async def main() -> None:
        running = asyncio.create_task(leg.run())
        assert await asyncio.to_thread(begun.wait, 20)
        running.cancel()
        threading.Timer(0.05, go_on.set).start()
        await asyncio.wait([running])
        await leg.aclose()
        assert closed_meanwhile == [False]

    asyncio.run(asyncio.wait_for(main(), 30))


@contextlib.contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@BOTH
def test_a_full_disk_ends_the_call_for_everybody_with_its_error(
    realtime: bool, source: Path, tmp_path: Path
) -> None:
    """The program must not talk on into nothing, and what fitted on the disk plays."""
    clock = VirtualClock()
    leg = FileLeg(source, tmp_path / "out.wav", realtime=realtime, clock=clock)

    async def main() -> None:
        running = asyncio.create_task(leg.run())
        talking = asyncio.create_task(echo(leg))
        await asyncio.wait([running, talking])
        with pytest.raises(FileWriteError) as ran:
            running.result()
        assert ran.value.path == str(tmp_path / "out.wav")
        with pytest.raises(StreamFailedError) as talked:
            talking.result()
        assert talked.value.cause is ran.value
        with pytest.raises(StreamFailedError) as failed:
            await listen(leg)
        assert failed.value.cause is ran.value
        await leg.aclose()

    with disk_of(50_000):
        clock.run(main())
    assert 900 < recording(tmp_path / "out.wav").duration_ms < 1_100


def test_a_full_disk_is_what_an_interpreter_ends_with_too(source: Path, tmp_path: Path) -> None:
    """Its caller sees why, whichever task he waits for."""
    clock = VirtualClock()
    leg = FileLeg(source, tmp_path / "out.wav", clock=clock)
    engine = EchoTranslator(clock=leg.clock)
    interpreter = Interpreter(leg.inbound, engine, leg.outbound, REQUEST, clock=leg.clock)

    async def main() -> None:
        running = asyncio.create_task(leg.run())
        with pytest.raises(StreamFailedError) as caught:
            await interpreter.run()
        assert isinstance(caught.value.cause, FileWriteError)
        await asyncio.wait([running])
        assert isinstance(running.exception(), FileWriteError)
        await leg.aclose()

    with disk_of(50_000):
        clock.run(main())


@BOTH
def test_a_source_that_breaks_off_is_translated_to_there_and_then_an_error(
    realtime: bool, tmp_path: Path
) -> None:
    """What was said before is heard and answered; then it is told what is wrong with the file."""
    samples = (speech_like(2_000, seed=1).samples / 32_768).astype(np.float32)
    samples[16_000:16_010] = np.nan
    path = tmp_path / "broken.wav"
    soundfile.write(path, samples, 16_000, subtype="FLOAT")
    clock = VirtualClock()
    leg = FileLeg(
        path, tmp_path / "out.wav", realtime=realtime, outbound_format=SPEECH, clock=clock
    )
    heard: list[AudioFrame] = []

    async def program() -> None:
        with pytest.raises(StreamFailedError) as caught:
            await listen(leg, heard)
        assert isinstance(caught.value.cause, UnreadableFileError)
        await leg.outbound.asend(noise(500, seed=2))
        leg.outbound.end()

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(program())
            with pytest.raises(UnreadableFileError, match="finite"):
                await leg.run()
        await leg.aclose()

    clock.run(main())
    assert_same_audio(AudioFrame(speech_like(1_000, seed=1).samples, SPEECH), heard, snr_db=60)
    recorded = recording(tmp_path / "out.wav").samples[:, 0]
    np.testing.assert_array_equal(
        recorded[np.flatnonzero(recorded)[0] :][:8_000], noise(500, seed=2).samples[:, 0]
    )


@BOTH
def test_a_truncated_source_is_heard_as_far_as_it_goes_and_then_an_error(
    realtime: bool, source: Path, tmp_path: Path
) -> None:
    """A download that was cut is no reason to say nothing, nor to say that all was well."""
    cut = tmp_path / "cut.wav"
    cut.write_bytes(source.read_bytes()[:50_000])
    clock = VirtualClock()
    leg = FileLeg(cut, realtime=realtime, clock=clock)
    heard: list[AudioFrame] = []

    async def listen_on() -> None:
        async for frame in leg.inbound:
            heard.append(frame)

    async def main() -> None:
        running = asyncio.create_task(leg.run())
        with pytest.raises(StreamFailedError) as caught:
            await listen_on()
        assert isinstance(caught.value.cause, UnreadableFileError)
        leg.outbound.end()
        with pytest.raises(UnreadableFileError, match="holds 49956"):
            await running
        await leg.aclose()

    clock.run(main())
    whole = 49_956 // leg.inbound.format.bytes_per_instant
    assert heard[-1].end >= whole


@BOTH
@pytest.mark.parametrize("stream", ["inbound", "outbound"])
def test_a_stream_that_somebody_fails_fails_the_other_with_the_same_cause(
    stream: str, realtime: bool, source: Path
) -> None:
    """A mistake in a call-back must not leave half a call."""
    clock = VirtualClock()
    leg = FileLeg(source, realtime=realtime, clock=clock)
    cause = ZeroDivisionError()

    async def main() -> None:
        running = asyncio.create_task(leg.run())
        for _ in range(10):
            await leg.inbound.arecv()
        getattr(leg, stream).fail(cause)
        with pytest.raises(StreamFailedError):
            await running
        with pytest.raises(StreamFailedError) as inbound:
            await listen(leg)
        with pytest.raises(StreamFailedError) as outbound:
            await leg.outbound.asend(bytes(960))
        assert inbound.value.cause is outbound.value.cause is cause
        await leg.aclose()

    clock.run(main())


def test_a_loop_that_is_held_up_loses_nothing_of_the_recordings_timeline(
    source: Path, tmp_path: Path
) -> None:
    """A busy machine is late by seconds; what is heard after it must not move to before it."""
    clock = VirtualClock()
    leg = FileLeg(source, tmp_path / "out.wav", realtime=True, clock=clock)

    async def program(leg: FileLeg) -> None:
        async for frame in leg.inbound:
            if frame.start_ms == 1_000:
                clock._now += 1.5  # somebody computed on the event loop
            if frame.start_ms == 2_800:
                await leg.outbound.asend(noise(100, seed=1, format=WIDEBAND_VOICE))
        leg.outbound.end()

    call(leg, clock, program)
    heard = recording(tmp_path / "out.wav")
    assert heard.duration_ms == pytest.approx(3_020, abs=20)
    assert np.flatnonzero(heard.samples)[0] == WIDEBAND_VOICE.samples(2_840)


def test_it_never_records_over_its_own_source(source: Path, tmp_path: Path) -> None:
    """One wrong argument would destroy what cannot be recorded again."""
    before = source.read_bytes()
    link = tmp_path / "link.wav"
    link.symlink_to(source)
    for output in (source, str(source), link):
        with pytest.raises(ConfigurationError, match="is the source"):
            FileLeg(source, output)
    assert source.read_bytes() == before


def test_what_cannot_be_read_or_written_is_refused_at_once_and_leaves_nothing_open(
    source: Path, tmp_path: Path
) -> None:
    """An unclosed file is a warning, and warnings are errors here."""
    with pytest.raises(UnreadableFileError):
        FileLeg(tmp_path / "nothing.wav", tmp_path / "out.wav")
    assert not (tmp_path / "out.wav").exists()
    with pytest.raises(ConfigurationError):
        FileLeg(source, tmp_path / "out.xyz")
    with pytest.raises(FileWriteError):
        FileLeg(source, tmp_path / "no" / "out.wav")


def test_a_name_may_be_given(source: Path) -> None:
    """Reports call legs by it."""
    leg = FileLeg(source, name="customer")
    assert leg.name == "customer"
    asyncio.run(leg.aclose())


@BOTH
def test_the_blocks_own_error_counts_and_the_recording_is_kept(
    realtime: bool, source: Path, tmp_path: Path
) -> None:
    """A program that fails in mid-call must see its own error, and find what was recorded."""
    clock = VirtualClock()

    async def main() -> None:
        async with FileLeg(source, tmp_path / "out.wav", realtime=realtime, clock=clock) as leg:
            for _ in range(30):
                await leg.inbound.arecv()
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        clock.run(main())
    assert recording(tmp_path / "out.wav").duration_ms == pytest.approx(600, abs=60)


def test_a_cancelled_block_leaves_no_task_and_a_playable_recording(
    source: Path, tmp_path: Path
) -> None:
    """Ctrl-C is how most calls end that are tried out at a keyboard."""
    clock = VirtualClock()

    async def call() -> None:
        async with FileLeg(source, tmp_path / "out.wav", realtime=True, clock=clock):
            await asyncio.Event().wait()

    async def main() -> None:
        calling = asyncio.create_task(call())
        await asyncio.sleep(1)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(main())
    assert recording(tmp_path / "out.wav").duration_ms == pytest.approx(1_000, abs=60)


def test_what_breaks_the_call_is_raised_at_the_end_of_the_block(
    source: Path, tmp_path: Path
) -> None:
    """A block that never looks at its streams must learn that the recording is not whole."""
    clock = VirtualClock()

    async def main() -> None:
        async with FileLeg(source, tmp_path / "out.wav", realtime=True, clock=clock) as leg:
            leg.outbound.fail(OSError("gone"))
            await asyncio.sleep(1)

    with pytest.raises(StreamFailedError, match="gone"):
        clock.run(main())
