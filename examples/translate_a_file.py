import asyncio

from rawmedia import FileLeg, Interpreter, TranslationRequest, choose_translator


async def main() -> None:
    request = TranslationRequest(source_language="en-US", target_languages=("es",))
    async with FileLeg("call.flac", "spanish.wav") as leg:
        engine = choose_translator("offline")
        report = await Interpreter(leg.inbound, engine, leg.outbound, request).run()
    for utterance in report.utterances:
        print(utterance.source_text, "->", utterance.translations["es"].text)


asyncio.run(main())
