"""The small way in: an async generator function becomes a translator."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, overload

from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.errors import ConfigurationError, EngineFailedError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.translators.base import TranslationBase
from rawmedia.translators.calls import closing
from rawmedia.translators.events import Progress, TranslationEvent, UtteranceEnded
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.request import TranslationRequest

    TranslationFunction = Callable[
        [AsyncIterator[AudioFrame], TranslationRequest], AsyncIterator[TranslationEvent]
    ]
    """Takes the frames as they are sent and the request; yields events as they come."""


class FunctionTranslator:
    """A `Translator` whose every translation is one call of an async generator function.

    The call runs in a task of its own. A frame counts as processed when the function asks
    for the next one, and the function waits at ``yield`` while the reader of the events is
    too far behind. It ends the translation by returning: usually when the frames end, but
    earlier is allowed. What it raises ends the translation too: a `TranslatorError` as it is,
    anything else as the cause of an `EngineFailedError`.

    A function that yields no `Progress` of its own gets one reported after every
    `UtteranceEnded`, up to the end of its span, and one at the end; so it should end
    utterances in the order in which they were said.

    Args:
        function: Called once per translation; calls run at the same time.
        capabilities: What it can do.
        clock: What the wait of ``send`` for room is measured by.

    Raises:
        ConfigurationError: The function has no ``yield``.
    """

    def __init__(
        self,
        function: TranslationFunction,
        capabilities: TranslatorCapabilities,
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if inspect.iscoroutinefunction(function):
            raise ConfigurationError(
                "translator", f"{capabilities.name} must be an async generator, but has no yield"
            )
        self._function = function
        self._capabilities = capabilities
        self._clock = clock
        self.__doc__ = function.__doc__ or self.__doc__
        self.__wrapped__ = function

    @property
    def capabilities(self) -> TranslatorCapabilities:
        """What the decorator was told."""
        return self._capabilities

    async def open(self, request: TranslationRequest) -> FunctionTranslation:
        """Call the function for one speaker.

        Raises:
            ConfigurationError: The request asks for what ``capabilities`` lacks.
        """
        self._capabilities.check(request)
        return FunctionTranslation(self._function, self._capabilities, request, self._clock)

    def __repr__(self) -> str:
        return f"<FunctionTranslator {self._capabilities.name}>"


class FunctionTranslation(TranslationBase):
    """One running call of the function."""

    def __init__(
        self,
        function: TranslationFunction,
        capabilities: TranslatorCapabilities,
        request: TranslationRequest,
        clock: Clock,
    ) -> None:
        super().__init__(capabilities, request, clock=clock)
        self._function = function
        self._start(self._run)

    async def _run(self) -> None:
        derived_ms: float | None = 0.0  # None once the function reports progress by itself
        async with closing(self._function(self._frames, self._request)) as events:
            async for event in events:
                if not isinstance(event, TranslationEvent):
                    raise EngineFailedError(self._name, f"yielded {event!r}, which is no event")
                await self._report(event)
                if isinstance(event, Progress):
                    derived_ms = None
                elif isinstance(event, UtteranceEnded) and derived_ms is not None:
                    derived_ms = max(derived_ms, event.span.end_ms)
                    await self._report(Progress(derived_ms))
        if self._frames.exhausted and derived_ms is not None:
            await self._report(Progress(max(derived_ms, self._frames.end_ms)))


@overload
def translator(function: TranslationFunction, /) -> FunctionTranslator: ...


@overload
def translator(
    *,
    name: str | None = None,
    source_languages: Iterable[str] | None = None,
    target_languages: Iterable[str] | None = None,
    input_format: AudioFormat = SPEECH,
    speech: bool = True,
    partials: bool = True,
    multi_target: bool = False,
    max_session_ms: float | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Callable[[TranslationFunction], FunctionTranslator]: ...


def translator(
    function: TranslationFunction | None = None,
    /,
    *,
    name: str | None = None,
    source_languages: Iterable[str] | None = None,
    target_languages: Iterable[str] | None = None,
    input_format: AudioFormat = SPEECH,
    speech: bool = True,
    partials: bool = True,
    multi_target: bool = False,
    max_session_ms: float | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> FunctionTranslator | Callable[[TranslationFunction], FunctionTranslator]:
    """Turn an async generator function into a translator; with or without arguments.

    ::

        @translator(source_languages=["en"], target_languages=["es"])
        async def my_engine(frames, request):
            async for frame in frames:
                ...
                yield FinalTranslation(...)

    Args:
        function: ``(frames, request) -> events``.
        name: How errors and reports call it; the function's own name if not given.
        source_languages: BCP-47 tags; None takes any.
        target_languages: BCP-47 tags; None takes any.
        input_format: What the frames are.
        speech: Whether it yields `TranslatedAudio`.
        partials: Whether it yields `PartialTranslation`.
        multi_target: Whether it takes several target languages at once.
        max_session_ms: How long one translation may last, or None for no limit.
        clock: What the wait of ``send`` for room is measured by.

    Raises:
        ConfigurationError: The function has no ``yield``.
    """

    def decorate(function: TranslationFunction) -> FunctionTranslator:
        capabilities = TranslatorCapabilities(
            name=name if name is not None else getattr(function, "__name__", "function"),
            input_formats=(input_format,),
            source_languages=None if source_languages is None else tuple(source_languages),
            target_languages=None if target_languages is None else tuple(target_languages),
            speech=speech,
            partials=partials,
            multi_target=multi_target,
            max_session_ms=max_session_ms,
        )
        return FunctionTranslator(function, capabilities, clock=clock)

    return decorate if function is None else decorate(function)


__all__ = ["FunctionTranslation", "FunctionTranslator", "translator"]
