"""One connection of a synthesizer: texts in, speech out, one after the other."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from rawmedia.errors import PacketError, PayloadError, RawMediaError, UnsupportedFormatError
from rawmedia.testing.azure_emulator.families import ticks
from rawmedia.testing.azure_emulator.faults import (
    FailedSynthesis,
    MissingTurnEnd,
    MissingTurnStart,
    SlowSynthesis,
)
from rawmedia.testing.azure_emulator.messages import binary_message, parse_binary, parse_text
from rawmedia.testing.azure_emulator.output_format import output_format
from rawmedia.testing.azure_emulator.ssml import read_ssml
from rawmedia.testing.azure_emulator.voicing import speech_ms, speech_pieces

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Container, Iterator

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.testing.azure_emulator.messages import ClientMessage
    from rawmedia.testing.azure_emulator.output_format import OutputFormat
    from rawmedia.testing.azure_emulator.records import EmulatedConnection
    from rawmedia.testing.azure_emulator.speaker import Speaker
    from rawmedia.testing.azure_emulator.ssml import Segment

PIECE_MS = 100.0
_DEFAULT_FORMAT = "raw-16khz-16bit-mono-pcm"
_BAD_REQUEST = 1007
_FAILED = 1011
_MAX_REASON = 120
_MAX_CONTEXTS = 16
_MAX_WAITING = 100
_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*|[^\w\s]")


async def generated_speech(segment: Segment, format: AudioFormat) -> AsyncIterator[AudioFrame]:
    """Sound like speech, as long as the text."""
    for piece in speech_pieces(segment.text, format, PIECE_MS):
        yield piece


class Speaking:
    """Speaks over one connection until it is over.

    Args:
        speaker: What answers on it.
        voices: The voices that there are.
        make_speech: Gives the speech of a segment in a format, frame by frame.
    """

    def __init__(
        self,
        speaker: Speaker,
        voices: Container[str],
        make_speech: Callable[[Segment, AudioFormat], AsyncIterator[AudioFrame]],
    ) -> None:
        self._speaker, self._voices, self._make_speech = speaker, voices, make_speech
        self._record: EmulatedConnection = speaker.record
        self._contexts: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._waiting: asyncio.Queue[ClientMessage] = asyncio.Queue(_MAX_WAITING)
        self._requests = 0
        self._spoken_ms = 0.0

    async def run(self) -> None:
        """Answer everything that comes."""
        worker = asyncio.create_task(self._work(), name="emulator speaks")
        try:
            while (message := await self._speaker.link.receive()) is not None:
                try:
                    if not self._speaker.half_open:
                        self._take(message)
                except PacketError as error:
                    self._refuse(str(error))
                self._speaker.changed()
                if self._speaker.half_open:
                    await self._speaker.gone()
                    return
        finally:
            self._speaker.stop()
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)

    def _take(self, raw: str | bytes) -> None:
        message = parse_text(raw) if isinstance(raw, str) else parse_binary(raw)
        match message.path:
            case "speech.config":
                self._record.config = message.content()
            case "synthesis.context":
                content = message.content()
                self._record.contexts.append(content)
                self._contexts[message.request_id] = content
                if len(self._contexts) > _MAX_CONTEXTS:
                    self._contexts.popitem(last=False)
            case "ssml":
                self._record.texts.append(str(message.body))
                if self._waiting.full():
                    raise PacketError(f"at most {_MAX_WAITING} texts at once", "more")
                self._waiting.put_nowait(message)
            case "telemetry":
                pass
            case _:
                self._record.events.append((message.path, message.content()))

    async def _work(self) -> None:
        while True:
            message = await self._waiting.get()
            try:
                await self._answer(message)
            except (PayloadError, UnsupportedFormatError) as error:
                self._refuse(str(error))
            except RawMediaError as error:
                self._refuse(str(error), _FAILED)

    async def _answer(self, message: ClientMessage) -> None:
        """Speak one text."""
        segments = read_ssml(message.body)
        stranger = next((each.voice for each in segments if each.voice not in self._voices), None)
        if stranger is not None:
            self._refuse(f"Unsupported voice {stranger}.")
            return
        settings = _settings(self._contexts.pop(message.request_id, {}))
        output = output_format(str(settings.get("outputFormat", _DEFAULT_FORMAT)))
        speaker, plan, request_id = self._speaker, self._speaker.plan, message.request_id
        self._requests += 1
        stream_id = f"{self._record.number:016x}{self._requests:016x}"
        context = {"context": {"serviceTag": stream_id}}
        if plan.take(MissingTurnStart, speaker.place) is None:
            speaker.say("turn.start", request_id, context)
        speaker.check_moments(self._spoken_ms, self._spoken_ms)
        audio = {"audio": {"type": "inline", "streamId": stream_id}}
        speaker.say("response", request_id, context | audio)
        slow = plan.take(SlowSynthesis, speaker.place)
        if slow is not None:
            await speaker.clock.sleep_until(speaker.clock.now() + slow.delay_ms / 1000)
        failure = plan.take(FailedSynthesis, speaker.place)
        if failure is not None:
            self._refuse(failure.reason, _FAILED)
            return
        duration_ms = await self._speak(segments, output, request_id, stream_id)
        for metadata in _metadata(segments, settings, duration_ms):
            speaker.say("audio.metadata", request_id, {"Metadata": [metadata]})
        if plan.take(MissingTurnEnd, speaker.place) is None:
            speaker.say("turn.end", request_id, {})

    async def _speak(
        self, segments: tuple[Segment, ...], output: OutputFormat, request_id: str, stream_id: str
    ) -> float:
        """Send the speech of all segments; returns how long it is."""
        encoder, duration_ms = output.encoder(), 0.0
        for segment in segments:
            async for frame in self._make_speech(segment, output.format):
                self._send(encoder.push(frame), request_id, stream_id)
                duration_ms += frame.duration_ms
                self._spoken_ms += frame.duration_ms
                self._speaker.check_moments(self._spoken_ms, self._spoken_ms)
                await self._speaker.throttle(self._spoken_ms)
                await self._speaker.link.drain()
        self._send(encoder.end(), request_id, stream_id)
        return duration_ms

    def _send(self, data: bytes, request_id: str, stream_id: str) -> None:
        if data:
            self._speaker.say_bytes(
                "audio",
                request_id,
                lambda name: binary_message("audio", name, data, X_StreamId=stream_id),
            )

    def _refuse(self, reason: str, code: int = _BAD_REQUEST) -> None:
        """Close the connection, which is all that the service says of an error."""
        self._record.problem = reason
        self._speaker.close(code, reason[:_MAX_REASON])


def _settings(context: dict[str, Any]) -> dict[str, Any]:
    """The ``audio`` object of a ``synthesis.context``."""
    value: Any = context
    for name in ("synthesis", "audio"):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _metadata(
    segments: tuple[Segment, ...], settings: dict[str, Any], duration_ms: float
) -> Iterator[dict[str, Any]]:
    """Where each word is, as far as the client wants to know, and the end."""
    options = settings.get("metadataOptions")
    wanted = options if isinstance(options, dict) else {}
    start_ms = 0.0
    for segment in segments:
        length_ms = speech_ms(segment.text)
        share_ms = length_ms / max(1, len(segment.text))
        for match in _WORD.finditer(segment.text):
            word = match[0]
            kind = "Word" if word[0].isalnum() else "Punctuation"
            if wanted.get(f"{kind.lower()}BoundaryEnabled"):
                yield {
                    "Type": "WordBoundary",
                    "Data": {
                        "Offset": ticks(start_ms + match.start() * share_ms),
                        "Duration": ticks(len(word) * share_ms),
                        "text": {
                            "Text": word,
                            "Length": len(word),
                            "BoundaryType": f"{kind}Boundary",
                        },
                    },
                }
        start_ms += length_ms
    if wanted.get("sessionEndEnabled"):
        yield {"Type": "SessionEnd", "Data": {"Offset": ticks(duration_ms)}}


__all__ = ["PIECE_MS", "Speaking", "generated_speech"]
