"""What payload types stand for, as session descriptions say it."""

from __future__ import annotations

import pickle
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawmedia.errors import ConfigurationError
from rawmedia.wire.payload_types import (
    OPUS,
    STATIC_AUDIO,
    TELEPHONE_EVENT,
    OpusParameters,
    PayloadFormat,
    PayloadTypes,
    parse_fmtp,
    parse_rtpmap,
)

TOKEN = st.text("abcXYZ019-._+", min_size=1, max_size=8)
VALUE = st.text("abc 019,-=/", max_size=6).map(str.strip)
parameter_sets = st.dictionaries(TOKEN.map(str.lower), VALUE, max_size=4)
formats = st.builds(
    PayloadFormat,
    name=TOKEN,
    clock_rate=st.integers(1, 1_000_000),
    num_channels=st.integers(1, 255),
    parameters=parameter_sets,
) | parameter_sets.map(lambda parameters: PayloadFormat("opus", 48_000, 2, parameters))


def test_static_numbers_mean_what_rfc_3551_says() -> None:
    """Table 4, typed out a second time in the notation of session descriptions."""
    table = """
        0 PCMU/8000, 3 GSM/8000, 4 G723/8000, 5 DVI4/8000, 6 DVI4/16000, 7 LPC/8000, 8 PCMA/8000,
        9 G722/8000, 10 L16/44100/2, 11 L16/44100, 12 QCELP/8000, 13 CN/8000, 14 MPA/90000,
        15 G728/8000, 16 DVI4/11025, 17 DVI4/22050, 18 G729/8000
    """
    assert [known.rtpmap(number) for number, known in PayloadTypes().items()] == [
        row.strip() for row in table.split(",")
    ]


def test_the_clock_of_g722_is_half_its_sample_rate() -> None:
    """Taken for the sample rate, it would play an octave too low."""
    g722 = PayloadTypes()[9]
    assert (g722.clock_rate, g722.sample_rate) == (8000, 16_000)
    assert g722.timestamp_units(20) == 160
    assert PayloadTypes()[0].sample_rate == 8000


def test_20_ms_of_opus_are_960_units() -> None:
    """Whatever it was coded from (RFC 7587, section 4.1)."""
    assert OPUS.timestamp_units(20) == 960
    assert OPUS.timestamp_units(2.5) == 120
    assert TELEPHONE_EVENT.timestamp_units(20) == 160


def test_what_a_browser_offers_is_understood() -> None:
    types = PayloadTypes.from_sdp(
        ["111 opus/48000/2", "63 red/48000/2", "9 G722/8000", "0 PCMU/8000", "110 telephone-event/48000", "126 telephone-event/8000"],
        ["111 minptime=10;useinbandfec=1", "63 111/111", "126 0-16", "99 apt=1"],
    )  # fmt: skip
    assert types[111] == PayloadFormat("opus", 48_000, 2, {"minptime": "10", "useinbandfec": "1"})
    assert types[63].parameters == {"111/111": ""}
    assert types[126].parameters == {"0-16": ""}
    assert 99 not in types
    assert types.number_of("Opus") == 111
    assert types.number_of("telephone-event") == 110
    assert types.number_of("telephone-event", 8000) == 126
    assert types.number_of("L16", num_channels=1) == 11
    assert types.number_of("pcmu") == 0
    assert types.number_of("iLBC") is None
    assert "111" in repr(types)
    assert "PCMU" not in repr(types)
    assert len(types) == len(STATIC_AUDIO) + 4


def test_a_static_type_may_be_given_parameters_only() -> None:
    types = PayloadTypes.from_sdp([], ["18 annexb=no"])
    assert types[18] == PayloadFormat("G729", 8000, 1, {"annexb": "no"})
    assert STATIC_AUDIO[18].parameters == {}, "of this session alone"


@pytest.mark.parametrize("number", [-1, 1, 34, 64, 72, 95, 128])
def test_numbers_that_are_not_free_get_no_meaning(number: int) -> None:
    with pytest.raises(ConfigurationError, match="payload type"):
        PayloadTypes({number: OPUS})


@pytest.mark.parametrize("number", [35, 63, 96, 127])
def test_free_numbers_get_the_meaning_they_are_given(number: int) -> None:
    assert PayloadTypes({number: OPUS})[number] == OPUS


@pytest.mark.parametrize("rtpmap", ["0 PCMA/8000", "0 PCMU/16000", "11 L16/44100/2"])
def test_a_static_number_cannot_mean_something_else(rtpmap: str) -> None:
    with pytest.raises(ConfigurationError, match="for ever"):
        PayloadTypes.from_sdp([rtpmap])


@pytest.mark.parametrize("rtpmap", ["111 opus/16000/2", "111 opus/48000", "111 OPUS/48000/1"])
def test_opus_with_another_clock_is_refused(rtpmap: str) -> None:
    """RFC 7587, section 7; its timestamps would be read wrongly."""
    with pytest.raises(ConfigurationError, match="always"):
        parse_rtpmap(rtpmap)


def test_known_names_are_spelt_as_registered() -> None:
    """So that formats can be compared; the far end may write them in any case."""
    assert parse_rtpmap("0 pcmu/8000") == (0, STATIC_AUDIO[0])
    assert parse_rtpmap(" 96  OPUS/48000/2 ") == (96, OPUS)
    assert parse_rtpmap("96 iLBC/8000")[1].name == "iLBC"


@given(formats, st.integers(96, 127))
def test_a_format_comes_back_from_its_lines(known: PayloadFormat, number: int) -> None:
    assert parse_rtpmap(known.rtpmap(number)) == (
        number,
        PayloadFormat(known.name, known.clock_rate, known.num_channels),
    )
    fmtp = known.fmtp(number)
    assert (fmtp is None) == (not known.parameters)
    if fmtp is not None:
        assert parse_fmtp(fmtp) == (number, known.parameters)
    lines = [] if fmtp is None else [fmtp]
    assert PayloadTypes.from_sdp([known.rtpmap(number)], lines)[number] == known
    assert pickle.loads(pickle.dumps(known)) == known
    assert hash(known) == hash(PayloadFormat(known.name, known.clock_rate, known.num_channels))


lines = st.text(max_size=30) | st.builds(
    "{} {}{}{}".format,
    st.integers(-1, 130) | st.text(max_size=2),
    st.text("opusPCMU=;10 ", max_size=10),
    st.sampled_from(["/", ";", "", "\n"]),
    st.text("0123456789/=;-\u0663", max_size=8),
)


@given(lines, lines)
def test_any_lines_are_payload_types_or_a_configuration_error(rtpmap: str, fmtp: str) -> None:
    for line in (rtpmap, fmtp):
        for read in (parse_rtpmap, parse_fmtp):
            with suppress(ConfigurationError):
                read(line)
    with suppress(ConfigurationError):
        PayloadTypes.from_sdp([rtpmap, "111 opus/48000/2"], [fmtp])


@pytest.mark.parametrize(
    "line",
    ["", "111", "opus/48000/2", "111 opus", "111 opus/", "111 /8000", "111 a/8000/2/1", "128 a/8000",
     "-1 a/8000", "96 a/0", "96 a/8e3", "96 a/8000/0", "96 a/8000/256", "96 a b/8000", "96 a/1000001",
     "96 a/\u0663", "96 a/" + "9" * 5000, "96 a/8000\r\na=x", "96\ta/8000"],
)  # fmt: skip
def test_a_malformed_rtpmap_is_refused_in_a_short_text(line: str) -> None:
    """What the far end sends gets into logs; it must not fill them."""
    with pytest.raises(ConfigurationError) as refused:
        parse_rtpmap(line)
    assert len(str(refused.value)) < 150


@pytest.mark.parametrize("line", ["", "111", "x a=1", "128 a=1", "111 a=1\nm=audio"])
def test_a_malformed_fmtp_is_refused(line: str) -> None:
    with pytest.raises(ConfigurationError, match="fmtp"):
        parse_fmtp(line)


def test_parameters_are_read_whatever_their_spacing_and_case() -> None:
    assert parse_fmtp("111 MinPTime = 10 ; useinbandfec=1;;stereo;") == (
        111,
        {"minptime": "10", "useinbandfec": "1", "stereo": ""},
    )
    assert parse_fmtp("96 a=1;A=2;config=b64==")[1] == {"a": "2", "config": "b64=="}


@pytest.mark.parametrize(
    "parameters", [{"a": "1;b=2"}, {"a": "1\r\nm=audio"}, {"a\n": "1"}, {"a=b": "1"}, {"": "1"}]
)
def test_a_parameter_that_would_say_something_else_on_its_line_is_refused(
    parameters: dict[str, str],
) -> None:
    with pytest.raises(ConfigurationError, match="parameters"):
        PayloadFormat("x", 8000, 1, parameters)


@pytest.mark.parametrize(
    "change",
    [{"name": ""}, {"name": "a/b"}, {"clock_rate": 0}, {"clock_rate": 8000.0}, {"clock_rate": 1_000_001}, {"num_channels": 0}, {"num_channels": 256}],
)  # fmt: skip
def test_a_format_out_of_range_is_refused(change: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"name": "x", "clock_rate": 8000}
    with pytest.raises(ConfigurationError, match=next(iter(change))):
        PayloadFormat(**(fields | change))


def test_a_format_keeps_its_parameters_to_itself() -> None:
    given_ones = {"stereo": "1"}
    known = PayloadFormat("opus", 48_000, 2, given_ones)
    given_ones["stereo"] = "0"
    assert known.parameters == {"stereo": "1"}
    with pytest.raises(TypeError):
        known.parameters["stereo"] = "0"  # type: ignore[index]


def test_opus_without_parameters_is_as_rfc_7587_presumes() -> None:
    assert OpusParameters.of({}) == OpusParameters(
        use_in_band_fec=False,
        use_dtx=False,
        stereo=False,
        constant_bitrate=False,
        max_average_bitrate=None,
        max_playback_rate=48_000,
        ptime_ms=20,
        min_ptime_ms=3,
        max_ptime_ms=120,
    )


def test_every_opus_parameter_is_read() -> None:
    text = (
        "111 useinbandfec=1;usedtx=1;stereo=1;cbr=1;maxaveragebitrate=24000;maxplaybackrate=16000;"
        "ptime=40;minptime=10;maxptime=60;sprop-stereo=1;x-unknown=?"
    )
    read = OpusParameters.of(parse_fmtp(text)[1])
    assert read == OpusParameters(
        use_in_band_fec=True,
        use_dtx=True,
        stereo=True,
        constant_bitrate=True,
        max_average_bitrate=24_000,
        max_playback_rate=16_000,
        ptime_ms=40,
        min_ptime_ms=10,
        max_ptime_ms=60,
    )


@pytest.mark.parametrize(
    ("name", "field_name", "least", "most"),
    [
        ("maxaveragebitrate", "max_average_bitrate", 6000, 510_000),
        ("maxplaybackrate", "max_playback_rate", 8000, 48_000),
        ("ptime", "ptime_ms", 3, 120),
        ("minptime", "min_ptime_ms", 3, 120),
        ("maxptime", "max_ptime_ms", 3, 120),
    ],
)
def test_opus_numbers_beyond_their_bounds_become_the_bound(
    name: str, field_name: str, least: int, most: int
) -> None:
    """A call should not fail on a party that asks for too much."""
    for text, value in [
        ("0", least),
        (str(least), least),
        (str(most), most),
        (str(most + 1), most),
    ]:
        assert getattr(OpusParameters.of({name: text}), field_name) == value


@pytest.mark.parametrize("name", ["useinbandfec", "usedtx", "stereo", "cbr", "maxptime", "ptime"])
@pytest.mark.parametrize("text", ["", "yes", "-1", "1.0", "\u0661", "9" * 11])
def test_an_opus_parameter_that_is_no_number_is_refused(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        OpusParameters.of({name: text})


@given(
    st.builds(
        OpusParameters,
        use_in_band_fec=st.booleans(),
        use_dtx=st.booleans(),
        stereo=st.booleans(),
        constant_bitrate=st.booleans(),
        max_average_bitrate=st.none() | st.integers(6000, 510_000),
        max_playback_rate=st.integers(8000, 48_000),
        ptime_ms=st.integers(3, 120),
        min_ptime_ms=st.integers(3, 120),
        max_ptime_ms=st.integers(3, 120),
    )
)
def test_opus_parameters_come_back_from_what_they_say(wanted: OpusParameters) -> None:
    assert OpusParameters.of(wanted.parameters()) == wanted


def test_opus_parameters_say_only_what_is_not_presumed() -> None:
    assert OpusParameters().parameters() == {}
    wanted = OpusParameters(use_in_band_fec=True, min_ptime_ms=10).parameters()
    assert PayloadFormat("opus", 48_000, 2, wanted).fmtp(111) == "111 useinbandfec=1;minptime=10"
