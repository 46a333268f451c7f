import asyncio
from collections.abc import AsyncIterator

from rawmedia import (
    AudioFrame,
    FileLeg,
    Interpreter,
    TimeSpan,
    TranslatedAudio,
    TranslationEvent,
    TranslationRequest,
    translator,
)


@translator
async def parrot(
    frames: AsyncIterator[AudioFrame], request: TranslationRequest
) -> AsyncIterator[TranslationEvent]:
    async for frame in frames:
        span = TimeSpan(frame.start_ms, frame.end_ms)
        yield TranslatedAudio("the call", request.target_languages[0], frame, span)


async def main() -> None:
    request = TranslationRequest(source_language="en", target_languages=("en",))
    async with FileLeg("call.flac", "parrot.wav") as leg:
        await Interpreter(leg.inbound, parrot, leg.outbound, request).run()


asyncio.run(main())
