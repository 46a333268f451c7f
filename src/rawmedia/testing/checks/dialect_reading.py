"""What a dialect promises of a platform's messages, and of anything else that comes over a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.adapters.websocket.dialect import (
    AudioReceived,
    KeyPressed,
    MarkPassed,
    MessageFault,
    StreamStarted,
    StreamStopped,
)
from rawmedia.testing.checks.broken import broke, require, skip
from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.dialect_trial import USELESS, DialectTrial, alike, heard, parsed
from rawmedia.testing.checks.leftovers import MemoryGrowth

if TYPE_CHECKING:
    from rawmedia.adapters.websocket.dialect import Dialect, DialectEvent

_DIALECT = "rawmedia.adapters.websocket.dialect.Dialect"
_PARSE = f"{_DIALECT}.parse"
_AUDIO = "rawmedia.adapters.websocket.dialect.AudioReceived"
_EVENTS = (AudioReceived, KeyPressed, MarkPassed, MessageFault, StreamStarted, StreamStopped)
_SECRET = "a-secret-that-nobody-may-see"  # noqa: S105 - it is none
_HUGE = 8 * 1024 * 1024
_ROUNDS = 40
_MAX_GROWTH_MIB = 0.25

DIALECT_READING_CHECKS: CheckList[DialectTrial] = CheckList()


@DIALECT_READING_CHECKS.promise(
    "started is None until the platform says what its stream is.", f"{_DIALECT}.started"
)
async def the_opening_starts_the_stream(trial: DialectTrial) -> None:
    """Nothing can be decoded before."""
    dialect, messages = trial.make_dialect(), trial.make_messages()
    require(dialect.started is None, f"before any message started was {dialect.started}.")
    events = [each for message in messages.opening() for each in dialect.parse(message)]
    starts = [each for each in events if isinstance(each, StreamStarted)]
    require(len(starts) == 1, f"the opening was read, and the events were {events}.")
    require(
        dialect.started == starts[0], f"the event was {starts[0]}, and started {dialect.started}."
    )
    require(
        starts[0].format == messages.format,
        f"the platform sends {messages.format}, and the event says {starts[0].format}.",
    )


@DIALECT_READING_CHECKS.promise(
    "Audio is int16 in the format of StreamStarted, all of it.", f"{_AUDIO}.audio"
)
async def audio_is_heard(trial: DialectTrial) -> None:
    """A byte too few, or in the wrong order, is noise."""
    dialect, messages = trial.started()
    for frame, message in zip(trial.frames, trial.said(messages), strict=True):
        events = heard(dialect.parse(message))
        require(len(events) == 1, f"20 ms were said, and the audio among the events was {events}.")
        require(
            alike(events[0].audio, bytes(frame)),
            f"{len(bytes(frame))} bytes of samples were said, and {len(events[0].audio)} bytes "
            "that are not those were heard.",
        )


@DIALECT_READING_CHECKS.promise("Audio names who speaks, where voices are separate.", _AUDIO)
async def speakers_are_told(trial: DialectTrial) -> None:
    """Each gets a stream of its own."""
    dialect, messages = trial.started()
    if not messages.separates_voices:
        skip("the platform does not separate voices")
    for who in ("8:acs:one", "4:+15550100", None):
        (event,) = heard(dialect.parse(messages.audio(bytes(trial.frames[0]), who, 0.0)))
        require(event.participant == who, f"{who!r} spoke, and {event.participant!r} was named.")


@DIALECT_READING_CHECKS.promise("Audio says when it was, on the platform's clock.", _AUDIO)
async def times_are_told(trial: DialectTrial) -> None:
    """A hole is seen by it."""
    dialect, messages = trial.started()
    pcm = bytes(trial.frames[0])
    first, second = (
        heard(dialect.parse(messages.audio(pcm, None, at_ms)))[0].timestamp_ms
        for at_ms in (0.0, 1_500.0)
    )
    if first is None and second is None:
        skip("the platform does not say when")
    passed = None if first is None or second is None else second - first
    require(
        passed is not None and abs(passed - 1_500) < 1,
        f"1500 ms lay between two messages, and their times were {first} and {second}.",
    )


@DIALECT_READING_CHECKS.promise("A key that is pressed is told.", _PARSE)
async def keys_are_told(trial: DialectTrial) -> None:
    """Numbers are dialled during calls."""
    dialect, messages = trial.started()
    for key in "0123456789*#":
        events = list(dialect.parse(messages.key(key)))
        require(
            [each.key for each in events if isinstance(each, KeyPressed)] == [key],
            f"{key} was pressed, and the events were {events}.",
        )


@DIALECT_READING_CHECKS.promise("The end of a stream is told, and is the end.", _PARSE)
async def the_end_is_told(trial: DialectTrial) -> None:
    """Or a call that is over is waited for."""
    dialect, messages = trial.started()
    goodbye = messages.goodbye()
    if goodbye is None:
        skip("the platform only closes the socket")
    events = list(dialect.parse(goodbye))
    require(StreamStopped() in events, f"the platform said goodbye, and the events were {events}.")
    for message in trial.said(messages):
        require(
            not heard(dialect.parse(message)), "audio came after the goodbye, and it was heard."
        )


@DIALECT_READING_CHECKS.promise("A message may come as text or as bytes.", _PARSE)
async def text_may_come_as_bytes(trial: DialectTrial) -> None:
    """Servers differ in what they hand over."""
    dialect, messages = trial.started()
    for message in trial.said(messages):
        if isinstance(message, bytes):
            skip("the platform sends bytes anyway")
        require(
            list(dialect.parse(message.encode())) == list(dialect.parse(message)),
            "the bytes of a message gave other events than its text.",
        )


@DIALECT_READING_CHECKS.promise(
    "What is out of place changes nothing: audio before the start.", _PARSE
)
async def nothing_is_heard_before_the_start(trial: DialectTrial) -> None:
    """Its format is not known."""
    messages = trial.make_messages()
    opening, dialect = messages.opening(), trial.make_dialect()
    for message in trial.said(messages):
        require(not heard(dialect.parse(message)), "audio came before the start, and was heard.")
    require(dialect.started is None, "audio came before the start, and started was set by it.")
    for message in opening:
        dialect.parse(message)
    require(dialect.started is not None, "audio came before the start, which then was not taken.")


@DIALECT_READING_CHECKS.promise("What is out of place changes nothing: a second start.", _PARSE)
async def a_second_start_changes_nothing(trial: DialectTrial) -> None:
    """It would turn a voice into noise."""
    messages, dialect = trial.make_messages(), trial.make_dialect()
    opening = messages.opening()
    for message in opening:
        dialect.parse(message)
    before = dialect.started
    events = [each for message in opening for each in dialect.parse(message)]
    require(
        not any(isinstance(each, StreamStarted) for each in events),
        f"the opening came twice, and the events of the second were {events}.",
    )
    require(
        any(isinstance(each, MessageFault) for each in events),
        "the opening came twice, and the second gave no MessageFault.",
    )
    require(dialect.started is before, "the opening came twice, and started changed.")
    message = trial.said(messages)[0]
    require(bool(heard(dialect.parse(message))), "after a second opening no audio was heard.")


@DIALECT_READING_CHECKS.promise("parse never raises because of what is in a message.", _PARSE)
async def nothing_that_comes_raises(trial: DialectTrial) -> None:
    """A call must not end by a message, let alone a server."""
    fresh, (running, _) = trial.make_dialect(), trial.started()
    for message in (*USELESS, *trial.damaged()):
        for dialect in (fresh, running, trial.started()[0]):
            for event in parsed(dialect, message, "damaged"):
                _require_event(event)


def _require_event(event: DialectEvent) -> None:
    require(isinstance(event, _EVENTS), f"a damaged message gave {event!r}, which is no event.")
    if isinstance(event, AudioReceived):
        require(
            bool(event.audio) and len(event.audio) % 2 == 0,
            f"a damaged message gave {len(event.audio)} bytes of audio, which is no whole samples.",
        )


@DIALECT_READING_CHECKS.promise(
    "What is of no use gives a MessageFault, and is counted.", f"{_DIALECT}.faults"
)
async def faults_are_told_and_counted(trial: DialectTrial) -> None:
    """How else would anybody learn that a platform has changed its messages?"""
    dialect, _ = trial.started()
    for message in USELESS:
        before = sum(dialect.faults.values())
        events = parsed(dialect, message, "useless")
        require(
            bool(events) and all(isinstance(each, MessageFault) for each in events),
            f"{message[:40]!r} came, and the events were {events}.",
        )
        counted = sum(dialect.faults.values()) - before
        require(
            counted == len(events),
            f"{message[:40]!r} gave {len(events)} faults, and {counted} were counted.",
        )


@DIALECT_READING_CHECKS.promise(
    "A fault never shows what was in the message.",
    "rawmedia.adapters.websocket.dialect.MessageFault.what",
)
async def faults_show_no_content(trial: DialectTrial) -> None:
    """Faults are logged, and what was said on a call must not be."""
    dialect, messages = trial.started()
    texts = [f'{{"{name}":"{_SECRET}"}}' for name in ("event", "kind", "type", "a")]
    for message in (*trial.said(messages)[:1], messages.key("5")):
        if isinstance(message, str):
            texts += [message[:-2] + _SECRET, message.replace('"5"', f'"{_SECRET}"')]
    for text in texts:
        for event in dialect.parse(text):
            require(
                not isinstance(event, MessageFault) or _SECRET not in repr(event),
                f"a message with a secret in it gave {event!r}.",
            )


@DIALECT_READING_CHECKS.promise("What is malformed changes nothing.", _PARSE)
async def faults_leave_no_trace(trial: DialectTrial) -> None:
    """The next 20 ms are as good as ever."""
    undisturbed, messages = trial.started()
    said = trial.said(messages)
    expected = [list(undisturbed.parse(message)) for message in said]
    disturbed, messages = trial.started()
    for message, events in zip(trial.said(messages), expected, strict=True):
        for useless in (*USELESS, message[: len(message) // 2]):
            disturbed.parse(useless)
        require(
            list(disturbed.parse(message)) == events,
            "useless messages came in between, and audio was read differently.",
        )


@DIALECT_READING_CHECKS.promise("A message that is too large is not taken.", _PARSE)
async def what_is_huge_is_not_taken(trial: DialectTrial) -> None:
    """Memory is bounded by what a message may be."""
    dialect, messages = trial.started()
    pcm = bytes(_HUGE)
    events = parsed(dialect, messages.audio(pcm, None, 0.0), "8 MiB of audio")
    require(not heard(events), "8 MiB of audio came in one message, and were heard.")
    require(bool(events), "8 MiB of audio came in one message, and gave no MessageFault.")


@DIALECT_READING_CHECKS.promise("Events are values that can't be changed.", _DIALECT)
async def events_can_not_be_changed(trial: DialectTrial) -> None:
    """Several readers get the same one."""
    dialect, messages = trial.make_dialect(), trial.make_messages()
    opening = messages.opening()
    sent = [*opening, trial.said(messages)[0], messages.key("5"), "{}"]
    for event in [each for message in sent for each in dialect.parse(message)]:
        for name in _fields(event):
            try:
                setattr(event, name, None)
            except (AttributeError, TypeError):
                continue
            broke(f"{name} of {type(event).__name__} could be changed.")


def _fields(event: DialectEvent) -> tuple[str, ...]:
    named: tuple[str, ...] | None = getattr(event, "_fields", None)
    return named if named is not None else tuple(getattr(event, "__dataclass_fields__", ()))


@DIALECT_READING_CHECKS.promise("A dialect belongs to one socket; two share nothing.", _DIALECT)
async def dialects_share_nothing(trial: DialectTrial) -> None:
    """A server has hundreds at once."""
    one, messages = trial.started()
    other: Dialect = trial.make_dialect()
    require(other.started is None, "a dialect was made after another had started, and had started.")
    expected = [list(one.parse(message)) for message in trial.said(messages)]
    one, messages = trial.started()
    other, others = trial.started()
    for number, (message, strange) in enumerate(
        zip(trial.said(messages), reversed(trial.said(others)), strict=True)
    ):
        events = list(one.parse(message))
        other.parse(strange)
        other.parse("{")
        require(
            events == expected[number],
            "another dialect read in turn, and audio was read differently.",
        )
    require(
        not sum(one.faults.values()), "another dialect's faults were counted by this one as well."
    )


@DIALECT_READING_CHECKS.promise("Nothing of a message is kept but ids.", _PARSE)
async def a_dialect_does_not_grow(trial: DialectTrial) -> None:
    """A call may last for hours."""
    dialect, messages = trial.started()
    said = trial.said(messages)
    for message in said * 2:
        dialect.parse(message)
    with MemoryGrowth() as memory:
        for _ in range(_ROUNDS):
            for message in said:
                dialect.parse(
                    message + " " if isinstance(message, str) else bytes(bytearray(message))
                )
    require(
        memory.mebibytes < _MAX_GROWTH_MIB,
        f"memory grew by {memory.mebibytes:.2f} MiB in {_ROUNDS * len(said)} messages.",
    )


__all__ = ["DIALECT_READING_CHECKS"]
