"""Engines for tests: one that follows a script, and one that says back what it hears."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING

from rawmedia.audio.format import SPEECH, WIDEBAND_VOICE, AudioFormat
from rawmedia.audio.timeline import TimeSpan
from rawmedia.errors import ConfigurationError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.testing.script import (
    ScriptedCrash,
    ScriptedEvent,
    ScriptedStall,
    ScriptedUtterance,
)
from rawmedia.testing.scripted_translation import ScriptedTranslation
from rawmedia.translators.events import (
    FinalTranslation,
    TranslatedAudio,
    TranslationEvent,
    UtteranceEnded,
)
from rawmedia.translators.function import FunctionTranslator
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.clock import Clock
    from rawmedia.testing.script import ScriptItem
    from rawmedia.translators.request import TranslationRequest


class ScriptedTranslator:
    """A `Translator` that answers as its script says, whatever the audio holds.

    The script is played by the media time of the frames that are sent and by the clock, so
    every run gives the same events. A translation that is opened later, at a later media
    time, answers the utterances whose start it hears, as a real engine would. At the end of
    the input an utterance in progress is finished early; so it is by ``commit``.

    Utterances are called "u1", "u2" and so on by their place in the script. `Progress`
    comes about every second of source and at the end of an utterance, and stays at the
    start of the oldest utterance that is unanswered.

    Args:
        script: What happens; in any order.
        clock: What delays are measured by.
        capabilities: What it claims; by default any languages, several targets, `SPEECH` in.
        speech_format: What tones and arrays are spoken in.
        piece_ms: How long the pieces of speech are.
        open_errors: What the first calls of ``open`` raise, one each; None lets that call pass.
        accepts_update: Whether ``update`` works; otherwise it is refused.
        start_tolerance_ms: How much of an utterance's beginning may be missing, because the source
            began later or the line had a hole, for it to be answered all the same.
        max_recorded_frames: How many of its last frames each translation keeps.

    Raises:
        ConfigurationError: Utterances overlap, or a length is out of range.
    """

    def __init__(
        self,
        script: Iterable[ScriptItem] = (),
        *,
        clock: Clock = SYSTEM_CLOCK,
        capabilities: TranslatorCapabilities | None = None,
        speech_format: AudioFormat = WIDEBAND_VOICE,
        piece_ms: float = 100.0,
        open_errors: Iterable[Exception | None] = (),
        accepts_update: bool = False,
        start_tolerance_ms: float = 0.0,
        max_recorded_frames: int = 30_000,
    ) -> None:
        if not piece_ms > 0:
            raise ConfigurationError("piece_ms", f"must be above 0, got {piece_ms}")
        if not start_tolerance_ms >= 0:
            raise ConfigurationError("start_tolerance_ms", f"0 or more, not {start_tolerance_ms}")
        self.script = tuple(script)
        self.clock = clock
        self.speech_format = speech_format
        self.piece_ms = piece_ms
        self.accepts_update = accepts_update
        self.start_tolerance_ms = start_tolerance_ms
        self.max_recorded_frames = max_recorded_frames
        self.requests: list[TranslationRequest] = []
        """What ``open`` and accepted updates asked for, in order, also where ``open`` raised."""
        self.translations: list[ScriptedTranslation] = []
        """What was opened, in order."""
        self._open_errors = deque(open_errors)
        self._happened: dict[int, int] = {}
        self._capabilities = capabilities or TranslatorCapabilities(
            name="scripted", input_formats=(SPEECH,), multi_target=True
        )
        in_order = sorted(self.utterances.values(), key=lambda each: (each.start_ms, each.end_ms))
        for earlier, later in pairwise(in_order):
            if later.start_ms < earlier.end_ms:
                raise ConfigurationError(
                    "script", f"{later.source_text!r} starts before {earlier.source_text!r} ends"
                )

    @property
    def capabilities(self) -> TranslatorCapabilities:
        """What it claims to do."""
        return self._capabilities

    @property
    def utterances(self) -> dict[str, ScriptedUtterance]:
        """The utterances of the script by the id under which they are reported."""
        spoken = (item for item in self.script if isinstance(item, ScriptedUtterance))
        return {f"u{number}": utterance for number, utterance in enumerate(spoken, 1)}

    async def open(self, request: TranslationRequest) -> ScriptedTranslation:
        """Start to follow the script for one speaker.

        Raises:
            ConfigurationError: The request asks for what ``capabilities`` lacks.
            Exception: What ``open_errors`` holds for this call.
        """
        self.requests.append(request)
        self._capabilities.check(request)
        error = self._open_errors.popleft() if self._open_errors else None
        if error is not None:
            raise error
        translation = ScriptedTranslation(self, request)
        self.translations.append(translation)
        return translation

    def happens(self, item: ScriptedCrash | ScriptedStall) -> bool:
        """Count that a source has come to ``item``; whether it is to happen this time."""
        self._happened[id(item)] = self._happened.get(id(item), 0) + 1
        return self._happened[id(item)] <= item.times


class EchoTranslator(FunctionTranslator):
    """A `Translator` that says back every frame at once, in every target language.

    Args:
        input_format: What it hears, and so what it speaks.
        utterance_ms: After how much audio it begins a new utterance.
        text: What it claims to have understood in each, and its translation.
        clock: What the wait of ``send`` for room is measured by.
    """

    def __init__(
        self,
        *,
        input_format: AudioFormat = SPEECH,
        utterance_ms: float = 1_000.0,
        text: str = "echo",
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._utterance_ms = utterance_ms
        self._text = text
        capabilities = TranslatorCapabilities(
            name="echo", input_formats=(input_format,), partials=False, multi_target=True
        )
        super().__init__(self._echo, capabilities, clock=clock)

    async def _echo(
        self, frames: AsyncIterator[AudioFrame], request: TranslationRequest
    ) -> AsyncIterator[TranslationEvent]:
        number, heard, spoken = 0, None, 0
        async for frame in frames:
            if heard is None:
                number, spoken = number + 1, 0
                heard = TimeSpan(frame.start_ms, frame.end_ms)
            heard = TimeSpan(heard.start_ms, frame.end_ms)
            if request.speech:
                for language in request.target_languages:
                    span = TimeSpan(frame.start_ms, frame.end_ms)
                    yield TranslatedAudio(f"u{number}", language, frame.at(spoken), span)
            spoken += frame.samples_per_channel
            if heard.duration_ms >= self._utterance_ms:
                for event in self._said(f"u{number}", heard, request):
                    yield event
                heard = None
        if heard is not None:
            for event in self._said(f"u{number}", heard, request):
                yield event

    def _said(
        self, name: str, heard: TimeSpan, request: TranslationRequest
    ) -> tuple[FinalTranslation, UtteranceEnded]:
        translations = dict.fromkeys(request.target_languages, self._text)
        return (
            FinalTranslation(name, 0, self._text, request.source_language, heard, translations),
            UtteranceEnded(name, heard),
        )


__all__ = [
    "EchoTranslator",
    "ScriptedCrash",
    "ScriptedEvent",
    "ScriptedStall",
    "ScriptedTranslation",
    "ScriptedTranslator",
    "ScriptedUtterance",
]
