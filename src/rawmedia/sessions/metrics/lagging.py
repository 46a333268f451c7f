"""LAAL: how far a translation lags behind its source, on average over its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def laal_ms(
    delays_ms: Sequence[float], source_ms: float, *, reference_tokens: int = 0
) -> float | None:
    """The length-adaptive average lagging of one utterance.

    LAAL = (1 / tau) * sum over i = 1..tau of (d_i - (i - 1) * |X| / max(|Y|, |Y*|)), where d_i is
    the delay of the i-th word of the translation, |X| the duration of the source, |Y| and |Y*| the
    number of words of the translation and of a reference, and tau the first i with d_i >= |X|, or
    |Y| where there is none. So it is the mean distance to an ideal translator who is never behind
    and spreads his words evenly over the source. Of a translation that begins only after its source
    has ended it is d_1; so it is what the first word waited.

    Args:
        delays_ms: Of each word, from the source's first sample to when the word was there.
        source_ms: How long the source is.
        reference_tokens: How many words a reference translation has; a live call has none.

    Returns:
        Milliseconds, which may be below 0 for who is ahead of the ideal; None where there are
        no words.

    Source: S. Papi et al., Over-Generation Cannot Be Rewarded: Length-Adaptive Average Lagging for
    Simultaneous Speech Translation, AutoSimTrans 2022 (arXiv 2206.05807); the form for speech, with
    delays in time instead of words, of X. Ma et al., SimulMT to SimulST, AACL 2020 (arXiv 2011.02048).
    """
    if not delays_ms:
        return None
    ideal_ms = source_ms / max(len(delays_ms), reference_tokens)
    total_ms, place = 0.0, 0
    for place, delay_ms in enumerate(delays_ms):
        total_ms += delay_ms - place * ideal_ms
        if delay_ms >= source_ms:
            break
    return total_ms / (place + 1)


def spoken_delays_ms(start_ms: float, end_ms: float, words: int) -> list[float]:
    """When each of ``words`` words begins to be heard, where only the whole is known to.

    They are taken to be equally long and to follow one another from ``start_ms`` to ``end_ms``; a
    synthesizer that tells word times would do better, but none of this library's events have them.
    """
    each_ms = (end_ms - start_ms) / words if words else 0.0
    return [start_ms + place * each_ms for place in range(words)]


__all__ = ["laal_ms", "spoken_delays_ms"]
