"""Whether the service is still there: the SDK can lose it and never say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawmedia.errors import NetworkError, ServiceError

if TYPE_CHECKING:
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.errors import TranslatorError

# -45 dBFS: speech on a call is 20 dB louder, the noise of a quiet line 10 dB softer.
_SOUND_RMS = 32_768 * 10 ** (-45 / 20)
# Silence makes up for a tenth of its length of sound, so that clicks and coughs never add up.
_LEAK = 0.1
_LAST_ANSWER_MS = 15_000.0
"""How long the service may take over the rest where ``answer_timeout_ms`` sets no limit."""


def has_sound(frame: AudioFrame) -> bool:
    """Whether a frame is louder than a quiet line."""
    samples = frame.samples.astype(np.float32)
    return samples.size > 0 and float(np.sqrt(np.mean(np.square(samples)))) > _SOUND_RMS


class Liveness:
    """Judges from what was sent and what came back. Times are seconds of one clock.

    Three things mean that nothing will come any more: the connection is lost and does not
    come back while there is something to send; sound is sent and no message comes; the last
    audio was sent and its answer does not come.

    Args:
        engine: How errors call the engine.
        connect_timeout_ms: How long the connection may be away.
        answer_timeout_ms: How much sound, and how long, without a message; None for any.
    """

    def __init__(
        self, engine: str, connect_timeout_ms: float, answer_timeout_ms: float | None
    ) -> None:
        self._engine = engine
        self._connect_timeout_ms = connect_timeout_ms
        self._answer_timeout_ms = answer_timeout_ms
        self._listening_since = 0.0
        self._sound_ms = 0.0
        self._connected = True
        self._missed_since: float | None = None
        """Since when there is something to send and no connection."""
        self._all_sent_at: float | None = None

    def listening(self, now: float) -> None:
        """The wait for the next message begins."""
        self._listening_since = now

    def message(self) -> None:
        """The service has said something."""
        self._sound_ms = 0.0

    def connected(self) -> None:
        """The connection is up."""
        self._connected, self._missed_since = True, None

    def disconnected(self, now: float) -> None:
        """The connection is gone."""
        self._connected = False
        if self._all_sent_at is not None:
            self._miss(now)

    def sent(self, frame: AudioFrame, now: float) -> None:
        """A frame was given to the SDK."""
        self._miss(now)
        if has_sound(frame):
            self._sound_ms += frame.duration_ms
        else:
            self._sound_ms = max(0.0, self._sound_ms - frame.duration_ms * _LEAK)

    def input_ended(self, now: float, all_sent_at: float) -> None:
        """No more audio comes, and the last will have left at ``all_sent_at``."""
        self._all_sent_at = all_sent_at
        self._miss(now)

    def problem(self, now: float) -> TranslatorError | None:
        """Why nothing will come any more, or None while something may."""
        if self._missed_since is not None:
            away_ms = (now - self._missed_since) * 1000
            if away_ms >= self._connect_timeout_ms:
                return NetworkError(
                    self._engine,
                    f"the connection was lost and did not come back within {away_ms / 1000:.1f} s; "
                    "check the network, and open another translation",
                )
        limit_ms, since = self._answer_timeout_ms, self._listening_since
        if self._all_sent_at is not None:
            what, limit_ms = "the last audio was", limit_ms or _LAST_ANSWER_MS
            since = max(since, self._all_sent_at)
        elif limit_ms is not None and self._sound_ms >= limit_ms:
            what = "sound was"
        else:
            return None
        if (now - since) * 1000 < limit_ms:
            return None
        return ServiceError(
            self._engine,
            f"{what} sent and nothing came back for {now - since:.1f} s; open another "
            "translation (answer_timeout_ms sets how long to wait)",
        )

    def _miss(self, now: float) -> None:
        if not self._connected and self._missed_since is None:
            self._missed_since = now


__all__ = ["Liveness", "has_sound"]
