"""What a dialect promises of the messages that it writes: that the platform understands them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.adapters.websocket.dialect import ClearAudio, MarkPassed, SetMark
from rawmedia.audio.format import AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.errors import FormatMismatchError, StreamUseError
from rawmedia.testing.checks.broken import broke, require, skip
from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.dialect_trial import DialectTrial, alike
from rawmedia.testing.platform_messages import SaidAudio, SaidClear, SaidMark

if TYPE_CHECKING:
    from rawmedia.adapters.websocket.dialect import Dialect, DialectCommand
    from rawmedia.testing.platform_messages import PlatformMessages, ServerSaid

_DIALECT = "rawmedia.adapters.websocket.dialect.Dialect"
_ENCODE = f"{_DIALECT}.encode"
_NAMES = ("here", "with space", 'a "quoted" name', "back\\slash", "señal ✓", "n" * 200)

DIALECT_WRITING_CHECKS: CheckList[DialectTrial] = CheckList()


@DIALECT_WRITING_CHECKS.promise("Audio is written as the platform reads it, all of it.", _ENCODE)
async def audio_is_said(trial: DialectTrial) -> None:
    """Also in frames that are shorter or longer than 20 ms."""
    dialect, messages = trial.started()
    layout = messages.format
    voice = b"".join(bytes(frame) for frame in trial.frames)
    for frame_ms in (2.5, 20, 400):
        size = layout.samples(frame_ms) * layout.bytes_per_instant
        for at in range(0, len(voice) - size + 1, size * 4):
            pcm = voice[at : at + size]
            said = b""
            for each in _said(dialect, messages, AudioFrame(pcm, layout)):
                if not isinstance(each, SaidAudio):
                    broke(
                        f"a frame of {frame_ms:g} ms was written, and the platform read {each!r}."
                    )
                said += each.audio
            require(
                alike(said, pcm),
                f"a frame of {frame_ms:g} ms was written, and the platform read {len(said)} bytes "
                f"that are not its {len(pcm)}.",
            )


@DIALECT_WRITING_CHECKS.promise("A frame in another format is refused.", _ENCODE)
async def another_format_is_refused(trial: DialectTrial) -> None:
    """It would be heard too fast or too slow."""
    dialect, messages = trial.started()
    layout = messages.format
    for other in (AudioFormat(layout.sample_rate * 2), AudioFormat(layout.sample_rate, 2)):
        try:
            dialect.encode(AudioFrame(bytes(80), other))
        except FormatMismatchError:
            continue
        broke(f"the stream is {layout}, and a frame of {other} was written.")


@DIALECT_WRITING_CHECKS.promise("Nothing can be said before the stream has started.", _ENCODE)
async def nothing_is_said_before_the_start(trial: DialectTrial) -> None:
    """Neither format nor stream is known."""
    for command in (trial.frames[0], ClearAudio(), SetMark("here")):
        try:
            trial.make_dialect().encode(command)
        except StreamUseError:
            continue
        broke(f"{type(command).__name__} was written before the start.")


@DIALECT_WRITING_CHECKS.promise(
    "clears says whether the platform drops what it has not played.", f"{_DIALECT}.clears"
)
async def clears_tells_the_truth(trial: DialectTrial) -> None:
    """Who interrupts counts on it."""
    dialect, messages = trial.started()
    said = _said(dialect, messages, ClearAudio())
    expected = [SaidClear()] if dialect.clears else []
    require(said == expected, f"clears is {dialect.clears}, and the platform read {said}.")


@DIALECT_WRITING_CHECKS.promise(
    "marks says whether the platform answers a mark, by its name.", f"{_DIALECT}.marks"
)
async def marks_tells_the_truth(trial: DialectTrial) -> None:
    """If it does not, playout is estimated."""
    dialect, messages = trial.started()
    for name in _NAMES:
        said = _said(dialect, messages, SetMark(name))
        expected = [SaidMark(name)] if dialect.marks else []
        require(
            said == expected,
            f"marks is {dialect.marks}, SetMark({name!r}) was written, and the platform read {said}.",
        )
    if not dialect.marks and messages.mark("here") is None:
        skip("neither the dialect nor the platform has marks")


@DIALECT_WRITING_CHECKS.promise("A mark that was passed is told by its name.", _ENCODE)
async def marks_come_back(trial: DialectTrial) -> None:
    """Who waits for it knows it by that."""
    dialect, messages = trial.started()
    for name in _NAMES:
        answer = messages.mark(name)
        if answer is None:
            skip("the platform has no marks")
        events = list(dialect.parse(answer))
        require(
            events == [MarkPassed(name)], f"{name!r} was answered, and the events were {events}."
        )


@DIALECT_WRITING_CHECKS.promise(
    "The same is written the same; a dialect is read and written at once.", _DIALECT
)
async def reading_and_writing_do_not_disturb_each_other(trial: DialectTrial) -> None:
    """A call goes both ways."""
    dialect, _ = trial.started()
    expected = [list(dialect.encode(frame)) for frame in trial.frames]
    dialect, messages = trial.started()
    for number, message in enumerate(trial.said(messages)):
        dialect.parse(message)
        dialect.parse("{")
        require(
            list(dialect.encode(trial.frames[number])) == expected[number],
            "messages were read in between, and a frame was written differently.",
        )


def _said(
    dialect: Dialect, messages: PlatformMessages, command: DialectCommand
) -> list[ServerSaid]:
    """What the platform makes of a command.

    Raises:
        SeenError: It can't make anything of it.
    """
    said = []
    for message in dialect.encode(command):
        try:
            said.append(messages.read(message))
        except ValueError as error:
            broke(f"{type(command).__name__} was written, and the platform refused it: {error}.")
    return said


__all__ = ["DIALECT_WRITING_CHECKS"]
