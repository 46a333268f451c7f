"""What a leg promises of its audio: positions, pace, ends, and nothing after the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rawmedia.errors import StreamClosedError, StreamEndedError, StreamFailedError
from rawmedia.testing.checks.broken import broke, require, skip
from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.leg_trial import Heard, LegTrial, failing, heard, speech, until

if TYPE_CHECKING:
    from rawmedia.streams.leg import CallLeg

_LEG = "rawmedia.streams.leg.CallLeg"
_INBOUND = "rawmedia.streams.inbound.InboundAudioStream"
_OUTBOUND = "rawmedia.streams.outbound.OutboundAudioStream"
_LISTEN_MS = 1_000.0
_SAY_MS = 600.0
_SLACK_MS = 250.0
"""What a leg may be ahead of its clock: frames in flight, and what `paced` catches up."""
_LIMIT_MS = 10_000.0

LEG_AUDIO_CHECKS: CheckList[LegTrial] = CheckList()


@LEG_AUDIO_CHECKS.promise("Everything about the leg is timed on its clock.", _LEG)
async def its_streams_have_its_clock(trial: LegTrial) -> None:
    """Two clocks that drift apart make a lag that nobody can explain."""
    async with trial.factory() as leg:
        for name, stream in (("inbound", leg.inbound), ("outbound", leg.outbound)):
            require(
                stream.clock is leg.clock,
                f"the clock of {name} is {stream.clock!r}, not {leg.clock!r}.",
            )


@LEG_AUDIO_CHECKS.promise(
    "Frames that come in are in the stream's format and their positions never go back.", _INBOUND
)
async def positions_never_go_back(trial: LegTrial) -> None:
    """A recorder and every latency figure count on it."""
    async with trial.factory() as leg, heard(leg) as frames:
        await _listen(leg, frames)
        end = 0
        for each in frames:
            frame = each.frame
            require(
                frame.format == leg.inbound.format,
                f"inbound is {leg.inbound.format}, and a frame was {frame.format}.",
            )
            require(
                frame.position >= end,
                f"a frame ended at sample {end}, and the next began at {frame.position}.",
            )
            end = frame.end


@LEG_AUDIO_CHECKS.promise("Audio comes in no faster than it is said.", f"{_INBOUND}.push")
async def what_comes_in_is_paced(trial: LegTrial) -> None:
    """It is media time on the leg's clock; a leg that is ahead of it fills every buffer."""
    async with trial.factory() as leg, heard(leg) as frames:
        await _listen(leg, frames)
        first = frames[0]
        for each in frames:
            passed_ms = each.at_ms - first.at_ms
            said_ms = each.frame.start_ms - first.frame.start_ms
            require(
                said_ms <= passed_ms + _SLACK_MS,
                f"{said_ms:g} ms of audio came in within {passed_ms:g} ms.",
            )


@LEG_AUDIO_CHECKS.promise("Audio goes out no faster than it is heard.", f"{_OUTBOUND}.paced")
async def what_goes_out_is_paced(trial: LegTrial) -> None:
    """What was taken too early can't be cleared any more when somebody interrupts."""
    async with trial.factory() as leg, heard(leg):
        await _begun(leg)
        start, before = leg.clock.now(), leg.outbound.stats.pulled_position
        await leg.outbound.asend(speech(leg, _SAY_MS))
        leg.outbound.end_segment()

        def taken_ms() -> float:
            return leg.outbound.format.duration_ms(leg.outbound.stats.pulled_position - before)

        while leg.outbound.stats.buffered_ms:
            passed_ms = (leg.clock.now() - start) * 1000
            require(
                taken_ms() <= passed_ms + _SLACK_MS,
                f"{taken_ms():g} ms were taken from outbound within {passed_ms:g} ms.",
            )
            require(
                passed_ms < _LIMIT_MS,
                f"{_SAY_MS:g} ms were sent, and not all were taken in {passed_ms:g} ms.",
            )
            await leg.clock.sleep_until(leg.clock.now() + 0.02)
        passed_ms = (leg.clock.now() - start) * 1000
        require(
            passed_ms >= _SAY_MS - _SLACK_MS,
            f"{_SAY_MS:g} ms were taken from outbound within {passed_ms:g} ms.",
        )


@LEG_AUDIO_CHECKS.promise(
    "After end what is left is played out, and drain says so.", f"{_OUTBOUND}.end"
)
async def what_was_sent_is_played_to_its_end(trial: LegTrial) -> None:
    """The last word of an announcement must be heard."""
    async with trial.factory() as leg, heard(leg):
        await _begun(leg)
        sent = await leg.outbound.asend(speech(leg, _SAY_MS))
        leg.outbound.end()
        played = await trial.within(leg.outbound.adrain(), "adrain() after end()")
        require(played, "end() came after some speech, and drain said that it was not played.")
        pulled = leg.outbound.stats.pulled_position
        require(
            pulled >= sent, f"{sent} samples were sent, and only {pulled} taken before the end."
        )
        try:
            await leg.outbound.asend(speech(leg, 20))
        except StreamEndedError:
            return
        broke("outbound had ended, and took more audio.")


@LEG_AUDIO_CHECKS.promise("Ending outbound does not end inbound.", _LEG)
async def ending_one_side_leaves_the_other(trial: LegTrial) -> None:
    """Who has nothing more to say still listens."""
    async with trial.factory() as leg, heard(leg) as frames:
        await _begun(leg)
        leg.outbound.end()
        await trial.within(leg.outbound.adrain(), "adrain() after end()")
        before = len(frames)
        await until(
            lambda: len(frames) > before + 5,
            leg,
            _LIMIT_MS,
            "outbound had ended, and nothing came in",
        )


@LEG_AUDIO_CHECKS.promise(
    "When a stream fails its readers and writers get StreamFailedError with the cause.",
    f"{_INBOUND}.fail",
)
async def a_failure_reaches_whoever_waits(trial: LegTrial) -> None:
    """A broken call is not a finished one."""
    cause = ConnectionResetError("the check broke it")
    async with failing(trial.factory()) as leg, heard(leg):
        await _begun(leg)
        leg.inbound.fail(cause)
        leg.outbound.fail(cause)
        for verb, call in (("arecv()", _receive_all), ("asend()", _send)):
            try:
                await trial.within(call(leg), f"{verb} after fail()")
            except StreamFailedError as error:
                require(error.cause is cause, f"{verb} gave another cause: {error.cause!r}.")
            else:
                broke(f"both streams had failed, and {verb} raised nothing.")


@LEG_AUDIO_CHECKS.promise("aclose closes every stream.", f"{_LEG}.aclose")
async def closing_closes_the_streams(trial: LegTrial) -> None:
    """Whoever uses one after that must learn that there is no call any more."""
    async with trial.factory() as leg, heard(leg):
        await _begun(leg)
        await trial.within(leg.aclose(), "aclose()")
        require(leg.state == "closed", f"after aclose() state was {leg.state!r}.")
        for verb, call in (("arecv()", _receive), ("asend()", _send)):
            try:
                await trial.within(call(leg), f"{verb} after aclose()")
            except StreamClosedError:
                continue
            broke(f"after aclose() {verb} did not raise StreamClosedError.")


@LEG_AUDIO_CHECKS.promise("aclose lets those go who wait.", f"{_LEG}.aclose")
async def closing_lets_a_reader_go(trial: LegTrial) -> None:
    """Or a task waits for ever for a call that is over."""
    async with trial.factory() as leg:
        reading = asyncio.ensure_future(_receive_all(leg))
        await _begun(leg)
        await trial.within(leg.aclose(), "aclose()")
        try:
            await trial.within(reading, "arecv() that waited at aclose()")
        except StreamClosedError:
            return
        skip("the far end had finished before")


@LEG_AUDIO_CHECKS.promise(
    "After aclose no audio is taken from outbound or brought by inbound.", f"{_LEG}.aclose"
)
async def nothing_moves_after_the_close(trial: LegTrial) -> None:
    """A transport that goes on pulling has not noticed."""
    async with trial.factory() as leg, heard(leg):
        await _begun(leg)
        await trial.within(leg.aclose(), "aclose()")
        before = leg.inbound.stats.position, leg.outbound.stats.pulled_position
        await asyncio.sleep(0.1)
        after = leg.inbound.stats.position, leg.outbound.stats.pulled_position
        require(before == after, f"positions were {before} at aclose(), and then {after}.")


@LEG_AUDIO_CHECKS.promise("Two legs share nothing.", _LEG)
async def legs_share_nothing(trial: LegTrial) -> None:
    """A bridge has two, a room many."""
    async with trial.factory() as staying, heard(staying) as frames:
        async with trial.factory() as leaving, heard(leaving):
            require(
                leaving.inbound is not staying.inbound and leaving.outbound is not staying.outbound,
                "two legs had one stream.",
            )
            await _begun(staying)
            await _begun(leaving)
            await trial.within(leaving.aclose(), "aclose() of one of two legs")
        require(
            staying.state == "attached", f"one leg was closed, and the other was {staying.state!r}."
        )
        before = len(frames)
        await until(
            lambda: len(frames) > before + 5,
            staying,
            _LIMIT_MS,
            "one leg was closed, and the other was silent",
        )


async def _listen(leg: CallLeg, frames: list[Heard]) -> None:
    await _begun(leg)
    start = leg.clock.now()
    while (leg.clock.now() - start) * 1000 < _LISTEN_MS:
        await leg.clock.sleep_until(leg.clock.now() + 0.02)
    require(
        bool(frames), f"the far end was to speak, and nothing came in within {_LISTEN_MS:g} ms."
    )


async def _begun(leg: CallLeg) -> None:
    """Let the call begin: some frames' time."""
    await leg.clock.sleep_until(leg.clock.now() + 0.06)


async def _receive_all(leg: CallLeg) -> None:
    async for _ in leg.inbound:
        pass


async def _receive(leg: CallLeg) -> None:
    await leg.inbound.arecv()


async def _send(leg: CallLeg) -> None:
    await leg.outbound.asend(speech(leg, 20))


__all__ = ["LEG_AUDIO_CHECKS"]
