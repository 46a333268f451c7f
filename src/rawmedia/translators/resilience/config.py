"""How patient, how persistent and how forgetful a resilient translation is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class ResilienceConfig(BaseModel):
    """When an engine counts as dead, how often it is tried again, and what is kept meanwhile. Immutable.

    Raises:
        pydantic.ValidationError: A setting is unknown or out of range. (It is a ``ValueError``.)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    answer_timeout_ms: Annotated[float, Field(ge=100, le=600_000)] = 5_000
    """How much speech, and how long, without an event before the engine counts as dead.

    After that long without an event an engine that takes no audio for half as long counts as
    dead too. Silence and time in which nobody reads the events do not count.
    """
    final_timeout_ms: Annotated[float, Field(ge=100, le=600_000)] = 30_000
    """The same where an engine reports nothing before an utterance is over, or is asked not to.

    It should be longer than the longest sentence.
    """
    rest_timeout_ms: Annotated[float, Field(ge=100, le=600_000)] = 15_000
    """How long it may be silent after the last audio while it still owes the end."""
    connect_timeout_ms: Annotated[float, Field(ge=100, le=600_000)] = 10_000
    """How long one attempt to open an engine may take."""
    retry_base_ms: Annotated[float, Field(ge=0, le=60_000)] = 250
    """The longest wait before the first attempt; it doubles with each that fails."""
    retry_cap_ms: Annotated[float, Field(ge=0, le=600_000)] = 8_000
    """What the wait does not grow beyond."""
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 10
    """Attempts in a row, over all engines, before the translation fails."""
    give_up_after_ms: Annotated[float, Field(ge=0, le=86_400_000)] = 120_000
    """How long attempts in a row may go on before the translation fails."""
    healthy_ms: Annotated[float, Field(ge=0, le=600_000)] = 10_000
    """How long an engine must have run, and answered, for earlier failures to be forgotten."""
    tries_per_engine: Annotated[int, Field(ge=1, le=100)] = 2
    """Failures in a row before the next engine of the list is tried."""
    failback_ms: Annotated[float, Field(ge=1_000, le=86_400_000)] | None = 60_000
    """How long after a fail-over the first engine is tried again; None stays where it is.

    Twice as long each time that it has failed again, up to 16 times.
    """
    replay_ms: Annotated[float, Field(ge=100, le=600_000)] = 30_000
    """How much audio that no engine has settled is kept to be sent again."""
    when_full: Literal["drop_oldest", "wait"] = "drop_oldest"
    """What gives way when that much is kept and no engine runs: old audio, or ``send``."""
    half_spoken: Literal["resume", "drop"] = "resume"
    """What becomes of speech that broke off: its rest, once it is made again, or nothing more."""
    max_session_ms: Annotated[float, Field(ge=1_000, le=86_400_000)] | None = None
    """How long an engine's translation may last, where its capabilities set no limit."""
    handover_lead_ms: Annotated[float, Field(ge=100, le=3_600_000)] = 60_000
    """How long before that limit the next one is opened; a quarter of the limit at most."""
    handover_margin_ms: Annotated[float, Field(ge=0, le=3_600_000)] = 5_000
    """How long before the limit the change is made at the latest; a quarter of the lead at most."""
    pause_ms: Annotated[float, Field(ge=20, le=10_000)] = 400
    """How long nobody must speak for a pause to be good enough to change engines in."""


__all__ = ["ResilienceConfig"]
