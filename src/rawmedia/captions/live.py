"""Captions while somebody speaks: what a translation reports becomes what a screen shows.

No I/O and no clock: events and the time go in, updates come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rawmedia.captions.erasure import Erasure
from rawmedia.captions.shown import shown
from rawmedia.captions.stable import StabilityConfig, StableText
from rawmedia.translators.events import FinalTranslation, PartialTranslation, UtteranceEnded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawmedia.audio.timeline import TimeSpan

# An engine that never finishes what it begins must not fill the memory.
_MAX_OPEN = 64
_MAX_CLOSED = 1_024
_MAX_LANGUAGES = 64


class CaptionKey(NamedTuple):
    """Which caption: what was said by one speaker at one time, in one language."""

    channel: str
    speaker: str | None
    utterance_id: str
    target: str | None
    """The target language as the request names it; None is what was said itself."""


@dataclass(frozen=True, slots=True)
class CaptionUpdate:
    """What one caption shows now; it replaces all updates of the same ``key`` before it."""

    key: CaptionKey
    language: str
    """What the text is in."""
    stable: str
    """Shown for good; grows from update to update until the final."""
    tail: str
    """Shown for now: what follows it, with the space between; empty in a final."""
    final: bool
    """Whether this is the engine's final text."""
    abandoned: bool
    """Whether the utterance ended without a final text in this language."""
    revision: int
    """Counts the updates of this caption from 0; numbers may be passed over."""
    start_ms: float
    """Where in the speaker's audio it was said."""
    end_ms: float
    when: float
    """When this was known, in seconds on the clock of whoever told it."""
    engine_erasure: Erasure
    """What the engine took back so far."""
    shown_erasure: Erasure
    """What was taken back of what was shown."""

    @property
    def text(self) -> str:
        """All that is shown."""
        return self.stable + self.tail

    @property
    def utterance_id(self) -> str:
        """Which utterance, as the engine names it."""
        return self.key.utterance_id

    @property
    def speaker(self) -> str | None:
        """Who says it."""
        return self.key.speaker

    @property
    def translated(self) -> bool:
        """Whether it is a translation; otherwise it is what was said."""
        return self.key.target is not None

    @property
    def closed(self) -> bool:
        """Whether no more updates are expected."""
        return self.final or self.abandoned


@dataclass(frozen=True, slots=True)
class LiveCaptionStats:
    """What became of the events."""

    finals: int
    """Captions that got their final text."""
    abandoned: int
    """Captions that got none."""
    out_of_order: int
    """Events that were passed over: a revision before one that was known, or after the final."""
    forgotten: int
    """Captions without a final that were given up because too many were open."""
    engine_erasure: Erasure
    """Of all captions with a final text together."""
    shown_erasure: Erasure


class LiveCaptions:
    """Follows any number of translations at once.

    Whatever order events come in, a caption's ``stable`` text only grows until its final,
    and the final text is shown as the engine gave it, its first 20 000 characters at least.
    Memory is bounded: 64 utterances may be open; of more, the oldest is abandoned.

    Args:
        stability: When a word of a partial result is shown for good.
        history: How many captions `latest` remembers.
    """

    def __init__(self, stability: StabilityConfig | None = None, *, history: int = 200) -> None:
        self._stability = stability or StabilityConfig()
        self._history = history
        self._open: dict[CaptionKey, _Utterance] = {}
        # Utterances whose final was shown, the oldest first.
        self._closed: dict[CaptionKey, None] = {}
        self._latest: dict[CaptionKey, CaptionUpdate] = {}
        self._finals = self._abandoned = self._out_of_order = self._forgotten = 0
        self._engine_erasure = self._shown_erasure = Erasure()

    @property
    def stats(self) -> LiveCaptionStats:
        """The counts so far."""
        return LiveCaptionStats(
            self._finals,
            self._abandoned,
            self._out_of_order,
            self._forgotten,
            self._engine_erasure,
            self._shown_erasure,
        )

    def latest(self, count: int, *, language: str | None = None) -> tuple[CaptionUpdate, ...]:
        """The captions that began last, each as it stands, in the order in which they began.

        Args:
            count: How many at most.
            language: Only captions in this language.
        """
        chosen = [update for update in self._latest.values() if language in (None, update.language)]
        return tuple(chosen[-count:]) if count > 0 else ()

    def tell(
        self,
        event: object,
        now: float,
        *,
        speaker: str | None = None,
        channel: str = "",
    ) -> tuple[CaptionUpdate, ...]:
        """Take what a translation reports; gives what has changed on the screen.

        Args:
            event: What is no text of a translation is passed over.
            now: Seconds.
            speaker: Who speaks.
            channel: Tells translations apart that may use the same utterance ids, such as
                two engines that hear the same speaker.
        """
        if not isinstance(event, (PartialTranslation, FinalTranslation, UtteranceEnded)):
            return ()
        key = CaptionKey(channel, speaker, event.utterance_id, None)
        updates = tuple(self._taken(key, event, now))
        for update in updates:
            self._latest[update.key] = update
        while len(self._latest) > self._history:
            del self._latest[next(iter(self._latest))]
        return updates

    def _taken(
        self,
        key: CaptionKey,
        event: PartialTranslation | FinalTranslation | UtteranceEnded,
        now: float,
    ) -> Iterator[CaptionUpdate]:
        utterance = self._open.get(key)
        if isinstance(event, UtteranceEnded):
            # A final that comes after this is shown all the same, so it is not forgotten yet.
            if utterance is not None and not utterance.ended:
                utterance.ended = True
                yield from self._abandon(utterance, event.span, now)
            return
        if key in self._closed:
            self._out_of_order += 1
            return
        if utterance is None:
            while len(self._open) >= _MAX_OPEN:
                yield from self._forget(now)
            utterance = self._open[key] = _Utterance(key)
        if isinstance(event, FinalTranslation):
            del self._open[key]
            self._closed[key] = None
            if len(self._closed) > _MAX_CLOSED:
                del self._closed[next(iter(self._closed))]
            yield from self._finish(utterance, event, now)
        elif utterance.ended or event.revision < utterance.revision:
            self._out_of_order += 1
        else:
            utterance.revision = event.revision
            yield from self._revise(utterance, event, now)

    def _revise(
        self, utterance: _Utterance, event: PartialTranslation, now: float
    ) -> Iterator[CaptionUpdate]:
        utterance.span = event.span
        for target, text in _texts(event):
            caption = utterance.captions.get(target)
            if caption is None:
                if not text or len(utterance.captions) >= _MAX_LANGUAGES:
                    continue
                caption = utterance.captions[target] = self._new(utterance, target)
            caption.language = event.source_language if target is None else target
            before = caption.text.stable, caption.text.tail
            caption.text.revise(text)
            if before != (caption.text.stable, caption.text.tail):
                yield caption.update(event.span, now)

    def _finish(
        self, utterance: _Utterance, event: FinalTranslation, now: float
    ) -> Iterator[CaptionUpdate]:
        for target, text in _texts(event):
            caption = utterance.captions.pop(target, None)
            if caption is None:
                if not text:
                    continue
                caption = self._new(utterance, target)
            caption.language = event.source_language if target is None else target
            caption.text.finish(text)
            self._abandoned -= caption.abandoned
            caption.abandoned = False
            self._finals += 1
            self._engine_erasure += caption.text.engine_erasure
            self._shown_erasure += caption.text.shown_erasure
            yield caption.update(event.span, now)
        yield from self._abandon(utterance, event.span, now)

    def _abandon(
        self, utterance: _Utterance, span: TimeSpan, now: float
    ) -> Iterator[CaptionUpdate]:
        for caption in utterance.captions.values():
            if not caption.abandoned:
                caption.abandoned = True
                self._abandoned += 1
                yield caption.update(span, now)

    def _forget(self, now: float) -> Iterator[CaptionUpdate]:
        utterance = self._open.pop(next(iter(self._open)))
        if not utterance.ended:
            self._forgotten += len(utterance.captions)
            if utterance.span is not None:
                yield from self._abandon(utterance, utterance.span, now)

    def _new(self, utterance: _Utterance, target: str | None) -> _Caption:
        return _Caption(utterance.key._replace(target=target), StableText(self._stability))


class _Utterance:
    """An utterance that has no final yet."""

    __slots__ = ("captions", "ended", "key", "revision", "span")

    def __init__(self, key: CaptionKey) -> None:
        self.key = key
        self.captions: dict[str | None, _Caption] = {}
        self.revision = -1
        self.ended = False
        self.span: TimeSpan | None = None


class _Caption:
    """An utterance in one language."""

    __slots__ = ("abandoned", "key", "language", "revision", "text")

    def __init__(self, key: CaptionKey, text: StableText) -> None:
        self.key, self.text = key, text
        self.language = ""
        self.revision = 0
        self.abandoned = False

    def update(self, span: TimeSpan, now: float) -> CaptionUpdate:
        revision = self.revision
        self.revision += 1
        return CaptionUpdate(
            key=self.key,
            language=self.language,
            stable=self.text.stable,
            tail=self.text.tail,
            final=self.text.final,
            abandoned=self.abandoned,
            revision=revision,
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            when=now,
            engine_erasure=self.text.engine_erasure,
            shown_erasure=self.text.shown_erasure,
        )


def _texts(event: PartialTranslation | FinalTranslation) -> Iterator[tuple[str | None, str]]:
    yield None, shown(event.source_text)
    for target, text in event.translations.items():
        yield target, shown(text)


__all__ = ["CaptionKey", "CaptionUpdate", "LiveCaptionStats", "LiveCaptions"]
