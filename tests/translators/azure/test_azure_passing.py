"""The short way of a frame into the SDK: blocks, and the same decisions as on the long one."""

from __future__ import annotations

import asyncio

import pytest
from azure_kit import HELLO, NOISE, request, rest, send, translator, wait_for_recognizers
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import FormatMismatchError, PayloadError, TranslatorClosedError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.testing.azure_emulator import Abort, AzureSpeechEmulator
from rawmedia.translators.azure import passing
from rawmedia.translators.azure.blocks import BlockWriter
from rawmedia.translators.azure.passing import PassingQueue
from rawmedia.translators.events import FinalTranslation, Progress


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
        queue.pass_by(NOISE)
        with pytest.raises(PayloadError, match="sample 320"):
            queue.pass_by(NOISE)
        with pytest.raises(FormatMismatchError):
            queue.pass_by(AudioFrame(bytes(320), TELEPHONY, 320))
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
            queue.pass_by(NOISE.at(640))

    asyncio.run(main())


@pytest.mark.parametrize("shortly", [True, False])
def test_either_way_gives_the_same(shortly: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The short one is only shorter: the same audio arrives, the same is said, also after a drop."""
    if not shortly:
        monkeypatch.setattr(
            passing.PassingTranslation, "_open_session", lambda _: None, raising=True
        )

    async def main() -> None:
        async with (
            AzureSpeechEmulator([HELLO], faults=[Abort(at_ms=1_200)]) as emulator,
            await translator(emulator).open(request(speech=False)) as translation,
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
        assert events[-1] == Progress(3_002)
        stats = translation.stats
        assert (stats.losses, stats.lost_samples, stats.settled_samples) == (1, 0, 48_032)

    asyncio.run(main())
    wait_for_recognizers()
