"""Who hears a client's audio: the script, which knows what is said where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rawmedia.audio.timeline import TimeSpan
from rawmedia.testing.azure_emulator.heard import (
    Guessed,
    SpeechStarted,
    Understood,
    UtteranceDone,
    Voice,
)
from rawmedia.testing.azure_emulator.script import translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.testing.azure_emulator.heard import Asked, Heard
    from rawmedia.testing.azure_emulator.script import EmulatedUtterance, Revision, ScriptReader

_PIECE_MS = 200.0
# recognize_once gives up after five seconds without speech.
# https://learn.microsoft.com/azure/ai-services/speech-service/how-to-recognize-speech
_ONCE_SILENCE_MS = 5_000.0


class Ears(Protocol):
    """Hears one turn of a client; what comes of it is told to a callback."""

    async def hear(self, data: bytes, end_ms: float, /) -> None:
        """Take the next bytes of audio, which end at ``end_ms`` of the stream."""
        ...

    async def commit(self) -> None:
        """Finish the utterance in progress now."""
        ...

    async def end(self) -> None:
        """There is no more audio; return when all of it is told."""
        ...

    async def aclose(self) -> None:
        """Hear and tell nothing more. Twice is harmless."""
        ...


class ScriptEars:
    """Tells what the script says is said, as soon as the audio has come so far.

    A turn begins where the client's audio does; what began before it is not heard. An
    utterance that is finished early is told in full and ends where the audio does.

    Args:
        script: What is said.
        start_ms: Where in the stream the turn begins.
        asked: What the client wants to know.
        tell: Gets what was made out.
        silence_ms: After how much of silence the service says that it heard nothing, which
            acknowledges it; None never.
    """

    def __init__(
        self,
        script: ScriptReader,
        start_ms: float,
        asked: Asked,
        tell: Callable[[Heard], None],
        silence_ms: float | None,
    ) -> None:
        self._script, self._asked, self._tell = script, asked, tell
        self._heard_ms = self._settled_ms = start_ms
        self._number = script.first_from(start_ms)
        self._utterance = script.utterance(self._number)
        self._revisions: list[Revision] | None = None  # of the utterance in progress
        self._silence_ms = silence_ms
        if asked.once:
            self._silence_ms = _ONCE_SILENCE_MS if asked.silence_ms is None else asked.silence_ms
        self._silence_status = "InitialSilenceTimeout"

    async def hear(self, _data: bytes, end_ms: float, /) -> None:
        """Take audio up to ``end_ms``; what it sounds like makes no difference."""
        self._heard_ms = end_ms
        while self._utterance is not None:
            self._settle_silence(min(end_ms, self._utterance.start_ms))
            if end_ms <= self._utterance.start_ms and end_ms < self._utterance.end_ms:
                return
            self._begin(self._utterance)
            self._revise(self._utterance, end_ms)
            if end_ms < self._utterance.end_ms:
                return
            self._finish(self._utterance, self._utterance.end_ms)
        self._settle_silence(end_ms)

    async def commit(self) -> None:
        """Finish the utterance in progress where the audio ends."""
        if self._utterance is not None and self._revisions is not None:
            self._finish(self._utterance, self._heard_ms)

    async def end(self) -> None:
        """As `commit`: nothing is told later."""
        await self.commit()

    async def aclose(self) -> None:
        """Hear nothing more."""
        self._utterance = None

    def _begin(self, utterance: EmulatedUtterance) -> None:
        if self._revisions is None:
            self._revisions = utterance.timed_revisions()
            self._tell(SpeechStarted(at_ms=utterance.start_ms))

    def _revise(self, utterance: EmulatedUtterance, end_ms: float) -> None:
        assert self._revisions is not None
        while self._revisions and (at_ms := self._revisions[0].at_ms or 0.0) <= end_ms:
            revision = self._revisions.pop(0)
            self._tell(
                Guessed(
                    text=revision.text,
                    translations={
                        target: translated(revision.text, revision.translations, target)
                        for target in self._asked.targets
                    },
                    start_ms=utterance.start_ms,
                    end_ms=at_ms,
                    language=self._language(utterance),
                    delay_ms=revision.delay_ms,
                )
            )

    def _finish(self, utterance: EmulatedUtterance, end_ms: float) -> None:
        self._settled_ms = end_ms
        self._silence_status = "NoMatch"
        self._number += 1
        self._utterance, self._revisions = self._script.utterance(self._number), None
        self._tell(self._understood(utterance, end_ms))
        succeeded = utterance.status == utterance.translation_status == "Success"
        for language in self._asked.spoken if succeeded else ():
            messages = utterance.voiced(language, _PIECE_MS)
            if messages:
                self._tell(
                    Voice(
                        language=language,
                        messages=messages,
                        end_ms=end_ms,
                        status=utterance.synthesis_status,
                        delay_ms=utterance.speech_delay_ms,
                        interval_ms=utterance.speech_interval_ms,
                    )
                )
        self._tell(UtteranceDone(end_ms=end_ms))

    def _understood(self, utterance: EmulatedUtterance, end_ms: float) -> Understood:
        return Understood(
            text=utterance.source_text,
            translations={each: utterance.translation(each) for each in self._asked.targets},
            start_ms=utterance.start_ms,
            end_ms=end_ms,
            language=self._language(utterance),
            words=utterance.timed_words() if self._asked.words else (),
            delay_ms=utterance.delay_ms,
            status=utterance.status,
            translation_status=utterance.translation_status,
        )

    def _settle_silence(self, until_ms: float) -> None:
        """Nobody spoke until then: say so each time that it has lasted too long."""
        if self._silence_ms is None or self._revisions is not None:
            return
        while until_ms - self._settled_ms >= self._silence_ms > 0:
            span = TimeSpan(self._settled_ms, self._settled_ms + self._silence_ms)
            self._settled_ms = span.end_ms
            self._tell(
                Understood(
                    text="",
                    translations={},
                    start_ms=span.start_ms,
                    end_ms=span.end_ms,
                    status=self._silence_status,
                )
            )
            self._tell(UtteranceDone(end_ms=span.end_ms))

    def _language(self, utterance: EmulatedUtterance) -> str | None:
        """What the service found out; None where it was told."""
        if not self._asked.candidates:
            return None
        return utterance.language or self._asked.candidates[0]


__all__ = ["Ears", "ScriptEars"]
