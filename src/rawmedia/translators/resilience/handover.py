"""When to change from one running session to another: in a pause, at a boundary, or before it is too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rawmedia.translators.resilience.config import ResilienceConfig
    from rawmedia.translators.resilience.replay import Kept

# Of the time between opening the second session and the latest change, only pauses will do in
# the first half: what the first session has begun to say it then ends itself.
_PAUSES_ONLY = 0.5


class HandOverPlan:
    """Follows one session from its opening to its change. Times are seconds of one clock.

    Three moments are good enough, the best first:

    - *A pause* in the source: the first session gets all up to the pause's end and says what
      it owes; the second gets all from the middle of the pause on. Both hear half a pause of
      silence, so a soft end or start of a word is whole for whoever it belongs to.
    - *A boundary*: the first session has settled everything up to some position and owes
      nothing; the second gets all from there on, which the first has heard in part.
    - *The deadline*: whatever is not settled the second session hears again.
    """

    def __init__(self, config: ResilienceConfig) -> None:
        self._config = config
        self._silent_from: int | None = None  # where the silence that was sent last begins
        self.open_at: float | None = None
        """When to open the second session; None for never."""
        self.force_at: float | None = None
        """When to change at the latest."""
        self._boundary_at = 0.0

    def begin(self, opened_at: float, max_session_ms: float | None) -> None:
        """Follow a session that was opened then and may last so long."""
        self._silent_from = None
        self.cancel()
        if max_session_ms is not None:
            lead_ms = min(self._config.handover_lead_ms, max_session_ms / 4)
            margin_ms = min(self._config.handover_margin_ms, lead_ms / 4)
            end = opened_at + max_session_ms / 1000
            self._schedule(end - lead_ms / 1000, end - margin_ms / 1000)

    def request(self, now: float) -> None:
        """Change soon, whatever the session's limit."""
        force_at = now + self._config.handover_lead_ms / 1000
        self._schedule(now, force_at if self.force_at is None else min(force_at, self.force_at))

    def cancel(self) -> None:
        """Nothing is to change."""
        self.open_at = self.force_at = None

    def postpone(self, until: float) -> None:
        """The second session could not be opened: try again then, if that is not too late."""
        assert self.force_at is not None  # or none would have been opened
        self.open_at = until if until < self.force_at else None

    def opening(self) -> None:
        """The second session is being opened."""
        self.open_at = None

    def sent(self, kept: Kept) -> None:
        """The first session took a frame."""
        if kept.speech:
            self._silent_from = kept.frame.end
        elif self._silent_from is None:
            self._silent_from = kept.frame.position

    def pause(self, kept: Kept) -> int | None:
        """The middle of the pause that lasts up to the end of a frame, in samples, if it is one."""
        if kept.speech or self._silent_from is None:
            return None
        silence = kept.frame.end - self._silent_from
        if kept.frame.format.duration_ms(silence) < self._config.pause_ms:
            return None
        # A long pause needs no more of it twice than a short one.
        half = min(silence, kept.frame.format.samples(self._config.pause_ms)) // 2
        return kept.frame.end - half

    def any_boundary(self, now: float) -> bool:
        """Whether a boundary in the first session's answers will do by now."""
        return now >= self._boundary_at

    def _schedule(self, open_at: float, force_at: float) -> None:
        self.open_at, self.force_at = open_at, force_at
        self._boundary_at = open_at + (force_at - open_at) * _PAUSES_ONLY


__all__ = ["HandOverPlan"]
