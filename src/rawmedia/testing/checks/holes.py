"""What a decoder promises where packets are missing: exact lengths, fading, and honest recovery."""

from __future__ import annotations

from functools import partial

from rawmedia.testing.checks.broken import require, skip
from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.codec_trial import CodecTrial, refuses, require_samples, rms, same

_DECODER = "rawmedia.codecs.codec.Decoder"
_LENGTHS = (0, 1, 7, 80, 161, 1_000, 5_000)
_EVERY = 7
_LONG_HOLE_MS = 3_000.0
_FADED = 0.1
"""20 dB below what was heard before the hole."""

HOLE_CHECKS: CheckList[CodecTrial] = CheckList()


@HOLE_CHECKS.promise(
    "conceal makes exactly as many samples as were asked for.", f"{_DECODER}.conceal"
)
async def holes_are_filled_exactly(trial: CodecTrial) -> None:
    """Before any payload, and after some; a sample too few each time is a clock that goes wrong."""
    for decoder in (trial.make_decoder(), trial.after(trial.sent()[:5])):
        for samples in _LENGTHS:
            made = decoder.conceal(samples)
            require_samples(made, decoder.format.num_channels, "conceal()")
            require(len(made) == samples, f"conceal({samples}) made {len(made)}.")


@HOLE_CHECKS.promise("What conceal and recover give is new, the caller's to keep.", _DECODER)
async def concealed_audio_is_the_callers(trial: CodecTrial) -> None:
    """It is faded in place where it meets the next packet."""
    sent = trial.sent()
    decoder, other = trial.after(sent[:5]), trial.after(sent[:5])
    for samples in (160, 160, 7, 320):
        made, expected = decoder.conceal(samples), other.conceal(samples)
        require(same(made, expected), "concealed audio was written to, and the next was different.")
        made[:] = 12_345
    again = decoder.decode(sent[5])
    require(
        same(again, other.decode(sent[5])),
        "concealed audio was written to, and the payload after the hole was decoded differently.",
    )


@HOLE_CHECKS.promise(
    "As a hole goes on it fades to silence or to the background noise that was heard.",
    f"{_DECODER}.conceal",
)
async def a_long_hole_fades(trial: CodecTrial) -> None:
    """Or a lost call drones on."""
    sent = trial.sent()
    listening = trial.make_decoder()
    levels = [rms(listening.decode(payload)) for payload in sent]
    before = max(levels)
    decoder = trial.after(sent[: levels.index(before) + 1])
    made = decoder.conceal(decoder.format.samples(_LONG_HOLE_MS))
    tail = rms(made[-decoder.format.samples(200) :])
    require(
        tail <= _FADED * before,
        f"audio of level {before:.0f} was decoded, and at the end of a hole of {_LONG_HOLE_MS / 1000:g} s "
        f"it was still {tail:.0f}.",
    )


@HOLE_CHECKS.promise(
    "recover makes exactly as many samples as were asked for.", f"{_DECODER}.recover"
)
async def recovered_holes_are_filled_exactly(trial: CodecTrial) -> None:
    """Whatever the packet after the hole holds."""
    sent = trial.sent()
    for samples in _LENGTHS:
        decoder = trial.after(sent[:5])
        made = decoder.recover(sent[6], samples)
        require_samples(made, decoder.format.num_channels, "recover()")
        require(len(made) == samples, f"recover(..., {samples}) made {len(made)}.")


@HOLE_CHECKS.promise(
    "Where a payload says nothing of the hole before it, recover is conceal.", f"{_DECODER}.recover"
)
async def without_a_copy_recover_conceals(trial: CodecTrial) -> None:
    """What can't be restored is at least made up."""
    sent, tried = trial.sent(), False
    for number in range(1, len(sent) - 1, _EVERY):
        recovering, concealing = trial.after(sent[:number]), trial.after(sent[:number])
        if recovering.recoverable(sent[number + 1]):
            continue
        tried = True
        require(
            same(recovering.recover(sent[number + 1], 320), concealing.conceal(320)),
            f"recoverable() was 0 for payload {number + 1}, and recover() was not what conceal() makes.",
        )
    if not tried:
        skip("every payload has a copy of the frame before")


@HOLE_CHECKS.promise(
    "The payload that recover was given is still to be decoded afterwards.", f"{_DECODER}.recover"
)
async def the_next_payload_is_still_to_be_decoded(trial: CodecTrial) -> None:
    """Recovering looks at it and takes nothing."""
    sent = trial.sent()
    decoder = trial.after(sent[:5])
    size = len(trial.after(sent[:5]).decode(sent[5]))
    copied = decoder.recoverable(sent[6])
    decoder.recover(sent[6], size)
    after = decoder.decode(sent[6])
    require(
        len(after) == size,
        f"recover() was given a payload, and decode() then made {len(after)} of it.",
    )
    if not copied:
        other = trial.after(sent[:5])
        other.conceal(size)
        require(
            same(after, other.decode(sent[6])),
            "after recover() the payload was decoded differently than after conceal().",
        )


@HOLE_CHECKS.promise(
    "recover of what is no payload raises PayloadError, and the state is as before.",
    f"{_DECODER}.recover",
)
async def recover_refuses_what_is_no_payload(trial: CodecTrial) -> None:
    """A damaged packet after a hole is a longer hole."""
    sent, refused = trial.sent(), trial.no_payloads()
    if not refused:
        skip("no random bytes were refused")
    decoder = trial.after(sent[:5])
    for wrong in refused:
        require(
            refuses(partial(decoder.recover, wrong, 160)),
            f"decode() refuses bytes.fromhex('{wrong[:40].hex()}'), and recover() took them.",
        )
    require(
        same(decoder.decode(sent[5]), trial.after(sent[:5]).decode(sent[5])),
        "recover() refused bytes, and the next payload was then decoded differently.",
    )


@HOLE_CHECKS.promise(
    "recoverable is 0 for what is no payload, and never negative.", f"{_DECODER}.recoverable"
)
async def recoverable_answers_any_bytes(trial: CodecTrial) -> None:
    """A receiver asks before it decides how long to wait."""
    sent = trial.sent()
    decoder = trial.after(sent[:5])
    for wrong in trial.no_payloads():
        samples = decoder.recoverable(wrong)
        require(samples == 0, f"recoverable(bytes.fromhex('{wrong[:40].hex()}')) was {samples}.")
    for payload in sent:
        require(decoder.recoverable(payload) >= 0, "recoverable() was negative.")


@HOLE_CHECKS.promise("recoverable only looks.", f"{_DECODER}.recoverable")
async def asking_what_is_recoverable_changes_nothing(trial: CodecTrial) -> None:
    """It is asked for packets that are then not waited for."""
    sent = trial.sent()
    decoder, other = trial.after(sent[:5]), trial.after(sent[:5])
    for payload in sent:
        decoder.recoverable(payload)
    require(
        same(decoder.conceal(160), other.conceal(160)),
        "recoverable() was asked, and conceal() then made other audio.",
    )
    require(
        same(decoder.decode(sent[5]), other.decode(sent[5])),
        "recoverable() was asked, and the next payload was then decoded differently.",
    )


__all__ = ["HOLE_CHECKS"]
