"""What the tests of the Azure engine share: the emulator as its service, frames to send, events to read."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import TranslatorError
from rawmedia.testing import noise
from rawmedia.testing.azure_emulator import EmulatedUtterance
from rawmedia.translators.azure import AzureOptions, AzureSpeechConfig, AzureTranslator
from rawmedia.translators.azure.session import AzureSessions
from rawmedia.translators.request import TranslationRequest
from rawmedia.translators.resilience import ResilienceConfig, ResilienceWarning

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawmedia.audio.format import AudioFormat
    from rawmedia.testing.azure_emulator import AzureSpeechEmulator
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.translator import Translation

E = TypeVar("E")

KEY = "0123456789abcdef0123456789abcdef"
NOISE = noise(20, seed=1)
"""One frame of it is sent again and again; the watchdog takes the first eight seconds for speech."""
FAST = AzureOptions(upload_speed=20)
HELLO = EmulatedUtterance(
    source_text="hello",
    start_ms=100,
    end_ms=1_000,
    revisions=["he", "hell"],
    translations={"es": "hola", "de": "hallo"},
    speech=200.0,
)
BYE = EmulatedUtterance(
    source_text="bye",
    start_ms=1_500,
    end_ms=2_000,
    translations={"es": "adios", "de": "ade"},
    speech=200.0,
)


def riff_header(
    sample_rate: int = 16_000, channels: int = 1, bits: int = 16, tag: int = 1
) -> bytes:
    """A WAV header whose sizes are not known yet, as the service sends it."""
    align = channels * bits // 8
    return b"".join(
        [
            b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00",
            tag.to_bytes(2, "little"),
            channels.to_bytes(2, "little"),
            sample_rate.to_bytes(4, "little"),
            (sample_rate * align).to_bytes(4, "little"),
            align.to_bytes(2, "little"),
            bits.to_bytes(2, "little"),
            b"data\xff\xff\xff\xff",
        ]
    )


def config(emulator: AzureSpeechEmulator, **settings: Any) -> AzureSpeechConfig:
    return AzureSpeechConfig(**{"key": KEY, "host": emulator.host} | settings)


def translator(
    emulator: AzureSpeechEmulator,
    options: AzureOptions | None = None,
    *,
    resilience: ResilienceConfig | None = None,
    synthesizer: Any = None,
    **settings: Any,
) -> AzureTranslator:
    return AzureTranslator(
        config(emulator, **settings),
        options=options or FAST,
        resilience=resilience,
        synthesizer=synthesizer,
    )


def sessions(
    emulator: AzureSpeechEmulator, options: AzureOptions | None = None, **settings: Any
) -> AzureSessions:
    return AzureSessions(config(emulator, **settings), options or FAST)


def request(*targets: str, source: str = "en-US", **settings: Any) -> TranslationRequest:
    return TranslationRequest(
        source_language=source, target_languages=targets or ("es",), **settings
    )


async def send(
    translation: Translation,
    duration_ms: int,
    start_ms: int = 0,
    *,
    loud: bool = True,
    format: AudioFormat = SPEECH,
) -> None:
    """Twenty milliseconds after the other, as fast as they are taken."""
    samples = format.samples(20)
    data = bytes(NOISE)[: samples * 2] if loud else bytes(samples * 2)
    for at in range(start_ms, start_ms + duration_ms, 20):
        await translation.send(AudioFrame(data, format, format.samples(at)))


async def talk_on(translation: Translation, *, from_ms: int = 0, every_s: float = 0.01) -> None:
    """Send without end, until it is cancelled or the translation is over."""
    at = from_ms
    while True:
        await send(translation, 20, at)
        at += 20
        await asyncio.sleep(every_s)


async def rest(translation: Translation, timeout: float = 10.0) -> list[TranslationEvent]:
    """All events until the end."""
    async with asyncio.timeout(timeout):
        return [event async for event in translation]


async def rest_until_it_fails(
    translation: Translation, timeout: float = 10.0
) -> tuple[list[TranslationEvent], TranslatorError | None]:
    events: list[TranslationEvent] = []
    try:
        async with asyncio.timeout(timeout):
            async for event in translation:
                events.append(event)
    except TranslatorError as error:
        return events, error
    return events, None


async def first(translation: Translation, kind: type[E]) -> E:
    """The next event of a kind."""
    async with asyncio.timeout(10):
        async for event in translation:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"no {kind.__name__} came")


def of(events: Iterable[TranslationEvent], kind: type[E]) -> list[E]:
    return [each for each in events if isinstance(each, kind)]


def codes(events: Iterable[TranslationEvent]) -> list[str]:
    """The steps that the translation took to survive."""
    return [each.code for each in of(events, ResilienceWarning)]


def wait_for_recognizers() -> None:
    """Every recogniser is released in the end, also those that were given up in the background."""
    deadline = time.monotonic() + 5
    for thread in threading.enumerate():
        if thread.name == "azure-recognizer":
            thread.join(max(0.0, deadline - time.monotonic()))
            assert not thread.is_alive()
