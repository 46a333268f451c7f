"""Runs `rawmedia live` in virtual time: a fake sound card, who types, and a platform that dials."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from command_line import Ran
from typer.testing import CliRunner

from rawmedia.adapters.websocket import Handshake, WebSocketCalls
from rawmedia.audio.format import SPEECH
from rawmedia.cli.app import app
from rawmedia.cli.services import Services
from rawmedia.streams.tasks import joined_tasks
from rawmedia.testing import (
    FakeSoundCard,
    ScriptedTranslator,
    ScriptedUtterance,
    VirtualClock,
    socket_pair,
    tone,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence

    from starlette.applications import Starlette

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.cli.dial_in import DialIn
    from rawmedia.testing.fake_platform import FakePlatform
    from rawmedia.translators.translator import TranslatorCapabilities

LANGUAGES = ("--me", "fr-FR", "--call", "en-US")
MINE_HZ, THEIRS_HZ, VOICE_HZ = 300, 500, 900


def utterance(at_ms: float) -> ScriptedUtterance:
    return ScriptedUtterance(
        source_text=f"said at {at_ms:g}",
        start_ms=at_ms,
        end_ms=at_ms + 800,
        translations={"fr-FR": "en français", "en-US": "in English"},
        audio=tone(600, hz=VOICE_HZ, format=SPEECH),
        revisions=["said"],
    )


def strength(heard: AudioFrame, hz: float, from_s: float = 0, to_s: float = 1e4) -> float:
    """How much of a tone is in what was heard in a time."""
    rate = heard.format.sample_rate
    part = heard.samples[round(from_s * rate) : round(to_s * rate), 0].astype(float)
    turns = np.exp(-2j * np.pi * hz * np.arange(len(part)) / rate)
    return float(abs(part @ turns) / max(1, len(part)))


@dataclass
class Desk:
    """What happened at a command that was run."""

    ran: Ran
    cards: dict[str, FakeSoundCard]
    ended_s: float

    def strength(self, card: str, hz: float, from_s: float = 0, to_s: float = 1e4) -> float:
        """How much of a tone came out of a loudspeaker in a time."""
        return strength(self.cards[card].heard(), hz, from_s, to_s)


@dataclass
class Network:
    """What a platform can dial while the command serves."""

    clock: VirtualClock
    cards: dict[str, FakeSoundCard]
    platform: Callable[[Network], Coroutine[None, None, object]]
    url: str = ""
    _calls: list[WebSocketCalls] = field(default_factory=list)

    async def dial(
        self,
        fake: FakePlatform,
        headers: Mapping[str, str],
        *,
        drops_at_s: float | None = None,
    ) -> int | None:
        """Have a platform dial until the socket is closed; returns with which code."""
        platform_end, server_end = socket_pair()
        if drops_at_s is not None:
            self.clock.call_at(drops_at_s, lambda: asyncio.ensure_future(platform_end.drop()))
        handshake = Handshake.of(self.url, headers)
        serving = asyncio.create_task(self._calls[0].serve(server_end, handshake))
        await fake.run(platform_end)
        await serving
        return platform_end.closed

    @contextlib.asynccontextmanager
    async def serving(self, served: Starlette, dial_in: DialIn) -> AsyncIterator[None]:
        """As uvicorn would, and have the platform do what it does."""
        self.url = dial_in.url
        self._calls.append(served.state.calls)
        async with joined_tasks() as tasks:
            tasks.create_task(self.platform(self))
            async with served.state.calls:
                yield


async def nobody(network: Network) -> None:
    """Dials."""


def live(
    *options: str,
    keys: Sequence[tuple[float, str]] = (),
    hears: dict[str, AudioFrame] | None = None,
    capabilities: TranslatorCapabilities | None = None,
    platform: Callable[[Network], Coroutine[None, None, object]] = nobody,
) -> Desk:
    """Run the command; without `q` among the keys it is quit after twenty seconds."""
    clock = VirtualClock()
    cards: dict[str, FakeSoundCard] = {}
    sounds = hears or {"me": tone(60_000, hz=MINE_HZ), "call": tone(60_000, hz=THEIRS_HZ)}

    def sound(name: str) -> FakeSoundCard:
        cards[name] = FakeSoundCard(clock, hears=sounds.get(name))
        return cards[name]

    async def typed() -> AsyncIterator[str]:
        for at_s, line in [*keys, (20.0, "q")]:
            await clock.sleep_until(at_s)
            yield f"{line}\n"

    engine = ScriptedTranslator(
        [utterance(at_ms) for at_ms in range(1_000, 60_000, 2_000)],
        clock=clock,
        speech_format=SPEECH,
        capabilities=capabilities,
    )
    services = Services(
        lambda _name: engine,
        clock=clock,
        run=clock.run,
        sound=sound,
        keys=typed,
        serving=Network(clock, cards, platform).serving,
    )
    result = CliRunner().invoke(app, ["live", *LANGUAGES, *options], obj=services)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Desk(Ran(result.exit_code, result.stdout, result.stderr), cards, clock.now())
