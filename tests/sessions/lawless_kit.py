"""An engine that breaks every rule, and what a call has to be like all the same."""

from __future__ import annotations

import asyncio
import io
import json
import re
from typing import TYPE_CHECKING, Any

from bridge_kit import hears, prepare, says, voice
from session_kit import Cues

from rawmedia.audio.format import SPEECH
from rawmedia.captions.feed import CaptionFeed
from rawmedia.captions.report import CallReport
from rawmedia.captions.transcript import TranscriptEntry
from rawmedia.captions.transcript_writer import JsonLinesTranscript
from rawmedia.captions.webvtt import WebVttWriter
from rawmedia.errors import RawMediaError
from rawmedia.sessions.events import DirectionChanged, SessionWarning
from rawmedia.translators.events import FinalTranslation
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from bridge_kit import Call

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.captions.cue import Cue
    from rawmedia.sessions.direction import Direction
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.translators.request import TranslationRequest

# What the other party says meanwhile, and how it is heard: nothing in a test here may change that.
BOB = [says(300, 700, 3), says(1_700, 2_100, 4, speech_ms=600)]
TO_ANA = [(820.0, voice(3)), (2_220.0, voice(4, 600))]
TO_READ = [(820, 1_220, "said 3"), (2_220, 2_820, "said 4")]

Act = Any
"""What happens at a call: "hang", "cancel" (the task that calls), an exception that it raises, or
something that it returns."""


class Lawless:
    """An engine and its only translation: says what it is told and breaks where it is told to.

    Args:
        says: When, in milliseconds of the call, and what: an event, anything else that is handed
            out in its stead, or an exception to raise.
        acts: What happens at a call, by the name of the method.
        ends: Whether its events end when there is no more audio; otherwise they go on for ever.
    """

    def __init__(
        self, says: Iterable[tuple[float, Any]] = (), *, ends: bool = True, **acts: Act
    ) -> None:
        self.capabilities = TranslatorCapabilities(name="lawless", input_formats=(SPEECH,))
        self.opened = self.closed = self.taken = 0
        self._says = iter(says)
        self._acts = acts
        self._ends = ends
        self._over = asyncio.Event()

    async def open(self, request: TranslationRequest) -> Any:
        self.opened += 1
        self._over = asyncio.Event()
        return await self._act("open", self)

    async def send(self, frame: AudioFrame) -> None:
        self.taken += 1
        await self._act("send")

    async def commit(self) -> None:
        await self._act("commit")

    async def interrupt(self) -> None:
        await self._act("interrupt")

    async def update(self, request: TranslationRequest) -> None:
        await self._act("update")

    async def end_input(self) -> None:
        await self._act("end_input")
        if self._ends:
            self._over.set()

    async def aclose(self) -> None:
        self.closed += 1
        await self._act("aclose")
        self._over.set()

    def __aiter__(self) -> AsyncIterator[Any]:
        act = self._acts.get("aiter")
        if isinstance(act, BaseException):
            raise act
        return act or self

    async def __anext__(self) -> Any:
        await self._act("anext")
        loop = asyncio.get_running_loop()
        for at_ms, what in self._says:
            # No wait of nothing: one that has always something to say gives nobody else a turn.
            if at_ms > loop.time() * 1000 + 1e-6:
                await asyncio.sleep(at_ms / 1000 - loop.time())
            if isinstance(what, BaseException):
                raise what
            return what
        await self._over.wait()
        raise StopAsyncIteration

    async def _act(self, name: str, otherwise: Any = None) -> Any:
        act = self._acts.get(name, otherwise)
        if isinstance(act, str) and act == "hang":
            await asyncio.Event().wait()
        if isinstance(act, str) and act == "cancel":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)
        if isinstance(act, BaseException):
            raise act
        return act


class Written:
    """All that a program writes of a call, as it goes on."""

    def __init__(self) -> None:
        self.cues = Cues()
        self.vtt, self.transcript = io.StringIO(), io.StringIO()
        self._webvtt = WebVttWriter(self.vtt)
        self._entries = JsonLinesTranscript(self.transcript)
        self.feed = CaptionFeed()

    def write(self, cue: Cue) -> None:
        self.cues.write(cue)
        self._webvtt.write(cue)

    def tell(self, direction: Direction, event: SessionEvent) -> None:
        self.feed.tell(event, channel=direction.name)
        if isinstance(event, FinalTranslation):
            self._entries.write(TranscriptEntry.of(event))

    def is_whole(self) -> None:
        """Every file can be read, whatever was written."""
        assert WEBVTT.fullmatch(self.vtt.getvalue())
        for line in self.transcript.getvalue().splitlines():
            TranscriptEntry.model_validate_json(line)


_TIME = r"\d{2,}:[0-5]\d:[0-5]\d\.\d{3}"
WEBVTT = re.compile(rf"WEBVTT\n\n(?:\d+\n{_TIME} --> {_TIME}\n(?:[^\n]+\n)+\n)*")


def beside(engine: Any, **more: Any) -> tuple[Call, Written]:
    """A call in which Ana's engine is broken and Bob's is not.

    ``more`` goes to `bridge_kit.prepare`, but for ``setup``, of the broken direction.
    """
    written = Written()
    setup = {
        "captions": {"fr": written},
        "max_stall_ms": 1_000.0,
        "reopen_ms": 600.0,
        **more.pop("setup", {}),
    }
    told: Callable[[Direction, SessionEvent], object] | None = more.pop("on_event", None)

    def tell(direction: Direction, event: SessionEvent) -> None:
        written.tell(direction, event)
        if told is not None:
            told(direction, event)

    call = prepare(
        [], BOB, engines={"a_to_b": engine}, setups={"a_to_b": setup}, on_event=tell, **more
    )
    return call, written


def is_unharmed(call: Call, written: Written) -> None:
    """The other direction is as it would be anyway, the call came to its end, and all is in order."""
    assert call.error is None
    hears(call, call.ana, TO_ANA)
    assert call.cues["b_to_a"].times == TO_READ
    assert call.states("b_to_a") == ["translating", "ended"]
    assert not call.told("b_to_a", SessionWarning)
    report = call.bridge.report()
    assert report.complete
    assert len(report.directions["b_to_a"].utterances) == len(BOB)
    assert report.directions["b_to_a"].metrics is not None
    assert report.directions["b_to_a"].metrics.oddities == {}
    adds_up(call)
    written.is_whole()


def adds_up(call: Call) -> None:
    """What is reported can be read back, and no speech is unaccounted for."""
    report = call.bridge.report()
    assert CallReport.model_validate_json(report.model_dump_json()) == report
    for figures in call.bridge.metrics().values():
        json.dumps(figures.rounded().as_dict(), allow_nan=False)
        speech = figures.speech
        heard_ms = (
            speech.played_ms
            + speech.trimmed_ms
            + speech.skipped_ms
            + speech.interrupted_ms
            + speech.queued_ms
            + speech.refused_ms
            + speech.unheard_ms
        )
        # Each piece that is converted to the listener's rate is rounded to a sample.
        assert abs(speech.made_ms - heard_ms) < 10, (speech.made_ms, speech)


def problems(call: Call, name: str = "a_to_b") -> list[BaseException]:
    """What a direction told of as having gone wrong, each an error that says whose fault it is."""
    found = [
        error
        for error in (
            *(event.error for event in call.told(name, DirectionChanged)),
            *(event.cause for event in call.told(name, SessionWarning)),
        )
        if error is not None
    ]
    assert all(isinstance(error, RawMediaError) for error in found), found
    return found


def blames_the_engine(call: Call) -> None:
    """Something was told, and all of it is the engine's."""
    found = problems(call)
    assert found
    assert {error.fault for error in found if isinstance(error, RawMediaError)} == {"engine"}


def every(interval_ms: float, what: Callable[[int], Any], start_ms: float = 0) -> Iterator[Any]:
    """The same again and again, without an end."""
    number = 0
    while True:
        yield start_ms + number * interval_ms, what(number)
        number += 1


__all__ = [
    "BOB",
    "TO_ANA",
    "TO_READ",
    "WEBVTT",
    "Lawless",
    "Written",
    "adds_up",
    "beside",
    "blames_the_engine",
    "every",
    "is_unharmed",
    "problems",
]
