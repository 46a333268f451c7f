from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import soundfile
from command_line import (
    GREETING,
    QUESTION,
    cues,
    rawmedia,
    scripted,
    seconds,
    speech,
    translate,
)

from rawmedia.audio.format import SPEECH
from rawmedia.audio.timeline import TimeSpan
from rawmedia.captions import SessionReport
from rawmedia.cli.exits import ExitCode
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.script import ScriptedEvent, ScriptedStall
from rawmedia.testing.translators import ScriptedTranslator
from rawmedia.translators.events import FinalTranslation, TranslatorWarning
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return speech(tmp_path / "talk.wav")


def test_a_recording_becomes_speech_captions_and_a_report(source: Path, tmp_path: Path) -> None:
    """The main job: three files that fit together, and nothing said on the error stream."""
    audio, captions, report = tmp_path / "o.wav", tmp_path / "o.vtt", tmp_path / "o.json"

    ran = translate(source, "-o", audio, "--captions", captions, "--report", report)

    assert (ran.exit_code, ran.stderr) == (0, "")
    written = SessionReport.read(report)
    assert written.complete
    assert written.error is None
    assert written.input is not None
    assert written.input.path == str(source)
    heard = [each.translations["es"].heard_at_ms for each in written.utterances]
    assert [round(start * 1000) for start, _, _ in cues(captions)] == [
        pytest.approx(ms, abs=1) for ms in heard
    ]
    assert [text for _, _, text in cues(captions)] == ["buenos días", "¿cómo está?"]
    assert seconds(audio) >= 4.0


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus"])
def test_the_suffix_says_how_the_speech_is_written(
    source: Path, tmp_path: Path, suffix: str
) -> None:
    """The four kinds that the help names; in capitals too, as Windows writes them."""
    audio = tmp_path / f"o{suffix.upper()}"

    assert translate(source, "-o", audio).exit_code == 0

    assert seconds(audio) >= 4.0


def test_the_original_may_be_heard_below_the_translation(source: Path, tmp_path: Path) -> None:
    """As in a voice-over; where nobody translates it is at its own level."""
    alone, over = tmp_path / "alone.wav", tmp_path / "over.wav"

    assert translate(source, "-o", alone).exit_code == 0
    assert translate(source, "-o", over, "--mix", "duck").exit_code == 0

    quiet, loud = (soundfile.read(path)[0] for path in (alone, over))
    assert not quiet[:2_400].any()
    assert loud[2_400:4_800].std() > 0.05  # the original before the first answer
    assert seconds(over) == seconds(alone)


def test_both_may_be_heard_side_by_side(source: Path, tmp_path: Path) -> None:
    """The original on the left and the translation on the right, for who compares them."""
    audio = tmp_path / "both.wav"

    assert translate(source, "-o", audio, "--mix", "side-by-side").exit_code == 0

    samples, _ = soundfile.read(audio)
    assert samples.shape[1] == 2
    left, right = samples[2_400:4_800].T
    assert left.std() > 0.05
    assert not right.any()
    assert samples[:, 1].any()


def test_without_speech_there_is_nothing_to_mix(source: Path, tmp_path: Path) -> None:
    """It would be ignored in silence."""
    ran = translate(source, "--text-only", "--mix", "duck", "--captions", tmp_path / "o.vtt")

    assert ran.exit_code == ExitCode.USAGE
    assert "--mix: nothing is heard with --text-only" in ran.stderr


def test_srt_captions_and_no_report_are_a_choice_too(source: Path, tmp_path: Path) -> None:
    """Each result is made only if it is asked for."""
    audio, captions = tmp_path / "o.wav", tmp_path / "o.srt"

    assert translate(source, "-o", audio, "--captions", captions).exit_code == 0

    assert "buenos días" in captions.read_text("utf-8")
    assert {each.name for each in tmp_path.iterdir()} == {"talk.wav", "o.wav", "o.srt"}


def test_on_a_pipe_finals_alone_are_printed_a_line_each(source: Path, tmp_path: Path) -> None:
    """What `| grep` and `| cut -f3` can work on; partials would be noise there."""
    ran = translate(source, "-o", tmp_path / "o.wav")

    assert ran.stdout.splitlines()[:4] == [
        "0:00.2\ten-US\tgood morning",
        "0:00.2\tes\tbuenos días",
        "0:01.5\ten-US\thow are you",
        "0:01.5\tes\t¿cómo está?",
    ]
    assert "\x1b" not in ran.stdout


def test_the_closing_table_says_how_it_went_and_where_the_results_lie(
    source: Path, tmp_path: Path
) -> None:
    """What a person looks for when the command is done."""
    audio, captions, report = tmp_path / "o.wav", tmp_path / "o.vtt", tmp_path / "o.json"
    unknown = ScriptedEvent(
        at_ms=3_000,
        event=FinalTranslation(
            "u9", 0, "frobnicate it", "en-US", TimeSpan(2_600, 3_000), {"es": "frobnicate lo"},
            untranslated=("frobnicate",),
        ),
    )  # fmt: skip

    ran = translate(
        source, "-o", audio, "--captions", captions, "--report", report, engine=scripted(unknown)
    )

    table = dict(
        line.strip().split("  ", 1) for line in ran.stdout.splitlines() if line.startswith("  ")
    )
    table = {name: " ".join(value.split()) for name, value in table.items()}
    assert table["Utterances"] == "3"
    assert table["Speech in"].startswith("4.0 s heard in ")
    assert table["Speech out"] == "1.5 s"
    assert table["Untranslated words"] == "1 (frobnicate)"
    assert "P50" in table["Ear-voice span"]
    assert "P90" in table["Ear-voice span"]
    assert "--realtime includes it" in table["Ear-voice span"]
    assert "Dropped" not in table
    assert table["Captions"].endswith("timed to the audio")
    assert "o.json" in ran.stdout


def test_quiet_says_nothing_when_all_goes_well(source: Path, tmp_path: Path) -> None:
    """For scripts; the results are there all the same."""
    ran = translate(source, "-o", tmp_path / "o.wav", "--quiet")

    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "")
    assert seconds(tmp_path / "o.wav") >= 4.0


def test_text_only_times_captions_to_the_input(source: Path, tmp_path: Path) -> None:
    """Without speech the captions are subtitles of the original, so they lie where it is said."""
    captions, engine = tmp_path / "o.vtt", scripted()

    ran = translate(source, "--text-only", "--captions", captions, engine=engine)

    assert ran.exit_code == 0
    assert not engine.requests[0].speech
    assert [(start, text) for start, _, text in cues(captions)] == [
        (GREETING.start_ms / 1000, "buenos días"),
        (QUESTION.start_ms / 1000, "¿cómo está?"),
    ]
    assert "Speech out" not in ran.stdout
    assert "timed to the input" in ran.stdout


def test_a_voice_is_asked_of_the_engine(source: Path, tmp_path: Path) -> None:
    """The name is the engine's own; nobody else knows it."""
    engine = scripted()

    translate(source, "-o", tmp_path / "o.wav", "--voice", "es-MX-DaliaNeural", engine=engine)

    assert engine.requests[0].voices == {"es": "es-MX-DaliaNeural"}


@pytest.mark.parametrize(
    ("name", "options", "realtime"),
    [
        ("azure", [], True),
        ("azure", ["--no-realtime"], False),
        ("offline", [], False),
        ("offline", ["--realtime"], True),
    ],
)
def test_azure_runs_in_real_time_unless_told_otherwise(
    source: Path, tmp_path: Path, name: str, options: list[str], realtime: bool
) -> None:
    """Its SDK takes audio no faster than twice that, and only so the figures mean anything."""
    clock = VirtualClock()
    capabilities = TranslatorCapabilities(name=name, input_formats=(SPEECH,))
    engine = scripted(clock=clock, capabilities=capabilities)

    ran = translate(source, "-o", tmp_path / "o.wav", *options, engine=engine, clock=clock)

    assert ran.exit_code == 0
    assert (clock.now() > 3.9) is realtime
    assert ("in real time" in ran.stdout) is realtime
    assert ("first word said to first heard" in ran.stdout) is realtime


def test_a_warning_of_the_engine_is_passed_on(source: Path, tmp_path: Path) -> None:
    """The translation goes on, but whoever reads it should know; quiet or not."""
    warning = ScriptedEvent(at_ms=1_200, event=TranslatorWarning("the voice\nfailed"))

    ran = translate(source, "-o", tmp_path / "o.wav", "-q", engine=scripted(warning))

    assert (ran.exit_code, ran.stdout) == (0, "")
    assert ran.stderr == "rawmedia: warning: the voice failed\n"


def test_in_lockstep_waiting_for_the_engine_is_no_news(source: Path, tmp_path: Path) -> None:
    """The input goes as fast as the engine takes it; a slow one is not a fault."""
    stall = ScriptedStall(at_ms=1_200, duration_ms=800)

    ran = translate(source, "-o", tmp_path / "o.wav", engine=scripted(stall))

    assert (ran.exit_code, ran.stderr) == (0, "")


def test_in_real_time_an_engine_that_falls_behind_is(source: Path, tmp_path: Path) -> None:
    """A call does not wait: what the engine could not take is counted and shown."""
    clock = VirtualClock()
    long = speech(tmp_path / "long.wav", duration_s=40)
    stall = ScriptedStall(at_ms=1_200, duration_ms=25_000)

    ran = translate(
        long,
        *("-o", tmp_path / "o.wav", "--realtime", "--report", tmp_path / "o.json"),
        engine=scripted(stall, clock=clock),
        clock=clock,
    )

    assert ran.exit_code == 0
    assert "the session waits for it" in ran.stderr
    dropped_ms = SessionReport.read(tmp_path / "o.json").totals.overrun_ms
    assert dropped_ms > 1_000
    assert f"{dropped_ms:.0f} ms of the input" in ran.stdout


def test_a_header_that_claims_hours_is_an_error_after_what_is_there_was_translated(
    tmp_path: Path,
) -> None:
    """Recorders that are cut off leave such files; a script must be able to tell."""
    source = speech(tmp_path / "talk.wav")
    data = bytearray(source.read_bytes())
    data[40:44] = (2_000_000_000).to_bytes(4, "little")
    source.write_bytes(data)

    report = tmp_path / "o.json"
    ran = translate(source, "-o", tmp_path / "o.wav", "--report", report)

    assert ran.exit_code == ExitCode.INPUT
    assert "the header claims 2000000000 bytes of audio" in ran.stderr
    assert "4.0 s heard" in ran.stdout
    assert seconds(tmp_path / "o.wav") >= 4
    told = SessionReport.read(report)
    assert told.utterances
    assert not told.complete
    assert "the header claims 2000000000 bytes" in str(told.error)


def test_an_existing_result_is_replaced(source: Path, tmp_path: Path) -> None:
    """As the help says; a second run is the usual case."""
    audio = tmp_path / "o.wav"
    speech(audio, duration_s=60)

    assert translate(source, "-o", audio).exit_code == 0

    assert seconds(audio) < 10


def test_the_report_is_json_that_others_read(source: Path, tmp_path: Path) -> None:
    """Not only this library's own model."""
    translate(source, "-o", tmp_path / "o.wav", "--report", tmp_path / "o.json")

    report = json.loads((tmp_path / "o.json").read_text("utf-8"))

    assert report["utterances"][0]["translations"]["es"]["text"] == "buenos días"


def test_version_and_help_work_without_an_engine() -> None:
    """The first two things that anybody types; the help tells the exit codes."""
    from rawmedia import __version__

    assert rawmedia("--version").stdout == f"rawmedia {__version__}\n"
    for command in ([], ["translate"], ["demo"]):
        text = rawmedia(*command, "--help").stdout
        for code in ("0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "130 ", "143 "):
            assert f"\n    {code}" in text


def test_the_help_tells_that_azure_means_real_time() -> None:
    """Otherwise the default would surprise."""
    text = " ".join(rawmedia("translate", "--help").stdout.split())

    assert "The default is real time for azure" in text


def test_an_engine_whose_pieces_need_closing_is_closed(source: Path, tmp_path: Path) -> None:
    """The offline engine has processes; they end with the command."""

    class Closing(ScriptedTranslator):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    engine = Closing([GREETING])

    translate(source, "-o", tmp_path / "o.wav", engine=engine)

    assert engine.closed == 1
    assert engine.translations[0].closed
