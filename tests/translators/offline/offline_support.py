"""Programs that misbehave, and audio in frames, for the tests of the offline engine."""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

EXAMPLES = Path(__file__).parents[3] / "examples" / "speech"


def program(path: Path, body: str, interpreter: str = sys.executable) -> Path:
    """An executable script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{interpreter}\n{body}")
    path.chmod(0o755)
    return path


def children() -> set[int]:
    """The processes that this one has started and that still run, zombies not counted."""
    return set(_children_of(os.getpid()))


def kill(pid: int) -> None:
    """End a child of this process for sure; whoever started it reaps it, perhaps already."""
    watch = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(watch, signal.SIGKILL)
        assert select.select([watch], [], [], 10)[0]
    finally:
        os.close(watch)


def all_end(pids: Iterable[int]) -> bool:
    """Whether each of these processes has ended or does so within 10 s.

    What is left to the garbage collector may end in another thread, that of the last who
    held it: an executor's thread lets go of its work a moment after the result is known.
    """
    for pid in pids:
        try:
            watch = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            if not select.select([watch], [], [], 10)[0]:
                return False
        finally:
            os.close(watch)
    return True


def _children_of(parent: int) -> Iterator[int]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] != "Z" and int(fields[1]) == parent:
            yield int(stat.parent.name)


async def frames(
    pcm: bytes, position: int = 0, frame_samples: int = 320
) -> AsyncIterator[AudioFrame]:
    """Mono audio at 16 kHz in frames, the first at ``position``."""
    size = 2 * frame_samples
    for at in range(0, len(pcm), size):
        yield AudioFrame(pcm[at : at + size], SPEECH, position + at // 2)
