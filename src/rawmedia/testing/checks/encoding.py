"""What an encoder promises: whose the samples are, what it refuses, and who owns the state."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rawmedia.testing.checks.broken import require, skip
from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.codec_trial import CodecTrial, in_other_threads, refuses
from rawmedia.testing.checks.leftovers import MemoryGrowth

if TYPE_CHECKING:
    from collections.abc import Iterator


_ENCODER = "rawmedia.codecs.codec.Encoder"
_ROUNDS = 10
_MAX_GROWTH_MIB = 0.25

ENCODER_CHECKS: CheckList[CodecTrial] = CheckList()


@ENCODER_CHECKS.promise("encode gives bytes.", f"{_ENCODER}.encode")
async def payloads_are_bytes(trial: CodecTrial) -> None:
    """A view of a buffer would change under the transport that sends it."""
    for payload in trial.payloads():
        require(type(payload) is bytes, f"encode() gave a {type(payload).__name__}.")


@ENCODER_CHECKS.promise(
    "Mono samples may have the shape (n,) as well as (n, 1).", f"{_ENCODER}.encode"
)
async def mono_needs_no_second_axis(trial: CodecTrial) -> None:
    """It is what most programs have."""
    if trial.format.num_channels != 1:
        skip("the encoder does not take mono")
    flat = trial.payloads([frame[:, 0] for frame in trial.frames])
    require(
        flat == trial.payloads(), "frames of shape (n,) gave other payloads than those of (n, 1)."
    )


@ENCODER_CHECKS.promise(
    "The samples are read before encode returns and not kept.", f"{_ENCODER}.encode"
)
async def samples_are_not_kept(trial: CodecTrial) -> None:
    """A capture loop fills one array again and again."""
    encoder, expected = trial.make_encoder(), trial.payloads()
    memory = np.empty_like(trial.frames[0])
    payloads = []
    for frame in trial.frames:
        memory[:] = frame
        payloads.append(encoder.encode(memory))
        require(
            bool(np.array_equal(memory, frame)),
            "encode() wrote into the samples that it was given.",
        )
        memory[:] = 12_345
    require(
        payloads == expected,
        "the array was overwritten after each encode(), and the payloads were other ones.",
    )


@ENCODER_CHECKS.promise(
    "Samples of another type or shape raise PayloadError.", f"{_ENCODER}.encode"
)
async def strange_samples_are_refused(trial: CodecTrial) -> None:
    """Else floats of [-1, 1] become silence, and nobody is told."""
    for what, samples in _strange(trial):
        require(refuses(partial(trial.make_encoder().encode, samples)), f"encode() took {what}.")


@ENCODER_CHECKS.promise("After a PayloadError the state is as before.", f"{_ENCODER}.encode")
async def a_refused_frame_leaves_no_trace(trial: CodecTrial) -> None:
    """One bad frame must not be heard in the good ones after it."""
    encoder, expected = trial.make_encoder(), trial.payloads()
    for number, frame in enumerate(trial.frames):
        for _, samples in _strange(trial):
            refuses(partial(encoder.encode, samples))
        require(
            encoder.encode(frame) == expected[number],
            f"frames were refused, and frame {number} then gave another payload than without.",
        )


@ENCODER_CHECKS.promise(
    "reset forgets the audio so far; the next frame begins a stream.", f"{_ENCODER}.reset"
)
async def a_reset_encoder_is_like_a_new_one(trial: CodecTrial) -> None:
    """A new call on an old encoder must not begin with an echo of the last."""
    encoder = trial.make_encoder()
    for frame in trial.frames[::-1]:
        encoder.encode(frame)
    encoder.reset()
    payloads = [encoder.encode(frame) for frame in trial.frames]
    require(
        payloads == trial.payloads(), "after reset() it gave other payloads than a new encoder."
    )


@ENCODER_CHECKS.promise("Two encoders share nothing.", _ENCODER)
async def encoders_share_nothing(trial: CodecTrial) -> None:
    """Many calls run in one process."""
    one, other = trial.make_encoder(), trial.make_encoder()
    payloads = []
    for frame, strange in zip(trial.frames, trial.frames[::-1], strict=True):
        payloads.append(one.encode(frame))
        other.encode(strange)
    require(
        payloads == trial.payloads(),
        "another encoder encoded other audio in turn with it, and the payloads were other ones.",
    )


@ENCODER_CHECKS.promise("It may be handed from thread to thread.", _ENCODER)
async def an_encoder_goes_from_thread_to_thread(trial: CodecTrial) -> None:
    """A pool serves each frame in whatever thread is free."""
    encoder = trial.make_encoder()
    payloads = in_other_threads(partial(encoder.encode, frame) for frame in trial.frames)
    require(payloads == trial.payloads(), "in turn in two threads it gave other payloads.")


@ENCODER_CHECKS.promise("format says what it takes, and stays.", f"{_ENCODER}.format")
async def an_encoder_keeps_its_format(trial: CodecTrial) -> None:
    """Whoever resamples for it asks once."""
    encoder = trial.make_encoder()
    before = encoder.format
    for frame in trial.frames:
        encoder.encode(frame)
    encoder.reset()
    require(encoder.format == before, f"it was {before} and then {encoder.format}.")


@ENCODER_CHECKS.promise("An encoder costs the same however long the stream is.", _ENCODER)
async def an_encoder_does_not_grow(trial: CodecTrial) -> None:
    """A call may last for hours; what was read is not kept."""
    encoder = trial.make_encoder()
    encoder.encode(trial.frames[0])
    with MemoryGrowth() as memory:
        for _ in range(_ROUNDS):
            for frame in trial.frames:
                encoder.encode(frame.copy())
    frames = _ROUNDS * len(trial.frames)
    require(
        memory.mebibytes < _MAX_GROWTH_MIB,
        f"memory grew by {memory.mebibytes:.2f} MiB in {frames} frames.",
    )


def _strange(trial: CodecTrial) -> Iterator[tuple[str, Any]]:
    """What no encoder takes."""
    frame, channels = trial.frames[0], trial.format.num_channels
    yield "bytes", frame.tobytes()
    yield "nothing", None
    yield "float64 samples", frame.astype(np.float64)
    yield "int32 samples", frame.astype(np.int32)
    yield "an array of another byte order", frame.astype(">i2")
    yield f"{channels + 1} channels", np.zeros((len(frame), channels + 1), np.int16)
    yield "an array of three axes", frame[:, :, np.newaxis]


__all__ = ["ENCODER_CHECKS"]
