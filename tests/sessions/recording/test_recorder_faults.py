"""What is left of a recording, and of the call, when the disk or the process fails."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from recording_kit import FRAME, audio_of, record, sound, track_of

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import FileWriteError, MissingDependencyError, UnreadableFileError
from rawmedia.files import AudioFileReader
from rawmedia.files.sink import GuardedSink
from rawmedia.sessions.recording import (
    TURN_MS,
    ManifestNotWritten,
    PartFinished,
    Recorder,
    TrackStopped,
)
from rawmedia.sessions.recording.manifest import RecordingManifest
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing.clock import VirtualClock

if TYPE_CHECKING:
    from pathlib import Path

RECORD_FOR_EVER = """
import asyncio, sys, time
import numpy as np
from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.sessions.recording import Recorder
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.outbound import OutboundAudioStream

folder, form, samples = sys.argv[1], sys.argv[2], np.load(sys.argv[3])
inbound, outbound = InboundAudioStream(SPEECH), OutboundAudioStream(SPEECH, capacity_ms=60_000)

async def main():
    async with Recorder(folder, format=form, rotate_ms=1_000) as recorder:
        recorder.track("says", inbound)
        recorder.track("hears", outbound)
        outbound.send(AudioFrame(samples, SPEECH))
        start = time.monotonic()
        for number in range(len(samples) // 320):
            await asyncio.sleep(max(0, start + (number + 1) * 0.02 - time.monotonic()))
            inbound.push(AudioFrame(samples[number * 320 : number * 320 + 320], SPEECH))
            outbound.pull()
            print(number + 1, flush=True)

asyncio.run(main())
"""
HELD_MS = {"wav": 0, "flac": 256, "opus": 330}
"""What is in the encoder's hands."""


@pytest.mark.parametrize("format", ["wav", "flac", "opus"])
def test_kill_minus_nine_leaves_all_but_the_last_half_second(format: str, tmp_path: Path) -> None:
    """Nothing runs after SIGKILL; the manifest is whole and names every part, and each plays.

    A part that has just been begun may hold no audio yet, where an encoder holds it.
    """
    samples = sound(16_000 * 20).samples
    np.save(tmp_path / "samples.npy", samples)
    folder = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", RECORD_FOR_EVER, folder, format, tmp_path / "samples.npy"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 115:
                break
        process.kill()
    assert process.returncode == -signal.SIGKILL

    manifest = RecordingManifest.read(folder)
    assert not manifest.complete
    # The turn before may have been late by what else the machine had to do.
    most_ms = HELD_MS[format] + 2 * TURN_MS + 40
    for track in manifest.tracks:
        got = []
        for part in track.parts:
            if not part.finished and not holds_audio(folder / part.file):
                assert format != "wav"
                continue
            if format == "opus" and shutil.which("opusdec"):
                subprocess.run(
                    ["opusdec", "--quiet", folder / part.file, "-"],
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
            data = soundfile.read(folder / part.file, dtype="int16", always_2d=True)[0]
            assert not part.finished or len(data) == part.samples == 16_000
            got.append(data)
        heard = np.concatenate(got)
        assert 115 * 20 - len(heard) / 16 <= most_ms
        if format != "opus":
            place = round((track.anchor_ms or 0) * 16)
            np.testing.assert_array_equal(heard[place:], samples[: len(heard) - place])


def holds_audio(path: Path) -> bool:
    """Whether there is any after the header."""
    try:
        with AudioFileReader(path) as reader:
            return reader.read() is not None
    except UnreadableFileError:
        return False


class FullDisk:
    """A disk that takes so many bytes more of the files whose name has a word in it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, word: str, room: int) -> None:
        self.room = room
        put = GuardedSink._put
        grow = GuardedSink.grow
        disk = self

        def limited(sink: Any, offset: int, data: bytes | memoryview) -> bool:
            grows = offset + len(data) - sink.size
            if word in sink._raw.name and grows > 0:
                if disk.room < grows:
                    sink.fail(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
                    return False
                disk.room -= grows
            return put(sink, offset, data)

        def limited_growth(sink: Any, count: int) -> int:
            if word in sink._raw.name and disk.room < count:
                sink.fail(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
            return grow(sink, count)

        monkeypatch.setattr(GuardedSink, "_put", limited)
        monkeypatch.setattr(GuardedSink, "grow", limited_growth)


@pytest.mark.parametrize("format", ["wav", "flac", "opus"])
@pytest.mark.parametrize("word", ["out", "one"])
def test_a_full_disk_stops_what_it_stops_and_the_call_goes_on(
    word: str, format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typed event says so; what was written plays; nothing is raised into the call."""
    clock = VirtualClock()
    streams = {name: InboundAudioStream(SPEECH, clock=clock) for name in ("one", "two")}
    FullDisk(monkeypatch, f"{word}", 30_000)
    said = sound(16_000 * 20)
    received = 0

    async def call(recorder: Recorder) -> None:
        nonlocal received
        for name, stream in streams.items():
            recorder.track(name, stream)
        pushed = recorder.track("one and more", format=SPEECH)
        for number in range(1_000):
            await clock.sleep_until((number + 1) * 0.02)
            place = number * FRAME
            frame = AudioFrame(said.samples[place : place + FRAME], SPEECH, place)
            pushed.write(frame)
            for stream in streams.values():
                stream.push(frame)
                received += (await stream.arecv()).samples_per_channel
        assert len(streams["one"]._taps) == 0

    manifest, events = record(clock, tmp_path / "out", call, format=format)

    assert received == 2 * 320_000
    stops = {event.track: event for event in events if isinstance(event, TrackStopped)}
    assert set(stops) >= {"one", "one and more"}
    for stop in stops.values():
        assert isinstance(stop.error, FileWriteError)
        assert "No space left" in stop.problem
    for track in manifest.tracks:
        (part,) = track.parts
        got = soundfile.read(tmp_path / "out" / part.file, dtype="int16", always_2d=True)[0]
        assert (track.state == "stopped") == (track.name in stops)
        if track.name in stops:
            assert track.problem == stops[track.name].problem
        else:
            assert len(got) == 320_000
        if format != "opus":
            np.testing.assert_array_equal(got, said.samples[: len(got)])


def test_a_disk_that_is_slow_costs_the_oldest_audio_and_no_time_of_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What there was no room for is silence in the file, counted; the rest is in its place."""
    clock = VirtualClock()
    inbound, outbound = InboundAudioStream(SPEECH, clock=clock), OutboundAudioStream(clock=clock)
    said = sound(16_000 * 6)
    stuck, free = threading.Event(), threading.Event()

    async def call(recorder: Recorder) -> None:
        recorder.track("in", inbound)
        recorder.track("out", outbound)
        pushed = recorder.track("pushed", format=SPEECH)
        turn = recorder._disk.turn

        def stuck_turn(*given: Any, **more: Any) -> Any:
            stuck.set()
            free.wait(20)
            return turn(*given, **more)

        recorder._writing.cancel()
        for number in range(300):
            frame = AudioFrame(
                said.samples[number * FRAME : (number + 1) * FRAME], SPEECH, number * FRAME
            )
            await clock.sleep_until((number + 1) * 0.02)
            inbound.push(frame)
            outbound.pull()
            pushed.write(frame)

    manifest, _ = record(clock, tmp_path / "out", call, queue_ms=2_000)

    for name in ("in", "pushed"):
        report = track_of(tmp_path / "out", name)
        got = audio_of(tmp_path / "out", name)
        assert report.lost_ms == pytest.approx(4_000, abs=40)
        assert len(got) == 96_000
        lost = round(report.lost_ms * 16)
        kept = np.flatnonzero(got.any(axis=1))
        np.testing.assert_array_equal(got[kept], said.samples[kept])
        assert len(kept) == 96_000 - lost
    assert track_of(tmp_path / "out", "out").lost_ms == pytest.approx(4_000, abs=40)
    assert manifest.complete


def test_an_event_callback_that_raises_is_told_in_the_end(tmp_path: Path) -> None:
    """The recording is more worth than the message; and what broke the call more than either."""
    clock = VirtualClock()

    def refuse(event: object) -> None:
        raise KeyError(type(event).__name__)

    async def main(error: Exception | None, folder: str) -> None:
        async with Recorder(tmp_path / folder, clock=clock, on_event=refuse) as recorder:
            recorder.track("x", format=SPEECH).write(sound(320), at_ms=0)
            if error is not None:
                raise error

    with pytest.raises(KeyError, match="PartFinished"):
        clock.run(main(None, "one"))
    with pytest.raises(OSError, match="the call"):
        clock.run(main(OSError("the call"), "two"))
    for folder in ("one", "two"):
        assert RecordingManifest.read(tmp_path / folder).complete
        np.testing.assert_array_equal(audio_of(tmp_path / folder, "x"), sound(320).samples)


def test_a_manifest_that_cannot_be_written_is_told_and_tried_again(tmp_path: Path) -> None:
    """The tracks matter more."""
    clock = VirtualClock()
    folder = tmp_path / "out"

    async def call(recorder: Recorder) -> None:
        (folder / "recording.json.part").mkdir()
        recorder.track("x", format=SPEECH).write(sound(320), at_ms=0)
        await clock.sleep_until(0.5)
        (folder / "recording.json.part").rmdir()

    manifest, events = record(clock, folder, call)

    assert manifest.complete
    assert any(isinstance(event, ManifestNotWritten) for event in events)
    assert any(isinstance(event, PartFinished) for event in events)


def test_a_file_that_is_in_the_way_stops_its_track_alone(tmp_path: Path) -> None:
    """It may be what is left of another call."""
    clock = VirtualClock()
    (tmp_path / "one.wav").write_bytes(b"precious")

    async def call(recorder: Recorder) -> None:
        for name in ("one", "two"):
            recorder.track(name, format=SPEECH).write(sound(320), at_ms=0)

    manifest, events = record(clock, tmp_path, call)

    assert (tmp_path / "one.wav").read_bytes() == b"precious"
    assert [track.state for track in manifest.tracks] == ["stopped", "finished"]
    assert [type(event) for event in events] == [TrackStopped, PartFinished]
    assert manifest.tracks[0].lost_ms == 20


def test_code_that_fails_is_a_typed_event_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the cause, one track's trouble is not another's."""
    clock = VirtualClock()

    def break_down(writer: object, frame: AudioFrame) -> None:
        raise RuntimeError("a bug")

    async def call(recorder: Recorder) -> None:
        recorder.track("x", format=SPEECH).write(sound(320), at_ms=0)
        monkeypatch.setattr("rawmedia.files.parts.PartWriter.write", break_down)

    _, events = record(clock, tmp_path, call)

    (event,) = events
    assert isinstance(event, TrackStopped)
    assert isinstance(event.error, FileWriteError)
    assert isinstance(event.error.__cause__, RuntimeError)
    assert "a bug" in event.problem


def test_a_folder_that_cannot_be_made_is_told_at_once(tmp_path: Path) -> None:
    """Before anybody believes that the call is recorded."""
    (tmp_path / "file").write_bytes(b"")

    async def main() -> None:
        async with Recorder(tmp_path / "file" / "out"):
            pytest.fail("it was entered")

    with pytest.raises(FileWriteError, match="cannot be made"):
        asyncio.run(main())


def test_without_libopus_there_is_no_recorder_of_opus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told before the call, with how to add it."""

    def missing() -> None:
        raise MissingDependencyError("libopus", "the Opus codec", "pip install 'rawmedia[opus]'")

    monkeypatch.setattr("rawmedia.codecs.libopus.load", missing)
    with pytest.raises(MissingDependencyError, match="libopus"):
        Recorder(tmp_path, format="opus")


def test_closing_may_be_cancelled_and_is_done_all_the_same(tmp_path: Path) -> None:
    """A shutdown that has run out of patience still leaves whole files."""

    async def main() -> None:
        recorder = await Recorder(tmp_path / "out").__aenter__()
        recorder.track("x", format=SPEECH).write(sound(16_000), at_ms=0)
        turn = recorder._disk.turn

        def slow(*given: Any, **more: Any) -> Any:
            time.sleep(0.3)
            return turn(*given, **more)

        recorder._disk.turn = slow  # type: ignore[method-assign]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await recorder.aclose()
        await recorder.aclose()
        await recorder.aclose()

    asyncio.run(main())
    assert RecordingManifest.read(tmp_path / "out").complete
    assert len(audio_of(tmp_path / "out", "x")) == 16_000


def test_threads_may_write_at_once(tmp_path: Path) -> None:
    """A sound card calls from its own."""

    async def main() -> None:
        async with Recorder(tmp_path / "out") as recorder:
            tracks = [recorder.track(str(n), format=SPEECH) for n in range(3)]

            def push(number: int) -> None:
                frame = sound(FRAME, seed=number)
                for n in range(400):
                    tracks[number].write(frame, at_ms=n * 20)

            await asyncio.gather(*(asyncio.to_thread(push, n) for n in range(3)))

    asyncio.run(main())
    for n in range(3):
        expected = np.tile(sound(FRAME, seed=n).samples, (400, 1))
        np.testing.assert_array_equal(audio_of(tmp_path / "out", str(n)), expected)


def test_the_manifest_is_readable_json_all_along(tmp_path: Path) -> None:
    """Who watches the folder never sees half of one."""
    clock = VirtualClock()
    folder = tmp_path / "out"

    async def call(recorder: Recorder) -> None:
        track = recorder.track("x", format=SPEECH)
        for second in range(20):
            track.write(sound(1_600), at_ms=second * 1000)
            await clock.sleep_until(second + 1)
            told = json.loads((folder / "recording.json").read_text())
            assert told["schema_version"] == 1
            assert not told["complete"]
            assert told["duration_ms"] >= second * 1000 - 5_000

    record(clock, folder, call)
    assert sorted(path.name for path in folder.iterdir()) == ["recording.json", "x.wav"]
