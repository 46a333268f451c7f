"""The short way of a frame: from the caller into the SDK within one call, where nothing waits.

The usual way leads through two bounded queues and three tasks, which costs more processor time
than the SDK itself takes for 20 ms of audio. On this one the same machine decides the same; it
is only not waited for. Whatever is not as usual (a connection that is gone or coming, audio that
waits, a reader who is behind) goes the usual way.

What is to be done with audio costs the same for 20 ms as for 100 ms. So frames are gathered
first, until the SDK can send what they hold: earlier it would only keep it itself. So where a
source falls silent without a word, the part of a block that it began waits here and not there.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rawmedia.errors import PayloadError
from rawmedia.translators.azure.gathered import Gathered
from rawmedia.translators.frame_queue import FrameQueue
from rawmedia.translators.resilient import ResilientTranslator
from rawmedia.translators.resilient_translation import ResilientTranslation

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.translators.azure.session import AzureSession
    from rawmedia.translators.events import TranslationEvent
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.resilient_translation import _Running
    from rawmedia.translators.translator import Translation

# The watchdog's limit is seconds; it is looked at so often.
_MS_PER_LOOK = 200.0


class PassingQueue(FrameQueue):
    """A queue that frames may pass by while it is empty."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in it or waits for it, and it is open."""
        return self._pending == 0 and not self._senders and self._refusal is None

    @property
    def is_open(self) -> bool:
        """Whether it would take frames."""
        return self._refusal is None

    def check(self, frame: AudioFrame) -> None:
        """See whether a frame may come next.

        Raises:
            FormatMismatchError: As `put`.
            PayloadError: As `put`.
            TranslatorClosedError: As `put`.
        """
        self._check(frame)
        if frame.position < self._end:
            raise PayloadError(
                f"a frame at sample {self._end} or later, where the one before ended",
                f"one at {frame.position}",
            )

    def put_now(self, frame: AudioFrame) -> None:
        """As `put`, of a frame that was checked, while nothing is pending: so there is room."""
        self._take(frame)

    def note(self, frame: AudioFrame) -> None:
        """Take note of a frame that was checked and does not go through it."""
        self._format, self._end = frame.format, frame.end


class PassingTranslator(ResilientTranslator):
    """A `ResilientTranslator` over `AzureSessions` whose frames take the short way where they can."""

    async def open(self, request: TranslationRequest) -> PassingTranslation:
        """As `ResilientTranslator.open`."""
        for engine in self.engines:
            engine.capabilities.check(request)
        translation = PassingTranslation(self, request)
        await translation._open_first()
        return translation


class PassingTranslation(ResilientTranslation):
    """A `ResilientTranslation` over `AzureSession`; made by `PassingTranslator.open`."""

    _frames: PassingQueue

    def __init__(self, translator: PassingTranslator, request: TranslationRequest) -> None:
        super().__init__(translator, request)
        self._frames = PassingQueue(
            self._name,
            translator.capabilities.input_formats,
            self.request.max_pending_ms,
            self._clock,
        )
        self._gathered = Gathered()
        self._unseen_ms = 0.0

    @property
    def pending_ms(self) -> float:
        """As `Translation.pending_ms`; what is gathered is not yet processed."""
        return self._frames.pending_ms + self._gathered.duration_ms

    def takes(self, frame: AudioFrame) -> bool:
        """Take a frame in place of `send` if it follows what is gathered, which is most of them."""
        gathered = self._gathered
        if not (gathered.missing and self._frames.is_open and gathered.add(frame)):
            return False
        if not gathered.missing:
            self._hand_on()
        return True

    async def send(self, frame: AudioFrame) -> None:
        """Give the service the next frame; waits for room at most ``max_pending_ms``. See `Translation`."""
        if self.takes(frame):
            return
        self._hand_on()
        session = self._open_session()
        if session is None:
            await super().send(frame)
            return
        self._frames.check(frame)
        self._expect(frame.position, frame.format, session)
        self.takes(frame)

    async def commit(self) -> None:
        """As `ResilientTranslation.commit`, of all that was sent."""
        self._hand_on()
        await super().commit()

    async def interrupt(self) -> None:
        """As `ResilientTranslation.interrupt`, of all that was sent."""
        self._hand_on()
        await super().interrupt()

    async def end_input(self) -> None:
        """As `ResilientTranslation.end_input`, after all that was sent."""
        self._hand_on()
        await super().end_input()

    async def aclose(self) -> None:
        """As `ResilientTranslation.aclose`; what is gathered is dropped as all that waits."""
        self._gathered.take()
        await super().aclose()

    def _hand_on(self) -> None:
        """Let go of what is gathered, by whichever way is open; nothing waits before it."""
        frame = self._gathered.take()
        if frame is None or not self._frames.is_open:
            return
        session = self._open_session()
        if session is None:
            self._frames.put_now(frame)
        else:
            self._pass(frame, session)

    def _expect(self, position: int, format: AudioFormat, session: AzureSession) -> None:
        """Gather what comes next, until the session wants it."""
        wanted = min(session.wanted_samples, format.samples(self.request.max_pending_ms))
        self._gathered.expect(position, format, max(1, wanted))

    def give_events(self, taker: Callable[[TranslationEvent], bool] | None) -> None:
        """Have events taken while the reader waits for one; see `EventQueue.taker`."""
        self._events.taker = taker

    async def _listen(self, running: _Running, translation: Translation) -> None:
        """As usual, but that events come without a task in between while this one waits for them."""
        session: Any = translation
        session.give_events(partial(self._hear_now, running.number))
        try:
            await super()._listen(running, translation)
        finally:
            session.give_events(None)

    def _hear_now(self, number: int, event: TranslationEvent) -> bool:
        if not self._events.has_room:
            return False
        self._apply(self._machine.heard(number, event, self._clock.now()))
        return True

    def _open_session(self) -> AzureSession | None:
        """The session that can take a frame at once, if nothing waits before it."""
        fed = self._machine._fed
        if fed is None or not self._frames.is_idle or self._machine.must_wait:
            return None
        running = self._sessions.get(fed.number)
        if running is None or running.unwanted or not running.feeding.is_set():
            return None
        session: Any = running.translation
        return session if session is not None and session.takes_at_once else None

    def _pass(self, frame: AudioFrame, session: AzureSession) -> None:
        """Give the frame to the session, and the machine the facts, as the tasks would."""
        self._frames.note(frame)
        self._machine.received(frame, speech=self._hears(frame))
        fed = self._machine._fed
        assert fed is not None  # `_open_session` has found it
        now = self._clock.now()
        if self._machine.next_frame(fed.number, now) is not frame:
            _pulse(self._more)  # it is not for this session
            return
        session.take(frame, now)
        self._expect(frame.end, frame.format, session)
        decisions = self._machine.sent(fed.number, now)
        if decisions:
            self._apply(decisions)
        self._unseen_ms += frame.duration_ms
        if self._unseen_ms >= _MS_PER_LOOK:
            self._unseen_ms = 0.0
            self._set_timer()


def _pulse(event: Any) -> None:
    """Wake whoever waits for the event now."""
    event.set()
    event.clear()


__all__ = ["PassingQueue", "PassingTranslation", "PassingTranslator"]
