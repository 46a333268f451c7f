"""What is done about what breaks in a direction: it ends with that, or tells of it and goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.sessions.events import SessionWarning

if TYPE_CHECKING:
    import asyncio

    from rawmedia.errors import RawMediaError
    from rawmedia.sessions.audience import Audience


class Faults:
    """Where ``strict``, the first fault ends the direction; otherwise each is told. For one event loop.

    Args:
        audience: Who is told.
        news: Set when the direction is to end.
        strict: Whether a fault ends it.
    """

    def __init__(self, audience: Audience, news: asyncio.Event, *, strict: bool) -> None:
        self._audience = audience
        self._news = news
        self.strict = strict
        self.failure: RawMediaError | None = None
        """What it ends with, once all that was translated was heard."""

    def happened(self, message: str, error: RawMediaError) -> None:
        """Something broke that a call could survive."""
        if not self.strict:
            self.warn(message, error)
            return
        self.failure = self.failure or error
        self._news.set()

    def warn(self, message: str, error: BaseException) -> None:
        """Tell of something that every direction survives."""
        self._audience.tell(SessionWarning(message, error))

    def end_at_once(self, error: RawMediaError) -> None:
        """Something broke that leaves nothing to wait for."""
        self._audience.fail(error)


__all__ = ["Faults"]
