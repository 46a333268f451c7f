"""A tap of an outbound stream: all that is pulled, in its order, to its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from stream_kit import FRAME, audio_of, pcm, run

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import (
    ConfigurationError,
    EndOfStreamError,
    StreamClosedError,
    StreamFailedError,
    StreamTimeoutError,
)
from rawmedia.streams.outbound import OutboundAudioStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.streams.reader import AudioReader


class Tone:
    """A source that always has something."""

    pending = True

    def render(self, samples: int, now: float) -> Int16Samples:
        return AudioFrame(pcm(samples), SPEECH).samples


def test_a_tap_has_every_frame_that_was_pulled_silence_included() -> None:
    """What was sent, what a source gave, and the silence between, at their wire positions."""
    stream = OutboundAudioStream(SPEECH)
    stream.pull()
    tap = stream.tap()
    pulled = [stream.pull()]
    stream.send(pcm(2 * FRAME))
    pulled += [stream.pull() for _ in range(3)]
    stream.set_source(Tone())
    pulled += [stream.pull()]

    frames = [tap.recv(timeout=0) for _ in pulled]

    assert frames == pulled
    assert [frame.position for frame in frames] == [FRAME * n for n in range(1, 6)]
    assert [frame.filler for frame in frames] == [True, False, False, True, False]
    with pytest.raises(StreamTimeoutError):
        tap.recv(timeout=0)


def test_a_tap_ends_when_all_was_pulled_not_when_all_was_sent() -> None:
    """The recorder of what was heard must not miss the last sentence."""
    stream = OutboundAudioStream(SPEECH)
    tap = stream.tap()
    data = pcm(3 * FRAME)
    stream.send(data)
    stream.end()
    with pytest.raises(StreamTimeoutError):
        tap.recv(timeout=0)
    for _ in range(3):
        stream.pull()
    for _ in range(2):
        with pytest.raises(EndOfStreamError):
            stream.pull()

    assert audio_of(tap) == data
    with pytest.raises(EndOfStreamError):
        tap.recv()


def end_on_the_wire(stream: OutboundAudioStream) -> None:
    stream.end()
    with pytest.raises(EndOfStreamError):
        stream.pull()


@pytest.mark.parametrize(
    ("finish", "error"),
    [
        (end_on_the_wire, EndOfStreamError),
        (lambda stream: stream.fail(OSError("gone")), StreamFailedError),
        (lambda stream: stream.close(), StreamClosedError),
    ],
)
def test_who_waits_on_a_tap_learns_how_the_stream_ended(
    finish: Callable[[OutboundAudioStream], None], error: type[Exception]
) -> None:
    """And gets what was pulled before."""

    async def main() -> None:
        stream = OutboundAudioStream(SPEECH)
        tap = stream.tap()
        waiting = asyncio.create_task(tap.arecv())
        await asyncio.sleep(0)
        stream.pull()
        assert (await waiting).filler
        waiting = asyncio.create_task(tap.arecv())
        await asyncio.sleep(0)
        late = stream.tap()
        stream.pull()
        await waiting
        finish(stream)
        assert late.recv().samples_per_channel == FRAME
        for reader in (tap, late):
            with pytest.raises(error):
                await reader.arecv()

    run(main())


def test_a_waiter_is_woken_by_the_end_itself() -> None:
    """Nothing more may come that would wake it."""

    async def main(finish: Callable[[OutboundAudioStream], None]) -> None:
        stream = OutboundAudioStream(SPEECH)
        waiting = asyncio.create_task(stream.tap().arecv())
        await asyncio.sleep(0)
        finish(stream)
        with pytest.raises((EndOfStreamError, StreamClosedError)):
            await asyncio.wait_for(waiting, 5)

    run(main(end_on_the_wire))
    run(main(lambda stream: stream.close()))


def test_a_slow_tap_loses_its_own_oldest_audio_and_no_memory() -> None:
    """Nobody is disturbed by a recorder whose disk is stuck."""
    stream = OutboundAudioStream(SPEECH)
    slow, other = stream.tap(100), stream.tap(1_000)
    for _ in range(50):
        stream.pull()

    assert slow.reader_stats.overrun_ms == 900
    assert slow.reader_stats.buffered_ms == 100
    assert slow.recv(timeout=0).position == 45 * FRAME
    assert other.reader_stats.overrun_ms == 0


def test_a_closed_tap_costs_the_stream_nothing() -> None:
    """It is forgotten, and only it is over."""
    stream = OutboundAudioStream(SPEECH)
    taps: list[AudioReader] = [stream.tap(), stream.tap()]
    stream.pull()
    for _ in range(2):
        taps[0].close()
    stream.pull()

    with pytest.raises(StreamClosedError):
        taps[0].recv(timeout=0)
    assert taps[0].reader_stats.discarded_ms == 20
    assert len(list(stream._taps)) == 1
    assert taps[1].reader_stats.buffered_ms == 40


def test_a_tap_smaller_than_a_frame_is_refused() -> None:
    """It could never hold one."""
    with pytest.raises(ConfigurationError, match="capacity_ms"):
        OutboundAudioStream(SPEECH).tap(10)
