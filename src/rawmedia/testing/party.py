"""Somebody in a fake call: what they say and do when, over which line, and what they heard."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, TypeAlias

from rawmedia.audio.format import DEFAULT_FRAME_MS, SPEECH, AudioFormat
from rawmedia.errors import ConfigurationError
from rawmedia.testing.call_path import require_whole_frames
from rawmedia.testing.legs import Lost, converted
from rawmedia.testing.script import ScriptedUtterance
from rawmedia.testing.spoken_text import SpokenText
from rawmedia.wire.telephone_event import key_event

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from rawmedia.audio.pcm import PCMBytes
    from rawmedia.testing.legs import Said
    from rawmedia.testing.network import LossyLink
    from rawmedia.translators.events import WordTiming

_TOLERANCE_MS = 1e-6


@dataclass(frozen=True, slots=True)
class Says:
    """A party says something; after what it is still saying, if that takes longer."""

    at_ms: float
    """When, since the call began."""
    audio: Said | SpokenText
    """A frame, an array, a file, or what `spoken` made of a text."""
    text: str = ""
    """What it means; of a `SpokenText` its own text if empty."""


@dataclass(frozen=True, slots=True)
class Presses:
    """A party presses keys, one after the other."""

    at_ms: float
    keys: str
    """Any of ``0123456789*#ABCD``."""
    key_ms: float = 100.0
    """How long each is down."""
    pause_ms: float = 100.0
    """From a key up to the next one down; 40 or more, as each key's end is told twice again."""


@dataclass(frozen=True, slots=True)
class Mutes:
    """A party is silent whatever it says, for a while or to the end."""

    at_ms: float
    until_ms: float = math.inf


@dataclass(frozen=True, slots=True)
class HangsUp:
    """A party leaves; what it has said still arrives."""

    at_ms: float


PartyAct: TypeAlias = Says | Presses | Mutes | HangsUp


@dataclass(frozen=True, slots=True)
class CallHappening:
    """Something that happened in a call."""

    at_ms: float
    """When, since the call began."""
    party: str
    what: str
    """"joined", "said", "pressed", "muted", "unmuted" or "left"."""
    detail: str = ""
    """What was said, or the key."""


class FakeParty:
    """One party of a `FakeCall`: a script, a line, and a memory of what was heard.

    Everything in the script is in milliseconds since the call began, and takes place to the
    sample where it is audio, at the next frame of 20 ms where it is not. A test may also act at
    any moment of the call: `say`, `press`, `mute`, `unmute`, `hang_up`.

    Args:
        name: Its id.
        script: What it says and does, in any order; a bare `Says`, `Presses` and so on, too.
        language: What it speaks, as a BCP-47 tag.
        format: What its device records and plays; 20 ms of it are whole samples.
        joins_ms: When it comes, rounded up to a frame.
        codec: What its voice is sent as, both ways: a name such as ``"PCMU"`` or ``"opus"``; with
            a link alone ``"L16"``. With neither there are no packets, and nothing takes time.
        uplink: The way from the party; a link serves one direction of one call.
        downlink: The way to the party.

    Raises:
        ConfigurationError: A time is negative or not finite, a key is none, or 20 ms of the format
            are no whole samples.
        UnreadableFileError: A path leads to no audio.
        PayloadError: An array is not int16 or has the wrong shape.
    """

    def __init__(
        self,
        name: str,
        script: PartyAct | Iterable[PartyAct] = (),
        *,
        language: str | None = None,
        format: AudioFormat = SPEECH,
        joins_ms: float = 0.0,
        codec: str | None = None,
        uplink: LossyLink[bytes] | None = None,
        downlink: LossyLink[bytes] | None = None,
    ) -> None:
        require_whole_frames(format)
        self.name = name
        self.language = language
        self.format = format
        self.codec = codec
        self.uplink, self.downlink = uplink, downlink
        self.joins_ms = _next_frame(_time("joins_ms", joins_ms))
        """When it comes, in whole frames."""
        self.muted = False
        self.gone = False
        """Whether it has hung up."""
        if isinstance(script, Says | Presses | Mutes | HangsUp):
            script = (script,)
        self.script = tuple(script)
        self._agenda: list[tuple[float, int, _Step]] = []
        self._planned = 0
        self._happenings: list[CallHappening] = []
        self._pressed: list[tuple[str, float]] = []
        self._voice: deque[_Piece] = deque()
        self._frame = format.samples(DEFAULT_FRAME_MS)
        self._silence = bytes(self._frame * format.bytes_per_instant)
        for act in self.script:
            self._plan(act)
        self._scripted = self._in_order()

    # What a test may have it do in mid-call.

    def say(self, audio: Said | SpokenText, text: str = "") -> None:
        """Say something with the next frame, or after what it is still saying."""
        self._plan(Says(0.0, audio, text))

    def press(self, key: str, key_ms: float = 100.0) -> None:
        """Press a key with the next frame.

        Raises:
            ConfigurationError: There is no such key.
        """
        self._plan(Presses(0.0, key, key_ms))

    def mute(self) -> None:
        """Be silent from the next frame on."""
        self._plan(Mutes(0.0))

    def unmute(self) -> None:
        """Be heard again from the next frame on."""
        self._add(0.0, _Step("unmuted"))

    def hang_up(self) -> None:
        """Leave with the next frame. Twice is harmless."""
        self._plan(HangsUp(0.0))

    # What its script says.

    def words(self) -> tuple[tuple[float, float, str], ...]:
        """Each word of each `SpokenText` that its script has: start, end, in ms of the call, and word.

        What `say` makes it say in mid-call delays what comes after.
        """
        return tuple(
            (start_ms + word.span.start_ms, start_ms + word.span.end_ms, word.word)
            for start_ms, piece in self._scripted
            for word in piece.words
        )

    def answered(
        self, translations: Mapping[str, Mapping[str, str]], **answer: Any
    ) -> list[ScriptedUtterance]:
        """How a `ScriptedTranslator` that hears this party's stream answers what its script says.

        Args:
            translations: By what is said, the text in each target language; what is not in it
                is answered with no translation.
            **answer: Further fields of each `ScriptedUtterance`, such as ``delay_ms`` or ``audio``.
        """
        return [
            ScriptedUtterance(
                source_text=piece.text,
                start_ms=start_ms - self.joins_ms,
                end_ms=start_ms - self.joins_ms + self.format.duration_ms(piece.samples),
                translations=translations.get(piece.text, {}),
                **answer,
            )
            for start_ms, piece in self._scripted
            if piece.text
        ]

    # The call's side.

    @property
    def silent(self) -> bool:
        """Whether it has nothing more to say or do."""
        return self.gone or not (self._agenda or self._voice)

    def come_no_sooner_than(self, at_ms: float) -> None:
        """Put off joining, and all that the script has for before."""
        self.joins_ms = max(self.joins_ms, _next_frame(at_ms))
        self._agenda = [
            (max(when, self.joins_ms), number, step) for when, number, step in self._agenda
        ]
        heapify(self._agenda)
        self._scripted = self._in_order()

    def act(self, begin_ms: float, end_ms: float) -> list[CallHappening]:
        """Do what belongs to the frame from ``begin_ms`` to ``end_ms``; the list tells what happened.

        What it says is queued here and begins with `speak`, which adds to the list.
        """
        self._happenings = []
        while self._agenda and self._agenda[0][0] < end_ms - _TOLERANCE_MS and not self.gone:
            at_ms, _, step = heappop(self._agenda)
            self._take(step, max(at_ms, begin_ms))
        return self._happenings

    def pressed(self) -> list[tuple[str, float]]:
        """The keys that went down since this was last called, and for how long each."""
        pressed, self._pressed = self._pressed, []
        return pressed

    def speak(self, begin_ms: float) -> bytes:
        """The frame from ``begin_ms`` on."""
        voice = self._voice
        begin = self.format.samples(begin_ms)
        if not voice or voice[0].start >= begin + self._frame:
            return self._silence
        size, end = self.format.bytes_per_instant, begin + self._frame
        frame = bytearray(self._silence)
        at = begin
        while voice and max(at, voice[0].start) < end:
            piece = voice[0]
            at = max(at, piece.start)
            count = min(end - at, piece.samples - piece.said)
            if not piece.said:
                self._tell(self.format.duration_ms(at), "said", piece.text)
            if not self.muted:
                cut = piece.data[piece.said * size : (piece.said + count) * size]
                frame[(at - begin) * size : (at - begin + count) * size] = cut
            piece.said += count
            at += count
            if piece.said == piece.samples:
                voice.popleft()
        return bytes(frame)

    def _tell(self, at_ms: float, what: str, detail: str = "") -> None:
        self._happenings.append(CallHappening(at_ms, self.name, what, detail))

    def _plan(self, act: PartyAct) -> None:
        at_ms = _time("at_ms", act.at_ms)
        if isinstance(act, Says):
            self._add(at_ms, _Step("said", self._piece(act)))
        elif isinstance(act, Presses):
            for number, key in enumerate(act.keys):
                key_event(key)
                down_ms = at_ms + number * (act.key_ms + act.pause_ms)
                self._add(down_ms, _Step("pressed", key=key.upper(), key_ms=act.key_ms))
        elif isinstance(act, Mutes):
            self._add(at_ms, _Step("muted"))
            if act.until_ms < math.inf:
                self._add(_time("until_ms", act.until_ms), _Step("unmuted"))
        else:
            self._add(at_ms, _Step("left"))

    def _add(self, at_ms: float, step: _Step) -> None:
        if step.piece is None:
            at_ms = _next_frame(at_ms)
        self._planned += 1  # of what is due together, what was planned first comes first
        heappush(self._agenda, (max(at_ms, self.joins_ms), self._planned, step))

    def _in_order(self) -> list[tuple[float, _Piece]]:
        """What the script says and when each begins, as far as the script knows."""
        pieces, free_ms = [], 0.0
        for at_ms, _, step in sorted(self._agenda, key=lambda entry: entry[:2]):
            if step.piece is not None:
                start_ms = max(at_ms, free_ms)
                free_ms = start_ms + self.format.duration_ms(step.piece.samples)
                pieces.append((start_ms, step.piece))
        return pieces

    def _take(self, step: _Step, at_ms: float) -> None:
        if step.piece is not None:
            step.piece.start = self.format.samples(at_ms)
            if step.piece.samples:
                self._voice.append(step.piece)
            return
        if step.what == "pressed":
            self._pressed.append((step.key, step.key_ms))
        elif step.what == "left":
            self.gone = True
        else:
            self.muted = step.what == "muted"
        self._tell(at_ms, step.what, step.key)

    def _piece(self, says: Says) -> _Piece:
        said = says.audio
        if isinstance(said, Lost):
            raise ConfigurationError("audio", "what is lost is a link's to say: give the party one")
        whole = said if isinstance(said, SpokenText) else None
        data = converted(said.audio if isinstance(said, SpokenText) else said, self.format)
        return _Piece(
            says.text or (whole.text if whole else ""),
            data,
            len(data) // self.format.bytes_per_instant,
            whole.words if whole else (),
        )


@dataclass(slots=True)
class _Piece:
    """Something that is being said."""

    text: str
    data: PCMBytes
    samples: int
    words: tuple[WordTiming, ...] = ()
    start: int = 0
    """The earliest, in samples since the call began."""
    said: int = 0


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing that a party does."""

    what: str
    piece: _Piece | None = None
    key: str = ""
    key_ms: float = 0.0


def _next_frame(ms: float) -> float:
    """The start of the next frame, or of the one that starts then."""
    return math.ceil(ms / DEFAULT_FRAME_MS - _TOLERANCE_MS) * float(DEFAULT_FRAME_MS)


def _time(name: str, ms: float) -> float:
    if not 0 <= ms < math.inf:
        raise ConfigurationError(name, f"0 or more milliseconds, not {ms}")
    return ms


__all__ = ["CallHappening", "FakeParty", "HangsUp", "Mutes", "PartyAct", "Presses", "Says"]
