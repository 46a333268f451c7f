"""The pytest plugin, as a stranger's tests meet it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rawmedia.files import open_writer
from rawmedia.testing import pytest_plugin
from rawmedia.testing.signals import speech_like

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]

ARGS = ("-p", pytest_plugin.__name__, "-p", "no:asyncio", "-q")


@pytest.fixture
def run(pytester: pytest.Pytester) -> object:
    def run_tests(source: str, *args: str) -> pytest.RunResult:
        pytester.makepyfile(source)
        return pytester.runpytest_inprocess(*ARGS, "--strict-markers", *args)

    return run_tests


if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., pytest.RunResult]


FAILING = """
from rawmedia.testing.compare import assert_same_audio
from rawmedia.testing.signals import tone

def test_differs(tmp_path):
    assert_same_audio(tone(100), tone(50), snr_db=20)
"""


@pytest.mark.parametrize("conftest", ["", 'pytest_plugins = ["rawmedia.testing.pytest_plugin"]'])
def test_installed_it_is_there_whether_or_not_a_conftest_names_it(
    tmp_path: Path, conftest: str
) -> None:
    """A plugin that an entry point brings under one name can't be asked for by another."""
    (tmp_path / "conftest.py").write_text(conftest, "utf-8")
    (tmp_path / "test_clock.py").write_text(
        "from rawmedia.testing import VirtualClock\n"
        "def test_clock(virtual_clock):\n"
        "    assert isinstance(virtual_clock, VirtualClock)\n",
        "utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:asyncio", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_nothing_is_loaded_before_a_fixture_is_used(tmp_path: Path) -> None:
    """Whoever has the library installed pays for the plugin in every run of any tests."""
    (tmp_path / "test_modules.py").write_text(
        "import sys\n"
        "def test_modules():\n"
        "    ours = {name for name in sys.modules if name.startswith('rawmedia')}\n"
        "    assert ours == {'rawmedia', 'rawmedia.lazy', 'rawmedia.testing',\n"
        "                    'rawmedia.testing.pytest_plugin'}, ours\n"
        "    for name in ('numpy', 'pydantic', 'soundfile', 'hypothesis', 'asyncio'):\n"
        "        assert name not in sys.modules, name\n"
        "def test_fails():\n"
        "    assert False\n"
        "def test_clock(virtual_clock):\n"
        "    assert 'rawmedia.testing.clock' in sys.modules\n",
        "utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *ARGS, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COVERAGE_PROCESS_CONFIG": ""},
        cwd=tmp_path,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert "1 failed" in done.stdout


def test_a_call_is_made_of_the_fixtures_alone(run: Run) -> None:
    result = run(
        """
        import math
        from rawmedia.testing.compare import assert_same_audio
        from rawmedia.testing.party import FakeParty, Says
        from rawmedia.testing.signals import joined, tone

        def test_call(fake_call, virtual_clock, lossy_link):
            call = fake_call(FakeParty("ana", Says(0, tone(60)), uplink=lossy_link(delay_ms=40)))

            async def main():
                async with call:
                    return [frame async for frame in call.legs["ana"].inbound]

            assert_same_audio(tone(60), joined(virtual_clock.run(main())), snr_db=math.inf)
            assert call.clock is virtual_clock

        def test_another_clock(fake_call):
            from rawmedia.testing.clock import ScaledClock
            clock = ScaledClock(2)
            assert fake_call(clock=clock, layout="mixed").leg.clock is clock
        """
    )
    result.assert_outcomes(passed=2)


def test_a_failed_comparison_leaves_its_audio_in_the_tests_own_folder(
    run: Run, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    result = run(FAILING, f"--basetemp={base}")
    result.assert_outcomes(failed=1)
    kept = sorted(path.name for path in base.glob("test_differs0/*"))
    assert kept == ["audio-1-expected.wav", "audio-1-got.wav", "audio-1.png"]
    result.stdout.fnmatch_lines(["*- rawmedia -*", f"kept {base}/test_differs0/audio-1.png"])


@pytest.mark.parametrize("way", ["option", "ini"])
def test_a_folder_may_be_configured_and_each_test_has_its_own_in_it(
    run: Run, pytester: pytest.Pytester, way: str
) -> None:
    """What a CI job uploads is one folder."""
    if way == "ini":
        pytester.makeini("[pytest]\nrawmedia_keep = kept\n")
    run(FAILING, *(["--rawmedia-keep=kept"] if way == "option" else []))
    (folder,) = (pytester.path / "kept").iterdir()
    assert folder.name.endswith(".py-test_differs")
    assert len(list(folder.iterdir())) == 3


def test_a_test_without_a_folder_gets_one_and_the_same_one_at_the_next_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    source = FAILING.replace("tmp_path", "")
    run(source)
    run(source)
    (folder,) = (tmp_path / "rawmedia-failures").iterdir()
    assert len(list(folder.iterdir())) == 3


def test_what_cannot_be_kept_is_told_and_the_failure_stays_what_it_was(
    run: Run, pytester: pytest.Pytester
) -> None:
    (pytester.path / "kept").write_text("a file, not a folder", "utf-8")
    result = run(FAILING, "--rawmedia-keep=kept")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*audio differs*", "kept nothing: *"])


def test_other_failures_leave_nothing(run: Run, tmp_path: Path) -> None:
    base = tmp_path / "base"
    result = run(
        """
        import rawmedia.testing.compare

        def test_other(tmp_path):
            assert False

        def test_skipped(tmp_path):
            import pytest
            pytest.skip("not today")
        """,
        f"--basetemp={base}",
    )
    result.assert_outcomes(failed=1, skipped=1)
    assert not list(base.glob("test_other0/*"))
    result.stdout.no_fnmatch_line("*rawmedia -*")


def test_nothing_is_kept_where_nothing_can_have_been_compared(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """The modules that draw are not loaded for it."""
    monkeypatch.delitem(sys.modules, "rawmedia.testing.compare", raising=False)
    assert pytest_plugin._kept(request.node, ValueError()) == []


def test_links_have_seeds_that_follow_from_the_test_and_are_told_when_it_fails(run: Run) -> None:
    """A failure that depends on luck must be told with its luck."""
    source = """
        import pytest
        from rawmedia.testing.network import LossyLink

        def fate(link):
            return link.transmit([(at * 20.0, at) for at in range(50)])

        def test_own(lossy_link):
            one, other = lossy_link(loss=0.3), lossy_link("congested_4g")
            pytest.fail(repr(fate(one)[:3]))

        @pytest.mark.rawmedia_seed(77)
        def test_marked(lossy_link, rawmedia_seed):
            assert rawmedia_seed == 77
            assert fate(lossy_link(loss=0.3)) == fate(LossyLink(77, loss=0.3))
            assert fate(lossy_link("good_wifi")) == fate(LossyLink.preset("good_wifi", 78))
    """
    results = [run(source) for _ in range(2)]
    for result in results:
        result.assert_outcomes(passed=1, failed=1)
    told = [
        [line for line in result.outlines if "had the seeds" in line or "Failed:" in line]
        for result in results
    ]
    assert told[0] == told[1]
    (seeds,) = (line for line in told[0] if "had the seeds" in line)
    first, second = map(int, seeds.split("seeds ")[1].split(", "))
    assert second == first + 1


def test_a_test_may_be_run_with_several_seeds(run: Run) -> None:
    result = run(
        """
        import pytest

        seen = set()

        @pytest.mark.rawmedia_seeds(3)
        def test_seeds(lossy_link, rawmedia_seed):
            seen.add(rawmedia_seed)

        @pytest.mark.rawmedia_seeds(3)
        def test_no_luck_in_it():
            assert len(seen) == 3
        """
    )
    result.assert_outcomes(passed=4)


def test_recordings_are_read_from_beside_the_test_or_from_a_folder(
    run: Run, pytester: pytest.Pytester
) -> None:
    said = speech_like(200, seed=1)
    (pytester.path / "recordings").mkdir()
    for path in (pytester.path / "hello.wav", pytester.path / "recordings" / "there.wav"):
        with open_writer(path, said.format) as writer:
            writer.write(said)
    source = """
        from rawmedia.audio.format import TELEPHONY
        from rawmedia.testing.compare import assert_same_audio
        from rawmedia.testing.signals import speech_like

        def test_beside(recorded_audio):
            assert recorded_audio("NAME") == speech_like(200, seed=1)
            lower = recorded_audio("NAME", TELEPHONY)
            assert_same_audio(speech_like(200, seed=1, format=TELEPHONY), lower, snr_db=30)
    """
    run(source.replace("NAME", "hello.wav")).assert_outcomes(passed=1)
    pytester.makeini("[pytest]\nrawmedia_audio = recordings\n")
    run(source.replace("NAME", "there.wav")).assert_outcomes(passed=1)


def test_the_azure_emulator_is_there_where_it_can_listen(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("websockets")
    source = """
        import asyncio
        from rawmedia.testing.azure_emulator import EmulatedUtterance

        def test_emulator(azure_speech):
            script = [EmulatedUtterance(source_text="hello", start_ms=200, end_ms=900)]

            async def main():
                async with azure_speech(script) as emulator:
                    assert emulator.port > 0

            asyncio.run(main())
    """
    run(source).assert_outcomes(passed=1)
    monkeypatch.setitem(sys.modules, "websockets", None)
    result = run(source)
    result.assert_outcomes(skipped=1)
