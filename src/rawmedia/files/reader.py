"""Audio from any file that libsndfile reads, as int16 frames, a bounded piece at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from rawmedia.audio.format import DEFAULT_FRAME_MS, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.pcm import to_int16
from rawmedia.errors import ConfigurationError, StreamClosedError, UnreadableFileError
from rawmedia.files.regular import not_audio, open_regular
from rawmedia.files.sound import libsndfile
from rawmedia.files.source import GuardedSource
from rawmedia.files.truncation import find_ogg_problem, find_wav_data

if TYPE_CHECKING:
    import os
    from types import TracebackType

MAX_READ_SAMPLES = 65_536
"""The most samples per channel that one ``read`` gives, whatever it is asked for."""

_UNKNOWN_LENGTH = 2**63 - 1
"""SF_COUNT_MAX, which libsndfile gives for FLAC that was written to a pipe."""
_MP3_TOLERANCE = 0.1
"""Without a Xing header libsndfile guesses the length of an MP3 from its size."""


class AudioFileReader:
    """The audio of one file, from its start to its end.

    Samples of any kind are given as int16: integers of more bits are rounded, floats beyond
    full scale saturate. Memory is bounded by what one ``read`` asks for; what a header
    claims is never allocated. Used by one thread at a time; ``read`` goes to the disk, so
    an event loop calls it in a thread or for small pieces.

    Args:
        path: A file; not a pipe or a device, which could make the reader wait.

    Raises:
        UnreadableFileError: The file is missing, a folder, empty, not audio, or broken
            before any audio; ``problem`` says which.
        UnsupportedFormatError: Its rate or channels are outside `AudioFormat`'s range.
        MissingDependencyError: libsndfile is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._library = libsndfile()
        self._path = str(path)
        self._position = 0
        self._ended = self._closed = False
        self._failure: UnreadableFileError | None = None
        self._warning: str | None = None
        self._sound: Any = None
        self._raw = open_regular(self._path)
        try:
            self._source = GuardedSource(self._raw)
            self._check_ending()
            self._sound = self._open_sound()
            self._format = AudioFormat(self._sound.samplerate, self._sound.channels)
            self._claimed: int = self._sound.frames
            if self._claimed == 0:
                raise self._no_audio()
        except BaseException:
            self.close()
            raise

    @property
    def path(self) -> str:
        """Where the file is."""
        return self._path

    @property
    def format(self) -> AudioFormat:
        """What the frames are: the file's own rate and channels."""
        return self._format

    @property
    def container(self) -> str:
        """The file's format as libsndfile calls it, such as ``"WAV"``, ``"OGG"``, ``"MP3"``."""
        return str(self._sound.format)

    @property
    def encoding(self) -> str:
        """What is in it as libsndfile calls it, such as ``"PCM_16"``, ``"ULAW"``, ``"OPUS"``."""
        return str(self._sound.subtype)

    @property
    def duration_ms(self) -> float | None:
        """How long the file says it is, or None where it does not say.

        Good for a progress bar, and for nothing that must be right: the file may end earlier,
        and an MP3 without a Xing header is only estimated.
        """
        if self._claimed == _UNKNOWN_LENGTH:
            return None
        return self._format.duration_ms(self._claimed)

    @property
    def position(self) -> int:
        """Samples per channel that were read."""
        return self._position

    @property
    def truncated(self) -> bool:
        """Whether the file ends before it should; certain once ``read`` has given None."""
        return self._warning is not None

    @property
    def warning(self) -> str | None:
        """How the file was cut short or is broken, in words; None while nothing is known of it."""
        return self._warning

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def read(self, max_samples: int | None = None) -> AudioFrame | None:
        """The next piece of audio; its ``position`` counts samples since the file's start.

        Where the pieces are cut does not change the audio. A file that breaks off is read
        up to there, and ``warning`` says so.

        Args:
            max_samples: Samples per channel, at most; None for 20 ms. Fewer come before the
                end, and more than `MAX_READ_SAMPLES` never.

        Returns:
            A frame that is not empty, or None at the end and ever after.

        Raises:
            UnreadableFileError: The next sample is NaN or infinite, the disk could not be
                read, or the file holds no audio after all. All before it was delivered;
                later calls raise the same.
            StreamClosedError: The reader is closed.
        """
        if self._closed:
            raise StreamClosedError
        if max_samples is None:
            max_samples = self._format.samples(DEFAULT_FRAME_MS)
        if max_samples < 1:
            raise ConfigurationError("max_samples", f"must be at least 1, not {max_samples}")
        if self._failure is not None:
            raise self._failure
        if self._ended:
            return None
        # Asked for more than it claims, libsndfile decodes whatever follows the audio.
        left = self._claimed - self._position
        samples = self._finite(self._decode(min(max_samples, MAX_READ_SAMPLES, left)))
        if len(samples) == 0:
            self._end()
            return None
        frame = AudioFrame(to_int16(samples), self._format, self._position)
        self._position += len(samples)
        return frame

    def close(self) -> None:
        """Give the file back. Twice is harmless."""
        if not self._closed:
            self._closed = True
            try:
                if self._sound is not None:
                    self._sound.close()
            finally:
                self._raw.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> AudioFrame:
        frame = self.read()
        if frame is None:
            raise StopIteration
        return frame

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _check_ending(self) -> None:
        """Look for a cut that libsndfile does not tell, and undo a header that was never finished."""
        wav = find_wav_data(self._source)
        if wav is not None:
            self._warning = wav.problem
            if wav.never_finished:
                size = min(wav.present_bytes, 0xFFFF_FFFF)
                self._source.correct(wav.size_at, size.to_bytes(4, "little"))
        self._source.seek(0)
        if self._source.read(4) == b"OggS":
            self._warning = find_ogg_problem(self._source)
        self._source.seek(0)

    def _open_sound(self) -> Any:
        try:
            return self._library.open(self._source)
        except self._library.error as error:
            self._raise_if_disk_failed()
            self._source.seek(0)
            problem = not_audio(self._source.read(16), error)
            raise UnreadableFileError(self._path, problem) from error

    def _decode(self, wanted: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """At most ``wanted`` samples; fewer at the end or at a break, none when nothing is left."""
        # NaN marks what libsndfile did not fill, because with an error it gives no count.
        block = np.full((wanted, self._format.num_channels), np.nan)
        try:
            got = len(self._sound.read(out=block))
        except self._library.error as error:
            unfilled = np.isnan(block[:, 0])
            got = int(unfilled.argmax()) if unfilled.any() else wanted
            self._ended = True
            at_ms = self._format.duration_ms(self._position + got)
            self._warning = f"the file breaks off at {at_ms:.0f} ms: {error}"
        self._raise_if_disk_failed()
        return block[:got]

    def _finite(
        self, samples: np.ndarray[tuple[int, int], np.dtype[np.float64]]
    ) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """What comes before the first sample that is not a number; then that is the failure."""
        finite = np.isfinite(samples)
        if finite.all():
            return samples
        count = int(finite.all(axis=1).argmin())
        at_ms = self._format.duration_ms(self._position + count)
        bad = samples[count][~finite[count]][0]
        self._failure = UnreadableFileError(
            self._path, f"expected finite samples, got {bad:g} at {at_ms:.3f} ms"
        )
        if count == 0:
            raise self._failure
        return samples[:count]

    def _end(self) -> None:
        """Nothing is left: tell whether more should have come."""
        self._ended = True
        if self._position == 0:
            self._failure = self._no_audio()
            raise self._failure
        if self._warning is None:
            self._warning = self._shortfall()

    def _shortfall(self) -> str | None:
        mp3 = self.container == "MP3"
        tolerance = _MP3_TOLERANCE if mp3 else 0.0
        has_ms = self._format.duration_ms(self._position)
        claims_ms = self.duration_ms
        if claims_ms is not None and has_ms < claims_ms * (1 - tolerance):
            return f"expected {claims_ms:.0f} ms of audio, the file holds {has_ms:.0f} ms"
        if mp3 and self._source.tell() < self._source.size * (1 - tolerance):
            return (
                f"libsndfile took the MP3, which does not say its length, to end at {has_ms:.0f} ms "
                f"and read {self._source.tell()} of {self._source.size} bytes; "
                f"convert it to WAV or FLAC to have it all"
            )
        return None

    def _no_audio(self) -> UnreadableFileError:
        why = f" ({self._warning})" if self._warning else ""
        return UnreadableFileError(self._path, f"has a header and no audio after it{why}")

    def _raise_if_disk_failed(self) -> None:
        if self._source.error is not None:
            at_ms = self._position and self._format.duration_ms(self._position)
            self._failure = UnreadableFileError(
                self._path, f"cannot be read after {at_ms:.0f} ms: {self._source.error.strerror}"
            )
            raise self._failure from self._source.error


__all__ = ["MAX_READ_SAMPLES", "AudioFileReader"]
