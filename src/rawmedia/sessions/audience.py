"""Those who hear a session: what they hear is booked, captioned and told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from rawmedia.captions.cue import Cue
from rawmedia.captions.shown import shown
from rawmedia.sessions.events import CaptionsFailed, UtteranceHeard, UtteranceStarted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rawmedia.sessions.events import SessionEvent
    from rawmedia.sessions.metrics.ledger import Ledger

# How long a caption without speech stays: the time that a slow reader takes, 17 characters
# a second being the limit that subtitlers keep to.
_READING_MS_PER_CHARACTER = 60.0
_SHORTEST_CAPTION_MS = 1_000.0
_LONGEST_CAPTION_MS = 7_000.0


class CaptionSink(Protocol):
    """Where captions go: a WebVTT or SubRip writer, or anything else that takes cues."""

    def write(self, cue: Cue) -> None:
        """Take the next cue; they come in the order in which they are heard."""
        ...


class Audience:
    """Turns what is heard into figures, captions and events. For one event loop.

    What a caption sink or the program's ``on_event`` raises is kept for ``watch``, because
    some of what is heard is learned in the middle of a stream's own work; nothing is
    called after it.

    Args:
        ledger: Where hearing is booked.
        captions: Where captions go, by language.
        on_event: Who is told.
        tolerant: Whether it goes on without a caption sink that raises, and tells of that.
        speaker: Who speaks, for captions; None where it does not matter.
    """

    def __init__(
        self,
        ledger: Ledger,
        captions: Mapping[str, CaptionSink],
        on_event: Callable[[SessionEvent], object] | None,
        *,
        tolerant: bool = False,
        speaker: str | None = None,
    ) -> None:
        self._ledger = ledger
        self._captions = dict(captions)
        self._on_event = on_event
        self._tolerant = tolerant
        self._speaker = speaker
        self._error: Exception | None = None
        self._broken = asyncio.Event()
        # Whether nobody is called any more: one raised, or the session is over.
        self._mute = self._gone = False

    def caption(self, language: str, sink: CaptionSink) -> None:
        """Let captions of a language go there from now on."""
        self._captions[language] = sink

    async def watch(self) -> None:
        """Wait until a sink or the program raises, and raise that; otherwise until cancelled."""
        await self._broken.wait()
        self.check()

    def check(self) -> None:
        """Raise what a sink or the program raised, if it did."""
        if self._error is not None:
            raise self._error

    def leave(self) -> None:
        """The session is over: what is still heard is not its business."""
        self._gone = True

    def tell(self, event: SessionEvent) -> None:
        """Tell the program."""
        if self._on_event is None or self._gone or self._mute:
            return
        try:
            self._on_event(event)
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the session
            self._mute = True
            self.fail(error)

    def started(self, language: str, utterance_id: str, when: float) -> None:
        """The first of an utterance is heard at ``when``, in seconds on the clock."""
        if not self._gone:
            hearing = self._ledger.heard_from(utterance_id, language, when)
            assert hearing.start_ms is not None
            self.tell(
                UtteranceStarted(
                    utterance_id,
                    language,
                    hearing.start_ms,
                    hearing.ear_voice_span_ms,
                    self._ledger.text(utterance_id, language),
                )
            )

    def ended(self, language: str, utterance_id: str, when: float, cut: bool) -> None:  # noqa: FBT001
        """All that will be heard of an utterance was heard at ``when``."""
        if self._gone:
            return
        hearing = self._ledger.heard_until(utterance_id, language, when, cut=cut)
        assert hearing.end_ms is not None
        text = self._ledger.text(utterance_id, language)
        start_ms, end_ms = hearing.start_ms, hearing.end_ms
        if start_ms is None:
            # Nobody heard any of it, so it can only be read.
            start_ms, end_ms = end_ms, end_ms + _reading_ms(text)
        self._caption(
            UtteranceHeard(utterance_id, language, text, start_ms, end_ms, spoken=True, cut=cut)
        )

    def written(self, language: str, utterance_id: str, when: float) -> bool:
        """An utterance of which there is no speech is shown at ``when``; False where it has no text."""
        text = self._ledger.text(utterance_id, language)
        if not text or self._gone:
            return False
        start_ms = self._ledger.session_ms(when)
        end_ms = start_ms + _reading_ms(text)
        self._caption(
            UtteranceHeard(utterance_id, language, text, start_ms, end_ms, spoken=False, cut=False)
        )
        return True

    def notice(self, text: str, when: float) -> None:
        """Show every reader something that nobody said."""
        if self._gone:
            return
        start_ms = self._ledger.session_ms(when)
        for language in list(self._captions):
            self._write(Cue(start_ms, start_ms + _reading_ms(text), text, language))

    def _caption(self, heard: UtteranceHeard) -> None:
        if heard.text:
            source, source_language = self._ledger.source(heard.utterance_id) or (None, None)
            self._write(
                Cue(
                    heard.start_ms,
                    heard.end_ms,
                    shown(heard.text),
                    heard.language,
                    self._speaker,
                    source and shown(source),
                    source_language,
                )
            )
        self.tell(heard)

    def _write(self, cue: Cue) -> None:
        assert cue.language is not None
        sink = self._captions.get(cue.language)
        if sink is None or self._mute:
            return
        try:
            sink.write(cue)
        except Exception as error:  # noqa: BLE001 - a full disk, or a sink's own mistake
            if self._tolerant:
                del self._captions[cue.language]
                self.tell(CaptionsFailed(cue.language, error))
            else:
                self._mute = True
                self.fail(error)

    def fail(self, error: Exception) -> None:
        """Somebody whom the session can't do without broke: have ``watch`` raise this; the first counts."""
        if self._error is None and not self._gone:
            self._error = error
            self._broken.set()


def _reading_ms(text: str) -> float:
    return min(
        max(_READING_MS_PER_CHARACTER * len(text), _SHORTEST_CAPTION_MS), _LONGEST_CAPTION_MS
    )


__all__ = ["Audience", "CaptionSink"]
