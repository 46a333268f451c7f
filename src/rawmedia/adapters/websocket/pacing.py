"""When a frame goes out to a platform that plays what it is sent: a little early, and at once if it came late."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rawmedia.errors import StreamTimeoutError
from rawmedia.streams.moving_timer import MovingTimer

if TYPE_CHECKING:
    from collections.abc import Sized

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.outbound import OutboundAudioStream

_LOOK_S = 0.01
"""How often it is looked whether a source has something, which nobody tells."""
_RESPITE_S = 0.06
"""How long at most a program that was held up is given to bring what it has."""
_CATCH_UP_S = 0.2
"""How long after it should have been heard a frame is still sent, all of them at once."""


class LeadPacer:
    """Pulls frame n of an outbound stream ``lead_ms`` before it is heard, n frames after the first.

    Audio that was sent goes out up to ``max_ahead_ms`` early: what piled up behind silence, while this
    program was held up, is then as soon at the platform as if it had not been, and what
    follows live is not held up either. Silence, and what a source renders when it is asked,
    goes out no earlier than the lead, so that what is decided is heard that soon. In the midst of speech a frame that is not there is
    waited for until the platform has one frame left, because silence in its place would stay in front
    of all that follows (`OutboundAudioStream.paced`, which knows of no such stock, has to put
    it there). Elsewhere silence waits for one frame's time, no longer.

    Args:
        outbound: What is pulled.
        lead_ms: How far ahead.
        max_ahead_ms: How far ahead audio that waits to be pulled; at least the lead.
        urgent: What can't wait for audio: while there is anything in it, nothing is waited for.
    """

    def __init__(
        self,
        outbound: OutboundAudioStream,
        lead_ms: float,
        *,
        max_ahead_ms: float = 0.0,
        urgent: Sized = (),
    ) -> None:
        self._outbound, self._clock = outbound, outbound.clock
        self._lead = lead_ms / 1000
        self._ahead = max(lead_ms, max_ahead_ms) / 1000
        self._urgent = urgent
        self._frame = outbound.frame_ms / 1000
        self._patience = max(0.0, self._lead - self._frame)
        self._respite = min(self._patience, _RESPITE_S)
        self._idle_patience = min(self._lead, self._frame)
        self._flows = self._held_up = self._unannounced = False
        self._start = 0.0
        self._frames = 0
        self._timer = MovingTimer(self._clock)
        self.stalled_s = 0.0
        """Time that was skipped because frames were too late to be caught up."""

    @property
    def heard_until(self) -> float:
        """When all that was pulled will have been heard, on the clock."""
        return self._start + self._frames * self._frame

    def restart(self) -> None:
        """The platform holds nothing any more: begin anew, with the whole lead."""
        self._frames = 0

    def close(self) -> None:
        """Leave no timer set; it may go on all the same."""
        self._timer.close()

    async def ready(self) -> None:
        """Wait until a frame is to be pulled; cancelling loses nothing.

        Raises:
            EndOfStreamError: After the stream's ``end``, when all that was sent was pulled.
            StreamFailedError: The stream failed.
            StreamClosedError: The stream was closed.
        """
        clock, outbound = self._clock, self._outbound
        now = clock.now()
        if self._frames == 0:
            self._start = now
        # Multiplied, not added up, so that rounding makes no drift.
        heard = self.heard_until
        late = now - heard
        if late > _CATCH_UP_S:
            self._start += late
            self.stalled_s += late
            heard = now
        due = heard - self._lead
        flows = self._flows and outbound._segment_open
        until = due + (self._patience if flows else self._idle_patience)
        if not self._start < until <= now:
            self._held_up = False
        elif not self._held_up:
            # This program was held up and has not read what came meanwhile, so it gets the time to.
            until, self._held_up = now + self._respite, True
        if outbound._source is not None:
            # What a source mixes of live audio is there when it is asked, and never before: who
            # waited for it would be late with every frame.
            if not self._unannounced:
                await self._await_source(until)
        elif now < until and not outbound.queued and not self._urgent:
            # A clear ends this, too.
            with suppress(StreamTimeoutError):
                await outbound.aready(until - now, timer=self._timer)
        if outbound.queued:
            due = heard - self._ahead
        if due > now and due > clock.now():
            await clock.sleep_until(due)

    async def _await_source(self, until: float) -> None:
        """Wait until a source has something, or somebody sends or clears."""
        while not self._outbound.pending and not self._urgent:
            left = until - self._clock.now()
            if left <= 0:
                return
            with suppress(StreamTimeoutError):
                await self._outbound.aready(min(left, _LOOK_S), timer=self._timer)

    def pull(self) -> AudioFrame:
        """The frame that is to be sent now.

        Raises:
            EndOfStreamError: As for ``ready``.
            StreamFailedError: Likewise.
            StreamClosedError: Likewise.
        """
        # What was sent is queued; only what a source has must be asked for.
        announced = self._outbound._source is None or self._outbound.pending
        frame = self._outbound.pull(self.heard_until)
        self._frames += 1
        self._flows = not frame.filler
        self._unannounced = self._flows and not announced
        if self._flows:
            self._held_up = False
        return frame


__all__ = ["LeadPacer"]
