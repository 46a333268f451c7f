"""How much of an utterance's speech was delivered, and what of speech made again is still missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from rawmedia.audio.frame import AudioFrame

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat

Turn: TypeAlias = Literal["usual", "resumed", "dropped"]
"""Whether a piece is speech as usual, the first after a break, or not wanted because of one."""


class Spoken:
    """The speech of one utterance in one language, which several sessions may make in turn.

    What was delivered is counted in samples, not by the frames' positions, because a break
    must not depend on an engine's care with them. The same engine is taken to say the same
    again at the same speed; another engine or another format is another voice, which in the
    middle of a sentence is worse than silence.

    Args:
        resume: Whether to go on after a break; otherwise the rest is dropped.
    """

    def __init__(self, *, resume: bool) -> None:
        self._resume = resume
        self._session: int | None = None
        self._engine: int | None = None
        self._format: AudioFormat | None = None
        self._delivered = 0
        self._skip = 0
        self._resuming = self._dropping = False

    def take(self, frame: AudioFrame, session: int, engine: int) -> tuple[Turn, AudioFrame | None]:
        """What to deliver of a piece that a session made.

        Returns:
            What it is, and the frame or what is new of it; None where there is nothing new.
        """
        if session != self._session:
            self._begin(frame, session, engine)
        if self._dropping:
            return "dropped", None
        skipped = 0
        if self._skip:
            skipped = min(self._skip, frame.samples_per_channel)
            self._skip -= skipped
            if skipped == frame.samples_per_channel:
                return "usual", None
        turn: Turn = "resumed" if self._resuming else "usual"
        self._resuming = False
        self._delivered += frame.samples_per_channel - skipped
        return turn, _tail(frame, skipped) if skipped else frame

    def _begin(self, frame: AudioFrame, session: int, engine: int) -> None:
        """Another session makes the speech, from its start."""
        known = engine == self._engine and frame.format == self._format
        self._resuming = self._delivered > 0 and self._resume and known
        self._dropping = self._delivered > 0 and not self._resuming
        self._skip = self._delivered
        self._session, self._engine, self._format = session, engine, frame.format


def _tail(frame: AudioFrame, skipped: int) -> AudioFrame:
    return AudioFrame(
        frame.samples[skipped:],
        frame.format,
        frame.position + skipped,
        frame.source,
        filler=frame.filler,
    )


__all__ = ["Spoken", "Turn"]
