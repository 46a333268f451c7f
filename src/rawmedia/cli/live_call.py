"""What ``rawmedia live`` does: whoever sits here, and a call, each in his own language."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rawmedia.adapters.file_leg import FileLeg
from rawmedia.adapters.handlers.nobody import NOBODY
from rawmedia.adapters.soundcard import SoundCardConfig, SoundCardLeg
from rawmedia.captions.opening import open_captions
from rawmedia.cli.dialled_call import DialledCall
from rawmedia.cli.stopping import StoppedError, stop_on_signals
from rawmedia.errors import ConfigurationError
from rawmedia.sessions.bridge import Bridge, DirectionSetup
from rawmedia.sessions.mixing.config import Mixing
from rawmedia.streams.tasks import joined_tasks
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from pathlib import Path

    from rawmedia.captions.report import CallReport
    from rawmedia.cli.call_display import CallDisplay
    from rawmedia.cli.dial_in import DialIn
    from rawmedia.cli.services import Services
    from rawmedia.sessions.direction import Direction
    from rawmedia.sessions.mixing.config import MixMode
    from rawmedia.streams.inbound import InboundAudioStream
    from rawmedia.streams.leg import CallLeg
    from rawmedia.translators.translator import Translator

Way = Literal["listen", "broadcast"]
HELP = "l: listening on or off, b: broadcasting on or off, m: mute me, i: be silent now, q: quit"
HELP_BEFORE = "q: quit"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCall:
    """What was asked for."""

    my_language: str
    call_language: str
    engine: str = "auto"
    listen: bool = True
    broadcast: bool = True
    mix: MixMode = "replace"
    echo_guard: bool = False
    input_device: str | None = None
    output_device: str | None = None
    call_input: str | None = None
    call_output: str | None = None
    call_file: Path | None = None
    into_call: Path | None = None
    dial_in: DialIn | None = None
    wait_s: float = 300.0
    folder: Path | None = None

    def check(self) -> None:
        """Refuse what makes no sense.

        Raises:
            ConfigurationError: Says which option.
        """
        devices = self.call_input is not None or self.call_output is not None
        ways = {
            "--call-input and --call-output": devices,
            "--call-file": self.call_file is not None,
            "--dialect": self.dial_in is not None,
        }
        given = [way for way, there in ways.items() if there]
        if not given:
            raise ConfigurationError(
                "--call-input and --call-output, --call-file, or --dialect",
                "say where the call is: devices that a meeting program plays to and records from, "
                "a recording to try it with, or the platform that dials it",
            )
        if len(given) > 1:
            raise ConfigurationError(
                ", ".join(given), "the call is in one place; leave out all but one"
            )
        if devices and (self.call_input is None or self.call_output is None):
            raise ConfigurationError("--call-input and --call-output", "a call has both")
        if self.into_call is not None and self.call_file is None:
            raise ConfigurationError("--into-call", "goes with --call-file alone; leave it out")
        if self.my_language.casefold() == self.call_language.casefold():
            raise ConfigurationError("--me and --call", "two different languages")


async def live(asked: LiveCall, services: Services, display: CallDisplay) -> CallReport | None:
    """Interpret until the call or the person here is gone, `q` is typed, or a signal comes.

    Returns:
        The report; None where `q` was typed before there was a call.

    Raises:
        RawMediaError: It could not be started, nobody dialled, or the sound card or the call broke.
        StoppedError: A signal came.
    """
    asked.check()
    translator = services.choose_translator(asked.engine)
    session = asyncio.create_task(_Live(asked, services, display, translator).run(), name="live")

    def give_up(exit_code: int) -> None:
        display.__exit__(None, None, None)
        os._exit(exit_code)

    with stop_on_signals(session.cancel, give_up) as wish:
        await asyncio.wait({session})
    if session.cancelled():
        raise StoppedError(wish)
    return session.result()


class _Live:
    """One call, from the opening of the devices to their end."""

    def __init__(
        self,
        asked: LiveCall,
        services: Services,
        display: CallDisplay,
        translator: Translator,
    ) -> None:
        self._asked, self._services, self._display = asked, services, display
        self._translator = translator
        self._can: dict[Way, bool] = {
            "listen": self._serves(asked.call_language, asked.my_language),
            "broadcast": self._serves(asked.my_language, asked.call_language),
        }
        if not any(self._can.values()):
            # Says which of the two it is that it lacks.
            translator.capabilities.check(_request(asked.call_language, asked.my_language))
        self._call = self._open_call()
        self._bridge: Bridge | None = None

    def _serves(self, source: str, target: str) -> bool:
        try:
            self._translator.capabilities.check(_request(source, target))
        except ConfigurationError:
            return False
        return True

    async def run(self) -> CallReport | None:
        keys = asyncio.create_task(self._follow_keys(), name="keys")
        interpreting = asyncio.create_task(self._interpret(), name="interpreting")
        try:
            await asyncio.wait({interpreting, keys}, return_when=asyncio.FIRST_COMPLETED)
            if not interpreting.done():
                keys.result()
        finally:
            for task in (keys, interpreting):
                task.cancel()
            await asyncio.wait({keys, interpreting})
            if not interpreting.cancelled():
                interpreting.result()  # raises what it failed with, even as it was stopped
        return None if self._bridge is None else self._bridge.report()

    async def _interpret(self) -> None:
        asked, display = self._asked, self._display
        async with contextlib.AsyncExitStack() as opened:
            files = opened.enter_context(contextlib.ExitStack())
            display.status("opening the sound card")
            desk = await opened.enter_async_context(
                self._card("me", asked.input_device, asked.output_device, asked.my_language)
            )
            display.begin(HELP_BEFORE)
            async with joined_tasks() as meanwhile:
                # What is said here before there is a call is nobody's to hear.
                unheard = meanwhile.create_task(_let_go(desk.inbound), name="nobody hears")
                call = await opened.enter_async_context(self._call)
                unheard.cancel()
            bridge = self._bridge = Bridge(
                desk,
                call,
                a_to_b=self._setup("broadcast", asked.my_language, asked.call_language, files),
                b_to_a=self._setup("listen", asked.call_language, asked.my_language, files),
                on_event=display.event,
                ends_with="either",
            )
            for way in ("listen", "broadcast"):
                if not self._can[way]:
                    display.say(f"the engine can't {way}: that direction is passed on as it is")
            display.begin(HELP)
            try:
                await bridge.run()
            finally:
                if asked.folder is not None:
                    bridge.report().write(asked.folder / "report.json")

    def _card(
        self, name: str, input_device: str | None, output_device: str | None, language: str
    ) -> SoundCardLeg:
        sound = self._services.sound
        return SoundCardLeg(
            SoundCardConfig(
                input_device=_number_or_name(input_device),
                output_device=_number_or_name(output_device),
            ),
            backend=None if sound is None else sound(name),
            name=name,
            language=language,
            clock=self._services.clock,
        )

    def _open_call(self) -> contextlib.AbstractAsyncContextManager[CallLeg]:
        asked = self._asked
        if asked.call_file is not None:
            return FileLeg(
                asked.call_file,
                asked.into_call,
                realtime=True,
                name="call",
                language=asked.call_language,
                clock=self._services.clock,
            )
        if asked.dial_in is not None:
            return DialledCall(
                asked.dial_in,
                language=asked.call_language,
                wait_s=asked.wait_s,
                services=self._services,
                tell=self._display.say,
            ).meet()
        return self._card("call", asked.call_input, asked.call_output, asked.call_language)

    def _setup(
        self, way: Way, source: str, target: str, files: contextlib.ExitStack
    ) -> DirectionSetup:
        asked, captions = self._asked, {}
        if asked.folder is not None and self._can[way]:
            asked.folder.mkdir(parents=True, exist_ok=True)
            captions[target] = files.enter_context(open_captions(asked.folder / f"{way}.vtt"))
        wanted = asked.listen if way == "listen" else asked.broadcast
        return DirectionSetup(
            translator=self._translator if self._can[way] else NOBODY,
            request=_request(source, target),
            mixing=Mixing(mode=asked.mix if way == "listen" else "replace"),
            captions=captions,
            enabled=wanted and self._can[way],
            echo_guard=asked.echo_guard and way == "broadcast",
        )

    async def _follow_keys(self) -> None:
        """Do what is typed; returns at `q`, and never where nobody can type."""
        async for line in self._services.keys():
            typed = line.strip().casefold()
            if typed == "q":
                return
            if self._bridge is None:
                self._display.say(f"there is no call yet; {HELP_BEFORE}")
            else:
                await self._follow(typed, self._bridge)
        await asyncio.get_running_loop().create_future()

    async def _follow(self, typed: str, bridge: Bridge) -> None:
        display, listen, broadcast = self._display, bridge.b_to_a, bridge.a_to_b
        match typed:
            case "l":
                await self._switch(listen, "listen")
            case "b":
                await self._switch(broadcast, "broadcast")
            case "m":
                broadcast.mute(on=not broadcast.muted)
                display.say("you are muted" if broadcast.muted else "you are heard")
            case "i":
                dropped_ms = sum([await each.interrupt() for each in bridge.directions])
                display.say(f"silent; {dropped_ms / 1000:.1f} s were not heard")
            case _:
                display.say(HELP)

    async def _switch(self, direction: Direction, way: Way) -> None:
        if not self._can[way]:
            self._display.say(f"the engine can't {way}")
        elif direction.state == "off":
            await direction.enable()
            self._display.say(f"{way}: on")
        else:
            await direction.disable()
            self._display.say(f"{way}: off, the original is passed on")


async def _let_go(stream: InboundAudioStream) -> None:
    async for _ in stream:
        pass


def _request(source: str, target: str) -> TranslationRequest:
    return TranslationRequest(source_language=source, target_languages=(target,))


def _number_or_name(device: str | None) -> int | str | None:
    return int(device) if device is not None and device.isdecimal() else device


__all__ = ["HELP", "LiveCall", "live"]
