"""What goes out over a socket: frames a little ahead of time, and the platform's clear and marks."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from rawmedia.adapters.websocket.dialect import ClearAudio, SetMark
from rawmedia.adapters.websocket.pacing import LeadPacer
from rawmedia.errors import EndOfStreamError, StreamClosedError

if TYPE_CHECKING:
    from rawmedia.adapters.websocket.attachment import Attachment
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.leg import CallLeg

_MARK_EVERY_MS = 100.0
"""How often a platform that answers marks is asked how far it has played."""
_MAX_MARKS = 1_000
_LOOK_S = 0.02
"""How often a suspended leg is looked at whether it goes on."""


class Speaking:
    """Empties a leg's outbound stream into a socket.

    Every frame is sent, silence too: so the platform always holds about ``lead_ms`` of audio, a
    late frame is not heard as a hole, and what is pulled and what is played keep one distance.
    After a clear that stock is built up anew.

    Args:
        leg: Whose outbound it is.
        lead_ms: How far ahead of being heard audio is sent.
        max_ahead_ms: How far ahead audio that is there already.
    """

    def __init__(self, leg: CallLeg, *, lead_ms: float, max_ahead_ms: float) -> None:
        self._leg, self._outbound = leg, leg.outbound
        # Filled from any thread; where on the wire the stream was when it was cleared.
        self._clears: deque[int] = deque()
        self._pacer = LeadPacer(
            self._outbound, lead_ms, max_ahead_ms=max_ahead_ms, urgent=self._clears
        )
        self._mark_wanted = False
        self._marks: dict[str, int] = {}
        self._marks_set = 0
        self._unmarked_ms = 0.0
        self._outbound.on_clear(self._note_clear)
        self._outbound.on_mark(self._note_mark)

    def attach(self, *, marks: bool) -> None:
        """A socket follows whose platform answers marks or does not; what another held is gone."""
        self._marks.clear()
        self._unmarked_ms = 0.0
        if marks:
            # From here on playout is what the platform says; and what it held it plays no more.
            self._outbound.report_played(self._outbound.stats.pulled_position)

    @property
    def stalled_ms(self) -> float:
        """Time that was skipped, because the socket took nothing for too long."""
        return self._pacer.stalled_s * 1000

    def passed(self, name: str) -> None:
        """The platform has played all that was sent before this mark; of one that is unknown, nothing."""
        position = self._marks.pop(name, None)
        if position is not None:
            self._outbound.report_played(position)

    async def run(self, attachment: Attachment) -> None:
        """Send until the stream has ended; cancelling loses the frame on its way at most.

        Raises:
            SocketClosedError: The socket is gone.
            StreamFailedError: Somebody failed the stream.
        """
        self._pacer.restart()
        try:
            await self._run(attachment)
        finally:
            self._pacer.close()

    async def _run(self, attachment: Attachment) -> None:
        pacer = self._pacer
        while True:
            try:
                await pacer.ready()
                if self._leg.state == "suspended":
                    await self._resumed()
                    pacer.restart()
                    continue
                frame = pacer.pull()
            except EndOfStreamError:
                await self._play_out(attachment)
                return
            except StreamClosedError:
                return
            if self._clears:
                cleared_at = await self._clear(attachment)
                pacer.restart()
                if frame.position < cleared_at:
                    continue
            if attachment.dialect.marks:
                await self._send_marked(attachment, frame)
            else:
                await attachment.say(frame)

    async def _play_out(self, attachment: Attachment) -> None:
        """Stay until the last audio is heard, so that its marks are told where nobody answers them."""
        await self._mark(attachment, self._outbound.stats.pulled_position)
        # A frame more, so that no rounding lets it be a moment too early.
        heard_at = self._pacer.heard_until + self._outbound.frame_ms / 1000
        await self._leg.clock.sleep_until(heard_at)
        with suppress(EndOfStreamError, StreamClosedError):
            self._outbound.pull()

    async def _resumed(self) -> None:
        clock = self._leg.clock
        while self._leg.state == "suspended":
            await clock.sleep_until(clock.now() + _LOOK_S)

    async def _send_marked(self, attachment: Attachment, frame: AudioFrame) -> None:
        if frame.filler and self._unmarked_ms:
            # Speech has just ended: whoever drains waits for exactly this place.
            await self._mark(attachment, frame.position)
        await attachment.say(frame)
        if not frame.filler:
            self._unmarked_ms += frame.duration_ms
        if self._mark_wanted or self._unmarked_ms >= _MARK_EVERY_MS:
            await self._mark(attachment, frame.end)

    async def _mark(self, attachment: Attachment, position: int) -> None:
        if not attachment.dialect.marks:
            return
        self._mark_wanted, self._unmarked_ms = False, 0.0
        self._marks_set += 1
        name = f"rawmedia-{self._marks_set}"
        self._marks[name] = position
        if len(self._marks) > _MAX_MARKS:
            del self._marks[next(iter(self._marks))]
        await attachment.say(SetMark(name))

    async def _clear(self, attachment: Attachment) -> int:
        """Have the platform drop what it holds; returns where on the wire the audio after it begins."""
        cleared_at = 0
        while self._clears:
            cleared_at = self._clears.popleft()
        # It answers the marks that it drops, too; the stream has counted those as cleared, and
        # playout never goes back.
        self._unmarked_ms = 0.0
        await attachment.say(ClearAudio())
        return cleared_at

    # Called by the stream, in any thread.

    def _note_clear(self) -> None:
        self._clears.append(self._outbound.stats.pulled_position)

    def _note_mark(self, name: str, position: int) -> None:  # noqa: ARG002
        self._mark_wanted = True


__all__ = ["Speaking"]
