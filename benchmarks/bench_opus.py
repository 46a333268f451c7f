"""Opus packets from samples and back, in frames of 20 ms: what Python adds to the same libopus in C.

    python benchmarks/bench_opus.py [speech.wav]

The baseline is a C loop, compiled here, over the very functions of the very library that rawmedia
calls. Rivals: PyAV and aiortc, each where it is installed, set to what rawmedia is set to (PyAV's
wheel brings the libopus that rawmedia finds first). aiortc as it comes encodes stereo at
96 kbit/s, which is shown too. Without a C compiler, rawmedia is the baseline.
"""

from __future__ import annotations

import os

# Before numpy loads: a second BLAS thread would be counted, and does not help products so small.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from harness import Rival, measure

from rawmedia.audio import SPEECH, WEBRTC, WIDEBAND_VOICE, AudioFormat, AudioFrame, FormatConverter
from rawmedia.codecs import libopus
from rawmedia.codecs.opus import OpusDecoder, OpusEncoder
from rawmedia.testing.signals import in_frames, speech_like

FRAME_MS, FRAMES = 20, 50
ROUNDS = 31  # short ones, so that neighbours meet the same machine
BITRATE, COMPLEXITY = 24_000, 7
OPUS = libopus.load()

C_SOURCE = """
#include <stdint.h>
typedef int32_t (*encode_t)(void *, const int16_t *, int, unsigned char *, int32_t);
typedef int (*decode_t)(void *, const unsigned char *, int32_t, int16_t *, int, int);

int encode_all(encode_t encode, void *state, const int16_t *pcm, int frame, int frames)
{
    unsigned char packet[3832];
    int total = 0;
    for (int i = 0; i < frames; i++)
        total += encode(state, pcm + i * frame, frame, packet, sizeof packet);
    return total;
}

int decode_all(decode_t decode, void *state, const unsigned char *packets, const int *sizes,
               int frames)
{
    int16_t pcm[5760 * 2];
    int total = 0;
    for (int i = 0; i < frames; packets += sizes[i++])
        total += decode(state, packets, sizes[i], pcm, 5760, 0);
    return total;
}

int both(encode_t encode, void *encoder, const int16_t *pcm, int frame, decode_t decode,
         void *decoder, const unsigned char *packets, const int *sizes, int frames)
{
    unsigned char packet[3832];
    int16_t out[5760 * 2];
    int total = 0;
    for (int i = 0; i < frames; packets += sizes[i++]) {
        total += decode(decoder, packets, sizes[i], out, 5760, 0);
        total += encode(encoder, pcm + i * frame, frame, packet, sizeof packet);
    }
    return total;
}
"""
C_DECLARATIONS = """
int encode_all(void *, void *, void *, int, int);
int decode_all(void *, void *, void *, void *, int);
int both(void *, void *, void *, int, void *, void *, void *, void *, int);
"""


def compiled() -> Any | None:
    """The loops in C, in this process, or None where nothing compiles them."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(C_DECLARATIONS)
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "loops.c"), Path(folder, "loops.so")
        source.write_text(C_SOURCE)
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
        return ffi.dlopen(str(library))


LOOPS = compiled()


def speech(format: AudioFormat) -> list[AudioFrame]:
    """A second of speech in this format, from a file where one is named."""
    if len(sys.argv) < 2:
        # The fainter noise of a room, so that no frame is the digital silence that costs nothing.
        audio = speech_like(FRAMES * FRAME_MS, seed=1, format=format).samples
        noise = np.random.default_rng(1).normal(0, 30, audio.shape)
        return in_frames(AudioFrame((audio * 0.9 + noise).astype(np.int16), format))
    import soundfile

    samples, rate = soundfile.read(sys.argv[1], dtype="int16", always_2d=True)
    converter = FormatConverter(AudioFormat(rate, samples.shape[1]), format)
    data = converter.push(samples.tobytes())[: format.samples(FRAMES * FRAME_MS) * 2]
    return in_frames(AudioFrame(data, format))


def encoder(format: AudioFormat) -> OpusEncoder:
    return OpusEncoder(format, bitrate=BITRATE, complexity=COMPLEXITY)


def joined(frames: list[AudioFrame]) -> Any:
    return np.concatenate([frame.samples for frame in frames])


def each(operation: Callable[[Any], Any], items: list[Any]) -> Rival:
    """All items, one after the other; the harness divides by their number."""

    def run() -> None:
        for item in items:
            operation(item)

    return run


def c_encode(format: AudioFormat, frames: list[AudioFrame]) -> Rival | None:
    if LOOPS is None:
        return None
    ffi, ours, pcm = OPUS.ffi, encoder(format), joined(frames)
    function, data = ffi.cast("void *", OPUS.lib.opus_encode), ffi.from_buffer(pcm)
    size = frames[0].samples_per_channel

    def run() -> None:
        assert LOOPS is not None
        assert LOOPS.encode_all(function, ours._state, data, size, len(frames)) > 0

    return run


def c_decode(format: AudioFormat, packets: list[bytes]) -> Rival | None:
    if LOOPS is None:
        return None
    ffi, ours = OPUS.ffi, OpusDecoder(format)
    function, data = ffi.cast("void *", OPUS.lib.opus_decode), b"".join(packets)
    held, sizes = ffi.from_buffer(data), ffi.new("int[]", [len(packet) for packet in packets])

    def run() -> None:
        assert LOOPS is not None
        assert LOOPS.decode_all(function, ours._state, held, sizes, len(packets)) > 0

    return run


def c_both(packets: list[bytes], frames: list[AudioFrame]) -> Rival | None:
    if LOOPS is None:
        return None
    ffi, down, up, pcm = OPUS.ffi, encoder(frames[0].format), OpusDecoder(SPEECH), joined(frames)
    encode = ffi.cast("void *", OPUS.lib.opus_encode)
    decode = ffi.cast("void *", OPUS.lib.opus_decode)
    data, packed = ffi.from_buffer(pcm), b"".join(packets)
    held, sizes = ffi.from_buffer(packed), ffi.new("int[]", [len(packet) for packet in packets])
    size = frames[0].samples_per_channel

    def run() -> None:
        assert LOOPS is not None
        total = LOOPS.both(
            encode, down._state, data, size, decode, up._state, held, sizes, len(frames)
        )
        assert total > 0

    return run


def our_both(packets: list[bytes], frames: list[AudioFrame], *, framed: bool) -> Rival:
    down, up = encoder(frames[0].format), OpusDecoder(SPEECH)
    pairs = [
        (packet, bytes(frame), frame.samples) for packet, frame in zip(packets, frames, strict=True)
    ]

    def through_arrays(pair: tuple[bytes, bytes, Any]) -> None:
        up.decode(pair[0])
        down.encode(pair[2])

    def through_frames(pair: tuple[bytes, bytes, Any]) -> None:
        _ = AudioFrame(up.decode(pair[0]), SPEECH).data
        down.encode(AudioFrame(pair[1], WIDEBAND_VOICE).samples)

    return each(through_frames if framed else through_arrays, pairs)


def pyav_options() -> dict[str, str]:
    return {
        "application": "voip",
        "compression_level": str(COMPLEXITY),
        "vbr": "constrained",
        "frame_duration": str(FRAME_MS),
    }


def pyav_encode(frames: list[AudioFrame]) -> Rival | None:
    if not importlib.util.find_spec("av"):
        return None
    import av

    context: Any = av.CodecContext.create("libopus", "w")
    context.bit_rate, context.format, context.layout = BITRATE, "s16", "mono"
    context.sample_rate, context.options = WEBRTC.sample_rate, pyav_options()
    pts = count(0, frames[0].samples_per_channel)

    def encode(samples: Any) -> list[bytes]:
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts = WEBRTC.sample_rate, next(pts)
        return [bytes(packet) for packet in context.encode(frame)]

    return each(encode, [frame.samples.reshape(1, -1) for frame in frames])


def aiortc_encode(frames: list[AudioFrame], *, as_it_comes: bool) -> Rival | None:
    if not importlib.util.find_spec("aiortc"):
        return None
    import av
    from aiortc.codecs.opus import OpusEncoder as Encoder

    codec: Any = Encoder()
    if not as_it_comes:
        codec.codec.bit_rate, codec.codec.layout = BITRATE, "mono"
        codec.codec.options = pyav_options()
        codec.resampler = av.AudioResampler(
            format="s16",
            layout="mono",
            rate=WEBRTC.sample_rate,
            frame_size=WEBRTC.samples(FRAME_MS),
        )
    pts = count(0, frames[0].samples_per_channel)

    def encode(samples: Any) -> list[bytes]:
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts = WEBRTC.sample_rate, next(pts)
        packets: list[bytes] = codec.encode(frame)[0]
        return packets

    return each(encode, [frame.samples.reshape(1, -1) for frame in frames])


def pyav_decode(packets: list[bytes]) -> Rival | None:
    if not importlib.util.find_spec("av"):
        return None
    import av

    context: Any = av.CodecContext.create("libopus", "r")
    context.format, context.layout, context.sample_rate = "s16", "mono", WEBRTC.sample_rate
    return each(
        lambda packet: [frame.to_ndarray() for frame in context.decode(av.Packet(packet))], packets
    )


def aiortc_decode(packets: list[bytes], *, as_it_comes: bool) -> Rival | None:
    if not importlib.util.find_spec("aiortc"):
        return None
    from aiortc.codecs.opus import OpusDecoder as Decoder
    from aiortc.jitterbuffer import JitterFrame

    codec: Any = Decoder()
    if not as_it_comes:
        codec.codec.layout = "mono"
    timestamps = count(0, WEBRTC.samples(FRAME_MS))

    def decode(packet: bytes) -> list[Any]:
        frame = JitterFrame(data=packet, timestamp=next(timestamps))
        return [decoded.to_ndarray() for decoded in codec.decode(frame)]

    return each(decode, packets)


def main() -> None:
    print(f"libopus {OPUS.version} from {Path(OPUS.path).name}")
    print(
        f"voip, {BITRATE // 1000} kbit/s, complexity {COMPLEXITY}, constrained VBR, no FEC, no DTX, "
        f"mono, {FRAME_MS} ms; {Path(sys.argv[1]).name if sys.argv[1:] else 'speech-like signal'}"
    )
    baseline = "C"
    if LOOPS is None:
        baseline = "rawmedia"
        print("The C loops are skipped: no C compiler here. What they would say is not known.")
    ratios = f"one frame; ratio: this one's time by {baseline}'s"
    frames = speech(WEBRTC)
    arrays, data = [frame.samples for frame in frames], [bytes(frame) for frame in frames]
    floats = [(array / 32_768).astype(np.float32) for array in arrays]
    first = encoder(WEBRTC)
    packets = [first.encode(array) for array in arrays]
    framed = encoder(WEBRTC)
    measure(
        {
            "C loop, same libopus": c_encode(WEBRTC, frames),
            "rawmedia": each(encoder(WEBRTC).encode, arrays),
            "rawmedia, bytes, AudioFrame": each(
                lambda one: framed.encode(AudioFrame(one, WEBRTC).samples), data
            ),
            "rawmedia, float32": each(encoder(WEBRTC).encode, floats),
            "PyAV": pyav_encode(frames),
            "aiortc, set to the same": aiortc_encode(frames, as_it_comes=False),
            "aiortc, 96 kbit/s stereo": aiortc_encode(frames, as_it_comes=True),
        },
        title=f"Encode, 48 kHz samples to a packet; {ratios}",
        operations=FRAMES,
        rounds=ROUNDS,
        number=1,
    )
    wrapped = OpusDecoder(WEBRTC)
    measure(
        {
            "C loop, same libopus": c_decode(WEBRTC, packets),
            "rawmedia": each(OpusDecoder(WEBRTC).decode, packets),
            "rawmedia, to AudioFrame": each(
                lambda packet: AudioFrame(wrapped.decode(packet), WEBRTC), packets
            ),
            "PyAV": pyav_decode(packets),
            "aiortc, mono": aiortc_decode(packets, as_it_comes=False),
            "aiortc, stereo": aiortc_decode(packets, as_it_comes=True),
        },
        title=f"Decode, a packet to 48 kHz samples; {ratios}",
        operations=FRAMES,
        rounds=ROUNDS,
        number=4,
    )
    synthesized = speech(WIDEBAND_VOICE)
    measure(
        {
            "C loop, same libopus": c_both(packets, synthesized),
            "rawmedia": our_both(packets, synthesized, framed=False),
            "rawmedia, AudioFrames of bytes": our_both(packets, synthesized, framed=True),
        },
        title=f"A leg both ways: a packet to 16 kHz, and 24 kHz to a packet; {ratios}",
        operations=FRAMES,
        rounds=ROUNDS,
        number=1,
    )


if __name__ == "__main__":
    main()
