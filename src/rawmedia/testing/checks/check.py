"""A check is one promise and the function that puts it to the test; a list of them makes a report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from rawmedia.errors import ConfigurationError
from rawmedia.testing.checks.broken import BrokenPromiseError, NotCheckableError, SeenError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    Guard = Callable[[Awaitable[None]], Awaitable[None]]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Check(Generic[T]):
    """One promise of a protocol, and how it is tried."""

    name: str
    """The function's, which says the promise in short."""
    promise: str
    """In one sentence."""
    written: str
    """The dotted name of the docstring that holds it."""
    function: Callable[[T], Awaitable[None]]

    async def run(self, subject: T, guard: Guard | None = None) -> str | None:
        """Try it on a subject.

        Args:
            subject: What the function takes.
            guard: What the function's run is put through, such as a limit of time.

        Returns:
            None where the promise was kept; why it could not be tried otherwise.

        Raises:
            BrokenPromiseError: It was not kept, or something was raised that nobody promised.
        """
        try:
            trying = self.function(subject)
            await (trying if guard is None else guard(trying))
        except NotCheckableError as reason:
            return str(reason)
        except SeenError as seen:
            raise self._broken(str(seen)) from seen.__cause__
        except Exception as error:
            # Whatever it is: nothing in a check is allowed to raise but what it waits for.
            raise self._broken(f"{type(error).__name__} was raised: {error}.") from error
        return None

    def _broken(self, how: str) -> BrokenPromiseError:
        return BrokenPromiseError(self.name, self.promise, how, self.written)


@dataclass(frozen=True, slots=True)
class Report:
    """Which promises were checked, and which were not and why."""

    passed: tuple[str, ...]
    """Names of the checks whose promise was kept."""
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Why the others could not be tried, by name."""

    def __str__(self) -> str:
        lines = [
            f"{len(self.passed)} promises kept",
            *(f"  kept     {name}" for name in self.passed),
        ]
        return "\n".join(
            [*lines, *(f"  skipped  {name}: {why}" for name, why in self.skipped.items())]
        )


class CheckList(Generic[T]):
    """Checks in the order in which they run; a function joins it by ``promise``."""

    def __init__(self, *parts: CheckList[T]) -> None:
        self._checks: list[Check[T]] = [check for part in parts for check in part]

    def __iter__(self) -> Iterator[Check[T]]:
        return iter(self._checks)

    def __len__(self) -> int:
        return len(self._checks)

    @property
    def names(self) -> tuple[str, ...]:
        """What ``only`` may name."""
        return tuple(check.name for check in self._checks)

    def promise(
        self, promise: str, written: str
    ) -> Callable[[Callable[[T], Awaitable[None]]], Callable[[T], Awaitable[None]]]:
        """Add the decorated function as the check of a promise.

        Args:
            promise: In one sentence, with its full stop.
            written: The dotted name of the docstring that holds it.
        """

        def add(function: Callable[[T], Awaitable[None]]) -> Callable[[T], Awaitable[None]]:
            name: str = getattr(function, "__name__", "check")
            self._checks.append(Check(name, promise, written, function))
            return function

        return add

    async def run(self, subject: T, only: str | None = None, guard: Guard | None = None) -> Report:
        """Try all of them, or the one of this name, on a subject; each through ``guard``.

        Raises:
            BrokenPromiseError: The first promise that was not kept; those after it were not tried.
            ConfigurationError: There is no check of this name.
        """
        if only is not None and only not in self.names:
            raise ConfigurationError("only", f"one of {', '.join(self.names)}, not {only!r}")
        passed: list[str] = []
        skipped: dict[str, str] = {}
        for check in self._checks:
            if only is not None and check.name != only:
                continue
            reason = await check.run(subject, guard)
            if reason is None:
                passed.append(check.name)
            else:
                skipped[check.name] = reason
        return Report(tuple(passed), skipped)


__all__ = ["Check", "CheckList", "Report"]
