"""How the benchmarks measure: rivals in turn, many rounds, process CPU time, a table with ratios.

A shared machine slows down for seconds at a time. So the rivals take turns within each round,
every ratio is one of two neighbours in a round, and what is printed is the median over the rounds
with the least and the greatest beside it.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Rival = Callable[[], object]
"""One operation to time, with no arguments; its value is ignored."""


@dataclass(frozen=True)
class Timing:
    """What the rounds gave for one rival."""

    us: tuple[float, ...]
    """Microseconds per operation, one figure per round."""
    ratios: tuple[float, ...]
    """This rival's time by that of the baseline, one figure per round."""

    @property
    def median_us(self) -> float:
        """Microseconds per operation."""
        return statistics.median(self.us)

    @property
    def ratio(self) -> float:
        """The median of the ratios, which is not the ratio of the medians."""
        return statistics.median(self.ratios)


def measure(
    rivals: Mapping[str, Rival | None],
    rounds: int = 9,
    number: int | None = None,
    *,
    title: str = "",
    operations: int = 1,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, Timing]:
    """Time the rivals in turn and print a table.

    Args:
        rivals: By name; the first is the baseline of the ratios. None: not installed here,
            and the table says so.
        rounds: 7 or more.
        number: Calls per rival and round; by default as many as take about 30 ms.
        title: Printed above the table.
        operations: How many operations one call does.
        clock: Seconds; CPU time of this process with all its threads, unless the rivals wait.

    Returns:
        The timing of each rival that is there.
    """
    if rounds < 7:
        raise ValueError(f"fewer than 7 rounds say little, not {rounds}")
    present = {name: call for name, call in rivals.items() if call is not None}
    calls = {name: number or _calls(call, clock) for name, call in present.items()}
    us: dict[str, list[float]] = {name: [] for name in present}
    for _ in range(rounds):
        for name, call in present.items():
            us[name].append(_time(call, calls[name], clock) / calls[name] / operations * 1e6)
    base = us[next(iter(present))] if present else []
    timings = {
        name: Timing(
            tuple(values), tuple(mine / other for mine, other in zip(values, base, strict=True))
        )
        for name, values in us.items()
    }
    _print_table(title, rivals, timings)
    return timings


def _time(call: Rival, number: int, clock: Callable[[], float]) -> float:
    """Seconds that ``number`` calls take, with the garbage collector off as in `timeit`."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        start = clock()
        for _ in range(number):
            call()
        return clock() - start
    finally:
        if collecting:
            gc.enable()


def _calls(call: Rival, clock: Callable[[], float]) -> int:
    """How many calls take about 30 ms; the first few warm caches up."""
    number = 1
    while True:
        seconds = _time(call, number, clock)
        if seconds > 0.01:
            return max(1, round(number * 0.03 / seconds))
        number *= 4


def _print_table(
    title: str, rivals: Mapping[str, Rival | None], timings: Mapping[str, Timing]
) -> None:
    width = max(len(name) for name in rivals)
    print(f"\n{title}" if title else "")
    print(f"{'':{width}}  {'median us':>9}  {'least - most':>17}  {'ratio':>6}  least - most")
    for name in rivals:
        timing = timings.get(name)
        if timing is None:
            print(f"{name:{width}}  not installed")
            continue
        spread = f"{min(timing.us):.2f} - {max(timing.us):.2f}"
        ratios = f"{min(timing.ratios):.2f} - {max(timing.ratios):.2f}"
        print(
            f"{name:{width}}  {timing.median_us:9.2f}  {spread:>17}  {timing.ratio:6.2f}  {ratios}"
        )


__all__ = ["Rival", "Timing", "measure"]
