"""Frames on their way into a translation: which are refused, who waits, and what that costs."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from rawmedia.audio.format import AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import (
    FormatMismatchError,
    PayloadError,
    RawMediaError,
    TranslatorClosedError,
    TranslatorOverloadedError,
)
from rawmedia.testing.checks.broken import broke, require, skip
from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.leftovers import MemoryGrowth
from rawmedia.testing.checks.translator_events import require_inside
from rawmedia.testing.checks.waiting import cancelled_after
from rawmedia.testing.signals import in_frames, joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawmedia.testing.checks.translator_trial import TranslatorTrial
    from rawmedia.translators.translator import Translation

_SEND = "rawmedia.translators.translator.Translation.send"
_STRANGE_FORMATS = (AudioFormat(11_025), AudioFormat(44_100, 2), AudioFormat(8_000, 3))
_MAX_PENDING_MS = 1_000.0
_LITTLE_PENDING_MS = 500.0
"""So little that a send comes to wait; recognisers say only some times a second what they have heard."""
_MOST_PENDING_MS = 60_000.0
"""What a request can ask for."""
_SPARE_MS = 100.0
_UNREAD_MS = 180_000.0
"""How much is sent to a translation that nobody reads before it counts as one that drops or waits."""
_LONG_FRAME_MS = 100.0
_KEPT_MIB = 2.0
"""A second of audio that is pending and half a minute of speech at 24 kHz that waits are less."""
_LATE_START_MS = 10_000.0
_GRACE_S = 1.0
"""How much later than promised a busy machine may be."""

SENDING_CHECKS: CheckList[TranslatorTrial] = CheckList()


@SENDING_CHECKS.promise(
    "A frame in a format that the engine does not take raises FormatMismatchError and changes nothing.",
    _SEND,
)
async def a_strange_format_is_refused(trial: TranslatorTrial) -> None:
    """An engine that takes it anyway hears noise, or speech at another speed."""
    strange = next(
        each for each in _STRANGE_FORMATS if each not in trial.capabilities.input_formats
    )
    frame = AudioFrame.silence(strange, strange.samples(20))
    async with trial.opened() as translation:
        await _refused(trial, translation, frame, FormatMismatchError, f"a frame of {strange}")
        await trial.require_same(
            await trial.finish(translation, trial.frames), "after a frame was refused"
        )


@SENDING_CHECKS.promise(
    "A frame in another format than the frames before raises FormatMismatchError.", _SEND
)
async def a_change_of_format_is_refused(trial: TranslatorTrial) -> None:
    """Media time is counted in samples of one rate."""
    first = trial.frames[0]
    others = [each for each in trial.capabilities.input_formats if each != first.format]
    if not others:
        skip("the engine takes only one format")
    async with trial.opened() as translation:
        await trial.within(translation.send(first), "send()")
        other = others[0]
        frame = AudioFrame.silence(other, other.samples(20), other.samples(first.end_ms) + 1)
        await _refused(
            trial, translation, frame, FormatMismatchError, f"{other} after {first.format}"
        )


@SENDING_CHECKS.promise(
    "A frame that starts before the end of the one before raises PayloadError and changes nothing.",
    _SEND,
)
async def a_frame_from_the_past_is_refused(trial: TranslatorTrial) -> None:
    """Media time never goes back; what was heard twice would be said twice."""
    first, *rest = trial.frames
    async with trial.opened() as translation:
        await trial.within(translation.send(first), "send()")
        await _refused(trial, translation, first, PayloadError, "the first frame again")
        await trial.require_same(await trial.finish(translation, rest), "after a frame was refused")


@SENDING_CHECKS.promise(
    "A frame's position is media time; what was not sent before it is silence.",
    "rawmedia.translators.translator.Translation",
)
async def positions_are_media_time(trial: TranslatorTrial) -> None:
    """A translation that is opened in the middle of a call must speak of the call's time."""
    shift = trial.frames[0].format.samples(_LATE_START_MS)
    frames = [frame.at(frame.position + shift) for frame in trial.frames]
    async with trial.opened() as translation:
        events = await trial.finish(translation, frames)
    if not require_inside(events, frames[0].start_ms, frames[-1].end_ms):
        skip(f"nothing was understood of the audio when it began at {_LATE_START_MS:g} ms")


@SENDING_CHECKS.promise(
    "A send returns at once while no more than max_pending_ms is unprocessed.", _SEND
)
async def a_send_with_room_does_not_wait(trial: TranslatorTrial) -> None:
    """A leg is read as audio comes; what waits for the engine waits here, not there."""
    whole_ms = trial.frames[-1].end_ms - trial.frames[0].start_ms
    async with trial.opened(
        max_pending_ms=min(_MOST_PENDING_MS, whole_ms + _SPARE_MS)
    ) as translation:
        before_s = trial.clock.now()
        for frame in trial.frames:
            if frame.end_ms - trial.frames[0].start_ms > _MOST_PENDING_MS:
                break
            await trial.within(translation.send(frame), "send() with room")
        waited_s = trial.clock.now() - before_s
        require(
            waited_s <= _GRACE_S,
            f"{whole_ms:g} ms of audio were sent, as much may be pending, and that took {waited_s:g} s.",
        )


@SENDING_CHECKS.promise("Concurrent sends are served in order.", _SEND)
async def sends_at_once_are_served_in_order(trial: TranslatorTrial) -> None:
    """Whoever feeds from a callback starts a task for each frame."""
    beginning = trial.beginning()
    async with trial.opened() as translation:
        sends = asyncio.gather(*(translation.send(frame) for frame in beginning))
        try:
            await trial.within(sends, f"{len(beginning)} sends at once")
        except RawMediaError as error:
            broke(f"{len(beginning)} frames were sent at once, and one got {_named(error)}.")
        events = await trial.finish(translation, trial.frames[len(beginning) :])
        await trial.require_same(events, "with sends at once")


@SENDING_CHECKS.promise("Cancelling a send takes nothing of the frame.", _SEND)
async def a_cancelled_send_takes_nothing(trial: TranslatorTrial) -> None:
    """Whoever was interrupted sends the frame again."""
    beginning = trial.beginning()
    async with trial.opened(max_pending_ms=_LITTLE_PENDING_MS) as translation:
        for number, frame in enumerate(beginning):
            send = translation.send(frame)
            # In its first turns a send comes to the wait for room, if there is one.
            if await cancelled_after(trial.clock, trial.patience_s, number % 3, send, "send()"):
                try:
                    await trial.within(translation.send(frame), "send() of a cancelled frame")
                except RawMediaError as error:
                    broke(f"send() was cancelled, and the same frame then got {_named(error)}.")
        events = await trial.finish(translation, trial.frames[len(beginning) :])
        await trial.require_same(events, "with cancelled sends")


@SENDING_CHECKS.promise(
    "An engine that nobody reads makes send wait, at most max_pending_ms, and queues no more.",
    _SEND,
)
async def what_nobody_reads_is_bounded(trial: TranslatorTrial) -> None:
    """A listener that hangs must not take the machine's memory."""
    async with trial.opened(max_pending_ms=_MAX_PENDING_MS) as translation:
        with MemoryGrowth() as memory:
            refused = await _overload(trial, translation)
        trial.overloads = refused is not None
        if refused is None:
            sent_mib = _mebibytes(trial.frames[0].format, _UNREAD_MS)
            require(
                memory.mebibytes < max(_KEPT_MIB, sent_mib / 2),
                f"{_UNREAD_MS / 1000:g} s of audio were sent and no event was read; send never waited "
                f"in vain, and memory grew by {memory.mebibytes:.1f} MiB.",
            )


@SENDING_CHECKS.promise(
    "After TranslatorOverloadedError the frame was not taken and the translation goes on.",
    "rawmedia.errors.TranslatorOverloadedError",
)
async def an_overload_passes(trial: TranslatorTrial) -> None:
    """Whoever waited sends the same frame again."""
    async with trial.opened(max_pending_ms=_MAX_PENDING_MS) as translation:
        refused = await _overload(trial, translation) if trial.overloads else None
        if refused is None:
            skip(f"send never waited in vain in {_UNREAD_MS / 1000:g} s of audio that nobody read")
        try:
            await trial.finish(translation, [refused])
        except RawMediaError as error:
            broke(
                f"after an overload the events were read and the frame sent again: {_named(error)}."
            )


@SENDING_CHECKS.promise("After end_input a send raises TranslatorClosedError.", _SEND)
async def nothing_is_taken_after_end_input(trial: TranslatorTrial) -> None:
    """It would be lost in silence."""
    async with trial.opened() as translation:
        await trial.within(translation.send(trial.frames[0]), "send()")
        await trial.within(translation.end_input(), "end_input()")
        await _refused(
            trial, translation, trial.frames[-1], TranslatorClosedError, "a frame after end_input()"
        )


@SENDING_CHECKS.promise("After aclose a send raises TranslatorClosedError.", _SEND)
async def nothing_is_taken_after_aclose(trial: TranslatorTrial) -> None:
    """It would be lost in silence."""
    async with trial.opened() as translation:
        await trial.within(translation.send(trial.frames[0]), "send()")
        await trial.within(translation.aclose(), "aclose()")
        await _refused(
            trial, translation, trial.frames[-1], TranslatorClosedError, "a frame after aclose()"
        )


@SENDING_CHECKS.promise("At aclose a send that waits raises TranslatorClosedError.", _SEND)
async def closing_lets_a_waiting_send_go(trial: TranslatorTrial) -> None:
    """Or whoever feeds hangs for ever."""
    async with trial.opened(max_pending_ms=_MAX_PENDING_MS) as translation:
        refused = await _overload(trial, translation) if trial.overloads else None
        if refused is None:
            skip(f"send never waited in vain in {_UNREAD_MS / 1000:g} s of audio that nobody read")
        waiting = asyncio.ensure_future(translation.send(refused))
        await asyncio.sleep(0)
        await trial.within(translation.aclose(), "aclose() while a send waited")
        with suppress(TranslatorClosedError):
            await trial.within(waiting, "a send that waited at aclose()")
            broke(
                "aclose() came while a send waited for room, and that send returned as if it had got some."
            )


async def _refused(
    trial: TranslatorTrial,
    translation: Translation,
    frame: AudioFrame,
    expected: type[RawMediaError],
    what: str,
) -> None:
    try:
        await trial.within(translation.send(frame), f"send() of {what}")
    except expected:
        return
    except RawMediaError as error:
        broke(f"{what} got {_named(error)}, not {expected.__name__}.")
    broke(f"{what} was taken.")


async def _overload(trial: TranslatorTrial, translation: Translation) -> AudioFrame | None:
    """Send and read nothing until a frame is refused for want of room; None if none ever is."""
    limit_s = _MAX_PENDING_MS / 1000 + _GRACE_S
    for frame in _long_audio(trial):
        before_s = trial.clock.now()
        try:
            await trial.within(translation.send(frame), "send() while nobody read")
        except TranslatorOverloadedError:
            waited_s = trial.clock.now() - before_s
            require(
                waited_s <= limit_s,
                f"max_pending_ms was {_MAX_PENDING_MS:g}, and send waited for {waited_s:g} s.",
            )
            return frame
    return None


def _long_audio(trial: TranslatorTrial) -> Iterator[AudioFrame]:
    """The audio again and again, in longer frames, each in memory of its own as a transport brings it."""
    whole = joined(trial.frames)
    begin = position = whole.position
    pieces = [bytes(piece) for piece in in_frames(whole, _LONG_FRAME_MS)]
    while whole.format.duration_ms(position - begin) < _UNREAD_MS:
        for piece in pieces:
            frame = AudioFrame(bytes(bytearray(piece)), whole.format, position)
            position = frame.end
            yield frame


def _mebibytes(layout: AudioFormat, duration_ms: float) -> float:
    return layout.samples(duration_ms) * layout.bytes_per_instant / 2**20


def _named(error: Exception) -> str:
    return f"{type(error).__name__} ({error})"


__all__ = ["SENDING_CHECKS"]
