"""What an import costs: rawmedia against numpy, each in fresh interpreters, in turn.

    python benchmarks/bench_import.py

Aims: ``import rawmedia`` loads neither numpy, pydantic nor asyncio, and
``from rawmedia import AudioFormat, InboundAudioStream`` takes at most twice numpy's own import.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 15
HEAVY = (
    "numpy",
    "pydantic",
    "asyncio",
    "soundfile",
    "azure",
    "av",
    "pocketsphinx",
    "typer",
    "rich",
)

STATEMENTS = {
    "import numpy": "import numpy",
    "import asyncio, numpy": "import asyncio, numpy",
    "import rawmedia": "import rawmedia",
    "from rawmedia import AudioFormat, InboundAudioStream": (
        "from rawmedia import AudioFormat, InboundAudioStream"
    ),
}

# CPU time inside the interpreter, so that its own start is not counted.
PROGRAM = """
import sys, time
start = time.process_time()
{statement}
seconds = time.process_time() - start
print(seconds * 1000, *[name for name in {heavy!r} if name in sys.modules])
"""


def run(statement: str) -> tuple[float, list[str]]:
    """Milliseconds that a statement takes in a fresh interpreter, and what heavy it loads."""
    program = PROGRAM.format(statement=statement, heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    milliseconds, *loaded = done.stdout.split()
    return float(milliseconds), loaded


def main() -> None:
    """Print the table."""
    for statement in STATEMENTS.values():
        run(statement)  # byte code is compiled and files are cached
    ms: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    loads: dict[str, list[str]] = {}
    for _ in range(ROUNDS):
        for name, statement in STATEMENTS.items():
            milliseconds, loads[name] = run(statement)
            ms[name].append(milliseconds)
    width = max(len(name) for name in ms)
    print(f"imports, CPU time of {ROUNDS} fresh interpreters each, in turn")
    print(f"{'':{width}}  {'median ms':>9}  {'least - most':>15}  {'ratio':>5}  loads")
    for name, values in ms.items():
        ratio = statistics.median(
            mine / other for mine, other in zip(values, ms["import numpy"], strict=True)
        )
        spread = f"{min(values):.1f} - {max(values):.1f}"
        heavy = ", ".join(loads[name]) or "nothing heavy"
        print(
            f"{name:{width}}  {statistics.median(values):9.1f}  {spread:>15}  {ratio:5.2f}  {heavy}"
        )
    print("aims: `import rawmedia` loads nothing heavy; the streams at most 2.00 times numpy")


if __name__ == "__main__":
    main()
