"""How two calls find each other, and what is kept of them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from rawmedia.sessions.mixing.config import Mixing
from rawmedia.sessions.recording import RecordingFormat  # noqa: TC001 - pydantic reads it

WhenOneLeaves = Literal["end", "wait"]


class BridgeHandlerConfig(BaseModel):
    """How two calls find each other, and what is kept of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    key_parameter: str = "key"
    """The parameter of the URL, or the platform's, that two calls have in common."""
    language_parameter: str = "language"
    """The one that says what a caller speaks; without it the first speaks the first language."""
    wait_s: float = Field(default=120.0, gt=0, le=86_400)
    """How long a call waits for its other; then it is hung up."""
    when_one_leaves: WhenOneLeaves = "end"
    """What becomes of the call that is left: hung up, or it waits for another of its key, again for ``wait_s``."""
    mixing: Mixing = Mixing()
    """How each hears original and translation."""
    echo_guard: bool = False
    """Whether engines are kept from what a line sends back of them."""
    one_way: bool = False
    """Whether a direction that the engine can't serve passes the original through, instead of being an error."""
    transcript: bool = False
    """Whether what is said is kept as JSON Lines, too, in the call's folder."""
    record: RecordingFormat | None = None
    """Of the recordings of both calls in the call's folder; None for none."""


__all__ = ["BridgeHandlerConfig", "WhenOneLeaves"]
