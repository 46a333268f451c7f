"""One pipe per pair that stays in step, whatever dies, hangs, babbles or is cancelled."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from offline_support import all_end, children, program

from rawmedia.errors import (
    EngineCrashedError,
    EngineFailedError,
    MissingDependencyError,
    UnsupportedLanguageError,
)
from rawmedia.translators.offline.apertium import ApertiumTranslator, mode_path
from rawmedia.translators.parts import TextTranslation, TextTranslator

if TYPE_CHECKING:
    from pathlib import Path

STAGE = """
import os, signal, sys
folder, generator = sys.argv[2], sys.argv[3]
with open(f"{folder}/starts", "a") as file:
    file.write("x")
assert sys.argv[1] == "-z" and generator == "-g"
request = b""
while True:
    byte = os.read(0, 1)
    if not byte:
        break
    if byte != b"\\0":
        request += byte
        continue
    if b"Die once" in request and not os.path.exists(f"{folder}/died"):
        open(f"{folder}/died", "w").close()
        sys.exit(1)
    if b"Die always" in request:
        sys.exit(1)
    if b"Hang" in request:
        signal.pause()
    if b"Wait" in request:
        open(f"{folder}/gate").read()
    if b"Strangle" in request:
        request = request.replace(b"[t", b"[u")
    if b"Babble" in request:
        request += b"\\0" + request
    if b"Flood" in request:
        request *= 10_000
    os.write(1, request + b"\\0")
    request = b""
"""
"""Gives back what it gets, and does what it says."""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation of Apertium whose one stage does what its input says."""
    program(tmp_path / "bin" / "apertium", "")
    program(tmp_path / "bin" / "fake-stage", STAGE)
    modes = tmp_path / "share" / "apertium" / "modes"
    modes.mkdir(parents=True)
    (modes / "eng-spa.mode").write_text(f"fake-stage '{tmp_path}' $1 | fake-cat")
    program(tmp_path / "bin" / "fake-cat", "exec cat", "/bin/sh")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.delenv("APERTIUM_DATADIR", raising=False)
    return tmp_path


def starts(fake: Path) -> int:
    return len((fake / "starts").read_text())


async def said(translator: ApertiumTranslator, text: str) -> str:
    return (await translator.translate(text, "en-US", "es-ES")).text


def test_one_process_serves_all_requests(fake: Path) -> None:
    """A process per sentence would cost a hundred times as much."""

    async def main() -> None:
        translator = ApertiumTranslator()
        texts = [f"sentence {number}" for number in range(20)]
        answers = await asyncio.gather(*(said(translator, text) for text in texts))
        assert answers == [f"S{text[1:]}." for text in texts]
        assert starts(fake) == 1
        await translator.aclose()

    asyncio.run(main())


def test_a_pipe_that_dies_is_started_again(fake: Path) -> None:
    """Between two requests, and while it is at one."""

    async def main() -> None:
        before = children()
        translator = ApertiumTranslator()
        assert await said(translator, "die once") == "Die once."
        assert starts(fake) == 2
        [shell] = children() - before
        os.killpg(shell, signal.SIGKILL)
        assert await said(translator, "hello") == "Hello."
        assert starts(fake) == 3
        await translator.aclose()

    asyncio.run(main())


def test_a_pipe_that_dies_every_time_is_given_up(fake: Path) -> None:
    """A text that kills the engine must not kill it for ever; the next text may be better."""

    async def main() -> None:
        translator = ApertiumTranslator()
        with pytest.raises(EngineCrashedError, match="its process ended"):
            await said(translator, "die always")
        assert starts(fake) == 2
        assert await said(translator, "and then") == "And then."
        await translator.aclose()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("hang", "no answer came within 2 s"),
        ("strangle", "a reply to another request"),
        ("babble", "more than it was asked"),
        ("flood", "has no end"),
    ],
)
def test_a_pipe_out_of_step_is_ended_and_the_next_one_answers(
    fake: Path, text: str, problem: str
) -> None:
    """Nobody may get the answer that was meant for another."""

    async def main() -> None:
        translator = ApertiumTranslator(timeout=2.0)
        before = children()
        with pytest.raises(EngineFailedError, match=problem):
            await said(translator, text)
        assert children() == before
        assert await said(translator, "and then") == "And then."
        await translator.aclose()

    asyncio.run(main())


def test_a_cancelled_request_leaves_the_pipe_in_step(fake: Path) -> None:
    """Its answer comes after all, and nobody gets it."""
    gate = fake / "gate"
    os.mkfifo(gate)

    async def main() -> None:
        translator = ApertiumTranslator()
        task = asyncio.create_task(said(translator, "wait"))
        # Opens when the stage has the request and waits at the gate.
        opened = await asyncio.to_thread(gate.open, "w")
        queued = asyncio.create_task(said(translator, "never asked"))
        await asyncio.sleep(0)
        for each in (task, queued):
            each.cancel()
            with pytest.raises(asyncio.CancelledError):
                await each
        late = asyncio.create_task(said(translator, "hello"))
        opened.close()
        assert await late == "Hello."
        assert starts(fake) == 1
        await translator.aclose()

    asyncio.run(main())


def test_one_translator_serves_several_loops(fake: Path) -> None:
    """A program may run asyncio twice, or in two threads."""
    translator = ApertiumTranslator()
    answers: list[str] = []

    def run() -> None:
        answers.append(asyncio.run(said(translator, "hello")))

    run()
    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == ["Hello."] * 4
    assert starts(fake) == 1
    asyncio.run(translator.aclose())


def test_closing_and_forgetting_end_the_processes(fake: Path) -> None:
    """Closed twice, used again, and then left to the garbage collector."""
    before = children()
    translator = ApertiumTranslator()
    asyncio.run(said(translator, "hello"))
    assert children() > before
    asyncio.run(translator.aclose())
    asyncio.run(translator.aclose())
    assert children() == before
    asyncio.run(said(translator, "hello"))
    started = children() - before
    assert started
    del translator
    gc.collect()
    assert all_end(started)


def test_long_texts_go_in_pieces(fake: Path) -> None:
    """None larger than a pipe holds, or both ends would wait for the other to read."""

    async def main() -> None:
        translator = ApertiumTranslator()
        text = "\U0001f600 is a smile. " * 2000
        assert await said(translator, text) == text.replace("is", "Is").strip()
        assert starts(fake) == 1
        await translator.aclose()

    asyncio.run(main())


def test_what_is_not_installed_is_named_with_its_command(
    fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program itself, or the data of a pair."""

    async def main() -> None:
        translator = ApertiumTranslator()
        with pytest.raises(MissingDependencyError) as caught:
            await translator.prepare("en", "fr")
        assert caught.value.command == (
            "sudo apt-get install apertium apertium-eng-cat apertium-fra-cat"
        )
        monkeypatch.setenv("PATH", str(fake))
        with pytest.raises(MissingDependencyError) as caught:
            await said(translator, "hello")
        assert caught.value.command == "sudo apt-get install apertium apertium-eng-spa"
        assert "eng-spa is not installed" in str(caught.value)

    asyncio.run(main())


def test_data_elsewhere_are_found_by_apertiums_own_variable(
    fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same that the command reads."""
    monkeypatch.setenv("APERTIUM_DATADIR", str(fake / "elsewhere"))
    assert mode_path("eng-spa") is None
    (fake / "share" / "apertium").rename(fake / "elsewhere")
    assert mode_path("eng-spa") == fake / "elsewhere" / "modes" / "eng-spa.mode"


@pytest.mark.parametrize(("source", "target"), [("es", "en"), ("en", "de"), ("fr", "es")])
def test_other_pairs_are_refused(source: str, target: str) -> None:
    """Before anything is started."""

    async def main() -> None:
        with pytest.raises(UnsupportedLanguageError):
            await ApertiumTranslator().translate("hello", source, target)

    asyncio.run(main())


def test_it_is_a_text_translator() -> None:
    """For the type checker; a cascade takes it as it is."""
    translator: TextTranslator = ApertiumTranslator()
    assert translator.pairs == (("en", "es"), ("en", "fr"))


@pytest.mark.engines
def test_english_becomes_spanish() -> None:
    """The sentence of the tutorial, with what it does not know kept and named."""

    async def main() -> None:
        translator = ApertiumTranslator()
        await translator.prepare("en", "es")
        for text, expected in [
            ("i want to cancel my subscription", TextTranslation("Quiero anular mi suscripción.")),
            ("hello zorglub is here", TextTranslation("Hola zorglub es aquí.", ("zorglub",))),
            (
                "we will send a technician on monday",
                TextTranslation("Enviaremos un técnico el lunes."),
            ),
            ("", TextTranslation("")),
            ("  \n ", TextTranslation("")),
        ]:
            assert await translator.translate(text, "en-US", "es") == expected
        await translator.aclose()

    asyncio.run(main())


@pytest.mark.engines
def test_the_real_pipe_stays_in_step_whatever_the_text() -> None:
    """Its syntax, control characters, any script: a sentence afterwards gets its own answer."""
    translator = ApertiumTranslator()

    @settings(max_examples=60, deadline=None)
    @given(text=st.text(max_size=40) | st.text("^$/\\[]{}<>@*#~+\0\n ab.'", max_size=20))
    def in_step(text: str) -> None:
        asyncio.run(said(translator, text))
        assert asyncio.run(said(translator, "goodbye")) == "Adiós."

    asyncio.run(said(translator, "hello"))
    before = children()
    in_step()
    assert children() == before, "a text made the pipe start again"
    asyncio.run(translator.aclose())


@pytest.mark.engines
def test_syntax_in_a_text_is_text() -> None:
    """An address is not a mark, and a bracket closes nothing."""

    async def main() -> None:
        translator = ApertiumTranslator()
        answer = await translator.translate("the house [a/b] costs *5 < 7^2 at @home", "en", "es")
        assert answer.unknown_words == ("b",)
        for piece in ("[", "/", "]", "*5", "<", "7^2", "@"):
            assert piece in answer.text
        await translator.aclose()

    asyncio.run(main())


@pytest.mark.engines
def test_a_sentence_takes_milliseconds_once_the_pipe_runs() -> None:
    """Captions that revise five times a second need it; run with -s to see the figures."""

    async def main() -> None:
        translator = ApertiumTranslator()
        start = time.perf_counter()
        await translator.prepare("en", "es")
        cold = time.perf_counter() - start
        times = []
        for number in range(50):
            start = time.perf_counter()
            await said(translator, f"please give me {number} tickets for the train on monday")
            times.append(time.perf_counter() - start)
        median = sorted(times)[len(times) // 2]
        print(f"Apertium eng-spa: {cold * 1000:.0f} ms cold, {median * 1000:.1f} ms a sentence")
        assert median < 0.1
        await translator.aclose()

    asyncio.run(main())


@pytest.mark.engines
def test_french_goes_through_catalan() -> None:
    """Experimental; words that the first half does not know are named once."""
    if mode_path("eng-cat") is None or mode_path("cat-fra") is None:
        pytest.skip("apertium-eng-cat and apertium-fra-cat are not installed")

    async def main() -> None:
        translator = ApertiumTranslator(timeout=30)
        answer = await translator.translate("hello zorglub is here", "en", "fr-FR")
        assert answer == TextTranslation("Salut zorglub il est ici.", ("zorglub",))
        answer = await translator.translate("i want to cancel my subscription", "en", "fr")
        assert answer == TextTranslation("Je veux annuler mon abonnement.")
        await translator.aclose()

    asyncio.run(main())
