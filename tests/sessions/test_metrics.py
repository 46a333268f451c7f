"""When source audio was said, where it does not come in step."""

from __future__ import annotations

import pytest

from rawmedia.audio.format import SPEECH
from rawmedia.audio.frame import AudioFrame
from rawmedia.sessions.metrics.utterance import SpeechLog


def at(start_ms: float, duration_ms: float = 20) -> AudioFrame:
    return AudioFrame(bytes(2 * SPEECH.samples(duration_ms)), SPEECH, SPEECH.samples(start_ms))


def test_a_burst_after_a_stall_was_said_no_later_than_it_came() -> None:
    """A line that hung gives all at once; the last of it was not said in the future."""
    log = SpeechLog()
    for start_ms, now in ((0, 0.02), (20, 5.0), (40, 5.0), (60, 5.0)):
        log.arrived(at(start_ms), now)
    assert [log.said(media_ms) for media_ms in (10, 30, 50, 70, 80)] == pytest.approx(
        [0.01, 4.99, 4.99, 4.99, 5.0]
    )


def test_who_has_looked_at_the_frame_tells_its_span() -> None:
    """The books look at every frame once."""
    frames, spans = SpeechLog(), SpeechLog()
    for start_ms, now in ((0, 0.02), (20, 0.04), (500, 3.0)):
        frames.arrived(at(start_ms), now)
        spans.arrived_span(start_ms, start_ms + 20, now)
    for media_ms in (0, 30, 510, 900):
        assert frames.said(media_ms) == spans.said(media_ms)
