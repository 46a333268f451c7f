"""Microsoft's real SDK on the emulator: what it makes of everything that the emulator says and does."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import numpy as np
import pytest

sdk = pytest.importorskip("azure.cognitiveservices.speech", reason="needs Microsoft's Speech SDK")

from emulator_sdk import Told, running, speak, speech_config, translation_config  # noqa: E402

from rawmedia.audio.format import WIDEBAND_VOICE  # noqa: E402
from rawmedia.streams.clock import SystemClock  # noqa: E402
from rawmedia.testing import noise  # noqa: E402
from rawmedia.testing.azure_emulator import (  # noqa: E402
    Abort,
    AzureSpeechEmulator,
    BadJSON,
    BrokenFrame,
    Close,
    EmulatedUtterance,
    FailedSynthesis,
    Fault,
    MissingTurnEnd,
    MissingTurnStart,
    RecognitionFailure,
    RefusedHandshake,
    Rotation,
    SlowHandshake,
    TranslationFailure,
    Unacknowledged,
    WrongRequestId,
    speech_for_text,
)

AUDIO = noise(3_000, seed=1)
HELLO = EmulatedUtterance(
    source_text="hello",
    start_ms=200,
    end_ms=900,
    revisions=["he"],
    translations={"es": "hola", "de": "hallo"},
    speech=300.0,
    language="de-DE",
)
BYE = EmulatedUtterance(
    source_text="bye", start_ms=1_500, end_ms=2_500, translations={"es": "adios"}, language="en-US"
)
SCRIPT = [HELLO, BYE]


async def told(
    *faults: Fault, targets: tuple[str, ...] = ("es",), voice: str | None = None, **settings: Any
) -> tuple[list[Told], AzureSpeechEmulator]:
    """All that the SDK tells of three seconds of audio, until its session ends."""
    async with AzureSpeechEmulator(SCRIPT, faults=faults, **settings) as emulator:
        config = translation_config(emulator, *targets)
        if voice is not None:
            config.voice_name = voice
        async with running(config) as client:
            client.stream.write(bytes(AUDIO))
            await client.finish()
    return client.told, emulator


def finals(events: list[Told]) -> list[str]:
    return [each.text for each in events if each.kind == "recognized" and each.text]


def end(events: list[Told]) -> str:
    """The reason for the end, and the code of it."""
    (one,) = [each for each in events if each.kind == "canceled"]
    return f"{one.reason} {one.details.partition(':')[0]}"


def heard_ms(emulator: AzureSpeechEmulator) -> float:
    return max((session.audio.end_ms for session in emulator.sessions), default=0.0)


FINE = "EndOfStream NoError"


@pytest.mark.parametrize("family", ["older", "newer"])
def test_the_sdk_takes_both_families(family: Any) -> None:
    async def main() -> None:
        events, emulator = await told(
            targets=("es", "de"), voice="es-ES-ElviraNeural", family=family
        )
        assert [each.kind for each in events] == [
            "speech_start_detected",
            "recognizing",
            "recognized",
            "synthesizing",
            "synthesizing",
            "synthesizing",
            "speech_start_detected",
            "recognized",
            *["synthesizing"] * 3,
            "speech_end_detected",
            "canceled",
            "session_stopped",
        ]
        assert events[1].translations == (("es", "[es] he"), ("de", "[de] he"))
        final = events[2]
        assert (final.text, final.start_ms, final.end_ms) == ("hello", 200, 900)
        assert final.translations == (("es", "hola"), ("de", "hallo"))
        assert events[3].audio[:4] == b"RIFF"
        assert len(events[3].audio + events[4].audio) == 44 + 300 * 32
        assert events[5].reason == "SynthesizingAudioCompleted"
        assert end(events) == FINE
        np.testing.assert_array_equal(emulator.received(), AUDIO.samples)
        assert emulator.sessions[0].audio.complete
        context = emulator.sessions[0].contexts[0]
        assert context["synthesis"]["defaultVoices"] == {"es": "es-ES-ElviraNeural"}

    asyncio.run(main())


def test_the_older_endpoint_is_served_too() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(SCRIPT) as emulator:
            endpoint = f"{emulator.host}/speech/translation/cognitiveservices/v1"
            config = translation_config(emulator, "es", host=None, endpoint=endpoint)
            config.voice_name = "es-ES-ElviraNeural"
            async with running(config) as client:
                client.stream.write(bytes(AUDIO))
                await client.finish()
            assert client.finals() == ["hello", "bye"]
            assert sum(len(each.audio) for each in client.of("synthesizing")) > 300 * 32
            assert emulator.connections[0].query["to"] == ["es"]
            assert emulator.connections[0].counts["translation.phrase"] == 3

    asyncio.run(main())


@pytest.mark.parametrize(
    "fault",
    [
        Abort(at_ms=2_000),
        Abort(at_ms=800, every_ms=800, times=None),
        Close(code=1000, at_ms=2_000),
        Close(code=1001, at_ms=1_200),
        Close(code=1011, at_ms=2_000),
        Close(code=1013, at_ms=300),
        Rotation(at_ms=1_700),
        BrokenFrame(at_ms=2_000),
        RefusedHandshake(times=3),
        RecognitionFailure(status="ServiceUnavailable"),
        SlowHandshake(delay_ms=200),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_fault_that_the_sdk_survives_loses_no_word_and_no_sample(fault: Fault) -> None:
    """It reconnects and replays; the recording puts every sample in its place."""

    async def main() -> None:
        events, emulator = await told(fault)
        assert finals(events) == ["hello", "bye"]
        assert end(events) == FINE
        assert emulator.injected
        np.testing.assert_array_equal(emulator.received(), AUDIO.samples)
        assert emulator.sessions[0].audio.complete
        assert len(emulator.sessions) == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fault", "code", "handshakes"),
    [
        (RefusedHandshake(status=400), "BadRequest", 1),
        (RefusedHandshake(status=401), "AuthenticationFailure", 1),
        (RefusedHandshake(status=403), "AuthenticationFailure", 1),
        (RefusedHandshake(status=404, times=None), "ServiceError", 5),
        (RefusedHandshake(status=408, times=None), "ServiceTimeout", 5),
        (RefusedHandshake(status=429, times=None), "TooManyRequests", 5),
        (RefusedHandshake(status=500, times=None), "ServiceError", 5),
        (RefusedHandshake(status=502, times=None), "ServiceError", 5),
        (RefusedHandshake(status=503, times=None), "ServiceUnavailable", 5),
        (Abort(at_ms=100, times=None), "ConnectionFailure", 5),
        (Close(code=1001, at_ms=100, times=None), "ConnectionFailure", 5),
        (Close(code=1002, at_ms=100), "ConnectionFailure", 1),
        (Close(code=1003, at_ms=100, times=None), "ConnectionFailure", 5),
        (Close(code=1007, at_ms=100), "BadRequest", 1),
        (Close(code=1008, at_ms=100, times=None), "ConnectionFailure", 5),
        (Close(code=1011, at_ms=100, times=None), "ServiceError", 5),
        (Close(code=1013, at_ms=100, times=None), "ServiceError", 5),
        (Close(code=4429, at_ms=100), "TooManyRequests", 1),
        (RecognitionFailure(status="Error", times=None), "ServiceError", 5),
        (RecognitionFailure(status="Forbidden", times=None), "Forbidden", 5),
        (RecognitionFailure(status="BadRequest", times=None), "BadRequest", 5),
        (RecognitionFailure(status="TooManyRequests", times=None), "TooManyRequests", 5),
    ],
    ids=lambda value: (
        f"{type(value).__name__}-{getattr(value, 'status', getattr(value, 'code', ''))}"
        if isinstance(value, Fault)
        else str(value)
    ),
)
def test_a_fault_that_the_sdk_gives_up_on_is_told_as_its_facts_say(
    fault: Fault, code: str, handshakes: int
) -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(SCRIPT, faults=[fault]) as emulator:
            async with running(translation_config(emulator, "es")) as client:
                client.stream.write(bytes(AUDIO))
                await client.feed_until(client.ended.is_set)
            assert end(client.told) == f"Error {code}"
            assert emulator.handshakes == handshakes

    asyncio.run(main())


def test_closing_normally_every_time_leaves_the_sdk_a_zombie() -> None:
    """It tells nothing at all, ever: this is what a watchdog is tested against."""

    async def main() -> None:
        faults = [Close(code=1000, at_ms=100, times=None)]
        async with (
            AzureSpeechEmulator(SCRIPT, faults=faults) as emulator,
            running(translation_config(emulator, "es")) as client,
        ):
            client.stream.write(bytes(AUDIO))
            await client.feed_until(lambda: emulator.handshakes >= 5)
            assert not await asyncio.to_thread(client.ended.wait, 0.3)
            assert not client.of("canceled")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (BadJSON(), ["hello", "bye"]),
        (WrongRequestId(path="translation.response", times=None), []),
        (MissingTurnStart(), []),
        (TranslationFailure(), ["hello", "bye"]),
        (RecognitionFailure(status="NoMatch"), ["bye"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_said_wrongly_is_survived_or_dropped(fault: Fault, words: list[str]) -> None:
    async def main() -> None:
        async with (
            AzureSpeechEmulator(SCRIPT, faults=[fault]) as emulator,
            running(translation_config(emulator, "es")) as client,
        ):
            client.stream.write(bytes(AUDIO))
            await emulator.wait_for(lambda: heard_ms(emulator) >= 3_000)
            await asyncio.sleep(0.1)
            assert client.finals() == words

    asyncio.run(main())


def test_a_synthesis_that_fails_ends_the_session() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(SCRIPT, faults=[FailedSynthesis()]) as emulator:
            config = translation_config(emulator, "es")
            config.voice_name = "es-ES-ElviraNeural"
            async with running(config) as client:
                client.stream.write(bytes(AUDIO))
                await client.until_ended()
            assert end(client.told) == "Error ServiceError"

    asyncio.run(main())


def test_audio_that_is_never_acknowledged_fills_the_sdks_buffer() -> None:
    async def main() -> None:
        faults = [Unacknowledged(times=None)]
        async with AzureSpeechEmulator(SCRIPT, faults=faults) as emulator:
            config = translation_config(emulator, "es")
            config.set_property_by_name("SPEECH-MaxBufferSizeMs", "2000")
            async with running(config) as client:
                client.stream.write(bytes(AUDIO))
                await client.feed_until(client.ended.is_set)
            assert "buffer exceeded" in client.cancelled.details

    asyncio.run(main())


def test_a_turn_that_never_ends_makes_stopping_slow() -> None:
    async def main() -> None:
        async with (
            AzureSpeechEmulator(faults=[MissingTurnEnd(times=None)]) as emulator,
            running(translation_config(emulator, "es")) as client,
        ):
            client.stream.write(bytes(AUDIO)[:32_000])
            await emulator.wait_for(lambda: heard_ms(emulator) >= 1_000)
            clock = asyncio.get_running_loop()
            start = clock.time()
            stop = client.recognizer.stop_continuous_recognition_async
            await asyncio.to_thread(lambda: stop().get())
            assert clock.time() - start >= 0.9, "the second that was set; else it is ten"

    asyncio.run(main())


class TurnedClock(SystemClock):
    """Real time, but for what a test adds to it."""

    ahead_s = 0.0

    def now(self) -> float:
        return super().now() + self.ahead_s


def test_a_token_that_has_expired_counts_at_the_next_connection() -> None:
    async def main() -> None:
        faults = [Abort(at_ms=1_000)]
        clock = TurnedClock()
        async with AzureSpeechEmulator(
            SCRIPT, faults=faults, tokens={"T1": 600_000.0}, clock=clock
        ) as emulator:
            config = translation_config(emulator, "es", subscription=None, host=emulator.host)
            config.authorization_token = "T1"
            async with running(config) as client:
                client.stream.write(bytes(AUDIO)[:16_000])
                await emulator.wait_for(lambda: heard_ms(emulator) >= 500)
                clock.ahead_s = 600.0
                client.stream.write(bytes(AUDIO)[16_000:])
                await client.until_ended()
            assert client.cancelled.details.startswith("AuthenticationFailure")
            assert "T1" not in client.cancelled.details

    asyncio.run(main())


def test_the_language_that_was_found_out_reaches_the_sdk() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(SCRIPT) as emulator:
            config = translation_config(emulator, "es")
            config.set_property(sdk.PropertyId.SpeechServiceConnection_LanguageIdMode, "Continuous")
            languages = sdk.languageconfig.AutoDetectSourceLanguageConfig(
                languages=["en-US", "de-DE"]
            )
            async with running(config, auto_detect_source_language_config=languages) as client:
                client.stream.write(bytes(AUDIO))
                await client.finish()
            assert [each.language for each in client.of("recognized")] == ["de-DE", "en-US"]

    asyncio.run(main())


def test_targets_change_and_utterances_are_committed_live() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(SCRIPT) as emulator:
            config = translation_config(emulator, "es")
            async with running(config) as client:
                client.stream.write(bytes(AUDIO)[: 32 * 1_000])
                await emulator.wait_for(lambda: heard_ms(emulator) >= 1_000)
                client.recognizer.add_target_language("de")
                await emulator.wait_for(lambda: emulator.sessions[0].events)
                client.stream.write(bytes(AUDIO)[32 * 1_000 : 32 * 2_000])
                await emulator.wait_for(lambda: heard_ms(emulator) >= 2_000)
                client.stream.commit()
                await emulator.wait_for(lambda: len(emulator.sessions[0].events) == 2)
                client.stream.write(bytes(AUDIO)[32 * 2_000 :])
                await client.finish()
            first, second = client.of("recognized")
            assert first.translations == (("es", "hola"),)
            assert second.translations == (("es", "adios"), ("de", "[de] bye"))
            assert second.end_ms == 2_000

    asyncio.run(main())


def test_one_utterance_at_a_time_and_the_next_goes_on_where_it_ended() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(SCRIPT) as emulator:
            async with running(translation_config(emulator, "es"), start=False) as client:
                client.stream.write(bytes(AUDIO))
                client.stream.close()
                once = client.recognizer.recognize_once_async
                results = [await asyncio.to_thread(lambda: once().get()) for _ in range(2)]
            assert [each.text for each in results] == ["hello", "bye"]
            offset = emulator.sessions[0].contexts[1]["continuation"]["audio"]["streams"]["1"]
            assert offset == {"offset": "9000000"}
            assert emulator.sessions[0].audio.complete

    asyncio.run(main())


def test_plain_recognition_gives_words_and_their_times() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(SCRIPT, faults=[Abort(at_ms=2_000)]) as emulator:
            config = speech_config(emulator)
            config.request_word_level_timestamps()
            config.output_format = sdk.OutputFormat.Detailed
            async with running(config) as client:
                client.stream.write(bytes(AUDIO))
                await client.finish()
            assert client.finals() == ["hello", "bye"]
            assert '"Word":"hello"' in client.of("recognized")[0].details
            assert emulator.sessions[0].audio.complete
            assert emulator.sessions[0].service == "recognition"

    asyncio.run(main())


def test_mu_law_is_received_as_it_was_sent() -> None:
    data = bytes(range(256)) * 80

    async def main() -> None:
        async with AzureSpeechEmulator([HELLO]) as emulator:
            law = sdk.audio.AudioStreamFormat(
                8_000, 8, 1, wave_stream_format=sdk.AudioStreamWaveFormat.MULAW
            )
            async with running(translation_config(emulator, "es"), format=law) as client:
                client.stream.write(data)
                await client.finish()
            assert client.finals() == ["hello"]
            assert emulator.received().tobytes() == data

    asyncio.run(main())


def test_a_minute_with_many_drops_loses_nothing_and_keeps_no_audio() -> None:
    """What a soak of an hour does, in small: counted and summed up, not kept."""
    audio = noise(40_000, seed=3)

    def script(number: int) -> EmulatedUtterance:
        start_ms = number * 1_000 + 100
        return EmulatedUtterance(
            source_text=f"word {number}", start_ms=start_ms, end_ms=start_ms + 800
        )

    async def main() -> None:
        faults = [Abort(at_ms=6_000, every_ms=6_000, times=None), Rotation(at_ms=20_000)]
        async with AzureSpeechEmulator(script, faults=faults, record_audio=False) as emulator:
            async with running(translation_config(emulator, "es")) as client:
                client.stream.write(bytes(audio))
                await client.finish()
            assert client.finals() == [f"word {number}" for number in range(40)]
            assert len(emulator.injected) == emulator.injected_count == 6
            (session,) = emulator.sessions
            assert session.audio.complete
            assert session.audio.end_ms == 40_000
            assert session.audio.digest() == hashlib.sha256(bytes(audio)).hexdigest()
            assert emulator.received().size == 0

    asyncio.run(main())


def test_texts_are_spoken_over_one_connection_in_the_format_asked_for() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator:
            config = speech_config(emulator)
            config.speech_synthesis_voice_name = "de-DE-KatjaNeural"
            config.set_speech_synthesis_output_format(
                sdk.SpeechSynthesisOutputFormat.Raw24Khz16BitMonoPcm
            )
            first, second = await speak(config, ["Hallo & <du>", "zwei"])
            assert first.audio == bytes(speech_for_text("Hallo & <du>", WIDEBAND_VOICE))
            assert second.audio == bytes(speech_for_text("zwei", WIDEBAND_VOICE))
            assert first.words[0] == ("Hallo", 0.0, 325.0)
            assert len(emulator.connections) == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("faults", "voice", "code", "handshakes"),
    [
        ([], "de-DE-NobodyNeural", "BadRequest", 1),
        ([FailedSynthesis(times=None)], "de-DE-KatjaNeural", "ServiceError", 2),
        ([RefusedHandshake(status=401)], "de-DE-KatjaNeural", "AuthenticationFailure", 1),
    ],
)
def test_speech_that_cannot_be_made_is_told_by_the_synthesizer(
    faults: list[Fault], voice: str, code: str, handshakes: int
) -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(faults=faults) as emulator:
            config = speech_config(emulator)
            config.speech_synthesis_voice_name = voice
            (result,) = await speak(config, ["hallo"])
            assert (result.reason, result.code) == ("Canceled", code)
            assert emulator.handshakes == handshakes

    asyncio.run(main())


def test_the_sdk_reads_the_list_of_voices() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator(keys=["x"]) as emulator:

            def names() -> list[str]:
                synthesizer = sdk.SpeechSynthesizer(speech_config(emulator), audio_config=None)
                return [voice.short_name for voice in synthesizer.get_voices_async().get().voices]

            assert "fr-FR-DeniseNeural" in await asyncio.to_thread(names)

    asyncio.run(main())
