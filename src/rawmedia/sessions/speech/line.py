"""The utterances that wait to be heard by one listener, in order: how each is begun, said and over."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np

from rawmedia.audio.pauses import FADE_MS
from rawmedia.sessions.speech.books import SpeechBooks
from rawmedia.sessions.speech.facts import (
    SkipReason,
    SpeechEnded,
    SpeechSkipped,
    SpeechSpedUp,
    SpeechStarted,
)
from rawmedia.sessions.speech.pace import SpeechPace
from rawmedia.sessions.speech.pauses import faded_in, faded_out, resume_at
from rawmedia.sessions.speech.queue import Utterance

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.sessions.speech.pauses import PauseTrimmer

MAX_UTTERANCES: Final = 1_000
"""So many wait at most, and of so many that are over it is remembered."""
_INTERRUPT_FADE_MS: Final = 2.0
"""Who interrupts wants silence, and hears the click of a shorter fade; else it takes `FADE_MS`."""
_RESUME_SHARES: Final = (0.25, 0.5, 0.75)
"""Within an utterance speech is skipped up to such a share of the bound, the first that there is."""


class SpeechLine:
    """Utterances one after another, the first of which may be being said. For one thread at a time.

    It does what it is told; who decides is `rawmedia.sessions.speech.playout.SpeechPlayout`.

    Args:
        format: What the audio is.
    """

    __slots__ = (
        "_channels",
        "_fade",
        "_format",
        "_interrupt_fade",
        "_over",
        "_rate_hz",
        "_waiting",
        "books",
        "dry_since",
        "heard_until",
        "pace",
        "queue",
        "tail",
        "trimmer",
    )

    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        self._rate_hz = format.sample_rate
        self._channels = format.num_channels
        self._fade = format.samples(FADE_MS)
        self._interrupt_fade = format.samples(_INTERRUPT_FADE_MS)
        self._waiting: dict[str, Utterance] = {}
        self._over: dict[str, None] = {}
        self.books = SpeechBooks(format)
        self.queue: deque[Utterance] = deque()
        """The first is the one that is being said, if it is begun."""
        self.pace = SpeechPace(format)
        """Holds audio of the first alone."""
        self.trimmer: PauseTrimmer | None = None
        """Of the first, while its pauses are trimmed."""
        self.tail: Int16Samples | None = None
        """What fades out before anything else is heard."""
        self.dry_since: float | None = None
        """Since when audio of the first is missing, in seconds; None while it isn't."""
        self.heard_until = 0.0
        """When the last sample was heard, in seconds."""

    @property
    def exhausted(self) -> bool:
        """Whether nothing of the first one is left, or has come yet; asked only where there is one."""
        return not self.queue[0].queued and not self.pace.pending

    def takes(self, utterance_id: str) -> bool:
        """Whether audio of an utterance can still be heard: it is not ended, nor over."""
        utterance = self._waiting.get(utterance_id)
        return utterance_id not in self._over if utterance is None else not utterance.ended

    def add(self, utterance_id: str, samples: Int16Samples, now: float) -> None:
        """Put audio behind what there is of its utterance, and a new utterance behind all."""
        utterance = self._waiting.get(utterance_id)
        if utterance is None:
            utterance = self._waiting[utterance_id] = Utterance(utterance_id, self._format, now)
            self.queue.append(utterance)
        utterance.add(samples, now)
        self.books.put += len(samples)

    def end(self, utterance_id: str, now: float) -> None:
        """No more comes of an utterance."""
        utterance = self._waiting.get(utterance_id)
        if utterance is None:
            self._remember(utterance_id)
            return
        utterance.ended = True
        if utterance is self.queue[0] and self.exhausted:
            self.finish(now)

    def end_all(self, now: float) -> None:
        """No more comes of any."""
        for utterance_id in list(self._waiting):
            self.end(utterance_id, now)

    def lag_of(self, utterance: Utterance, now: float) -> float:
        """Queueing lag of what is heard next of the first, or was of another, in seconds."""
        pace = self.pace
        if pace.active and pace.pending:
            return now - pace.available_at
        return now - utterance.available_at()

    def say(self, samples: int, now: float, lag: float, expected_ms: float) -> Int16Samples:
        """The next of the first utterance, of which there is some, padded where it ends or runs dry.

        Args:
            samples: How many.
            now: When they are heard, in seconds.
            lag: The queueing lag of the first of them, in seconds.
            expected_ms: The lag that is told where the speech gets faster.
        """
        utterance, books, pace = self.queue[0], self.books, self.pace
        if not utterance.begun:
            utterance.begun, self.dry_since = True, None
            books.tell(SpeechStarted(utterance.utterance_id, now))
        if pace.active or self.trimmer is not None:
            if pace.rate > utterance.max_rate:
                self._speed_up(utterance, now, expected_ms)
            frame = self._shortened(utterance, samples)
        else:
            frame = utterance.read(samples)
            utterance.heard += len(frame)
            books.played += len(frame)
        heard = len(frame)
        books.lag.add(lag * 1000 if lag > 0 else 0.0, heard)
        if self.dry_since is not None:
            self.dry_since = None
            books.underruns += 1
            books.underrun_s += max(0.0, now - self.heard_until)
        self.heard_until = now + heard / self._rate_hz
        if not utterance.queued and not pace.pending:
            if utterance.ended:
                self.finish(now)
            elif heard < samples:
                self.dry_since = now
        return frame if heard == samples else self._padded(frame, samples)

    def fade_out(self, samples: int) -> Int16Samples | None:
        """The next of the tail, with silence after it; None where there is none."""
        tail = self.tail
        if tail is None:
            return None
        self.tail = tail[samples:] if len(tail) > samples else None
        return self._padded(tail[:samples], samples)

    def finish(self, now: float) -> None:
        """The first is over, and nothing of it is left."""
        utterance = self._leave()
        if utterance.begun:
            ms = self._format.duration_ms
            self.books.tell(
                SpeechEnded(
                    utterance.utterance_id,
                    self.heard_until,
                    cut=utterance.cut,
                    heard_ms=ms(utterance.heard),
                    trimmed_ms=ms(utterance.trimmed),
                    max_rate=utterance.max_rate,
                )
            )
        else:
            # Its beginning was skipped, and nothing followed.
            self._tell_skip(utterance, 0, "lag", now, partial=False)

    def give_up(self, now: float) -> None:
        """The first is over though more of it may come, for nothing of it is left."""
        utterance = self.queue[0]
        utterance.cut = True
        if utterance.begun:
            self._tell_skip(utterance, 0, "lag", now, partial=True)
        self.finish(now)

    def discard(self, reason: SkipReason, now: float) -> int:
        """The first is over, whatever is left of it; returns how many samples that were."""
        utterance = self.queue[0]
        fade = self._interrupt_fade if reason == "interrupt" else self._fade
        dropped = self._drop(utterance, utterance.queued, fade)
        utterance.cut = utterance.cut or dropped > 0 or not utterance.ended
        if dropped or not utterance.begun:
            self._tell_skip(utterance, dropped, reason, now, partial=utterance.begun)
        if utterance.begun:
            self.finish(now)
        else:
            self._leave()
        return dropped

    def skip_within(self, max_lag: float, now: float) -> None:
        """Drop what comes next of the first, so that the lag is well below ``max_lag`` seconds."""
        utterance = self.queue[0]
        left_out = self._resume_position(utterance, max_lag, now) - utterance.position
        dropped = self._drop(utterance, left_out, self._fade)
        self.books.skipped += dropped
        utterance.cut = True
        self.trimmer = None
        beginning = utterance.read(self._fade)
        if len(beginning):
            utterance.unread(faded_in(beginning))
        partial = utterance.begun or utterance.queued > 0 or not utterance.ended
        self._tell_skip(utterance, dropped, "lag", now, partial=partial)
        if not partial:
            self._leave()
        elif utterance.ended and self.exhausted:
            self.finish(now)

    def _resume_position(self, utterance: Utterance, max_lag: float, now: float) -> int:
        """Where to go on within an utterance: in a pause if there is one thereabouts."""
        least, pause_from, most = (
            utterance.first_available_from(now - share * max_lag) for share in _RESUME_SHARES
        )
        if least is not None and pause_from is not None:
            pause_end = resume_at(utterance, pause_from, least, self._format)
            return least if pause_end is None else pause_end
        for position in (pause_from, most):
            if position is not None:
                return position
        return utterance.position + utterance.queued

    def _drop(self, utterance: Utterance, samples: int, fade: int) -> int:
        """Drop the next of the first one, which fades out where it is being said."""
        audible = utterance.begun and self.dry_since is None
        output, pending = self.pace.drop()
        if audible:
            following = utterance.peek(utterance.position, min(samples, fade))
            tail = np.concatenate((output, following))[:fade]
            self.tail = faded_out(tail) if len(tail) else None
        return pending + utterance.drop(samples)

    def _speed_up(self, utterance: Utterance, now: float, expected_ms: float) -> None:
        rate = self.pace.rate
        if utterance.max_rate == 1:
            self.books.speed_ups += 1
            self.books.tell(SpeechSpedUp(utterance.utterance_id, now, rate, expected_ms))
        utterance.max_rate = rate

    def _shortened(self, utterance: Utterance, samples: int) -> Int16Samples:
        """Up to so many samples with pauses trimmed, or played faster, or both."""
        if self.trimmer is not None:
            self.trimmer.look_ahead(samples)
        pace = self.pace
        if pace.active:
            # Whole frames, though less may be missing: each piece has its cost.
            whole = math.ceil(samples * pace.rate)
            while pace.ready < samples:
                if not utterance.queued:
                    pace.flush()
                    break
                available = utterance.available_at()
                pace.push(self._read(utterance, whole), available)
            frame, heard = pace.take(samples)
        else:
            frame = self._read(utterance, samples)
            heard = len(frame)
        utterance.heard += heard
        self.books.played += heard
        self.books.saved += heard - len(frame)
        return frame

    def _read(self, utterance: Utterance, samples: int) -> Int16Samples:
        """Up to so many samples, without what can go of the pauses."""
        trimmer = self.trimmer
        if trimmer is None:
            return utterance.read(samples)
        parts = []
        while (cut := trimmer.next_cut(samples)) is not None:
            part = utterance.read(cut[0] - utterance.position)
            samples -= len(part)
            parts.append(part)
            trimmed = trimmer.cut(cut)
            utterance.trimmed += trimmed
            self.books.trimmed += trimmed
        if not parts:
            return utterance.read(samples)
        return np.concatenate([*parts, utterance.read(samples)])

    def _leave(self) -> Utterance:
        utterance = self.queue.popleft()
        del self._waiting[utterance.utterance_id]
        self._remember(utterance.utterance_id)
        self.trimmer = None
        self.dry_since = None
        if self.pace.active:
            self.pace.drop()  # what was heard before is nothing to compare the next one with
        return utterance

    def _remember(self, utterance_id: str) -> None:
        self._over[utterance_id] = None
        if len(self._over) > MAX_UTTERANCES:
            del self._over[next(iter(self._over))]

    def _tell_skip(
        self, utterance: Utterance, samples: int, reason: SkipReason, now: float, *, partial: bool
    ) -> None:
        ms = self._format.duration_ms(samples)
        self.books.tell(SpeechSkipped(utterance.utterance_id, ms, now, reason, partial=partial))

    def _padded(self, part: Int16Samples, samples: int) -> Int16Samples:
        frame = np.zeros((samples, self._channels), np.int16)
        frame[: len(part)] = part
        return frame


__all__ = ["MAX_UTTERANCES", "SpeechLine"]
