"""Writers whose bytes libsndfile makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawmedia.errors import UnsupportedFormatError
from rawmedia.files.sound import libsndfile
from rawmedia.files.writer import AudioFileWriter

if TYPE_CHECKING:
    import os

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.audio.pcm import Int16Samples


class EncodedWriter(AudioFileWriter):
    """A writer that hands its samples to libsndfile, which hands bytes to the sink.

    Args:
        path: The file; one that exists is emptied.
        format: What the frames are.
        encoded: What libsndfile is given.
        container: libsndfile's name of the file's format.
        encoding: libsndfile's name of what is in it.
        compression_level: 0 to 1, from the best sound to the smallest file.

    Raises:
        FileWriteError: The file cannot be made.
        MissingDependencyError: libsndfile is not installed.
        UnsupportedFormatError: libsndfile does not write ``encoded`` like that.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        format: AudioFormat,
        *,
        encoded: AudioFormat,
        container: str,
        encoding: str,
        compression_level: float | None = None,
    ) -> None:
        library = libsndfile()
        super().__init__(path, format)
        # soundfile asserts that all was written, which a full disk makes untrue.
        self._errors = (library.error, AssertionError)
        try:
            self._sound = library.open(
                self._sink,
                "w",
                samplerate=encoded.sample_rate,
                channels=encoded.num_channels,
                format=container,
                subtype=encoding,
                compression_level=compression_level,
            )
        except library.error as error:
            self._sink.close()
            raise UnsupportedFormatError(
                f"what libsndfile {library.version} writes as {container} {encoding}", str(encoded)
            ) from error

    def _append(self, frame: AudioFrame) -> None:
        self._encode(frame.samples)

    def _encode(self, samples: Int16Samples) -> None:
        try:
            self._sound.write(np.ascontiguousarray(samples, dtype=np.int16))
        except self._errors as error:
            self._sink.fail(error)

    def _finish(self) -> None:
        try:
            self._sound.close()
        except self._errors as error:
            self._sink.fail(error)


__all__ = ["EncodedWriter"]
