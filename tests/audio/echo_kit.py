"""The seeded set that the echo guard is judged on: rooms, voices, lines, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from rawmedia.audio.drift import DriftResampler
from rawmedia.audio.echo.guard import EchoGuard
from rawmedia.audio.format import SPEECH, AudioFormat
from rawmedia.audio.frame import AudioFrame
from rawmedia.codecs.g711 import ULawDecoder, ULawEncoder
from rawmedia.testing.signals import in_frames, speech_like

if TYPE_CHECKING:
    import numpy.typing as npt

    Wave = npt.NDArray[np.float64]

FRAME_MS = 20
BREATH = 0.1
"""Noise of a synthetic voice, by its loudness: 20 dB below it, as in a modal human voice."""


@dataclass(frozen=True)
class Room:
    """From the far loudspeaker back into the far microphone and over the line."""

    seed: int
    delay_ms: float = 120.0
    gain_db: float = -10.0
    rt60_ms: float = 200.0
    clip: float = 0.0
    """How hard the loudspeaker saturates; 0 not at all."""
    noise_dbfs: float = -70.0
    drift_ppm: float = 0.0
    codec: str = ""
    """``ulaw`` or ``opus``: what the line back carries."""
    jump_ms: float = 0.0
    """By how much the delay grows at `jump_at_ms`."""
    jump_at_ms: float = 8_000.0

    def echo(self, played: Wave, format: AudioFormat = SPEECH) -> Wave:
        """What of the sound comes back, without noise and codec."""
        rng = np.random.default_rng(self.seed)
        rate = format.sample_rate
        length = int(self.rt60_ms * rate / 1000)
        decay = 10 ** (-3 * np.arange(length) / length)
        reverb = rng.standard_normal(length) * decay
        # The direct sound has as much energy as all that is reflected, in a room and a headset alike.
        reverb *= 1 / np.sqrt(np.sum(reverb**2))
        reverb[0] += 1
        reverb *= 10 ** (self.gain_db / 20) / np.sqrt(np.sum(reverb**2))
        loud = np.tanh(self.clip * played) / self.clip if self.clip else played
        size = 1 << (len(loud) + length).bit_length()
        wet = np.fft.irfft(np.fft.rfft(loud, size) * np.fft.rfft(reverb, size), size)[: len(loud)]
        if self.drift_ppm:
            wet = drifted(wet, self.drift_ppm)
        echo = late(wet, self.delay_ms, format)
        if self.jump_ms:
            at = format.samples(self.jump_at_ms)
            echo = np.concatenate([echo[:at], late(wet, self.delay_ms + self.jump_ms, format)[at:]])
        return echo


def late(wave: Wave, delay_ms: float, format: AudioFormat) -> Wave:
    samples = format.samples(delay_ms)
    return np.concatenate([np.zeros(samples), wave])[: len(wave)]


def drifted(wave: Wave, ppm: float) -> Wave:
    out = DriftResampler(1, ppm).push(int16(wave)).reshape(-1) / 32_768
    return np.concatenate([out, np.zeros(len(wave))])[: len(wave)]


def int16(wave: Wave) -> npt.NDArray[np.int16]:
    return np.rint(np.clip(wave * 32_768, -32_768, 32_767)).astype(np.int16)


def over_the_line(samples: npt.NDArray[np.int16], codec: str) -> npt.NDArray[np.int16]:
    """What the codec leaves of it, at the same place."""
    if codec == "ulaw":
        # Its samples are judged one by one, so that the rate does not matter.
        return ULawDecoder().decode(ULawEncoder().encode(samples)).reshape(-1)
    if codec == "opus":
        return _opus(samples)
    return samples


def _opus(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    from rawmedia.codecs.opus import OpusDecoder, OpusEncoder

    encoder, decoder = OpusEncoder(SPEECH, bitrate=24_000), OpusDecoder(SPEECH)
    ahead = encoder.lookahead_samples
    padded = np.concatenate([samples, np.zeros(640, np.int16)])
    packets = [
        encoder.encode(padded[start : start + 320]) for start in range(0, len(padded) - 319, 320)
    ]
    out = np.concatenate([decoder.decode(packet).reshape(-1) for packet in packets])
    return out[ahead : ahead + len(samples)]


@cache
def voice(seed: int, seconds: float, format: AudioFormat = SPEECH, peak_dbfs: float = -6.0) -> Wave:
    """Somebody who speaks all the time, and breathes: between its partials no voice is silent."""
    samples = speech_like(seconds * 1000, seed=seed, format=format, peak_dbfs=peak_dbfs).samples
    tone = samples[:, 0] / 32_768
    rng = np.random.default_rng(seed)
    width = format.sample_rate // 100
    loudness = np.convolve(np.abs(tone), np.ones(width) / width, "same")
    breath: Wave = tone + BREATH * loudness * rng.standard_normal(len(tone))
    return breath


@dataclass(frozen=True)
class Call:
    """What was played and what came in, and what the latter is made of."""

    played: Wave
    echo: Wave
    near: Wave
    heard: npt.NDArray[np.int16]
    clean: npt.NDArray[np.int16]
    """What would have come in without the echo."""
    words: tuple[tuple[int, int], ...] = ()
    """Where the near speaker's words are, in samples."""
    format: AudioFormat = SPEECH
    noise_power: float = 0.0


def call(
    played: Wave, room: Room | None, near: Wave | None = None, format: AudioFormat = SPEECH
) -> Call:
    """A call; without a room nothing comes back."""
    near = np.zeros(len(played)) if near is None else near
    echo = room.echo(played, format) if room else np.zeros(len(played))
    rng = np.random.default_rng(room.seed + 1 if room else 0)
    noise = 10 ** ((room.noise_dbfs if room else -70) / 20)
    hiss = rng.standard_normal(len(played)) * noise
    codec = room.codec if room else ""
    heard = over_the_line(int16(echo + near + hiss), codec)
    clean = over_the_line(int16(near + hiss), codec) if near.any() else int16(hiss)
    return Call(played, echo, near, heard, clean, words_of(near, format), format, noise**2)


def power_of(wave: Wave, step: int) -> Wave:
    """The mean power of each ``step`` samples."""
    power: Wave = (wave[: len(wave) // step * step].reshape(-1, step) ** 2).mean(axis=1)
    return power


def words_of(near: Wave, format: AudioFormat) -> tuple[tuple[int, int], ...]:
    """Stretches of speech between pauses of 60 ms or more, 100 ms or longer."""
    step = format.samples(10)
    power = power_of(near, step)
    loud = power > 4e-3 * power.max() if power.max() else np.zeros(len(power), bool)
    words, start, quiet = [], -1, 0
    for index, on in enumerate([*loud, *[False] * 7]):
        if on:
            start = index if start < 0 else start
            quiet = 0
        elif start >= 0:
            quiet += 1
            if quiet >= 6:
                if index - quiet - start >= 12:
                    words.append((start * step, (index - quiet + 1) * step))
                start, quiet = -1, 0
    return tuple(words)


@dataclass
class Outcome:
    """What the engine was given."""

    call: Call
    out: npt.NDArray[np.int16]

    def kept_db(self, from_ms: float = 2_000.0) -> float:
        """How much less power goes to the engine where only the echo is heard, from then on."""
        rate, step = self.call.format.sample_rate, self.call.format.samples(FRAME_MS)
        alone = np.zeros(len(self.call.echo), bool)
        loudness = power_of(self.call.echo, step)
        # Softer than the line's own noise nobody hears it, and no recogniser does.
        alone[: len(loudness) * step] = np.repeat(loudness > self.call.noise_power, step)
        # A voice that the gate has let through keeps it open for 200 ms; a codec smears it both ways.
        said = np.flatnonzero(self.call.near)
        for start, end in _runs(said):
            alone[max(0, start - step) : end + rate * 3 // 10] = False
        alone[: int(from_ms * rate / 1000)] = False
        before = np.sum(self.call.heard[alone].astype(np.float64) ** 2)
        after = np.sum(self.out[alone].astype(np.float64) ** 2)
        return float(10 * np.log10((before + 1e-9) / (after + 1e-9)))

    def word_losses_db(
        self,
        from_ms: float = 2_000.0,
        *,
        clean: npt.NDArray[np.int16] | None = None,
        late: int = 0,
    ) -> list[float]:
        """How much softer each word is given than where there is no echo.

        Of words at least as loud as the echo under them. What is given is explained by the word and by the
        echo together, so that what is left of the echo is not taken for the word.

        Args:
            from_ms: Words that begin earlier are left aside.
            clean: What is given where there is no echo; by default what the line makes of it.
            late: By how many samples what is given is late.
        """
        first = from_ms * self.call.format.sample_rate / 1000
        losses = []
        for start, end in self.call.words:
            near, echo = self.call.near[start:end], self.call.echo[start:end]
            if start < first or end + late > len(self.out) or np.sum(near**2) < np.sum(echo**2):
                continue
            given, whole = (
                np.linalg.lstsq(
                    np.stack([near, echo], axis=1), each[start + late : end + late], rcond=None
                )[0][0]
                for each in (self.out, self.call.clean if clean is None else clean)
            )
            losses.append(float(20 * np.log10(max(given / whole, 1e-3))))
        return losses


def _runs(indices: npt.NDArray[np.intp]) -> list[tuple[int, int]]:
    """Where the runs of indices start and end, bridging up to 100 of them."""
    if not len(indices):
        return []
    cuts = np.flatnonzero(np.diff(indices) > 100)
    starts, ends = indices[np.r_[0, cuts + 1]], indices[np.r_[cuts, -1]] + 1
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


@dataclass
class Guarded(Outcome):
    """And by whom."""

    guard: EchoGuard


def guarded(
    call: Call,
    guard: EchoGuard | None = None,
    frame_ms: float = FRAME_MS,
    *,
    played_from: int = 0,
    heard_from: int = 0,
) -> Guarded:
    """Run a call through a guard, a frame played and a frame heard in turn."""
    guard = guard or EchoGuard(call.format)
    played = in_frames(AudioFrame(int16(call.played), call.format, played_from), frame_ms)
    heard = in_frames(AudioFrame(call.heard, call.format, heard_from), frame_ms)
    clean: list[AudioFrame] = []
    for theirs, ours in zip(played, heard, strict=True):
        guard.played(theirs)
        clean += guard.heard(ours)
    out = np.zeros(len(call.heard), np.int16)
    for frame in clean + guard.flush():
        out[frame.position - heard_from : frame.end - heard_from] = frame.samples[:, 0]
    return Guarded(call, out, guard)


def near_words(seed: int, seconds: float, gain_db: float = 0.0, every_s: float = 2.0) -> Wave:
    """A near speaker who says something now and then: one second in ``every_s``, from 3 s on."""
    said = voice(seed, seconds) * 10 ** (gain_db / 20)
    on = (np.arange(len(said)) / 16_000) % every_s < 1.0
    on[: 16_000 * 3] = False
    out: Wave = said * on
    return out


def spoken(said: Wave, length: int) -> Wave:
    """A recording at 16 kHz that is said from 3 s on, once, in silence of ``length``."""
    near = np.zeros(length)
    end = min(length, 48_000 + len(said))
    near[48_000:end] = said[: end - 48_000]
    # A recording has its own noise: what is not said is silent.
    loud = np.repeat(power_of(near, 160) > 1e-6, 160)
    near[: len(loud)] *= loud
    return near
