"""G.711: a frame of 160 samples encoded, decoded, translated from law to law, and concealed.

    python benchmarks/bench_g711.py

Rivals: the standard library's ``audioop`` (up to Python 3.12; from 3.13 on the package audioop-lts),
whose values are bytes, and PyAV's codecs (FFmpeg's), which make and take their own frames, as
aiortc uses them.
"""

from __future__ import annotations

import os

# Before numpy loads: a second BLAS thread would be counted, and does not help products so small.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import importlib.util
import warnings
from functools import partial
from typing import Any

import numpy as np
from harness import Rival, measure

from rawmedia.audio.format import TELEPHONY, WEBRTC
from rawmedia.codecs.g711 import ULawDecoder, ULawEncoder, ulaw_to_alaw
from rawmedia.codecs.pcm import LinearPcmDecoder, LinearPcmEncoder

SIZE = 160


def audioop() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if not importlib.util.find_spec("audioop"):
            return None
        import audioop

    return audioop


def pyav_encode(samples: Any) -> Rival | None:
    if not importlib.util.find_spec("av"):
        return None
    import av

    codec: Any = av.CodecContext.create("pcm_mulaw", "w")
    codec.format, codec.layout, codec.sample_rate = "s16", "mono", 8_000
    codec.open()
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = 8_000
    return lambda: [bytes(packet) for packet in codec.encode(frame)]


def pyav_decode(payload: bytes) -> Rival | None:
    if not importlib.util.find_spec("av"):
        return None
    import av

    codec: Any = av.CodecContext.create("pcm_mulaw", "r")
    codec.format, codec.layout, codec.sample_rate = "s16", "mono", 8_000
    return lambda: [frame.to_ndarray() for frame in codec.decode(av.Packet(payload))]


def main() -> None:
    rng = np.random.default_rng(1)
    samples = (rng.standard_normal((SIZE, 1)) * 3_000).astype(np.int16)
    data = samples.tobytes()
    encoder, decoder = ULawEncoder(), ULawDecoder()
    payload = encoder.encode(samples)
    old = audioop()
    ratios = "ratio: this one's time by rawmedia's"
    measure(
        {
            "rawmedia": partial(encoder.encode, samples),
            "audioop": old and partial(old.lin2ulaw, data, 2),
            "PyAV": pyav_encode(samples),
        },
        title=f"Encoding {SIZE} samples to mu-law; {ratios}",
    )
    measure(
        {
            "rawmedia": partial(decoder.decode, payload),
            "audioop": old and partial(old.ulaw2lin, payload, 2),
            "PyAV": pyav_decode(payload),
        },
        title=f"Decoding {SIZE} samples of mu-law; {ratios}",
    )

    def both() -> Any:
        return decoder.decode(encoder.encode(samples))

    measure(
        {
            "rawmedia": both,
            "audioop": old and (lambda: old.ulaw2lin(old.lin2ulaw(data, 2), 2)),
        },
        title=f"Both; {ratios}",
    )
    measure(
        {
            "rawmedia": partial(ulaw_to_alaw, payload),
            "audioop, by way of samples": old
            and (lambda: old.lin2alaw(old.ulaw2lin(payload, 2), 2)),
        },
        title=f"From mu-law to A-law; {ratios}",
    )
    measure(others(decoder, payload), title="Other ways, one frame of 20 ms; ratio: by the first")


def others(decoder: ULawDecoder, payload: bytes) -> dict[str, Rival | None]:
    """A hole and the return from it, and linear PCM in some encodings."""
    wide = (np.random.default_rng(2).standard_normal((960, 1)) * 3_000).astype(np.int16)
    calls: dict[str, Rival | None] = {}

    def hole() -> None:
        decoder.decode(payload)
        decoder.conceal(SIZE)

    calls["a hole of 20 ms at 8 kHz, and a frame that fades in"] = hole
    narrow = LinearPcmEncoder(TELEPHONY, "s16be")
    calls["L16 at 8 kHz, encoding"] = partial(narrow.encode, wide[:SIZE])
    for encoding in ("s16le", "s24le", "f32le"):
        encoder = LinearPcmEncoder(WEBRTC, encoding)
        reader = LinearPcmDecoder(WEBRTC, encoding)
        calls[f"{encoding} at 48 kHz, encoding"] = partial(encoder.encode, wide)
        calls[f"{encoding} at 48 kHz, decoding"] = partial(reader.decode, encoder.encode(wide))
    return calls


if __name__ == "__main__":
    main()
