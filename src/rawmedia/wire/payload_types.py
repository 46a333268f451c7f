"""What the payload type of an RTP packet stands for: names, clocks, channels, parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rawmedia.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OPUS_CLOCK_RATE = 48_000
"""Of all Opus in RTP, whatever it was coded from: 960 units for 20 ms (RFC 7587, section 4.1)."""
OPUS_CHANNELS = 2
"""What ``rtpmap`` says of all Opus, mono too (RFC 7587, section 7)."""
MAX_CLOCK_RATE = 1_000_000
MAX_CHANNELS = 255

# How registered names are spelt; they are compared without case (RFC 4855, section 3).
_SPELLINGS = {
    name.lower(): name
    for name in (
        *("PCMU", "GSM", "G723", "DVI4", "LPC", "PCMA", "G722", "L16", "QCELP", "CN", "MPA"),
        *("G728", "G729", "opus", "telephone-event"),
    )
}
# A name is a token (RFC 8866, section 9).
_TOKEN = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`{|}~"
)


def _short(value: object) -> str:
    """A value from outside, as an error may quote it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _check(setting: str, value: int, most: int) -> None:
    if type(value) is not int or not 1 <= value <= most:
        raise ConfigurationError(setting, f"1 to {most}, not {_short(value)}")


@dataclass(frozen=True, slots=True)
class PayloadFormat:
    """What payloads of one type hold, and how fast their timestamps count.

    Raises:
        ConfigurationError: A value is out of range, or it is Opus with other than its clock of
            48000 and its 2 channels.
    """

    name: str
    """The encoding's, in its registered spelling where it is a known one: "PCMU", "opus"."""
    clock_rate: int
    """Timestamp units per second, 1 to 1000000. Not always the sample rate: see `sample_rate`."""
    num_channels: int = 1
    """1 to 255, as ``rtpmap`` has them."""
    parameters: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What ``fmtp`` says, by name in lower case; "" for what has no value. Copied, read-only."""

    def __post_init__(self) -> None:
        if not self.name or not _TOKEN.issuperset(self.name):
            raise ConfigurationError("name", f"an encoding's is a token, not {_short(self.name)}")
        _check("clock_rate", self.clock_rate, MAX_CLOCK_RATE)
        _check("num_channels", self.num_channels, MAX_CHANNELS)
        name = _SPELLINGS.get(self.name.lower(), self.name)
        channels = (self.clock_rate, self.num_channels)
        if name == "opus" and channels != (OPUS_CLOCK_RATE, OPUS_CHANNELS):
            raise ConfigurationError(
                "opus", f"it is opus/48000/2 always, not opus/{self.clock_rate}/{self.num_channels}"
            )
        for key, value in self.parameters.items():
            # What would end a parameter or a line would say something else once it is written.
            if not key or set("=;") & set(key) or ";" in value or not (key + value).isprintable():
                raise ConfigurationError(
                    "parameters", f"no name or value may be {_short(f'{key}={value}')}"
                )
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    @property
    def sample_rate(self) -> int:
        """Samples per second of the audio.

        It is the clock's rate but for G.722, whose 16000 samples count as 8000 since a mistake in
        its first specification was made a rule (RFC 3551, section 4.5.2). Of MPA, whose clock of
        90000 says nothing, and of what is no audio, it is the clock's too.
        """
        return 2 * self.clock_rate if self.name == "G722" else self.clock_rate

    def timestamp_units(self, duration_ms: float) -> int:
        """How much the timestamp grows in ``duration_ms``, rounded to the nearest."""
        return round(duration_ms * self.clock_rate / 1000)

    def rtpmap(self, number: int) -> str:
        """The value of ``a=rtpmap`` for this format as payload type ``number``."""
        channels = f"/{self.num_channels}" if self.num_channels > 1 else ""
        return f"{number} {self.name}/{self.clock_rate}{channels}"

    def fmtp(self, number: int) -> str | None:
        """The value of ``a=fmtp`` likewise, or None where there are no parameters."""
        if not self.parameters:
            return None
        pairs = (f"{key}={value}" if value else key for key, value in self.parameters.items())
        return f"{number} {';'.join(pairs)}"

    def __reduce__(self) -> tuple[type[PayloadFormat], tuple[str, int, int, dict[str, str]]]:
        # A read-only mapping cannot be pickled.
        return PayloadFormat, (
            self.name,
            self.clock_rate,
            self.num_channels,
            dict(self.parameters),
        )


STATIC_AUDIO: Mapping[int, PayloadFormat] = MappingProxyType(
    {
        0: PayloadFormat("PCMU", 8000),
        3: PayloadFormat("GSM", 8000),
        4: PayloadFormat("G723", 8000),
        5: PayloadFormat("DVI4", 8000),
        6: PayloadFormat("DVI4", 16_000),
        7: PayloadFormat("LPC", 8000),
        8: PayloadFormat("PCMA", 8000),
        9: PayloadFormat("G722", 8000),
        10: PayloadFormat("L16", 44_100, 2),
        11: PayloadFormat("L16", 44_100),
        12: PayloadFormat("QCELP", 8000),
        13: PayloadFormat("CN", 8000),
        14: PayloadFormat("MPA", 90_000),
        15: PayloadFormat("G728", 8000),
        16: PayloadFormat("DVI4", 11_025),
        17: PayloadFormat("DVI4", 22_050),
        18: PayloadFormat("G729", 8000),
    }
)
"""The numbers that mean the same everywhere (RFC 3551, table 4)."""
DYNAMIC = range(96, 128)
"""The numbers that each session gives a meaning (RFC 3551, section 6)."""
OPUS = PayloadFormat("opus", OPUS_CLOCK_RATE, OPUS_CHANNELS)
TELEPHONE_EVENT = PayloadFormat("telephone-event", 8000)

# Unassigned numbers that browsers hand out once the dynamic ones are used up. Those from 64 on
# look like RTCP (RFC 5761, section 4).
_SPARE = range(35, 64)


class PayloadTypes(Mapping[int, PayloadFormat]):
    """The payload types of one session: the static ones, and those it agreed on; immutable.

    Args:
        dynamic: By number, 96 to 127, or 35 to 63 as browsers use. A static number may be
            given too, with what it means anyway; its parameters are taken.

    Raises:
        ConfigurationError: A number can't be given that meaning.
    """

    __slots__ = ("_formats",)

    def __init__(self, dynamic: Mapping[int, PayloadFormat] | None = None) -> None:
        self._formats = dict(STATIC_AUDIO)
        for number, known in (dynamic or {}).items():
            _check_number(number, known)
            self._formats[number] = known

    @classmethod
    def from_sdp(cls, rtpmaps: Iterable[str], fmtps: Iterable[str] = ()) -> PayloadTypes:
        """The payload types that a session description tells of.

        Args:
            rtpmaps: The values of its ``a=rtpmap`` lines, such as "111 opus/48000/2"; of two
                about one number, the later counts.
            fmtps: Those of its ``a=fmtp`` lines; one about a number that has no meaning is
                passed over.

        Raises:
            ConfigurationError: A line is malformed, or gives a number a meaning that it can't have.
        """
        dynamic = dict(parse_rtpmap(value) for value in rtpmaps)
        for value in fmtps:
            number, parameters = parse_fmtp(value)
            known = dynamic.get(number) or STATIC_AUDIO.get(number)
            if known is not None:
                dynamic[number] = PayloadFormat(
                    known.name, known.clock_rate, known.num_channels, parameters
                )
        return cls(dynamic)

    def number_of(
        self, name: str, clock_rate: int | None = None, num_channels: int | None = None
    ) -> int | None:
        """The number of a format, or None where the session has none.

        Of several, the static ones come first, then those agreed on in their order.

        Args:
            name: The encoding's, in any case.
            clock_rate: None for any.
            num_channels: None for any.
        """
        wanted = name.lower()
        for number, known in self._formats.items():
            if (
                known.name.lower() == wanted
                and clock_rate in (None, known.clock_rate)
                and num_channels in (None, known.num_channels)
            ):
                return number
        return None

    def __getitem__(self, number: int) -> PayloadFormat:
        return self._formats[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._formats)

    def __len__(self) -> int:
        return len(self._formats)

    def __repr__(self) -> str:
        agreed = {n: f for n, f in self._formats.items() if n not in STATIC_AUDIO}
        return f"PayloadTypes({agreed})"


def parse_rtpmap(value: str) -> tuple[int, PayloadFormat]:
    """Read the value of ``a=rtpmap``: "111 opus/48000/2" or "0 PCMU/8000".

    Returns:
        The number, and a format without parameters.

    Raises:
        ConfigurationError: It is malformed, or no such format can be.

    Source: RFC 8866, section 6.6.
    """
    number, rest = _numbered("rtpmap", value)
    fields = rest.split("/")
    if len(fields) not in (2, 3):
        raise ConfigurationError("rtpmap", f"a name and a clock rate, not {_short(rest)}")
    clock_rate = _whole("rtpmap's clock rate", fields[1])
    num_channels = _whole("rtpmap's channels", fields[2]) if len(fields) == 3 else 1
    return number, PayloadFormat(fields[0], clock_rate, num_channels)


def parse_fmtp(value: str) -> tuple[int, dict[str, str]]:
    """Read the value of ``a=fmtp``: "111 minptime=10;useinbandfec=1" or "101 0-15".

    Returns:
        The number, and the parameters by name in lower case, "" for one without a value. Of two
        with one name, the later counts.

    Raises:
        ConfigurationError: It does not start with a number of 0 to 127.

    Source: RFC 8866, section 6.15, and RFC 4855, section 3, for names without case.
    """
    number, rest = _numbered("fmtp", value)
    parameters = {}
    for part in rest.split(";"):
        name, _, content = part.partition("=")
        if name := name.strip().lower():
            parameters[name] = content.strip()
    return number, parameters


@dataclass(frozen=True, slots=True)
class OpusParameters:
    """What a party wants of the Opus that it is sent (RFC 7587, section 6.1)."""

    use_in_band_fec: bool = False
    """Whether it can make use of forward error correction."""
    use_dtx: bool = False
    """Whether it prefers nothing to be sent in silence."""
    stereo: bool = False
    """Whether it prefers stereo."""
    constant_bitrate: bool = False
    """Whether it prefers each packet to be of one size."""
    max_average_bitrate: int | None = None
    """Bits per second, 6000 to 510000; None: as the sender thinks fit."""
    max_playback_rate: int = OPUS_CLOCK_RATE
    """The highest sample rate in Hz that it can play, 8000 to 48000; more would be wasted on it."""
    ptime_ms: int = 20
    """The audio it prefers in a packet, 3 to 120 ms (2.5 counts as 3)."""
    min_ptime_ms: int = 3
    """The least that it wants in a packet, 3 to 120 ms."""
    max_ptime_ms: int = 120
    """The most that it takes in a packet, 3 to 120 ms."""

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> OpusParameters:
        """Read the parameters of a `PayloadFormat`.

        Numbers beyond their bounds become the bound, as in browsers: a call should not fail on a
        party that asks for too much. Unknown parameters are passed over.

        Raises:
            ConfigurationError: A number is none, or a flag is neither 0 nor 1.
        """
        values: dict[str, Any] = {}
        for field_name, name in _OPUS_FLAGS.items():
            if name in parameters:
                values[field_name] = _flag(name, parameters[name])
        for field_name, (name, least, most) in _OPUS_NUMBERS.items():
            if name in parameters:
                number = _whole(f"fmtp's {name}", parameters[name])
                values[field_name] = min(max(number, least), most)
        return cls(**values)

    def parameters(self) -> dict[str, str]:
        """What `of` reads this from: all that is other than its default."""
        names = _OPUS_FLAGS | {field_name: name for field_name, (name, *_) in _OPUS_NUMBERS.items()}
        default = OpusParameters()
        return {
            name: str(int(getattr(self, field_name)))
            for field_name, name in names.items()
            if getattr(self, field_name) != getattr(default, field_name)
        }


# RFC 7587, section 6.1: which parameter each field is, and the bounds of those with numbers.
_OPUS_FLAGS = {
    "use_in_band_fec": "useinbandfec",
    "use_dtx": "usedtx",
    "stereo": "stereo",
    "constant_bitrate": "cbr",
}
_OPUS_NUMBERS = {
    "max_average_bitrate": ("maxaveragebitrate", 6000, 510_000),
    "max_playback_rate": ("maxplaybackrate", 8000, OPUS_CLOCK_RATE),
    "ptime_ms": ("ptime", 3, 120),
    "min_ptime_ms": ("minptime", 3, 120),
    "max_ptime_ms": ("maxptime", 3, 120),
}


def _check_number(number: int, format: PayloadFormat) -> None:
    static = STATIC_AUDIO.get(number)
    if number in DYNAMIC or number in _SPARE:
        return
    if static is None:
        raise ConfigurationError(
            "payload type", f"96 to 127 or 35 to 63 may be given a meaning, not {_short(number)}"
        )
    if (static.name, static.clock_rate, static.num_channels) != (
        format.name,
        format.clock_rate,
        format.num_channels,
    ):
        raise ConfigurationError(
            "payload type", f"{static.rtpmap(number)} has its meaning for ever"
        )


def _numbered(line: str, value: str) -> tuple[int, str]:
    """The payload type that a line starts with, and what comes after the space behind it."""
    number, space, rest = value.strip().partition(" ")
    if not space or not value.isprintable():
        raise ConfigurationError(line, f"a payload type, a space and text, not {_short(value)}")
    payload_type = _whole(f"{line}'s payload type", number)
    if payload_type > 127:
        raise ConfigurationError(f"{line}'s payload type", f"0 to 127, not {payload_type}")
    return payload_type, rest.strip()


def _whole(setting: str, text: str) -> int:
    # Not `int` alone: it takes signs, spaces, underscores and the digits of all scripts, and
    # refuses thousands of digits with an error of its own.
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise ConfigurationError(setting, f"a whole number, not {_short(text)}")
    return int(text)


def _flag(name: str, text: str) -> bool:
    if text not in ("0", "1"):
        raise ConfigurationError(f"fmtp's {name}", f"0 or 1, not {_short(text)}")
    return text == "1"


__all__ = [
    "DYNAMIC",
    "MAX_CHANNELS",
    "MAX_CLOCK_RATE",
    "OPUS",
    "OPUS_CHANNELS",
    "OPUS_CLOCK_RATE",
    "STATIC_AUDIO",
    "TELEPHONE_EVENT",
    "OpusParameters",
    "PayloadFormat",
    "PayloadTypes",
    "parse_fmtp",
    "parse_rtpmap",
]
