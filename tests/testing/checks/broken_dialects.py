"""Dialects that break one promise each; the name says how."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from conformance_kit import Breaches

from rawmedia.adapters.websocket.acs import AcsDialect
from rawmedia.adapters.websocket.dialect import (
    AudioReceived,
    ClearAudio,
    KeyPressed,
    MarkPassed,
    MessageFault,
    SetMark,
    StreamStarted,
    StreamStopped,
)
from rawmedia.adapters.websocket.twilio import TwilioDialect
from rawmedia.audio.format import SPEECH, TELEPHONY, WIDEBAND_VOICE
from rawmedia.audio.frame import AudioFrame
from rawmedia.testing.fake_acs import AcsMessages
from rawmedia.testing.fake_twilio import TwilioMessages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rawmedia.adapters.websocket.dialect import (
        Dialect,
        DialectCommand,
        DialectEvent,
        Message,
    )
    from rawmedia.testing.platform_messages import PlatformMessages

Subject = tuple["Callable[[], Dialect]", "Callable[[], PlatformMessages]"]

DIALECT_BREACHES: Breaches[Subject] = Breaches()


def broken(*checks: str) -> Callable[[type[AcsDialect | TwilioDialect]], type[Any]]:
    """Say which checks the decorated dialect must fail."""

    def add(dialect: type[AcsDialect | TwilioDialect]) -> type[Any]:
        messages = AcsMessages if issubclass(dialect, AcsDialect) else TwilioMessages
        DIALECT_BREACHES.add(dialect.__name__, (dialect, messages), *checks)
        return dialect

    return add


def changed(
    dialect: Sequence[DialectEvent], change: Callable[[AudioReceived], AudioReceived]
) -> Sequence[DialectEvent]:
    """Events whose audio is changed."""
    return [change(each) if isinstance(each, AudioReceived) else each for each in dialect]


@broken("the_opening_starts_the_stream")
class StartsTwice(AcsDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        events = super().parse(message)
        return [each for each in events for _ in range(1 + isinstance(each, StreamStarted))]


@broken("the_opening_starts_the_stream")
class ClaimsAnotherRate(AcsDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        events = super().parse(message)
        if isinstance(events[0], StreamStarted):
            self._started = StreamStarted(WIDEBAND_VOICE, "one")
            return [self._started]
        return events


@broken("audio_is_heard")
class SwapsBytes(AcsDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        def swapped(heard: AudioReceived) -> AudioReceived:
            data = bytearray(heard.audio)
            data[::2], data[1::2] = data[1::2], data[::2]
            return heard._replace(audio=bytes(data))

        return changed(super().parse(message), swapped)


@broken("audio_is_heard")
class LosesTheLastSample(TwilioDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        return changed(super().parse(message), lambda each: each._replace(audio=each.audio[:-2]))


@broken("speakers_are_told")
class KnowsNobody(AcsDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        return changed(super().parse(message), lambda each: each._replace(participant=None))


@broken("times_are_told")
class TellsSeconds(TwilioDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        return changed(
            super().parse(message),
            lambda each: each._replace(timestamp_ms=(each.timestamp_ms or 0) / 1000),
        )


@broken("keys_are_told")
class DropsTheStar(TwilioDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        return [each for each in super().parse(message) if each != KeyPressed("*")]


@broken("the_end_is_told")
class NeverStops(TwilioDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        return [each for each in super().parse(message) if each != StreamStopped()]


@broken("the_end_is_told")
class HearsAfterTheEnd(TwilioDialect):
    def _stop(self, fields: Any) -> Sequence[DialectEvent]:
        return (StreamStopped(),)


@broken("text_may_come_as_bytes")
class TakesTextAlone(AcsDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        return super().parse(message) if isinstance(message, str) else ()


@broken("nothing_is_heard_before_the_start")
class GuessesTheRate(AcsDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        if self._started is None and "AudioData" in str(message):
            return [AudioReceived(bytes(640))]
        return super().parse(message)


@broken("a_second_start_changes_nothing")
class StartsAgain(AcsDialect):
    def _metadata(self, fields: Any) -> Sequence[DialectEvent]:
        self._started = None
        return super()._metadata(fields)


@broken("a_second_start_changes_nothing")
class SaysNothingOfASecondStart(TwilioDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        events = super().parse(message)
        return [
            each
            for each in events
            if not isinstance(each, MessageFault) or each.reason != "second_start"
        ]


@broken("nothing_that_comes_raises", "faults_are_told_and_counted")
class TrustsThePlatform(AcsDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        json.loads(message)
        return super().parse(message)


@broken("nothing_that_comes_raises")
class TrustsItsFields(TwilioDialect):
    def _dtmf(self, fields: Any) -> Sequence[DialectEvent]:
        return (KeyPressed(fields["dtmf"]["digit"]),)


@broken("nothing_that_comes_raises")
class HearsHalfASample(AcsDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        events = super().parse(message)
        if any(isinstance(each, MessageFault) and each.reason == "no_audio" for each in events):
            return [AudioReceived(b"\0")]
        return events


@broken("nothing_that_comes_raises")
class GivesItsOwnKind(AcsDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        events = super().parse(message)
        return ["fault"] if events == (MessageFault("unknown_kind"),) else events  # type: ignore[list-item]


@broken("faults_are_told_and_counted")
class IsSilentAboutFaults(AcsDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        return [each for each in super().parse(message) if not isinstance(each, MessageFault)]


@broken("faults_are_told_and_counted")
class DoesNotCount(AcsDialect):
    def _fault(self, reason: Any, what: str = "") -> tuple[MessageFault]:
        return (MessageFault(reason, what),)


@broken("faults_show_no_content")
class Quotes(TwilioDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        return [
            MessageFault(each.reason, str(message)) if isinstance(each, MessageFault) else each
            for each in super().parse(message)
        ]


@broken("faults_leave_no_trace")
class LosesHeart(AcsDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        if sum(self._faults.values()) > 20:
            return self._fault("unknown_kind")
        return super().parse(message)


@broken("what_is_huge_is_not_taken")
class TakesAnySize(AcsDialect):
    def __init__(self) -> None:
        super().__init__(max_message_bytes=2**30)


@broken("events_can_not_be_changed")
class GivesLists(AcsDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        return [
            Changeable(*each) if isinstance(each, AudioReceived) else each
            for each in super().parse(message)
        ]


class Changeable(AudioReceived):
    """A named tuple that can be written to, like any subclass without slots."""

    def __setattr__(self, name: str, value: object) -> None:
        self.__dict__[name] = value


SHARED: list[StreamStarted] = []


@broken("dialects_share_nothing")
class SharesItsStart(AcsDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        events = super().parse(message)
        SHARED.extend(each for each in events if isinstance(each, StreamStarted))
        return events

    @property
    def started(self) -> StreamStarted | None:
        return SHARED[-1] if SHARED else None


FAULTS: dict[Any, int] = dict.fromkeys(AcsDialect().faults, 0)


@broken("dialects_share_nothing")
class SharesItsCounts(AcsDialect):
    def __init__(self) -> None:
        super().__init__()
        self._faults = FAULTS


@broken("a_dialect_does_not_grow")
class KeepsEverything(AcsDialect):
    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Message] = []

    def parse(self, message: Message) -> Sequence[DialectEvent]:
        self.kept.append(message)
        return super().parse(message)


@broken("audio_is_said")
class WritesCamelCase(AcsDialect):
    def encode(self, command: DialectCommand) -> Sequence[Message]:
        return [str(each).replace('"Kind"', '"kind"') for each in super().encode(command)]


@broken("audio_is_said")
class WritesHalf(TwilioDialect):
    def encode(self, command: DialectCommand) -> Sequence[Message]:
        if isinstance(command, AudioFrame):
            command = AudioFrame(command.samples[: len(command.samples) // 2], TELEPHONY)
        return super().encode(command)


@broken("another_format_is_refused")
class TakesAnyFormat(AcsDialect):
    def encode(self, command: DialectCommand) -> Sequence[Message]:
        if isinstance(command, AudioFrame):
            command = AudioFrame(command.data, SPEECH)
        return super().encode(command)


@broken("nothing_is_said_before_the_start")
class SpeaksTooSoon(AcsDialect):
    def encode(self, command: DialectCommand) -> Sequence[Message]:
        return () if self._started is None else super().encode(command)


@broken("clears_tells_the_truth")
class ClaimsToClear(TwilioDialect):
    def encode(self, command: DialectCommand) -> Sequence[Message]:
        return () if isinstance(command, ClearAudio) else super().encode(command)


@broken("clears_tells_the_truth")
class ClearsInSecret(TwilioDialect):
    clears = False


@broken("marks_tells_the_truth")
class ForgetsToEscape(TwilioDialect):
    def encode(self, command: DialectCommand) -> Sequence[Message]:
        if isinstance(command, SetMark):
            stream = f'"event":"mark","streamSid":"{self._stream}"'
            return [f'{{{stream},"mark":{{"name":"{command.name}"}}}}']
        return super().encode(command)


@broken("marks_come_back")
class AnswersToAnotherName(TwilioDialect):
    def parse(self, message: Message) -> Sequence[DialectEvent]:
        return [
            MarkPassed(each.name.upper()) if isinstance(each, MarkPassed) else each
            for each in super().parse(message)
        ]


@broken("reading_and_writing_do_not_disturb_each_other")
class EchoesFaults(AcsDialect):
    def encode(self, command: DialectCommand) -> Sequence[Message]:
        return [*super().encode(command), *["{}"] * self._faults["not_json"]]
