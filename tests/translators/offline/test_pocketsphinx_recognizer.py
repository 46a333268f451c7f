"""English speech in, words in media time out, from a process that may die at any moment."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import sys
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from offline_support import children, frames, kill, program

from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import (
    EngineCrashedError,
    EngineFailedError,
    FormatMismatchError,
    MissingDependencyError,
    PayloadError,
    UnsupportedLanguageError,
)
from rawmedia.translators.offline.pocketsphinx import PocketSphinxRecognizer, missing_pocketsphinx
from rawmedia.translators.parts import Heard, Recognition, Recognizer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

SPEECH_FOLDER = Path(__file__).parents[4] / "shared" / "speech"
WER_CEILING = 0.60
"""Loose: 44 words tell little, but an engine that is broken gets nearly all of them wrong."""


def said(reports: Sequence[Recognition | Heard]) -> list[Recognition]:
    return [each for each in reports if isinstance(each, Recognition)]


async def reports_of(
    recognizer: PocketSphinxRecognizer, audio: AsyncIterator[AudioFrame]
) -> list[Recognition | Heard]:
    return [report async for report in recognizer.recognize(audio, "en-US")]


async def endless() -> AsyncIterator[AudioFrame]:
    """Silence for as long as somebody reads."""
    position = 0
    while True:
        yield AudioFrame(bytes(640), SPEECH, position)
        position += 320
        await asyncio.sleep(0)


@dataclass
class Recording:
    """A human reading, and what was made of it."""

    name: str
    transcript: str
    pcm: bytes
    reports: list[Recognition | Heard]

    @property
    def heard(self) -> str:
        return " ".join(each.text for each in said(self.reports) if each.is_final)


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    """All three, each heard by a fresh worker, as fast as it goes."""
    if not SPEECH_FOLDER.is_dir():
        pytest.skip(f"the recordings are not there: {SPEECH_FOLDER}")

    async def main() -> list[Recording]:
        recognizer = PocketSphinxRecognizer()
        found = []
        for name, transcript in re.findall(
            r"^\| (\S+\.wav) \| (.*) \|$", (SPEECH_FOLDER / "README.md").read_text(), re.MULTILINE
        ):
            with wave.open(str(SPEECH_FOLDER / name)) as file:
                pcm = file.readframes(file.getnframes())
            reports = await reports_of(recognizer, frames(pcm))
            found.append(Recording(name, transcript, pcm, reports))
        return found

    return asyncio.run(main())


def word_errors(reference: str, heard: str) -> int:
    """Words to change, add and drop: the edit distance."""
    row = list(range(len(heard.split()) + 1))
    for count, word in enumerate(reference.split(), 1):
        diagonal, row[0] = row[0], count
        for at, other in enumerate(heard.split(), 1):
            diagonal, row[at] = (
                row[at],
                min(row[at] + 1, row[at - 1] + 1, diagonal + (word != other)),
            )
    return row[-1]


def test_word_errors_are_counted_as_edits() -> None:
    """The figure that README prints is only as good as this."""
    assert word_errors("a b c", "a b c") == 0
    assert word_errors("a b c", "a x c") == 1
    assert word_errors("a b c", "") == 3
    assert word_errors("", "a b") == 2
    assert word_errors("a b c d", "b c d e") == 2


@pytest.mark.untraced
@pytest.mark.engines
def test_human_speech_is_understood_in_part(recordings: list[Recording]) -> None:
    """The word error rate as measured; run with -s to see it."""
    errors = words = 0
    for each in recordings:
        wrong, count = word_errors(each.transcript, each.heard), len(each.transcript.split())
        print(f"{each.name}: {wrong} of {count} words wrong: {each.heard!r}")
        errors, words = errors + wrong, words + count
    print(f"word error rate {errors / words:.0%} ({errors} of {words})")
    assert words == 44
    assert errors / words < WER_CEILING


@pytest.mark.engines
def test_reports_of_real_speech_lie_where_they_should(recordings: list[Recording]) -> None:
    """Partials then one final, words inside their utterance, all of it inside the audio."""
    for recording in recordings:
        length_ms = SPEECH.duration_ms(len(recording.pcm) // 2)
        *partials, final = said(recording.reports)
        assert final.is_final
        assert len(partials) >= 5
        assert not any(each.is_final for each in partials)
        assert len({each.text for each in partials}) > len(partials) // 2
        assert 100 < final.span.start_ms < 400  # the recordings begin with silence
        assert length_ms - 1000 < final.span.end_ms <= length_ms
        assert [each.word for each in final.words] == final.text.split()
        ends = [each.span.end_ms for each in final.words]
        assert ends == sorted(ends)
        assert all(
            final.span.overlap_ms(each.span) == each.span.duration_ms for each in final.words
        )
        last = recording.reports[-1]
        assert isinstance(last, Heard)
        assert last.position_ms == length_ms


@pytest.mark.untraced
@pytest.mark.engines
def test_utterances_keep_their_media_time_across_holes(recordings: list[Recording]) -> None:
    """A leg that was suspended for a minute goes on a minute later, and so do its words."""
    recording = recordings[1]
    hole = SPEECH.samples(60_000)

    async def twice() -> AsyncIterator[AudioFrame]:
        async for frame in frames(recording.pcm, position=1000):
            yield frame
        async for frame in frames(recording.pcm, position=hole):
            yield frame

    reports = asyncio.run(reports_of(PocketSphinxRecognizer(), twice()))
    finals = [each for each in said(reports) if each.is_final]
    alone = next(each for each in said(recording.reports) if each.is_final)
    assert len(finals) == 2
    assert finals[0].text == alone.text
    assert finals[0].span.start_ms == pytest.approx(alone.span.start_ms + 1000 / 16, abs=0.01)
    # The endpointer has got used to the voice by then and lets it in sooner.
    assert finals[1].span.start_ms == pytest.approx(alone.span.start_ms + 60_000, abs=300)
    assert finals[1].words[-1].span.end_ms == pytest.approx(
        alone.words[-1].span.end_ms + 60_000, abs=200
    )


@pytest.mark.engines
def test_noise_and_silence_are_no_utterances() -> None:
    """A line that hums must not fill the captions."""
    noise = np.random.default_rng(3).normal(0, 20, 5 * 16_000).astype("<i2").tobytes()
    reports = asyncio.run(reports_of(PocketSphinxRecognizer(), frames(noise + bytes(64_000))))
    assert [each.text for each in said(reports) if each.text] == []
    assert reports[-1] == Heard(7000.0, 6700.0)


@pytest.mark.engines
def test_frames_are_read_only_as_fast_as_they_are_heard() -> None:
    """What the worker has not answered for waits outside, where it is bounded and counted."""

    async def main() -> None:
        given = 0.0

        async def counted() -> AsyncIterator[AudioFrame]:
            nonlocal given
            async for frame in frames(bytes(2 * 16_000), frame_samples=4000):
                given = frame.end_ms
                yield frame

        async for report in PocketSphinxRecognizer().recognize(counted(), "en"):
            assert isinstance(report, Heard)
            # A frame of 250 ms goes in two pieces, and the frame after it is not yet read.
            assert given - report.position_ms <= 250

    asyncio.run(main())


@pytest.mark.engines
def test_a_worker_that_is_killed_is_a_typed_error_and_leaves_the_recogniser_whole() -> None:
    """What it had reported stays; the next call starts another."""

    async def main() -> None:
        recognizer = PocketSphinxRecognizer()
        before = children()
        reports = recognizer.recognize(endless(), "en")
        assert isinstance(await anext(reports), Heard)
        [worker] = children() - before
        kill(worker)
        with pytest.raises(EngineCrashedError, match="killed by signal 9"):
            async for _ in reports:
                pass
        assert children() == before
        assert len(await reports_of(recognizer, frames(bytes(6400)))) == 11

    asyncio.run(main())


@pytest.mark.engines
def test_closing_and_cancelling_end_the_worker() -> None:
    """A call that is over must not keep 150 MB."""

    async def main() -> None:
        recognizer = PocketSphinxRecognizer()
        before = children()

        reports = recognizer.recognize(endless(), "en")
        await anext(reports)
        await reports.aclose()
        assert children() == before

        started = asyncio.Event()

        async def stalled() -> AsyncIterator[AudioFrame]:
            yield AudioFrame(bytes(640), SPEECH)
            started.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(reports_of(recognizer, stalled()))
        await asyncio.wait_for(started.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert children() == before

    asyncio.run(main())


@pytest.mark.engines
def test_a_prepared_worker_serves_the_next_call_or_goes() -> None:
    """One waits at most; one that died while it waited is replaced."""

    async def main() -> None:
        recognizer = PocketSphinxRecognizer()
        before = children()
        await recognizer.prepare()
        await recognizer.prepare()
        [spare] = children() - before
        kill(spare)
        await recognizer.prepare()
        [other] = children() - before
        reports = recognizer.recognize(endless(), "en")
        await anext(reports)
        assert children() - before == {other}
        await reports.aclose()

        await recognizer.prepare()
        [spare] = children() - before
        kill(spare)
        assert len(await reports_of(recognizer, frames(bytes(640)))) == 2

        await recognizer.prepare()
        await recognizer.aclose()
        await recognizer.aclose()
        assert children() == before

    asyncio.run(main())


@pytest.mark.engines
def test_a_start_that_is_cancelled_leaves_no_process() -> None:
    """The model takes half a second to load; people hang up sooner."""

    async def main() -> None:
        before = children()
        task = asyncio.create_task(PocketSphinxRecognizer().prepare())
        await asyncio.sleep(0)
        assert len(children() - before) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert children() == before

    asyncio.run(main())


@pytest.mark.engines
def test_one_recogniser_serves_several_calls_and_loops() -> None:
    """Nothing in it belongs to an event loop, not even a worker that waits."""
    recognizer = PocketSphinxRecognizer()

    async def both() -> None:
        calls = (reports_of(recognizer, frames(bytes(3200))) for _ in range(2))
        first, second = await asyncio.gather(*calls)
        assert first == second

    asyncio.run(recognizer.prepare())
    asyncio.run(both())
    asyncio.run(recognizer.aclose())


@pytest.mark.engines
def test_frames_that_it_cannot_take_are_refused() -> None:
    """The wrong rate, and audio from the past."""

    async def wrong_rate() -> AsyncIterator[AudioFrame]:
        yield AudioFrame(bytes(320), TELEPHONY)

    async def backwards() -> AsyncIterator[AudioFrame]:
        yield AudioFrame(bytes(640), SPEECH, 1000)
        yield AudioFrame(bytes(640), SPEECH, 1319)

    before = children()
    with pytest.raises(FormatMismatchError):
        asyncio.run(reports_of(PocketSphinxRecognizer(), wrong_rate()))
    with pytest.raises(PayloadError, match="1320 or later"):
        asyncio.run(reports_of(PocketSphinxRecognizer(), backwards()))
    assert children() == before


@pytest.mark.engines
def test_an_error_of_the_source_comes_through() -> None:
    """Its cause is the leg's to explain."""

    async def broken() -> AsyncIterator[AudioFrame]:
        yield AudioFrame(bytes(640), SPEECH)
        raise ConnectionError("the leg is gone")

    with pytest.raises(ConnectionError, match="the leg is gone"):
        asyncio.run(reports_of(PocketSphinxRecognizer(), broken()))


def test_other_languages_are_refused() -> None:
    """An English model would make English words of them."""

    async def main() -> None:
        reports = PocketSphinxRecognizer().recognize(endless(), "es")
        with pytest.raises(UnsupportedLanguageError, match="'es'"):
            await anext(reports)

    asyncio.run(main())


HEAR_NOTHING = "import sys; sys.stdin.buffer.read()"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("raise SystemExit(5)", "ended with status 5"),
        (HEAR_NOTHING, "no answer came within 0.5 s"),
        (f"print('no' * 10**7); {HEAR_NOTHING}", "something that is not the worker"),
        (
            "print('rawmedia worker, protocol 1\\nR\\x7f\\x7f\\x7f\\x7f', flush=True)",
            "a message of 2139062143 bytes",
        ),
        ("print('rawmedia worker, protocol 1\\nR\\0\\0\\0\\2no')", "reports that are none"),
        ("print('rawmedia worker, protocol 1\\n?\\0\\0\\0\\2no')", "unknown kind b'\\?'"),
        ("print('rawmedia worker, protocol 1\\nP\\0\\0\\0\\2no')", "failed with no"),
        ("print('rawmedia worker, protocol 1\\nR\\0\\0\\0\\2n', end='')", "ended with status 0"),
    ],
)
def test_a_worker_that_talks_nonsense_is_a_typed_error(
    body: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies, hangs, floods the pipe, claims gigabytes, breaks off."""
    before = children()
    monkeypatch.setattr(sys, "executable", str(program(tmp_path / "python", body)))
    timeout = 0.5 if "0.5 s" in problem else 30.0
    with pytest.raises(EngineFailedError, match=problem):
        asyncio.run(PocketSphinxRecognizer(timeout=timeout).prepare())
    assert children() == before


@pytest.mark.engines
def test_noise_before_the_worker_starts_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some environments print when Python starts."""
    noisy = f'echo "activating"; printf "no newline"; exec {sys.executable} "$@"\n'
    monkeypatch.setattr(sys, "executable", str(program(tmp_path / "python", noisy, "/bin/sh")))
    assert len(asyncio.run(reports_of(PocketSphinxRecognizer(), frames(bytes(640))))) == 2


def test_what_is_not_installed_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """And where no wheel exists, that is said too."""
    find_spec = importlib.util.find_spec

    def without(name: str) -> object:
        return None if name == "pocketsphinx" else find_spec(name)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    with pytest.raises(MissingDependencyError, match=r"pip install 'rawmedia\[offline\]'$"):
        asyncio.run(PocketSphinxRecognizer().prepare())
    assert missing_pocketsphinx((3, 13)).command == "pip install 'rawmedia[offline]'"
    assert "3.11, 3.12 or 3.13" in missing_pocketsphinx((3, 14)).command


def test_it_is_a_recogniser() -> None:
    """For the type checker; a cascade takes it as it is."""
    recognizer: Recognizer = PocketSphinxRecognizer()
    assert recognizer.input_formats == (SPEECH,)
    assert recognizer.languages == ("en",)
