"""How a listener hears a speaker and the translation of what he says: the settings of a mix."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MixMode = Literal["replace", "duck", "side_by_side", "captions_only"]
MixTiming = Literal["simultaneous", "consecutive"]


class Mixing(BaseModel):
    """What one listener hears of one speaker and of the translation. Immutable.

    Raises:
        pydantic.ValidationError: A number is out of range or a setting unknown. (It is a
            ``ValueError``.)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    mode: MixMode = "replace"
    """``replace``: the translation alone. ``duck``: the original, lowered while the translation
    speaks. ``side_by_side``: both at their own level, on a stereo listener the original left and
    the translation right. ``captions_only``: the original alone, for who reads."""
    timing: MixTiming = "simultaneous"
    """``simultaneous``: the translation speaks as soon as it can. ``consecutive``: it begins in a
    pause of the speaker, and then says all that it has."""
    depth_db: Annotated[float, Field(ge=0, le=96)] = 15.0
    """How far ``duck`` lowers the original. Broadcasters' voice-overs lie at 12 to 20."""
    attack_ms: Annotated[float, Field(ge=0, le=1_000)] = 60.0
    """How long the original takes to fall. The first word of a translation waits for it."""
    release_ms: Annotated[float, Field(ge=0, le=5_000)] = 400.0
    """How long the original takes to rise."""
    hold_ms: Annotated[float, Field(ge=0, le=10_000)] = 250.0
    """How long the original stays down in the pauses of the translation."""
    translation_gain_db: Annotated[float, Field(ge=-40, le=20)] = 0.0
    """How much louder the translation is made."""
    pause_ms: Annotated[float, Field(ge=100, le=10_000)] = 800.0
    """``consecutive``: a speaker who is silent for so long has ended his turn."""

    @property
    def needs_original(self) -> bool:
        """Whether the original matters, because it is heard or because its pauses count."""
        return self.mode != "replace" or self.timing == "consecutive"


__all__ = ["MixMode", "MixTiming", "Mixing"]
