"""The short way of a frame into the SDK: blocks, and the same decisions as on the long one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from azure_kit import HELLO, NOISE, of, request, rest, send, translator, wait_for_recognizers
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import FormatMismatchError, PayloadError, TranslatorClosedError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.testing.azure_emulator import Abort, AzureSpeechEmulator
from rawmedia.translators.azure.blocks import BlockWriter
from rawmedia.translators.azure.gathered import Gathered
from rawmedia.translators.azure.passing import PassingQueue, PassingTranslation
from rawmedia.translators.azure.session import AzureSession
from rawmedia.translators.azure.translation import AzureTranslation
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    UtteranceEnded,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@given(st.lists(st.tuples(st.binary(max_size=25), st.booleans()), max_size=30))
def test_blocks_are_whole_whatever_the_pieces_and_nothing_is_lost(
    pieces: list[tuple[bytes, bool]],
) -> None:
    """Counted from the start, as the SDK counts; only a flush hands on a part of one."""
    handed: list[bytes] = []
    blocks = BlockWriter(handed.append, 10)
    sent, flushed = b"", 0
    for data, flush in pieces:
        blocks.write(data)
        sent += data
        if flush:
            blocks.flush()
            flushed = len(sent)
        assert len(b"".join(handed)) == max(flushed, len(sent) // 10 * 10)
        assert all(handed), "an empty write is the end of the stream to the SDK"
    blocks.flush()
    assert b"".join(handed) == sent


def test_frames_that_pass_a_queue_by_are_checked_as_those_that_do_not() -> None:
    async def main() -> None:
        queue = PassingQueue("azure", (SPEECH,), 1_000, SYSTEM_CLOCK)
        queue.check(NOISE)
        queue.note(NOISE)
        with pytest.raises(PayloadError, match="sample 320"):
            queue.check(NOISE)
        with pytest.raises(FormatMismatchError):
            queue.check(AudioFrame(bytes(320), TELEPHONY, 320))
        assert queue.is_idle
        await queue.put(NOISE.at(320))
        assert not queue.is_idle
        with pytest.raises(PayloadError):
            await queue.put(NOISE.at(0))
        assert await queue.get() is not None
        assert not queue.is_idle, "it is not processed"
        queue.release()
        assert queue.is_idle
        queue.end()
        assert not queue.is_idle
        with pytest.raises(TranslatorClosedError):
            queue.check(NOISE.at(640))

    asyncio.run(main())


WAYS = {
    "audio": (PassingTranslation, "_open_session", None),
    "messages": (AzureSession, "_hear_now", False),
    "events": (PassingTranslation, "_hear_now", False),
    "reports": (AzureTranslation, "_relay_now", False),
}


@pytest.mark.parametrize("long", [(), *((each,) for each in WAYS), tuple(WAYS)], ids=repr)
def test_either_way_gives_the_same(long: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """The short one is only shorter: the same audio arrives, the same is said, also after a drop."""
    for each in long:
        owner, name, refusal = WAYS[each]
        monkeypatch.setattr(owner, name, lambda *_, refusal=refusal: refusal)

    async def main() -> None:
        async with (
            AzureSpeechEmulator([HELLO], faults=[Abort(at_ms=1_200)]) as emulator,
            await translator(emulator).open(request()) as translation,
        ):
            for at in range(0, 3_000, 20):
                await send(translation, 20, at)
                await asyncio.sleep(0.002)
            await translation.send(AudioFrame(bytes(64), SPEECH, 48_000))  # 2 ms: too few to judge
            await translation.end_input()
            events = await rest(translation)
            sent = bytes(NOISE) * 150 + bytes(64)
            first, second = emulator.sessions
            assert emulator.received(first).tobytes() == sent[: first.audio.end * 2]
            assert emulator.received(second).tobytes() == sent[1_000 * 32 :]
        finals = [each for each in events if isinstance(each, FinalTranslation)]
        assert [each.span.start_ms for each in finals] == [100, 1_100]
        for final in finals:
            own = [
                each for each in events if getattr(each, "utterance_id", "") == final.utterance_id
            ]
            assert [type(each) for each in own if not isinstance(each, PartialTranslation)] == [
                FinalTranslation,
                *[TranslatedAudio] * (len(of(own, TranslatedAudio))),
                UtteranceEnded,
            ]
            spoken = of(own, TranslatedAudio)
            assert sum(each.frame.samples_per_channel for each in spoken) == 200 * 16
        assert events[-1] == Progress(3_002)
        stats = translation.stats
        assert (stats.losses, stats.lost_samples, stats.settled_samples) == (1, 0, 48_032)

    asyncio.run(main())
    wait_for_recognizers()


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20), st.integers(2, 60), st.data())
def test_what_is_gathered_is_what_was_taken(
    lengths: list[int], wanted: int, data: st.DataObject
) -> None:
    """Whatever the lengths, a longer frame holds the same samples at the same place; nothing else follows."""
    gathered = Gathered()
    assert gathered.take() is None
    assert gathered.duration_ms == 0
    start = end = data.draw(st.integers(0, 1_000))
    gathered.expect(start, SPEECH, wanted)
    assert gathered.take() is None
    assert not gathered.missing
    gathered.expect(start, AudioFormat(16_000, 1), wanted)
    assert gathered.missing == wanted
    sent = b""
    for length in lengths:
        if not gathered.missing:
            break
        assert not gathered.add(AudioFrame(b"no", SPEECH, end + 1)), "there is a gap"
        assert not gathered.add(AudioFrame(b"no", TELEPHONY, end)), "it is something else"
        frame = AudioFrame(np.arange(length, dtype=np.int16), SPEECH, end)
        assert gathered.add(frame)
        sent, end = sent + bytes(frame), frame.end
        assert gathered.missing == max(0, wanted - (end - start))
    assert gathered.duration_ms == SPEECH.duration_ms(end - start)
    assert gathered.take() == AudioFrame(sent, SPEECH, start)
    assert gathered.missing == gathered.duration_ms == 0
    assert gathered.take() is None


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.002)


async def _runs(translation: AzureTranslation) -> None:
    """Wait until the first frame can take the short way."""
    inner: Any = translation._inner
    await _until(inner._open_session)


def _received_ms(translation: AzureTranslation) -> float:
    return SPEECH.duration_ms(translation.stats.received_samples)


def test_frames_are_handed_on_when_the_sdk_can_send_what_they_hold() -> None:
    """A hundred milliseconds, counted from the start, so that no block waits because of us."""

    async def main() -> None:
        async with (
            AzureSpeechEmulator([HELLO]) as emulator,
            await translator(emulator).open(request(speech=False)) as translation,
        ):
            await _runs(translation)
            handed = []
            for at in range(0, 160, 20):
                await send(translation, 20, at)
                assert translation.pending_ms == at + 20 - _received_ms(translation)
                handed.append(_received_ms(translation))
            assert handed == [0, 0, 0, 0, 100, 100, 100, 100]
            await translation.send(AudioFrame(bytes(60 * 32), SPEECH, 160 * 16))
            assert _received_ms(translation) == 220
            await send(translation, 60, 220)
            assert _received_ms(translation) == 220
            await send(translation, 20, 280)
            assert _received_ms(translation) == 300, "20 ms of the block were there"
            await send(translation, 20, 320)
            await send(translation, 20, 400)
            assert _received_ms(translation) == 320, "what does not follow begins anew"
            with pytest.raises(PayloadError, match="sample 6720"):
                await send(translation, 20, 400)
            with pytest.raises(FormatMismatchError):
                await send(translation, 20, 840, format=TELEPHONY)
            assert _received_ms(translation) == 340

    asyncio.run(main())
    wait_for_recognizers()


def test_what_is_gathered_is_handed_on_before_anything_is_said_of_it() -> None:
    """Whoever commits, interrupts or ends means all that he has sent, and not whole blocks of it."""

    async def main() -> None:
        async with (
            AzureSpeechEmulator([HELLO]) as emulator,
            await translator(emulator).open(request(speech=False)) as translation,
        ):
            await _runs(translation)
            for verb in (translation.commit, translation.interrupt, translation.end_input):
                await send(translation, 20, at := round(_received_ms(translation)))
                assert (_received_ms(translation), translation.pending_ms) == (at, 20)
                await verb()
                assert _received_ms(translation) == at + 20

    asyncio.run(main())
    wait_for_recognizers()


def test_what_is_gathered_survives_the_connection_and_not_the_translation() -> None:
    """It is kept for the next connection as all else is; who closes wants nothing more."""

    async def main() -> None:
        async with (
            AzureSpeechEmulator([HELLO], faults=[Abort(at_ms=200)]) as emulator,
            await translator(emulator).open(request(speech=False)) as translation,
        ):
            await _runs(translation)
            await send(translation, 260)
            assert _received_ms(translation) == 200
            await _until(lambda: translation.stats.losses)
            await send(translation, 600, 260)
            await translation.end_input()
            await rest(translation)
            assert translation.stats.settled_samples == 860 * 16
            assert emulator.received(emulator.sessions[-1]).tobytes() == bytes(NOISE) * 43
        async with (
            AzureSpeechEmulator([HELLO]) as emulator,
            await translator(emulator).open(request(speech=False)) as translation,
        ):
            await _runs(translation)
            await send(translation, 20)
            assert translation.pending_ms == 20
            await translation.aclose()
            assert translation.pending_ms == 0
            with pytest.raises(TranslatorClosedError):
                await send(translation, 20, 20)

    asyncio.run(main())
    wait_for_recognizers()
