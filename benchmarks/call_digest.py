"""Whether a call comes out the same under other versions of Python: its log to the letter, its audio to 1 LSB.

    python benchmarks/call_digest.py [MINUTES] [PYTHON ...]

carries the call of bench_call.py under this interpreter and under each that is named, in which
rawmedia must be installed (``python3.12 -m venv ...``, ``pip install -e .``), and compares. It fails where
they differ, and says which interpreter it could not use.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from bench_call import call


def carry(minutes: float, folder: Path) -> None:
    """Leave the log and what was heard in a folder."""
    log: list[str] = []
    heard: list[npt.NDArray[np.int16]] = []
    call(minutes, log.append, lambda frame: heard.append(frame.samples))
    (folder / "log.txt").write_text("\n".join(log), "utf-8")
    np.save(folder / "heard.npy", np.concatenate(heard))
    (folder / "version.txt").write_text(
        f"Python {platform.python_version()}, numpy {np.__version__}", "utf-8"
    )


def described(folder: Path) -> str:
    """Versions and digests of one call."""
    log, heard = (folder / "log.txt").read_bytes(), np.load(folder / "heard.npy")
    entries = log.count(b"\n") + 1
    return (
        f"{(folder / 'version.txt').read_text('utf-8')}: {entries} entries "
        f"{hashlib.sha256(log).hexdigest()[:16]}, {len(heard) / 16_000:g} s of audio "
        f"{hashlib.sha256(heard.tobytes()).hexdigest()[:16]}"
    )


def difference(one: Path, other: Path) -> str:
    """In what two calls differ; empty if in nothing that matters."""
    logs = [(folder / "log.txt").read_text("utf-8").split("\n") for folder in (one, other)]
    if logs[0] != logs[1]:
        pairs = zip(*logs, strict=False)
        number = next((at for at, (a, b) in enumerate(pairs) if a != b), min(map(len, logs)))
        return f"the logs differ from entry {number} on"
    audio = [np.load(folder / "heard.npy").astype(np.int32) for folder in (one, other)]
    if audio[0].shape != audio[1].shape:
        return f"{len(audio[0])} samples, and {len(audio[1])}"
    steps = int(np.abs(audio[0] - audio[1]).max(initial=0))
    return f"the audio differs by {steps} LSB" if steps > 1 else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("minutes", type=float, nargs="?", default=5.0)
    parser.add_argument("pythons", nargs="*", metavar="PYTHON")
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.into is not None:
        carry(arguments.minutes, arguments.into)
        return 0
    failures = 0
    with TemporaryDirectory() as base:
        folders = []
        for number, python in enumerate([sys.executable, *arguments.pythons]):
            folder = Path(base) / str(number)
            folder.mkdir()
            command = [python, __file__, str(arguments.minutes), "--into", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                failures += 1
                print(f"{python}: not usable: {(done.stderr.strip() or '?').splitlines()[-1]}")
                continue
            folders.append(folder)
            print(described(folder))
        for other in folders[1:]:
            if difference(folders[0], other):
                failures += 1
                print(f"{other.name}: {difference(folders[0], other)}")
    if not failures and len(folders) > 1:
        print("the same log, and the same audio within 1 LSB")
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
