"""Everybody who hears one speaker: who comes, who goes, and who is given which language."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from rawmedia.errors import ConfigurationError, StreamTimeoutError

if TYPE_CHECKING:
    import asyncio

    from rawmedia.errors import StreamError
    from rawmedia.sessions.delivery import Deliveries
    from rawmedia.sessions.faults import Faults
    from rawmedia.sessions.hearings import Hearings
    from rawmedia.sessions.listener import Ear, Listener
    from rawmedia.sessions.mixing.config import Mixing
    from rawmedia.sessions.speech.facts import SpeechStats
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.inbound import InboundAudioStream

_MAX_FORMER_EARS = 100


class Listeners:
    """Who hears a speaker, each translated or as he is. For one event loop.

    Args:
        speaker: How errors call what they hear.
        clock: The one that all of them must be on.
        deliveries: What brings them the translation.
        hearings: Where it is noted who hears what.
        faults: Told of those who are lost.
        original: Where they get the original from; None where there is none to be heard.
        targets: The languages that are translated into.
        translated: Whether there is an engine, so that nobody needs the original in its stead.
    """

    def __init__(
        self,
        speaker: str,
        *,
        clock: Clock,
        deliveries: Deliveries,
        hearings: Hearings,
        faults: Faults,
        original: InboundAudioStream | None,
        targets: tuple[str, ...],
        translated: bool,
    ) -> None:
        self._speaker = speaker
        self._clock = clock
        self._deliveries = deliveries
        self._hearings = hearings
        self._faults = faults
        self._original = original
        self._targets = targets
        self._translated = translated
        self._muted = False
        self._ears: dict[Listener, Ear] = {}
        self._former_ears: deque[Ear] = deque(maxlen=_MAX_FORMER_EARS)

    @property
    def present(self) -> tuple[Listener, ...]:
        """Who listens."""
        return tuple(self._ears)

    @property
    def speech(self) -> list[SpeechStats]:
        """What became of speech, for everybody who listens and the last who did."""
        return [ear.playout.stats for ear in (*self._ears.values(), *self._former_ears)]

    def listen(
        self,
        listener: Listener,
        language: str | None,
        mixing: Mixing,
        *,
        max_lag_ms: float | None,
        capacity_ms: float,
    ) -> None:
        """Somebody hears the speaker from now on, or in another language than so far; see `Direction.listen`.

        Raises:
            ConfigurationError: A number is out of range, or the listener is on another clock.
        """
        if listener.outbound.clock is not self._clock:
            raise ConfigurationError(
                "clock",
                f"{listener.name} is on another clock than {self._speaker}, so that nobody could say "
                "what is heard when; legs that are joined have one clock",
            )
        ear = self._ears.get(listener)
        if ear is None:
            ear = self._ears[listener] = listener.hear(
                self,
                mixing,
                self._hearings.heard,
                original=self._original,
                max_lag_ms=max_lag_ms,
                capacity_ms=capacity_ms,
            )
            listener.silence_original(self, on=self._muted)
            listener.over.add_done_callback(partial(self._lost, listener))
        self._deliveries.attach(ear, language)
        self._settle(ear)

    def leave(self, listener: Listener) -> None:
        """Somebody listens no more; harmless where he did not."""
        ear = self._ears.pop(listener, None)
        if ear is None:
            return
        self._deliveries.detach(ear)
        listener.leave(self)
        ear.release()
        self._hearings.left(ear, self._clock.now())
        self._former_ears.append(ear)

    def set_mixing(self, mixing: Mixing) -> None:
        """Change how everybody hears the speaker, from the next frame on."""
        for listener in self._ears:
            listener.set_mixing(self, mixing)

    def set_max_lag(self, max_lag_ms: float | None) -> None:
        """Change how late everybody hears the translation at most, from the next frame on.

        Raises:
            ConfigurationError: It is out of range; nothing has changed.
        """
        for listener in self._ears:
            listener.set_max_lag(self, max_lag_ms)

    def mute(self, *, on: bool) -> None:
        """Let nobody hear the original, now or later."""
        self._muted = on
        for listener in self._ears:
            listener.silence_original(self, on=on)

    def translate(self, *, on: bool) -> None:
        """There is an engine from now on, or none, and everybody hears the original."""
        self._translated = on
        self._settle_all()

    def retarget(self, targets: tuple[str, ...]) -> None:
        """Other languages are translated into; from one alone to another, who listened in it follows."""
        before, self._targets = self._targets, targets
        if len(before) == len(targets) == 1:
            for ear in [ear for ear in self._ears.values() if ear.language == before[0]]:
                self._deliveries.attach(ear, targets[0])
        self._settle_all()

    def interrupt(self) -> float:
        """Drop what is unheard; how many milliseconds, at the listener who had most."""
        now, dropped_ms = self._clock.now(), 0.0
        self._deliveries.forget()
        for listener, ear in self._ears.items():
            dropped_ms = max(dropped_ms, ear.interrupt(now) + listener.outbound.clear())
        return dropped_ms

    async def play_out(self, max_stall_s: float) -> None:
        """Nothing more comes: wait until everybody has heard all, or pulls nothing for so long."""
        self._deliveries.end(self._clock.now())
        for listener, ear in list(self._ears.items()):
            ear.end()
            rendered, since = listener.rendered, self._clock.now()
            while not ear.finished and self._ears.get(listener) is ear:
                await ear.changed()
                if listener.rendered != rendered:
                    rendered, since = listener.rendered, self._clock.now()
                elif self._clock.now() - since >= max_stall_s:
                    message = f"{listener.name} takes no audio, so the rest was not heard"
                    self._faults.happened(message, StreamTimeoutError("pull", max_stall_s))
                    self.leave(listener)

    def _lost(self, listener: Listener, over: asyncio.Future[StreamError]) -> None:
        if listener not in self._ears or over.cancelled():
            return
        if self._faults.strict:
            self._faults.end_at_once(over.result())
        else:
            self.leave(listener)
            self._faults.warn(f"{listener.name} can't be reached any more", over.result())

    def _settle_all(self) -> None:
        for ear in self._ears.values():
            self._settle(ear)

    def _settle(self, ear: Ear) -> None:
        """Let somebody hear the original where there is no translation for him."""
        served = self._translated and ear.language in self._targets
        ear.listener.pass_through(self, on=not (served or self._faults.strict))


__all__ = ["Listeners"]
