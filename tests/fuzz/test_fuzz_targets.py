"""The fuzz targets find nothing in a bounded run, and the fuzzer finds what is planted."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fuzz

HERE = Path(__file__).resolve().parent
TARGETS = sorted(path.stem for path in HERE.glob("fuzz_*.py"))
RUNS = 20_000

needs_atheris = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris is not installed"
)

PLANTED = """
def one_input(data: bytes) -> None:
    # Byte after byte, so that coverage leads there: chance alone needs 16 million inputs.
    if data[:1] == b"R":
        if data[1:2] == b"T":
            if data[2:3] == b"P":
                {bug}
"""


def run_fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(HERE / "fuzz.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def plant(folder: Path, bug: str) -> str:
    path = folder / "fuzz_planted.py"
    path.write_text(PLANTED.format(bug=bug))
    return str(path)


def test_the_parsers_of_the_wire_are_targets() -> None:
    """Found by their names, so that a new one joins by being there."""
    assert {"fuzz_rtp", "fuzz_telephone_event"} <= set(TARGETS)


@needs_atheris
@pytest.mark.parametrize("target", TARGETS)
def test_a_bounded_run_finds_nothing(target: str) -> None:
    """Enough to get through all branches from the seeds; longer runs are for a person to start."""
    ran = run_fuzz(target, f"--runs={RUNS}", "--seconds=8")
    assert ran.returncode == fuzz.CLEAN, ran.stdout + ran.stderr[-4000:]
    assert "nothing found in" in ran.stdout
    assert "nothing found in 0 runs" not in ran.stdout


@needs_atheris
def test_a_run_may_be_bounded_by_time_alone() -> None:
    ran = run_fuzz("fuzz_rtp", "--seconds=1")
    assert ran.returncode == fuzz.CLEAN, ran.stdout + ran.stderr[-4000:]


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.binary(max_size=300))
def test_any_bytes_pass(target: str, data: bytes) -> None:
    """The same check without atheris, so that it runs everywhere."""
    load(target).one_input(data)


@pytest.mark.parametrize("target", TARGETS)
@given(choice=st.data())
def test_seeds_that_a_network_damaged_pass(target: str, choice: st.DataObject) -> None:
    """Nearly right is where parsers err: a byte changed, the end cut off, two joined."""
    seeds = load(target).seeds
    if not seeds:
        pytest.skip("the target has no seeds")
    data = bytearray(choice.draw(st.sampled_from(seeds)))
    for _ in range(choice.draw(st.integers(0, 4))):
        if data:
            data[choice.draw(st.integers(0, len(data) - 1))] = choice.draw(st.integers(0, 255))
    del data[choice.draw(st.integers(0, len(data))) :]
    data += choice.draw(st.sampled_from([b"", *seeds]))
    load(target).one_input(bytes(data))


@needs_atheris
@pytest.mark.parametrize("bug", ["raise RuntimeError('planted')", "bytes(1 << 40)", "exit(0)"])
def test_a_planted_bug_is_found_and_its_input_told(tmp_path: Path, bug: str) -> None:
    """An error, a claim that no memory holds, and an end as if all were well.

    A fuzzer that could not find these would prove nothing by finding nothing.
    """
    planted = plant(tmp_path, bug)
    ran = run_fuzz(planted, "--runs=200000", "--seconds=20")
    assert ran.returncode == fuzz.FOUND, ran.stdout + ran.stderr[-4000:]
    assert "FAILED" in ran.stdout
    assert "input of" in ran.stdout


@needs_atheris
def test_a_fuzzer_that_is_ended_early_did_not_find_nothing(tmp_path: Path) -> None:
    ran = run_fuzz(plant(tmp_path, "import os; os._exit(0)"), "--runs=200000", "--seconds=20")
    assert ran.returncode == fuzz.FOUND, ran.stdout + ran.stderr[-4000:]
    assert "ended early, with status 0" in ran.stdout


@needs_atheris
def test_the_input_that_is_told_fails_again(tmp_path: Path) -> None:
    planted = plant(tmp_path, "raise RuntimeError('planted')")
    ran = run_fuzz(planted, "--runs=200000", "--seconds=20")
    told = ran.stdout.rpartition("--input '")[2].partition("'")[0]
    assert bytes.fromhex(told).startswith(b"RTP")
    again = run_fuzz(planted, "--input", told)
    assert again.returncode != fuzz.CLEAN
    assert "RuntimeError: planted" in again.stderr


@needs_atheris
def test_the_same_seed_finds_the_same_input(tmp_path: Path) -> None:
    planted = plant(tmp_path, "raise RuntimeError('planted')")
    outputs = {run_fuzz(planted, "--runs=200000", "--seed=7").stdout for _ in range(2)}
    assert len(outputs) == 1


def test_an_input_that_is_fine_passes_without_atheris() -> None:
    ran = run_fuzz("fuzz_rtp", "--input", "80000000")
    assert ran.returncode == fuzz.CLEAN, ran.stderr
    assert "passes" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["fuzz_nothing"], "no target"),
        (["fuzz_rtp", "--seconds=0"], "1 or more"),
        (["fuzz_rtp", "--runs=-1"], "0 or more"),
        (["fuzz_rtp", "--input", "xyz"], "--input"),
        ([], "target"),
    ],
)
def test_a_mistaken_command_is_told_apart_from_a_finding(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        fuzz.main(arguments)
    assert ended.value.code == fuzz.USAGE
    assert problem in capsys.readouterr().err


def test_without_atheris_the_fuzzer_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "atheris", None)
    assert fuzz.main(["fuzz_rtp"]) == fuzz.NO_ATHERIS
    assert "pip install atheris" in capsys.readouterr().err


class Target:
    """A target's parts, loaded once: an import for each input would cost more than the input."""

    def __init__(self, name: str) -> None:
        module = fuzz.load(fuzz.target_path(name))
        self.one_input = module.one_input
        self.seeds = fuzz.seeds_of(module)


_loaded: dict[str, Target] = {}


def load(name: str) -> Target:
    if name not in _loaded:
        _loaded[name] = Target(name)
    return _loaded[name]
