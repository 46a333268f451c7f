"""A leg made of files carries what a source gives, at both paces, and waits for it to be heard."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from rawmedia.adapters.file_leg import FileLeg
from rawmedia.audio.format import WIDEBAND_VOICE
from rawmedia.errors import StreamFailedError
from rawmedia.files import AudioFileReader
from rawmedia.sessions.mixing.listener_mix import ListenerMix, Mixing
from rawmedia.sessions.speech.facts import SpeechEnded
from rawmedia.sessions.speech.playout import SpeechPlayout
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.signals import joined, noise, speech_like

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Sequence
    from pathlib import Path

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.sessions.speech.facts import SpeechFact

BOTH = pytest.mark.parametrize("realtime", [False, True], ids=["lockstep", "realtime"])
PER_MS = 24


class Program:
    """A listener's mix on a leg, with one speaker in it."""

    def __init__(self, leg: FileLeg) -> None:
        self.leg = leg
        self.ended: list[str] = []
        self.told = asyncio.Event()
        self.playout = SpeechPlayout(leg.outbound.format)
        self.mix = ListenerMix(leg.outbound.format, on_facts=self.note)
        leg.outbound.set_source(self.mix)

    def note(self, key: Hashable, facts: Sequence[SpeechFact]) -> None:
        self.ended += [fact.utterance_id for fact in facts if isinstance(fact, SpeechEnded)]
        self.told.set()

    def say(self, utterance_id: str, frame: AudioFrame) -> None:
        with self.mix.lock:
            assert self.playout.put(utterance_id, frame.samples, self.leg.clock.now())
            self.playout.end_utterance(utterance_id)

    async def has_said(self, utterance_id: str) -> None:
        while utterance_id not in self.ended:
            self.told.clear()
            await self.told.wait()


def call(
    tmp_path: Path, program: Callable[[Program], Awaitable[object]], *, realtime: bool
) -> tuple[AudioFrame, float]:
    """What was recorded of a program on a leg of three seconds, and how long it took."""
    clock = VirtualClock()
    source, output = tmp_path / "source.wav", tmp_path / "out.wav"
    soundfile.write(source, speech_like(3_005, seed=1).samples, 16_000)
    leg = FileLeg(source, output, realtime=realtime, clock=clock)

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            carrying = tasks.create_task(leg.run())
            await program(Program(leg))
            leg.outbound.end()
            await carrying
        await leg.aclose()

    clock.run(main(), limit=60)
    with AudioFileReader(output) as reader:
        return joined(reader), clock.now()


def voice(duration_ms: float, seed: int) -> AudioFrame:
    return noise(duration_ms, seed=seed, format=WIDEBAND_VOICE)


@BOTH
def test_speech_is_recorded_whole_where_it_was_said_and_after_the_file_too(
    realtime: bool, tmp_path: Path
) -> None:
    async def program(program: Program) -> None:
        program.mix.add_speaker("ana", program.playout)
        async for frame in program.leg.inbound:
            if frame.start_ms == 1_000:
                program.say("u", voice(500, 1))
        program.say("v", voice(710, 2))
        await program.has_said("v")

    recorded, took_s = call(tmp_path, program, realtime=realtime)
    starts = np.flatnonzero(recorded.samples[:, 0])
    start_ms = starts[0] / PER_MS
    assert 1_020 <= start_ms <= 1_080
    heard = recorded.samples[starts[0] :]
    np.testing.assert_array_equal(heard[: 500 * PER_MS], voice(500, 1).samples)
    later = heard[500 * PER_MS :]
    later = later[np.flatnonzero(later[:, 0])[0] :]
    np.testing.assert_array_equal(later[: 710 * PER_MS], voice(710, 2).samples)
    assert 3_710 <= recorded.duration_ms <= 3_850
    assert took_s < 5


def test_in_lockstep_a_program_that_waits_until_its_mix_is_heard_is_heard(tmp_path: Path) -> None:
    """Otherwise both would wait for each other for ever: the speaker waits, and time passes."""

    async def program(program: Program) -> None:
        program.mix.add_speaker("ana", program.playout)
        async for frame in program.leg.inbound:
            if frame.start_ms == 1_000:
                program.say("u", voice(4_000, 1))
                await program.has_said("u")

    recorded, took_s = call(tmp_path, program, realtime=False)
    start = int(np.flatnonzero(recorded.samples[:, 0])[0])
    np.testing.assert_array_equal(
        recorded.samples[start:][: 4_000 * PER_MS], voice(4_000, 1).samples
    )
    assert recorded.duration_ms == pytest.approx(7_005, abs=100)
    assert took_s < 20  # two seconds of patience, and then in real time


def test_in_lockstep_an_engine_that_computes_takes_no_time(tmp_path: Path) -> None:
    """Speech that comes late by the real clock is heard without a gap; a source that has nothing lets none pass."""

    async def program(program: Program) -> None:
        program.mix.add_speaker("ana", program.playout)
        async for _ in program.leg.inbound:
            pass
        for name in ("u", "v"):
            await asyncio.sleep(5)
            program.say(name, voice(200, 1))
            await program.has_said(name)

    recorded, _ = call(tmp_path, program, realtime=False)
    assert recorded.duration_ms == pytest.approx(3_405, abs=100)


@BOTH
def test_the_original_lies_beneath_in_the_recording(realtime: bool, tmp_path: Path) -> None:
    async def program(program: Program) -> None:
        program.mix.add_speaker("ana", program.playout, Mixing(mode="duck"))
        async for frame in program.leg.inbound:
            program.mix.original("ana", frame)
        program.say("u", voice(100, 1))
        await program.has_said("u")

    recorded, _ = call(tmp_path, program, realtime=realtime)
    assert np.abs(recorded.samples[: 3_000 * PER_MS]).max() > 5_000


@BOTH
def test_a_source_that_raises_ends_the_call_with_its_error(realtime: bool, tmp_path: Path) -> None:
    async def program(program: Program) -> None:
        def broken(key: Hashable, facts: Sequence[SpeechFact]) -> None:
            raise ZeroDivisionError

        program.mix._on_facts = broken
        program.mix.add_speaker("ana", program.playout)
        async for frame in program.leg.inbound:
            if frame.start_ms == 1_000:
                program.say("u", voice(100, 1))

    with pytest.raises(ExceptionGroup) as failed:
        call(tmp_path, program, realtime=realtime)
    errors = [
        error.cause if isinstance(error, StreamFailedError) else error
        for error in failed.value.exceptions
    ]
    assert errors
    assert all(isinstance(error, ZeroDivisionError) for error in errors)
