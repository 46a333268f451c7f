"""A recording is on one timeline, sample by sample, whatever the call does."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recording_kit import FRAME, audio_of, record, running, sound, track_of

from rawmedia.audio.format import SPEECH, TELEPHONY, WIDEBAND_VOICE, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import ConfigurationError, FormatMismatchError, StreamUseError
from rawmedia.sessions.recording import PartDeleted, PartFinished, Recorder, TrackStopped
from rawmedia.sessions.recording.manifest import RecordingManifest
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.legs import FakeLeg, Lost
from rawmedia.testing.signals import in_frames, noise

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = ["wav", "flac", "opus"]


@pytest.mark.untraced
@pytest.mark.parametrize(
    ("format", "seconds"),
    [("wav", 300), ("flac", 60), ("opus", 60), pytest.param("wav", 3_600, marks=pytest.mark.soak)],
)
def test_an_hour_is_an_hour_of_samples(format: str, seconds: int, tmp_path: Path) -> None:
    """Recordings that others make of a call drift by a tenth of its length."""
    clock = VirtualClock(start=1_234.5)
    stream = InboundAudioStream(SPEECH, frame_ms=100, clock=clock)
    chunk = sound(1_600)

    async def call(recorder: Recorder) -> None:
        start = clock.now()
        recorder.track("anna", stream)
        for number in range(1, seconds * 10 + 1):
            await clock.sleep_until(start + number / 10)
            stream.push(chunk)

    manifest, _ = record(clock, tmp_path / "out", call, format=format)

    (part,) = manifest.tracks[0].parts
    assert part.samples == seconds * 16_000
    assert soundfile.info(tmp_path / "out" / part.file).frames == seconds * 16_000
    assert manifest.complete
    assert manifest.duration_ms == pytest.approx(seconds * 1000)


def test_bursts_jitter_stalls_gaps_and_a_late_joiner_land_in_their_place(tmp_path: Path) -> None:
    """What arrives when says nothing: the position of every sample does."""
    clock = VirtualClock()
    rng = random.Random(7)
    seconds = 60
    said = sound(seconds * 16_000)
    steady, rough, late = (InboundAudioStream(SPEECH, clock=clock) for _ in range(3))
    frames = in_frames(said)
    lost = {*range(500, 575), 1_200, 1_203, *range(2_000, 2_400)}

    async def push_at(stream: InboundAudioStream, when: float, frame: AudioFrame) -> None:
        await clock.sleep_until(when)
        stream.push(frame, position=frame.position)

    async def steadily(stream: InboundAudioStream, frames: list[AudioFrame], start: float) -> None:
        for frame in frames:
            await push_at(stream, start + (frame.end - frames[0].position) / 16_000, frame)

    async def roughly() -> None:
        # The first comes in time and says where all belong; the others when they please.
        when = 0.02
        for number, frame in enumerate(frames):
            due = frame.end / 16_000
            if number:
                stall = 2.5 if number in (800, 801) else 0.0
                when = max(when, due + stall + rng.choice([0.0, 0.0, 0.03, 0.2]))
            if number not in lost:
                await push_at(rough, when, frame)

    async def call(recorder: Recorder) -> None:
        recorder.track("steady", steady)
        recorder.track("rough", rough)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(steadily(steady, frames, 0.0))
            tasks.create_task(roughly())
            await clock.sleep_until(20.01)
            recorder.track("late", late)
            # Its stream is at another position, as of a leg that was there before.
            there = [frame.at(frame.position + 99_999) for frame in frames[1_000:]]
            tasks.create_task(steadily(late, there, 20.5))

    record(clock, tmp_path / "out", call)

    expected = said.samples.copy()
    np.testing.assert_array_equal(audio_of(tmp_path / "out", "steady"), expected)
    for number in lost:
        expected[number * FRAME : (number + 1) * FRAME] = 0
    np.testing.assert_array_equal(audio_of(tmp_path / "out", "rough"), expected)
    joined = audio_of(tmp_path / "out", "late")
    assert len(joined) == 328_000 + 640_000
    assert not joined[:328_000].any()
    np.testing.assert_array_equal(joined[328_000:], said.samples[320_000:])
    report = track_of(tmp_path / "out", "rough")
    assert (report.gaps, report.gap_ms) == (4, len(lost) * 20)
    assert (report.lost_ms, report.overlap_ms) == (0, 0)
    report = track_of(tmp_path / "out", "late")
    assert report.anchor_ms == pytest.approx(20_500)
    assert report.anchor_position == 419_999


def test_both_directions_of_a_leg_are_on_one_timeline(tmp_path: Path) -> None:
    """What is heard is recorded when it is pulled, beside what was said at that moment."""
    clock = VirtualClock()
    words, answer = sound(16_000), noise(500, seed=2, format=WIDEBAND_VOICE)
    leg = FakeLeg(
        [noise(30, seed=3), Lost(500), words],
        outbound_format=WIDEBAND_VOICE,
        stays=True,
        clock=clock,
        name="anna",
        language="en",
    )

    async def call(recorder: Recorder) -> None:
        recorder.leg(leg)
        async with running(leg.run()):
            await clock.sleep_until(0.995)
            await leg.outbound.asend(answer)
            leg.outbound.end_segment()
            await clock.sleep_until(3.0)

    manifest, _ = record(clock, tmp_path / "out", call)

    says, hears = audio_of(tmp_path / "out", "anna says"), audio_of(tmp_path / "out", "anna hears")
    # After the gap its frames begin in the middle of what is pushed, so one is unfinished.
    assert 48_000 - 640 <= len(says) <= 48_000
    np.testing.assert_array_equal(says[8_480 : 8_480 + 16_000], words.samples)
    np.testing.assert_array_equal(hears, leg.record().samples[: len(hears)])
    np.testing.assert_array_equal(hears[24_000:36_000], answer.samples)
    assert not hears[:24_000].any()
    assert [(each.role, each.language) for each in manifest.tracks] == [
        ("original", "en"),
        ("heard", None),
    ]


def test_a_translation_is_put_where_it_is_told(tmp_path: Path) -> None:
    """An utterance has one time; its frames follow by position, and what overlaps is dropped."""
    clock = VirtualClock()
    voice = WIDEBAND_VOICE
    utterance = noise(100, seed=1, format=voice)
    pieces = [
        AudioFrame(utterance.samples[:1_000], voice, 0),
        AudioFrame(utterance.samples[1_000:], voice, 1_000),
    ]

    async def call(recorder: Recorder) -> None:
        track = recorder.track("es", format=voice, role="translation", language="es")
        await clock.sleep_until(1.0)
        for at_ms in (500, 900, 950):
            track.write(pieces[0], at_ms=at_ms)
            track.write(pieces[1])
        track.end()
        track.write(pieces[0])
        await clock.sleep_until(1.2)
        assert recorder.manifest().tracks[0].state == "finished"

    manifest, _ = record(clock, tmp_path / "out", call)

    got = audio_of(tmp_path / "out", "es")
    expected = np.zeros((25_200, 1), np.int16)
    expected[12_000:14_400] = expected[21_600:24_000] = utterance.samples
    expected[24_000:] = utterance.samples[1_200:]
    np.testing.assert_array_equal(got, expected)
    assert manifest.tracks[0].overlap_ms == 50
    assert manifest.tracks[0].lost_ms == pytest.approx(1_000 / 24)


def test_a_pushed_track_without_a_time_has_just_been_said(tmp_path: Path) -> None:
    """As a frame that a call brings; what began before the recording did is cut."""
    clock = VirtualClock()

    async def call(recorder: Recorder) -> None:
        one = recorder.track("one", format=SPEECH)
        two = recorder.track("two", format=SPEECH)
        await clock.sleep_until(0.005)
        one.write(sound(320).at(7_000))
        await clock.sleep_until(1)
        two.write(sound(320).at(7_000))

    record(clock, tmp_path / "out", call)

    np.testing.assert_array_equal(audio_of(tmp_path / "out", "one"), sound(320).samples[240:])
    assert len(audio_of(tmp_path / "out", "two")) == 16_000
    assert track_of(tmp_path / "out", "one").overlap_ms == 15


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    writes=st.lists(
        st.tuples(st.integers(-2_000, 60_000), st.integers(0, 9_000), st.booleans()), max_size=12
    ),
    rotate_ms=st.sampled_from([None, 1_000, 1_333.3]),
    format=st.sampled_from(["wav", "flac"]),
)
def test_any_order_of_places_makes_the_same_file_as_a_picture_of_it(
    writes: list[tuple[int, int, bool]],
    rotate_ms: float | None,
    format: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """First come, first kept: a sample that has its place is never overwritten, nor moved."""
    folder = tmp_path_factory.mktemp("recording")
    clock = VirtualClock()
    audio = sound(9_000)
    picture = np.zeros((70_000, 1), np.int16)
    end = begin = 0
    for place, samples, _ in writes:
        start = max(place, end)
        if start < place + samples:
            begin = begin or start
            picture[start : place + samples] = audio.samples[start - place : samples]
            end = place + samples

    async def call(recorder: Recorder) -> None:
        track = recorder.track("x", format=SPEECH)
        for place, samples, wait in writes:
            track.write(AudioFrame(audio.samples[:samples], SPEECH), at_ms=place / 16)
            if wait:
                await asyncio.sleep(0.1)

    manifest, _ = record(clock, folder, call, rotate_ms=rotate_ms, format=format)

    got = audio_of(folder, "x")
    start = manifest.tracks[0].parts[0].start if manifest.tracks[0].parts else 0
    np.testing.assert_array_equal(got, picture[start:end])
    assert not picture[:start].any()


@pytest.mark.parametrize("format", FORMATS)
def test_parts_by_time_are_of_the_same_moments_in_all_tracks(format: str, tmp_path: Path) -> None:
    """Part 3 of one voice is heard beside part 3 of the other, also where that joined late."""
    clock = VirtualClock()

    async def call(recorder: Recorder) -> None:
        one = recorder.track("one", format=SPEECH)
        two = recorder.track("two", format=TELEPHONY)
        for second in range(5):
            await clock.sleep_until(second + 1)
            one.write(sound(16_000), at_ms=second * 1000)
            if second >= 3:
                two.write(noise(1_000, seed=second, format=TELEPHONY), at_ms=second * 1000)

    manifest, events = record(clock, tmp_path / "out", call, rotate_ms=2_000, format=format)

    one, two = manifest.tracks
    assert [(part.file, part.start_ms, part.duration_ms) for part in one.parts] == [
        (f"one-0001.{format}", 0, 2_000),
        (f"one-0002.{format}", 2_000, 2_000),
        (f"one-0003.{format}", 4_000, 1_000),
    ]
    assert [(part.file, part.start_ms, part.duration_ms) for part in two.parts] == [
        (f"two-0002.{format}", 2_000, 2_000),
        (f"two-0003.{format}", 4_000, 1_000),
    ]
    assert len(audio_of(tmp_path / "out", "one")) == 80_000
    finished = [event for event in events if isinstance(event, PartFinished)]
    assert sorted(event.path.name for event in finished) == sorted(
        part.file for track in manifest.tracks for part in track.parts
    )


def test_a_late_joiner_may_begin_its_file_where_it_begins(tmp_path: Path) -> None:
    """Who sends the files on has no use for an hour of silence; the manifest says where it was."""
    clock = VirtualClock()

    async def call(recorder: Recorder) -> None:
        recorder.track("x", format=SPEECH).write(sound(320), at_ms=1_000)

    manifest, _ = record(clock, tmp_path / "out", call, aligned=False)

    assert manifest.tracks[0].parts[0].start_ms == 1_000
    np.testing.assert_array_equal(audio_of(tmp_path / "out", "x"), sound(320).samples)
    assert manifest.tracks[0].gap_ms == 0


@pytest.mark.parametrize(
    ("format", "bound"),
    [("wav", 300_000), ("flac", 300_000), ("flac", 312_000), ("flac", 316_000), ("opus", 60_000)],
)
def test_a_full_recording_stops_within_its_bound(format: str, bound: int, tmp_path: Path) -> None:
    """Every track stops in the same turn, an event says why, and the call goes on.

    What an encoder still holds when the bound is near is written too, and within it.
    """
    clock = VirtualClock()

    async def call(recorder: Recorder) -> None:
        tracks = [recorder.track(name, format=SPEECH) for name in ("one", "two")]
        for number in range(600):
            await clock.sleep_until((number + 1) * 0.05)
            for track in tracks:
                track.write(sound(800), at_ms=number * 50)
        assert all(track.over for track in tracks)

    manifest, events = record(clock, tmp_path / "out", call, max_bytes=bound, format=format)

    sizes = [path.stat().st_size for path in (tmp_path / "out").glob(f"*.{format}")]
    assert 0.3 * bound < sum(sizes) == manifest.size_bytes <= bound
    stops = [event for event in events if isinstance(event, TrackStopped)]
    assert [(stop.track, stop.error) for stop in stops] == [("one", None), ("two", None)]
    ends = [len(audio_of(tmp_path / "out", name)) for name in ("one", "two")]
    assert abs(ends[0] - ends[1]) <= 3_200  # what came within two turns
    for report in manifest.tracks:
        assert report.state == "stopped"
        assert "max_bytes" in str(report.problem)
        assert report.end_ms + report.lost_ms == pytest.approx(30_000)


def test_the_oldest_parts_make_room_for_the_newest(tmp_path: Path) -> None:
    """A recorder that runs for ever keeps the end of the call, in every track alike."""
    clock = VirtualClock()

    def size_on_disk() -> int:
        return sum(path.stat().st_size for path in (tmp_path / "out").glob("*.wav"))

    async def call(recorder: Recorder) -> None:
        tracks = [recorder.track(name, format=SPEECH) for name in ("one", "two")]
        for number in range(300):
            await clock.sleep_until((number + 1) * 0.1)
            for track in tracks:
                track.write(sound(1_600, seed=number), at_ms=number * 100)
            # In the thread that writes and deletes, so that it does neither meanwhile.
            loop = asyncio.get_running_loop()
            assert await loop.run_in_executor(recorder._thread, size_on_disk) <= 300_000

    manifest, events = record(
        clock,
        tmp_path / "out",
        call,
        rotate_ms=1_000,
        max_bytes=300_000,
        when_full="delete_oldest",
    )

    gone = [event.path for event in events if isinstance(event, PartDeleted)]
    assert len(gone) == sum(track.deleted_parts for track in manifest.tracks) == 51
    finished = {event.path for event in events if isinstance(event, PartFinished)}
    assert set(gone) <= finished
    assert not any(path.exists() for path in gone)
    for name in ("one", "two"):
        report = track_of(tmp_path / "out", name)
        assert report.end_ms == 30_000
        assert report.lost_ms == 0
        assert report.parts[0].start_ms == report.deleted_parts * 1_000
        assert len(audio_of(tmp_path / "out", name)) == (30 - report.deleted_parts) * 16_000


def test_a_stream_that_ends_or_breaks_finishes_its_track_and_no_other(tmp_path: Path) -> None:
    """What was said before is recorded; one leg's end is not the call's."""
    clock = VirtualClock()
    names = ("ended", "broken", "closed", "silent")
    streams = {name: InboundAudioStream(SPEECH, clock=clock) for name in names}

    async def call(recorder: Recorder) -> None:
        for name, stream in streams.items():
            recorder.track(name, stream)
        for name in names[:3]:
            await asyncio.sleep(0)
            streams[name].push(sound(1_600))
        await asyncio.sleep(0)
        streams["ended"].end()
        streams["broken"].fail(OSError("gone"))
        await recorder.flush()
        streams["closed"].close()
        streams["silent"].end()
        await clock.sleep_until(0.5)
        await recorder.flush()
        states = {track.name: track.state for track in recorder.manifest().tracks}
        assert states == dict.fromkeys(names, "finished")

    manifest, _ = record(clock, tmp_path / "out", call)

    # It was pushed at once, at the start, so only its last frame's time is after that.
    assert [track.end_ms for track in manifest.tracks] == [80, 80, 80, 0]
    assert all(track.problem is None for track in manifest.tracks)
    assert not (tmp_path / "out" / "silent.wav").exists()


def test_taps_are_taken_and_given_back(tmp_path: Path) -> None:
    """After the recording, a stream costs no more than before it."""
    clock = VirtualClock()
    inbound, outbound = InboundAudioStream(clock=clock), OutboundAudioStream(clock=clock)

    async def call(recorder: Recorder) -> None:
        recorder.track("in", inbound)
        recorder.track("out", outbound)
        recorder.track("tap", inbound.tap(1_000))
        assert len(inbound._taps) == 2
        assert len(outbound._taps) == 1
        outbound.pull()
        inbound.push(sound(320))

    record(clock, tmp_path / "out", call)

    assert inbound._taps == []
    assert outbound._taps == []
    assert inbound.recv(timeout=0).samples_per_channel == 320


def test_names_become_files_that_any_system_takes(tmp_path: Path) -> None:
    """A participant's id may be a telephone number, a path, or somebody else's."""
    clock = VirtualClock()
    names = ["../../etc", "+49 30:1", "Zoë", "zoë", "", "a" * 300, "a/b", "a:b", "..."]

    async def call(recorder: Recorder) -> None:
        for name in names:
            recorder.track(name, format=SPEECH).write(sound(320), at_ms=0)

    manifest, _ = record(clock, tmp_path / "out", call)

    assert [track.name for track in manifest.tracks] == names
    files = [track.parts[0].file for track in manifest.tracks]
    assert sorted([*files, "recording.json"]) == sorted(
        path.name for path in (tmp_path / "out").iterdir()
    )
    assert files[:4] == ["_.._etc.wav", "_49 30_1.wav", "Zoë.wav", "zoë (2).wav"]


def test_names_that_utf8_cannot_hold_are_spelt_out(tmp_path: Path) -> None:
    """They come from the far side of a call; the manifest must not fail over one."""
    clock = VirtualClock()
    odd = "a\ud800b"

    async def call(recorder: Recorder) -> None:
        track = recorder.track(odd, format=SPEECH, participant=odd, language=odd)
        track.write(sound(320), at_ms=0)
        await clock.sleep_until(1.0)
        assert recorder.manifest().tracks[0].end_ms == 20

    manifest, _ = record(clock, tmp_path / "out", call)

    (track,) = manifest.tracks
    assert track.name == track.participant == track.language == r"a\ud800b"
    assert [part.file for part in track.parts] == ["a_b.wav"]


def test_a_place_far_ahead_of_the_clock_is_nonsense(tmp_path: Path) -> None:
    """A leg whose positions jump by a century must not fill the disk with silence."""
    clock = VirtualClock()

    async def call(recorder: Recorder) -> None:
        track = recorder.track("x", format=SPEECH)
        track.write(sound(320), at_ms=0)
        track.write(sound(320).at(10**12))
        track.write(sound(320).at(640))

    manifest, _ = record(clock, tmp_path / "out", call)

    assert manifest.tracks[0].misplaced_ms == 20
    assert manifest.tracks[0].end_ms == 60
    assert manifest.tracks[0].gap_ms == 20


@pytest.mark.parametrize("format", FORMATS)
def test_a_hole_of_hours_holds_nobody_up(format: str, tmp_path: Path) -> None:
    """It is written a stretch at a time, between which the other tracks have their turns."""
    clock = VirtualClock()

    async def call(recorder: Recorder) -> None:
        away, there = (recorder.track(name, format=TELEPHONY) for name in ("away", "there"))
        voice = noise(1_000, seed=1, format=TELEPHONY)
        away.write(voice, at_ms=0)
        away.write(voice, at_ms=2 * 3_600_000)
        there.write(voice, at_ms=0)
        turns = 0
        while await recorder._take_turn():
            turns += 1
            if turns == 1:
                reports = {track.name: track for track in recorder.manifest().tracks}
                assert reports["there"].end_ms == 1_000
                assert reports["away"].end_ms < 3_600_000
        assert turns > 5
        assert recorder.manifest().tracks[0].end_ms == 7_201_000

    record(clock, tmp_path / "out", call, format=format, max_ahead_ms=1e8)
    assert soundfile.info(tmp_path / "out" / f"away.{format}").frames == 7_201 * 8_000


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("format", "mp3"),
        ("when_full", "explode"),
        ("rotate_ms", 999),
        ("rotate_bytes", 9_999),
        ("max_bytes", 0),
        ("queue_ms", 999),
        ("queue_ms", 600_001),
        ("max_ahead_ms", -1),
        ("when_full", "delete_oldest"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    setting: str, value: object, tmp_path: Path
) -> None:
    """Before the call, not in the middle of it."""
    given: dict[str, Any] = {setting: value}
    with pytest.raises(ConfigurationError, match=setting):
        Recorder(tmp_path, **given)


def test_tracks_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    """Each with what is missing."""
    clock = VirtualClock()
    stereo = AudioFormat(16_000, 2)

    async def main() -> None:
        recorder = Recorder(tmp_path / "out", clock=clock)
        with pytest.raises(StreamUseError):
            recorder.track("early", format=SPEECH)
        async with recorder:
            with pytest.raises(ConfigurationError, match="format"):
                recorder.track("neither")
            with pytest.raises(ConfigurationError, match="format"):
                recorder.track("both", InboundAudioStream(clock=clock), format=SPEECH)
            track = recorder.track("x", format=SPEECH)
            with pytest.raises(FormatMismatchError):
                track.write(AudioFrame.silence(stereo, 10))
            with pytest.raises(StreamUseError):
                await recorder.__aenter__()
        await recorder.aclose()
        with pytest.raises(StreamUseError):
            recorder.track("late", format=SPEECH)
        with pytest.raises(ConfigurationError, match="holds a recording"):
            async with Recorder(tmp_path / "out", clock=clock):
                pass

    clock.run(main())
    assert RecordingManifest.read(tmp_path / "out").complete
