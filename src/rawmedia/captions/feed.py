"""Captions for user interfaces: any number of subscribers, each at its own pace."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from rawmedia.captions.live import LiveCaptions
from rawmedia.errors import (
    ConfigurationError,
    EndOfStreamError,
    StreamClosedError,
    StreamTimeoutError,
)
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.streams.waiting import PENDING, Pending, WaitList, wait_in_task
from rawmedia.translators.events import FinalTranslation, PartialTranslation, UtteranceEnded

if TYPE_CHECKING:
    from types import TracebackType

    from rawmedia.captions.live import CaptionKey, CaptionUpdate, LiveCaptionStats
    from rawmedia.captions.stable import StabilityConfig
    from rawmedia.streams.clock import Clock


class CaptionFeed:
    """Takes what translations report and gives every subscriber what to show.

    May be told and read from any thread. Telling never waits; a subscriber that does not
    read costs bounded memory, and one that nobody holds any more is forgotten.

    Args:
        stability: When a word of a partial result is shown for good.
        history: How many captions `latest` remembers.
        clock: What updates are dated and limited by.
    """

    def __init__(
        self,
        stability: StabilityConfig | None = None,
        *,
        history: int = 200,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._captions = LiveCaptions(stability, history=history)
        self._clock = clock
        self._lock = threading.RLock()
        self._subscriptions: weakref.WeakSet[CaptionSubscription] = weakref.WeakSet()
        self._closed = False

    @property
    def stats(self) -> LiveCaptionStats:
        """What became of the events."""
        with self._lock:
            return self._captions.stats

    @property
    def subscribers(self) -> int:
        """How many there are."""
        return len(self._subscriptions)

    def tell(self, event: object, *, speaker: str | None = None, channel: str = "") -> None:
        """Take what a translation or a session reports; can be a session's ``on_event``.

        Args:
            event: In any order; what is no text of a translation is passed over.
            speaker: Who speaks.
            channel: Tells translations apart that may use the same utterance ids, such as
                two engines that hear the same speaker.
        """
        # Speech and progress come often, and need neither the lock nor the time.
        if not isinstance(event, (PartialTranslation, FinalTranslation, UtteranceEnded)):
            return
        now = self._clock.now()
        with self._lock:
            if self._closed:
                return
            for update in self._captions.tell(event, now, speaker=speaker, channel=channel):
                for subscription in self._subscriptions:
                    subscription._offer(update, now)

    def latest(self, count: int, *, language: str | None = None) -> tuple[CaptionUpdate, ...]:
        """The captions that began last, each as it stands, in the order in which they began.

        Args:
            count: How many at most.
            language: Only captions in this language, translated into it or said in it.
        """
        with self._lock:
            return self._captions.latest(count, language=language)

    def subscribe(
        self,
        *,
        language: str | None = None,
        recent: int = 0,
        capacity: int = 64,
        max_updates_per_second: float = 10.0,
    ) -> CaptionSubscription:
        """Follow the captions from here on.

        Args:
            language: Only captions in this language, translated into it or said in it.
            recent: With how many of the captions that are there to begin.
            capacity: How many captions wait for the subscriber at most.
            max_updates_per_second: How often a caption that is not final is given; its
                final is always given at once.

        Raises:
            ConfigurationError: ``capacity`` or ``max_updates_per_second`` is not above 0.
            StreamClosedError: The feed is closed.
        """
        if capacity < 1:
            raise ConfigurationError("capacity", f"must be at least 1, not {capacity}")
        if not max_updates_per_second > 0:
            raise ConfigurationError(
                "max_updates_per_second", f"must be above 0, not {max_updates_per_second}"
            )
        now = self._clock.now()
        with self._lock:
            if self._closed:
                raise StreamClosedError
            subscription = CaptionSubscription(self, language, capacity, 1 / max_updates_per_second)
            self._subscriptions.add(subscription)
            for update in self._captions.latest(recent, language=language):
                subscription._offer(update, now)
        return subscription

    def close(self) -> None:
        """Nothing more will come: subscribers get what waits for them, then their end. Twice is harmless."""
        with self._lock:
            self._closed = True
            for subscription in self._subscriptions:
                subscription._waiters.wake_all()


@dataclass(frozen=True, slots=True)
class SubscriberStats:
    """What became of the updates for one subscriber."""

    given: int
    """Updates that it got."""
    coalesced: int
    """Updates that a later one of the same caption replaced before they were read."""
    missed: int
    """Updates that it lost because more than ``capacity`` captions waited; unfinished ones go first."""
    waiting: int
    """Captions that wait for it."""


class CaptionSubscription:
    """An async iterator of `CaptionUpdate`; made by `CaptionFeed.subscribe`.

    A slow subscriber gets fewer updates of a caption and always its last one, so a text is
    never wrong, only late. Cancelling or timing out loses nothing. Leave it with ``close``, or
    ``async with``, or let it go.
    """

    def __init__(
        self, feed: CaptionFeed, language: str | None, capacity: int, interval: float
    ) -> None:
        self._feed, self._language = feed, language
        self._capacity, self._interval = capacity, interval
        self._waiting: dict[CaptionKey, CaptionUpdate] = {}
        # When the next update of a caption may be given, in seconds on the clock.
        self._not_before: dict[CaptionKey, float] = {}
        self._waiters = WaitList()
        self._next = _Next(self)
        self._closed = False
        self._given = self._coalesced = self._missed = 0

    @property
    def stats(self) -> SubscriberStats:
        """The counts so far."""
        with self._feed._lock:
            return SubscriberStats(self._given, self._coalesced, self._missed, len(self._waiting))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> CaptionUpdate:
        """Wait for the next update. Cancelling loses none."""
        try:
            return await wait_in_task(self._feed._lock, self._feed._clock, self._next, None)
        except EndOfStreamError:
            raise StopAsyncIteration from None

    def close(self) -> None:
        """Leave: what waits is dropped, and iteration ends. Twice is harmless."""
        with self._feed._lock:
            self._closed = True
            self._waiting.clear()
            self._feed._subscriptions.discard(self)
            self._waiters.wake_all()

    async def aclose(self) -> None:
        """As ``close``."""
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _offer(self, update: CaptionUpdate, now: float) -> None:
        """Take an update, under the feed's lock."""
        if self._language not in (None, update.language):
            return
        known = update.key in self._waiting
        self._coalesced += known
        self._waiting[update.key] = update
        if len(self._waiting) > self._capacity:
            self._drop_one()
        # Whoever sleeps has an alarm for a caption that waits already and is not due.
        if len(self._waiters) and (not known or self._is_due(update, now)):
            self._waiters.wake_one()

    def _drop_one(self) -> None:
        unfinished = (key for key, update in self._waiting.items() if not update.closed)
        del self._waiting[next(unfinished, next(iter(self._waiting)))]
        self._missed += 1

    def _is_due(self, update: CaptionUpdate, now: float) -> bool:
        return update.closed or self._feed._closed or self._not_before.get(update.key, now) <= now

    def _take(self) -> CaptionUpdate | Literal[Pending.PENDING]:
        """The first update that is due."""
        now = self._feed._clock.now()
        update = next((each for each in self._waiting.values() if self._is_due(each, now)), None)
        if update is None:
            if self._closed or self._feed._closed:
                raise EndOfStreamError
            return PENDING
        del self._waiting[update.key]
        self._not_before.pop(update.key, None)
        if not update.closed:
            self._not_before[update.key] = now + self._interval
            if len(self._not_before) > self._capacity:
                del self._not_before[next(iter(self._not_before))]
        self._given += 1
        return update


class _Next:
    """The operation of taking the next update."""

    __slots__ = ("_subscription",)

    def __init__(self, subscription: CaptionSubscription) -> None:
        self._subscription = subscription

    def attempt(self) -> CaptionUpdate | Literal[Pending.PENDING]:
        """Take an update that is due, or say that none will come."""
        return self._subscription._take()

    @property
    def waiters(self) -> WaitList:
        """Those who wait for the same subscription."""
        return self._subscription._waiters

    def abandon(self, error: BaseException) -> None:
        """Nothing to undo: an update is only taken by an attempt that gives it."""

    def timeout_error(self, timeout: float) -> StreamTimeoutError:
        """Say that no update came."""
        return StreamTimeoutError("recv", timeout)

    @property
    def retry_at(self) -> float | None:
        """When the first of those that wait is due."""
        subscription = self._subscription
        return min((subscription._not_before[key] for key in subscription._waiting), default=None)


__all__ = ["CaptionFeed", "CaptionSubscription", "SubscriberStats"]
