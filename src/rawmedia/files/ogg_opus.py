"""Ogg Opus files that lose little when the process dies, and in which silence costs nearly nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.pcm import from_bytes
from rawmedia.codecs.ogg_opus import OggOpusEncoder
from rawmedia.files.opus import opus_format
from rawmedia.files.writer import AudioFileWriter

if TYPE_CHECKING:
    import os

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.audio.pcm import Int16Samples

PACKETS_PER_PAGE = 15
"""300 ms: what a killed process loses, for 2 bytes more a packet than with pages of a second."""

# A CELT frame of 20 ms and full band whose first coded bit, the silence flag, is set (RFC 6716,
# sections 3.1 and 4.3): any decoder makes zeros of it, of any number of channels.
_SILENT_PACKET = b"\xf8\xff\xfe"
_SETTLE_MS = 100
"""How much silence is encoded, lest the end of a word is cut; more than the encoder's lookahead."""


class SilentOggOpusEncoder(OggOpusEncoder):
    """An encoder that knows of silence: after 100 ms of it, packets need no encoding.

    libopus takes 0.1 to 0.2 ms for a frame of zeros, as for any other; this takes some
    microseconds, and 4 bytes in place of some 40.
    """

    __slots__ = ("_fresh", "_quiet", "_settle", "_zeros")

    def __init__(self, format: AudioFormat) -> None:
        super().__init__(format, packets_per_page=PACKETS_PER_PAGE)
        self._zeros = np.zeros_like(self._frame)
        self._settle = format.samples(_SETTLE_MS)
        self._quiet = 0  # samples of silence since the last sound
        self._fresh = True  # the encoder remembers nothing

    @property
    def has_packets(self) -> bool:
        """Whether there has been a packet."""
        return self._muxer.granule > 0

    def push(self, samples: Int16Samples) -> bytes:
        """Take sound, give the pages that it completes; as the encoder does."""
        self._quiet, self._fresh = 0, False
        return super().push(samples)

    def push_silence(self, samples: int) -> bytes:
        """Take silence, give the pages that it completes."""
        pages = []
        frame = len(self._frame)
        # From here on the frame that is being filled is of zeros alone.
        settled = self._settle + frame
        while samples and self._quiet < settled:
            piece = min(samples, frame, settled - self._quiet)
            pages.append(super().push(self._zeros[:piece]))
            self._fresh = False
            self._quiet += piece
            samples -= piece
        packets, self._fill = divmod(self._fill + samples, frame)
        self._quiet += samples
        if samples:
            self._frame[: self._fill] = 0
        pages += [self._muxer.push(_SILENT_PACKET) for _ in range(packets)]
        if packets and not self._fresh:
            # A decoder forgets what it knew when the kind of coding changes; so must this end.
            self._encoder.reset()
            self._fresh = True
        return b"".join(pages)


class OggOpusWriter(AudioFileWriter):
    """Opus for voice over libopus, about 24 kbit/s a channel, in pages of 300 ms.

    A killed process loses the page in hand: at most 330 ms. A file of ``n`` samples decodes
    to just as many; rates that Opus does not take are converted.

    Raises:
        FileWriteError: The file cannot be made.
        UnsupportedFormatError: The rate cannot be converted, or there are more than two
            channels; no file was made.
        MissingDependencyError: There is no libopus here.
    """

    def __init__(self, path: str | os.PathLike[str], format: AudioFormat) -> None:
        encoded = opus_format(format)
        self._converter = FormatConverter(format, encoded)
        self._encoder = SilentOggOpusEncoder(encoded)
        super().__init__(path, format)
        self._begun = False

    def _append(self, frame: AudioFrame) -> None:
        self._encode(self._converter.push(frame))

    def _append_silence(self, samples: int) -> None:
        if self._converter.source == self._converter.target:
            self._put(self._encoder.push_silence(samples))
        else:
            super()._append_silence(samples)

    def _finish(self) -> None:
        self._encode(self._converter.flush())
        self._put(self._encoder.end())

    def _encode(self, data: bytes) -> None:
        if data:
            self._put(self._encoder.push(from_bytes(data, self._format.num_channels)))

    def _put(self, pages: bytes) -> None:
        if not self._begun and self._encoder.has_packets:
            # The first packet has a page of its own, in one write with the header: libsndfile
            # takes a file without audio for a broken one.
            pages += self._encoder.flush()
            self._begun = True
        if pages:
            self._sink.write(pages)


__all__ = ["PACKETS_PER_PAGE", "OggOpusWriter", "SilentOggOpusEncoder"]
