"""The protocol of translation and recognition, message by message, with every fault that there is."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from emulator_client import (
    BYTES_PER_MS,
    CONTEXT,
    OLDER,
    RECOGNITION,
    UNIVERSAL,
    Answer,
    PlainClient,
    plain_client,
    wav,
    with_voice,
)
from websockets.exceptions import ConnectionClosed

from rawmedia.audio.timeline import TimeSpan
from rawmedia.testing import ScaledClock, noise
from rawmedia.testing.azure_emulator import (
    Abort,
    AzureSpeechEmulator,
    BadJSON,
    BrokenFrame,
    Close,
    EmulatedUtterance,
    FailedSynthesis,
    HalfOpen,
    MissingTurnEnd,
    MissingTurnStart,
    RecognitionFailure,
    Rotation,
    Service,
    Silence,
    SlowSynthesis,
    Throttle,
    TranslationFailure,
    Unacknowledged,
    WrongRequestId,
)

HELLO = EmulatedUtterance(
    source_text="hello",
    start_ms=100,
    end_ms=500,
    revisions=["he"],
    translations={"es": "hola"},
    speech=200.0,
)
BYE = EmulatedUtterance(source_text="bye", start_ms=600, end_ms=900, translations={"es": "adios"})
SCRIPT = [HELLO, BYE]


def paths(answers: list[Answer]) -> list[str]:
    return [answer.path for answer in answers]


def phrases(answers: list[Answer]) -> list[dict[str, Any]]:
    """The phrases of either family."""
    found = []
    for answer in answers:
        if answer.path in {"translation.phrase", "speech.phrase"}:
            found.append(answer.content)
        elif answer.path == "translation.response" and "SpeechPhrase" in answer.content:
            found.append(answer.content["SpeechPhrase"])
    return found


def texts(answers: list[Answer]) -> list[str]:
    said = (each.get("Text", each.get("DisplayText")) for each in phrases(answers))
    return [text for text in said if text]


async def conversation(
    client: PlainClient, ms: int = 1_000, context: dict[str, Any] = CONTEXT, **more: Any
) -> list[Answer]:
    """One whole turn."""
    await client.begin(context, **more)
    await client.audio(ms)
    await client.end()
    return await client.until("turn.end")


def test_the_newer_family_goes_with_the_newer_endpoint() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(SCRIPT) as emulator, plain_client(emulator) as client:
            answers = await conversation(client)
            assert paths(answers) == [
                "turn.start",
                "speech.startDetected",
                "translation.response",
                "translation.response",
                "speech.startDetected",
                "translation.response",
                "translation.response",
                "speech.endDetected",
                "turn.end",
            ]
            assert {answer.request_id for answer in answers} == {client.request_id}
            assert answers[2].content == {
                "SpeechHypothesis": {"Text": "he", "Offset": 1_000_000, "Duration": 2_000_000},
                "TranslationStatus": "Success",
                "Translations": [{"Language": "es", "Text": "[es] he"}],
            }
            assert answers[3].content == {
                "SpeechPhrase": {
                    "RecognitionStatus": "Success",
                    "DisplayText": "hello",
                    "Offset": 1_000_000,
                    "Duration": 4_000_000,
                },
                "TranslationStatus": "Success",
                "Translations": [{"Language": "es", "DisplayText": "hola"}],
            }
            assert answers[6].content == {
                "SpeechPhrase": {
                    "RecognitionStatus": "EndOfDictation",
                    "Offset": 10_000_000,
                    "Duration": 0,
                }
            }
            (connection,) = emulator.connections
            assert connection.said == emulator.sessions[0].connections[0].said
            assert list(connection.said) == paths(answers)
            assert connection.audio_ended
            assert connection.config == {"context": {"system": {"name": "plain"}}}
            assert list(connection.contexts) == [CONTEXT]

    asyncio.run(main())


def test_the_older_family_goes_with_the_older_endpoint() -> None:
    async def main() -> None:
        async with (
            AzureSpeechEmulator([HELLO]) as emulator,
            plain_client(emulator, OLDER) as client,
        ):
            query = f"{OLDER}&features=texttospeech&voice=es-ES-ElviraNeural"
            async with plain_client(emulator, query, session="other") as speaking:
                answers = await conversation(speaking, context={})
                assert "translation.synthesis.end" in paths(answers)
                assert emulator.connections[-1].query["to"] == ["es"]
            answers = await conversation(client, context={})
            hypothesis, phrase = answers[2:4]
            assert hypothesis.path == "translation.hypothesis"
            assert hypothesis.content == {
                "Text": "he",
                "Offset": 1_000_000,
                "Duration": 2_000_000,
                "Translation": {
                    "TranslationStatus": "Success",
                    "Translations": [{"Language": "es", "Text": "[es] he"}],
                },
            }
            assert phrase.path == "translation.phrase"
            assert phrase.content["RecognitionStatus"] == "Success"
            assert phrase.content["Translation"]["Translations"] == [
                {"Language": "es", "Text": "hola"}
            ]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("family", "audio", "end", "status"),
    [
        ("older", "translation.synthesis", "translation.synthesis.end", "SynthesisStatus"),
        ("newer", "audio", "audio.end", "Status"),
    ],
)
def test_speech_comes_as_wav_after_its_phrase_in_every_language_asked_for(
    family: Any, audio: str, end: str, status: str
) -> None:
    async def main() -> None:
        async with (
            AzureSpeechEmulator([HELLO], family=family) as emulator,
            plain_client(emulator) as client,
        ):
            answers = await conversation(client, context=with_voice("es", "de"))
            assert paths(answers)[3:8] == [paths(answers)[3], audio, end, audio, end]
            assert answers[5].content == {status: "Success"}
            assert answers[4].content[:4] == b"RIFF"
            assert len(answers[4].content) == 44 + 200 * BYTES_PER_MS

    asyncio.run(main())


def test_a_plain_recognition_tells_words_where_they_are_asked_for() -> None:
    context = {
        "phraseDetection": {"language": "en-us"},
        "phraseOutput": {"format": "Detailed", "detailed": {"options": ["WordTimings"]}},
    }

    async def main() -> None:
        async with (
            AzureSpeechEmulator([HELLO]) as emulator,
            plain_client(emulator, RECOGNITION) as client,
        ):
            answers = await conversation(client, context=context)
            assert paths(answers)[2:5] == ["speech.hypothesis", "speech.phrase", "speech.phrase"]
            assert answers[3].content["DisplayText"] == "hello"
            (best,) = answers[3].content["NBest"]
            assert best["Words"] == [{"Word": "hello", "Offset": 1_000_000, "Duration": 4_000_000}]
            assert answers[4].content["RecognitionStatus"] == "EndOfDictation"

    asyncio.run(main())


@pytest.mark.parametrize("family", ["older", "newer"])
def test_a_translation_tells_words_too(family: Any) -> None:
    context = CONTEXT | {"phraseOutput": {"detailed": {"options": ["WordTimings"]}}}

    async def main() -> None:
        async with (
            AzureSpeechEmulator([HELLO], family=family) as emulator,
            plain_client(emulator) as client,
        ):
            (phrase, _) = phrases(await conversation(client, context=context))
            assert phrase["NBest"][0]["Words"][0]["Word"] == "hello"

    asyncio.run(main())


def test_the_universal_endpoint_recognises_where_nothing_is_to_be_translated() -> None:
    context = {"languageId": {"languages": ["en-US", "de-DE"]}, "phraseDetection": {}}

    async def main() -> None:
        async with (
            AzureSpeechEmulator([HELLO]) as emulator,
            plain_client(emulator, "/speech/universal/v2") as client,
        ):
            answers = await conversation(client, context=context)
            assert "speech.phrase" in paths(answers)
            primary = phrases(answers)[0]["PrimaryLanguage"]
            assert primary == {"Language": "en-US", "Confidence": "High"}

    asyncio.run(main())


def test_each_source_language_has_a_script_of_its_own() -> None:
    """The two directions of a conversation go to one service."""

    async def main() -> None:
        async with AzureSpeechEmulator({"en-US": [HELLO], "es-ES": [BYE]}) as emulator:
            heard = []
            asked: list[dict[str, Any]] = [
                {"phraseDetection": {"language": each}} for each in ("en-US", "ES-es", "fr-FR")
            ]
            asked.append({"languageId": {"languages": ["es-ES", "en-US"]}, "phraseDetection": {}})
            for number, each in enumerate(asked):
                async with plain_client(emulator, session=str(number)) as client:
                    heard.append(texts(await conversation(client, context=CONTEXT | each)))
            assert heard == [["hello"], ["bye"], [], ["bye"]]

    asyncio.run(main())


def test_a_client_that_reconnects_goes_on_where_it_says() -> None:
    """Every sample is at its place in the end, and what is said counts from the turn's start."""
    speech = bytes(noise(1_000, seed=1))

    async def main() -> None:
        async with AzureSpeechEmulator(SCRIPT, faults=[Abort(at_ms=800)]) as emulator:
            async with plain_client(emulator) as client:
                await client.begin()
                await client.audio(0, data=speech)
                assert texts(await client.rest()) == ["hello"]
            async with plain_client(emulator) as client:
                await client.begin(offset_ms=500)
                await client.audio(0, data=speech[500 * BYTES_PER_MS :])
                await client.end()
                answers = await client.until("turn.end")
            assert texts(answers) == ["bye"]
            assert phrases(answers)[0]["Offset"] == 1_000_000
            (session,) = emulator.sessions
            assert session.audio.replays == [TimeSpan(500, 800)]
            assert session.audio.complete
            np.testing.assert_array_equal(emulator.received(), noise(1_000, seed=1).samples)
            np.testing.assert_array_equal(emulator.received(session), emulator.received(0))
            assert next(each.close_code for each in session.connections) == 1006
            (injection,) = emulator.injected
            assert (injection.connection, injection.position_ms) == (0, 800)

    asyncio.run(main())


def test_a_recogniser_that_is_started_again_begins_a_stream_anew() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator([HELLO]) as emulator, plain_client(emulator) as client:
            await conversation(client)
            assert texts(await conversation(client)) == ["hello"]
            (session,) = emulator.sessions
            assert [each.end_ms for each in session.streams] == [1_000, 1_000]
            assert session.audio.complete
            assert session.contexts == [CONTEXT, CONTEXT]

    asyncio.run(main())


def test_a_replay_over_the_same_connection_is_no_new_stream() -> None:
    """The SDK sends all again if a turn ends before anything was acknowledged."""

    async def main() -> None:
        faults = [Unacknowledged(times=None)]
        async with AzureSpeechEmulator(faults=faults) as emulator, plain_client(emulator) as client:
            await conversation(client)
            await conversation(client)
            assert len(emulator.sessions[0].streams) == 1
            assert emulator.sessions[0].audio.replayed_blocks == 16_000

    asyncio.run(main())


def test_the_format_of_the_audio_is_what_its_header_says() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator([HELLO]) as emulator, plain_client(emulator) as client:
            await client.begin()
            await client.binary(
                "audio", wav(8_000, 1, 8, 7) + bytes(8 * 1_000), Content_Type="audio/x-wav"
            )
            await client.end()
            assert texts(await client.until("turn.end")) == ["hello"]
            assert emulator.sessions[0].audio.end_ms == 1_000
            assert emulator.received().shape == (8_000, 1)
            await client.begin()
            await client.audio(100)
            await emulator.wait_for(lambda: emulator.sessions[0].audio.end_ms == 100)
            assert len(emulator.sessions[0].streams) == 2

    asyncio.run(main())


def test_targets_and_voices_change_while_a_turn_runs() -> None:
    update = {
        "id": "translation",
        "name": "updateLanguage",
        "to": ["es", "de"],
        "synthesis": {"defaultVoices": {"de": "de-DE-KatjaNeural"}},
    }

    async def main() -> None:
        async with AzureSpeechEmulator(SCRIPT) as emulator, plain_client(emulator) as client:
            await client.text("event", update)
            await client.begin(with_voice("es"))
            await client.audio(550)
            await client.text("event", {"name": "other"})
            await client.text("event", {"name": "updateLanguage"})
            await client.text("event", update, request_id="other")
            await client.audio(450)
            await client.end()
            answers = await client.until("turn.end")
            final = [a.content for a in answers if "SpeechPhrase" in str(a.content)]
            assert [each["Language"] for each in final[0]["Translations"]] == ["es"]
            assert [each["Language"] for each in final[1]["Translations"]] == ["es", "de"]
            spoken = [a.headers["x-streamid"] for a in answers if a.path == "audio"]
            assert set(spoken) == {"es", "de"}
            assert emulator.sessions[0].events[-1] == ("event", update)

    asyncio.run(main())


def test_a_commit_finishes_the_utterance_where_the_audio_ends() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(SCRIPT) as emulator, plain_client(emulator) as client:
            await client.begin()
            await client.binary("audio.commit", b"")
            await client.audio(300)
            await client.binary("audio.commit", b"", X_Client_Commit_Token="1")
            await client.audio(700)
            await client.end()
            answers = await client.until("turn.end")
            assert texts(answers) == ["hello", "bye"]
            assert phrases(answers)[0]["Duration"] == 2_000_000
            (_, second) = emulator.sessions[0].events
            assert second[1]["x-client-commit-token"] == "1"

    asyncio.run(main())


def test_one_utterance_is_enough_where_no_more_is_asked_for() -> None:
    context = with_voice("es")
    context["phraseDetection"]["mode"] = "INTERACTIVE"

    async def main() -> None:
        async with AzureSpeechEmulator(SCRIPT) as emulator, plain_client(emulator) as client:
            await client.begin(context)
            await client.audio(1_000)
            answers = await client.until("turn.end")
            assert texts(answers) == ["hello"]
            assert paths(answers)[-3:] == ["audio.end", "speech.endDetected", "turn.end"]
            await client.audio(100)
            await client.end()
            assert await client.quiet()
            assert emulator.sessions[0].audio.end_ms == 1_100, "what comes after it is recorded"

    asyncio.run(main())


def test_the_rest_of_an_old_turn_is_no_part_of_the_new_one() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator, plain_client(emulator) as client:
            await client.begin()
            await client.binary("audio", bytes(3_200), X_RequestId="old")
            await client.audio(100)
            await emulator.wait_for(lambda: emulator.sessions[0].audio.end_ms == 100)
            assert emulator.sessions[0].audio.received_blocks == 1_600

    asyncio.run(main())


@pytest.mark.parametrize("status", ["NoMatch", "InitialSilenceTimeout", "BabbleTimeout"])
@pytest.mark.parametrize("path", [UNIVERSAL, OLDER])
def test_an_utterance_may_be_no_words(status: str, path: str) -> None:
    script = [EmulatedUtterance(source_text="?", start_ms=0, end_ms=100, status=status)]

    async def main() -> None:
        async with AzureSpeechEmulator(script) as emulator, plain_client(emulator, path) as client:
            first = phrases(await conversation(client))[0]
            assert first == {"RecognitionStatus": status, "Offset": 0, "Duration": 1_000_000}

    asyncio.run(main())


def test_long_silence_is_acknowledged() -> None:
    async def main() -> None:
        async with (
            AzureSpeechEmulator(silence_timeout_ms=400) as emulator,
            plain_client(emulator) as client,
        ):
            answers = await conversation(client)
            statuses = [each["RecognitionStatus"] for each in phrases(answers)]
            assert statuses == ["InitialSilenceTimeout"] * 2 + ["EndOfDictation"]
            assert emulator.sessions[0].acknowledged_ticks == 10_000_000

    asyncio.run(main())


def test_delays_are_the_clocks_time_and_hold_up_nothing_else() -> None:
    """Slow speech does not keep the next words waiting; all comes before the end of the turn."""
    script = [
        EmulatedUtterance(
            source_text="hello",
            start_ms=0,
            end_ms=100,
            delay_ms=500,
            speech=400.0,
            speech_delay_ms=2_000,
            speech_interval_ms=500,
        ),
        EmulatedUtterance(source_text="bye", start_ms=100, end_ms=200, speech=None),
    ]

    async def main() -> None:
        clock = ScaledClock(20)
        async with (
            AzureSpeechEmulator(script, clock=clock) as emulator,
            plain_client(emulator) as client,
        ):
            start = clock.now()
            answers = await conversation(client, context=with_voice("es"))
            assert texts(answers) == ["hello", "bye"]
            assert paths(answers)[-5:] == [
                "audio",
                "audio.end",
                "translation.response",
                "speech.endDetected",
                "turn.end",
            ]
            assert clock.now() - start >= 3.0

    asyncio.run(main())


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1011, 1013, 4429])
def test_a_connection_is_closed_with_any_code_at_a_place_in_the_audio(code: int) -> None:
    async def main() -> None:
        faults = [Close(code=code, reason="why", at_ms=500)]
        async with AzureSpeechEmulator(SCRIPT, faults=faults) as emulator:
            async with plain_client(emulator) as client:
                await client.begin()
                await client.audio(500)
                assert texts(await client.rest()) == ["hello"]
                assert (client.close_code, client.socket.close_reason) == (code, "why")
            await emulator.wait_for(lambda: not emulator.connections[0].open)
            assert emulator.connections[0].close_code == code

    asyncio.run(main())


def test_a_client_that_does_not_agree_to_close_is_cut_off() -> None:
    async def main() -> None:
        async with (
            AzureSpeechEmulator(faults=[Close(at_ms=0)]) as emulator,
            plain_client(emulator) as client,
        ):
            await client.begin()
            client.socket.transport.pause_reading()
            await emulator.wait_for(lambda: not emulator.connections[0].open, 3)
            assert emulator.connections[0].close_code == 1006

    asyncio.run(main())


def test_what_a_client_sends_before_it_leaves_is_taken() -> None:
    """Audio and the end of the connection may come in one piece."""

    async def main() -> None:
        async with AzureSpeechEmulator() as emulator:
            async with plain_client(emulator) as client:
                await client.begin()
                await client.audio(1_000)
            await emulator.wait_for(lambda: emulator.connections and not emulator.sessions[0].open)
            assert emulator.sessions[0].audio.end_ms == 1_000
            assert emulator.connections[0].close_code == 1000

    asyncio.run(main())


def test_a_fault_of_another_service_does_not_happen_here() -> None:
    async def main() -> None:
        faults = [Abort(service=Service.SYNTHESIS), Close(service=Service.TRANSLATION)]
        async with (
            AzureSpeechEmulator([HELLO], faults=faults) as emulator,
            plain_client(emulator, RECOGNITION) as client,
        ):
            answers = await conversation(client, context={})
            assert [each["DisplayText"] for each in phrases(answers)[:1]] == ["hello"]
            assert emulator.injected == []

    asyncio.run(main())


def test_old_sessions_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator that runs for days holds the last ten thousand clients."""
    monkeypatch.setattr("rawmedia.testing.azure_emulator.emulator._MAX_SESSIONS", 1)

    async def main() -> None:
        async with AzureSpeechEmulator() as emulator:
            for name in ("first", "second"):
                async with plain_client(emulator, session=name) as client:
                    await conversation(client)
            assert [session.id for session in emulator.sessions] == ["second"]
            assert emulator.sessions[0].number == 1

    asyncio.run(main())


def test_a_connection_rotates_by_its_own_audio_however_long_the_stream_is() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(SCRIPT, faults=[Rotation(at_ms=400)]) as emulator:
            for offset_ms in (0, 500):
                async with plain_client(emulator) as client:
                    await client.begin(offset_ms=offset_ms)
                    await client.audio(400)
                    assert await client.refused() == 1000
            assert [each.position_ms for each in emulator.injected] == [400, 900]

    asyncio.run(main())


def test_a_moment_on_the_clock_needs_no_audio() -> None:
    async def main() -> None:
        faults = [Close(code=1001, at_ms=1_000, measured="clock"), Silence(at_ms=9e9)]
        async with (
            AzureSpeechEmulator(faults=faults, clock=ScaledClock(20)) as emulator,
            plain_client(emulator) as client,
        ):
            assert await client.refused() == 1001

    asyncio.run(main())


def test_a_silent_service_takes_all_and_answers_nothing() -> None:
    async def main() -> None:
        faults = [Silence(at_ms=200)]
        async with (
            AzureSpeechEmulator(SCRIPT, faults=faults) as emulator,
            plain_client(emulator) as client,
        ):
            await client.begin()
            await client.audio(1_000)
            await client.end()
            assert paths([await client.answer(), await client.answer()]) == [
                "turn.start",
                "speech.startDetected",
            ]
            assert await client.quiet()
            await emulator.wait_for(lambda: emulator.connections[0].audio_ended)
            assert emulator.sessions[0].audio.end_ms == 1_000

    asyncio.run(main())


def test_a_half_open_connection_takes_nothing_either() -> None:
    async def main() -> None:
        async with (
            AzureSpeechEmulator(SCRIPT, faults=[HalfOpen(at_ms=200)]) as emulator,
            plain_client(emulator) as client,
        ):
            await client.begin()
            await client.audio(1_000)
            await client.answer()
            await client.answer()
            assert await client.quiet()
            assert emulator.sessions[0].audio.end_ms == 200
            await emulator.aclose()

    asyncio.run(main())


def test_a_throttled_service_takes_audio_at_its_own_speed() -> None:
    async def main() -> None:
        clock = ScaledClock(20)
        faults = [Throttle(at_ms=200, speed=0.5)]
        async with (
            AzureSpeechEmulator(faults=faults, clock=clock) as emulator,
            plain_client(emulator) as client,
        ):
            start = clock.now()
            await conversation(client)
            assert clock.now() - start >= 1.6, "800 ms at half the speed"

    asyncio.run(main())


def test_a_broken_frame_is_the_end_of_a_connection() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(faults=[BrokenFrame(at_ms=300)]) as emulator:
            async with plain_client(emulator) as client:
                await client.begin()
                await client.audio(300)
                await client.rest()
            await emulator.wait_for(lambda: not emulator.connections[0].open)
            assert emulator.connections[0].close_code == 1002, "the client calls it a wrong frame"

    asyncio.run(main())


def test_a_turn_may_lack_its_beginning_or_its_end() -> None:
    async def main() -> None:
        faults = [MissingTurnStart(), MissingTurnEnd()]
        async with AzureSpeechEmulator(faults=faults) as emulator, plain_client(emulator) as client:
            await client.begin()
            await client.end()
            assert (await client.answer()).path == "translation.response"
            assert await client.quiet()

    asyncio.run(main())


def test_the_body_of_a_message_can_be_cut() -> None:
    async def main() -> None:
        faults = [BadJSON(path="translation.response")]
        async with (
            AzureSpeechEmulator(SCRIPT, faults=faults) as emulator,
            plain_client(emulator) as client,
        ):
            answers = await conversation(client)
        cut = [each for each in answers if isinstance(each.content, str)]
        assert [each.path for each in cut] == ["translation.response"]
        assert cut[0].content.startswith("{")

    asyncio.run(main())


def test_a_message_can_belong_to_nobody() -> None:
    async def main() -> None:
        faults = [WrongRequestId(path="translation.response", skip=1)]
        async with (
            AzureSpeechEmulator(SCRIPT, faults=faults) as emulator,
            plain_client(emulator) as client,
        ):
            answers = await conversation(client)
            strange = [a for a in answers if a.request_id != client.request_id]
        assert [texts([each]) for each in strange] == [["hello"]]

    asyncio.run(main())


def test_audio_can_go_unacknowledged() -> None:
    """Hypotheses come, phrases don't; not even the end of the audio acknowledges it."""

    async def main() -> None:
        faults = [Unacknowledged(times=None)]
        async with (
            AzureSpeechEmulator(SCRIPT, faults=faults) as emulator,
            plain_client(emulator) as client,
        ):
            answers = await conversation(client, context=with_voice("es"))
        assert phrases(answers) == []
        assert paths(answers).count("translation.response") == 1
        assert "audio" not in paths(answers)
        assert emulator.sessions[0].acknowledged_ticks == 0

    asyncio.run(main())


@pytest.mark.parametrize("status", ["Error", "Forbidden", "BadRequest", "TooManyRequests"])
def test_a_phrase_can_have_another_status_and_is_not_spoken_then(status: str) -> None:
    async def main() -> None:
        faults = [RecognitionFailure(status=status, from_ms=300)]
        async with (
            AzureSpeechEmulator([HELLO], faults=faults) as emulator,
            plain_client(emulator) as client,
        ):
            answers = await conversation(client, context=with_voice("es"))
        assert phrases(answers)[0]["RecognitionStatus"] == status
        assert "audio" not in paths(answers)

    asyncio.run(main())


@pytest.mark.parametrize("path", [UNIVERSAL, OLDER])
def test_a_phrase_can_be_understood_and_not_translated(path: str) -> None:
    async def main() -> None:
        async with (
            AzureSpeechEmulator([HELLO], faults=[TranslationFailure()]) as emulator,
            plain_client(emulator, path) as client,
        ):
            answers = await conversation(client)
        assert texts(answers) == ["hello"]
        assert "'TranslationStatus': 'Error'" in str([each.content for each in answers])

    asyncio.run(main())


def test_speech_can_fail_or_be_slow_or_end_badly_as_scripted() -> None:
    script = [
        HELLO,
        EmulatedUtterance(
            source_text="bye", start_ms=600, end_ms=900, speech=100.0, synthesis_status="Error"
        ),
    ]

    async def main() -> None:
        clock = ScaledClock(20)
        faults = [SlowSynthesis(delay_ms=1_000), FailedSynthesis(reason="no voice")]
        async with (
            AzureSpeechEmulator(script, faults=faults, clock=clock, family="older") as emulator,
            plain_client(emulator) as client,
        ):
            start = clock.now()
            answers = await conversation(client, context=with_voice("es"))
            assert clock.now() - start >= 1
            ends = [a.content for a in answers if a.path == "translation.synthesis.end"]
            assert ends == [
                {"SynthesisStatus": "Error", "FailureReason": "no voice"},
                {"SynthesisStatus": "Error", "FailureReason": "as scripted"},
            ]
            assert paths(answers).count("translation.synthesis") == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    "message",
    [
        "nonsense",
        "Path:speech.context\r\n\r\n[",
        'Path:speech.context\r\n\r\n{"continuation":{"audio":{"streams":{"1":{"offset":"x"}}}}}',
        'Path:speech.context\r\n\r\n{"continuation":{"audio":{"streams":{"1":{"offset":"9'
        + "9" * 17
        + '"}}}}}',
        "Path:audio\r\n\r\n",
        b"",
        b"\xff\xff",
        b"\x00\x0cPath:audio\r\nx",
    ],
    ids=range(8),
)
def test_a_message_that_makes_no_sense_ends_its_connection_alone(message: str | bytes) -> None:
    """And the reason is written down; other clients notice nothing."""

    async def main() -> None:
        async with AzureSpeechEmulator([HELLO]) as emulator:
            async with plain_client(emulator) as client:
                await client.socket.send(message)
                assert await client.refused() == 1007
            assert emulator.connections[0].problem
            async with plain_client(emulator, session="other") as client:
                assert texts(await conversation(client)) == ["hello"]

    asyncio.run(main())


@pytest.mark.parametrize(
    "context",
    [
        {"phraseDetection": [], "translation": 1, "languageId": {"languages": [1]}},
        {"continuation": {"audio": {"streams": []}}, "synthesis": {"defaultVoices": 5}},
        {"phraseDetection": {"language": 7, "initialSilenceTimeout": "x"}, "phraseOutput": None},
    ],
)
def test_a_context_of_another_shape_asks_for_nothing(context: dict[str, Any]) -> None:
    async def main() -> None:
        async with AzureSpeechEmulator([HELLO]) as emulator, plain_client(emulator) as client:
            assert len(phrases(await conversation(client, context=context))) == 2

    asyncio.run(main())


def test_messages_in_many_frames_are_one_message() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator, plain_client(emulator) as client:
            await client.begin()
            whole = b"\x00\x1ePath:audio\r\nX-RequestId:" + b"1" * 5 + b"\r\n"
            head = f"Path:audio\r\nX-RequestId:{client.request_id}\r\n".encode()
            whole = len(head).to_bytes(2, "big") + head + bytes(640)
            await client.socket.send([whole[:50], whole[50:100], whole[100:]])
            await emulator.wait_for(lambda: emulator.sessions[0].audio.end_ms == 20)

    asyncio.run(main())


def test_a_script_that_breaks_is_told_when_the_emulator_is_left() -> None:
    """A test must not pass because its script raised somewhere in the background."""

    def script(number: int) -> EmulatedUtterance:
        raise ZeroDivisionError

    async def main() -> None:
        async with AzureSpeechEmulator(script) as emulator, plain_client(emulator) as client:
            await client.begin()
            await client.audio(100)
            with pytest.raises(ConnectionClosed):
                await client.until("turn.end")

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())


def test_waiting_for_what_never_comes_ends_in_time() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator:
            with pytest.raises(TimeoutError):
                await emulator.wait_for(lambda: False, 0.01)

    asyncio.run(main())
