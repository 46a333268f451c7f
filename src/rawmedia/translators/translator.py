"""The one protocol that every engine speaks, and what engines that lack a verb answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rawmedia.errors import ConfigurationError, UnsupportedLanguageError
from rawmedia.translators.request import language_matches

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.request import TranslationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslatorCapabilities:
    """What an engine can do, so that a request it can't serve fails before the call starts."""

    name: str
    """How errors and reports call the engine."""
    input_formats: tuple[AudioFormat, ...]
    """What ``send`` takes, the best first; whoever sends converts."""
    source_languages: tuple[str, ...] | None = None
    """BCP-47 tags, or None where only the service knows."""
    target_languages: tuple[str, ...] | None = None
    """BCP-47 tags, or None where only the service knows."""
    speech: bool = True
    """Whether it can speak what it translated."""
    partials: bool = True
    """Whether it reports before an utterance is over."""
    multi_target: bool = False
    """Whether one translation can have several target languages."""
    max_session_ms: float | None = None
    """How long one translation may last, or None for no limit."""

    def __post_init__(self) -> None:
        if not self.input_formats:
            raise ConfigurationError("input_formats", f"{self.name} must take at least one")

    def check(self, request: TranslationRequest) -> None:
        """Refuse what the engine can't do.

        Raises:
            UnsupportedLanguageError: A language that the engine lacks.
            ConfigurationError: Several targets, or speech, where the engine can't.
        """
        _check_language(request.source_language, "source", self.source_languages)
        for target in request.target_languages:
            _check_language(target, "target", self.target_languages)
        if len(request.target_languages) > 1 and not self.multi_target:
            raise ConfigurationError("target_languages", f"{self.name} takes one at a time")
        if request.speech and not self.speech:
            raise ConfigurationError(
                "speech", f"{self.name} gives text only; ask with speech=False"
            )


def _check_language(tag: str, role: str, supported: Iterable[str] | None) -> None:
    if supported is not None and not any(language_matches(tag, each) for each in supported):
        raise UnsupportedLanguageError(tag, role, supported)


class Translation(Protocol):
    """One speaker, live: frames in, events out, until all is said.

    Frames are sent in order; their ``position`` is media time, and a position ahead of the
    frame before is silence that was not sent. Events may be iterated by one reader at a
    time. Everything runs on one event loop.
    """

    async def send(self, frame: AudioFrame) -> None:
        """Give the engine the next frame.

        Returns at once while no more than ``max_pending_ms`` of audio, this frame included,
        is unprocessed; then waits for room, at most ``max_pending_ms``. Cancelling takes
        nothing of the frame. Concurrent calls are served in order.

        Raises:
            TranslatorOverloadedError: No room came; the frame was not taken.
            FormatMismatchError: The format is none of ``capabilities.input_formats``, or not
                that of the frames before.
            PayloadError: The frame starts before the end of the one before.
            TranslatorClosedError: After ``end_input`` or ``aclose``, or when the engine ended.
            TranslatorError: The engine failed.
        """
        ...

    async def commit(self) -> None:
        """Finish the current utterance now; advice that an engine may not follow."""
        ...

    async def interrupt(self) -> None:
        """Say nothing more of what is being said; listening goes on."""
        ...

    async def update(self, request: TranslationRequest) -> None:
        """Change targets or voices while running.

        Raises:
            UnsupportedChangeError: The engine can't; open a new translation and hand over.
        """
        ...

    async def end_input(self) -> None:
        """There is no more audio; events go on until all is said, then iteration ends. Twice is harmless."""
        ...

    def __aiter__(self) -> AsyncIterator[TranslationEvent]:
        """Events in order; ends after ``end_input`` when all is said, or at ``aclose``.

        A cancelled or timed-out wait for an event loses none.

        Raises:
            TranslatorError: The engine failed; what it reported before stays valid.
        """
        ...

    async def aclose(self) -> None:
        """Give everything back, now; what is unsaid stays unsaid. Twice is harmless."""
        ...


class Translator(Protocol):
    """An engine; makes translations, any number at once, that share nothing a caller can see."""

    @property
    def capabilities(self) -> TranslatorCapabilities:
        """What the engine can do; never changes."""
        ...

    async def open(self, request: TranslationRequest) -> Translation:
        """Start a translation for one speaker.

        Raises:
            ConfigurationError: The engine can't serve the request (``capabilities.check``).
            MissingDependencyError: Something that the engine needs is not installed.
            TranslatorError: The engine could not be started or reached.
        """
        ...


__all__ = ["Translation", "Translator", "TranslatorCapabilities"]
