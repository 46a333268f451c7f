"""A codec with state that keeps its promises, and variants each of which breaks one."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from conformance_kit import Breaches

from rawmedia.audio.format import SPEECH, TELEPHONY, AudioFormat
from rawmedia.audio.pcm import byte_view, int16_samples
from rawmedia.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from rawmedia.audio.pcm import PCMBytes

    Ints = npt.NDArray[np.int16]

_MARK = b"D"
_TAIL = 160


class DeltaEncoder:
    """Sends the difference to the sample before."""

    format: AudioFormat = TELEPHONY

    def __init__(self) -> None:
        self.last: Ints = np.zeros((1, 1), np.int16)

    def encode(self, samples: Ints) -> bytes:
        taken = int16_samples(samples, 1).reshape(-1, 1)
        deltas = np.diff(taken, axis=0, prepend=self.last)
        self.last = taken[-1:].copy()
        return _MARK + deltas.tobytes()

    def reset(self) -> None:
        self.last = np.zeros((1, 1), np.int16)


class DeltaDecoder:
    """Adds the differences up; a hole is what was heard last, half as loud every 20 ms."""

    format: AudioFormat = TELEPHONY

    def __init__(self) -> None:
        self.last: Ints
        self.tail: Ints
        self.hole: int
        self.reset()

    def decode(self, payload: PCMBytes) -> Ints:
        deltas = self.deltas(payload)
        samples: Ints = self.last + np.cumsum(deltas, axis=0, dtype=np.int16)
        self.last = samples[-1:].copy()
        self.tail = np.concatenate([self.tail, samples])[-_TAIL:].copy()
        self.hole = 0
        return samples

    def conceal(self, samples: int) -> Ints:
        places = self.hole + np.arange(samples)
        self.hole += samples
        made = self.tail[places % _TAIL] * 0.5 ** (places // _TAIL)[:, np.newaxis]
        faded: Ints = made.astype(np.int16)
        return faded

    def recover(self, next_payload: PCMBytes, samples: int) -> Ints:
        self.deltas(next_payload)
        return self.conceal(samples)

    def recoverable(self, next_payload: PCMBytes) -> int:
        return 0

    def reset(self) -> None:
        self.last = np.zeros((1, 1), np.int16)
        self.tail = np.zeros((_TAIL, 1), np.int16)
        self.hole = 0

    def deltas(self, payload: PCMBytes) -> Ints:
        held = bytes(byte_view(payload))
        if len(held) < 3 or len(held) % 2 == 0 or held[:1] != _MARK:
            raise PayloadError("a mark and whole samples", f"{len(held)} bytes")
        return np.frombuffer(held, np.int16, offset=1)[:, np.newaxis]


@dataclass(frozen=True)
class Ends:
    """The two ends of a codec, one of them broken."""

    encoder: Callable[[], Any] = DeltaEncoder
    decoder: Callable[[], Any] = DeltaDecoder


CODEC_BREACHES: Breaches[Ends] = Breaches()


def breaks(*checks: str) -> Any:
    """A class as the broken end."""

    def add(end: type) -> type:
        ends = Ends(encoder=end) if issubclass(end, DeltaEncoder) else Ends(decoder=end)
        CODEC_BREACHES.add(end.__name__, ends, *checks)
        return end

    return add


# Encoders.


@breaks("payloads_are_bytes")
class GivesItsBuffer(DeltaEncoder):
    def encode(self, samples: Ints) -> Any:
        return bytearray(super().encode(samples))


@breaks("mono_needs_no_second_axis")
class WantsTwoAxes(DeltaEncoder):
    def encode(self, samples: Ints) -> bytes:
        if samples.ndim == 1:
            raise PayloadError("two axes", "one")
        return super().encode(samples)


@breaks("samples_are_not_kept")
class EncodesTheFrameBefore(DeltaEncoder):
    before: Ints | None = None

    def encode(self, samples: Ints) -> bytes:
        before, self.before = self.before, samples
        return super().encode(samples if before is None else before)


@breaks("samples_are_not_kept")
class WorksInPlace(DeltaEncoder):
    def encode(self, samples: Ints) -> bytes:
        payload = super().encode(samples)
        if samples.flags.writeable:
            samples //= 2
        return payload


@breaks("strange_samples_are_refused")
class CastsEverything(DeltaEncoder):
    def encode(self, samples: Any) -> bytes:
        return super().encode(np.asarray(samples).astype(np.int16).reshape(-1, 1))


@breaks("a_refused_frame_leaves_no_trace")
class CountsWhatItRefuses(DeltaEncoder):
    calls = 0

    def encode(self, samples: Ints) -> bytes:
        self.calls += 1
        return super().encode(samples) + self.calls.to_bytes(4, "big")


@breaks("a_reset_encoder_is_like_a_new_one")
class RemembersTheLastCall(DeltaEncoder):
    def reset(self) -> None:
        """Nothing."""


@breaks("encoders_share_nothing")
class SharesItsState(DeltaEncoder):
    shared: ClassVar[dict[str, Ints]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.shared["last"] = np.zeros((1, 1), np.int16)

    def encode(self, samples: Ints) -> bytes:
        self.last = self.shared["last"]
        payload = super().encode(samples)
        self.shared["last"] = self.last
        return payload


@breaks("an_encoder_goes_from_thread_to_thread")
class StaysInItsThread(DeltaEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.ends = threading.local()

    def encode(self, samples: Ints) -> bytes:
        self.last = getattr(self.ends, "last", np.zeros((1, 1), np.int16))
        payload = super().encode(samples)
        self.ends.last = self.last
        return payload


@breaks("an_encoder_keeps_its_format")
class AdaptsItsFormat(DeltaEncoder):
    def encode(self, samples: Ints) -> bytes:
        self.format = SPEECH
        return super().encode(samples)


@breaks("an_encoder_does_not_grow")
class KeepsAll(DeltaEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def encode(self, samples: Ints) -> bytes:
        self.sent.append(super().encode(samples))
        return self.sent[-1]


# Decoders.


@breaks("decoded_audio_has_the_promised_shape")
class GivesOneAxis(DeltaDecoder):
    def decode(self, payload: PCMBytes) -> Ints:
        return super().decode(payload)[:, 0]


@breaks("decoded_audio_has_the_promised_shape")
class GivesFloats(DeltaDecoder):
    def decode(self, payload: PCMBytes) -> Any:
        return super().decode(payload) / np.float32(32_768)


@breaks("decoded_audio_has_the_promised_shape")
class GivesALockedArray(DeltaDecoder):
    def decode(self, payload: PCMBytes) -> Ints:
        samples = super().decode(payload)
        samples.flags.writeable = False
        return samples


@breaks("decoded_audio_has_the_promised_shape")
class GivesBytes(DeltaDecoder):
    def decode(self, payload: PCMBytes) -> Any:
        return super().decode(payload).tobytes()


@breaks("a_payload_gives_as_much_as_went_in")
class LosesASample(DeltaDecoder):
    def decode(self, payload: PCMBytes) -> Ints:
        return super().decode(payload)[1:].copy()


@breaks("every_array_is_the_callers")
class ReusesItsArray(DeltaDecoder):
    def __init__(self) -> None:
        super().__init__()
        self.scratch = np.zeros((5_000, 1), np.int16)

    def decode(self, payload: PCMBytes) -> Ints:
        samples = super().decode(payload)
        self.scratch[: len(samples)] = samples
        return self.scratch[: len(samples)]


@breaks("every_array_is_the_callers")
class TrustsItsCaller(DeltaDecoder):
    def decode(self, payload: PCMBytes) -> Ints:
        samples = super().decode(payload)
        self.last = samples[-1:]
        return samples


@breaks("payloads_are_any_buffers")
class KeepsTheBuffer(DeltaDecoder):
    held: Any = b""

    def decode(self, payload: PCMBytes) -> Ints:
        self.held = payload
        return super().decode(payload)

    def conceal(self, samples: int) -> Ints:
        return super().conceal(samples) + np.int16(sum(self.held) % 100)


@breaks("payloads_are_any_buffers")
class TakesOnlyBytes(DeltaDecoder):
    def decode(self, payload: PCMBytes) -> Ints:
        if not isinstance(payload, bytes):
            raise PayloadError("bytes", type(payload).__name__)
        return super().decode(payload)


@breaks("payloads_are_any_buffers")
class CountsTheCopies(DeltaDecoder):
    def decode(self, payload: PCMBytes) -> Ints:
        samples = super().decode(payload)
        return samples if isinstance(payload, bytes) else samples + np.int16(1)


@breaks("any_bytes_are_audio_or_a_payload_error")
class TrustsTheNetwork(DeltaDecoder):
    def deltas(self, payload: PCMBytes) -> Ints:
        return np.frombuffer(payload, np.int16, offset=1)[:, np.newaxis]


@breaks("refused_bytes_leave_no_trace")
class IsUpsetByGarbage(DeltaDecoder):
    def decode(self, payload: PCMBytes) -> Ints:
        try:
            return super().decode(payload)
        except PayloadError:
            self.reset()
            raise


@breaks("a_reset_decoder_is_like_a_new_one")
class RemembersTheLastSpeaker(DeltaDecoder):
    begun = False

    def reset(self) -> None:
        if not self.begun:
            super().reset()
        self.begun = True


@breaks("a_reset_decoder_is_like_a_new_one")
class ForgetsOnlyTheHole(DeltaDecoder):
    begun = False

    def reset(self) -> None:
        last = self.last if self.begun else np.zeros((1, 1), np.int16)
        super().reset()
        self.last, self.begun = last, True


@breaks("decoders_share_nothing")
class DecodersShareState(DeltaDecoder):
    shared: ClassVar[dict[str, Ints]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.shared["last"] = np.zeros((1, 1), np.int16)

    def decode(self, payload: PCMBytes) -> Ints:
        self.last = self.shared["last"]
        samples = super().decode(payload)
        self.shared["last"] = self.last
        return samples


@breaks("decoders_share_nothing")
class DecodersShareTheirPast(DeltaDecoder):
    shared: ClassVar[dict[str, Ints]] = {}

    def decode(self, payload: PCMBytes) -> Ints:
        samples = super().decode(payload)
        self.shared["tail"] = self.tail
        return samples

    def conceal(self, samples: int) -> Ints:
        self.tail = self.shared.get("tail", self.tail)
        return super().conceal(samples)


@breaks("a_decoder_goes_from_thread_to_thread")
class DecodesInItsThread(DeltaDecoder):
    def __init__(self) -> None:
        super().__init__()
        self.ends = threading.local()

    def decode(self, payload: PCMBytes) -> Ints:
        self.last = getattr(self.ends, "last", np.zeros((1, 1), np.int16))
        samples = super().decode(payload)
        self.ends.last = self.last
        return samples


@breaks("a_decoder_keeps_its_format")
class FollowsTheStream(DeltaDecoder):
    def conceal(self, samples: int) -> Ints:
        self.format = SPEECH
        return super().conceal(samples)


@breaks("a_decoder_does_not_grow")
class KeepsAllPayloads(DeltaDecoder):
    def __init__(self) -> None:
        super().__init__()
        self.received: list[bytes] = []

    def decode(self, payload: PCMBytes) -> Ints:
        self.received.append(bytes(payload))
        return super().decode(payload)


# Holes.


@breaks("holes_are_filled_exactly")
class ConcealsInSteps(DeltaDecoder):
    def conceal(self, samples: int) -> Ints:
        return super().conceal(-(-samples // 80) * 80)


@breaks("concealed_audio_is_the_callers")
class GivesItsTail(DeltaDecoder):
    def conceal(self, samples: int) -> Ints:
        if 0 < samples <= _TAIL:
            return self.tail[:samples]
        return super().conceal(samples)


@breaks("concealed_audio_is_the_callers")
class RejoinsTheCallersArray(DeltaDecoder):
    def conceal(self, samples: int) -> Ints:
        made = super().conceal(samples)
        if samples:
            self.last = made[-1:]
        return made


@breaks("a_long_hole_fades")
class DronesOn(DeltaDecoder):
    def conceal(self, samples: int) -> Ints:
        return self.tail[np.arange(samples) % _TAIL]


@breaks("recovered_holes_are_filled_exactly")
class RecoversWholeFrames(DeltaDecoder):
    def recover(self, next_payload: PCMBytes, samples: int) -> Ints:
        return super().recover(next_payload, 160)


@breaks("without_a_copy_recover_conceals")
class RecoversSilence(DeltaDecoder):
    def recover(self, next_payload: PCMBytes, samples: int) -> Ints:
        self.deltas(next_payload)
        return np.zeros((samples, 1), np.int16)


@breaks("the_next_payload_is_still_to_be_decoded")
class TakesTheNextPayload(DeltaDecoder):
    def recover(self, next_payload: PCMBytes, samples: int) -> Ints:
        self.decode(next_payload)
        return self.conceal(samples)


@breaks("recover_refuses_what_is_no_payload")
class RecoversFromAnything(DeltaDecoder):
    def recover(self, next_payload: PCMBytes, samples: int) -> Ints:
        return self.conceal(samples)


@breaks("recover_refuses_what_is_no_payload")
class IsUpsetByRecovery(DeltaDecoder):
    def recover(self, next_payload: PCMBytes, samples: int) -> Ints:
        self.last = np.ones((1, 1), np.int16)
        return super().recover(next_payload, samples)


@breaks("recoverable_answers_any_bytes")
class HopesForGarbage(DeltaDecoder):
    def recoverable(self, next_payload: PCMBytes) -> int:
        return 160


@breaks("recoverable_answers_any_bytes")
class RaisesWhenAsked(DeltaDecoder):
    def recoverable(self, next_payload: PCMBytes) -> int:
        self.deltas(next_payload)
        return 0


@breaks("recoverable_answers_any_bytes")
class AnswersMinusOne(DeltaDecoder):
    def recoverable(self, next_payload: PCMBytes) -> int:
        try:
            self.deltas(next_payload)
        except PayloadError:
            return 0
        return -1


@breaks("asking_what_is_recoverable_changes_nothing")
class ConcealsWhenAsked(DeltaDecoder):
    def recoverable(self, next_payload: PCMBytes) -> int:
        self.conceal(80)
        return 0


@breaks("asking_what_is_recoverable_changes_nothing")
class DecodesWhenAsked(DeltaDecoder):
    def recoverable(self, next_payload: PCMBytes) -> int:
        tail, hole = self.tail, self.hole
        self.decode(next_payload)
        self.tail, self.hole = tail, hole
        return 0
