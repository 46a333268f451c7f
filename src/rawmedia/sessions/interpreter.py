"""One direction of interpreting: what is said on a stream, spoken on others in other languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rawmedia.errors import ConfigurationError
from rawmedia.sessions.audience import CaptionSink
from rawmedia.sessions.direction import DEFAULT_MAX_LAG_MS, Direction
from rawmedia.sessions.listener import Listener
from rawmedia.sessions.mixing.config import Mixing
from rawmedia.sessions.targets import require_targets
from rawmedia.streams.inbound import InboundAudioStream
from rawmedia.streams.media_clock import MediaClock
from rawmedia.streams.outbound import OutboundAudioStream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rawmedia.captions.figures import DirectionMetrics
    from rawmedia.captions.report import SessionReport
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.streams.clock import Clock
    from rawmedia.streams.reader import AudioReader
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translator

# So far the clock of a leg in lockstep may be ahead of what the engine has heard: more than the
# time between two signs of progress of a recogniser, or nothing would ever move.
_LOCKSTEP_PENDING_MS = 300.0


class Interpreter:
    """Interprets one direction, to the end of what is said.

    It reads an inbound stream to its end, gives the audio to a translation, lets the
    translated speech be heard on one outbound stream for each language, one utterance after
    another, and collects captions and figures. The streams stay open: they are their leg's; while
    it runs it is the source of each outbound stream.

    Args:
        inbound: What is said; a stream or a tap.
        translator: The engine.
        outbound: Where the translation is heard, in the first target language; or a mapping
            by language, where a language without a stream gets captions only.
        request: Languages and voices.
        clock: What the figures are timed on; the inbound stream's own, which is its leg's,
            unless another is given. On a `MediaClock` little audio may wait for the engine, so
            that the clock shows what the engine has heard.
        mixing: How original and translation are heard; the translation alone if None. Other
            modes than ``replace`` need the stream itself as ``inbound``, not a tap.
        max_lag_ms: How late speech may be heard after it was there: before it gets so late it is
            sped up, then skipped. None for no bound. ``"auto"`` is 4000, but no bound on a
            `MediaClock`, where nobody waits for it.
        captions: Where to write captions, by target language.
        on_event: Called on the event loop with every event, the translation's and the
            session's own; must not wait. What it raises ends the session.
        source_name: What the report calls the source, such as a file's path.
        max_queued_ms: How much translated speech of a language may wait to be played. Without a
            bound on lag the engine has to wait then, and with it every language.
        max_stall_ms: How long the engine may take no audio before the session fails.

    Raises:
        ConfigurationError: ``outbound`` or ``captions`` name a language that ``request``
            does not, the engine can't serve the request, or the mixing can't be had.
    """

    def __init__(
        self,
        inbound: AudioReader,
        translator: Translator,
        outbound: OutboundAudioStream | Mapping[str, OutboundAudioStream],
        request: TranslationRequest,
        *,
        clock: Clock | None = None,
        mixing: Mixing | None = None,
        max_lag_ms: float | Literal["auto"] | None = "auto",
        captions: Mapping[str, CaptionSink] | None = None,
        on_event: Callable[[SessionEvent], object] | None = None,
        source_name: str | None = None,
        max_queued_ms: float = 60_000.0,
        max_stall_ms: float = 30_000.0,
    ) -> None:
        if isinstance(outbound, OutboundAudioStream):
            outbound = {request.target_languages[0]: outbound}
        require_targets("outbound", outbound, request)
        self._mixing = mixing or Mixing()
        if self._mixing.needs_original and not isinstance(inbound, InboundAudioStream):
            raise ConfigurationError(
                "mixing", "needs the original, which a tap can't give twice; pass the stream itself"
            )
        self._outbounds = dict(outbound)
        clock = inbound.clock if clock is None else clock
        in_lockstep = isinstance(clock, MediaClock)
        if in_lockstep:
            request = for_lockstep(request)
        if max_lag_ms == "auto":
            max_lag_ms = None if in_lockstep else DEFAULT_MAX_LAG_MS
        self._max_lag_ms = max_lag_ms
        self._max_queued_ms = max_queued_ms
        self._running = False
        self._direction = Direction(
            inbound,
            translator,
            request,
            name="interpreter",
            clock=clock,
            captions=captions,
            on_event=on_event,
            source_name=source_name,
            max_stall_ms=max_stall_ms,
            strict=True,
        )

    @property
    def heard_ms(self) -> float:
        """How far in the source's media time the session has got."""
        return self._direction.heard_ms

    def report(self) -> SessionReport:
        """The session so far, or its last 20 000 utterances; whole at any moment."""
        return self._direction.report()

    def metrics(self) -> DirectionMetrics:
        """The figures so far; costs some hundred microseconds."""
        return self._direction.metrics()

    async def interrupt(self) -> float:
        """Be silent with the next frame; returns how many milliseconds went unheard. See `Direction.interrupt`."""
        return await self._direction.interrupt()

    async def run(self) -> SessionReport:
        """Interpret until the inbound stream ends and everything has been heard.

        Cancelling stops at once: what was not heard yet is dropped, and what was heard stays
        in the captions and the report.

        Raises:
            TranslatorError: The engine failed. What it had translated before is played,
                captioned and reported all the same.
            StreamError: A stream failed or was closed. Where it is the inbound one, what had
                been said before is translated and played all the same.
            RuntimeError: It was run before.
            Exception: What ``on_event`` or a caption sink raised.
        """
        if self._running:
            raise RuntimeError("an interpreter runs once; make another")
        self._running = True
        listeners = []
        try:
            for language, outbound in self._outbounds.items():
                listener = Listener(outbound, name=language)
                listeners.append(listener)
                self._direction.listen(
                    listener,
                    language,
                    self._mixing,
                    max_lag_ms=self._max_lag_ms,
                    capacity_ms=self._max_queued_ms,
                )
            await self._direction.run()
        finally:
            for listener in listeners:
                listener.close()
        return self._direction.report()


def for_lockstep(request: TranslationRequest) -> TranslationRequest:
    """The request with as little audio waiting for the engine as a media clock wants.

    For who opens the translation before there is an interpreter.
    """
    pending_ms = min(request.max_pending_ms, _LOCKSTEP_PENDING_MS)
    return request.model_copy(update={"max_pending_ms": pending_ms})


__all__ = ["CaptionSink", "Interpreter", "for_lockstep"]
