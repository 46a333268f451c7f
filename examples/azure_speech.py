import asyncio

from rawmedia import AzureSpeechConfig, AzureTranslator, FileLeg, Interpreter, TranslationRequest


async def main() -> None:
    engine = AzureTranslator(AzureSpeechConfig.from_environment())  # AZURE_SPEECH_KEY and _REGION
    request = TranslationRequest(source_language="en-US", target_languages=("fr",))
    async with FileLeg("call.flac", "french.wav", realtime=True) as leg:
        await Interpreter(leg.inbound, engine, leg.outbound, request, on_event=print).run()


asyncio.run(main())
