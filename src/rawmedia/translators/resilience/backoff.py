"""When to try again, and which engine: waits that grow, with jitter, within a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


class Backoff:
    """Exponential back-off with full jitter: a wait is anything from 0 to a ceiling that doubles.

    Full jitter spreads many clients that lost the same service best (M. Brooker, "Exponential
    Backoff And Jitter", AWS Architecture Blog, 2015).

    Args:
        base_ms: The first ceiling.
        cap_ms: What the ceiling does not grow beyond.
        max_attempts: How many attempts in a row there are.
        budget_ms: How long after the first failure an attempt may still begin.
        random: What the jitter is drawn from.
    """

    def __init__(
        self, base_ms: float, cap_ms: float, max_attempts: int, budget_ms: float, random: Random
    ) -> None:
        self._base_ms, self._cap_ms = base_ms, cap_ms
        self._max_attempts = max_attempts
        self._budget_ms = budget_ms
        self._random = random
        self._since: float | None = None
        self.failures = 0
        """How many in a row."""

    def failed(self, now: float, *, at_once: bool = False) -> float | None:
        """Count a failure.

        Args:
            now: Seconds of the clock.
            at_once: Another engine is tried, that need not be waited for.

        Returns:
            When to try again, in seconds of the clock; None when the budget is spent.
        """
        self._since = now if self._since is None else self._since
        self.failures += 1
        if self.failures > self._max_attempts:
            return None
        ceiling_ms = min(self._cap_ms, self._base_ms * 2 ** (self.failures - 1))
        at = now if at_once else now + self._random.uniform(0, ceiling_ms) / 1000
        return None if (at - self._since) * 1000 > self._budget_ms else at

    def reset(self) -> None:
        """All is well: forget the failures."""
        self._since, self.failures = None, 0


class EngineList:
    """Which engine's turn it is. The first is preferred; one that can't work is left out for good.

    Args:
        count: How many there are.
        tries: Failures in a row before it is the next one's turn.
    """

    def __init__(self, count: int, tries: int) -> None:
        self._out = [False] * count
        self._tries = tries
        self._failures = 0
        self._tried: set[int] = set()
        self.current = 0
        """Whose turn it is."""

    def failed(self, engine: int, *, retryable: bool) -> bool:
        """Count a failure of an engine; False when no engine is left."""
        self._tried.add(engine)
        self._out[engine] |= not retryable
        self._failures += engine == self.current
        if all(self._out):
            return False
        if self._out[self.current] or self._failures >= self._tries:
            self.turn_to(self._after(self.current))
        return True

    def turn_to(self, engine: int) -> None:
        """It is that engine's turn."""
        self.current, self._failures = engine, 0

    @property
    def fresh(self) -> bool:
        """Whether the current engine has not failed since all was well."""
        return self.current not in self._tried

    @property
    def wants_back(self) -> bool:
        """Whether the first engine is not the current one, and may work."""
        return self.current != 0 and not self._out[0]

    def healthy(self) -> None:
        """All is well: forget the failures that were no refusals."""
        self._failures = 0
        self._tried.clear()

    def _after(self, engine: int) -> int:
        count = len(self._out)
        following = ((engine + step) % count for step in range(1, count + 1))
        return next(each for each in following if not self._out[each])


__all__ = ["Backoff", "EngineList"]
