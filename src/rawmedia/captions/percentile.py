"""The percentile of a few measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def percentile(values: Iterable[float], percent: int) -> float | None:
    """The nearest-rank percentile: the least value that at least ``percent`` % do not exceed.

    It is always one of the values, so the utterance that it belongs to can be looked up,
    and of one value every percentile is that value; interpolating would make up delays that
    nobody heard, which shows with the few utterances of a call.

    Args:
        values: In any order; NaN is not among them.
        percent: 1 to 100.

    Returns:
        The value, or None where there are none.

    Source: R. Hyndman and Y. Fan, Sample Quantiles in Statistical Packages, The American
    Statistician 50 (4), 1996, definition 1 (the inverse of the empirical distribution).
    """
    if not 1 <= percent <= 100:
        raise ValueError(f"a percentile is 1 to 100, not {percent}")
    ordered = sorted(values)
    if not ordered:
        return None
    # The rank is percent/100 of the count, rounded up; in integers, as 0.07 * 100 is above 7.
    rank = -(-percent * len(ordered) // 100)
    return ordered[rank - 1]


__all__ = ["percentile"]
