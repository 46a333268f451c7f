"""Opus: packets of 2.5 to 60 ms from samples and back, holes concealed or recovered, settings live."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Self, TypeVar, overload

import numpy as np

from rawmedia.audio.format import WEBRTC
from rawmedia.audio.pcm import byte_view
from rawmedia.codecs import libopus
from rawmedia.codecs.opus_packet import MAX_PACKET_MS, Bandwidth, parse_packet
from rawmedia.errors import ConfigurationError, PayloadError, UnsupportedFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import FloatSamples, Int16Samples, PCMBytes
    from rawmedia.codecs.opus_packet import OpusPacket

Application = Literal["voip", "audio", "low_delay"]
"""What the encoder is tuned for: speech that is understood, sound that is faithful, or 4 ms less delay."""
Signal = Literal["auto", "voice", "music"]
"""What is said of the input; "auto" listens to find out."""

OPUS_RATES: Final = (8_000, 12_000, 16_000, 24_000, 48_000)
"""Samples per second that Opus takes and gives; any stream can be decoded at any of them."""
FRAME_DURATIONS_MS: Final = (2.5, 5, 10, 20, 40, 60)
"""How long a frame may be."""
DEFAULT_COMPLEXITY: Final = 7
"""The least at which libopus tells speech from music. Measured on speech at 24 kbit/s: the spectrum
comes within 2.41 dB of the original's, with 10 within 2.38, with 5 within 2.72, and a frame takes
0.86 (libopus 1.6.1) or 0.81 (1.3.1) of the time that it takes with 10."""

# Of opus_defines.h.
_SET_APPLICATION, _SET_BITRATE, _SET_MAX_BANDWIDTH, _SET_VBR = 4000, 4002, 4004, 4006
_SET_COMPLEXITY, _SET_INBAND_FEC, _SET_PACKET_LOSS_PERC, _SET_DTX = 4010, 4012, 4014, 4016
_SET_VBR_CONSTRAINT, _SET_SIGNAL = 4020, 4024
_AUTO = -1000
_SIGNALS = {"auto": _AUTO, "voice": 3001, "music": 3002}
_BANDWIDTHS = {
    "narrowband": 1101,
    "mediumband": 1102,
    "wideband": 1103,
    "superwideband": 1104,
    "fullband": 1105,
}

# Three frames of 20 ms and what says how long they are (RFC 6716, section 3.4): nothing that is
# encoded here is longer.
_ROOM: Final = 3 * 1_275 + 7
_MAX_PAYLOAD: Final = 65_535
"""Bytes: what an IP packet can hold. Opus itself sets no limit to padding."""
_DTX_BYTES: Final = 2
"""A packet of so many bytes or fewer need not be sent (libopus, opus_encode)."""
_FEWEST_BYTES: Final = 3
"""With fewer than so many for a frame, libopus sends that there was no audio."""
_FIRST_CELT_TOC: Final = 128

_INT16, _FLOAT32 = np.dtype(np.int16), np.dtype(np.float32)
_LOUDEST: Final = 1e9
"""Energy of a frame where 1.0 is full scale, beyond which libopus takes it for no audio."""

T = TypeVar("T")


class _Setting(Generic[T]):
    """A property of an encoder of which libopus is told as it is set.

    Args:
        request: What libopus calls it.
        allowed: The values, in words.
        number: What libopus is told for a value; None for one that is not allowed.
    """

    def __init__(self, request: int, allowed: str, number: Callable[[Any], int | None]) -> None:
        self._request, self._allowed, self._number = request, allowed, number

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, encoder: None, owner: type) -> Self: ...
    @overload
    def __get__(self, encoder: OpusEncoder, owner: type) -> T: ...
    def __get__(self, encoder: OpusEncoder | None, owner: type) -> Self | T:
        if encoder is None:
            return self
        value: T = encoder._values[self._name]
        return value

    def __set__(self, encoder: OpusEncoder, value: T) -> None:
        number = self._number(value)
        if number is None or not encoder._control(self._request, number):
            raise ConfigurationError(self._name, f"{self._allowed}; not {value!r}")
        encoder._values[self._name] = value
        if self._request == _SET_BITRATE:
            encoder._frames = encoder._sizes()


def _switch(value: object) -> int | None:
    return int(value) if type(value) is bool else None


def _range(lowest: int, highest: int, none: int | None = None) -> Callable[[object], int | None]:
    """A whole number; ``none`` stands for None."""

    def number(value: object) -> int | None:
        if value is None:
            return none
        return value if type(value) is int and lowest <= value <= highest else None

    return number


def _choice(numbers: Mapping[str, int]) -> Callable[[object], int | None]:
    return lambda value: numbers.get(value) if isinstance(value, str) else None


class OpusEncoder:
    """Turns the audio of one stream into Opus packets.

    Every setting can be read, and set while the stream runs, from any thread; it holds from
    the next frame on. If two threads encode at once, one frame goes after the other.

    Args:
        format: What it takes: 8, 12, 16, 24 or 48 kHz, mono or stereo. Any decoder can decode
            what comes out, at any of its rates, so encode at the rate that the audio has.
        application: As the property of this name, and so are all the others.

    Raises:
        UnsupportedFormatError: The rate or the number of channels is not one of these.
        ConfigurationError: A setting is out of its range.
        MissingDependencyError: There is no libopus here.
    """

    __slots__ = (
        "_encode_float",
        "_encode_int16",
        "_ffi",
        "_format",
        "_frames",
        "_lock",
        "_opus",
        "_packet",
        "_state",
        "_values",
    )

    application: _Setting[Application] = _Setting(
        _SET_APPLICATION,
        f"one of {', '.join(libopus.APPLICATIONS)}, and another one only before the first frame or after reset()",
        _choice(libopus.APPLICATIONS),
    )
    """What it is tuned for; "low_delay" does without the modes for speech and without FEC."""
    bitrate: _Setting[int | None] = _Setting(
        _SET_BITRATE, "6000 to 510000 bits per second, or None", _range(6_000, 510_000, _AUTO)
    )
    """Bits per second, 6000 to 510000 (RFC 6716, section 2.1.1). None is libopus's own choice, for
    mono at 48 kHz in frames of 20 ms 51 000; for voice 24 000 is near transparent.
    Below 9600, frames of 2.5 ms are refused: they would hold nothing."""
    complexity: _Setting[int] = _Setting(_SET_COMPLEXITY, "0 to 10", _range(0, 10))
    """How much work goes into a frame, 0 to 10; 0 takes less than half the time of 10."""
    fec: _Setting[bool] = _Setting(_SET_INBAND_FEC, "True or False", _switch)
    """Whether packets may hold a coarse copy of the frame before, for `OpusDecoder.recover`. They do
    where speech is coded as speech and ``expected_loss_percent`` is above 0; the bits are taken
    from the frame itself."""
    expected_loss_percent: _Setting[int] = _Setting(
        _SET_PACKET_LOSS_PERC, "0 to 100", _range(0, 100)
    )
    """How many packets are lost on the way; the more, the less a frame relies on those before it."""
    dtx: _Setting[bool] = _Setting(_SET_DTX, "True or False", _switch)
    """Whether silence is left out: `encode` then gives ``b""`` for most of its frames. Send nothing
    for these, but let time go on: the timestamp of the next packet is later by as much, and a
    receiver sees no number missing. If it conceals the gap (`OpusDecoder.conceal`, 400 ms at
    most until the next packet), that sounds like the noise that was there. What needs a packet for each frame, such as an Ogg file, leaves this off."""
    vbr: _Setting[bool] = _Setting(_SET_VBR, "True or False", _switch)
    """Whether a packet is as long as its sound needs; if not, all are of one size."""
    constrained_vbr: _Setting[bool] = _Setting(_SET_VBR_CONSTRAINT, "True or False", _switch)
    """Whether the size then varies so little that a link of just this bitrate delays no packet
    by more than a frame."""
    signal: _Setting[Signal] = _Setting(
        _SET_SIGNAL, f"one of {', '.join(_SIGNALS)}", _choice(_SIGNALS)
    )
    """What the audio is, where one knows better than the encoder can hear."""
    max_bandwidth: _Setting[Bandwidth] = _Setting(
        _SET_MAX_BANDWIDTH, f"one of {', '.join(_BANDWIDTHS)}", _choice(_BANDWIDTHS)
    )
    """What is coded at most; what the far end plays is enough (RFC 7587, ``maxplaybackrate``)."""

    def __init__(
        self,
        format: AudioFormat = WEBRTC,
        *,
        application: Application = "voip",
        bitrate: int | None = None,
        complexity: int = DEFAULT_COMPLEXITY,
        fec: bool = False,
        expected_loss_percent: int = 0,
        dtx: bool = False,
        vbr: bool = True,
        constrained_vbr: bool = True,
        signal: Signal = "auto",
        max_bandwidth: Bandwidth = "fullband",
    ) -> None:
        self._format = _checked(format)
        self._opus = opus = libopus.load()
        self._ffi = opus.ffi
        self._encode_int16 = opus.lib.opus_encode
        self._encode_float = opus.lib.opus_encode_float
        self._state = opus.encoder_state(
            format.sample_rate, format.num_channels, libopus.APPLICATIONS["voip"]
        )
        self._packet = opus.ffi.new("char[]", _ROOM)
        self._lock = threading.Lock()
        self._values: dict[str, Any] = {}
        self._frames: dict[tuple[int, ...], int] = {}  # samples of each shape that a frame may have
        self.application = application
        self.bitrate = bitrate
        self.complexity = complexity
        self.fec = fec
        self.expected_loss_percent = expected_loss_percent
        self.dtx = dtx
        self.vbr = vbr
        self.constrained_vbr = constrained_vbr
        self.signal = signal
        self.max_bandwidth = max_bandwidth

    @property
    def format(self) -> AudioFormat:
        """What it takes."""
        return self._format

    @property
    def lookahead_samples(self) -> int:
        """How late the audio comes out of a decoder, at this encoder's rate: 6.5 ms, or 2.5 for low delay.

        An Ogg file's pre-skip is this at 48 kHz.
        """
        samples = self._ffi.new("int32_t *")
        with self._lock:
            self._opus.lib.opus_encoder_ctl(self._state, libopus.GET_LOOKAHEAD, samples)
        return int(samples[0])

    def encode(self, samples: Int16Samples | FloatSamples) -> bytes:
        """Turn one frame into one packet.

        Args:
            samples: 2.5, 5, 10, 20, 40 or 60 ms of audio, and the next frame may have another
                length; of shape ``(samples_per_channel, num_channels)``, or
                ``(samples_per_channel,)`` for mono; int16, or float32 in about [-1, 1].

        Returns:
            The packet, at most 1276 bytes up to 20 ms, and 3832 beyond. Empty where nothing need
            be sent, which is only with `dtx`.

        Raises:
            PayloadError: Another type, shape or length, or NaN or infinity among the samples;
                the state is as before.
        """
        if not isinstance(samples, np.ndarray):
            raise PayloadError("an array of int16 or float32", type(samples).__name__)
        frame = self._frames.get(samples.shape)
        if frame is None:
            raise self._refusal(samples.shape)
        flags = samples.flags
        if not (flags.c_contiguous and flags.aligned):
            samples = np.require(samples, requirements=("C", "A"))
        if samples.dtype == _INT16:
            encode, pcm = self._encode_int16, self._ffi.from_buffer("int16_t[]", samples)
        elif samples.dtype == _FLOAT32:
            # Neither NaN nor infinity is below anything.
            if not np.vdot(samples, samples) < _LOUDEST:
                raise PayloadError("finite samples in about [-1, 1]", "NaN, infinity or far beyond")
            encode, pcm = self._encode_float, self._ffi.from_buffer("float[]", samples)
        else:
            raise PayloadError("an array of int16 or float32", f"one of {samples.dtype}")
        with self._lock:
            size = encode(self._state, pcm, frame, self._packet, _ROOM)
            if size > _DTX_BYTES or (size > 0 and not self._values["dtx"]):
                packet: bytes = self._ffi.unpack(self._packet, size)
                return packet
        if size > 0:
            return b""
        raise PayloadError(
            "samples that libopus encodes", f"some that it refuses ({self._opus.strerror(size)})"
        )

    def reset(self) -> None:
        """Forget the audio so far, not the settings; the next frame begins a stream."""
        # Not OPUS_RESET_STATE, after which libopus 1.6.1 still remembers some decisions.
        settings = [each for each in vars(OpusEncoder).values() if isinstance(each, _Setting)]
        numbers = [(each._request, each._number(self._values[each._name])) for each in settings]
        opus, form = self._opus, self._format
        state = opus.encoder_state(
            form.sample_rate, form.num_channels, libopus.APPLICATIONS[self.application]
        )
        for request, number in numbers:
            opus.lib.opus_encoder_ctl(state, request, self._ffi.cast("int", number))
        with self._lock:
            self._state = state

    def _control(self, request: int, *numbers: int) -> bool:
        """Tell libopus something, and whether it agrees."""
        values = [self._ffi.cast("int", number) for number in numbers]
        with self._lock:
            return bool(self._opus.lib.opus_encoder_ctl(self._state, request, *values) == 0)

    def _sizes(self) -> dict[tuple[int, ...], int]:
        """How many samples each shape has that a frame can be of at this bitrate."""
        channels = self._format.num_channels
        sizes: dict[tuple[int, ...], int] = {}
        for duration_ms in FRAME_DURATIONS_MS:
            if self.bitrate is None or self.bitrate * duration_ms >= _FEWEST_BYTES * 8_000:
                size = self._format.samples(duration_ms)
                sizes[size, channels] = size
                if channels == 1:
                    sizes[size,] = size
        return sizes

    def _refusal(self, shape: tuple[int, ...]) -> PayloadError:
        sizes = ", ".join(str(size) for size in sorted(set(self._frames.values())))
        return PayloadError(
            f"an array of shape (samples_per_channel, {self._format.num_channels}) with {sizes} samples",
            f"one of {shape}",
        )


class OpusDecoder:
    """Turns the packets of one stream into audio, and fills its holes.

    If two threads decode at once, one packet goes after the other.

    Args:
        format: What it gives: 8, 12, 16, 24 or 48 kHz, mono or stereo, from any stream.
            Decoding to the rate that is wanted is cheaper than to 48 kHz, and saves a
            resampler and its delay.

    Raises:
        UnsupportedFormatError: The rate or the number of channels is not one of these.
        MissingDependencyError: There is no libopus here.
    """

    __slots__ = (
        "_decode",
        "_format",
        "_lock",
        "_most",
        "_opus",
        "_pcm",
        "_scratch",
        "_spare",
        "_state",
        "_toc",
        "_usual",
    )

    def __init__(self, format: AudioFormat = WEBRTC) -> None:
        self._format = _checked(format)
        self._opus = opus = libopus.load()
        self._decode = opus.lib.opus_decode
        self._state = opus.decoder_state(format.sample_rate, format.num_channels)
        self._most = format.samples(MAX_PACKET_MS)
        self._scratch = np.empty((self._most, format.num_channels), np.int16)
        self._pcm = opus.ffi.from_buffer("int16_t[]", self._scratch, require_writable=True)
        self._usual = self._scratch  # the part of it that a packet of the usual length fills
        self._lock = threading.Lock()
        self._spare: Int16Samples | None = None  # concealed beyond the end of the hole
        self._toc = 0  # the first byte of the packet before

    @property
    def format(self) -> AudioFormat:
        """What it gives."""
        return self._format

    def decode(self, payload: PCMBytes) -> Int16Samples:
        """Turn one packet into samples, shape ``(samples_per_channel, num_channels)``.

        Args:
            payload: One packet, of 65535 bytes at most.

        Returns:
            2.5 to 120 ms, as long as the packet says.

        Raises:
            PayloadError: It is empty (what is missing goes through `conceal`), or no Opus
                packet; none of it was taken, and the next is decoded as if this one had been lost.
        """
        if type(payload) is not bytes:
            payload = _as_bytes(payload)
        size = len(payload)
        if not 0 < size <= _MAX_PAYLOAD:
            raise PayloadError(f"an Opus packet of 1 to {_MAX_PAYLOAD} bytes", f"{size} bytes")
        with self._lock:
            count = self._decode(self._state, payload, size, self._pcm, self._most, 0)
            if count > 0:
                self._spare, self._toc = None, payload[0]
                if count != len(self._usual):  # a slice costs as much as the lock
                    self._usual = self._scratch[:count]
                return self._usual.copy()
        raise PayloadError(
            "an Opus packet", f"{size} bytes that are none ({self._opus.strerror(count)})"
        )

    def conceal(self, samples: int) -> Int16Samples:
        """Audio for a hole, made of what came before it.

        It fades, within some 400 ms, to the noise that was heard behind the speech, and to
        silence if there was none. Before the first packet it is silence.

        libopus conceals in steps of 2.5 ms, and of 10 ms where speech is coded as speech. Of a step that
        the hole ends within, the rest is kept: it begins the next `conceal`, if no packet comes before.

        Args:
            samples: Samples per channel to make, 0 or more.

        Returns:
            Exactly so many.

        Raises:
            PayloadError: The number is negative.
        """
        _check_count(samples)
        with self._lock:
            return self._concealed(samples)

    def recover(self, next_payload: PCMBytes, samples: int) -> Int16Samples:
        """Audio for the hole right before ``next_payload``, from the copy in that packet.

        The copy is as long as one frame of that packet. What of the hole lies before it is
        concealed; of a shorter hole it gives the end. Where there is no copy (`recoverable` is
        0), this is `conceal`.

        Args:
            next_payload: The packet after the hole; it is still to be decoded afterwards.
            samples: Samples per channel that are missing, 0 or more.

        Returns:
            Exactly so many.

        Raises:
            PayloadError: ``next_payload`` is no Opus packet, or the number is negative; the state
                is as before.
        """
        _check_count(samples)
        payload = _as_bytes(next_payload)
        packet = parse_packet(payload)
        with self._lock:
            reach = self._reach(packet)
            if not (samples and reach):
                return self._concealed(samples)
            before = max(0, samples - reach)
            start = self._concealed(before)
            count = self._decode(self._state, payload, len(payload), self._pcm, reach, 1)
            if count != reach:
                return np.concatenate([start, self._concealed(samples - before)])
            self._spare = None
            return np.concatenate([start, self._scratch[reach - (samples - before) : reach]])

    def recoverable(self, next_payload: PCMBytes) -> int:
        """How many samples per channel right before ``next_payload`` `recover` can restore from it.

        Those of one frame, where the packet has a copy of it (`OpusEncoder.fec`) and the packets
        before it were coded as speech too; otherwise, and for what is no packet, 0.
        """
        try:
            return self._reach(parse_packet(_as_bytes(next_payload)))
        except PayloadError:
            return 0

    def _reach(self, packet: OpusPacket) -> int:
        # After CELT, libopus conceals even where there is a copy.
        usable = packet.has_fec and self._toc < _FIRST_CELT_TOC
        return packet.frame_samples(self._format.sample_rate) if usable else 0

    def reset(self) -> None:
        """Forget the audio so far; the next payload begins a stream."""
        with self._lock:
            self._opus.lib.opus_decoder_ctl(self._state, libopus.RESET_STATE)
            self._spare, self._toc = None, 0

    def _concealed(self, samples: int) -> Int16Samples:
        """`conceal` by who holds the lock."""
        out = np.empty((samples, self._format.num_channels), np.int16)
        done = 0
        if self._spare is not None:
            done = min(samples, len(self._spare))
            out[:done] = self._spare[:done]
            self._spare = self._spare[done:]
        # Asked for less than 10 ms, SILK makes 10 and throws the rest away, so that a hole which
        # is concealed bit by bit would fade too fast.
        step = self._format.sample_rate // (400 if self._toc >= _FIRST_CELT_TOC else 100)
        while done < samples:
            wanted = min(self._most, -(-(samples - done) // step) * step)
            count = self._decode(self._state, self._opus.ffi.NULL, 0, self._pcm, wanted, 0)
            assert count == wanted, self._opus.strerror(count)
            kept = min(count, samples - done)
            out[done : done + kept] = self._scratch[:kept]
            done += kept
            self._spare = self._scratch[kept:count].copy() if kept < count else None
        return out


def _checked(format: AudioFormat) -> AudioFormat:
    if format.sample_rate not in OPUS_RATES or format.num_channels > 2:
        rates = ", ".join(str(rate) for rate in OPUS_RATES)
        raise UnsupportedFormatError(f"{rates} Hz, mono or stereo", str(format))
    return format


def _as_bytes(payload: PCMBytes) -> bytes:
    """Any buffer as bytes; what is too long for a packet is refused before it is copied."""
    held = payload if type(payload) is bytes else byte_view(payload)
    if len(held) > _MAX_PAYLOAD:
        raise PayloadError(f"an Opus packet of 1 to {_MAX_PAYLOAD} bytes", f"{len(held)} bytes")
    return bytes(held)


def _check_count(samples: int) -> None:
    if samples < 0:
        raise PayloadError("0 samples or more", str(samples))


__all__ = [
    "DEFAULT_COMPLEXITY",
    "FRAME_DURATIONS_MS",
    "OPUS_RATES",
    "Application",
    "OpusDecoder",
    "OpusEncoder",
    "Signal",
]
