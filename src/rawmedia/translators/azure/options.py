"""How Azure Speech shall listen and speak: what a request to any engine has no words for."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rawmedia.errors import ConfigurationError
from rawmedia.translators.request import LanguageTag  # noqa: TC001 - pydantic needs it

# https://learn.microsoft.com/azure/ai-services/speech-service/language-identification
_MAX_CANDIDATES = {"at_start": 4, "continuous": 10}


class AzureOptions(BaseModel):
    """Options of the Azure engine. Immutable; every default is the service's own unless it says so.

    Raises:
        ConfigurationError: A setting is unknown or out of range, or two exclude each other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    # Who speaks.
    detection: Literal["at_start", "continuous", "open"] | None = None
    """How the service finds out what language is spoken: once, at the start; again and again;
    or continuously and without candidates. None: it is the request's ``source_language``."""
    candidates: tuple[LanguageTag, ...] = ()
    """What may be spoken beside the request's ``source_language``, as locales such as "de-DE":
    three at most at the start, nine continuously, none where it is open."""

    # What is understood.
    phrases: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=500)
    ] = ()
    """Names and terms that are likely to be said."""
    profanity: Literal["masked", "removed", "raw"] = "masked"
    """What becomes of swear words in texts."""
    word_timings: bool = False
    """Whether final texts come with the times of their words. Repeated speech is then told apart
    by words instead of by stretches when a connection is replaced."""
    dictation: bool = False
    """Whether spoken punctuation ("comma") becomes punctuation."""
    stable_partials: Annotated[int, Field(ge=1, le=20)] | None = None
    """How often a word must have been heard alike before a partial shows it; more is steadier
    and later."""
    segmentation: Literal["default", "time", "semantic"] = "default"
    """By what an utterance ends: the service's own mix, pauses alone, or meaning."""
    segmentation_silence_ms: Annotated[int, Field(ge=100, le=5_000)] | None = None
    """The pause that ends an utterance; less is sooner translated and more often torn apart."""
    segmentation_max_ms: Annotated[int, Field(ge=20_000, le=70_000)] | None = None
    """After how long an utterance ends without a pause."""
    initial_silence_ms: Annotated[int, Field(ge=1_000, le=600_000)] | None = None
    """After how much silence at its start the service says that it heard nothing."""

    # How it is spoken.
    synthesis: Literal["auto", "service", "separate"] = "auto"
    """Who speaks: the translation service itself, which can speak one language per translation,
    as 16 kHz WAV; or a synthesizer beside it for each language, in any format. "auto" is the
    service for one target and synthesizers for several."""
    personal_voice: bool = False
    """Whether the translation is spoken in a likeness of the speaker's own voice (Live
    Interpreter: needs ``detection="open"``, one target and a resource with access to it)."""

    # How the audio goes up.
    low_latency: bool = False
    """Whether the SDK sends audio every 20 ms instead of every 100 and looks for answers every
    2 ms instead of every 10, so that they come some 80 ms sooner. Costs about 2 % of a processor
    core more per translation (``benchmarks/bench_azure.py``, SDK 1.53), and rests on settings
    that Microsoft does not document."""
    telephony: Literal["mulaw", "alaw"] | None = None
    """Take 8 kHz mono frames and send them as G.711. Frames that were made from G.711 give the
    very bytes again that the call carried, and a quarter of the upload."""
    upload_speed: Annotated[float, Field(ge=1, le=100)] = 2.0
    """How much faster than speech the SDK may send what waits, after five seconds at once. 2 is
    its own limit; more is for files, and rests on a setting that Microsoft does not document."""
    properties: dict[str, str] = Field(default_factory=dict)
    """More settings of the SDK by name, as Microsoft's support may ask for; they come last."""

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
        else:
            return
        text = problem["msg"].removeprefix("Value error, ")
        if problem["loc"]:
            raise ConfigurationError(".".join(str(each) for each in problem["loc"]), text)
        setting, _, text = text.partition(": ")
        raise ConfigurationError(setting, text)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        limit = _MAX_CANDIDATES.get(self.detection or "")
        if self.candidates and limit is None:
            raise ValueError('candidates: need detection="at_start" or detection="continuous"')
        if limit is not None and not 0 < len(self.candidates) < limit:
            raise ValueError(
                f"candidates: 1 to {limit - 1} beside the request's source_language, "
                f"not {len(self.candidates)}"
            )
        if self.personal_voice and self.detection != "open":
            raise ValueError('personal_voice: needs detection="open"')
        if self.personal_voice and self.synthesis == "separate":
            raise ValueError("personal_voice: only the service itself speaks so, not a synthesizer")
        return self


__all__ = ["AzureOptions"]
