"""Percentiles of any number of delays, in constant memory."""

from __future__ import annotations

from math import ceil, isfinite, log

from rawmedia.captions.figures import LatencyFigures

FINE_TO_MS = 1_000.0
"""Up to here delays are told apart to a millisecond, beyond to 1 %."""
_STEP = 1.01
_BUCKETS_PER_E = 1 / log(_STEP)
# A delay of more than a day is a mistake of somebody's; all of them share the last bucket.
_LONGEST_MS = 86_400_000.0
# The bucket of FINE_TO_MS is the same on both scales, and one is rounded to the nearest on both.
_FAR_OFFSET = FINE_TO_MS - log(FINE_TO_MS) * _BUCKETS_PER_E + 0.5


class LatencyHistogram:
    """Counts delays in buckets, so that percentiles of hours cost what those of a minute do.

    A percentile is off by at most 0.5 ms where it is within ±1 s, and by at most 0.5 % beyond;
    one beyond ±24 h is told as the last bucket, 24 h. Count, mean, least and greatest are exact,
    and no percentile is outside of these. At most 4 300 buckets are kept, in practice some
    hundreds. For one thread at a time.

    Source of the scheme: G. Tene, HdrHistogram (fixed resolution, then fixed relative precision);
    of the percentile: nearest rank, as `rawmedia.captions.percentile`.
    """

    __slots__ = ("_count", "_counts", "_max_ms", "_min_ms", "_sum_ms")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._count = 0
        self._sum_ms = 0.0
        self._min_ms = float("inf")
        self._max_ms = float("-inf")

    @property
    def count(self) -> int:
        """How many delays were added."""
        return self._count

    @property
    def mean_ms(self) -> float | None:
        """Their mean; None where there is none."""
        return self._sum_ms / self._count if self._count else None

    @property
    def min_ms(self) -> float | None:
        """The least of them; None where there is none."""
        return self._min_ms if self._count else None

    @property
    def max_ms(self) -> float | None:
        """The greatest of them; None where there is none."""
        return self._max_ms if self._count else None

    def add(self, ms: float, times: int = 1) -> None:
        """Count a delay; a negative one, of who was early, is one, too.

        Args:
            ms: The delay.
            times: How often it is to count, such as for how many samples; more than 0.

        Raises:
            ValueError: ``ms`` is no number or infinite.
        """
        # What every frame of a call may pay for, so it is written out.
        if -FINE_TO_MS < ms < FINE_TO_MS:
            bucket = round(ms)
        elif FINE_TO_MS <= ms < _LONGEST_MS:
            bucket = int(log(ms) * _BUCKETS_PER_E + _FAR_OFFSET)
        else:
            bucket = _odd_bucket(ms)
        counts = self._counts
        counts[bucket] = counts.get(bucket, 0) + times
        self._count += times
        self._sum_ms += ms * times
        if ms > self._max_ms:
            self._max_ms = ms
        if ms < self._min_ms:
            self._min_ms = ms

    def merge(self, other: LatencyHistogram) -> None:
        """Count all that ``other`` has, too."""
        counts = self._counts
        for bucket, times in other._counts.items():
            counts[bucket] = counts.get(bucket, 0) + times
        self._count += other._count
        self._sum_ms += other._sum_ms
        self._max_ms = max(self._max_ms, other._max_ms)
        self._min_ms = min(self._min_ms, other._min_ms)

    def percentile(self, percent: float) -> float | None:
        """The delay that at least ``percent`` % do not exceed; None where there is none.

        Args:
            percent: More than 0, at most 100.
        """
        return self._percentiles(percent)[0]

    def figures(self) -> LatencyFigures:
        """What is to be reported, in one go."""
        p50_ms, p90_ms, p99_ms = self._percentiles(50, 90, 99)
        return LatencyFigures(self.count, self.mean_ms, p50_ms, p90_ms, p99_ms, self.max_ms)

    def _percentiles(self, *percents: float) -> list[float | None]:
        """Those of ``percents``, which ascend."""
        if not all(0 < percent <= 100 for percent in percents):
            raise ValueError(f"a percentile is more than 0 and at most 100, not {percents}")
        if not self._count:
            return [None] * len(percents)
        found: list[float | None] = []
        ordered = iter(sorted(self._counts.items()))
        bucket = passed = 0
        for percent in percents:
            # Rounded before it is rounded up, as 64.4 * 250 / 100 is above 161 in floats.
            rank = ceil(round(percent * self._count / 100, 6))
            while passed < rank:
                bucket, times = next(ordered)
                passed += times
            found.append(min(max(_middle_ms(bucket), self._min_ms), self._max_ms))
        return found


def _odd_bucket(ms: float) -> int:
    """Of a delay that is negative or out of all bounds; early ones mirror late ones."""
    if not isfinite(ms):
        raise ValueError(f"a delay is a number of milliseconds, not {ms}")
    bucket = int(log(min(abs(ms), _LONGEST_MS)) * _BUCKETS_PER_E + _FAR_OFFSET)
    return bucket if ms > 0 else -bucket


def _middle_ms(bucket: int) -> float:
    """The delay that a bucket is named for, no more than half a bucket from any in it."""
    fine = round(FINE_TO_MS)
    if abs(bucket) <= fine:
        return float(bucket)
    far_ms = FINE_TO_MS * _STEP ** (abs(bucket) - fine)
    return far_ms if bucket > 0 else -far_ms


__all__ = ["FINE_TO_MS", "LatencyFigures", "LatencyHistogram"]
