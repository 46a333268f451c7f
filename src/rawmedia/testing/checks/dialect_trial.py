"""What every check of a dialect works with: dialects, a platform's messages, and messages that are none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from rawmedia.adapters.websocket.dialect import AudioReceived
from rawmedia.testing.checks.broken import broke, require
from rawmedia.testing.signals import in_frames, speech_like

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rawmedia.adapters.websocket.dialect import Dialect, DialectEvent, Message
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.testing.platform_messages import PlatformMessages

_FRAMES = 25
_LIKENESS = 0.98
_DAMAGED = 200
USELESS: tuple[Message, ...] = (
    "",
    " ",
    "[]",
    "null",
    "5",
    '"text"',
    "{}",
    '{"a":1}',
    "{",
    "[" * 100_000,
    "1" * 10_000,
    b"",
    b"\xff\xfe\x00",
    b"\x00" * 640,
    "\ud800",
)
"""What no platform says with."""
_ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**30,
    1e300,
    "",
    "AQ",
    "é",
    "\ud800",
    "x" * 3_000,
    [],
    [[]],
    {},
    {"a": {}},
)


class DialectTrial:
    """A dialect under test, and who speaks it at the other side.

    Args:
        factory: Makes a dialect, as for a new socket.
        messages: Makes the platform's side of it.
    """

    def __init__(
        self, factory: Callable[[], Dialect], messages: Callable[[], PlatformMessages]
    ) -> None:
        self.make_dialect, self.make_messages = factory, messages
        layout = messages().format
        voice = speech_like(_FRAMES * 40, seed=3, format=layout)
        self.frames: list[AudioFrame] = in_frames(voice)[-_FRAMES:]

    def started(self) -> tuple[Dialect, PlatformMessages]:
        """A dialect whose stream has started, and the platform that started it."""
        dialect, messages = self.make_dialect(), self.make_messages()
        for message in messages.opening():
            dialect.parse(message)
        require(
            dialect.started is not None, "a platform's opening was read, and started is still None."
        )
        return dialect, messages

    def said(self, messages: PlatformMessages) -> list[Message]:
        """The frames as the platform's messages, 20 ms apart."""
        return [
            messages.audio(bytes(frame), None, 20.0 * number)
            for number, frame in enumerate(self.frames)
        ]

    def damaged(self) -> Iterator[Message]:
        """Messages of the platform that are cut, bitten, or hold what does not belong there."""
        messages, chance = self.make_messages(), np.random.default_rng(7)
        good = [*messages.opening(), messages.audio(bytes(self.frames[0]), None, 0.0)]
        good += [messages.key("5")]
        good += [each for each in (messages.mark("here"), messages.goodbye()) if each is not None]
        for message in good:
            data = message.encode() if isinstance(message, str) else message
            for _ in range(_DAMAGED // len(good)):
                yield data[: chance.integers(len(data))]
                bitten = bytearray(data)
                bitten[chance.integers(len(data))] ^= 1 << int(chance.integers(8))
                yield bytes(bitten)
            if isinstance(message, str):
                for changed in _changed(json.loads(message)):
                    yield json.dumps(changed)


def _changed(value: Any) -> Iterator[Any]:
    """The value with one thing in it, at any depth, gone or replaced by something odd."""
    if not isinstance(value, dict):
        return
    for name, inner in value.items():
        rest = {other: each for other, each in value.items() if other != name}
        yield rest
        for odd in _ODD_VALUES:
            yield {**rest, name: odd}
        for changed in _changed(inner):
            yield {**rest, name: changed}


def heard(events: object) -> list[AudioReceived]:
    """The audio among events."""
    assert isinstance(events, list | tuple)
    return [event for event in events if isinstance(event, AudioReceived)]


def parsed(dialect: Dialect, message: Message, what: str) -> list[DialectEvent]:
    """What a message means; nothing that is in it may raise.

    Raises:
        SeenError: It did.
    """
    try:
        return list(dialect.parse(message))
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not come out
        broke(f"parse() of {what} {message[:80]!r} raised {type(error).__name__}: {error}.")


def alike(one: bytes, other: bytes) -> bool:
    """Whether samples are the same sound in the same place, as far as a telephone's codec keeps it."""
    if len(one) != len(other):
        return False
    a, b = (np.frombuffer(each, "<i2").astype(np.float64) for each in (one, other))
    if not a.any() or not b.any():
        return bool(np.abs(a - b).max() < 10)
    return float(a @ b) >= _LIKENESS * float(np.sqrt((a @ a) * (b @ b))) and (
        0.8 < float(np.sqrt((a @ a) / (b @ b))) < 1.25
    )


__all__ = ["USELESS", "DialectTrial", "alike", "heard", "parsed"]
