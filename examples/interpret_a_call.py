"""Who speaks only French is on an English call: both hear their own language.

Files stand for the microphone, the speaker and the call; any two legs on one clock will do.
"""

import asyncio

from rawmedia import AzureSpeechConfig, AzureTranslator, Bridge, FileLeg


async def main() -> None:
    engine = AzureTranslator(AzureSpeechConfig.from_environment())  # AZURE_SPEECH_KEY and _REGION
    desk = FileLeg("microphone.flac", "speaker.wav", realtime=True, language="fr-FR", name="desk")
    call = FileLeg("call.flac", "into-the-call.wav", realtime=True, language="en-US", name="call")
    async with desk, call:
        bridge = Bridge(desk, call, engine, on_event=lambda way, event: print(way.name, event))
        report = await bridge.run()
    for way in report.directions.values():
        for utterance in way.utterances:
            print(
                utterance.source_text,
                "->",
                *(each.text for each in utterance.translations.values()),
            )


asyncio.run(main())
