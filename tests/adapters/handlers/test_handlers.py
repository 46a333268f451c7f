"""What the handlers that come along make of calls: echo, recordings, captions, and names that are safe."""

from __future__ import annotations

import json
import logging
import resource
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from handler_kit import Server, acs, served
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.adapters.call_log import JsonLines, log_event
from rawmedia.adapters.handlers import (
    BadParameterError,
    CallFolders,
    CaptionsHandler,
    CaptionsHandlerConfig,
    EchoHandler,
    RecordHandler,
    RecordHandlerConfig,
    call_parameters,
)
from rawmedia.adapters.handlers.parameters import one_of, required_key
from rawmedia.adapters.handlers.transcript import CallTranscript
from rawmedia.adapters.websocket import Handshake, StreamStarted, WebSocketLeg
from rawmedia.audio.format import SPEECH
from rawmedia.audio.timeline import TimeSpan
from rawmedia.captions.report import SessionReport
from rawmedia.captions.transcript import read_transcript
from rawmedia.errors import EngineCrashedError, FileWriteError, UnsupportedLanguageError
from rawmedia.testing import (
    ScriptedCrash,
    ScriptedTranslator,
    ScriptedUtterance,
    speech_like,
    tone,
)
from rawmedia.testing.assertions import assert_same_audio
from rawmedia.translators.events import FinalTranslation
from rawmedia.translators.request import TranslationRequest
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = TranslationRequest(source_language="en-US", target_languages=("es", "fr-FR"))
HELLO = ScriptedUtterance(
    source_text="hello",
    start_ms=200,
    end_ms=900,
    translations={"es": "hola", "fr-FR": "bonjour"},
    audio=300.0,
)


def test_a_caller_hears_himself() -> None:
    """The whole way there and back, through a platform's messages."""

    async def script(server: Server) -> None:
        said = speech_like(1_500, seed=1)
        call = acs("one", said, server.clock)
        server.dial(call)
        await server.passes(2_000)
        assert_same_audio(said, call.heard(), snr_db=60, align_ms=400)
        call.hang_up()
        await server.passes(100)

    log = served(lambda _clock: EchoHandler(), script)
    assert log.events == ["call_started", "call_ended"]
    (ended,) = log.of("call_ended")
    assert ended["call"] == "one"
    assert ended["outcome"] == "over"
    assert ended["heard_ms"] == pytest.approx(2_000, abs=100)
    assert ended["duration_s"] == pytest.approx(2, abs=0.1)


def test_what_callers_say_is_recorded_in_folders_of_their_own(tmp_path: Path) -> None:
    """Two calls at once, and a call whose name would lead out of the folder."""
    said = [tone(1_000, hz=300), tone(1_000, hz=700)]

    async def script(server: Server) -> None:
        names = ("first", "../../second")
        for name, audio in zip(names, said, strict=True):
            server.dial(acs(name, audio, server.clock))
        await server.passes(1_200)

    served(lambda _clock: RecordHandler(CallFolders(tmp_path / "calls")), script)
    folders = sorted(each.name for each in (tmp_path / "calls").iterdir())
    assert folders == ["first", "second"]
    assert [each.name for each in tmp_path.iterdir()] == ["calls"]
    for folder, hz in (("first", 300), ("second", 700)):
        manifest = json.loads((tmp_path / "calls" / folder / "recording.json").read_text())
        (says,) = [track for track in manifest["tracks"] if track["role"] == "original"]
        path = tmp_path / "calls" / folder / says["parts"][0]["file"]
        samples, rate = soundfile.read(path)
        spectrum = np.abs(np.fft.rfft(samples[: rate // 2]))
        assert np.argmax(spectrum) * 2 == pytest.approx(hz, abs=4)


def test_voices_that_the_platform_separates_are_tracks_of_their_own(tmp_path: Path) -> None:
    """Also of who joins while the recording runs."""

    async def script(server: Server) -> None:
        voices = {"4:+1": tone(800, hz=300), "8:acs:b": tone(800, hz=700)}
        server.dial(acs("call", voices, server.clock))
        await server.passes(1_000)

    served(lambda _clock: RecordHandler(CallFolders(tmp_path)), script)
    manifest = json.loads((tmp_path / "call" / "recording.json").read_text())
    people = {track["participant"] for track in manifest["tracks"] if track["role"] == "original"}
    assert people >= {"4:+1", "8:acs:b"}


def test_a_call_is_captioned_in_every_language(tmp_path: Path) -> None:
    """Text only: nothing is spoken, and the report says how it went."""
    engines: list[ScriptedTranslator] = []

    def handler(clock: object) -> CaptionsHandler:
        engines.append(ScriptedTranslator([HELLO], clock=clock))  # type: ignore[arg-type]
        return CaptionsHandler(engines[0], REQUEST, CallFolders(tmp_path))

    async def script(server: Server) -> None:
        call = acs("one", speech_like(1_500, seed=1), server.clock)
        server.dial(call)
        await server.passes(1_500)
        call.hang_up()
        await server.passes(500)
        assert not call.heard().samples.any()

    log = served(handler, script)
    assert not engines[0].requests[0].speech
    for language, text in (("es", "hola"), ("fr-FR", "bonjour")):
        assert text in (tmp_path / "one" / f"{language}.vtt").read_text()
    report = SessionReport.read(tmp_path / "one" / "report.json")
    assert report.complete
    assert [each.source_text for each in report.utterances] == ["hello"]
    assert log.of("captions_ended") == [{"call": "one", "utterances": 1, "complete": True}]
    # What was said is nobody's business who reads a log.
    assert not any("hello" in json.dumps(line) or "hola" in json.dumps(line) for line in log.lines)


def test_captions_show_the_original_and_lines_are_kept_if_that_is_wanted(tmp_path: Path) -> None:
    """Both are settings of the handler."""
    config = CaptionsHandlerConfig(bilingual=True, transcript=True)

    def handler(clock: object) -> CaptionsHandler:
        engine = ScriptedTranslator([HELLO], clock=clock)  # type: ignore[arg-type]
        return CaptionsHandler(engine, REQUEST, CallFolders(tmp_path), config=config)

    async def script(server: Server) -> None:
        server.dial(acs("one", speech_like(1_500, seed=1), server.clock))
        await server.passes(1_500)

    served(handler, script)
    assert "hello" in (tmp_path / "one" / "es.vtt").read_text()
    (entry,) = read_transcript(tmp_path / "one" / "transcript.jsonl")
    assert (entry.speaker, entry.source_text) == ("one", "hello")
    assert entry.translations == {"es": "hola", "fr-FR": "bonjour"}


def test_a_transcript_that_can_not_be_written_ends_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The disk is full; the call goes on, and the log says so once."""
    final = FinalTranslation("u1", 1, "hello", "en-US", TimeSpan(0, 900), {"es": "hola"})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (
        caplog.at_level(logging.INFO),
        CallTranscript(tmp_path / "small.jsonl", "call-1") as transcript,
    ):
        transcript.take("something else", "ana")
        transcript.take(final, "ana")
        size = (tmp_path / "small.jsonl").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1, hard))
        try:
            transcript.take(final, "ana")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        transcript.take(final, "ana")
    assert len(read_transcript(tmp_path / "small.jsonl")) == 1
    (record,) = caplog.records
    assert record.getMessage() == "transcript_failed call=call-1 problem=FileWriteError"


def test_a_recording_is_as_long_as_was_wanted(tmp_path: Path) -> None:
    """Its bound ends the recording, and not the call."""

    async def script(server: Server) -> None:
        server.dial(acs("one", tone(3_000), server.clock))
        await server.passes(3_000)
        assert server.calls.stats.calls == 1

    config = RecordHandlerConfig(max_bytes=40_000)
    log = served(lambda _clock: RecordHandler(CallFolders(tmp_path), config=config), script)
    assert sum(each.stat().st_size for each in (tmp_path / "one").glob("*.wav")) <= 40_000
    assert log.of("recording_stopped")


def test_an_engine_that_fails_ends_its_call_and_leaves_its_captions(tmp_path: Path) -> None:
    """The other call goes on, and the log says which one failed and why."""
    crash = ScriptedCrash(at_ms=1_400, error=EngineCrashedError("scripted", "no more"))

    def handler(clock: object) -> CaptionsHandler:
        engine = ScriptedTranslator([HELLO, crash], clock=clock)  # type: ignore[arg-type]
        return CaptionsHandler(engine, REQUEST, CallFolders(tmp_path))

    async def script(server: Server) -> None:
        calls = [acs(name, speech_like(3_000, seed=1), server.clock) for name in ("one", "two")]
        for call in calls:
            server.dial(call)
        await server.passes(2_000)
        assert server.calls.stats.failed == 1
        assert server.calls.stats.calls == 1

    log = served(handler, script)
    (failed,) = log.of("handler_failed")
    assert failed["problem"].startswith("EngineCrashedError")
    assert "hola" in (tmp_path / failed["call"] / "es.vtt").read_text()
    assert not SessionReport.read(tmp_path / failed["call"] / "report.json").complete


def test_a_language_that_the_engine_lacks_is_refused_before_any_call(tmp_path: Path) -> None:
    """Whoever starts the server hears of it, not the first caller."""
    only = TranslatorCapabilities(
        name="spanish", input_formats=(SPEECH,), target_languages=("es",), multi_target=True
    )
    with pytest.raises(UnsupportedLanguageError):
        CaptionsHandler(ScriptedTranslator(capabilities=only), REQUEST, CallFolders(tmp_path))


@given(names=st.lists(st.text(max_size=100), min_size=1, max_size=4))
def test_no_name_leads_out_of_the_folder_or_into_anothers(
    names: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Names come from whoever dials."""
    root = tmp_path_factory.mktemp("calls")
    folders = CallFolders(root)
    made = [folders.new(name) for name in names]
    assert len(set(made)) == len(names)
    for folder in made:
        assert folder.is_dir()
        assert folder.resolve().parent == root.resolve()


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    """Such as within a file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(FileWriteError):
        CallFolders(tmp_path / "file").new("call")


def leg(url: str, parameters: dict[str, str] | None = None) -> WebSocketLeg:
    started = StreamStarted(SPEECH, None, None, parameters or {})
    return WebSocketLeg(started, handshake=Handshake.of(url, {}))


def test_parameters_are_those_of_the_platform_and_of_the_url() -> None:
    """Twilio keeps no query, ACS has no parameters; the platform's come first."""
    found = call_parameters(leg("wss://host/calls?key=a&language=fr-FR&key=b", {"key": "mine"}))
    assert found == {"key": "mine", "language": "fr-FR"}
    assert call_parameters(leg("wss://host/calls?key=a&key=b")) == {"key": "a"}
    assert call_parameters(WebSocketLeg(StreamStarted(SPEECH, None))) == {}
    asked = Handshake.of("wss://host/calls/desk?key=b&x=1", {}, {"key": "desk"})
    in_path = WebSocketLeg(StreamStarted(SPEECH, None), handshake=asked)
    assert call_parameters(in_path) == {"key": "desk", "x": "1"}
    assert call_parameters(leg("wss://host/?" + "&".join(f"a{n}=1" for n in range(1_000)))) == {}


@pytest.mark.parametrize("key", ["", "..", "a/b", "a b", "é", "x" * 65, "-a", "a\n"])
def test_a_key_that_is_no_name_is_refused(key: str) -> None:
    """It stands in logs and in names of folders; what it was is not repeated."""
    with pytest.raises(BadParameterError) as refused:
        required_key({"key": key}, "key")
    assert refused.value.parameter == "key"
    with pytest.raises(BadParameterError, match="missing"):
        required_key({}, "key")
    assert required_key({"key": "case-17.a_B"}, "key") == "case-17.a_B"


def test_a_choice_is_one_of_those_there_are() -> None:
    """In any case, as language tags are."""
    assert one_of({"language": "FR-fr"}, "language", ("en-US", "fr-FR")) == "fr-FR"
    assert one_of({}, "language", ("en-US",)) is None
    with pytest.raises(BadParameterError, match="en-US or fr-FR"):
        one_of({"language": "de"}, "language", ("en-US", "fr-FR"))


def test_a_line_of_the_log_is_one_whatever_a_name_holds(caplog: pytest.LogCaptureFixture) -> None:
    """Else who dials could write lines of his own."""
    logger = logging.getLogger("rawmedia.test")
    with caplog.at_level(logging.INFO):
        log_event(logger, logging.INFO, "call_started", call="a\nb c", n=1, share=0.12345, no=None)
        log_event(logger, logging.DEBUG, "unheard")
        logger.info("plain %s", "text")
    (event, plain) = caplog.records
    assert event.getMessage() == 'call_started call="a\\nb c" n=1 share=0.123'
    line = JsonLines().format(event)
    assert "\n" not in line
    fields = json.loads(line)
    assert fields["call"] == "a\nb c"
    assert fields["level"] == "info"
    assert "no" not in fields
    assert json.loads(JsonLines().format(plain))["message"] == "plain text"


def test_a_traceback_is_in_the_json(caplog: pytest.LogCaptureFixture) -> None:
    """For a program's own mistakes, which somebody has to find."""
    logger = logging.getLogger("rawmedia.test")
    with caplog.at_level(logging.INFO):
        try:
            raise RuntimeError("a mistake")
        except RuntimeError as error:
            log_event(logger, logging.ERROR, "handler_failed", error=error, call="x")
    assert "a mistake" in json.loads(JsonLines().format(caplog.records[0]))["traceback"]
