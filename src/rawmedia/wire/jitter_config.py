"""How much lateness a receiver absorbs: the settings of the jitter buffer."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class JitterConfig(BaseModel):
    """How much lateness a receiver absorbs, and when it gives a packet up. Immutable.

    Raises:
        pydantic.ValidationError: A number is out of range, a setting unknown, or the delays are
            not in the order least, initial, greatest, capacity. (It is a ``ValueError``.)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    min_delay_ms: Annotated[float, Field(ge=0, le=1_000)] = 40
    """The least that audio is held back. Two packets: one may be lost and the next be in hand."""
    initial_delay_ms: Annotated[float, Field(ge=0, le=2_000)] = 60
    """What it is held back at first, and at least for the first 50 packets."""
    max_delay_ms: Annotated[float, Field(ge=20, le=5_000)] = 500
    """The most that it is held back, however late packets come."""
    late_share: Annotated[float, Field(ge=0.001, le=0.2)] = 0.02
    """How many packets may come too late: fewer cost more delay."""
    fec: bool = True
    """Whether to wait for one packet more than the network asks for: the one after a hole, from
    whose forward error correction the hole can be filled."""
    max_hole_ms: Annotated[float, Field(ge=0, le=5_000)] = 60
    """How long holes are given while nothing comes; then the sender may as well be silent.

    What is given as a hole is late when it comes after all: short loses less in a delay spike,
    long conceals more of one.
    """
    max_jump_ms: Annotated[float, Field(ge=100, le=60_000)] = 2_000
    """A timestamp that is ahead of its arrival by more than this begins a new timeline."""
    capacity_ms: Annotated[float, Field(ge=100, le=60_000)] = 5_000
    """How much audio is kept when nobody pulls; the oldest goes first, and is counted."""
    capacity_packets: Annotated[int, Field(ge=10, le=2_000)] = 1_000
    """The same, in packets."""

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        delays = (self.min_delay_ms, self.initial_delay_ms, self.max_delay_ms, self.capacity_ms)
        if list(delays) != sorted(delays):
            raise ValueError(
                "min_delay_ms, initial_delay_ms, max_delay_ms and capacity_ms must not fall, "
                f"as {', '.join(f'{delay:g}' for delay in delays)} do"
            )
        return self


__all__ = ["JitterConfig"]
