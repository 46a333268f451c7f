"""Listen to a call in your own language, and be heard in the call's: the two flows of a live interpreter.

    python main.py            microphone and loudspeaker, and a call that Azure Communication Services
                              dials to ws://127.0.0.1:8000/calls; AZURE_SPEECH_KEY and _REGION are set
    python main.py --demo     half a minute with a fake sound card, a fake call and an engine that follows
                              a script: no hardware, no key, no network, no waiting

While it runs type l or b and Enter to switch listening or broadcasting off and on, q to quit.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from rawmedia import (
    AzureSpeechConfig,
    AzureTranslator,
    Bridge,
    DirectionSetup,
    TranslationRequest,
)
from rawmedia.adapters.soundcard import SoundCardLeg
from rawmedia.adapters.websocket import (
    AcsDialect,
    AnyCaller,
    Handshake,
    WebSocketCalls,
    WebSocketLeg,
)
from rawmedia.cli.typed_lines import typed_lines
from rawmedia.testing import (
    FakeAcs,
    FakeSoundCard,
    ScriptedTranslator,
    ScriptedUtterance,
    VirtualClock,
    socket_pair,
    speech_like,
)
from rawmedia.translators.events import FinalTranslation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rawmedia import CallLeg
    from rawmedia.sessions.direction import Direction
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.translators.translator import Translator


def show(direction: Direction, event: SessionEvent) -> None:
    """Live captions: who, what was said, and what it means."""
    if isinstance(event, FinalTranslation) and event.source_text:
        who = "me  " if direction.name == "a_to_b" else "call"
        print(
            f"{who}  {event.source_text}  ->  {'; '.join(event.translations.values())}", flush=True
        )


async def switch(bridge: Bridge, lines: AsyncIterator[str]) -> None:
    """Do what is typed, until `q`."""
    ways = {"b": ("broadcasting", bridge.a_to_b), "l": ("listening", bridge.b_to_a)}
    async for line in lines:
        if line.strip() == "q":
            return
        if line.strip() in ways:
            name, direction = ways[line.strip()]
            if direction.state == "off":
                await direction.enable()
            else:
                await direction.disable()  # the original is passed on meanwhile
            print(f"      {name}: {direction.state}", flush=True)
    await asyncio.Future()  # nobody types; the call decides when it is over


def way(speaker: CallLeg, listener: CallLeg, engine: Translator) -> DirectionSetup:
    """One flow: what one says, in the other's language."""
    assert speaker.language is not None
    assert listener.language is not None
    request = TranslationRequest(
        source_language=speaker.language, target_languages=(listener.language,)
    )
    return DirectionSetup(translator=engine, request=request)


async def interpret(
    desk: CallLeg,
    call: CallLeg,
    engines: tuple[Translator, Translator],
    lines: AsyncIterator[str],
) -> None:
    """Both flows at once: what I say into the call, what the call says to me."""
    bridge = Bridge(
        desk,
        call,
        a_to_b=way(desk, call, engines[0]),
        b_to_a=way(call, desk, engines[1]),
        on_event=show,
        ends_with="either",
    )
    tasks = [asyncio.create_task(bridge.run()), asyncio.create_task(switch(bridge, lines))]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def at_this_machine() -> None:
    """The real thing; whoever can reach the port may dial, so keep it on this machine."""
    import uvicorn

    from rawmedia.adapters.asgi import create_app

    engine = AzureTranslator(AzureSpeechConfig.from_environment())

    async def on_call(call: WebSocketLeg) -> None:
        call.language = "en-US"
        async with SoundCardLeg(language="fr-FR") as desk:
            await interpret(desk, call, (engine, engine), typed_lines())

    app = create_app(on_call, AcsDialect, authenticator=AnyCaller())
    config = uvicorn.Config(app, port=8000, log_level="warning", ws_per_message_deflate=False)
    await uvicorn.Server(config).serve()


def scripted(
    clock: VirtualClock, said: list[tuple[str, str]], target: str, first_ms: float
) -> ScriptedTranslator:
    """An engine that hears these sentences, one every six seconds, and says them in another language."""
    script = [
        ScriptedUtterance(
            source_text=source,
            start_ms=first_ms + 6_000 * number,
            end_ms=first_ms + 6_000 * number + 2_000,
            translations={target: translation},
            audio=2_000.0,
            delay_ms=400,
        )
        for number, (source, translation) in enumerate(said * 2)
    ]
    return ScriptedTranslator(script, clock=clock)


async def demonstrate(clock: VirtualClock) -> None:
    """The same with everything fake: in virtual time half a minute takes a second."""
    mine = [
        ("Bonjour, j'ai une question.", "Hello, I have a question."),
        ("Ma facture est fausse.", "My bill is wrong."),
    ]
    theirs = [
        ("Good morning, this is the help desk.", "Bonjour, ici l'assistance."),
        ("What can I do for you?", "Que puis-je faire pour vous ?"),
    ]
    engines = scripted(clock, mine, "en-US", 2_000), scripted(clock, theirs, "fr-FR", 4_000)
    card = FakeSoundCard(clock, hears=speech_like(28_000, seed=1))
    acs = FakeAcs(speech_like(28_000, seed=2), clock=clock)

    async def lines() -> AsyncIterator[str]:
        for at_s, line in ((12.5, "l"), (18.5, "l"), (28.0, "q")):
            await clock.sleep_until(at_s)
            yield line

    async def on_call(call: WebSocketLeg) -> None:
        call.language = "en-US"
        async with SoundCardLeg(backend=card, clock=clock, language="fr-FR") as desk:
            await interpret(desk, call, engines, lines())

    async with WebSocketCalls(on_call, AcsDialect, authenticator=AnyCaller(), clock=clock) as calls:
        platform_end, server_end = socket_pair()
        dialled = asyncio.create_task(calls.serve(server_end, Handshake.of("", acs.headers)))
        await acs.run(platform_end)
        await dialled
    print(
        f"      I heard {card.heard().duration_ms / 1000:.0f} s, the call {acs.heard().duration_ms / 1000:.0f} s"
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--demo"]:
        virtual = VirtualClock()
        virtual.run(demonstrate(virtual))
    else:
        asyncio.run(at_this_machine())
