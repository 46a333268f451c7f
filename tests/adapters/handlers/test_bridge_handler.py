"""Two calls that name one key, brought together: by fake platforms, in virtual time."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from handler_kit import Server, acs, served

from rawmedia.adapters.handlers import BridgeHandler, BridgeHandlerConfig, CallFolders
from rawmedia.adapters.websocket import TwilioDialect
from rawmedia.audio.format import SPEECH, TELEPHONY
from rawmedia.captions.report import CallReport
from rawmedia.captions.transcript import read_transcript
from rawmedia.errors import ConfigurationError, UnsupportedLanguageError
from rawmedia.testing import (
    FakeTwilio,
    ScriptedTranslator,
    ScriptedUtterance,
    speech_like,
    tone,
)
from rawmedia.testing.assertions import assert_same_audio
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from pathlib import Path

    from rawmedia.adapters.websocket import WebSocketLeg
    from rawmedia.streams.clock import Clock

LANGUAGES = ("en-US", "fr-FR")
HELLO = ScriptedUtterance(
    source_text="hello",
    start_ms=1_000,
    end_ms=1_600,
    translations={"fr-FR": "bonjour", "en-US": "hello"},
    audio=tone(500, hz=900, format=SPEECH),
)


def engine(clock: Clock, *script: ScriptedUtterance) -> ScriptedTranslator:
    """Whatever is said, it hears hello, and its voice is a tone of 900 Hz."""
    return ScriptedTranslator(script or [HELLO], clock=clock, speech_format=SPEECH)


def handler(
    folders: CallFolders | None = None, script: tuple[ScriptedUtterance, ...] = (), **config: Any
) -> Any:
    return lambda clock: BridgeHandler(
        engine(clock, *script), LANGUAGES, folders=folders, config=BridgeHandlerConfig(**config)
    )


def strength(audio: np.ndarray[Any, Any], hz: float) -> float:
    """How much of a tone is in it."""
    turns = np.exp(-2j * np.pi * hz * np.arange(len(audio)) / SPEECH.sample_rate)
    return float(abs(audio[:, 0] @ turns) / max(1, len(audio)))


def test_two_calls_of_one_key_hear_each_other_in_their_own_language(tmp_path: Path) -> None:
    """An agent and a customer, who dial apart; captions, report and recordings are in one folder."""

    async def script(server: Server) -> None:
        ana = acs("ana", speech_like(3_000, seed=1), server.clock)
        bob = acs("bob", speech_like(3_000, seed=2), server.clock)
        server.dial(ana, "key=case-17&language=en-US")
        await server.passes(500)
        server.dial(bob, "key=case-17&language=fr-FR")
        await server.passes(3_000)
        for call in (ana, bob):
            assert strength(call.heard().samples, 900) > 100
        bob.hang_up()
        await server.passes(500)
        assert server.calls.stats.calls == 0  # so Ana was hung up, too

    log = served(handler(CallFolders(tmp_path), record="wav"), script)
    folder = tmp_path / "case-17"
    assert "bonjour" in (folder / "en-US-fr-FR.vtt").read_text()
    assert "hello" in (folder / "fr-FR-en-US.vtt").read_text()
    report = CallReport.read(folder / "report.json")
    assert {name: each.source_language for name, each in report.directions.items()} == {
        "a_to_b": "en-US",
        "b_to_a": "fr-FR",
    }
    manifest = json.loads((folder / "audio" / "recording.json").read_text())
    assert len(manifest["tracks"]) == 4
    assert log.of("call_waits") == [{"call": "ana", "key": "case-17"}]
    assert [line["outcome"] for line in log.of("wait_ended")] == ["joined"]
    assert log.of("bridge_started") == [{"key": "case-17", "a": "ana", "b": "bob"}]
    (ended,) = log.of("bridge_ended")
    assert ended["utterances_a_to_b"] == ended["utterances_b_to_a"] == 1
    assert not any("bonjour" in json.dumps(line) for line in log.lines)


@pytest.mark.parametrize(
    ("first", "second", "spoken"),
    [
        ("", "", ("en-US", "fr-FR")),
        ("&language=fr-FR", "", ("fr-FR", "en-US")),
        ("", "&language=en-US", ("fr-FR", "en-US")),
        ("&language=FR-fr", "&language=en-us", ("fr-FR", "en-US")),
    ],
)
def test_who_does_not_say_what_he_speaks_speaks_what_is_left(
    tmp_path: Path, first: str, second: str, spoken: tuple[str, str]
) -> None:
    """Without a word the first speaks the first language."""

    async def script(server: Server) -> None:
        for name, query in (("ana", first), ("bob", second)):
            server.dial(acs(name, speech_like(500, seed=1), server.clock), "key=k" + query)
            await server.passes(100)
        await server.passes(500)

    served(handler(CallFolders(tmp_path)), script)
    report = CallReport.read(tmp_path / "k" / "report.json")
    assert (
        report.directions["a_to_b"].source_language,
        report.directions["b_to_a"].source_language,
    ) == spoken


def test_two_calls_of_twilio_are_bridged_by_their_parameters(tmp_path: Path) -> None:
    """Its URLs have no query; and its calls have 8 kHz, which is nobody's business but the bridge's."""

    async def script(server: Server) -> None:
        said = speech_like(3_000, seed=1, format=TELEPHONY)
        calls = [
            FakeTwilio(
                said,
                parameters={"key": "case-17", "language": language},
                call_id=f"CA{number:032}",
                clock=server.clock,
            )
            for number, language in enumerate(("fr-FR", "en-US"))
        ]
        for call in calls:
            server.dial(call)
            await server.passes(100)
        await server.passes(3_000)
        for call in calls:
            heard = call.heard().samples[:, 0]
            turns = np.exp(-2j * np.pi * 900 * np.arange(len(heard)) / 8_000)
            assert abs(heard @ turns) / len(heard) > 100
            assert not call.complaints

    served(handler(CallFolders(tmp_path)), script, dialect=TwilioDialect)
    report = CallReport.read(tmp_path / "case-17" / "report.json")
    assert report.directions["a_to_b"].source_language == "fr-FR"


def test_two_who_speak_the_same_language_hear_each_other_as_they_are() -> None:
    """No engine is paid for."""
    engines: list[ScriptedTranslator] = []

    def make(clock: Clock) -> BridgeHandler:
        engines.append(engine(clock))
        return BridgeHandler(engines[0], LANGUAGES)

    async def script(server: Server) -> None:
        said = speech_like(1_500, seed=1)
        ana, bob = acs("ana", said, server.clock), acs("bob", None, server.clock)
        server.dial(bob, "key=k&language=fr-FR")
        await server.passes(40)
        server.dial(ana, "key=k&language=fr-FR")
        await server.passes(2_200)
        assert_same_audio(said, bob.heard(), snr_db=20, align_ms=500)

    served(make, script)
    assert not engines[0].translations


def test_a_direction_that_the_engine_lacks_passes_the_original_if_that_is_wanted() -> None:
    """The embedded engine translates one way only; half a bridge is better than none, if one knows."""
    only = TranslatorCapabilities(
        name="one way",
        input_formats=(SPEECH,),
        source_languages=("en-US",),
        target_languages=("fr-FR",),
    )

    def make(clock: Clock) -> BridgeHandler:
        translator = ScriptedTranslator(
            [HELLO], clock=clock, speech_format=SPEECH, capabilities=only
        )
        with pytest.raises(UnsupportedLanguageError):
            BridgeHandler(translator, LANGUAGES)
        with pytest.raises(ConfigurationError, match="neither"):
            BridgeHandler(translator, ("de", "it"), config=BridgeHandlerConfig(one_way=True))
        return BridgeHandler(translator, LANGUAGES, config=BridgeHandlerConfig(one_way=True))

    async def script(server: Server) -> None:
        said = speech_like(1_500, seed=1)
        ana, bob = acs("ana", None, server.clock), acs("bob", said, server.clock)
        server.dial(ana, "key=k")
        await server.passes(40)
        server.dial(bob, "key=k")
        await server.passes(2_500)
        assert_same_audio(said, ana.heard(), snr_db=20, align_ms=500)
        assert strength(bob.heard().samples, 900) > 100

    served(make, script)


def test_who_waits_too_long_is_hung_up_and_hears_silence_meanwhile() -> None:
    """A partner who never comes must not hold a call, or its memory, for ever."""

    async def script(server: Server) -> None:
        call = acs("ana", speech_like(20_000, seed=1), server.clock)
        server.dial(call, "key=k")
        await server.passes(9_500)
        assert server.calls.stats.calls == 1
        await server.passes(1_000)
        assert server.calls.stats.calls == 0
        assert not call.heard().samples.any()

    log = served(handler(wait_s=10), script)
    assert log.of("wait_ended") == [
        {"call": "ana", "key": "k", "outcome": "nobody came", "duration_s": 10.0}
    ]
    (ended,) = log.of("call_ended")
    assert "overrun_ms" not in ended or ended["overrun_ms"] == 0


def test_who_hangs_up_while_waiting_leaves_the_seat_free() -> None:
    """The next caller waits; he is not bridged with nobody."""

    async def script(server: Server) -> None:
        first = acs("first", None, server.clock)
        server.dial(first, "key=k")
        await server.passes(200)
        first.hang_up()
        await server.passes(200)
        server.dial(acs("second", None, server.clock), "key=k")
        await server.passes(200)
        server.dial(acs("third", None, server.clock), "key=k")
        await server.passes(200)

    log = served(handler(), script)
    assert [line["call"] for line in log.of("call_waits")] == ["first", "second"]
    assert log.of("wait_ended")[0]["outcome"] == "hung up"
    assert log.of("bridge_started") == [{"key": "k", "a": "second", "b": "third"}]


@pytest.mark.parametrize("leaves", ["ana", "bob"])
def test_who_is_left_waits_for_another_if_that_is_wanted(leaves: str, tmp_path: Path) -> None:
    """As a customer whose agent was cut off; he hears silence meanwhile, and keeps his language."""
    speaks = {"ana": "en-US", "bob": "fr-FR"}
    stays = "bob" if leaves == "ana" else "ana"

    async def script(server: Server) -> None:
        calls = {name: acs(name, speech_like(9_000, seed=1), server.clock) for name in speaks}
        for name, call in calls.items():
            server.dial(call, f"key=k&language={speaks[name]}")
            await server.passes(100)
        await server.passes(2_000)
        calls[leaves].hang_up()
        await server.passes(1_000)
        assert server.calls.stats.calls == 1
        before = calls[stays].heard().samples_per_channel
        await server.passes(1_000)
        assert not calls[stays].heard().samples[before:].any()
        carl = acs("carl", speech_like(9_000, seed=2), server.clock)
        server.dial(carl, "key=k")
        await server.passes(3_000)
        for call in (carl, calls[stays]):
            assert strength(call.heard().samples[-48_000:], 900) > 100
        calls[stays].hang_up()
        await server.passes(500)

    again = replace(HELLO, start_ms=5_500, end_ms=6_000)
    log = served(
        handler(CallFolders(tmp_path), (HELLO, again), when_one_leaves="wait", wait_s=30), script
    )
    assert [(line["a"], line["b"]) for line in log.of("bridge_started")] == [
        ("ana", "bob"),
        (stays, "carl"),
    ]
    waits = [(line["call"], line["outcome"]) for line in log.of("wait_ended")]
    assert waits == [("ana", "joined"), (stays, "joined")]
    assert [line["call"] for line in log.of("call_waits")] == ["ana", stays, "carl"]
    report = CallReport.read(tmp_path / "k-2" / "report.json")
    assert report.directions["a_to_b"].source_language == speaks[stays]
    assert report.directions["b_to_a"].source_language == speaks[leaves]


def test_who_is_left_does_not_wait_for_ever() -> None:
    """The same patience again, and then he is hung up."""

    async def script(server: Server) -> None:
        ana, bob = acs("ana", None, server.clock), acs("bob", None, server.clock)
        for call in (ana, bob):
            server.dial(call, "key=k")
            await server.passes(100)
        await server.passes(1_000)
        ana.hang_up()
        await server.passes(4_000)
        assert server.calls.stats.calls == 1
        await server.passes(2_000)
        assert server.calls.stats.calls == 0

    log = served(handler(when_one_leaves="wait", wait_s=5), script)
    (joined, left) = log.of("wait_ended")
    assert (joined["call"], joined["outcome"]) == ("ana", "joined")
    assert (left["call"], left["outcome"]) == ("bob", "nobody came")


@pytest.mark.parametrize("when_one_leaves", ["end", "wait"])
def test_a_bridge_that_can_not_be_made_ends_both_calls(
    when_one_leaves: str, tmp_path: Path
) -> None:
    """Such as for a disk that can't be written; waiting for another would fail again."""
    (tmp_path / "file").write_text("")

    async def script(server: Server) -> None:
        for name in ("ana", "bob"):
            server.dial(acs(name, None, server.clock), "key=k")
            await server.passes(100)
        await server.passes(500)
        assert server.calls.stats.calls == 0

    folders = CallFolders(tmp_path / "file")
    log = served(handler(folders, when_one_leaves=when_one_leaves), script)
    (failed,) = log.of("handler_failed")
    assert failed["call"] == "bob"
    assert failed["problem"].startswith("FileWriteError")


def test_a_bridge_that_ends_though_both_are_there_is_not_tried_again() -> None:
    """Here a program that plays something of its own to one of them; it would end again at once, for ever."""

    class Music:
        pending = False

        def render(self, samples: int, now: float) -> None:
            """Nothing."""

    def make(clock: Clock) -> Any:
        bridges = handler(when_one_leaves="wait")(clock)

        async def play_and_bridge(leg: WebSocketLeg) -> None:
            if leg.name == "bob":
                leg.outbound.set_source(Music())
            await bridges(leg)

        return play_and_bridge

    async def script(server: Server) -> None:
        for name in ("ana", "bob"):
            server.dial(acs(name, None, server.clock), "key=k")
            await server.passes(100)
        await server.passes(500)
        assert server.calls.stats.calls == 0

    log = served(make, script)
    assert len(log.of("bridge_started")) == 1
    assert [line["key"] for line in log.of("bridge_cut")] == ["k"]


def test_what_is_said_is_kept_as_lines_if_that_is_wanted(tmp_path: Path) -> None:
    """Both parties' in one file, each line with who said it."""

    async def script(server: Server) -> None:
        for name in ("ana", "bob"):
            server.dial(acs(name, speech_like(3_000, seed=1), server.clock), "key=k")
            await server.passes(100)
        await server.passes(3_000)

    served(handler(CallFolders(tmp_path), transcript=True), script)
    entries = read_transcript(tmp_path / "k" / "transcript.jsonl")
    assert {(each.speaker, each.source_language) for each in entries} == {
        ("ana", "en-US"),
        ("bob", "fr-FR"),
    }
    assert {each.source_text for each in entries} == {"hello"}
    assert not (tmp_path / "k" / "audio").exists()


def test_a_third_call_is_hung_up_and_the_two_go_on() -> None:
    """A key is no secret, and a stranger must not be put through."""

    async def script(server: Server) -> None:
        pair = [acs(name, speech_like(3_000, seed=1), server.clock) for name in ("ana", "bob")]
        for call in pair:
            server.dial(call, "key=k")
            await server.passes(100)
        server.dial(acs("eve", None, server.clock), "key=k")
        await server.passes(2_000)
        assert server.calls.stats.calls == 2
        assert strength(pair[0].heard().samples, 900) > 100

    log = served(handler(), script)
    (failed,) = log.of("handler_failed")
    assert failed["call"] == "eve"
    assert "two calls have this one already" in failed["problem"]


@pytest.mark.parametrize(
    "query", ["", "key=", "key=../up", "key=k&language=de-DE", "key=" + "x" * 200]
)
def test_a_call_that_says_nonsense_of_itself_is_hung_up(query: str, tmp_path: Path) -> None:
    """And nothing is made for it."""

    async def script(server: Server) -> None:
        server.dial(acs("ana", None, server.clock), query)
        await server.passes(300)
        assert server.calls.stats.calls == 0

    log = served(handler(CallFolders(tmp_path)), script)
    (failed,) = log.of("handler_failed")
    assert failed["problem"].startswith("BadParameterError")
    assert not list(tmp_path.iterdir())


def test_the_server_closes_while_some_wait_and_some_are_bridged() -> None:
    """All are hung up, and nothing is left behind."""

    async def script(server: Server) -> None:
        for name, key in (("a", "one"), ("b", "one"), ("c", "two"), ("d", "three")):
            server.dial(acs(name, speech_like(5_000, seed=1), server.clock), f"key={key}")
            await server.passes(50)
        await server.passes(500)
        assert server.calls.stats.calls == 4

    log = served(handler(), script)
    assert len(log.of("call_ended")) == 4
    assert not log.of("handler_failed")


def test_pairs_at_once_do_not_mix() -> None:
    """Each key is a bridge of its own."""

    async def script(server: Server) -> None:
        said = {key: tone(2_000, hz=hz) for key, hz in (("one", 300), ("two", 700))}
        listeners = {}
        for key, audio in said.items():
            server.dial(acs(f"{key}-a", audio, server.clock), f"key={key}&language=en-US")
            listeners[key] = acs(f"{key}-b", None, server.clock)
        await server.passes(20)
        for key, call in listeners.items():
            server.dial(call, f"key={key}&language=en-US")
        await server.passes(2_500)
        one, two = (listeners[key].heard().samples for key in said)
        assert strength(one, 300) > 20 * strength(one, 700)
        assert strength(two, 700) > 20 * strength(two, 300)

    served(handler(), script)


def test_settings_that_make_no_sense_are_refused() -> None:
    """Before the first call."""
    translator = ScriptedTranslator()
    with pytest.raises(ConfigurationError, match="two different ones"):
        BridgeHandler(translator, ("en-US", "en-us"))
    for kept in (BridgeHandlerConfig(record="wav"), BridgeHandlerConfig(transcript=True)):
        with pytest.raises(ConfigurationError, match="folder"):
            BridgeHandler(translator, LANGUAGES, config=kept)
