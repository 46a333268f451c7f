"""How late packets come over a network, and the delay that nearly all of them stay within."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from itertools import islice
from math import inf, nan

from rawmedia.errors import ConfigurationError

WINDOW_MS = 20_000.0
"""What is remembered. A clock that is off by 500 ppm moves 10 ms in it."""
MAX_SAMPLES = 2_048
"""Of packets shorter than 10 ms the window is shorter."""
SETTLED_SAMPLES = 50
"""As many say something; and as many are kept whatever their age, for after a long silence."""
_EARLY_SHARE = 0.1
"""How many of the first packets may be late before there is enough to judge by."""
_BURST_SAMPLES = 15
"""How many of the packets that come together count: those of 300 ms, less than the window's share."""
_SOONER_MS = 20.0
"""By how much all of a block must come sooner than anything before, to be another path."""


class DelayEstimator:
    """Watches the transit of packets: when one arrived, less when its media time says it was made.

    The two clocks have nothing in common, so a transit alone means nothing; what tells is by how
    much each exceeds the least of the last 20 seconds, the *baseline*. Being the least of a window
    it follows clocks that drift. The *quantile* is the transit that all but ``late_share`` of the
    window stay within.

    One delay spike alone, however long, hardly moves the quantile once the window holds four
    seconds: of packets that come together only the first 15 count, fewer than may be late. Two
    within the window do. So does a path that becomes longer, after as many packets. Where 50
    packets in a row have nothing in common with those before, being later than the baseline
    by more than ``max_excess_ms`` or all sooner than any, those before are forgotten.

    Args:
        late_share: How many of the packets may exceed the quantile, above 0 and up to 0.5.
        max_excess_ms: What is more cannot be jitter that anybody would wait for.

    Raises:
        ConfigurationError: A number is out of range.
    """

    __slots__ = (
        "_arrived_ms",
        "_before_ms",
        "_block_size",
        "_burst",
        "_earlier_ms",
        "_highest_ms",
        "_jitter_ms",
        "_late_share",
        "_lowest_ms",
        "_max_excess_ms",
        "_order",
        "_ranked",
        "_transit_ms",
        "baseline_ms",
        "median_ms",
        "quantile_ms",
    )

    def __init__(self, late_share: float = 0.02, max_excess_ms: float = 500.0) -> None:
        if not 0 < late_share <= 0.5:
            raise ConfigurationError("late_share", f"above 0, up to 0.5, not {late_share}")
        if not max_excess_ms > 0:
            raise ConfigurationError("max_excess_ms", f"above 0, not {max_excess_ms}")
        self._late_share = late_share
        self._max_excess_ms = max_excess_ms
        self.baseline_ms = 0.0
        """The least transit in the window; 0 before the first."""
        self.median_ms = 0.0
        """What half of the transits stay within: no single packet moves it far."""
        self.quantile_ms = 0.0
        """The transit that all but the share of packets that may be late stay within."""
        self._ranked: list[float] = []
        self._order: deque[tuple[float, float]] = deque()
        """The same transits in the order in which they came, each with when."""
        self._arrived_ms = -inf
        self._transit_ms: float | None = None
        self._jitter_ms = 0.0
        self._burst = 0
        # The block is the newest transits, up to as many as settle things. The path may change in
        # the middle of one, so each is compared to what was before the one before it.
        self._before_ms = nan
        self._earlier_ms = nan
        self._block_size = 0
        self._lowest_ms, self._highest_ms = inf, -inf

    @property
    def settled(self) -> bool:
        """Whether there are enough transits to go by."""
        return len(self._ranked) >= SETTLED_SAMPLES

    @property
    def excess_ms(self) -> float:
        """How far the quantile lies above the baseline: what a buffer must hold back."""
        return self.quantile_ms - self.baseline_ms

    @property
    def jitter_ms(self) -> float:
        """The interarrival jitter that RTCP reports (RFC 3550, section 6.4.1), in milliseconds."""
        return self._jitter_ms

    def add(self, transit_ms: float, now_ms: float, packet_ms: float) -> None:
        """Take note of one packet.

        Args:
            transit_ms: Its arrival less its media time, each in milliseconds.
            now_ms: Its arrival; not before that of the last.
            packet_ms: How much audio a packet holds, above 0.
        """
        if self._transit_ms is not None:
            # RFC 3550, A.8: a mean that forgets one sixteenth with every packet.
            self._jitter_ms += (abs(transit_ms - self._transit_ms) - self._jitter_ms) / 16
        self._transit_ms = transit_ms
        together = now_ms - self._arrived_ms < packet_ms / 4
        self._arrived_ms = now_ms
        self._burst = self._burst + 1 if together else 0
        if self._burst >= _BURST_SAMPLES:
            return
        ranked, order = self._ranked, self._order
        insort(ranked, transit_ms)
        order.append((now_ms, transit_ms))
        size, oldest_ms = len(ranked), now_ms - WINDOW_MS
        while size > SETTLED_SAMPLES and (order[0][0] < oldest_ms or size > MAX_SAMPLES):
            del ranked[bisect_left(ranked, order.popleft()[1])]
            size -= 1
        if transit_ms < self._lowest_ms:
            self._lowest_ms = transit_ms
        if transit_ms > self._highest_ms:
            self._highest_ms = transit_ms
        self._block_size += 1
        if self._block_size == SETTLED_SAMPLES:
            self._end_block()
            size = len(ranked)
        share = self._late_share
        # So many late packets are no news: as many as a full window may have. Before it is full,
        # a burst would otherwise weigh more the younger the call is.
        usual, early = share * WINDOW_MS / packet_ms, size * _EARLY_SHARE
        if early < usual:
            usual = early
        late = size * share
        self.baseline_ms = ranked[0]
        self.median_ms = ranked[size // 2]
        self.quantile_ms = ranked[size - 1 - int(late if late > usual else usual)]

    def _end_block(self) -> None:
        """Forget what was before the block where it was another path; begin the next."""
        later = self._lowest_ms > self._earlier_ms + self._max_excess_ms
        sooner = self._highest_ms < self._earlier_ms - _SOONER_MS
        if later or sooner:
            kept = list(islice(self._order, len(self._order) - SETTLED_SAMPLES, None))
            self._order = deque(kept)
            self._ranked[:] = sorted(transit_ms for _, transit_ms in kept)
            self._before_ms = self._ranked[0]
        self._earlier_ms, self._before_ms = self._before_ms, self._ranked[0]
        self._block_size = 0
        self._lowest_ms, self._highest_ms = inf, -inf


__all__ = ["MAX_SAMPLES", "SETTLED_SAMPLES", "WINDOW_MS", "DelayEstimator"]
