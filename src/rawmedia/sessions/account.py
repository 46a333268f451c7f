"""The account that a direction gives of itself: its figures, and its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.sessions.metrics.reporting import session_report

if TYPE_CHECKING:
    from rawmedia.captions.figures import DirectionMetrics
    from rawmedia.captions.report import SessionReport
    from rawmedia.sessions.engine.keeper import EngineKeeper
    from rawmedia.sessions.listeners import Listeners
    from rawmedia.sessions.metrics.ledger import Ledger
    from rawmedia.sessions.own_voice.guard import OwnVoice
    from rawmedia.streams.inbound import InboundAudioStream
    from rawmedia.streams.reader import AudioReader


class Account:
    """Puts together what the ledger holds and what the streams and the playouts count.

    Args:
        ledger: The books.
        inbound: What is said.
        original: Where its gaps are counted; None where nobody counts them.
        engine: Who translates, and what is asked of it.
        listeners: Who hears it.
        own_voice: The echo guard; None where there is none.
        source: What the report calls the source.
    """

    def __init__(
        self,
        ledger: Ledger,
        inbound: AudioReader,
        original: InboundAudioStream | None,
        *,
        engine: EngineKeeper,
        listeners: Listeners,
        own_voice: OwnVoice | None,
        source: str | None,
    ) -> None:
        self._ledger = ledger
        self._inbound = inbound
        self._original = original
        self._engine = engine
        self._listeners = listeners
        self._own_voice = own_voice
        self._source = source
        self._overrun_before_ms = inbound.reader_stats.overrun_ms
        self._last: SessionReport | None = None
        self.complete = False
        """Whether the direction came to its own end."""
        self.error: BaseException | None = None
        """What ended it early."""

    @property
    def closed(self) -> bool:
        """Whether nothing more is added to the report."""
        return self._last is not None

    def begin(self, now: float) -> None:
        """It begins: what the stream lost before is not this direction's loss."""
        self._ledger.begin(now)
        self._overrun_before_ms = self._inbound.reader_stats.overrun_ms

    def metrics(self) -> DirectionMetrics:
        """The figures so far; costs some hundred microseconds."""
        stats = None if self._original is None else self._original.stats
        return self._ledger.metrics(
            speech=self._listeners.speech,
            overrun_ms=self._overrun_ms,
            gaps=0 if stats is None else stats.gaps,
            gap_ms=0.0 if stats is None else stats.gap_ms,
            echo=None if self._own_voice is None else self._own_voice.figures,
        )

    def report(self) -> SessionReport:
        """All so far, or all there was once it is closed."""
        return self._last or self._so_far()

    def close(self) -> None:
        """It is over: the streams go on, and what they lose from here on is not its loss."""
        self._last = self._so_far()

    def _so_far(self) -> SessionReport:
        metrics = self.metrics()
        return session_report(
            self._ledger,
            self._engine.translator.capabilities.name,
            self._engine.request,
            self._inbound.format,
            source=self._source,
            overrun_ms=self._overrun_ms,
            underruns=metrics.speech.underruns,
            complete=self.complete,
            error=self.error,
            metrics=metrics,
        )

    @property
    def _overrun_ms(self) -> float:
        return self._inbound.reader_stats.overrun_ms - self._overrun_before_ms


__all__ = ["Account"]
