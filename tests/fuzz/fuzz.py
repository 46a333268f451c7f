"""Coverage-guided fuzzing of one parser, bounded in time and memory; says which input broke it.

    python tests/fuzz/fuzz.py fuzz_rtp --seconds 60
    python tests/fuzz/fuzz.py fuzz_rtp --input 80000000

A target is a module beside this one, or the path of one, with ``one_input(data: bytes) -> None``,
which raises where the parser did wrong. It may have ``seeds() -> list[bytes]``, inputs to start
from, and ``MAX_INPUT_BYTES``. The exit status is 0 where nothing was found, 1 where something
was, 2 for a mistake in the command and 3 where atheris is not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

HERE = Path(__file__).resolve().parent
CLEAN, FOUND, USAGE, NO_ATHERIS = 0, 1, 2, 3

RSS_LIMIT_MB = 1024
ADDRESS_SPACE_BYTES = 4 << 30
"""What a header claims and nobody touches takes no memory that RSS counts; this catches it."""
INPUT_SECONDS = 5
"""One input that takes longer is a finding."""
GRACE_SECONDS = 30
"""For start and end; a fuzzer that has not stopped by then is stuck in an input."""
MAX_INPUT_BYTES = 4096

Instrument = Callable[..., AbstractContextManager[Any]]


def target_path(target: str) -> Path:
    """The file of a target that is named as in ``fuzz_rtp``, or by its path."""
    path = Path(target)
    return path if path.suffix == ".py" else HERE / f"{target}.py"


def load(path: Path, instrument: Instrument | None = None) -> ModuleType:
    """Import a target and, instrumented where asked, what it tests of this library."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with instrument(include=["rawmedia"]) if instrument is not None else nullcontext():
        spec.loader.exec_module(module)
    return module


def seeds_of(module: ModuleType) -> list[bytes]:
    """The inputs that a target starts from, if it has any."""
    seeds: Callable[[], list[bytes]] = getattr(module, "seeds", list)
    return seeds()


def fuzz_inside(path: Path, work: Path, runs: int, seconds: int, seed: int) -> None:
    """Fuzz in this process, which ends with it: libFuzzer exits, whatever it finds."""
    import resource

    import atheris

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    module = load(path, atheris.instrument_imports)
    corpus = work / "corpus"
    corpus.mkdir()
    for index, data in enumerate(seeds_of(module)):
        (corpus / f"seed-{index}").write_bytes(data)
    options = [
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-rss_limit_mb={RSS_LIMIT_MB}",
        f"-timeout={INPUT_SECONDS}",
        f"-max_len={getattr(module, 'MAX_INPUT_BYTES', MAX_INPUT_BYTES)}",
        f"-artifact_prefix={work}/found-",
    ]
    if runs:
        options.append(f"-atheris_runs={runs}")
    atheris.Setup([sys.argv[0], *options, str(corpus)], atheris.instrument_func(module.one_input))
    atheris.Fuzz()


def fuzz(path: Path, runs: int, seconds: int, seed: int) -> int:
    """Fuzz in a process of its own, so that no crash, hang or hunger is the end of this one."""
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed; add it with: pip install atheris", file=sys.stderr)
        return NO_ATHERIS
    with tempfile.TemporaryDirectory() as folder:
        inside = [sys.executable, __file__, str(path), "--inside", folder]
        inside += [f"--runs={runs}", f"--seconds={seconds}", f"--seed={seed}"]
        log = Path(folder) / "log"
        # Whoever measures coverage around this would trace every input; atheris does its own.
        env = {name: text for name, text in os.environ.items() if "COVERAGE" not in name}
        try:
            with log.open("wb") as told:
                status = subprocess.run(
                    inside,
                    timeout=seconds + GRACE_SECONDS,
                    env=env | {"PYTHONHASHSEED": "0"},
                    stderr=told,
                    check=False,
                ).returncode
        except subprocess.TimeoutExpired:
            status = None
        text = log.read_text(errors="replace")
        print(text, file=sys.stderr)
        found = sorted(Path(folder).glob("found-*"))
        # libFuzzer's last line, or atheris's: a target that ends the process says no such thing.
        done = re.search(r"^Done (\d+) (?:runs )?in ", text, re.MULTILINE)
        if status == 0 and done and not found:
            print(f"{path.stem}: nothing found in {done[1]} runs (seed {seed})")
            return CLEAN
        how = "did not stop" if status is None else f"ended early, with status {status}"
        print(f"{path.stem}: FAILED, the fuzzer {how} (seed {seed})")
        for artifact in found:
            data = artifact.read_bytes()
            print(f"input of {len(data)} bytes ({artifact.name.split('-')[1]}): {data.hex()}")
            print(f"again: python tests/fuzz/fuzz.py {path} --input '{data.hex()}'")
        return FOUND


def replay(path: Path, data: bytes) -> int:
    """Run one input, without atheris; what it raises goes through, with its traceback."""
    load(path).one_input(data)
    print(f"{path.stem}: the input of {len(data)} bytes passes")
    return CLEAN


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and do what it asks; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("target", help="fuzz_rtp, or the path of such a module")
    parser.add_argument("--seconds", type=int, default=60, help="at most (60)")
    parser.add_argument("--runs", type=int, default=0, help="at most (0: no bound but --seconds)")
    parser.add_argument("--seed", type=int, default=1, help="of the chance in it (1)")
    parser.add_argument(
        "--input", type=bytes.fromhex, metavar="HEX", help="run this one input instead"
    )
    parser.add_argument("--inside", metavar="FOLDER", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    path = target_path(asked.target)
    if not path.is_file():
        parser.error(f"there is no target {path}")
    if min(asked.seconds, asked.seed) < 1 or asked.runs < 0:
        parser.error("--seconds and --seed are 1 or more, --runs 0 or more")
    if asked.input is not None:
        return replay(path, asked.input)
    if asked.inside is not None:
        fuzz_inside(path, Path(asked.inside), asked.runs, asked.seconds, asked.seed)
        return CLEAN
    return fuzz(path, asked.runs, asked.seconds, asked.seed)


if __name__ == "__main__":
    sys.exit(main())
