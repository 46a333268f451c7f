"""Speech that says where in the call it is, and an engine that hears it.

Every 20 ms of audio carry their own number in the lowest bits of their first samples. So the
emulator, with this engine for ears, hears what was sent and not what a script supposes: a
word is understood where all of it came, in order, over one connection. A client that
connects anew and sends too little again loses the word; one that sends it twice says it twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.timeline import TimeSpan
from rawmedia.testing import noise
from rawmedia.translators.events import (
    FinalTranslation,
    PartialTranslation,
    Progress,
    TranslatedAudio,
    UtteranceEnded,
    WordTiming,
)
from rawmedia.translators.function import FunctionTranslator
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import numpy.typing as npt

    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.request import TranslationRequest

WORD_MS = 1_000
"""From the start of a word to the start of the next."""
START_MS, PARTIAL_MS, END_MS = 100, 300, 600
"""Where in its second a word begins, is guessed and ends; a pause follows."""
_BLOCK_MS = 20
_BLOCK = SPEECH.samples(_BLOCK_MS)
_BITS = 24
_LOUD = noise(_BLOCK_MS, seed=1).samples[:, 0]


def spoken_frame(at_ms: int, duration_ms: int = 100) -> AudioFrame:
    """The audio of a place in the call; both times are multiples of 20."""
    numbers = range(at_ms // _BLOCK_MS, (at_ms + duration_ms) // _BLOCK_MS)
    return AudioFrame(
        np.concatenate([_block(number) for number in numbers])[:, None], SPEECH, at_ms * 16
    )


def word(number: int) -> str:
    return f"word{number}"


def words(count: int) -> list[str]:
    return [word(number) for number in range(count)]


def listener() -> FunctionTranslator:
    """What hears, for ``AzureSpeechEmulator(recognise=...)``."""
    return FunctionTranslator(
        _listen,
        TranslatorCapabilities(name="numbers", input_formats=(SPEECH,), multi_target=True),
    )


def _block(number: int) -> npt.NDArray[np.int16]:
    inside = number * _BLOCK_MS % WORD_MS
    block = (_LOUD if START_MS <= inside < END_MS else np.zeros(_BLOCK, np.int16)).copy()
    block[:_BITS] = (number >> np.arange(_BITS)) & 1
    return block


def _number(block: npt.NDArray[np.int16]) -> int:
    return int(((block[:_BITS] & 1).astype(np.int64) << np.arange(_BITS)).sum())


async def _listen(
    frames: AsyncIterator[AudioFrame], request: TranslationRequest
) -> AsyncIterator[TranslationEvent]:
    rest = np.zeros(0, np.int16)
    heard_ms = 0  # of this stream
    run_ms: int | None = None  # where in the call what came without a break began
    expected: int | None = None
    async for frame in frames:
        rest = np.concatenate([rest, frame.samples[:, 0]])
        while len(rest) >= _BLOCK:
            block, rest = rest[:_BLOCK], rest[_BLOCK:]
            number = _number(block)
            if run_ms is None or number != expected:
                run_ms = number * _BLOCK_MS
            expected = number + 1
            heard_ms += _BLOCK_MS
            index, inside = divmod(expected * _BLOCK_MS, WORD_MS)
            if run_ms <= index * WORD_MS + START_MS and inside in {PARTIAL_MS, END_MS}:
                for event in _said(index, heard_ms - inside, inside, request):
                    yield event
    yield Progress(heard_ms)


def _said(
    index: int, second_ms: int, inside: int, request: TranslationRequest
) -> Sequence[TranslationEvent]:
    """What is said of a word when so much of its second was heard."""
    text, name = word(index), f"u{index}"
    span = TimeSpan(second_ms + START_MS, second_ms + inside)
    texts = {language: f"{text}-{language}" for language in request.target_languages}
    if inside == PARTIAL_MS:
        return [PartialTranslation(name, 0, text[:-1], request.source_language, span, texts)]
    timed = (WordTiming(text, span),)
    said: list[TranslationEvent] = [
        FinalTranslation(name, 1, text, request.source_language, span, texts, timed)
    ]
    if request.speech:
        speech = AudioFrame(np.full((1_600, 1), index + 1, np.int16), SPEECH)
        said += [TranslatedAudio(name, each, speech, span) for each in request.target_languages]
    return [*said, UtteranceEnded(name, span), Progress(span.end_ms)]
