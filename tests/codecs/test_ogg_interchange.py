"""Ogg Opus of other programs read here, and ours read by them: as long, and the same sound."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from ogg_kit import (
    FRAME,
    audio_pages,
    header_pages,
    in_cuts,
    joined,
    only_gaps,
    only_packets,
    read_wav,
    run_program,
    speech,
    write_wav,
)

from rawmedia.audio.format import SPEECH, TELEPHONY, WEBRTC, AudioFormat
from rawmedia.codecs.ogg import OggOpusDemuxer
from rawmedia.codecs.ogg_items import OggDamage
from rawmedia.codecs.ogg_muxer import OggOpusMuxer
from rawmedia.codecs.ogg_opus import OggOpusDecoder, OggOpusEncoder
from rawmedia.codecs.ogg_page import OpusHead
from rawmedia.codecs.opus import OpusDecoder, OpusEncoder
from rawmedia.testing.compare import snr_db

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rawmedia.audio.pcm import Int16Samples

    Reader = Callable[[Path, Path], Int16Samples]
    Writer = Callable[[Path, Path], None]

STEREO = AudioFormat(48_000, 2)
SAME_DB = 30
"""How alike two decoders' output of the same packets is at the least: versions of libopus differ."""


def by_opusdec(path: Path, scratch: Path) -> Int16Samples:
    run_program("opusdec", "--quiet", "--rate", "48000", "--no-dither", path, scratch)
    return read_wav(scratch)


def by_ffmpeg(path: Path, scratch: Path) -> Int16Samples:
    run_program("ffmpeg", "-v", "error", "-y", "-c:a", "libopus", "-i", path, scratch)
    return read_wav(scratch)


def by_libsndfile(path: Path, scratch: Path) -> Int16Samples:
    return read_wav(path)


READERS = [by_opusdec, by_ffmpeg, by_libsndfile]


@pytest.mark.parametrize("read", READERS, ids=lambda read: str(read.__name__))
@pytest.mark.parametrize("per_page", [1, 5, 50])
@pytest.mark.parametrize("format", [WEBRTC, STEREO], ids=str)
def test_what_we_make_others_read_to_the_sample(
    read: Reader, per_page: int, format: AudioFormat, tmp_path: Path
) -> None:
    """Headers, checksums, granule positions, pre-skip and end are as they expect."""
    samples = speech(1_234, format)[:-17]
    encoder = OpusEncoder(format, complexity=0, bitrate=96_000)
    maker = OggOpusEncoder(format, encoder=encoder, packets_per_page=per_page)
    data = maker.push(samples) + maker.end()
    path = tmp_path / "ours.opus"
    path.write_bytes(data)

    got = read(path, tmp_path / "read.wav")

    assert got.shape == samples.shape
    ours = OggOpusDecoder(format).push(data)
    assert snr_db(ours, got, format=format) > SAME_DB
    assert snr_db(samples, got, format=format) > 8


@pytest.mark.parametrize("read", [by_opusdec, by_ffmpeg], ids=lambda read: str(read.__name__))
@pytest.mark.parametrize("format", [TELEPHONY, SPEECH], ids=str)
def test_what_we_make_of_telephone_sound_is_as_long_at_48_khz(
    read: Reader, format: AudioFormat, tmp_path: Path
) -> None:
    samples = speech(777, format)[:-3]
    maker = OggOpusEncoder(format)
    path = tmp_path / "ours.opus"
    path.write_bytes(maker.push(samples) + maker.end())
    assert len(read(path, tmp_path / "read.wav")) == len(samples) * 48_000 // format.sample_rate


@pytest.mark.parametrize("read", READERS, ids=lambda read: str(read.__name__))
def test_a_stream_that_ends_with_an_empty_page_is_read(read: Reader, tmp_path: Path) -> None:
    """That is how a live one ends whose last packet has left."""
    encoder = OpusEncoder(WEBRTC)
    samples = speech(200)
    muxer = OggOpusMuxer(OpusHead(1, 312))
    data = b"".join(
        muxer.push(encoder.encode(samples[at : at + FRAME])) for at in range(0, 9_600, FRAME)
    )
    path = tmp_path / "live.opus"
    path.write_bytes(data + muxer.end())
    assert len(read(path, tmp_path / "read.wav")) == 9_600 - 312


def opusenc(source: Path, target: Path, *options: str) -> None:
    run_program("opusenc", "--quiet", "--bitrate", "32", "--comp", "0", *options, source, target)


def ffmpeg(source: Path, target: Path, *options: str) -> None:
    codec = ("-c:a", "libopus", "-compression_level", "0")
    run_program("ffmpeg", "-v", "error", "-y", "-i", source, *codec, *options, target)


def libsndfile(source: Path, target: Path) -> None:
    samples, rate = soundfile.read(source, dtype="int16", always_2d=True)
    with soundfile.SoundFile(
        target, "w", rate, samples.shape[1], format="OGG", subtype="OPUS"
    ) as out:
        out.write(samples)


def pyav(source: Path, target: Path, page_us: int) -> None:
    """As browsers record: pages of some packets."""
    av = pytest.importorskip("av")
    samples, rate = soundfile.read(source, dtype="int16", always_2d=True)
    layout = {1: "mono", 2: "stereo"}[samples.shape[1]]
    with av.open(
        str(target), "w", format="ogg", options={"page_duration": str(page_us)}
    ) as container:
        stream = container.add_stream("libopus", rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


WRITERS: dict[str, Writer] = {
    "opusenc, 1 s pages": opusenc,
    "opusenc, 20 ms pages": lambda source, target: opusenc(source, target, "--max-delay", "20"),
    "opusenc, 60 ms frames": lambda source, target: opusenc(source, target, "--framesize", "60"),
    "opusenc, 2.5 ms frames": lambda source, target: opusenc(source, target, "--framesize", "2.5"),
    "ffmpeg, 1 s pages": ffmpeg,
    "ffmpeg, 20 ms pages": lambda source, target: ffmpeg(source, target, "-page_duration", "20000"),
    "ffmpeg, 60 ms pages": lambda source, target: ffmpeg(source, target, "-page_duration", "60000"),
    "ffmpeg, pages of 200 bytes": lambda source, target: ffmpeg(source, target, "-pagesize", "200"),
    "libsndfile": libsndfile,
    "PyAV, 60 ms pages": lambda source, target: pyav(source, target, 60_000),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("format", [WEBRTC, STEREO], ids=str)
def test_what_others_make_we_read_to_the_sample(
    writer: str, format: AudioFormat, tmp_path: Path
) -> None:
    """In any cuts, without finding anything missing or wrong, and with every checksum right."""
    samples = speech(2_345, format)[:-11]
    path = tmp_path / "theirs.opus"
    WRITERS[writer](write_wav(tmp_path / "source.wav", samples, format), path)
    data = path.read_bytes()

    decoder = OggOpusDecoder(format)
    parts = [decoder.push(part) for part in in_cuts(data, range(0, len(data), 50))]
    got = np.concatenate([*parts, decoder.end()])

    assert got.shape == samples.shape
    checked = OggOpusDecoder(format, check_crc=True)
    np.testing.assert_array_equal(checked.push(data), got)
    assert decoder.counts == checked.counts == type(decoder.counts)()
    theirs = by_libsndfile(path, path)
    assert snr_db(theirs, got, format=format) > SAME_DB
    assert snr_db(samples, got, format=format) > 3


def test_the_first_sound_of_a_file_comes_with_its_first_packet(tmp_path: Path) -> None:
    """opusenc puts a second into a page; what needs to be there is 20 ms of it."""
    path = tmp_path / "theirs.opus"
    opusenc(write_wav(tmp_path / "source.wav", speech(2_500), WEBRTC), path)
    data = path.read_bytes()
    demuxer, decoder = OggOpusDemuxer(), OggOpusDecoder()
    received = 0
    for at in range(len(data)):
        received += sum(one.duration for one in only_packets(demuxer.push(data[at : at + 1])))
        if len(decoder.push(data[at : at + 1])):
            break
    assert received == FRAME


def test_a_file_of_telephone_sound_is_read_at_its_own_rate(tmp_path: Path) -> None:
    samples = speech(1_111, SPEECH)
    path = tmp_path / "theirs.opus"
    opusenc(write_wav(tmp_path / "source.wav", samples, SPEECH), path)
    decoder = OggOpusDecoder(SPEECH)
    assert len(decoder.push(path.read_bytes())) == len(samples)


@pytest.mark.parametrize("segments", [1, 2, 4, 7])
def test_a_recording_of_a_browser_is_read(segments: int) -> None:
    """Packets go on over pages, those without an end have granule -1, and nothing says the end."""
    encoder = OpusEncoder(WEBRTC, bitrate=256_000, vbr=False)
    samples = speech(600)
    data = [encoder.encode(samples[at : at + FRAME]) for at in range(0, len(samples), FRAME)]
    assert all(len(one) > 510 for one in data), "each takes three lacing values or more"
    head = OpusHead(1, 312)
    pages = header_pages(head) + audio_pages(data, [FRAME] * len(data), segments)
    assert any(page.granule == -1 for page in pages) == (segments < 3)
    assert any(page.flags & 1 for page in pages)

    whole = joined(pages)
    found = OggOpusDemuxer().push(whole)
    decoder = OggOpusDecoder()
    got = [decoder.push(part) for part in in_cuts(whole, range(0, len(whole), 97))]

    assert [one.data for one in only_packets(found)] == data
    assert not only_gaps(found)
    assert not any(isinstance(one, OggDamage) for one in found)
    plain = OpusDecoder(WEBRTC)
    expected = np.concatenate([plain.decode(one) for one in data])[312:]
    np.testing.assert_array_equal(np.concatenate(got), expected)
    assert len(decoder.end()) == 0


def test_chained_files_of_others_are_read_as_one(tmp_path: Path) -> None:
    """As `cat` makes them, and as web radio sends them."""
    parts = []
    for seed, shape in ((1, WEBRTC), (2, STEREO)):
        samples = speech(500, shape, seed)
        path = tmp_path / f"{seed}.opus"
        libsndfile(write_wav(tmp_path / "source.wav", samples, shape), path)
        parts.append(path.read_bytes())
    decoder = OggOpusDecoder()
    got = decoder.push(b"".join(parts))
    assert len(got) == 48_000
    assert decoder.end().shape == (0, 1)
    second = OggOpusDecoder().push(parts[1])
    np.testing.assert_array_equal(got[24_000:], second)


def test_what_we_chain_others_read_as_one(tmp_path: Path) -> None:
    maker = OggOpusEncoder(WEBRTC)
    data = io.BytesIO()
    for seed in (1, 2):
        data.write(maker.push(speech(300, WEBRTC, seed)) + maker.end())
    path = tmp_path / "chained.opus"
    path.write_bytes(data.getvalue())
    assert len(by_opusdec(path, tmp_path / "read.wav")) == 28_800
