"""What is kept of a comparison of audio that failed: both as WAV, and a picture of them."""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING

from rawmedia.testing.compare import AudioDiffersError
from rawmedia.testing.pictures import comparison_picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rawmedia.audio.frame import AudioFrame

MAX_KEPT = 10
"""Comparisons of one test that are kept."""


def keep_failed_comparisons(error: BaseException, folder: Path) -> list[Path]:
    """Write what an error has to show of audio, also where it is in a group or a cause.

    For each failed comparison ``audio-N-expected.wav``, ``audio-N-got.wav`` and ``audio-N.png``, on
    one timeline, in place of files of these names.

    Args:
        error: What a test raised.
        folder: Where to write; made if it is not there.

    Returns:
        The files, none where the error has nothing to show.

    Raises:
        OSError: They can't be written.
    """
    kept: list[Path] = []
    for number, found in enumerate(_differences(error), 1):
        if number > MAX_KEPT:
            break
        folder.mkdir(parents=True, exist_ok=True)
        for name, audio in (("expected", found.expected), ("got", found.got)):
            path = folder / f"audio-{number}-{name}.wav"
            _write_wav(path, audio)
            kept.append(path)
        picture = folder / f"audio-{number}.png"
        picture.write_bytes(comparison_picture(found.expected, found.got))
        kept.append(picture)
    return kept


def _differences(error: BaseException) -> Iterator[AudioDiffersError]:
    """The failed comparisons in an error, each once."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, AudioDiffersError):
            yield each
        waiting += [each.__context__, each.__cause__]
        if isinstance(each, BaseExceptionGroup):
            waiting += reversed(each.exceptions)


def _write_wav(path: Path, audio: AudioFrame) -> None:
    # Not rawmedia.files, which needs soundfile.
    with wave.open(str(path), "wb") as file:
        file.setnchannels(audio.format.num_channels)
        file.setsampwidth(2)
        file.setframerate(audio.format.sample_rate)
        file.writeframes(audio.data)


__all__ = ["MAX_KEPT", "keep_failed_comparisons"]
