"""What a command fails with that no part of the library does."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rawmedia.errors import RawMediaError

if TYPE_CHECKING:
    from rawmedia.errors import Fault


class NobodyDialledError(RawMediaError):
    """There was no call in the time that it was waited for; it can be waited for again."""

    fault: ClassVar[Fault] = "far end"
    retryable = True

    def __init__(self, url: str, wait_s: float) -> None:
        super().__init__(url, wait_s)
        self.url, self.wait_s = url, wait_s

    def __str__(self) -> str:
        return f"nobody dialled {self.url} within {self.wait_s:g} s"


__all__ = ["NobodyDialledError"]
