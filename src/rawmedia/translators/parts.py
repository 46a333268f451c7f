"""The three one-method parts of a cascade: one hears, one translates text, one speaks.

Beside its method each part says in a read-only attribute what languages it has, as BCP-47
tags, so that a request it can't serve fails before the call starts; None where only the
service behind it knows. A class attribute will do::

    class Shouter:
        pairs = (("en", "en"),)

        async def translate(self, text, source_language, target_language):
            return TextTranslation(text.upper())

Promises that hold for all three:

- A part may be used for any number of calls at once and on any event loop; calls share
  nothing that a caller can see. What can do only one thing at a time makes the others wait.
- Cancelling a call, or closing the iterator that it returned (``aclose``; an async
  generator has it), gives back what that call holds before it returns, promptly, and leaves
  the part ready for the next call.
- Every error is a ``RawMediaError``: ``UnsupportedLanguageError`` for a language it lacks,
  ``MissingDependencyError`` for what is not installed, ``EngineFailedError`` (or
  ``EngineCrashedError``) when the engine breaks. What was delivered before stays valid, and
  the next call starts afresh. Iterators raise at their first step, not when they are made.
- A part that keeps something between calls, such as a process, gives it back when it is
  garbage or the interpreter exits, and may have ``aclose()`` to do so earlier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.audio.timeline import TimeSpan
    from rawmedia.translators.events import WordTiming


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was understood of one utterance: any number of partials, then one final."""

    text: str
    """All of the utterance so far; replaces what a partial before it said.

    A final is empty where partials came and the last look found no words after all; an
    utterance without any word is not reported.
    """
    span: TimeSpan
    """Where it was said, in the media time of the frames; utterances do not overlap."""
    is_final: bool
    words: tuple[WordTiming, ...] = ()
    """In order, inside ``span``; empty where the engine does not say (most partials)."""
    heard_ms: float | None = None
    """How far in media time the recogniser had listened when it said so, if it tells."""


@dataclass(frozen=True, slots=True)
class Heard:
    """How far the recogniser has got; it says so several times a second while frames come."""

    position_ms: float
    """Audio before this is processed and no longer pending. Never goes back."""
    settled_ms: float | None = None
    """Audio before this lies in no utterance still to be reported, so nobody needs it again.

    None where the recogniser can't tell; then the end of the last final is what is known.
    """


@dataclass(frozen=True, slots=True)
class TextTranslation:
    """One text in the target language."""

    text: str
    unknown_words: tuple[str, ...] = ()
    """Source words that were not translated and stand in ``text`` as they were."""


class Recognizer(Protocol):
    """Speech to text."""

    @property
    def languages(self) -> tuple[str, ...] | None:
        """The languages that it understands."""
        ...

    @property
    def input_formats(self) -> tuple[AudioFormat, ...]:
        """What its frames may be, the best first; one call's frames are all alike."""
        ...

    def recognize(
        self, frames: AsyncIterator[AudioFrame], language: str
    ) -> AsyncIterator[Recognition | Heard]:
        """Listen to one speaker and report each utterance, one at a time.

        Args:
            frames: In order; a position ahead of the frame before is silence that was not
                sent. When it ends, the utterance in progress is finished and the reports
                end. It is read only as fast as the recogniser works, a fraction of a second
                ahead: whoever holds the other end bounds what waits there, as all audio
                handed out less ``Heard.position_ms``.
            language: What is spoken.

        Returns:
            Reports in order. Cancelling a step or closing the iterator ends the call;
            what was heard and not yet reported is lost.

        Raises:
            FormatMismatchError: A frame is none of ``input_formats``.
            RawMediaError: As the module says; and whatever ``frames`` raises comes through.
        """
        ...


class TextTranslator(Protocol):
    """Text to text."""

    @property
    def pairs(self) -> tuple[tuple[str, str], ...] | None:
        """What it translates: source and target languages, in twos."""
        ...

    async def translate(
        self, text: str, source_language: str, target_language: str
    ) -> TextTranslation:
        """Translate one utterance; an empty text gives an empty text.

        A cancelled call is as if it had not been made: its answer never reaches another.

        Raises:
            RawMediaError: As the module says.
        """
        ...


class Synthesizer(Protocol):
    """Text to speech."""

    @property
    def languages(self) -> tuple[str, ...] | None:
        """The languages that it speaks."""
        ...

    def synthesize(self, text: str, language: str, voice: str | None) -> AsyncIterator[AudioFrame]:
        """Speak plain text.

        Args:
            text: Said as it stands; markup is no markup. Nothing to say gives no frame.
            language: What the text is in.
            voice: The engine's name of a voice, or None for its choice.

        Returns:
            Frames of one format, contiguous, ``position`` counted from 0, as they are made:
            at most some seconds ahead of the reader. Closing the iterator ends the speech.

        Raises:
            ConfigurationError: There is no such voice.
            RawMediaError: As the module says.
        """
        ...


__all__ = [
    "Heard",
    "Recognition",
    "Recognizer",
    "Synthesizer",
    "TextTranslation",
    "TextTranslator",
]
