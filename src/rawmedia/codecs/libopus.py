"""The libopus that is found on this machine, called through cffi: looked for once, tried, kept."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rawmedia.errors import ConfigurationError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator

ENVIRONMENT_VARIABLE: Final = "RAWMEDIA_LIBOPUS"
"""When set, the path of the library to use, and of no other."""

_NEEDED_FOR: Final = "the Opus codec"
_COMMAND: Final = (
    "pip install 'rawmedia[opus]', or the system's own: apt install libopus0, brew install opus"
)

# Of opus.h, libopus 1.3. Packets are plain `char`, of the same size and place in a call as
# `unsigned char`, because cffi turns that, and no other type, into bytes and back.
_DECLARATIONS: Final = """
typedef struct OpusEncoder OpusEncoder;
typedef struct OpusDecoder OpusDecoder;
const char *opus_get_version_string(void);
const char *opus_strerror(int error);
OpusEncoder *opus_encoder_create(int32_t rate, int channels, int application, int *error);
int32_t opus_encode(OpusEncoder *, const int16_t *pcm, int frame, char *out, int32_t room);
int32_t opus_encode_float(OpusEncoder *, const float *pcm, int frame, char *out, int32_t room);
int opus_encoder_ctl(OpusEncoder *, int request, ...);
void opus_encoder_destroy(OpusEncoder *);
OpusDecoder *opus_decoder_create(int32_t rate, int channels, int *error);
int opus_decode(OpusDecoder *, const char *in, int32_t size, int16_t *pcm, int room, int fec);
int opus_decoder_ctl(OpusDecoder *, int request, ...);
void opus_decoder_destroy(OpusDecoder *);
"""

# Of opus_defines.h.
APPLICATIONS: Final = {"voip": 2048, "audio": 2049, "low_delay": 2051}
RESET_STATE: Final = 4028
GET_LOOKAHEAD: Final = 4027


class _UnusableError(Exception):
    """Why a library does not serve."""


@dataclass(frozen=True, slots=True)
class Libopus:
    """A library that has encoded and decoded a frame here."""

    path: str
    """Its file, or the name by which the system's loader found it."""
    version: str
    """As it says itself: "1.6.1", "1.3.1-fixed"."""
    ffi: Any
    """Makes and reads C values for it: a ``cffi.FFI``, whose types know less than it does."""
    lib: Any
    """Its functions, by their C names; they let other threads run meanwhile."""

    def strerror(self, code: int) -> str:
        """What a negative result means, in its words."""
        return _text(self.ffi, self.lib.opus_strerror(code))

    def encoder_state(self, sample_rate: int, num_channels: int, application: int) -> Any:
        """A new ``OpusEncoder *`` for arguments known to be good; freed with its last reference."""
        state = self.lib.opus_encoder_create(sample_rate, num_channels, application, self.ffi.NULL)
        return self._owned(state, self.lib.opus_encoder_destroy)

    def decoder_state(self, sample_rate: int, num_channels: int) -> Any:
        """A new ``OpusDecoder *``, likewise."""
        state = self.lib.opus_decoder_create(sample_rate, num_channels, self.ffi.NULL)
        return self._owned(state, self.lib.opus_decoder_destroy)

    def _owned(self, state: Any, destroy: Any) -> Any:
        if state == self.ffi.NULL:
            raise MemoryError("libopus has no memory for another codec")
        return self.ffi.gc(state, destroy)


_lock = threading.Lock()
_loaded: Libopus | None = None


def load() -> Libopus:
    """The library, the same one for the whole life of the process.

    The first call looks for it, as `search` does; any thread may make it.

    Raises:
        MissingDependencyError: None was found; the next call looks again.
        ConfigurationError: As `search`.
    """
    global _loaded
    with _lock:
        if _loaded is None:
            _loaded = search()
        return _loaded


def search() -> Libopus:
    """Look for a library and try it; the first that serves is it.

    Looked at in this order: the path in the environment variable ``RAWMEDIA_LIBOPUS``; the
    one that PyAV's wheel brings along (``av`` itself is not imported); the system's.

    Raises:
        ConfigurationError: ``RAWMEDIA_LIBOPUS`` names what is no libopus; nothing else is tried.
        MissingDependencyError: None serves, or cffi is not installed; the text says what was
            tried, and how to add one.
    """
    try:
        import cffi
    except ImportError:
        raise MissingDependencyError("cffi", _NEEDED_FOR, "pip install 'rawmedia[opus]'") from None
    ffi = cffi.FFI()
    ffi.cdef(_DECLARATIONS)
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        try:
            return _opened(ffi, named)
        except _UnusableError as error:
            raise ConfigurationError(ENVIRONMENT_VARIABLE, f"{named}: {error}") from None
    tried = []
    for path in candidates():
        try:
            return _opened(ffi, path)
        except _UnusableError as error:
            tried.append(f"{path}: {error}")
    looked_at = "; ".join(tried) or "nothing, there was none to try"
    raise MissingDependencyError("libopus", _NEEDED_FOR, f"{_COMMAND} (tried: {looked_at})")


def candidates() -> Iterator[str]:
    """What to try where the environment names none, best first; not everything need exist."""
    yield from _in_wheel_of_av()
    yield from _SYSTEM.get(sys.platform, ())
    # Last, because it may start a compiler to find out.
    found = ctypes.util.find_library("opus")
    if found and found not in _SYSTEM.get(sys.platform, ()):
        yield found


_SYSTEM: Final = {
    "linux": ("libopus.so.0",),
    "darwin": ("/opt/homebrew/lib/libopus.0.dylib", "/usr/local/lib/libopus.0.dylib"),
}


def _in_wheel_of_av() -> Iterator[str]:
    """Where the tools that repair wheels put it: auditwheel, delocate, delvewheel."""
    try:
        spec = importlib.util.find_spec("av")
    except ValueError:  # something called av that came from nowhere
        return
    for package in (spec and spec.submodule_search_locations) or ():
        beside = Path(package).parent / "av.libs"
        for folder, pattern in (
            (beside, "libopus-*.so*"),
            (Path(package) / ".dylibs", "libopus*.dylib"),
            (beside, "libopus*.dll"),
        ):
            yield from map(str, sorted(folder.glob(pattern)))


def _opened(ffi: Any, path: str) -> Libopus:
    """Load one file and see whether it is a libopus that works."""
    try:
        # Not by cffi, which goes on to look for another name, and which unloads a library
        # with its last reference, while states are yet to be freed at the end of the process.
        handle = ctypes.CDLL(path)._handle
    except OSError as error:
        raise _UnusableError(str(error).removeprefix(f"{path}: ")) from None
    lib = ffi.dlopen(ffi.cast("void *", handle))
    for name in dir(lib):
        if not hasattr(lib, name):
            raise _UnusableError(f"it has no {name}")
    said = _text(ffi, lib.opus_get_version_string())
    if not said.startswith("libopus "):
        raise _UnusableError(f"it calls itself {said!r}")
    opus = Libopus(path, said.removeprefix("libopus "), ffi, lib)
    _try(opus)
    return opus


def _try(opus: Libopus) -> None:
    """Encode and decode 20 ms: a name and a version alone do not make a codec."""
    ffi, lib = opus.ffi, opus.lib
    encoder = opus.encoder_state(48_000, 1, APPLICATIONS["voip"])
    decoder = opus.decoder_state(48_000, 1)
    square, packet, samples = (
        ffi.new("int16_t[960]"),
        ffi.new("char[1500]"),
        ffi.new("int16_t[960]"),
    )
    for instant in range(960):
        square[instant] = 5_000 if instant // 60 % 2 else -5_000
    size = lib.opus_encode(encoder, square, 960, packet, 1500)
    count = lib.opus_decode(decoder, packet, size, samples, 960, 0) if size > 0 else size
    if count != 960 or not any(samples):
        raise _UnusableError(f"a frame of 960 samples comes back as {count}, or as silence")


def _text(ffi: Any, string: Any) -> str:
    said: bytes = ffi.string(string)
    return said.decode("utf-8", "replace")


__all__ = [
    "APPLICATIONS",
    "ENVIRONMENT_VARIABLE",
    "GET_LOOKAHEAD",
    "RESET_STATE",
    "Libopus",
    "candidates",
    "load",
    "search",
]
