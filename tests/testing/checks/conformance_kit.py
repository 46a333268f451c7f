"""What the tests of the checks share: a call in a script, and a list of implementations that break promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import pytest

from rawmedia.testing import ScriptedTranslator, ScriptedUtterance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rawmedia.streams.clock import Clock
    from rawmedia.testing.checks import BrokenPromiseError
    from rawmedia.testing.script import ScriptItem

T = TypeVar("T")


@dataclass(frozen=True)
class Breach(Generic[T]):
    """An implementation that breaks one promise, and the check that must find out."""

    check: str
    name: str
    make: T


class Breaches(Generic[T]):
    """The broken implementations of one kind."""

    def __init__(self) -> None:
        self._all: list[Breach[T]] = []

    def __iter__(self) -> Iterator[Breach[T]]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def of(self, *checks: str) -> Callable[[T], T]:
        """Say which checks the decorated factory must fail."""

        def add(make: T) -> T:
            self.add(getattr(make, "__name__", "broken").strip("_"), make, *checks)
            return make

        return add

    def add(self, name: str, make: T, *checks: str) -> None:
        """Say which checks something must fail, and what it is called."""
        for check in checks:
            self._all.append(Breach(check, name, make))

    def params(self) -> list[object]:
        """For ``parametrize``."""
        return [pytest.param(each, id=f"{each.check}-{each.name}") for each in self._all]

    @property
    def checks(self) -> set[str]:
        """Of which checks it is known that they catch somebody."""
        return {each.check for each in self._all}


def require_caught(caught: pytest.ExceptionInfo[BrokenPromiseError], check: str) -> None:
    """The error must name the check, and its text the promise and where that is written."""
    error = caught.value
    assert error.check == check
    assert error.promise in str(error)
    assert error.how in str(error)
    assert error.written.startswith("rawmedia.")
    # Else what was seen was a mistake in the broken implementation, not its fault.
    assert not isinstance(error.__cause__, AttributeError | NameError | TypeError)


def script() -> list[ScriptItem]:
    """Two utterances within four seconds, with revisions and speech."""
    return [
        ScriptedUtterance(
            source_text="hello",
            start_ms=200,
            end_ms=1_200,
            translations={"es": "hola", "fr": "salut"},
            revisions=["he", "hell"],
            audio=500.0,
            audio_interval_ms=100,
        ),
        ScriptedUtterance(
            source_text="goodbye",
            start_ms=1_800,
            end_ms=3_000,
            translations={"es": "adiós", "fr": "au revoir"},
            revisions=["good"],
            audio=700.0,
            delay_ms=200,
        ),
    ]


def scripted(clock: Clock, *more: ScriptItem) -> ScriptedTranslator:
    """A translator that keeps its promises, and no record that would grow."""
    return ScriptedTranslator([*script(), *more], clock=clock, max_recorded_frames=50)
