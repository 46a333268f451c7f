"""One connection of a recogniser, of translations or of plain text: turns, audio in, answers out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rawmedia.errors import PacketError, RawMediaError
from rawmedia.testing.azure_emulator.ears import ScriptEars
from rawmedia.testing.azure_emulator.engine_ears import EngineEars
from rawmedia.testing.azure_emulator.families import NOTHING, RecognitionFamily, ticks
from rawmedia.testing.azure_emulator.faults import (
    FailedSynthesis,
    MissingTurnEnd,
    MissingTurnStart,
    RecognitionFailure,
    Service,
    SlowSynthesis,
    TranslationFailure,
    Unacknowledged,
)
from rawmedia.testing.azure_emulator.heard import (
    Asked,
    Guessed,
    SpeechStarted,
    Understood,
    UtteranceDone,
    Voice,
    read_context,
    read_voices,
)
from rawmedia.testing.azure_emulator.messages import parse_binary, parse_text
from rawmedia.testing.azure_emulator.upload_format import TICKS_PER_MS, read_upload_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.testing.azure_emulator.ears import Ears
    from rawmedia.testing.azure_emulator.families import Family
    from rawmedia.testing.azure_emulator.heard import Heard
    from rawmedia.testing.azure_emulator.messages import ClientMessage
    from rawmedia.testing.azure_emulator.records import EmulatedConnection, EmulatedSession
    from rawmedia.testing.azure_emulator.script import ScriptReader
    from rawmedia.testing.azure_emulator.speaker import Speaker
    from rawmedia.translators.translator import Translator

# A year; beyond it an offset is nonsense.
_MAX_OFFSET_TICKS = 315_360_000_000_000
_NO_PHRASE = 1007
_OUR_FAULT = 1011
_MAX_REASON = 120


@dataclass(slots=True)
class _Turn:
    """What lasts from a ``speech.context`` to a ``turn.end``."""

    request_id: str
    asked: Asked
    family: Family
    start_ticks: int
    received: int = 0  # bytes
    ears: Ears | None = None
    over: bool = False
    phrase_due: float = 0.0
    voice_due: float = 0.0
    silent: set[str] = field(default_factory=set)
    """Languages whose speech of the last phrase has failed."""
    voiceless: bool = False
    """Whether the last phrase is not to be spoken."""

    @property
    def start_ms(self) -> float:
        return self.start_ticks / TICKS_PER_MS


class Listening:
    """Listens to one connection until it is over.

    Args:
        speaker: What answers on it.
        family: In which messages it answers translations.
        script: What is said in a source language.
        engine: What hears instead of the script, if anything.
        silence_ms: See `ScriptEars`.
    """

    def __init__(
        self,
        speaker: Speaker,
        family: Family,
        script: Callable[[str | None], ScriptReader],
        engine: Translator | None,
        silence_ms: float | None,
    ) -> None:
        self._speaker, self._family = speaker, family
        self._script, self._engine, self._silence_ms = script, engine, silence_ms
        self._record: EmulatedConnection = speaker.record
        self._session: EmulatedSession = speaker.record.session
        self._turn: _Turn | None = None
        self._turns = 0

    async def run(self) -> None:
        """Answer everything that comes."""
        try:
            while (message := await self._speaker.link.receive()) is not None:
                try:
                    if not self._speaker.half_open:
                        await self._take(message)
                except RawMediaError as error:
                    self._record.problem = str(error)
                    code = _NO_PHRASE if isinstance(error, PacketError) else _OUR_FAULT
                    self._speaker.close(code, str(error)[:_MAX_REASON])
                self._speaker.changed()
                if self._speaker.half_open:
                    await self._speaker.gone()
                    return
        finally:
            self._speaker.stop()
            if self._turn is not None and self._turn.ears is not None:
                await self._turn.ears.aclose()

    async def _take(self, raw: str | bytes) -> None:
        message = parse_text(raw) if isinstance(raw, str) else parse_binary(raw)
        match message.path:
            case "audio":
                await self._audio(message)
            case "audio.commit":
                self._record.events.append((message.path, dict(message.headers)))
                if self._turn is not None and self._turn.ears is not None:
                    await self._turn.ears.commit()
            case "speech.config":
                self._record.config = message.content()
            case "speech.context":
                await self._begin(message)
            case "telemetry":
                pass
            case _:
                content = message.content()
                self._record.events.append((message.path, content))
                if message.path == "event" and content.get("name") == "updateLanguage":
                    self._update(content)

    async def _begin(self, message: ClientMessage) -> None:
        """A turn begins."""
        context = message.content()
        self._record.contexts.append(context)
        if self._turn is not None and self._turn.ears is not None:
            await self._turn.ears.aclose()
        start = _continuation(context)
        if start is None:
            # A recogniser that was stopped and started again begins a stream anew, over the
            # same connection; one that only reconnects sends again what is not acknowledged.
            if self._turn is not None and self._session.acknowledged_ticks:
                self._session.new_stream(self._session.audio.format)
            start = 0
        asked = read_context(context, self._record.query)
        self._turn = _Turn(message.request_id, asked, self._family_of(asked), start)
        self._turns += 1
        if self._speaker.plan.take(MissingTurnStart, self._speaker.place) is None:
            tag = f"{self._record.number:016x}{self._turns:016x}"
            self._speaker.say("turn.start", message.request_id, {"context": {"serviceTag": tag}})
        self._speaker.check_moments(self._turn.start_ms, self._connection_ms)

    def _family_of(self, asked: Asked) -> Family:
        """The messages of a turn; on the newer endpoint only its context tells what is wanted."""
        if asked.targets:
            return self._family
        self._record.service = self._session.service = Service.RECOGNITION
        self._speaker.place.service = Service.RECOGNITION
        return RecognitionFamily()

    def _update(self, content: dict[str, Any]) -> None:
        """Other targets, or other voices, from now on."""
        if self._turn is None:
            return
        targets = content.get("to")
        if isinstance(targets, list):
            self._turn.asked.targets = tuple(each for each in targets if isinstance(each, str))
        synthesis = content.get("synthesis")
        if isinstance(synthesis, dict):
            self._turn.asked.voices = read_voices(synthesis)

    async def _audio(self, message: ClientMessage) -> None:
        turn, data = self._turn, message.body
        assert isinstance(data, bytes | str)
        if isinstance(data, str):
            raise PacketError("audio as a binary message", "a text message")
        if turn is None:
            raise PacketError("speech.context before audio", "audio")
        if message.request_id != turn.request_id:
            return  # the rest of a turn that is over
        if message.headers.get("content-type") == "audio/x-wav" and data[:4] == b"RIFF":
            upload, data = read_upload_header(data)
            self._session.set_format(upload)
            if not data:
                return
        if not data:
            await self._end(turn)
            return
        audio = self._session.audio
        start = audio.format.blocks(turn.start_ticks) * audio.format.block_bytes
        audio.write(start + turn.received, data)
        turn.received += len(data)
        self._record.audio_blocks += len(data) // audio.format.block_bytes
        end_ms = turn.start_ms + turn.received * 1000 / audio.format.byte_rate
        self._speaker.place.position_ms = end_ms
        await self._hear(turn, data, end_ms)
        self._speaker.check_moments(end_ms, self._connection_ms)
        await self._speaker.throttle(self._connection_ms)

    async def _hear(self, turn: _Turn, data: bytes, end_ms: float) -> None:
        if turn.over:
            return
        if turn.ears is None:
            turn.ears = await self._open_ears(turn)
        await turn.ears.hear(data, end_ms)

    async def _open_ears(self, turn: _Turn) -> Ears:
        def tell(heard: Heard) -> None:
            self._tell(turn, heard)

        if self._engine is None:
            script = self._script(turn.asked.source or next(iter(turn.asked.candidates), None))
            return ScriptEars(script, turn.start_ms, turn.asked, tell, self._silence_ms)
        upload = self._session.audio.format
        return await EngineEars.open(self._engine, upload, turn.start_ms, turn.asked, tell)

    def _tell(self, turn: _Turn, heard: Heard) -> None:
        """Put into words what was heard."""
        if turn.over:
            return
        now = self._speaker.clock.now()
        match heard:
            case SpeechStarted():
                offset = {"Offset": ticks(heard.at_ms - turn.start_ms)}
                due = max(now, turn.phrase_due)
                self._speaker.say("speech.startDetected", turn.request_id, offset, due)
            case Guessed():
                path, content = turn.family.guess(heard, turn.start_ms)
                # The service never says what comes next before it is done with this phrase.
                due = max(now + heard.delay_ms / 1000, turn.phrase_due)
                self._speaker.say(path, turn.request_id, content, due)
            case Understood():
                turn.phrase_due = max(turn.phrase_due, now + heard.delay_ms / 1000)
                self._phrase(turn, heard)
            case Voice():
                self._voice(turn, heard, now)
            case UtteranceDone():
                if turn.asked.once:
                    self._end_turn(turn, heard.end_ms)

    def _phrase(self, turn: _Turn, phrase: Understood) -> None:
        plan, place = self._speaker.plan, self._speaker.place
        turn.voiceless = True
        if plan.take(Unacknowledged, place) is not None:
            return
        failure = plan.take(RecognitionFailure, place)
        if failure is not None:
            phrase = replace(phrase, status=failure.status)
        elif plan.take(TranslationFailure, place) is not None:
            phrase = replace(phrase, translation_status="Error")
        turn.voiceless = phrase.status != "Success" or phrase.translation_status != "Success"
        turn.silent.clear()
        path, content = turn.family.phrase(phrase, turn.asked, turn.start_ms)
        self._speaker.say(path, turn.request_id, content, turn.phrase_due)
        if phrase.status in {"Success", *NOTHING}:  # on others the SDK sends it all again
            self._session.acknowledge(ticks(phrase.end_ms))

    def _voice(self, turn: _Turn, voice: Voice, now: float) -> None:
        """Speak; after the phrase, and after what is still to be spoken."""
        if turn.voiceless or voice.language in turn.silent:
            return
        due = max(now, turn.phrase_due, turn.voice_due) + voice.delay_ms / 1000
        status, reason = voice.status, None if voice.status == "Success" else "as scripted"
        if voice.first:
            plan, place = self._speaker.plan, self._speaker.place
            slow = plan.take(SlowSynthesis, place)
            due += 0.0 if slow is None else slow.delay_ms / 1000
            failure = plan.take(FailedSynthesis, place)
            if failure is not None:
                turn.silent.add(voice.language)
                turn.voice_due = due
                path, content = turn.family.audio_end("Error", failure.reason)
                self._speaker.say(path, turn.request_id, content, due)
                return
        for number, data in enumerate(voice.messages):
            turn.voice_due = due + number * voice.interval_ms / 1000
            build = partial(turn.family.audio, voice.language, data=data)
            self._speaker.say_bytes(turn.family.audio_path, turn.request_id, build, turn.voice_due)
        turn.voice_due = max(turn.voice_due, due)
        if voice.last:
            path, content = turn.family.audio_end(status, reason)
            self._speaker.say(path, turn.request_id, content, turn.voice_due)

    async def _end(self, turn: _Turn) -> None:
        """The client has no more audio: answer all of it, and end the turn."""
        self._record.audio_ended = True
        if turn.ears is not None and not turn.over:
            await turn.ears.end()
        if turn.over:
            return
        end_ms = turn.start_ms + self._session.audio.format.duration_ms(
            turn.received // self._session.audio.format.block_bytes
        )
        if self._speaker.plan.take(Unacknowledged, self._speaker.place) is None:
            # Without this the SDK would open another turn and send the rest again.
            path, content = turn.family.end_of_dictation(end_ms, turn.start_ms)
            self._speaker.say(path, turn.request_id, content, self._all_due(turn))
            self._session.acknowledge(ticks(end_ms))
        self._end_turn(turn, end_ms)

    def _end_turn(self, turn: _Turn, end_ms: float) -> None:
        due = self._all_due(turn)
        turn.over = True
        if self._speaker.plan.take(MissingTurnEnd, self._speaker.place) is not None:
            return
        offset = {"Offset": ticks(end_ms - turn.start_ms)}
        self._speaker.say("speech.endDetected", turn.request_id, offset, due)
        self._speaker.say("turn.end", turn.request_id, {}, due)

    def _all_due(self, turn: _Turn) -> float:
        """When all that was told of a turn has been said."""
        return max(self._speaker.clock.now(), turn.phrase_due, turn.voice_due)

    @property
    def _connection_ms(self) -> float:
        return self._session.audio.format.duration_ms(self._record.audio_blocks)


def _continuation(context: dict[str, Any]) -> int | None:
    """Where in its stream a client goes on, in ticks; None where it doesn't say."""
    value: Any = context.get("continuation")
    for name in ("audio", "streams"):
        value = value.get(name) if isinstance(value, dict) else None
    stream = next(iter(value.values()), None) if isinstance(value, dict) else None
    offset = stream.get("offset") if isinstance(stream, dict) else None
    if offset is None:
        return None
    text = str(offset)
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise PacketError("an offset in units of 100 ns", repr(text[:20]))
    if int(text) > _MAX_OFFSET_TICKS:
        raise PacketError("an offset within a year", text)
    return int(text)


__all__ = ["Listening"]
