"""Sound out of Ogg Opus bytes as they arrive, and sound into them: demuxer and codec joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.format import DEFAULT_FRAME_MS, WEBRTC
from rawmedia.audio.pcm import int16_samples, saturate
from rawmedia.codecs.ogg import OggOpusDemuxer
from rawmedia.codecs.ogg_items import OggGap, OggPacket, OggStreamStart
from rawmedia.codecs.ogg_muxer import OggOpusMuxer
from rawmedia.codecs.ogg_page import OpusHead
from rawmedia.codecs.opus import FRAME_DURATIONS_MS, OpusDecoder, OpusEncoder
from rawmedia.codecs.opus_packet import packet_samples
from rawmedia.errors import ConfigurationError, FormatMismatchError, PayloadError

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples, PCMBytes
    from rawmedia.codecs.ogg_items import OggCounts, OggItem
    from rawmedia.codecs.ogg_page import OpusTags

_CLOCK = 48_000
"""What Ogg Opus counts time in, whatever the audio's rate (RFC 7845, section 4)."""


class OggOpusDecoder:
    """Takes the bytes of Ogg Opus cut anywhere, gives the sound of each packet with its last byte.

    The pre-skip and what lies behind the end are cut away, the output gain is applied, and
    holes are filled: from the next packet, if that holds a copy, or with concealment. Chained
    streams follow each other without a seam, mono and stereo alike in ``format``.

    A stream of ``n`` samples at 48 kHz gives ``ceil(n * rate / 48000)``, so at 48 kHz and of
    whole milliseconds exactly as many as went in; sample ``k`` stands for the instant
    ``k / rate``, less up to one sample where the pre-skip is no whole number of them.

    Args:
        format: What it gives: 8, 12, 16, 24 or 48 kHz, mono or stereo.
        check_crc: As for `rawmedia.codecs.ogg.OggOpusDemuxer`: every page is awaited whole.
        max_gap_ms: How much of a hole is filled at most. Holes that follow each other closely share
            it: it is renewed by as much audio as is decoded, lest a few bytes that claim hours make
            hours of silence. 0 fills nothing.

    Raises:
        UnsupportedFormatError: The rate or the number of channels is not one of these.
        ConfigurationError: ``max_gap_ms`` is negative.
        MissingDependencyError: There is no libopus here.
    """

    __slots__ = (
        "_concealed",
        "_credit",
        "_decoder",
        "_demuxer",
        "_format",
        "_gain",
        "_given",
        "_heard",
        "_hole",
        "_max_gap",
        "_scale",
        "_skipped",
        "_tags",
        "_unfilled",
    )

    def __init__(
        self, format: AudioFormat = WEBRTC, *, check_crc: bool = False, max_gap_ms: float = 5_000
    ) -> None:
        if not max_gap_ms >= 0:
            raise ConfigurationError("max_gap_ms", f"0 or more, not {max_gap_ms}")
        self._decoder = OpusDecoder(format)
        self._demuxer = OggOpusDemuxer(check_crc=check_crc)
        self._format = format
        self._scale = _CLOCK // format.sample_rate
        self._max_gap = round(max_gap_ms * 48)
        self._concealed = 0
        self._unfilled = 0
        self._begin(OpusHead(), None)

    @property
    def format(self) -> AudioFormat:
        """What it gives."""
        return self._format

    @property
    def head(self) -> OpusHead | None:
        """The head of the stream that is being read; None before one and after its last page."""
        return self._demuxer.head

    @property
    def tags(self) -> OpusTags | None:
        """The comments of the latest stream; None before it and where they were lost."""
        return self._tags

    @property
    def counts(self) -> OggCounts:
        """What was passed over; it goes on changing."""
        return self._demuxer.counts

    @property
    def concealed_samples(self) -> int:
        """Samples per channel, at the rate of ``format``, that stand where audio was missing or broken."""
        return self._concealed

    @property
    def unfilled_samples(self) -> int:
        """Samples per channel, likewise, by which holes were longer than what was filled."""
        return self._unfilled // self._scale

    def push(self, data: PCMBytes) -> Int16Samples:
        """Take bytes, give the samples that they complete.

        Args:
            data: Any number of bytes. A packet of two bytes can be 120 ms, so let data that
                nobody vouches for in by pieces.

        Returns:
            Shape ``(n, num_channels)``; empty while a packet is incomplete.

        Raises:
            ContainerError: No stream has begun, and the bytes show that none is there (see
                `rawmedia.codecs.ogg.OggOpusDemuxer.push`). What follows is read.
            PayloadError: ``data`` is no contiguous buffer; nothing was taken.
        """
        sounds = [self._sound(item) for item in self._demuxer.push(data)]
        if len(sounds) == 1:
            return sounds[0]
        return np.concatenate(sounds) if sounds else self._nothing()

    def end(self) -> Int16Samples:
        """Say that no more bytes come; the next ones are the first of a new stream.

        Returns:
            The rest: a hole that no packet followed, or what lay behind the beginning of a page
            that never came whole; nearly always empty.

        Raises:
            ContainerError: No stream ever began.
        """
        sounds = [self._sound(item) for item in self._demuxer.end()]
        return np.concatenate([*sounds, self._filled(b"")])

    def reset(self) -> None:
        """Forget the stream, not the counts; the next bytes are the first of a new one."""
        self._demuxer.reset()
        self._begin(OpusHead(), None)

    def _begin(self, head: OpusHead, tags: OpusTags | None) -> None:
        self._decoder.reset()
        self._tags = tags
        self._gain = np.float32(10 ** (head.gain_db / 20)) if head.output_gain else None
        self._skipped = 0  # at 48 kHz, like `_heard`, `_hole` and `_credit`
        self._heard = 0
        self._given = 0  # at the decoder's rate
        self._hole = 0  # waits for the packet behind it, which may help to fill it
        self._credit = self._max_gap

    def _sound(self, item: OggItem) -> Int16Samples:
        """The samples that an item adds."""
        if isinstance(item, OggPacket):
            return self._packet(item)
        if isinstance(item, OggGap):
            self._hole += item.samples
        elif isinstance(item, OggStreamStart):
            rest = self._filled(b"")
            self._begin(item.head, item.tags)
            return rest
        return self._nothing()

    def _packet(self, packet: OggPacket) -> Int16Samples:
        before = self._filled(packet.data) if self._hole else None
        try:
            samples = self._decoder.decode(packet.data)
        except PayloadError:
            samples = self._decoder.conceal(packet.duration // self._scale)
            self._concealed += len(samples)
        self._credit = min(self._max_gap, self._credit + packet.duration)
        self._heard += packet.samples
        if packet.samples < packet.duration:
            skipped = self._skipped // self._scale
            self._skipped += packet.skip
            start = self._skipped // self._scale - skipped
            samples = samples[start : start + self._due()]
        self._given += len(samples)
        samples = self._amplified(samples)
        return samples if before is None else np.concatenate([before, samples])

    def _filled(self, next_packet: bytes) -> Int16Samples:
        """Audio for the hole, with the help of the packet behind it if there is one."""
        if not self._hole:
            return self._nothing()
        filled = min(self._hole, self._credit)
        self._unfilled += self._hole - filled
        self._credit -= filled
        self._hole = 0
        self._heard += filled
        due = self._due()
        try:
            samples = self._decoder.recover(next_packet, due)
        except PayloadError:
            samples = self._decoder.conceal(due)
        self._given += due
        self._concealed += due
        return self._amplified(samples)

    def _due(self) -> int:
        """How many samples have been heard, rounded up, and are not given yet."""
        return -(-self._heard // self._scale) - self._given

    def _amplified(self, samples: Int16Samples) -> Int16Samples:
        if self._gain is None:
            return samples
        return saturate(np.multiply(samples, self._gain, dtype=np.float32))

    def _nothing(self) -> Int16Samples:
        return np.empty((0, self._format.num_channels), np.int16)


class OggOpusEncoder:
    """Takes sound of any length, gives Ogg Opus that decodes to exactly as much.

    With the defaults each frame leaves as a page of its own as soon as it is full, so that who
    plays along waits for nothing but the frame. After `end` the next sound begins a chained
    stream.

    Args:
        format: What it takes: 8, 12, 16, 24 or 48 kHz, mono or stereo.
        encoder: The encoder to use, with its settings, for this and nothing else; by default
            one of ``format`` with the settings that it has by itself.
        frame_ms: How long a packet is: 2.5, 5, 10, 20, 40 or 60 ms.
        tags: As for `rawmedia.codecs.ogg.OggOpusMuxer`, and so are the other three.
        serial: As there.
        packets_per_page: As there. 50 make files as small as others' are, and pages of a second.
        max_page_ms: As there.

    Raises:
        UnsupportedFormatError: The rate or the number of channels is not one of these.
        FormatMismatchError: ``encoder`` takes something else than ``format``.
        ConfigurationError: A setting is out of range.
        MissingDependencyError: There is no libopus here.
    """

    __slots__ = (
        "_encoder",
        "_fill",
        "_format",
        "_frame",
        "_frames",
        "_lookahead",
        "_muxer",
        "_scale",
        "_toc",
    )

    def __init__(
        self,
        format: AudioFormat = WEBRTC,
        *,
        encoder: OpusEncoder | None = None,
        frame_ms: float = DEFAULT_FRAME_MS,
        tags: OpusTags | None = None,
        serial: int | None = None,
        packets_per_page: int = 1,
        max_page_ms: float = 1_000,
    ) -> None:
        if frame_ms not in FRAME_DURATIONS_MS:
            durations = ", ".join(f"{duration:g}" for duration in FRAME_DURATIONS_MS)
            raise ConfigurationError("frame_ms", f"one of {durations}, not {frame_ms}")
        self._encoder = encoder = encoder or OpusEncoder(format)
        if encoder.format != format:
            raise FormatMismatchError(format, encoder.format)
        self._format = format
        self._scale = _CLOCK // format.sample_rate
        self._frame = np.zeros((format.samples(frame_ms), format.num_channels), np.int16)
        self._lookahead = encoder.lookahead_samples
        head = OpusHead(format.num_channels, self._lookahead * self._scale, format.sample_rate)
        self._muxer = OggOpusMuxer(
            head,
            tags,
            serial=serial,
            packets_per_page=packets_per_page,
            max_page_ms=max_page_ms,
        )
        self._restart()

    def _restart(self) -> None:
        self._encoder.reset()
        self._fill = 0  # samples of the frame that is being filled
        self._toc = 0  # the first byte of the latest packet

    @property
    def format(self) -> AudioFormat:
        """What it takes."""
        return self._format

    @property
    def encoder(self) -> OpusEncoder:
        """The encoder, whose settings may be changed at any time.

        All but ``application``: "low_delay" has another lookahead than the header says. Give an
        encoder that has it from the start.
        """
        return self._encoder

    def begin(self) -> bytes:
        """The header pages, for sending them ahead of the first sound; empty once they are out."""
        return self._muxer.begin()

    def push(self, samples: Int16Samples) -> bytes:
        """Take sound, give the pages that it completes.

        Args:
            samples: int16, shape ``(n, num_channels)``, or ``(n,)`` for mono; of any length.

        Raises:
            PayloadError: Another type or shape; nothing was taken.
        """
        sound = int16_samples(samples, self._format.num_channels)
        size, frame = len(sound), len(self._frame)
        pages = []
        start = 0
        if self._fill:
            start = min(size, frame - self._fill)
            self._frame[self._fill : self._fill + start] = sound[:start]
            self._fill += start
            if self._fill < frame:
                return b""
            pages.append(self._muxer.push(self._packet(self._frame)))
        end = size - (size - start) % frame
        cuts = range(start, end, frame)
        pages += [self._muxer.push(self._packet(sound[at : at + frame])) for at in cuts]
        self._fill = size - end
        self._frame[: self._fill] = sound[end:]
        return pages[0] if len(pages) == 1 else b"".join(pages)

    def flush(self) -> bytes:
        """The page of the packets that have gathered, for sending it early; no sound is padded."""
        return self._muxer.flush()

    def end(self) -> bytes:
        """End the stream: give the rest, padded with what is trimmed again after decoding."""
        frame = len(self._frame)
        # The encoder's lookahead has to be pushed through for the last sample to come out.
        due = self._fill + self._lookahead
        self._frame[self._fill :] = 0
        pages = []
        while due > frame:
            pages.append(self._muxer.push(self._packet(self._frame)))
            self._frame[:] = 0
            due -= frame
        last = self._packet(self._frame)
        pages.append(self._muxer.end(last, trim_samples=(frame - due) * self._scale))
        self._restart()
        return b"".join(pages)

    def _packet(self, frame: Int16Samples) -> bytes:
        packet = self._encoder.encode(frame)
        if packet:
            self._toc = packet[0]
            return packet
        # A stream in Ogg leaves no packet out. One of frames without bytes, of the kind that the
        # latest had, asks the decoder to fill in (RFC 7845, section 4.1).
        one_frame = packet_samples(bytes((self._toc & ~3,)))
        return bytes((self._toc | 3, len(frame) * self._scale // one_frame))


__all__ = ["OggOpusDecoder", "OggOpusEncoder"]
