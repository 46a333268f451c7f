"""The translated speech of one speaker in one language as one listener will hear it.

One utterance after another, never late: see `rawmedia.sessions.lag` for what is done about lag
and `rawmedia.sessions.speech.queue` for what lag is.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rawmedia.audio.pcm import int16_samples
from rawmedia.errors import ConfigurationError
from rawmedia.sessions.lag import Backlog, LagController, LagLimits
from rawmedia.sessions.speech.line import MAX_UTTERANCES, SpeechLine
from rawmedia.sessions.speech.pauses import PauseTrimmer

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.sessions.speech.facts import SpeechFact, SpeechStats
    from rawmedia.sessions.speech.queue import Utterance

_REVIEW_MS: Final = 100.0
"""How often the lag that is to be expected is looked at; the bound itself is at every frame."""
MAX_GAP_S: Final = 2.0
"""How long an utterance may stop in the middle while others wait."""


class SpeechPlayout:
    """Plays the speech of utterances, in the order in which they were first put, never two at once.

    An utterance whose audio is still coming is waited for: what is missing is silence, counted
    as an underrun when it goes on. Only where others wait it is given up, after 2 s without
    audio or as soon as they would be late.

    Who feeds it waits while it is ``full``: what comes all the same is refused and counted. A put
    may go beyond the capacity by its own length. No more than 1000 utterances wait at once;
    as many that are over are remembered, so that what still comes of them is refused.

    All times are seconds on one clock of the caller's; a `put` that goes back counts as at the
    latest one. Nothing here waits, locks or calls back: for one thread at a time.

    Args:
        format: What is put and rendered.
        max_lag_ms: Nothing is heard later than this after it became available, 100 or more;
            None for no bound, as for consecutive timing: then nothing is trimmed, sped up or skipped.
        capacity_ms: How much may wait, 100 or more.
        limits: Everything about lag in detail; ``max_lag_ms`` is taken instead of its own.

    Raises:
        ConfigurationError: A number is out of range.
    """

    def __init__(
        self,
        format: AudioFormat,
        *,
        max_lag_ms: float | None = 4_000.0,
        capacity_ms: float = 60_000.0,
        limits: LagLimits | None = None,
    ) -> None:
        if not 100 <= capacity_ms <= 3_600_000:
            raise ConfigurationError("capacity_ms", f"takes 100 to 3600000, not {capacity_ms:g}")
        self.held = False
        """While True nothing *new* begins, whatever waits; what is being said goes on."""
        self._format = format
        self._rate_hz = format.sample_rate
        self._channels = format.num_channels
        self._limits = replace(limits or LagLimits(), max_lag_ms=max_lag_ms)
        self._max_lag = math.inf if max_lag_ms is None else max_lag_ms / 1000
        self._controller = LagController(self._limits)
        self._capacity = format.samples(capacity_ms)
        self._review = format.samples(_REVIEW_MS)
        self._line = SpeechLine(format)
        self._books = self._line.books
        self._generation = 0
        self._ended = False
        self._now = self._put_at = -math.inf
        self._frame = 0
        self._max_first_lag = self._max_next_lag = self._max_lag
        self._reviewed: Utterance | None = None
        self._until_review = 0
        self._next_lag = 0.0  # seconds, of what was last looked at
        self._expected_ms = 0.0

    @property
    def format(self) -> AudioFormat:
        """What is put and rendered."""
        return self._format

    @property
    def generation(self) -> int:
        """How often it was interrupted; what is put with another one is refused."""
        return self._generation

    @property
    def max_lag_ms(self) -> float | None:
        """Nothing is heard later than this after it became available; None for no bound.

        May be set at any time, also to None.

        Raises:
            ConfigurationError: It is out of range; nothing has changed.
        """
        return self._limits.max_lag_ms

    @max_lag_ms.setter
    def max_lag_ms(self, max_lag_ms: float | None) -> None:
        self._limits = replace(self._limits, max_lag_ms=max_lag_ms)
        self._controller = LagController(self._limits)
        self._max_lag = math.inf if max_lag_ms is None else max_lag_ms / 1000
        # What was worked out from it is worked out anew with the next frame.
        self._frame, self._reviewed = 0, None
        if max_lag_ms is None:
            self._line.pace.rate, self._line.trimmer = 1.0, None

    @property
    def ready(self) -> bool:
        """Whether there is speech that could be heard now. ``held`` is left aside, to look ahead."""
        line = self._line
        return line.tail is not None or (bool(line.queue) and not line.exhausted)

    @property
    def speaking(self) -> bool:
        """Whether an utterance was begun and is not finished; even where its audio has run dry."""
        queue = self._line.queue
        return bool(queue) and queue[0].begun

    @property
    def queued_ms(self) -> float:
        """What waits to be heard, at the pace at which it was put."""
        return self._format.duration_ms(self._books.unheard)

    @property
    def lag_ms(self) -> float:
        """Queueing lag of what is heard next, as of the last call that told the time; 0 or more."""
        line = self._line
        if not line.queue or line.exhausted:
            return 0.0
        return max(0.0, 1000 * line.lag_of(line.queue[0], self._now))

    @property
    def full(self) -> bool:
        """Whether what comes now is refused."""
        return self._books.unheard >= self._capacity or len(self._line.queue) >= MAX_UTTERANCES

    @property
    def finished(self) -> bool:
        """Whether `end` was called and nothing is left to be heard."""
        return self._ended and not self._line.queue and self._line.tail is None

    @property
    def stats(self) -> SpeechStats:
        """What was done so far."""
        waiting = sum(utterance.queued for utterance in self._line.queue)
        return self._books.stats(waiting + self._line.pace.pending)

    def put(
        self,
        utterance_id: str,
        samples: Int16Samples,
        now: float,
        *,
        generation: int | None = None,
    ) -> bool:
        """Take audio of an utterance, behind what there is of it.

        Args:
            utterance_id: Whose it is; a new one is heard after all that were put before.
            samples: int16 of shape ``(n, num_channels)``, or ``(n,)`` for mono. Kept, not copied.
            now: When it comes, in seconds.
            generation: As `generation` was when it was asked for; None for the present one.

        Returns:
            False where it was refused, as counted in `stats`: stale (of another generation, or of
            an utterance that has ended, or was skipped or interrupted), or no room.

        Raises:
            PayloadError: Another type or shape; nothing was taken.
        """
        samples = int16_samples(samples, self._channels)
        if (
            self._ended
            or not self._line.takes(utterance_id)
            or (generation is not None and generation != self._generation)
        ):
            self._books.stale += len(samples)
            return False
        if self.full:
            self._books.overflow += len(samples)
            return False
        if len(samples):
            self._put_at = max(now, self._put_at)
            self._now = max(now, self._now)
            self._line.add(utterance_id, samples, self._put_at)
        return True

    def end_utterance(self, utterance_id: str) -> None:
        """No more comes of an utterance, whether any did or not. Twice is harmless."""
        self._line.end(utterance_id, self._now)

    def end(self) -> None:
        """Nothing more will ever be put; what waits is still heard."""
        self._ended = True
        self._line.end_all(self._now)

    def render(self, samples: int, now: float) -> Int16Samples | None:
        """The next stretch of what the listener hears.

        Args:
            samples: How many per channel, 1 or more.
            now: When it is heard, in seconds.

        Returns:
            int16 of shape ``(samples, num_channels)``, not to be written to, with zeros where an
            utterance ends or runs dry within; None where nothing is to be heard.
        """
        self._now = now
        line = self._line
        if line.tail is None and not line.queue:
            return None
        if line.tail is None and self._choose(samples, now):
            self._until_review -= samples
            return line.say(samples, now, self._next_lag, self._expected_ms)
        return line.fade_out(samples)

    def interrupt(self, now: float) -> float:
        """Drop all that is unheard; what still comes of it is refused.

        What is being said fades out in the first 2 ms of the next render.

        Returns:
            How many milliseconds were dropped, at the pace of the engine.
        """
        self._now = now
        self._generation += 1
        line, books = self._line, self._books
        books.interrupts += 1
        before = books.interrupted
        while line.queue:
            books.interrupted += line.discard("interrupt", now)
        return self._format.duration_ms(books.interrupted - before)

    def take_facts(self) -> list[SpeechFact]:
        """What happened since the last call, in order; of more than 1000 the newest."""
        books = self._books
        return books.take_facts() if books.facts else []

    def _choose(self, samples: int, now: float) -> bool:
        """Whether something of the first utterance is heard now; skips and gives up first."""
        line, skipped = self._line, False
        while line.queue:
            first = line.queue[0]
            if self.held and not first.begun:
                return False
            if line.exhausted:
                if not self._is_given_up(samples, now):
                    return False
                line.give_up(now)
            elif self._must_skip(first, samples, now) and not skipped:
                skipped = True
                self._skip(samples, now)
                if line.tail is not None:
                    return False
            else:
                return True
        return False

    def _is_given_up(self, samples: int, now: float) -> bool:
        """Whether the first utterance, which ran dry, can't be waited for any longer."""
        line = self._line
        if line.dry_since is None:
            line.dry_since = now
        if len(line.queue) == 1:
            return False
        return now - line.dry_since >= MAX_GAP_S or self._next_is_late(samples, now)

    def _must_skip(self, first: Utterance, samples: int, now: float) -> bool:
        """Whether what comes next is too late, or makes something else so; reviews the rate, too."""
        line = self._line
        self._next_lag = lag = line.lag_of(first, now)
        if self._max_lag == math.inf:
            return False
        if samples != self._frame:
            self._set_frame(samples)
        pause, others = 0, len(line.queue) > 1
        if lag <= self._max_first_lag and not (others and self._next_is_late(samples, now)):
            if others and line.trimmer is not None:
                cut = line.trimmer.next_cut(samples)
                pause = cut[1] - cut[0] if cut is not None else 0
            if self._until_review > 0 and not pause and first is self._reviewed:
                return False
        self._until_review, self._reviewed = self._review, first
        decision = self._controller.decide(self._backlog(samples, pause, now))
        line.pace.rate = decision.rate
        if not decision.trim:
            line.trimmer = None
        elif line.trimmer is None:
            line.trimmer = PauseTrimmer(first, self._format, self._limits)
        return decision.skip

    def _backlog(self, samples: int, pause: int, now: float) -> Backlog:
        """All that waits, in numbers."""
        line, rate_hz = self._line, self._rate_hz
        ahead = rest = line.queue[0].queued + line.pace.pending
        next_lag = None
        expected = self._next_lag
        for place, utterance in enumerate(line.queue):
            if place:
                lag = now - utterance.first_put
                next_lag = lag if next_lag is None else next_lag
                expected = max(expected, lag + ahead / rate_hz)
                ahead += utterance.queued
            # Its end waits longer than its beginning where it came faster than it can be said.
            if utterance.queued:
                expected = max(expected, now + ahead / rate_hz - utterance.last_available_at())
        self._expected_ms = expected * 1000
        ms = self._format.duration_ms
        return Backlog(
            lag_ms=self._next_lag * 1000,
            expected_ms=self._expected_ms,
            rest_ms=ms(rest),
            next_lag_ms=None if next_lag is None else next_lag * 1000,
            pause_ms=ms(pause),
            frame_ms=ms(samples),
        )

    def _skip(self, samples: int, now: float) -> None:
        """Go on with the newest utterance, and where even that is late, with its newest part."""
        line, newest = self._line, self._line.queue[-1]
        self._books.skips += 1
        alone = line.queue[0] is newest
        while line.queue[0] is not newest:
            self._books.skipped += line.discard("lag", now)
        # What fades out takes a frame.
        if alone or self._is_late(line.lag_of(newest, now) + samples / self._rate_hz, samples):
            line.skip_within(self._max_lag, now)

    def _is_late(self, lag: float, samples: int) -> bool:
        """Whether a frame may be too late that begins with a lag of so many seconds."""
        if samples != self._frame:
            self._set_frame(samples)
        return lag > self._max_first_lag

    def _next_is_late(self, samples: int, now: float) -> bool:
        """Whether the utterance after the first, which there is, has to begin."""
        if samples != self._frame:
            self._set_frame(samples)
        return now - self._line.queue[1].first_put > self._max_next_lag

    def _set_frame(self, samples: int) -> None:
        """Frames are nearly always of one size, so what depends on it is kept."""
        frame_ms = self._format.duration_ms(samples)
        self._frame = samples
        self._max_first_lag = self._max_lag - self._controller.margin_ms(frame_ms) / 1000
        self._max_next_lag = self._max_lag - self._controller.notice_ms(frame_ms) / 1000


__all__ = ["MAX_GAP_S", "SpeechPlayout"]
