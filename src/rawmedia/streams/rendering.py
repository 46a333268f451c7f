"""What a jitter buffer gives becomes audio on an inbound stream: decoded, recovered, concealed, or a gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.audio.drift import DriftResampler
from rawmedia.audio.format import AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.audio.pcm import to_bytes
from rawmedia.codecs.catalog import codec_of_name
from rawmedia.errors import PayloadError, StreamOverflowError

if TYPE_CHECKING:
    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.codecs.codec import Decoder
    from rawmedia.streams.inbound import InboundAudioStream
    from rawmedia.wire.payload_types import PayloadFormat
    from rawmedia.wire.rtp import RtpPacket

_SLACK_MS = 1.0
"""Timestamps that are off by less are rounded, and no pause."""
_USUAL_MS = 20.0
"""How long a packet is taken to be before one was decoded."""


class VoiceRenderer:
    """Decodes one sender's payloads and puts every sample in its place on the stream.

    Places are positions in ticks of the sender's RTP clock, on a timeline that never goes
    back. A hole is filled with what the next packet says of it, else with what the decoder
    makes up; beyond ``max_concealed_ms`` of that, and where the sender sent nothing, it is a
    gap of the stream, which a reader may ask to have filled with silence.

    Args:
        stream: Where the audio goes.
        max_concealed_ms: How much is made up between two packets.
        follow_drift: Whether ``drift_ppm`` is followed by resampling, which delays the audio by
            half a millisecond.
    """

    def __init__(
        self, stream: InboundAudioStream, *, max_concealed_ms: float, follow_drift: bool
    ) -> None:
        self._stream = stream
        self._max_concealed_ms = max_concealed_ms
        self._follow_drift = follow_drift
        self._format: PayloadFormat | None = None
        self._payload_type = -1
        self._decoder: Decoder | None = None
        self._rate = 0  # of what it gives
        self._is_native = False  # whether that is what the stream carries
        self._drift: DriftResampler | None = None
        self._drift_ppm = 0.0
        self._ticks_per_ms = 1.0
        self._end = 0  # where the next sample belongs that follows without a gap, in ticks
        self._packet_ticks = 0  # how long the last packet was
        self._run_ms = 0.0  # what was made up since the last packet
        self._owed_ms = 0.0  # what a full stream refused; a gap before what it takes next
        self.decoded_ms = 0.0
        self.recovered_ms = 0.0
        self.concealed_ms = 0.0
        self.refused_ms = 0.0
        self.undecodable = 0

    @property
    def drift_ppm(self) -> float:
        """By how much the sender's clock is taken to run faster than this machine's."""
        return self._drift_ppm

    @drift_ppm.setter
    def drift_ppm(self, ppm: float) -> None:
        self._drift_ppm = ppm
        if self._drift is not None:
            self._drift.ppm = ppm

    @property
    def position_ms(self) -> float:
        """Where the next sample belongs that follows without a gap, since the timeline began."""
        return self._end / self._ticks_per_ms

    def begin_timeline(self, clock_rate: int, *, pause_ms: float = 0.0) -> None:
        """From here on positions count from 0 at this rate, after what came before and a pause."""
        self._owed_ms += pause_ms
        self._ticks_per_ms = clock_rate / 1000
        self._end = 0
        self._packet_ticks = round(_USUAL_MS * self._ticks_per_ms)

    def play(
        self, packet: RtpPacket, position: int, format: PayloadFormat, *, restart: bool
    ) -> None:
        """Decode a packet that is due.

        Args:
            packet: Carries one payload.
            position: Where it belongs.
            format: What its payload type means.
            restart: Nothing that came before says anything of it.

        Raises:
            UnsupportedFormatError: The codec has no decoder for this format.
            MissingDependencyError: The codec's library is not installed.
            StreamError: The stream is over.
        """
        decoder = self._decoder_for(packet.payload_type, format)
        if restart:
            decoder.reset()
        try:
            samples = decoder.decode(packet.payload)
        except PayloadError:
            self.undecodable += 1
            self.fill(position, self._packet_ticks, None)
            return
        ms = len(samples) * 1000 / self._rate
        self._packet_ticks = round(ms * self._ticks_per_ms)
        self._put(samples, decoder, position, self._packet_ticks)
        self._run_ms = 0.0
        self.decoded_ms += ms

    def fill(self, position: int, duration: int, next_packet: RtpPacket | None) -> None:
        """Make audio for a hole that is due, as far as that is any use.

        Args:
            position: Where it starts.
            duration: How long it is, in ticks.
            next_packet: The packet right after it, where that has come.

        Raises:
            StreamError: The stream is over.
        """
        decoder = self._decoder
        if decoder is None:
            return
        start = max(position, self._end)
        hole_ms = (position + duration - start) / self._ticks_per_ms
        ms = min(hole_ms, self._max_concealed_ms - self._run_ms)
        if ms <= 0:
            return
        rate = self._rate
        count = round(ms * rate / 1000)
        restored = 0
        if (
            next_packet is not None
            and next_packet.payload_type == self._payload_type
            and ms == hole_ms
        ):
            restored = min(count, decoder.recoverable(next_packet.payload))
        if restored:
            assert next_packet is not None
            samples = decoder.recover(next_packet.payload, count)
        else:
            samples = decoder.conceal(count)
        self._put(samples, decoder, start, round(ms * self._ticks_per_ms))
        self._run_ms += ms
        self.recovered_ms += restored * 1000 / rate
        self.concealed_ms += ms - restored * 1000 / rate

    def finish(self) -> None:
        """Give out what the resampler holds; nothing follows, or something else does."""
        if self._drift is not None and self._decoder is not None:
            rest = self._drift.flush()
            if len(rest):
                self._push(rest, self._decoder.format, 0.0)
                # What the resampler is late by was given as silence when the stretch began.
                self._owed_ms -= self._drift.delay_samples * 1000 / self._rate

    def _decoder_for(self, payload_type: int, format: PayloadFormat) -> Decoder:
        """The decoder in use, or a new one where the sender changes its codec in mid-call."""
        decoder = self._decoder
        if (
            decoder is not None
            and payload_type == self._payload_type
            and (format is self._format or format == self._format)
        ):
            return decoder
        sent = AudioFormat(format.sample_rate, format.num_channels)
        decoder = codec_of_name(format.name).decoder(self._stream.format, sent=sent)
        self.finish()
        self._decoder, self._payload_type, self._format = decoder, payload_type, format
        self._rate = decoder.format.sample_rate
        self._is_native = decoder.format == self._stream.format
        if self._follow_drift:
            self._drift = DriftResampler(decoder.format.num_channels, self._drift_ppm)
        return decoder

    def _put(self, samples: Int16Samples, decoder: Decoder, position: int, ticks: int) -> None:
        """Push what belongs at ``position``, with a gap before it if there is one."""
        gap_ms = (position - self._end) / self._ticks_per_ms
        if gap_ms < _SLACK_MS:
            gap_ms = 0.0
        if self._drift is not None:
            if gap_ms:
                self.finish()  # what it holds belongs before the gap
                gap_ms /= 1 + self._drift_ppm * 1e-6  # of this machine's time, as the audio is
            samples = self._drift.push(samples)
        self._push(samples, decoder.format, gap_ms)
        self._end = position + ticks

    def _push(self, samples: Int16Samples, format: AudioFormat, gap_ms: float) -> None:
        gap_ms += self._owed_ms
        position = None
        if gap_ms > 0:
            position = self._stream.stats.position + self._stream.format.samples(gap_ms)
        try:
            # A stream takes bytes of its own format with fewer checks than anything else.
            audio = to_bytes(samples) if self._is_native else AudioFrame(samples, format)
            self._stream.push(audio, position)
            self._owed_ms = min(0.0, gap_ms)
        except StreamOverflowError:
            ms = len(samples) * 1000 / self._rate
            self.refused_ms += ms
            self._owed_ms = gap_ms + ms


__all__ = ["VoiceRenderer"]
