"""The pytest plugin: fixtures for tests of calls, and what a failed comparison of audio leaves behind.

Nothing of the library is loaded before a fixture is used.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.testing.azure_emulator import AzureSpeechEmulator
    from rawmedia.testing.calls import FakeCall
    from rawmedia.testing.clock import VirtualClock
    from rawmedia.testing.network import LossyLink, Preset
    from rawmedia.testing.party import FakeParty

_SEED = "rawmedia_seed"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say where failures are kept, and where recordings are."""
    keep = "folder for the audio and the pictures of failed comparisons; else the test's tmp_path"
    parser.getgroup("rawmedia").addoption("--rawmedia-keep", metavar="FOLDER", help=keep)
    parser.addini("rawmedia_keep", keep)
    parser.addini("rawmedia_audio", "folder of recorded_audio's files; else that of the test")


def pytest_configure(config: pytest.Config) -> None:
    """Name the markers."""
    for line in (
        "rawmedia_seed(number): what lossy_link begins to count its seeds at",
        "rawmedia_seeds(count): run the test with so many seeds of lossy_link",
    ):
        config.addinivalue_line("markers", line)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that is marked so once for each seed."""
    marker = metafunc.definition.get_closest_marker("rawmedia_seeds")
    if marker is not None and _SEED in metafunc.fixturenames:
        metafunc.parametrize(_SEED, [1_000 * number for number in range(1, marker.args[0] + 1)])


@pytest.fixture
def virtual_clock() -> VirtualClock:
    """A clock whose ``run`` gives a coroutine an event loop in virtual time."""
    from rawmedia.testing.clock import VirtualClock

    return VirtualClock()


@pytest.fixture
def fake_call(virtual_clock: VirtualClock) -> Callable[..., FakeCall]:
    """Makes a `FakeCall` of parties, on ``virtual_clock`` unless another ``clock`` is given."""

    def make(*parties: FakeParty, **options: Any) -> FakeCall:
        from rawmedia.testing.calls import FakeCall

        return FakeCall(parties, **{"clock": virtual_clock, **options})

    return make


@pytest.fixture
def rawmedia_seed(request: pytest.FixtureRequest) -> int:
    """The first seed of ``lossy_link``: the marker's, or one that follows from the test's name."""
    from zlib import crc32

    marker = request.node.get_closest_marker(_SEED)
    number: int = marker.args[0] if marker else crc32(request.node.nodeid.encode()) % 100_000
    return number


@pytest.fixture
def lossy_link(request: pytest.FixtureRequest, rawmedia_seed: int) -> Callable[..., LossyLink[Any]]:
    """Makes a `LossyLink`, each with the next seed: of a preset's name, or of settings."""
    made = 0

    def make(preset: Preset | None = None, **settings: Any) -> LossyLink[Any]:
        from rawmedia.testing.network import LossyLink

        nonlocal made
        seed, made = rawmedia_seed + made, made + 1
        request.node.user_properties.append((_SEED, seed))
        return LossyLink.preset(preset, seed) if preset else LossyLink(seed, **settings)

    return make


@pytest.fixture
def azure_speech() -> Callable[..., AzureSpeechEmulator]:
    """Makes an `AzureSpeechEmulator`, to be opened with ``async with``; skips where it can't listen."""
    pytest.importorskip("websockets", reason="rawmedia[emulator] is not installed")
    from rawmedia.testing.azure_emulator import AzureSpeechEmulator

    return AzureSpeechEmulator


@pytest.fixture
def recorded_audio(
    request: pytest.FixtureRequest,
) -> Callable[..., AudioFrame]:
    """Reads an audio file whole: a path from the folder ``rawmedia_audio``, or from the test's own."""

    def read(path: str | os.PathLike[str], format: AudioFormat | None = None) -> AudioFrame:
        from rawmedia.audio.frame import AudioFrame
        from rawmedia.files import AudioFileReader
        from rawmedia.testing.legs import converted

        configured = request.config.getini("rawmedia_audio")
        folder = request.config.rootpath / configured if configured else request.path.parent
        with AudioFileReader(folder / path) as reader:
            wanted = format or reader.format
        return AudioFrame(converted(folder / path, wanted), wanted)

    return read


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[None]:  # what pluggy hands on is the report
    """Keep what a failed comparison was of, and say where, and with which seeds."""
    report: Any = yield
    if call.excinfo is not None and report.failed:
        lines = [f"kept {path}" for path in _kept(item, call.excinfo.value)]
        seeds = [str(value) for name, value in item.user_properties if name == _SEED]
        if seeds:
            lines.append(f"lossy links had the seeds {', '.join(seeds)}")
        if lines:
            report.sections.append(("rawmedia", "\n".join(lines)))
    return report  # type: ignore[no-any-return]


def _kept(item: pytest.Item, error: BaseException) -> list[Path | str]:
    if "rawmedia.testing.compare" not in sys.modules:  # so nothing was compared
        return []
    from rawmedia.testing.failed_comparison import keep_failed_comparisons

    try:
        return [*keep_failed_comparisons(error, _folder(item))]
    except OSError as problem:
        return [f"nothing: {problem}"]


def _folder(item: pytest.Item) -> Path:
    """Where failures of this test are kept; made only if there is something to keep."""
    configured = item.config.getoption("--rawmedia-keep") or item.config.getini("rawmedia_keep")
    if configured:
        folder: Path = item.config.rootpath / configured
        return folder / re.sub(r"[^\w.-]+", "-", item.nodeid).strip("-")
    own: dict[str, Any] = getattr(item, "funcargs", {})
    if "tmp_path" in own:
        own_folder: Path = own["tmp_path"]
        return own_folder
    from pathlib import Path
    from tempfile import gettempdir
    from zlib import crc32

    # The same one at every run, so that there are no more of them than there are tests.
    name = f"{item.name[:60]}-{crc32(str(item.config.rootpath / item.nodeid).encode()):08x}"
    return Path(gettempdir()) / "rawmedia-failures" / re.sub(r"[^\w.-]+", "-", name)


__all__ = [
    "azure_speech",
    "fake_call",
    "lossy_link",
    "pytest_addoption",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_runtest_makereport",
    "rawmedia_seed",
    "recorded_audio",
    "virtual_clock",
]
