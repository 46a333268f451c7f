"""What happened in a session, as JSON that another program can read.

A reader of the file checks ``schema_version``; it changes when a field goes or changes its
meaning, not when one is added. All times are milliseconds: of media time, since the input
began, where a name does not say otherwise.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rawmedia.captions.figures import DirectionMetrics  # noqa: TC001 - pydantic looks at it
from rawmedia.captions.percentile import percentile
from rawmedia.files.replacing import replace_text

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _encodable(text: str) -> str:
    r"""The text with what UTF-8 can't hold, such as a byte in a file's name, spelt ``\udcff``."""
    return text.encode("utf-8", "backslashreplace").decode()


Text = Annotated[str, AfterValidator(_encodable)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class _Written(_Model):
    """A report that has a file of its own."""

    def write(self, path: str | os.PathLike[str]) -> None:
        """Put the report into a file, in place of the one before; may be called at any moment.

        It is written beside the file and then renamed over it, so whoever reads the file,
        and whoever finds it after the process was killed, sees a whole report.

        Raises:
            FileWriteError: It cannot be written; the report before it is still there.
        """
        replace_text(path, self.model_dump_json(indent=2) + "\n", "report")

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read a report back.

        Raises:
            OSError: The file cannot be read.
            pydantic.ValidationError: It holds no report of this version.
        """
        return cls.model_validate_json(Path(path).read_bytes())


class InputReport(_Model):
    """What was translated."""

    path: Text | None = None
    """The file, or None where the audio came from elsewhere."""
    sample_rate: int
    """Samples per second and channel, as it came in."""
    num_channels: int
    duration_ms: Milliseconds
    """How much of it was heard."""


class TranslationReport(_Model):
    """An utterance in one target language."""

    text: Text
    spoken_ms: Milliseconds = 0.0
    """How long its speech lasts; 0 where none was made."""
    heard_at_ms: Milliseconds | None = None
    """Where in the outbound stream its speech began, or None where none was made."""
    heard_until_ms: Milliseconds | None = None
    """Where in the outbound stream its speech ended, or None where it did not or none was made."""
    cut: bool = False
    """Whether some of its speech was cleared unheard."""
    skipped_ms: Milliseconds = 0.0
    """How much of its speech was left out to catch up."""
    ear_voice_span_ms: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """From the first of the words to the first of their translation being heard, or None where
    that was not measured."""
    start_offset_ms: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """From ``start_ms`` of the utterance to the first of its translation being heard, or None
    likewise; the ear-voice span, unless the engine tells that the first word came later."""
    end_offset_ms: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """From the last of the words to the last of their translation being heard, or None likewise."""
    laal_ms: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """Length-adaptive average lagging of its speech (Papi et al. 2022), or None likewise, and where
    not all of it was heard."""
    text_laal_ms: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """The same of its text, each word as of when it came to stay, or None likewise."""
    erasure: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Words that the engine took back for each word of the final text (Arivazhagan et al. 2020,
    normalised erasure), or None where there is no text."""


class UtteranceReport(_Model):
    """One piece of speech: where it was said, what was understood, what was made of it."""

    id: Text
    start_ms: Milliseconds
    end_ms: Milliseconds
    source_text: Text
    translations: dict[Text, TranslationReport] = Field(default_factory=dict)
    """By target language, as the session names it."""
    untranslated: tuple[Text, ...] = ()
    """Source words that the engine did not know and left as they were."""


class Totals(_Model):
    """The session in figures."""

    utterances: int = 0
    spoken_ms: Milliseconds = 0.0
    """Translated speech, of all languages together."""
    untranslated_words: int = 0
    ear_voice_span_p50_ms: float | None = None
    """Half of the translations were heard no later than this (nearest rank)."""
    ear_voice_span_p90_ms: float | None = None
    """Nine of ten translations were heard no later than this (nearest rank)."""
    overrun_ms: Milliseconds = 0.0
    """Audio of the input that was dropped because it was not taken in time."""
    underruns: int = 0
    """How often the translated speech ran out in the middle of an utterance."""

    @classmethod
    def of(
        cls,
        utterances: Sequence[UtteranceReport],
        *,
        overrun_ms: float = 0.0,
        underruns: int = 0,
    ) -> Totals:
        """Count what the utterances tell; the rest is told by the streams."""
        translations = [each for one in utterances for each in one.translations.values()]
        spans_ms = [
            each.ear_voice_span_ms for each in translations if each.ear_voice_span_ms is not None
        ]
        return cls(
            utterances=len(utterances),
            spoken_ms=sum(each.spoken_ms for each in translations),
            untranslated_words=sum(len(one.untranslated) for one in utterances),
            ear_voice_span_p50_ms=percentile(spans_ms, 50),
            ear_voice_span_p90_ms=percentile(spans_ms, 90),
            overrun_ms=overrun_ms,
            underruns=underruns,
        )


class SessionReport(_Written):
    """A session so far, or to its end."""

    schema_version: Literal[1] = 1
    engine: Text
    source_language: Text
    target_languages: tuple[Text, ...]
    input: InputReport | None = None
    """None until the first audio has come."""
    utterances: tuple[UtteranceReport, ...] = ()
    totals: Totals = Totals()
    complete: bool = False
    """Whether the session came to its own end; False in a report that was written on the way."""
    error: Text | None = None
    """What ended the session early, or None."""
    metrics: DirectionMetrics | None = None
    """The running figures, of all utterances since the session began; None where none were kept."""


class CallReport(_Written):
    """A call between several parties so far, or to its end."""

    schema_version: Literal[1] = 1
    directions: dict[Text, SessionReport]
    """What was made of what each party said, by the direction's name."""
    complete: bool = False
    """Whether every direction came to its own end."""


__all__ = [
    "CallReport",
    "InputReport",
    "SessionReport",
    "Totals",
    "TranslationReport",
    "UtteranceReport",
]
