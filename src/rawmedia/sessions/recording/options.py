"""What a recorder was told: the files' format, how they rotate, and what bounds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from rawmedia.errors import ConfigurationError
from rawmedia.sessions.recording.manifest import RecordingFormat, WhenFull

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """The settings of a `Recorder`, which says what each means.

    Raises:
        ConfigurationError: One is out of range, or two do not go together.
    """

    folder: Path
    format: RecordingFormat
    rotate_ms: float | None
    rotate_bytes: int | None
    max_bytes: int | None
    when_full: WhenFull
    aligned: bool
    queue_ms: float
    max_ahead_ms: float

    def __post_init__(self) -> None:
        _one_of("format", self.format, get_args(RecordingFormat))
        _one_of("when_full", self.when_full, get_args(WhenFull))
        _at_least("rotate_ms", self.rotate_ms, 1_000)
        _at_least("rotate_bytes", self.rotate_bytes, 10_000)
        _at_least("max_bytes", self.max_bytes, 1)
        _at_least("max_ahead_ms", self.max_ahead_ms, 0)
        if not 1_000 <= self.queue_ms <= 600_000:
            raise ConfigurationError("queue_ms", f"1000 to 600000, not {self.queue_ms}")
        if self.when_full == "delete_oldest" and not self.rotates:
            raise ConfigurationError("when_full", "delete_oldest needs rotate_ms or rotate_bytes")

    @property
    def rotates(self) -> bool:
        """Whether a track has more than one file."""
        return self.rotate_ms is not None or self.rotate_bytes is not None


def _one_of(setting: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigurationError(setting, f"{' or '.join(allowed)}, not {value!r}")


def _at_least(setting: str, value: float | None, least: float) -> None:
    # Written so that NaN is refused.
    if value is not None and not value >= least:
        raise ConfigurationError(setting, f"{least} or more, not {value}")


__all__ = ["RecordingOptions"]
