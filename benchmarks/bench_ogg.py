"""Ogg Opus as it arrives: how much must be there before there is sound, and what it costs.

    python benchmarks/bench_ogg.py

First sound: a stream of 3 s is fed in pieces of 50 bytes; counted is the media, in whole packets,
within what was fed when the first sample came out. Rivals: PyAV (told to buffer and probe as
little as it can), python-soundfile on a pipe, and sphn's OpusStreamReader, each where it is
installed. Cost: CPU time for each 20 ms. sphn encodes at 62 kbit/s and cannot be told otherwise.
"""

from __future__ import annotations

import os

# Before numpy loads: a second BLAS thread would be counted, and does not help products so small.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import fcntl
import importlib.util
import io
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from harness import Rival, measure

from rawmedia.audio.format import WEBRTC
from rawmedia.codecs.ogg import OggOpusDemuxer
from rawmedia.codecs.ogg_items import OggPacket
from rawmedia.codecs.ogg_muxer import OggOpusMuxer
from rawmedia.codecs.ogg_opus import OggOpusDecoder, OggOpusEncoder
from rawmedia.codecs.opus import OpusDecoder, OpusEncoder
from rawmedia.testing.signals import speech_like

FRAME, FRAME_MS, PIECE = 960, 20, 50
BITRATE, COMPLEXITY = 24_000, 5
SETTLE_S = 0.01
"""How long a reader of a pipe has to take what is in it, for every piece."""

FirstSound = Callable[[list[bytes]], int]
"""Pieces in; how many of them were fed when the first sample came out."""


def encoder() -> OpusEncoder:
    """Of constant bitrate: every packet is longer than a piece, so that no piece has two."""
    return OpusEncoder(WEBRTC, bitrate=BITRATE, complexity=COMPLEXITY, vbr=False)


def stream(duration_ms: float, packets_per_page: int) -> bytes:
    """Something like speech, as Ogg Opus."""
    maker = OggOpusEncoder(WEBRTC, encoder=encoder(), packets_per_page=packets_per_page)
    samples = speech_like(duration_ms, seed=1, format=WEBRTC).samples
    return maker.push(samples) + maker.end()


def packets_of(data: bytes) -> list[bytes]:
    return [item.data for item in OggOpusDemuxer().push(data) if isinstance(item, OggPacket)]


def media_ms(data: bytes) -> float:
    """How much audio is in there, in whole packets."""
    items = OggOpusDemuxer().push(data)
    return sum(item.duration for item in items if isinstance(item, OggPacket)) / 48


def ours(*, check_crc: bool = False) -> FirstSound:
    def feed(pieces: list[bytes]) -> int:
        decoder = OggOpusDecoder(WEBRTC, check_crc=check_crc)
        return next(index for index, one in enumerate(pieces, 1) if len(decoder.push(one)))

    return feed


def sphn() -> FirstSound | None:
    if not importlib.util.find_spec("sphn"):
        return None
    import sphn

    def feed(pieces: list[bytes]) -> int:
        reader = sphn.OpusStreamReader(48_000)
        return next(index for index, one in enumerate(pieces, 1) if len(reader.append_bytes(one)))

    return feed


class Pieces:
    """A file that gives one piece at a time, and knows how many were asked for."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces, self.given = pieces, 0

    def read(self, _: int) -> bytes:
        """The next piece, however much is asked for."""
        if self.given == len(self.pieces):
            return b""
        self.given += 1
        return self.pieces[self.given - 1]


def pyav_frames(file: Any) -> Iterator[Any]:
    import av

    options = {"fflags": "nobuffer", "probesize": "32", "analyzeduration": "0"}
    with av.open(file, format="ogg", options=options, buffer_size=512) as container:
        yield from container.decode(audio=0)


def pyav() -> FirstSound | None:
    if not importlib.util.find_spec("av"):
        return None

    def feed(pieces: list[bytes]) -> int:
        file = Pieces(pieces)
        next(pyav_frames(file))
        return file.given

    return feed


def soundfile_pipe() -> FirstSound | None:
    if not importlib.util.find_spec("soundfile"):
        return None
    import soundfile

    def read(descriptor: int, sounded: threading.Event) -> None:
        with soundfile.SoundFile(descriptor, closefd=True) as sound:
            if len(sound.read(FRAME // 2)):
                sounded.set()
            while len(sound.read(FRAME)):
                pass

    def feed(pieces: list[bytes]) -> int:
        source, target = os.pipe()
        sounded = threading.Event()
        reader = threading.Thread(target=read, args=(source, sounded), daemon=True)
        reader.start()
        fed = 0
        for one in pieces:
            os.write(target, one)
            fed += 1
            while waiting(target) and not sounded.is_set():
                time.sleep(SETTLE_S / 10)
            if sounded.wait(SETTLE_S):
                break
        for one in pieces[fed:]:
            os.write(target, one)
        os.close(target)
        reader.join(timeout=10)
        return fed

    return feed


def waiting(descriptor: int) -> int:
    """How many bytes are in a pipe."""
    size: int = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))[0]
    return size


def print_first_sounds() -> None:
    rivals: dict[str, FirstSound | None] = {
        "rawmedia": ours(),
        "rawmedia, checked pages": ours(check_crc=True),
        "sphn": sphn(),
        "PyAV": pyav(),
        "soundfile, on a pipe": soundfile_pipe(),
    }
    width = max(map(len, rivals))
    print("\nMedia that must be there before the first sample comes out, ms")
    print(f"{'':{width}}  20 ms pages  100 ms pages  1 s pages")
    streams = [stream(3_000, count) for count in (1, 5, 50)]
    for name, feed in rivals.items():
        if feed is None:
            print(f"{name:{width}}  not installed")
            continue
        figures = []
        for data in streams:
            pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
            figures.append(media_ms(b"".join(pieces[: feed(pieces)])))
        print(f"{name:{width}}  {figures[0]:11.0f}  {figures[1]:12.0f}  {figures[2]:9.0f}")


def decoding(data: bytes, step: int | None) -> dict[str, Rival | None]:
    """Whole streams: demuxed and decoded, in pieces of ``step`` bytes or a page each."""
    pages = [b"OggS" + page for page in data.split(b"OggS")[1:]]
    pieces = pages if step is None else [data[at : at + step] for at in range(0, len(data), step)]
    packets = packets_of(data)

    def packets_only() -> None:
        decoder = OpusDecoder(WEBRTC)
        for one in packets:
            decoder.decode(one)

    def demuxed() -> None:
        demuxer = OggOpusDemuxer()
        for one in pieces:
            demuxer.push(one)

    def decoded(*, check_crc: bool) -> None:
        decoder = OggOpusDecoder(WEBRTC, check_crc=check_crc)
        for one in pieces:
            decoder.push(one)

    return {
        "rawmedia": lambda: decoded(check_crc=False),
        "rawmedia, checked pages": lambda: decoded(check_crc=True),
        "rawmedia, packets alone": packets_only,
        "rawmedia, demuxer alone": demuxed,
        "sphn": sphn_decoding(pieces),
        "PyAV, whole file": pyav_decoding(data),
        "soundfile, whole file": soundfile_decoding(data),
    }


def sphn_decoding(pieces: list[bytes]) -> Rival | None:
    if not importlib.util.find_spec("sphn"):
        return None
    import sphn

    def run() -> None:
        reader = sphn.OpusStreamReader(48_000)
        for one in pieces:
            reader.append_bytes(one)

    return run


def pyav_decoding(data: bytes) -> Rival | None:
    if not importlib.util.find_spec("av"):
        return None
    return lambda: [frame.to_ndarray() for frame in pyav_frames(io.BytesIO(data))]


def soundfile_decoding(data: bytes) -> Rival | None:
    if not importlib.util.find_spec("soundfile"):
        return None
    import soundfile

    def run() -> None:
        with soundfile.SoundFile(io.BytesIO(data)) as sound:
            while len(sound.read(FRAME, dtype="int16")):
                pass

    return run


def encoding(duration_ms: float) -> dict[str, Rival | None]:
    samples = speech_like(duration_ms, seed=1, format=WEBRTC).samples
    frames = np.split(samples, len(samples) // FRAME)
    packets = packets_of(stream(duration_ms, 1))

    def made() -> None:
        maker = OggOpusEncoder(WEBRTC, encoder=encoder())
        for one in frames:
            maker.push(one)
        maker.end()

    def packets_only() -> None:
        codec = encoder()
        for one in frames:
            codec.encode(one)

    def muxed(per_page: int) -> None:
        muxer = OggOpusMuxer(packets_per_page=per_page)
        for one in packets:
            muxer.push(one)
        muxer.end()

    return {
        "rawmedia": made,
        "rawmedia, packets alone": packets_only,
        "rawmedia, muxer alone, 20 ms pages": lambda: muxed(1),
        "rawmedia, muxer alone, 1 s pages": lambda: muxed(50),
        "PyAV, 20 ms pages": pyav_encoding(frames),
        "sphn (62 kbit/s)": sphn_encoding(frames),
    }


def pyav_encoding(frames: list[Any]) -> Rival | None:
    if not importlib.util.find_spec("av"):
        return None
    import av

    def run() -> None:
        pages = {"page_duration": str(FRAME_MS * 1_000)}
        settings = {"compression_level": str(COMPLEXITY), "application": "voip"}
        with av.open(io.BytesIO(), "w", format="ogg", options=pages) as container:
            track = container.add_stream("libopus", rate=48_000, layout="mono", options=settings)
            track.bit_rate = BITRATE
            for one in frames:
                frame = av.AudioFrame.from_ndarray(one.reshape(1, -1), "s16", "mono")
                frame.sample_rate = 48_000
                container.mux(track.encode(frame))
            container.mux(track.encode(None))

    return run


def sphn_encoding(frames: list[Any]) -> Rival | None:
    if not importlib.util.find_spec("sphn"):
        return None
    import sphn

    floats = [one[:, 0].astype(np.float32) / 32_768 for one in frames]

    def run() -> None:
        writer = sphn.OpusStreamWriter(48_000)
        for one in floats:
            writer.append_pcm(one)

    return run


def main() -> None:
    print_first_sounds()
    duration_ms = 10_000
    count = duration_ms // FRAME_MS
    ratios = "ratio: this one's time by rawmedia's"
    for title, per_page, step in (
        ("20 ms pages, a page at a time", 1, None),
        (f"1 s pages, {PIECE} bytes at a time", 50, PIECE),
    ):
        measure(
            decoding(stream(duration_ms, per_page), step),
            title=f"Ogg to samples, {FRAME_MS} ms, {title}; {ratios}",
            operations=count,
        )
    measure(
        encoding(duration_ms),
        title=f"Samples to Ogg, {FRAME_MS} ms at {BITRATE // 1000} kbit/s, complexity {COMPLEXITY}; {ratios}",
        operations=count,
    )


if __name__ == "__main__":
    main()
