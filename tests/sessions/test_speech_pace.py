"""Playing faster loses no sample that is not counted."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from speech_kit import talk

from rawmedia.audio.format import SPEECH
from rawmedia.audio.stretch import LENGTH_TOLERANCE_MS
from rawmedia.sessions.speech.pace import SpeechPace


def passed(steps: list[tuple[int, float, int]]) -> tuple[float, float]:
    """How many samples come out, and how many should, of pushes at rates and what is taken then."""
    pace, audio = SpeechPace(SPEECH), talk(2_000)
    pushed = heard = output = 0
    due = 0.0
    for samples, rate, wanted in steps:
        pace.rate = rate
        piece = audio[pushed : pushed + samples]
        pace.push(piece, 0.0)
        due += len(piece) / rate
        pushed += len(piece)
        taken, source = pace.take(wanted)
        assert len(taken) <= wanted
        heard += source
        output += len(taken)
        assert heard + pace.pending == pushed
    pace.flush()
    taken, source = pace.take(10**6)
    assert heard + source == pushed
    assert pace.pending == 0
    return output + len(taken), due


def steps(*rates: float) -> st.SearchStrategy[list[tuple[int, float, int]]]:
    """Pushes at one of the rates each, and takes."""
    step = st.tuples(st.integers(0, 900), st.sampled_from(rates), st.integers(0, 800))
    return st.lists(step, min_size=1, max_size=30)


@given(steps=steps(1.0, 1.05, 1.25, 1.5))
@settings(max_examples=40)
def test_what_goes_in_is_heard_or_pending(steps: list[tuple[int, float, int]]) -> None:
    """At each moment, and all of it at the end."""
    passed(steps)


@given(steps=steps(1.05, 1.25, 1.5))
@settings(max_examples=40)
def test_what_is_heard_takes_as_long_as_the_rates_say(steps: list[tuple[int, float, int]]) -> None:
    output, due = passed(steps)

    assert abs(output - due) <= SPEECH.samples(LENGTH_TOLERANCE_MS) + 1


def test_back_at_the_own_pace_it_steps_aside() -> None:
    """So that frames are slices again."""
    pace, audio = SpeechPace(SPEECH), talk(2_000)
    pace.rate = 1.25
    pace.push(audio[:8_000], 0.0)
    pace.rate = 1.0
    assert pace.active
    for at in range(8_000, 12_000, 320):
        while pace.ready:
            pace.take(320)
        pace.push(audio[at : at + 320], 0.0)
    pace.take(10**6)

    assert not pace.active
    assert pace.pending == 0


def test_what_is_dropped_is_what_would_have_been_heard_next() -> None:
    audio = talk(1_000)
    pace = SpeechPace(SPEECH)
    pace.rate = 1.25
    pace.push(audio[:4_000], 0.0)
    taken, heard = pace.take(100)
    dropped, pending = pace.drop()

    assert heard + pending == 4_000
    assert pace.pending == pace.ready == 0
    # No join was due before the first 40 ms.
    np.testing.assert_array_equal(np.concatenate((taken, dropped))[:640], audio[:640])


def test_what_is_inside_is_as_old_as_it_was() -> None:
    """Its lag is that of what is heard next, not of what was pushed last."""
    pace, audio = SpeechPace(SPEECH), talk(1_000)
    pace.rate = 1.25
    pace.push(audio[:320], 5.0)
    pace.push(audio[320:640], 9.0)
    assert pace.available_at == 5
    pace.take(319)
    assert pace.available_at == 5
    pace.take(1)
    assert pace.available_at == 9
