"""What a decoder promises of payloads, any bytes among them, and of its arrays and its state."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.errors import PayloadError
from rawmedia.testing.checks.broken import broke, require, skip
from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.codec_trial import (
    CodecTrial,
    in_other_threads,
    require_samples,
    same,
)
from rawmedia.testing.checks.leftovers import MemoryGrowth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawmedia.testing.checks.codec_trial import Samples

_DECODER = "rawmedia.codecs.codec.Decoder"
_ROUNDS = 10
_MAX_GROWTH_MIB = 0.25
_REFUSED_AT_ONCE = 5

DECODER_CHECKS: CheckList[CodecTrial] = CheckList()


@DECODER_CHECKS.promise(
    "decode gives int16 samples of shape (samples_per_channel, num_channels).", f"{_DECODER}.decode"
)
async def decoded_audio_has_the_promised_shape(trial: CodecTrial) -> None:
    """Everything after it counts on that."""
    decoder = trial.make_decoder()
    for payload in trial.sent():
        require_samples(decoder.decode(payload), decoder.format.num_channels, "decode()")


@DECODER_CHECKS.promise("A payload gives as much audio as went into it.", f"{_DECODER}.decode")
async def a_payload_gives_as_much_as_went_in(trial: CodecTrial) -> None:
    """Media time is counted by it."""
    decoder, frame = trial.make_decoder(), trial.frames[0]
    expected = len(frame) * decoder.format.sample_rate // trial.format.sample_rate
    for payload in trial.sent():
        samples = len(decoder.decode(payload))
        require(
            samples == expected,
            f"{len(frame)} samples at {trial.format.sample_rate} Hz were encoded, and gave {samples} "
            f"at {decoder.format.sample_rate} Hz.",
        )


@DECODER_CHECKS.promise("Every array is new, the caller's to keep.", _DECODER)
async def every_array_is_the_callers(trial: CodecTrial) -> None:
    """A mixer adds to it in place; a recorder keeps it for minutes."""
    expected = _decoded(trial)
    decoder, kept = trial.make_decoder(), []
    for payload in trial.sent():
        samples = decoder.decode(payload)
        kept.append((samples, samples.copy()))
    for samples, copy in kept:
        require(same(samples, copy), "an array changed when a later payload was decoded.")
    decoder = trial.make_decoder()
    for number, payload in enumerate(trial.sent()):
        samples = decoder.decode(payload)
        require(
            same(samples, expected[number]),
            f"arrays were written to by their owner, and payload {number} was then decoded differently.",
        )
        samples[:] = 12_345


@DECODER_CHECKS.promise(
    "A payload is any buffer of bytes, read before decode returns and not kept.",
    f"{_DECODER}.decode",
)
async def payloads_are_any_buffers(trial: CodecTrial) -> None:
    """A packet is a view into a socket's buffer, which the next packet overwrites."""
    expected, sent = _decoded(trial), trial.sent()
    for number, kind in ((0, bytearray), (1, memoryview)):
        decoder = trial.make_decoder()
        for payload, audio in zip(sent, expected, strict=True):
            memory = bytearray(payload)
            samples = decoder.decode(memory if number == 0 else memoryview(memory))
            memory[:] = bytes(len(memory))
            require(
                same(samples, audio),
                f"a {kind.__name__} that was overwritten after decode() gave other audio than bytes.",
            )
        hole, whole = decoder.conceal(len(expected[0])), trial.after(sent)
        require(
            same(hole, whole.conceal(len(expected[0]))),
            f"a {kind.__name__} that was overwritten after decode() was heard in what conceal() made.",
        )


@DECODER_CHECKS.promise("Any bytes are a payload or raise PayloadError.", f"{_DECODER}.decode")
async def any_bytes_are_audio_or_a_payload_error(trial: CodecTrial) -> None:
    """What comes from a network may be anything."""
    decoder = trial.make_decoder()
    for payload in [*trial.garbage(), *_damaged(trial)]:
        try:
            samples = decoder.decode(payload)
        except PayloadError:
            continue
        except Exception as error:  # noqa: BLE001 - this is what the check is for
            broke(
                f"decode(bytes.fromhex('{payload[:40].hex()}')) raised {type(error).__name__}: {error}."
            )
        require_samples(samples, decoder.format.num_channels, "decode() of random bytes")


@DECODER_CHECKS.promise(
    "Of bytes that are no payload none is taken; the next is decoded as if they had been lost.",
    f"{_DECODER}.decode",
)
async def refused_bytes_leave_no_trace(trial: CodecTrial) -> None:
    """One damaged packet must not spoil the good ones after it."""
    refused = trial.no_payloads()
    if not refused:
        skip("no random bytes were refused")
    expected, decoder = _decoded(trial), trial.make_decoder()
    for number, payload in enumerate(trial.sent()):
        for wrong in refused[number % len(refused) :][:_REFUSED_AT_ONCE]:
            try:
                decoder.decode(wrong)
            except PayloadError:
                continue
        require(
            same(decoder.decode(payload), expected[number]),
            f"bytes were refused, and payload {number} was then decoded differently.",
        )


@DECODER_CHECKS.promise(
    "reset forgets the audio so far; the next payload begins a stream.", f"{_DECODER}.reset"
)
async def a_reset_decoder_is_like_a_new_one(trial: CodecTrial) -> None:
    """A transfer brings another speaker; nothing of the first may be left, not in a hole either."""
    sent, expected = trial.sent(), _decoded(trial)
    decoder = trial.after(sent)
    decoder.conceal(len(expected[0]))
    decoder.reset()
    hole = decoder.conceal(len(expected[0]))
    require(
        same(hole, trial.make_decoder().conceal(len(hole))),
        "after reset() conceal() made other audio than that of a new decoder.",
    )
    decoder = trial.after(sent)
    decoder.conceal(len(expected[0]))
    decoder.reset()
    for number, payload in enumerate(sent):
        require(
            same(decoder.decode(payload), expected[number]),
            f"after reset() payload {number} was decoded differently than by a new decoder.",
        )


@DECODER_CHECKS.promise("Two decoders share nothing.", _DECODER)
async def decoders_share_nothing(trial: CodecTrial) -> None:
    """Many calls run in one process."""
    sent, expected = trial.sent(), _decoded(trial)
    one, other = trial.make_decoder(), trial.make_decoder()
    for number, (payload, strange) in enumerate(zip(sent, sent[::-1], strict=True)):
        samples = one.decode(payload)
        other.decode(strange)
        other.conceal(len(samples))
        require(
            same(samples, expected[number]),
            f"another decoder worked in turn with it, and payload {number} was decoded differently.",
        )
    require(
        same(one.conceal(len(samples)), trial.after(sent).conceal(len(samples))),
        "another decoder worked in turn with it, and conceal() made other audio.",
    )


@DECODER_CHECKS.promise("It may be handed from thread to thread.", _DECODER)
async def a_decoder_goes_from_thread_to_thread(trial: CodecTrial) -> None:
    """A pool serves each packet in whatever thread is free."""
    decoder = trial.make_decoder()
    decoded = in_other_threads(partial(decoder.decode, payload) for payload in trial.sent())
    for number, (samples, audio) in enumerate(zip(decoded, _decoded(trial), strict=True)):
        require(
            same(samples, audio),
            f"in turn in two threads payload {number} was decoded differently.",
        )


@DECODER_CHECKS.promise("format says what it gives, and stays.", f"{_DECODER}.format")
async def a_decoder_keeps_its_format(trial: CodecTrial) -> None:
    """Whoever resamples after it asks once."""
    decoder = trial.make_decoder()
    before = decoder.format
    for payload in trial.sent():
        decoder.decode(payload)
    decoder.conceal(1)
    decoder.reset()
    require(decoder.format == before, f"it was {before} and then {decoder.format}.")


@DECODER_CHECKS.promise("A decoder costs the same however long the stream is.", _DECODER)
async def a_decoder_does_not_grow(trial: CodecTrial) -> None:
    """A call may last for hours; the arrays are the caller's, who drops them."""
    sent = trial.sent()
    decoder = trial.after(sent * 2)  # what is kept for concealment is then full
    with MemoryGrowth() as memory:
        for _ in range(_ROUNDS):
            for payload in sent:
                decoder.decode(bytes(bytearray(payload)))
    require(
        memory.mebibytes < _MAX_GROWTH_MIB,
        f"memory grew by {memory.mebibytes:.2f} MiB in {_ROUNDS * len(sent)} payloads.",
    )


def _decoded(trial: CodecTrial) -> list[Samples]:
    decoder = trial.make_decoder()
    return [decoder.decode(payload).copy() for payload in trial.sent()]


def _damaged(trial: CodecTrial) -> Sequence[bytes]:
    """Payloads cut short, and with a bit turned."""
    chance = np.random.default_rng(5)
    damaged = []
    for payload in trial.sent():
        damaged.append(payload[: chance.integers(len(payload))])
        turned = bytearray(payload)
        turned[chance.integers(len(turned))] ^= 1 << int(chance.integers(8))
        damaged.append(bytes(turned))
    return damaged


__all__ = ["DECODER_CHECKS"]
