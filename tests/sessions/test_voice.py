"""Speech on its way to the ear: each utterance a segment, told exactly once when it was heard."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_kit import VOICE, speech, timeline

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import StreamClosedError, StreamUseError
from rawmedia.sessions.voice import Voice
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.outbound import OutboundAudioStream
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.signals import in_frames, joined
from rawmedia.translators.events import TranslatedAudio, UtteranceEnded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rawmedia.streams.playout import MarkReached

SPAN = TimeSpan(0, 100)


def piece(name: str, frame: AudioFrame) -> TranslatedAudio:
    return TranslatedAudio(name, "es", frame, SPAN)


def ended(name: str) -> UtteranceEnded:
    return UtteranceEnded(name, SPAN)


class Ear:
    """Hears a voice in virtual time, and notes what it says of itself."""

    def __init__(self, capacity_ms: float = 60_000, **stream: Any) -> None:
        self.clock = VirtualClock()
        self.outbound = OutboundAudioStream(VOICE, clock=self.clock, **stream)
        self.capacity_ms = capacity_ms
        self.frames: list[AudioFrame] = []
        self.started: list[tuple[str, float]] = []
        self.ended: list[tuple[str, float, bool]] = []
        self.report_after_ms: float | None = None

    def run(self, talk: Callable[[Voice], Awaitable[object]]) -> Ear:
        """Let somebody talk through a voice until all is heard."""
        self.clock.run(self._main(talk))
        return self

    @property
    def heard(self) -> np.ndarray[Any, Any]:
        return joined(self.frames).samples[:, 0]

    async def _main(self, talk: Callable[[Voice], Awaitable[object]]) -> None:
        voice = Voice(
            self.outbound,
            clock=self.clock,
            capacity_ms=self.capacity_ms,
            on_start=lambda name, when: self.started.append((name, round(when * 1000, 3))),
            on_end=lambda name, when, cut: self.ended.append((name, round(when * 1000, 3), cut)),
        )
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listen())
            speaking = tasks.create_task(voice.run())
            await self.clock.sleep_until(0.001)  # the first frame has been pulled
            await talk(voice)
            voice.end()
            await speaking
            self.outbound.end()
            await listening

    async def _listen(self) -> None:
        async for frame in self.outbound.paced():
            self.frames.append(frame)
            if self.report_after_ms is not None:
                # Heard when the frame has played.
                asyncio.get_running_loop().call_later(
                    self.report_after_ms / 1000, self.outbound.report_played, frame.end
                )


@settings(max_examples=60)
@given(
    utterances=st.lists(
        st.lists(st.integers(0, 5_000), min_size=1, max_size=6), min_size=1, max_size=5
    ),
    rate=st.sampled_from([24_000, 24_000, 16_000]),
)
def test_however_speech_is_cut_into_pieces_it_is_heard_whole_and_told_once(
    utterances: list[list[int]], rate: int
) -> None:
    """Engines give single samples, empty frames and whole sentences."""
    layout = AudioFormat(rate)

    async def talk(voice: Voice) -> None:
        for number, sizes in enumerate(utterances):
            whole, at = speech(sum(sizes) * 1000 / rate, number, layout), 0
            for size in sizes:
                await voice.put(
                    piece(str(number), AudioFrame(whole.samples[at : at + size], layout, at))
                )
                at += size
            await voice.put(ended(str(number)))

    ear = Ear().run(talk)
    spoken = {
        str(number): sum(sizes) / rate for number, sizes in enumerate(utterances) if sum(sizes)
    }
    assert [name for name, _ in ear.started] == list(spoken)
    assert [name for name, _, _ in ear.ended] == list(spoken)
    assert not any(cut for _, _, cut in ear.ended)
    at_ms = 20.0
    pieces = []
    for (name, begins), (_, ends, _) in zip(ear.started, ear.ended, strict=True):
        assert begins == at_ms
        lasts_ms = -(-round(spoken[name] * 1000, 6) // 20) * 20
        assert ends == begins + lasts_ms
        at_ms = ends
        pieces.append((begins, speech(spoken[name] * 1000, int(name), layout)))
    if rate == VOICE.sample_rate:
        np.testing.assert_array_equal(ear.heard, timeline(pieces, len(ear.heard)))
    assert ear.outbound.stats.underruns == 0


def test_the_next_utterance_begins_though_nobody_ended_the_one_before() -> None:
    """Its tail must leave and its end be told; and a late end must not cut into the next one."""

    async def talk(voice: Voice) -> None:
        await voice.put(piece("a", speech(110, 1)))
        await voice.put(piece("b", speech(110, 2)))
        await voice.put(ended("a"))
        await voice.put(piece("b", speech(110, 3)))
        await voice.put(ended("b"))

    ear = Ear().run(talk)
    pieces = [(20.0, speech(110, 1)), (140.0, speech(110, 2)), (250.0, speech(110, 3))]
    np.testing.assert_array_equal(ear.heard, timeline(pieces, len(ear.heard)))
    assert ear.ended == [("a", 140, False), ("b", 360, False)]


def test_utterances_that_alternate_lose_nothing() -> None:
    """An engine that mixes them breaks its contract; the listener still hears every word."""

    async def talk(voice: Voice) -> None:
        for name, seed in (("a", 1), ("b", 2), ("a", 3), ("b", 4)):
            await voice.put(piece(name, speech(100, seed)))
        await voice.put(ended("a"))
        await voice.put(ended("b"))

    ear = Ear().run(talk)
    pieces = [(20.0 + 100 * number, speech(100, number + 1)) for number in range(4)]
    np.testing.assert_array_equal(ear.heard, timeline(pieces, len(ear.heard)))


def test_more_pieces_than_a_stream_takes_marks_are_no_matter() -> None:
    """Every piece is marked, and a stream takes a thousand; others may want some of those."""

    async def talk(voice: Voice) -> None:
        for each in in_frames(speech(1_000, 1), 0.5):
            await voice.put(piece("a", each))
        await voice.put(ended("a"))

    ear = Ear().run(talk)
    np.testing.assert_array_equal(ear.heard, timeline([(20, speech(1_000, 1))], len(ear.heard)))
    assert ear.ended == [("a", 1_020, False)]


def test_speech_that_pauses_in_its_middle_underruns_and_is_told_at_its_end() -> None:
    """An engine that speaks as it goes; that it ran dry is for the figures."""

    async def talk(voice: Voice) -> None:
        await voice.put(piece("a", speech(100, 1)))
        await asyncio.sleep(0.5)
        await voice.put(piece("a", speech(100, 2)))
        await asyncio.sleep(0.5)
        await voice.put(ended("a"))

    ear = Ear().run(talk)
    pieces = [(20.0, speech(100, 1)), (520.0, speech(100, 2))]
    np.testing.assert_array_equal(ear.heard, timeline(pieces, len(ear.heard)))
    assert ear.started == [("a", 20)]
    assert ear.ended == [("a", 620, False)]
    assert ear.outbound.stats.underruns == 2


def test_where_playout_is_late_hearing_is_told_as_late() -> None:
    """The ear is behind the transport by what the platform buffers."""

    async def talk(voice: Voice) -> None:
        await voice.put(piece("a", speech(100, 1)))
        await voice.put(ended("a"))

    ear = Ear(playout_delay_ms=150).run(talk)
    assert ear.started[0][1] == pytest.approx(170, abs=20)
    assert ear.ended[0][1] == pytest.approx(270, abs=20)


def test_where_the_platform_reports_playout_that_is_what_counts() -> None:
    """A report tells when a frame was over; what begins with it began before."""

    async def talk(voice: Voice) -> None:
        await asyncio.sleep(0.3)  # until the first report all is estimated
        await voice.put(piece("a", speech(100, 1)))
        await voice.put(ended("a"))

    ear = Ear()
    ear.report_after_ms = 170  # of a frame of 20 ms: it is heard 150 ms late
    ear.run(talk)
    assert ear.started == [("a", 320 + 150)]
    assert ear.ended == [("a", 420 + 150, False)]


def test_what_the_platform_plays_in_spite_of_a_clear_is_heard_and_the_utterance_still_cut() -> None:
    """A platform that can't drop what it has been given plays that; the rest nobody hears."""

    async def talk(voice: Voice) -> None:
        for each in in_frames(speech(1_000, 1), 20):
            await voice.put(piece("a", each))
        await voice.put(ended("a"))
        await asyncio.sleep(0.41)
        ear.outbound.clear()

    ear = Ear(playout_delay_ms=100)
    ear.run(talk)
    ((name, heard_until_ms, cut),) = ear.ended
    assert (name, cut) == ("a", True)
    assert heard_until_ms == pytest.approx(420 + 100, abs=20)


def test_put_waits_while_too_much_is_queued_and_cancelling_it_puts_nothing() -> None:
    """Back-pressure for the engine, and no half-taken speech."""

    async def talk(voice: Voice) -> None:
        await voice.put(piece("a", speech(3_000, 1)))
        await asyncio.sleep(0.01)
        await voice.put(piece("a", speech(300, 2)))
        await voice.put(piece("a", speech(300, 3)))
        assert voice.full
        waiting = asyncio.create_task(voice.put(piece("a", speech(300, 4))))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])
        await voice.put(ended("a"))

    ear = Ear(capacity_ms=500).run(talk)
    assert ear.ended == [("a", 3_620, False)]


def test_a_voice_that_is_cancelled_clears_its_stream_and_tells_what_was_cut() -> None:
    """Nobody will say the rest of the sentence."""
    clock = VirtualClock()
    told: list[Any] = []

    async def main() -> None:
        outbound = OutboundAudioStream(VOICE, clock=clock)
        voice = Voice(
            outbound,
            clock=clock,
            capacity_ms=1_000,
            on_start=lambda *what: told.append(what),
            on_end=lambda *what: told.append(what),
        )
        running = asyncio.create_task(voice.run())
        await voice.put(piece("a", speech(5_000, 1)))
        await clock.sleep_until(1)
        assert not outbound.pull().filler
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
        assert outbound.pull().filler
        assert outbound.stats.idle_ms == 20  # and no segment is left open

    clock.run(main())
    assert told == [("a", 1.0), ("a", 1.0, True)]


def test_a_stream_that_is_closed_is_told_though_nothing_is_being_said() -> None:
    """At the latest when all is over: nobody heard the end."""
    clock = VirtualClock()

    async def main() -> None:
        outbound = OutboundAudioStream(VOICE, clock=clock)
        voice = Voice(
            outbound,
            clock=clock,
            capacity_ms=1_000,
            on_start=lambda *_: None,
            on_end=lambda *_: None,
        )
        outbound.close()
        voice.end()
        with pytest.raises(StreamClosedError):
            await voice.run()

    clock.run(main())


@pytest.mark.parametrize("closing", [False, True])
def test_a_stream_that_other_threads_pull_is_told_on_the_loop(closing: bool) -> None:
    """Sound cards and SDKs pull in threads of their own; the books belong to the event loop."""
    outbound = OutboundAudioStream(SPEECH)
    told: list[tuple[str, int]] = []
    heard: list[AudioFrame] = []
    over = threading.Event()

    def pull() -> None:
        while not over.is_set():
            frame = outbound.pull()
            heard.append(frame)
            if closing and len(heard) == 1_000:
                outbound.clear()

    async def main() -> None:
        loop_thread = threading.get_ident()
        voice = Voice(
            outbound,
            clock=SYSTEM_CLOCK,
            capacity_ms=200,
            on_start=lambda name, _: told.append((f"{name} starts", threading.get_ident())),
            on_end=lambda name, _, __: told.append((f"{name} ends", threading.get_ident())),
        )
        running = asyncio.create_task(voice.run())
        for number in range(30):
            for each in in_frames(speech(130, number, SPEECH), 50):
                await voice.put(piece(str(number), each))
            await voice.put(ended(str(number)))
        voice.end()
        await running
        assert {thread for _, thread in told} == {loop_thread}

    thread = threading.Thread(target=pull)
    thread.start()
    try:
        asyncio.run(asyncio.wait_for(main(), 30))
    finally:
        over.set()
        thread.join(10)
    ends = [what for what, _ in told if what.endswith("ends")]
    assert ends == [f"{number} ends" for number in range(30)]
    if not closing:
        assert len(told) == 60
        loud = np.concatenate([frame.samples for frame in heard if not frame.filler])
        whole = [
            np.pad(speech(130, number, SPEECH).samples, ((0, 160), (0, 0))) for number in range(30)
        ]
        np.testing.assert_array_equal(loud, np.concatenate(whole))


def test_a_voice_is_done_only_when_all_is_told_however_late_the_streams_thread_tells_it() -> None:
    """A drain wakes before a thread has come to its call-backs; the last caption must not be lost."""
    held: list[Callable[[], object]] = []

    class Late(OutboundAudioStream):
        def mark(self, name: str, callback: Callable[[MarkReached], object]) -> None:
            super().mark(name, lambda reached: held.append(lambda: callback(reached)))

    clock = VirtualClock()
    told: list[str] = []

    async def main() -> None:
        outbound = Late(VOICE, clock=clock)
        voice = Voice(
            outbound,
            clock=clock,
            capacity_ms=1_000,
            on_start=lambda name, _: told.append(f"{name} starts"),
            on_end=lambda name, _, __: told.append(f"{name} ends"),
        )
        running = asyncio.create_task(voice.run())
        await voice.put(piece("a", speech(100, 1)))
        voice.end()
        for _ in range(10):
            await clock.sleep_until(clock.now() + 0.02)
            outbound.pull()
        assert await outbound.adrain()
        assert not running.done()
        assert told == []
        thread = threading.Thread(target=lambda: [tell() for tell in held])
        thread.start()
        thread.join()
        await running

    clock.run(main())
    assert told == ["a starts", "a ends"]


def test_a_stream_that_takes_no_more_marks_is_an_error_and_what_was_said_is_told_as_cut() -> None:
    """A thousand marks of somebody else that nobody plays: the transport is dead."""
    clock = VirtualClock()
    told: list[Any] = []

    async def main() -> None:
        outbound = OutboundAudioStream(VOICE, clock=clock)
        await outbound.asend(bytes(960))
        for number in range(1_000):
            outbound.mark(str(number), lambda _: None)
        voice = Voice(
            outbound,
            clock=clock,
            capacity_ms=1_000,
            on_start=lambda *what: told.append(what),
            on_end=lambda *what: told.append(what),
        )
        await voice.put(piece("a", speech(100, 1)))
        with pytest.raises(StreamUseError):
            await voice.run()

    clock.run(main())
    assert told == [("a", 0.0, True)]


def test_marks_that_come_after_the_loop_is_closed_disturb_nobody() -> None:
    """A transport's thread may outlive the session by a little."""
    outbound = OutboundAudioStream(SPEECH)

    async def main() -> None:
        voice = Voice(
            outbound,
            clock=SYSTEM_CLOCK,
            capacity_ms=200,
            on_start=lambda *_: None,
            on_end=lambda *_: None,
        )
        await voice.put(piece("a", speech(100, 1, SPEECH)))
        running = asyncio.create_task(voice.run())
        for _ in range(5):
            await asyncio.sleep(0)
        assert outbound.stats.buffered_ms == 100
        running.cancel()
        # What the stream drops is its transport's doing here, so that marks are left.
        outbound.clear = lambda: 0.0  # type: ignore[method-assign]
        await asyncio.wait([running])

    asyncio.run(main())
    del outbound.clear
    pulled = [outbound.pull() for _ in range(6)]
    assert not pulled[0].filler
    assert outbound.pull().filler  # the stream has not failed
