"""Synthesis: SSML in, speech in the format that was asked for out, and what goes wrong with it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import numpy as np
import pytest
from emulator_client import SYNTHESIS, Answer, PlainClient, plain_client, ssml
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.audio.format import AudioFormat
from rawmedia.codecs.g711 import ALawDecoder, ULawDecoder
from rawmedia.errors import PayloadError, UnsupportedFormatError
from rawmedia.testing import ScaledClock
from rawmedia.testing.azure_emulator import (
    Abort,
    AzureSpeechEmulator,
    Close,
    FailedSynthesis,
    HalfOpen,
    MissingTurnEnd,
    MissingTurnStart,
    SlowSynthesis,
    Throttle,
    speech_for_text,
)
from rawmedia.testing.azure_emulator.output_format import output_format
from rawmedia.testing.azure_emulator.ssml import Segment, read_ssml
from rawmedia.testing.azure_emulator.upload_format import wav_header

TEXT = "Guten Tag, wie geht's?"
OPTIONS = {
    "wordBoundaryEnabled": True,
    "punctuationBoundaryEnabled": True,
    "sessionEndEnabled": True,
}
BILLION_LAUGHS = """<!DOCTYPE speak [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<speak><voice name='x'>&b;</voice></speak>"""


def speech(answers: list[Answer]) -> bytes:
    return b"".join(each.content for each in answers if each.path == "audio")


async def spoken(client: PlainClient, text: str = TEXT, **audio: Any) -> list[Answer]:
    await client.say(text, **audio)
    return await client.until("turn.end")


def test_a_text_is_spoken_as_the_protocol_wants_it() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator, plain_client(emulator, SYNTHESIS) as client:
            answers = await spoken(client, metadataOptions=OPTIONS)
            assert speech(answers) == bytes(speech_for_text(TEXT, AudioFormat(16_000)))
            start, response, *middle, end = answers
            assert (start.path, response.path, end.path) == ("turn.start", "response", "turn.end")
            stream = response.content["audio"]
            assert stream["type"] == "inline"
            names = {a.headers["x-streamid"] for a in middle if a.path == "audio"}
            assert names == {stream["streamId"]}
            data = [a.content["Metadata"][0] for a in middle if a.path == "audio.metadata"]
            words = [each["Data"]["text"]["Text"] for each in data[:-1]]
            assert words == ["Guten", "Tag", ",", "wie", "geht's", "?"]
            assert data[2]["Data"] == {
                "Offset": 9 * 650_000,
                "Duration": 650_000,
                "text": {"Text": ",", "Length": 1, "BoundaryType": "PunctuationBoundary"},
            }
            assert data[-1] == {"Type": "SessionEnd", "Data": {"Offset": len(TEXT) * 650_000}}
            assert list(emulator.connections[0].texts) == [ssml(TEXT)]

    asyncio.run(main())


def test_several_texts_go_over_one_connection_even_at_once() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator, plain_client(emulator, SYNTHESIS) as client:
            await client.text("speech.config", {"context": {}})
            await client.text("synthesis.control", {"action": "none"})
            await client.text("telemetry")
            names = []
            for text in ("eins", "zwei", "drei"):
                await client.say(text)
                names.append(client.request_id)
            for text, name in zip(("eins", "zwei", "drei"), names, strict=True):
                answers = await client.until("turn.end")
                assert {each.request_id for each in answers} == {name}
                assert speech(answers) == bytes(speech_for_text(text, AudioFormat(16_000)))
                assert "audio.metadata" not in [each.path for each in answers]
            assert emulator.sessions[0].events == [("synthesis.control", {"action": "none"})]
            assert emulator.connections[0].config == {"context": {}}

    asyncio.run(main())


@pytest.mark.parametrize("rate", [8, 16, 24, 48])
@pytest.mark.parametrize("container", ["raw", "riff"])
def test_pcm_comes_at_the_rate_that_was_asked_for(container: str, rate: int) -> None:
    asked = AudioFormat(rate * 1_000)

    async def main() -> None:
        async with AzureSpeechEmulator() as emulator, plain_client(emulator, SYNTHESIS) as client:
            name = f"{container}-{rate}khz-16bit-mono-pcm"
            data = speech(await spoken(client, outputFormat=name))
            header = wav_header(asked) if container == "riff" else b""
            assert data == header + bytes(speech_for_text(TEXT, asked))

    asyncio.run(main())


@pytest.mark.parametrize(("law", "decoder"), [("mulaw", ULawDecoder), ("alaw", ALawDecoder)])
def test_companded_speech_is_one_byte_a_sample(law: str, decoder: Any) -> None:
    encoder = output_format(f"raw-8khz-8bit-mono-{law}").encoder()
    frame = speech_for_text("hallo", AudioFormat(8_000))
    data = encoder.push(frame) + encoder.end()
    assert len(data) == frame.samples_per_channel
    decoded = decoder().decode(data).astype(int)
    assert np.abs(decoded - frame.samples).max() <= 1_024, "a step of the coarsest segment"


def test_opus_comes_in_pages_of_ogg() -> None:
    ogg = pytest.importorskip("rawmedia.codecs.ogg_opus", reason="needs the library's Ogg Opus")
    try:
        encoder = output_format("ogg-48khz-16bit-mono-opus").encoder()
    except UnsupportedFormatError as error:
        pytest.skip(f"Opus can't be loaded: {error}")
    frame = speech_for_text("hallo", AudioFormat(48_000))
    data = encoder.push(frame) + encoder.end()
    decoder = ogg.OggOpusDecoder(AudioFormat(48_000))
    decoded = [decoder.push(data), decoder.end()]
    assert data[:4] == b"OggS"
    assert sum(len(piece) for piece in decoded) == frame.samples_per_channel


@pytest.mark.parametrize("module", ["rawmedia.codecs.ogg_opus", "rawmedia.codecs.g711"])
def test_a_codec_that_is_not_there_is_an_unsupported_format(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    name = "ogg-16khz-16bit-mono-opus" if "ogg" in module else "raw-8khz-8bit-mono-alaw"
    with pytest.raises(UnsupportedFormatError, match="lacks"):
        output_format(name).encoder()


@pytest.mark.parametrize(
    "name",
    ["", "audio-16khz-32kbitrate-mono-mp3", "raw-16khz-8bit-mono-pcm", "riff-8khz-8bit-mono-mulaw",
     "raw-16khz-16bit-mono-opus", "raw-48hz-16bit-mono-pcm", "ogg-16khz-16bit-mono-pcm"],
)  # fmt: skip
def test_a_format_that_the_emulator_lacks_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedFormatError):
        output_format(name)


def test_ssml_says_whose_voice_speaks_what() -> None:
    document = (
        "<speak xml:lang='en-US'><voice name='de-DE-KatjaNeural'>Hallo <prosody rate='+10%'>&lt;du&gt;"
        "</prosody>\n &amp; <break time='1s'/>so</voice><voice name='Microsoft Server Speech Text to "
        "Speech Voice (fr-FR, HenriNeural)'>Salut</voice><voice name='Custom'>Hi 😀</voice></speak>"
    )
    assert read_ssml(document) == (
        Segment("de-DE-KatjaNeural", "de-DE", "Hallo <du> & so"),
        Segment("fr-FR-HenriNeural", "fr-FR", "Salut"),
        Segment("Custom", "Custom", "Hi 😀"),
    )


@pytest.mark.parametrize(
    "document",
    [
        "", "text", "<a/>", "<speak>", "<speak>text</speak>", "<speak><voice>x</voice></speak>",
        "<speak><voice name='a'><voice name='b'/></voice></speak>", BILLION_LAUGHS, "<speak>&x;</speak>",
        "<!DOCTYPE speak SYSTEM 'file:///etc/passwd'><speak/>", "<speak>\ud800</speak>",
        "<speak>" + "<p>" * 100 + "</p>" * 100 + "</speak>", "<speak>" + " " * 300_000 + "</speak>",
        "<speak><voice name='a'>\x00</voice></speak>",
    ],
    ids=range(14),
)  # fmt: skip
def test_what_is_no_ssml_is_a_typed_error(document: str) -> None:
    """Least of all is an entity expanded or a file fetched."""
    with pytest.raises(PayloadError):
        read_ssml(document)


@given(st.binary(max_size=60), st.text(max_size=20))
def test_any_bytes_are_ssml_or_a_typed_error(data: bytes, text: str) -> None:
    for document in (data, b"<speak>" + data + b"</speak>", f"<speak><voice name='{text}'>"):
        with contextlib.suppress(PayloadError):
            read_ssml(document)


@pytest.mark.parametrize(
    ("text", "more", "problem"),
    [
        ("<broken", {}, "no XML"),
        ("x", {"voice": "de-DE-NobodyNeural"}, "Unsupported voice de-DE-NobodyNeural"),
        ("x", {"outputFormat": "audio-16khz-128kbitrate-mono-mp3"}, "mp3"),
    ],
)
def test_a_text_that_cannot_be_spoken_closes_the_connection_and_says_why(
    text: str, more: dict[str, Any], problem: str
) -> None:
    """The real service has no other way to say it; the SDK makes BadRequest of it."""

    async def main() -> None:
        async with AzureSpeechEmulator() as emulator, plain_client(emulator, SYNTHESIS) as client:
            await client.say(text, **more)
            assert await client.refused() == 1007
            assert problem in (client.socket.close_reason or "")
            await emulator.wait_for(lambda: emulator.connections[0].problem)

    asyncio.run(main())


def test_a_message_that_is_none_closes_the_connection() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator, plain_client(emulator, SYNTHESIS) as client:
            await client.socket.send(b"\xff\xff")
            assert await client.refused() == 1007

    asyncio.run(main())


def test_no_more_texts_wait_than_a_bound() -> None:
    async def main() -> None:
        faults = [SlowSynthesis(delay_ms=60_000)]
        async with (
            AzureSpeechEmulator(faults=faults) as emulator,
            plain_client(emulator, SYNTHESIS) as client,
        ):
            for _ in range(103):
                await client.text("ssml", ssml("x"), request_id="r")
            assert await client.refused() == 1007

    asyncio.run(main())


def test_contexts_that_nobody_uses_are_forgotten() -> None:
    async def main() -> None:
        async with AzureSpeechEmulator() as emulator, plain_client(emulator, SYNTHESIS) as client:
            for number in range(20):
                await client.text("synthesis.context", {"synthesis": []}, request_id=str(number))
            await client.text("ssml", ssml("x"), request_id="19")
            assert len(speech(await client.until("turn.end"))) == 200 * 32

    asyncio.run(main())


def test_synthesis_can_fail_or_be_slow() -> None:
    async def main() -> None:
        clock = ScaledClock(20)
        faults = [SlowSynthesis(delay_ms=2_000), FailedSynthesis(skip=1, reason="out of voice")]
        async with (
            AzureSpeechEmulator(faults=faults, clock=clock) as emulator,
            plain_client(emulator, SYNTHESIS) as client,
        ):
            start = clock.now()
            await spoken(client)
            assert clock.now() - start >= 2
            await client.say("x")
            assert await client.refused() == 1011
            assert client.socket.close_reason == "out of voice"

    asyncio.run(main())


def test_a_turn_of_speech_may_lack_its_beginning_or_its_end() -> None:
    async def main() -> None:
        faults = [MissingTurnStart(), MissingTurnEnd(skip=1)]
        async with (
            AzureSpeechEmulator(faults=faults) as emulator,
            plain_client(emulator, SYNTHESIS) as client,
        ):
            assert (await spoken(client, "x"))[0].path == "response"
            await client.say("x")
            while not await client.quiet():
                pass
            assert emulator.connections[0].counts["turn.end"] == 1

    asyncio.run(main())


@pytest.mark.parametrize("fault", [Abort(at_ms=500), Close(at_ms=500, code=1001)])
def test_a_connection_can_end_in_the_middle_of_speech(fault: Any) -> None:
    async def main() -> None:
        async with (
            AzureSpeechEmulator(faults=[fault]) as emulator,
            plain_client(emulator, SYNTHESIS) as client,
        ):
            await client.say(TEXT)
            assert len(speech(await client.rest())) == 500 * 32
            assert client.close_code == getattr(fault, "code", 1006)

    asyncio.run(main())


def test_a_half_open_connection_speaks_no_more() -> None:
    async def main() -> None:
        async with (
            AzureSpeechEmulator(faults=[HalfOpen()]) as emulator,
            plain_client(emulator, SYNTHESIS) as client,
        ):
            await client.say(TEXT)
            await client.answer()
            assert await client.quiet()
            await client.say(TEXT)

    asyncio.run(main())


def test_speech_can_come_at_its_own_speed() -> None:
    async def main() -> None:
        clock = ScaledClock(20)
        faults = [Throttle(speed=2)]
        async with (
            AzureSpeechEmulator(faults=faults, clock=clock) as emulator,
            plain_client(emulator, SYNTHESIS) as client,
        ):
            start = clock.now()
            await spoken(client, "x" * 30)
            assert clock.now() - start >= 30 * 0.065 / 2 - 0.1

    asyncio.run(main())


def test_ten_thousand_characters_are_spoken_as_long_as_the_client_reads() -> None:
    """Ten minutes of speech do not pile up in memory: it is made as it is taken."""

    async def main() -> None:
        async with AzureSpeechEmulator() as emulator, plain_client(emulator, SYNTHESIS) as client:
            await client.say("wort " * 2_000)
            await client.answer()
            client.socket.transport.pause_reading()
            counts, before = emulator.connections[0].counts, -1
            while counts["audio"] != before:
                before = counts["audio"]
                await asyncio.sleep(0.05)
            assert 0 < before < 5_000, "of the six thousand that the whole speech is"
            client.socket.transport.resume_reading()
            await client.socket.close()

    asyncio.run(main())
