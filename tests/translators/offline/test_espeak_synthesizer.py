"""Text becomes speech as it is made, one text at a time, and stops when nobody listens."""

from __future__ import annotations

import asyncio
import ctypes
import importlib.util
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rawmedia.audio.format import AudioFormat
from rawmedia.errors import (
    ConfigurationError,
    EngineFailedError,
    MissingDependencyError,
    UnsupportedLanguageError,
)
from rawmedia.translators.offline import espeak_library
from rawmedia.translators.offline.espeak import EspeakSynthesizer
from rawmedia.translators.offline.espeak_library import load

if TYPE_CHECKING:
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.translators.parts import Synthesizer

pytestmark = pytest.mark.engines

SENTENCE = "Quiero anular mi suscripción."
ENDLESS = "987654 " * 57
"""One piece of text that takes minutes to say."""


async def spoken(text: str, synthesizer: EspeakSynthesizer | None = None) -> list[AudioFrame]:
    speaker = synthesizer or EspeakSynthesizer()
    return [frame async for frame in speaker.synthesize(text, "es")]


def say(text: str, synthesizer: EspeakSynthesizer | None = None) -> list[AudioFrame]:
    return asyncio.run(spoken(text, synthesizer))


def length_ms(frames: list[AudioFrame]) -> float:
    return frames[-1].end_ms if frames else 0.0


def test_speech_comes_in_contiguous_frames() -> None:
    """Mono at the library's own rate, from position 0, and not silent."""
    frames = say(SENTENCE)
    assert {frame.format for frame in frames} == {AudioFormat(22_050, 1)}
    ends = [frame.end for frame in frames]
    assert [frame.position for frame in frames] == [0, *ends[:-1]]
    assert all(frame.duration_ms < 100 for frame in frames)
    assert 1000 < length_ms(frames) < 3000
    loudness = np.concatenate([frame.samples for frame in frames]).astype(float).std()
    assert loudness > 1000


def test_the_first_speech_is_there_at_once() -> None:
    """Its share of the delay must be one that nobody notices; run with -s to see the figures."""

    async def main() -> None:
        synthesizer = EspeakSynthesizer()
        await synthesizer.prepare("es")
        firsts, ratios = [], []
        for _ in range(20):
            start = time.perf_counter()
            frames = synthesizer.synthesize(SENTENCE, "es")
            spoken_ms = (await anext(frames)).end_ms
            firsts.append(time.perf_counter() - start)
            async for frame in frames:
                spoken_ms = frame.end_ms
            ratios.append((time.perf_counter() - start) / (spoken_ms / 1000))
        first, ratio = sorted(firsts)[10], sorted(ratios)[10]
        print(f"eSpeak NG: first speech after {first * 1000:.1f} ms, real-time factor {ratio:.4f}")
        assert first < 0.1
        assert ratio < 0.1

    asyncio.run(main())


def test_nothing_to_say_gives_no_frame() -> None:
    """Not even a short one: an utterance that was only noise is followed by nothing."""
    assert say("") == []
    assert say(" \n\t ") == []


def test_what_c_or_the_library_would_take_for_a_command_is_white_space() -> None:
    """NUL would end the text, 0x01 would change the voice, half a surrogate pair has no bytes."""
    plain = length_ms(say("hola amigo mío"))
    assert length_ms(say("hola\0amigo\x01mío\ud800")) == pytest.approx(plain, rel=0.1)


def test_markup_is_read_out() -> None:
    """Whoever says "less than" must not lose the rest of the sentence."""
    assert length_ms(say("<b>hola</b>")) > 2 * length_ms(say("hola"))


def test_speech_is_as_fast_as_asked() -> None:
    """In words per minute, within what the library can."""
    slow = length_ms(say(SENTENCE, EspeakSynthesizer(words_per_minute=100)))
    fast = length_ms(say(SENTENCE, EspeakSynthesizer(words_per_minute=300)))
    assert slow > 2 * fast
    for rate in (79, 451):
        with pytest.raises(ConfigurationError, match="80 to 450"):
            EspeakSynthesizer(words_per_minute=rate)


def test_closing_in_the_middle_stops_and_the_next_speech_is_whole() -> None:
    """An interruption must leave nothing behind in the library."""

    async def main() -> None:
        whole = length_ms(await spoken(SENTENCE))
        synthesizer = EspeakSynthesizer()
        for read in range(1, 6):
            frames = synthesizer.synthesize(ENDLESS, "es")
            for _ in range(read):
                await anext(frames)
            await frames.aclose()
            frame = None
            async for frame in synthesizer.synthesize(SENTENCE, "es"):
                assert frame.position > 0 or frame.duration_ms > 10
            assert frame is not None
            assert frame.end_ms == pytest.approx(whole, rel=0.05)

    asyncio.run(main())


def test_cancelling_in_the_middle_stops() -> None:
    """A cancelled utterance gives the library back to the others."""

    async def main() -> None:
        heard = asyncio.Event()

        async def listen() -> None:
            async for _ in EspeakSynthesizer().synthesize("hola. " * 5000, "es"):
                heard.set()

        task = asyncio.create_task(listen())
        await heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await spoken(SENTENCE)

    asyncio.run(main())


def test_calls_take_turns() -> None:
    """Each gets its own speech, and one that nobody reads holds nobody up for long."""

    async def main() -> None:
        alone = length_ms(await spoken(SENTENCE))
        unread = EspeakSynthesizer().synthesize("hola amigo. " * 1000, "es")
        await anext(unread)
        together = await asyncio.gather(*(spoken(SENTENCE) for _ in range(4)))
        for frames in together:
            assert length_ms(frames) == pytest.approx(alone, rel=0.05)
        await unread.aclose()

    asyncio.run(main())


def test_a_long_text_is_spoken_whole() -> None:
    """In pieces, with positions that go on across them."""
    one = length_ms(say("Esto es una frase corta."))
    frames = say("Esto es una frase corta. " * 100)
    assert length_ms(frames) == pytest.approx(100 * one, rel=0.3)
    assert [frame.position for frame in frames[1:]] == [frame.end for frame in frames[:-1]]


def test_speech_that_nobody_reads_is_bounded_and_given_up() -> None:
    """What was made of it can still be read; then the reader is told."""

    async def main() -> None:
        unread = EspeakSynthesizer(timeout=0.3).synthesize(ENDLESS, "es")
        read = [await anext(unread)]
        await spoken(SENTENCE)  # gets its turn when the other has given up

        async def read_on() -> None:
            async for frame in unread:
                read.append(frame)

        with pytest.raises(EngineFailedError, match=r"not read for 0\.3 s"):
            await read_on()
        assert 30_000 < length_ms(read) < 30_200

    asyncio.run(main())


def test_a_library_that_says_nothing_is_an_error_in_time() -> None:
    """Something else in the process may hold it."""

    async def main() -> None:
        with load()._turn, pytest.raises(EngineFailedError, match=r"no speech came within 0\.2 s"):
            await spoken(SENTENCE, EspeakSynthesizer(timeout=0.2))

    asyncio.run(main())


def test_a_refusal_of_the_library_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its status is all that it says."""
    library = load()
    with pytest.raises(EngineFailedError, match="refused its voice 'nobody'"):
        library.speak("hola", "nobody", 175, lambda _: True)

    class Refusing:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def __init__(self) -> None:
            self.espeak_Synth = lambda *arguments: -1

    real = library._library
    monkeypatch.setattr(library, "_library", Refusing())
    with pytest.raises(EngineFailedError, match="refused the text with status -1"):
        say(SENTENCE)


def test_a_loop_that_is_gone_does_not_disturb_the_next() -> None:
    """Somebody may drop an event loop with speech on its way to it."""

    async def begin() -> AudioFrame:
        speech.append(EspeakSynthesizer().synthesize(ENDLESS, "es"))
        return await anext(speech[0])

    speech: list[Any] = []
    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    loop.close()
    frames = say(SENTENCE)
    assert length_ms(frames) > 1000
    asyncio.run(speech[0].aclose())


@pytest.mark.parametrize(
    ("language", "voice", "identifier"),
    [
        ("es", None, "roa/es"),
        ("es-ES", None, "roa/es"),
        ("es-MX", None, "roa/es-419"),
        ("es-AR", None, "roa/es"),
        ("en", None, "gmw/en"),
        ("en-US", None, "gmw/en-US"),
        ("fr-FR", None, "roa/fr"),
        ("fr", None, "roa/fr"),
        ("fr-CA", None, "roa/fr"),
        ("pt-BR", None, "roa/pt-BR"),
        ("zh-CN", None, "sit/cmn"),
        ("DE-at", None, "gmw/de"),
        ("es", "Spanish (Latin America)", "roa/es-419"),
        ("es", "ROA/ES-419", "roa/es-419"),
        ("es", "es+f3", "roa/es+f3"),
        ("es", "en-us", "gmw/en-US"),
    ],
)
def test_a_language_finds_the_voice_that_suits_it_best(
    language: str, voice: str | None, identifier: str
) -> None:
    """By BCP-47 tag; or the voice that the caller names."""
    assert load().find_voice(language, voice) == identifier


@pytest.mark.parametrize("voice", ["nobody", "", "es+nobody", "es+../../etc/passwd", "es+", "../x"])
def test_a_voice_that_does_not_exist_is_refused(voice: str) -> None:
    """The library itself would go on in the wrong voice, or read another file."""

    async def main() -> None:
        with pytest.raises(ConfigurationError, match="has no voice"):
            await EspeakSynthesizer().prepare("es", voice)
        with pytest.raises(ConfigurationError, match="has no voice"):
            await anext(EspeakSynthesizer().synthesize("hola", "es", voice))

    asyncio.run(main())


def test_a_language_that_it_lacks_is_refused() -> None:
    """With what it has instead."""

    async def main() -> None:
        with pytest.raises(UnsupportedLanguageError, match="'xx'"):
            await anext(EspeakSynthesizer().synthesize("hola", "xx"))

    asyncio.run(main())
    assert {"en", "es", "fr", "de"} <= set(EspeakSynthesizer().languages or ())


def test_what_is_not_installed_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """And until it is, nobody knows its languages."""
    find_spec = importlib.util.find_spec

    def without(name: str) -> object:
        return None if name == "espeakng_loader" else find_spec(name)

    monkeypatch.setattr(espeak_library, "_loaded", [])
    monkeypatch.setattr(importlib.util, "find_spec", without)
    assert EspeakSynthesizer().languages is None
    with pytest.raises(MissingDependencyError, match=r"pip install 'rawmedia\[offline\]'"):
        say("hola")


@pytest.mark.parametrize(
    ("library_path", "data_path", "problem"),
    [
        ("/nonexistent/lib.so", "/data", "could not be loaded: /nonexistent/lib.so"),
        (None, "/data", "found no data in /data"),
        (None, "/" + 159 * "d", "a path of 160 bytes, and it takes 159"),
    ],
)
def test_an_installation_that_does_not_work_says_why(
    library_path: str | None,
    data_path: str,
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A library of another architecture, data that went, a path that is too long for it."""
    import espeakng_loader

    class Stub:
        """A library whose data are never there; the real one can't be started twice."""

        def __init__(self, path: str) -> None:
            self.espeak_Initialize = lambda *arguments: 0
            self.espeak_ListVoices = self.espeak_Synth = self

    monkeypatch.setattr(espeak_library, "_loaded", [])
    monkeypatch.setattr(espeakng_loader, "get_data_path", lambda: data_path)
    if library_path is None:
        monkeypatch.setattr(ctypes, "CDLL", Stub)
    else:
        monkeypatch.setattr(espeakng_loader, "get_library_path", lambda: library_path)
    with pytest.raises(EngineFailedError, match=problem):
        say("hola")


def test_it_is_a_synthesizer() -> None:
    """For the type checker; a cascade takes it as it is."""
    synthesizer: Synthesizer = EspeakSynthesizer()
    assert "es" in (synthesizer.languages or ())
