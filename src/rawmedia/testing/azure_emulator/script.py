"""What the emulator is told that people say: utterances by their place in the audio received.

Places are milliseconds of what the client sent, so a run does not depend on how fast it came;
delays are the clock's time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import ConfigurationError
from rawmedia.testing.azure_emulator.upload_format import wav_header
from rawmedia.testing.azure_emulator.voicing import speech_for_text
from rawmedia.testing.signals import tone

Voiced: TypeAlias = AudioFrame | npt.NDArray[Any] | float | Sequence[bytes] | Literal["generated"]
"""What is spoken: a frame, int16 samples at 16 kHz, a tone of so many ms, messages verbatim (then
with the WAV header, if one is wanted), or what sounds like speech and is as long as the text."""

_MAX_CALLABLE_LENGTH = 2**40


@dataclass(frozen=True, slots=True)
class Revision:
    """What an utterance sounds like so far."""

    text: str
    at_ms: float | None = None
    """When enough was heard of it; None spreads revisions evenly over the utterance."""
    translations: Mapping[str, str] = field(default_factory=dict)
    delay_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class ScriptedWord:
    """One word of an utterance, in milliseconds of the audio received."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, kw_only=True)
class EmulatedUtterance:
    """Something that is said in the audio, and how the service answers it.

    Raises:
        ConfigurationError: It ends before it starts, or a delay is negative.
    """

    source_text: str
    start_ms: float
    end_ms: float
    language: str | None = None
    """What is spoken, where the client lets the service find out; None is the first candidate."""
    revisions: Sequence[str | Revision] = ()
    translations: Mapping[str, str] = field(default_factory=dict)
    """By the service's language code; others get ``pseudo_translation``."""
    speech: Voiced | Mapping[str, Voiced] | None = "generated"
    """What is synthesized, where the client asks for it: alike or by language; None is nothing."""
    words: Sequence[ScriptedWord] = ()
    """Where each word is; evenly distributed if none are given and the client asks."""
    delay_ms: float = 0.0
    """From the end of the audio to the final."""
    speech_delay_ms: float = 0.0
    """From the final to the first piece of its speech."""
    speech_interval_ms: float = 0.0
    """From one piece of speech to the next; 0 gives all at once."""
    status: str = "Success"
    """The phrase's ``RecognitionStatus``."""
    translation_status: str = "Success"
    synthesis_status: str = "Success"

    def __post_init__(self) -> None:
        if not 0 <= self.start_ms <= self.end_ms:
            raise ConfigurationError(
                "script", f"{self.source_text!r} is from {self.start_ms} to {self.end_ms} ms"
            )
        if min(self.delay_ms, self.speech_delay_ms, self.speech_interval_ms) < 0:
            raise ConfigurationError("script", f"{self.source_text!r} has a negative delay")

    def translation(self, language: str) -> str:
        """The text in a language that the client asked for."""
        return translated(self.source_text, self.translations, language)

    def timed_revisions(self) -> list[Revision]:
        """The revisions in order, each with its place."""
        timed = []
        for number, each in enumerate(self.revisions, 1):
            revision = Revision(each) if isinstance(each, str) else each
            if revision.at_ms is None:
                share = number / (len(self.revisions) + 1)
                at_ms = self.start_ms + (self.end_ms - self.start_ms) * share
                revision = replace(revision, at_ms=at_ms)
            timed.append(revision)
        return timed

    def timed_words(self) -> list[ScriptedWord]:
        """The words with their places, evenly distributed where the script doesn't say."""
        if self.words:
            return list(self.words)
        texts = self.source_text.split()
        step_ms = (self.end_ms - self.start_ms) / max(1, len(texts))
        return [
            ScriptedWord(text, self.start_ms + step_ms * n, self.start_ms + step_ms * (n + 1))
            for n, text in enumerate(texts)
        ]

    def voiced(self, language: str, piece_ms: float) -> list[bytes]:
        """What is synthesized in a language, message by message, as 16 kHz WAV unless verbatim."""
        spoken: Any = self.speech
        if isinstance(spoken, Mapping):
            spoken = spoken.get(language)
        if spoken is None:
            return []
        if isinstance(spoken, str):
            spoken = speech_for_text(self.translation(language), SPEECH)
        elif isinstance(spoken, int | float):
            spoken = tone(spoken)
        elif isinstance(spoken, np.ndarray):
            spoken = AudioFrame(spoken, SPEECH)
        if not isinstance(spoken, AudioFrame):
            return [bytes(message) for message in spoken]
        data, size = (
            bytes(spoken),
            spoken.format.samples(piece_ms) * spoken.format.bytes_per_instant,
        )
        pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        return [wav_header(spoken.format) + pieces[0], *pieces[1:]]

    def later(self, ms: float) -> EmulatedUtterance:
        """The same utterance ``ms`` later."""
        revisions = tuple(
            each
            if isinstance(each, str) or each.at_ms is None
            else replace(each, at_ms=each.at_ms + ms)
            for each in self.revisions
        )
        words = tuple(
            replace(word, start_ms=word.start_ms + ms, end_ms=word.end_ms + ms)
            for word in self.words
        )
        return replace(
            self,
            start_ms=self.start_ms + ms,
            end_ms=self.end_ms + ms,
            revisions=revisions,
            words=words,
        )


Script: TypeAlias = Sequence[EmulatedUtterance] | Callable[[int], EmulatedUtterance | None]
"""Utterances in order of time, or a function that gives the nth, from 0, and None after the last."""


def pseudo_translation(text: str, language: str) -> str:
    """What stands for a translation that nobody wrote: the text, marked with the language."""
    return f"[{language}] {text}"


def translated(text: str, translations: Mapping[str, str], language: str) -> str:
    """The translation into a language, whatever the case of its code, or what stands for it."""
    if language in translations:
        return translations[language]
    for code, translation in translations.items():
        if code.lower() == language.lower():
            return translation
    return pseudo_translation(text, language)


def repeated(
    utterances: Sequence[EmulatedUtterance], every_ms: float, *, times: int | None = None
) -> Callable[[int], EmulatedUtterance | None]:
    """A script that says the same again and again, for long runs.

    Args:
        utterances: One round, in order.
        every_ms: From the start of one round to the next; no shorter than a round.
        times: How many rounds; None never ends.

    Raises:
        ConfigurationError: There is nothing to repeat, or a round is longer than ``every_ms``.
    """
    if not utterances:
        raise ConfigurationError("utterances", "at least one is needed")
    if utterances[-1].end_ms - utterances[0].start_ms > every_ms:
        raise ConfigurationError("every_ms", f"a round is longer than {every_ms:g} ms")

    def nth(number: int) -> EmulatedUtterance | None:
        turn, index = divmod(number, len(utterances))
        if times is not None and turn >= times:
            return None
        return utterances[index].later(turn * every_ms)

    return nth


class ScriptReader:
    """A script of either kind, read by number or by time.

    Raises:
        ConfigurationError: The utterances are not in order, or overlap.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        if not callable(script):
            for earlier, later in pairwise(script):
                if later.start_ms < earlier.end_ms:
                    raise ConfigurationError(
                        "script",
                        f"{later.source_text!r} starts before {earlier.source_text!r} ends",
                    )

    def utterance(self, number: int) -> EmulatedUtterance | None:
        """The nth utterance, from 0; None after the last."""
        if callable(self._script):
            return self._script(number)
        return self._script[number] if number < len(self._script) else None

    def first_from(self, start_ms: float) -> int:
        """The number of the first utterance that does not start before ``start_ms``."""
        if not callable(self._script):
            return bisect_left(self._script, start_ms, key=lambda each: each.start_ms)
        beyond = 1
        while not self._starts_from(beyond - 1, start_ms) and beyond < _MAX_CALLABLE_LENGTH:
            beyond *= 2
        low, high = 0, beyond
        while low < high:
            middle = (low + high) // 2
            if self._starts_from(middle, start_ms):
                high = middle
            else:
                low = middle + 1
        return low

    def find(self, text: str, *, among: int = 1_000) -> EmulatedUtterance | None:
        """The first utterance with this source text; a function is asked for ``among`` of them."""
        for number in range(len(self._script) if not callable(self._script) else among):
            utterance = self.utterance(number)
            if utterance is None:
                return None
            if utterance.source_text == text:
                return utterance
        return None

    def _starts_from(self, number: int, start_ms: float) -> bool:
        utterance = self.utterance(number)
        return utterance is None or utterance.start_ms >= start_ms


__all__ = [
    "EmulatedUtterance",
    "Revision",
    "Script",
    "ScriptReader",
    "ScriptedWord",
    "Voiced",
    "pseudo_translation",
    "repeated",
    "translated",
]
