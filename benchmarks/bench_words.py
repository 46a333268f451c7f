"""How many words the embedded recogniser gets wrong, on recordings with transcripts.

    python benchmarks/bench_words.py FOLDER

FOLDER holds recordings and a README.md whose table says of each file what is said in it.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from rawmedia import SPEECH, AudioFrame
from rawmedia.audio import FormatConverter
from rawmedia.files import AudioFileReader
from rawmedia.translators.offline import PocketSphinxRecognizer
from rawmedia.translators.parts import Recognition


def transcripts(folder: Path) -> dict[Path, list[str]]:
    """The words of each recording."""
    rows = re.findall(
        r"^\| *(\S+) *\| *(.+?) *\|$", (folder / "README.md").read_text("utf-8"), re.M
    )
    return {folder / name: text.split() for name, text in rows if (folder / name).is_file()}


async def frames(path: Path) -> AsyncIterator[AudioFrame]:
    """The recording as the recogniser takes it."""
    with AudioFileReader(path) as reader:
        converter = FormatConverter(reader.format, SPEECH)
        position = 0
        while (frame := reader.read()) is not None:
            data = converter.push(frame.data)
            yield AudioFrame(data, SPEECH, position)
            position += len(data) // SPEECH.bytes_per_instant
        yield AudioFrame(converter.flush(), SPEECH, position)


async def heard(path: Path) -> list[str]:
    """What the recogniser understands."""
    words: list[str] = []
    async for report in PocketSphinxRecognizer().recognize(frames(path), "en-US"):
        if isinstance(report, Recognition) and report.is_final:
            words += report.text.split()
    return words


def errors(said: list[str], understood: list[str]) -> int:
    """Substitutions, deletions and insertions, the fewest there can be (Levenshtein)."""
    row = list(range(len(understood) + 1))
    for number, word in enumerate(said, 1):
        diagonal, row[0] = row[0], number
        for at, other in enumerate(understood, 1):
            diagonal, row[at] = (
                row[at],
                min(row[at] + 1, row[at - 1] + 1, diagonal + (word != other)),
            )
    return row[-1]


def main() -> None:
    """Print what was said, what was understood, and the word error rate."""
    wrong = total = 0
    for path, said in transcripts(Path(sys.argv[1])).items():
        start = time.perf_counter()
        understood = asyncio.run(heard(path))
        seconds = time.perf_counter() - start
        count = errors(said, understood)
        wrong, total = wrong + count, total + len(said)
        print(f"{path.name}: {count} of {len(said)} words wrong, {seconds:.1f} s")
        print(f"  said        {' '.join(said)}")
        print(f"  understood  {' '.join(understood)}")
    print(f"word error rate: {wrong} of {total}, {100 * wrong / total:.0f} %")


if __name__ == "__main__":
    main()
