"""The error that says which promise was broken, how to see it, and where it is written."""

from __future__ import annotations

from typing import NoReturn


class BrokenPromiseError(AssertionError):
    """An implementation does not do what the docstring of its protocol says.

    Args:
        check: The name of the check that found it; it can be run alone by ``only=``.
        promise: What was promised, in one sentence.
        how: What was done and what came of it.
        written: The dotted name of the docstring that holds the promise.
    """

    def __init__(self, check: str, promise: str, how: str, written: str) -> None:
        super().__init__(check, promise, how, written)
        self.check, self.promise, self.how, self.written = check, promise, how, written

    def __str__(self) -> str:
        return (
            f"broken promise: {self.promise} It is written in {self.written}. "
            f"How to see it: {self.how} (check {self.check!r})"
        )


class SeenError(Exception):
    """What a check saw that must not be; its list makes a `BrokenPromiseError` of it."""


class NotCheckableError(Exception):
    """A check does not apply to what it was given, and why; its list counts it as skipped."""


def broke(how: str) -> NoReturn:
    """Say what was done and what came of it, as a sentence.

    Raises:
        SeenError: Always.
    """
    raise SeenError(how)


def require(kept: bool, how: str) -> None:  # noqa: FBT001 - as `assert` takes it
    """Go on if the promise was kept.

    Raises:
        SeenError: It was not.
    """
    if not kept:
        broke(how)


def skip(reason: str) -> NoReturn:
    """Say why the promise can't be checked here.

    Raises:
        NotCheckableError: Always.
    """
    raise NotCheckableError(reason)


__all__ = ["BrokenPromiseError", "NotCheckableError", "SeenError", "broke", "require", "skip"]
