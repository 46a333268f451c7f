"""What every check of a translator works with: translations of the same audio, opened, fed and read."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import ConfigurationError, FormatMismatchError, TranslatorOverloadedError
from rawmedia.testing.checks.broken import require, skip
from rawmedia.testing.checks.waiting import within
from rawmedia.testing.signals import in_frames, speech_like
from rawmedia.translators.events import FinalTranslation, TranslatedAudio
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    from rawmedia.audio.format import AudioFormat
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.translator import Translation, Translator

T = TypeVar("T")
_DEFAULT_MS = 4_000.0
_SEED = 1


class TranslatorTrial:
    """A translator under test, the audio and the request that it is tried with.

    Args:
        factory: Makes a translator; every translation but those that are to run side by side
            comes from one of its own.
        request: What is asked of it; from its capabilities if not given.
        audio: What is said, in one of its formats; four seconds that sound like speech if not given.
        clock: What it is timed on.
        patience_s: How long a run over the audio, or a call, may take on that clock.
        repeatable: Whether the same audio gives the same texts each time.
        failing: Makes a translator whose engine fails in the course of the audio.

    Raises:
        FormatMismatchError: The audio is in none of the translator's formats.
        ConfigurationError: There is no audio.
    """

    def __init__(
        self,
        factory: Callable[[], Translator],
        request: TranslationRequest | None,
        audio: AudioFrame | Sequence[AudioFrame] | None,
        clock: Clock,
        patience_s: float,
        *,
        repeatable: bool,
        failing: Callable[[], Translator] | None = None,
    ) -> None:
        self.factory = factory
        self.failing = failing
        self.clock = clock
        self.patience_s = patience_s
        self.repeatable = repeatable
        self.capabilities = factory().capabilities
        self.request = request or default_request(self.capabilities)
        if audio is None:
            audio = speech_like(_DEFAULT_MS, seed=_SEED, format=self.format)
        self.frames = in_frames(audio) if isinstance(audio, AudioFrame) else list(audio)
        if not self.frames:
            raise ConfigurationError("audio", "at least one frame is needed")
        if self.frames[0].format not in self.capabilities.input_formats:
            raise FormatMismatchError(self.format, self.frames[0].format)
        self.overloads = True
        """Whether a send ever waits in vain, as far as one knows yet."""
        self._undisturbed: list[TranslationEvent] | None = None

    @property
    def format(self) -> AudioFormat:
        """What the translator likes best."""
        return self.capabilities.input_formats[0]

    async def within(self, call: Awaitable[T], what: str) -> T:
        """Wait for a call of the translator as long as the patience lasts."""
        return await within(self.clock, self.patience_s, call, what)

    @asynccontextmanager
    async def opened(
        self, *, translator: Translator | None = None, **changes: Any
    ) -> AsyncIterator[Translation]:
        """A translation that is closed after the block; of a translator of its own if none is given.

        Args:
            translator: Whose.
            changes: Fields of the request that are to be different.
        """
        request = self.changed(**changes)
        translation = await self.within((translator or self.factory()).open(request), "open()")
        async with self.closing(translation):
            yield translation

    @asynccontextmanager
    async def closing(self, translation: Translation) -> AsyncIterator[Translation]:
        """Close a translation after the block."""
        try:
            yield translation
        except BaseException:
            with suppress(Exception):  # the first error says more
                await self.within(translation.aclose(), "aclose()")
            raise
        await self.within(translation.aclose(), "aclose()")

    def changed(self, **changes: Any) -> TranslationRequest:
        """The request with some fields different."""
        return (
            TranslationRequest(**{**self.request.model_dump(), **changes})
            if changes
            else self.request
        )

    def beginning(self, duration_ms: float = 1_000.0) -> list[AudioFrame]:
        """The first frames, up to so much audio."""
        return [frame for frame in self.frames if frame.end_ms <= duration_ms] or self.frames[:1]

    async def send_all(self, translation: Translation, frames: Iterable[AudioFrame]) -> None:
        """Send frames, each again for as long as the engine has no room."""
        for frame in frames:
            while True:
                try:
                    await translation.send(frame)
                    break
                except TranslatorOverloadedError:
                    # Whoever waits for all this has patience, but one that refuses without
                    # waiting must not keep the limit of time from being noticed.
                    await asyncio.sleep(0)

    async def read(self, translation: Translation) -> list[TranslationEvent]:
        """All events, to the end."""
        return [event async for event in translation]

    async def finish(
        self,
        translation: Translation,
        frames: Iterable[AudioFrame],
        reading: Callable[[Translation], Awaitable[list[TranslationEvent]]] | None = None,
    ) -> list[TranslationEvent]:
        """Send frames to a translation and end its input while its events are read to the end."""

        async def feed() -> None:
            await self.send_all(translation, frames)
            await translation.end_input()

        feeding = asyncio.create_task(feed(), name="check feeds")
        listening = asyncio.ensure_future((reading or self.read)(translation))

        async def both() -> list[TranslationEvent]:
            # An error of the one would leave the other waiting, and says more than that it waits.
            await asyncio.wait({feeding, listening}, return_when=asyncio.FIRST_EXCEPTION)
            if feeding.done() and not listening.done():
                feeding.result()
            return await listening

        try:
            return await self.within(
                both(), "sending the audio and iterating the events to their end"
            )
        finally:
            for task in (feeding, listening):
                task.cancel()
            await asyncio.wait({feeding, listening})
            for task in (feeding, listening):
                if not task.cancelled():
                    task.exception()  # it was raised above, or what was says more

    async def events(self) -> list[TranslationEvent]:
        """What one undisturbed translation of the whole audio reports; run once and kept."""
        if self._undisturbed is None:
            async with self.opened() as translation:
                self._undisturbed = await self.finish(translation, self.frames)
        return self._undisturbed

    async def finals(self) -> list[FinalTranslation]:
        """The finals of the undisturbed translation; the check is skipped when there are none."""
        finals = [event for event in await self.events() if isinstance(event, FinalTranslation)]
        if not finals:
            skip("nothing was understood of the audio; give audio= that the engine understands")
        return finals

    async def require_same(self, events: Iterable[TranslationEvent], when: str) -> None:
        """What was said must be what an undisturbed translation says, if the engine repeats itself.

        Raises:
            SeenError: It is not.
        """
        if self.repeatable:
            expected, got = said(await self.events()), said(events)
            require(got == expected, f"{when} the translation was {got}, and {expected} without.")


def default_request(capabilities: Any) -> TranslationRequest:
    """From the first source language that an engine has into the first target, English to Spanish if it has any."""
    sources, targets = capabilities.source_languages, capabilities.target_languages
    return TranslationRequest(
        source_language=sources[0] if sources else "en-US",
        target_languages=(targets[0] if targets else "es",),
        speech=capabilities.speech,
    )


def said(events: Iterable[TranslationEvent]) -> dict[str, object]:
    """What listeners get of a translation: its texts in order, and how much speech in each language."""
    texts: list[tuple[str, dict[str, str]]] = []
    spoken: dict[str, int] = {}
    for event in events:
        if isinstance(event, FinalTranslation):
            texts.append((event.source_text, dict(event.translations)))
        elif isinstance(event, TranslatedAudio):
            samples = spoken.get(event.language, 0) + event.frame.samples_per_channel
            spoken[event.language] = samples
    return {"texts": texts, "samples spoken": spoken}


__all__ = ["TranslatorTrial", "default_request", "said"]
