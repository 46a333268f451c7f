"""What one party of a call hears: the mix that its transport pulls, and the news of what was heard."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rawmedia.errors import StreamError
from rawmedia.sessions.convertible import require_convertible
from rawmedia.sessions.lag import LagLimits
from rawmedia.sessions.mixing.config import Mixing
from rawmedia.sessions.mixing.listener_mix import ListenerMix
from rawmedia.sessions.speech.facts import SpeechEnded, SpeechStarted
from rawmedia.sessions.speech.playout import SpeechPlayout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.sessions.speech.facts import SpeechFact
    from rawmedia.streams.inbound import InboundAudioStream
    from rawmedia.streams.outbound import OutboundAudioStream
    from rawmedia.streams.playout import MarkReached
    from rawmedia.streams.reader import AudioReader

# More than the mix keeps: what is lost for a transport that does not pull, it loses and counts.
_ORIGINAL_MS = 400.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What a listener's playout did, and when it was heard."""

    facts: Sequence[SpeechFact]
    delay_s: float
    """How long after the pull the frame of these facts was heard."""
    cleared: float | None = None
    """When the platform dropped it, in seconds, so that it never was."""


class Ear:
    """One speaker as one listener hears him. Made by `Listener.hear`; for one event loop.

    Args:
        listener: Who hears.
        playout: The translated speech.
        told: Called on the loop with what was heard.
    """

    def __init__(
        self, listener: Listener, playout: SpeechPlayout, told: Callable[[Ear, Heard], object]
    ) -> None:
        self.listener = listener
        self.playout = playout
        self._told = told
        self.language: str | None = None
        """What the translation is heard in; None where the original is."""
        self._untold = 0
        self._changed = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether the engine has to wait for it; for one whose lag is bounded it never has."""
        return self.playout.max_lag_ms is None and self.playout.full

    @property
    def finished(self) -> bool:
        """Whether nothing more will come and all of it was heard and told."""
        return self.playout.finished and not self._untold

    def put(self, utterance_id: str, samples: Int16Samples, now: float) -> bool:
        """Add speech in the listener's format; False where it was refused."""
        with self.listener.mix.lock:
            return self.playout.put(utterance_id, samples, now)

    def end_utterance(self, utterance_id: str) -> None:
        """No more of an utterance comes."""
        with self.listener.mix.lock:
            self.playout.end_utterance(utterance_id)

    def set_max_lag(self, max_lag_ms: float | None) -> None:
        """Bound the lag from now on; None for no bound.

        Raises:
            ConfigurationError: It is out of range; nothing has changed.
        """
        with self.listener.mix.lock:
            self.playout.max_lag_ms = max_lag_ms

    def end(self) -> None:
        """Nothing more comes."""
        with self.listener.mix.lock:
            self.playout.end()
        self._changed.set()

    def interrupt(self, now: float) -> float:
        """Drop what is unheard; returns how many milliseconds."""
        with self.listener.mix.lock:
            return self.playout.interrupt(now)

    def release(self) -> None:
        """Nobody listens here any more: who waits for that waits no longer."""
        self._changed.set()

    async def changed(self) -> None:
        """Wait until something was heard, or a frame's time has passed."""
        self._changed.clear()
        clock, frame_s = self.listener.outbound.clock, self.listener.outbound.frame_ms / 1000
        timer = clock.call_at(clock.now() + frame_s, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            timer.cancel()

    def pulled(self, facts: Sequence[SpeechFact]) -> None:
        """What the frame that is being pulled does; in the thread that pulls."""
        outbound = self.listener.outbound
        if any(isinstance(fact, (SpeechStarted, SpeechEnded)) for fact in facts):
            self._untold += 1
            # A stream that takes no mark can't tell when it is heard, so that counts as now.
            with contextlib.suppress(StreamError):
                outbound.mark("", partial(self._reached, facts, outbound.clock.now()))
                return
            self._untold -= 1
        self._on_loop(Heard(facts, 0.0), marked=False)

    def _reached(self, facts: Sequence[SpeechFact], pulled_at: float, reached: MarkReached) -> None:
        """Called in the thread that pulls, reports playout or clears."""
        outbound = self.listener.outbound
        now = outbound.clock.now()
        # An estimate comes when the marked frame starts to be heard, a report when it was.
        started = now if reached.estimated else now - outbound.frame_ms / 1000
        cleared = now if reached.cleared else None
        self._on_loop(Heard(facts, max(0.0, started - pulled_at), cleared), marked=True)

    def _on_loop(self, heard: Heard, *, marked: bool) -> None:
        loop = self.listener.loop
        if asyncio._get_running_loop() is loop:
            self._book(heard, marked=marked)
        else:
            # A RuntimeError says that the loop is closed, and so the session over.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(partial(self._book, heard, marked=marked))

    def _book(self, heard: Heard, *, marked: bool) -> None:
        self._untold -= marked
        self._told(self, heard)
        self._changed.set()


class Listener:
    """A party that hears any number of speakers, each with his translation.

    It is the source of the party's outbound stream: a frame is mixed when it is pulled. The
    originals come from taps of the speakers' streams at that moment, so neither an engine nor
    the event loop can hold them up. Made on the event loop of its session; the stream may be pulled
    from any thread.

    Args:
        outbound: What the party hears; it must have no source.
        name: How errors call the party.

    Raises:
        StreamError: The stream takes nothing any more, or has a source already.
    """

    def __init__(self, outbound: OutboundAudioStream, *, name: str = "listener") -> None:
        self.outbound = outbound
        self.name = name
        self.loop = asyncio.get_running_loop()
        self.mix = ListenerMix(outbound.format, outbound.frame_ms, on_facts=self._pulled)
        self._ears: dict[object, Ear] = {}
        self._originals: dict[object, AudioReader] = {}
        self._sources: dict[object, InboundAudioStream | None] = {}
        self._max_lags: dict[object, float | None] = {}
        self._passing: set[object] = set()
        self._silenced: set[object] = set()
        self.rendered = 0
        """How many frames were pulled of it."""
        self.over: asyncio.Future[StreamError] = self.loop.create_future()
        """Done when the stream takes nothing any more, with what a send would raise."""
        outbound.set_source(self)
        outbound.on_over(self._stream_over)

    def hear(
        self,
        speaker: object,
        mixing: Mixing,
        told: Callable[[Ear, Heard], object],
        *,
        original: InboundAudioStream | None = None,
        max_lag_ms: float | None = 4_000.0,
        capacity_ms: float = 60_000.0,
    ) -> Ear:
        """Hear a speaker from now on.

        Args:
            speaker: How to call him here.
            mixing: How original and translation are heard.
            told: Called on the loop with what was heard of the translation.
            original: What he says; None where only the translation can be had.
            max_lag_ms: What is heard later than this after it was there is skipped, 100 or
                more; None for no bound. Consecutive timing has none.
            capacity_ms: How much translated speech may wait.

        Raises:
            ConfigurationError: He is heard already, a number is out of range, or what he says can't
                be converted into what the party hears.
        """
        self._require_hearable(original)
        playout = SpeechPlayout(self.mix.format, max_lag_ms=max_lag_ms, capacity_ms=capacity_ms)
        self.mix.add_speaker(speaker, playout, mixing)
        self._sources[speaker], self._max_lags[speaker] = original, max_lag_ms
        ear = self._ears[speaker] = Ear(self, playout, told)
        self._bound(speaker)
        self._attend(speaker)
        return ear

    def overhear(self, speaker: object, original: InboundAudioStream) -> None:
        """Hear a speaker from now on as he is, without a translation.

        Raises:
            ConfigurationError: He is heard already, or what he says can't be converted into what
                the party hears.
        """
        self._require_hearable(original)
        self.mix.add_speaker(speaker, None, Mixing(mode="captions_only"))
        self._sources[speaker] = original
        self._attend(speaker)

    def leave(self, speaker: object) -> None:
        """Hear a speaker no more; harmless when he is not heard."""
        self.mix.remove_speaker(speaker)
        self._ears.pop(speaker, None)
        self._sources.pop(speaker, None)
        self._max_lags.pop(speaker, None)
        self._passing.discard(speaker)
        self._silenced.discard(speaker)
        self._attend(speaker)

    def set_mixing(self, speaker: object, mixing: Mixing) -> None:
        """Change how a speaker is heard, from the next frame on."""
        self.mix.set_mixing(speaker, mixing)
        self._bound(speaker)
        self._attend(speaker)

    def set_every_mixing(self, mixing: Mixing) -> None:
        """Change how every speaker is heard who is translated, from the next frame on."""
        for speaker in self._ears:
            self.set_mixing(speaker, mixing)

    def set_max_lag(self, speaker: object, max_lag_ms: float | None) -> None:
        """Bound how late the translation is heard, from the next frame on; None for no bound.

        Raises:
            ConfigurationError: It is out of range; nothing has changed.
        """
        LagLimits(max_lag_ms=max_lag_ms)
        self._max_lags[speaker] = max_lag_ms
        self._bound(speaker)

    def pass_through(self, speaker: object, *, on: bool) -> None:
        """Let the original be heard as it is, where there is no translation of it."""
        (self._passing.add if on else self._passing.discard)(speaker)
        self.mix.pass_through(speaker, on=on)
        self._attend(speaker)

    def silence_original(self, speaker: object, *, on: bool) -> None:
        """Let nothing of the original be heard, as of a speaker who is muted."""
        (self._silenced.add if on else self._silenced.discard)(speaker)
        self._attend(speaker)

    def close(self) -> None:
        """Give the outbound stream back, which goes on; what is unheard stays so. Twice is harmless."""
        for reader in self._originals.values():
            reader.close()
        self._originals = {}
        # Nobody else sets it, so a stream that is over is all that can be wrong.
        with contextlib.suppress(StreamError):
            self.outbound.set_source(None)

    # The source of the outbound stream, in the thread that pulls.

    @property
    def pending(self) -> bool:
        """Whether speech waits to be heard."""
        return self.mix.pending

    def render(self, samples: int, now: float) -> Int16Samples | None:
        """Mix the next frame. See `OutboundSource`."""
        self.rendered += 1
        for speaker, reader in self._originals.items():
            try:
                ready = reader.recv_ready()
            except StreamError:
                continue  # one that is over stays silent; its session hears of that elsewhere
            for frame in ready:
                self.mix.original(speaker, frame)
        return self.mix.render(samples, now)

    def _stream_over(self, error: StreamError) -> None:
        """Called in the thread that ends, fails or closes the stream."""
        # A RuntimeError says that the loop is closed, and so the session over.
        with contextlib.suppress(RuntimeError):
            if asyncio._get_running_loop() is self.loop:
                self._be_over(error)
            else:
                self.loop.call_soon_threadsafe(self._be_over, error)

    def _be_over(self, error: StreamError) -> None:
        if not self.over.done():
            self.over.set_result(error)

    def _pulled(self, speaker: object, facts: Sequence[SpeechFact]) -> None:
        ear = self._ears.get(speaker)
        if ear is not None:
            ear.pulled(facts)

    def _require_hearable(self, original: InboundAudioStream | None) -> None:
        """What is found out when it is pulled would break the party's transport."""
        if original is not None:
            require_convertible("format", self.name, original.format, self.mix.format)

    def _bound(self, speaker: object) -> None:
        """Bound the lag as asked; consecutive timing has none."""
        consecutive = self.mix.mixing(speaker).timing == "consecutive"
        self._ears[speaker].set_max_lag(None if consecutive else self._max_lags[speaker])

    def _attend(self, speaker: object) -> None:
        """Read a speaker's original while it matters, and not otherwise."""
        source = self._sources.get(speaker)
        wanted = (
            source is not None
            and speaker not in self._silenced
            and (speaker in self._passing or self.mix.mixing(speaker).needs_original)
        )
        reader = self._originals.get(speaker)
        if wanted == (reader is not None):
            return
        # Replaced whole, because another thread may be reading them.
        originals = {key: each for key, each in self._originals.items() if key != speaker}
        if reader is not None:
            reader.close()
        else:
            assert source is not None
            originals[speaker] = source.tap(_ORIGINAL_MS)
        self._originals = originals


__all__ = ["Ear", "Heard", "Listener"]
