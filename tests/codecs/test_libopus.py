"""Which libopus is taken, that it is tried first, and what is said when there is none."""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import shutil
import subprocess
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rawmedia.codecs import libopus
from rawmedia.errors import ConfigurationError, MissingDependencyError

NAMES = [
    "opus_get_version_string",
    "opus_strerror",
    "opus_encoder_create",
    "opus_encode",
    "opus_encode_float",
    "opus_encoder_ctl",
    "opus_encoder_destroy",
    "opus_decoder_create",
    "opus_decode",
    "opus_decoder_ctl",
    "opus_decoder_destroy",
]


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test finds the library anew."""
    monkeypatch.delenv(libopus.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(libopus, "_loaded", None)


@pytest.fixture(scope="module")
def working() -> str:
    """The file of a libopus that works."""
    path = libopus.search().path
    if not Path(path).is_file():
        pytest.skip(f"where {path} lies is not known")
    return path


class FakeAV:
    """A package called av that is found first, and must not be imported."""

    def __init__(self, folder: Path) -> None:
        self.package = folder / "av"
        self.package.mkdir()
        (self.package / "__init__.py").write_text("raise SystemExit('av was imported')")
        self.beside = folder / "av.libs"
        self.beside.mkdir()

    def bundle(self, name: str, target: str) -> Path:
        """Put a library where auditwheel puts it."""
        path = self.beside / name
        path.symlink_to(target)
        return path


@pytest.fixture
def fake_av(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAV:
    monkeypatch.delitem(sys.modules, "av", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    return FakeAV(tmp_path)


def compiled(folder: Path, bodies: dict[str, str]) -> str:
    """A library with all the names of libopus, each of which gives 0 unless its body is here."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    source = folder / "fake.c"
    source.write_text(
        "static int state;\n"
        + "\n".join(f"void *{name}(void) {{ {bodies.get(name, 'return 0;')} }}" for name in NAMES)
    )
    library = folder / "libfake.so"
    subprocess.run([compiler, "-w", "-shared", "-fPIC", "-o", library, source], check=True)
    return str(library)


A_VERSION = {"opus_get_version_string": 'return "libopus 9.9";'}
STATES = {"opus_encoder_create": "return &state;", "opus_decoder_create": "return &state;"}


# The order


def test_what_the_environment_names_comes_first(
    working: str, fake_av: FakeAV, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_av.bundle("libopus-1.so.0", working)
    named = tmp_path / "mine.so"
    named.symlink_to(working)
    monkeypatch.setenv(libopus.ENVIRONMENT_VARIABLE, str(named))
    assert libopus.search().path == str(named)


def test_an_empty_variable_names_nothing(
    working: str, fake_av: FakeAV, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = fake_av.bundle("libopus-1.so.0", working)
    monkeypatch.setenv(libopus.ENVIRONMENT_VARIABLE, "")
    assert libopus.search().path == str(bundled)


def test_the_one_in_the_wheel_of_av_comes_before_the_systems(working: str, fake_av: FakeAV) -> None:
    """It is newer than most systems' and encodes faster."""
    fake_av.bundle("libopusfile-1.so.0", working)
    bundled = fake_av.bundle("libopus-1.so.0", working)
    found = libopus.search()
    assert found.path == str(bundled)
    assert found.version[0].isdigit()
    assert "av" not in sys.modules


def test_one_that_does_not_serve_is_passed_over(
    working: str, fake_av: FakeAV, tmp_path: Path
) -> None:
    text = tmp_path / "text"
    text.write_text("no library")
    fake_av.bundle("libopus-1.so.0", str(text))
    fake_av.bundle("libopus-2.so.0", str(tmp_path / "nowhere"))
    good = fake_av.bundle("libopus-3.so.0", working)
    assert libopus.search().path == str(good)


@pytest.mark.skipif(sys.platform != "linux", reason="names of Linux")
def test_the_systems_own_comes_last(fake_av: FakeAV, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: "libopus.so.7")
    assert list(libopus.candidates()) == ["libopus.so.0", "libopus.so.7"]
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: "libopus.so.0")
    assert list(libopus.candidates()) == ["libopus.so.0"]
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: None)
    assert list(libopus.candidates()) == ["libopus.so.0"]


def test_wheels_of_macos_and_windows_are_looked_into(fake_av: FakeAV) -> None:
    """Where delocate and delvewheel put it; loading it is not tried here."""
    folder = fake_av.package / ".dylibs"
    folder.mkdir()
    mac, windows = folder / "libopus.0.dylib", fake_av.beside / "libopus-0-f00d.dll"
    mac.touch()
    windows.touch()
    assert list(libopus.candidates())[:2] == [str(mac), str(windows)]


def test_without_av_there_is_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whether av is absent or something that came from nowhere."""
    monkeypatch.setitem(sys.modules, "av", types.ModuleType("av"))  # its __spec__ is None
    assert not any("av.libs" in path for path in libopus.candidates())
    monkeypatch.delitem(sys.modules, "av")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    importlib.invalidate_caches()
    assert not any("av.libs" in path for path in libopus.candidates())


@pytest.mark.skipif(not shutil.which("ldconfig"), reason="no ldconfig to ask for the system's")
def test_the_systems_own_serves_where_it_is_installed(fake_av: FakeAV) -> None:
    if not ctypes.util.find_library("opus"):
        pytest.skip("no libopus in the system")
    assert libopus.search().path == "libopus.so.0"


# What does not serve


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "directory"),
        (lambda path: path.write_text("no library"), "invalid ELF|not a mach-o|too short"),
    ],
    ids=["missing", "a folder", "a text"],
)
@pytest.mark.skipif(sys.platform != "linux", reason="words of Linux's loader")
def test_a_bad_path_in_the_environment_is_an_error_that_names_it(
    make: object, problem: str, working: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other library steps in silently: who names one wants that one."""
    assert callable(make)
    path = tmp_path / "libopus.so"
    make(path)
    monkeypatch.setenv(libopus.ENVIRONMENT_VARIABLE, str(path))
    with pytest.raises(ConfigurationError, match=problem) as caught:
        libopus.load()
    assert caught.value.setting == "RAWMEDIA_LIBOPUS"
    assert str(caught.value).count(str(path)) == 1


@pytest.mark.parametrize(
    ("bodies", "problem"),
    [
        ({"opus_get_version_string": 'return "libspeex 1.2";'}, "calls itself 'libspeex 1.2'"),
        (A_VERSION | STATES, "960 samples comes back as 0"),
        (A_VERSION | STATES | {"opus_encode": "return (void *)-3L;"}, "comes back as -3"),
        (
            A_VERSION
            | STATES
            | {"opus_encode": "return (void *)60L;", "opus_decode": "return (void *)960L;"},
            "or as silence",
        ),
    ],
    ids=["another library", "no packets", "errors", "silence"],
)
def test_a_library_is_tried_before_it_is_taken(
    bodies: dict[str, str], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have the right names and be broken, or built for another processor."""
    monkeypatch.setenv(libopus.ENVIRONMENT_VARIABLE, compiled(tmp_path, bodies))
    with pytest.raises(ConfigurationError, match=problem):
        libopus.search()


def test_a_library_without_the_functions_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "NAMES", NAMES[:-1])
    monkeypatch.setenv(libopus.ENVIRONMENT_VARIABLE, compiled(tmp_path, A_VERSION))
    with pytest.raises(ConfigurationError, match="it has no opus_decoder_destroy"):
        libopus.search()


def test_no_memory_for_a_codec_is_a_memory_error() -> None:
    """A rate that libopus lacks is refused by the same NULL."""
    opus = libopus.load()
    with pytest.raises(MemoryError):
        opus.encoder_state(44_100, 1, 2_048)
    with pytest.raises(MemoryError):
        opus.decoder_state(44_100, 1)


# When there is none


def test_none_at_all_says_what_was_tried_and_how_to_add_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing, text = tmp_path / "libopus-1.so", tmp_path / "libopus-2.so"
    text.write_text("no library")
    monkeypatch.setattr(libopus, "candidates", lambda: iter([str(missing), str(text)]))
    with pytest.raises(MissingDependencyError) as caught:
        libopus.load()
    said = str(caught.value)
    for part in (
        "libopus is not installed",
        "pip install 'rawmedia[opus]'",
        "apt install libopus0",
    ):
        assert part in said
    assert said.count(str(missing)) == said.count(str(text)) == 1

    monkeypatch.setattr(libopus, "candidates", lambda: iter([]))
    with pytest.raises(MissingDependencyError, match="none to try"):
        libopus.load()


def test_a_library_that_was_installed_meanwhile_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure is not remembered; a success is."""
    with monkeypatch.context() as nothing:
        nothing.setattr(libopus, "candidates", lambda: iter([]))
        with pytest.raises(MissingDependencyError):
            libopus.load()
    loaded = libopus.load()
    monkeypatch.setattr(libopus, "candidates", lambda: iter([]))
    assert libopus.load() is loaded


def test_without_cffi_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cffi", None)
    with pytest.raises(MissingDependencyError, match=r"cffi .* pip install 'rawmedia\[opus\]'"):
        libopus.load()


# Loading


def test_all_threads_get_the_same_library_and_it_is_looked_for_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched: list[libopus.Libopus] = []
    search = libopus.search

    def counted() -> libopus.Libopus:
        searched.append(search())
        return searched[-1]

    monkeypatch.setattr(libopus, "search", counted)
    with ThreadPoolExecutor(8) as threads:
        loaded = list(threads.map(lambda _: libopus.load(), range(8)))
    assert len(searched) == 1
    assert all(each is searched[0] for each in loaded)


def test_loading_takes_neither_av_nor_a_library_before_it_is_needed() -> None:
    """av is 100 MB of FFmpeg, of which nothing is loaded but its libopus; both work side by side."""
    code = """
import sys
import rawmedia.codecs.opus
assert "cffi" not in sys.modules
import numpy as np
encoder = rawmedia.codecs.opus.OpusEncoder()
packet = encoder.encode(np.zeros(960, np.int16))
assert "cffi" in sys.modules
assert not any(name.split(".")[0] == "av" for name in sys.modules)
if {av}:
    import av
    context = av.CodecContext.create("libopus", "r")
    context.sample_rate = 48000
    (frame,) = context.decode(av.Packet(packet))
    assert frame.samples == 960
    rawmedia.codecs.opus.OpusDecoder().decode(packet)
"""
    has_av = importlib.util.find_spec("av") is not None
    environment = {k: v for k, v in os.environ.items() if k != libopus.ENVIRONMENT_VARIABLE}
    subprocess.run(
        [sys.executable, "-c", code.format(av=has_av)], check=True, timeout=60, env=environment
    )


def test_what_was_loaded_says_what_it_is_and_what_its_numbers_mean() -> None:
    opus = libopus.load()
    assert opus.version
    assert opus.path
    assert opus.strerror(-4) == "corrupted stream"
