"""Every fault of the service, with the real SDK: what the user gets, and when."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from azure_kit import FAST, codes, config, of, request, wait_for_recognizers
from numbered_speech import listener, spoken_frame, word, words

from rawmedia.errors import (
    AuthenticationError,
    NetworkError,
    ServiceError,
    TranslatorError,
)
from rawmedia.testing.azure_emulator import (
    Abort,
    AzureSpeechEmulator,
    BadJSON,
    BrokenFrame,
    Close,
    FailedSynthesis,
    Fault,
    HalfOpen,
    MissingTurnEnd,
    MissingTurnStart,
    RecognitionFailure,
    RefusedHandshake,
    Rotation,
    Silence,
    SlowHandshake,
    SlowSynthesis,
    Throttle,
    TranslationFailure,
    Unacknowledged,
    WrongRequestId,
)
from rawmedia.translators.azure import AzureTranslator, translation_config
from rawmedia.translators.events import (
    FinalTranslation,
    TranslatedAudio,
    TranslationEvent,
    TranslatorWarning,
)
from rawmedia.translators.resilience import ResilienceConfig, ResilienceWarning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ANSWER_MS = 500.0
ATTEMPTS = 3
PATIENCE = ResilienceConfig(
    answer_timeout_ms=ANSWER_MS,
    rest_timeout_ms=2 * ANSWER_MS,
    connect_timeout_ms=2_000,
    retry_base_ms=20,
    retry_cap_ms=40,
    max_attempts=ATTEMPTS,
)
SLACK_S = 1.0
"""What a busy machine may add."""


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left_running() -> Iterator[None]:
    """The SDK waits a second, and not two, for a service that does not answer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(translation_config, "STOP_TIMEOUT_S", 1)
        yield
        wait_for_recognizers()


@dataclass
class Outcome:
    """What a call of some words gave."""

    emulator: AzureSpeechEmulator
    events: list[TranslationEvent] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    error: TranslatorError | None = None
    audio_ms: float = 0.0
    lost_samples: int = 0

    @property
    def texts(self) -> list[str]:
        return [each.source_text for each in of(self.events, FinalTranslation)]

    @property
    def spoken(self) -> list[str]:
        """The words that were spoken whole: each is 100 ms of its own value."""
        heard: dict[str, list[int]] = {}
        for each in of(self.events, TranslatedAudio):
            heard.setdefault(each.utterance_id, []).extend(each.frame.samples[:, 0].tolist())
        return [word(values[0] - 1) for values in heard.values() if len(values) == 1_600]

    @property
    def longest_wait_s(self) -> float:
        return max((b - a for a, b in zip(self.at, self.at[1:], strict=False)), default=0.0)


async def call(faults: Sequence[Fault], seconds: int = 4, family: Any = None) -> Outcome:
    """Say a word a second, at ten times the speed of speech, and listen to the end."""
    async with AzureSpeechEmulator(faults=faults, recognise=listener(), family=family) as emulator:
        outcome = Outcome(emulator)
        engine = AzureTranslator(config(emulator), options=FAST, resilience=PATIENCE)
        async with await engine.open(request()) as translation:

            async def speak() -> None:
                for at in range(0, seconds * 1_000, 100):
                    await translation.send(spoken_frame(at))
                    outcome.audio_ms = at + 100
                    await asyncio.sleep(0.01)
                await translation.end_input()

            async def listen() -> None:
                outcome.at.append(time.monotonic())
                async for event in translation:
                    outcome.events.append(event)
                    outcome.at.append(time.monotonic())

            speaking = asyncio.create_task(speak())
            try:
                async with asyncio.timeout(20):
                    await listen()
                    await speaking
            except TranslatorError as error:
                outcome.at.append(time.monotonic())
                outcome.error = error
                speaking.cancel()
                await asyncio.wait([speaking])
            outcome.lost_samples = translation.stats.lost_samples
    return outcome


SURVIVED = [
    Abort(at_ms=1_500),
    Abort(at_ms=0),
    Abort(at_ms=700, times=ATTEMPTS),
    *(
        Close(code=code, at_ms=1_500)
        for code in (1_000, 1_001, 1_002, 1_003, 1_008, 1_011, 1_013, 4_429)
    ),
    Rotation(at_ms=1_500, times=1),
    Rotation(at_ms=1_000, times=3),
    RefusedHandshake(status=503, times=2),
    SlowHandshake(delay_ms=200),
    BrokenFrame(at_ms=1_500),
    *(
        RecognitionFailure(status=status)
        for status in ("Error", "ServiceUnavailable", "TooManyRequests")
    ),
    BadJSON(),
    WrongRequestId(),
    MissingTurnStart(),
    MissingTurnEnd(),
    Silence(at_ms=1_500),
    HalfOpen(at_ms=1_500),
    Throttle(at_ms=1_000, speed=5),
    SlowSynthesis(delay_ms=200),
]


def _name(value: object) -> str:
    number = getattr(value, "code", getattr(value, "status", getattr(value, "times", "")))
    return f"{type(value).__name__}-{number}" if isinstance(value, Fault) else str(value)


@pytest.fixture(scope="module")
def survived() -> dict[Fault, Outcome]:
    """The calls with one fault each, some at a time: most of each is waiting."""

    async def main() -> dict[Fault, Outcome]:
        places = asyncio.Semaphore(8)

        async def one(fault: Fault) -> Outcome:
            async with places:
                return await call([fault])

        outcomes = await asyncio.gather(*(one(fault) for fault in SURVIVED))
        return dict(zip(SURVIVED, outcomes, strict=True))

    return asyncio.run(main())


@pytest.mark.parametrize("fault", SURVIVED, ids=_name)
def test_a_fault_that_passes_costs_no_word_no_sample_and_no_speech(
    fault: Fault, survived: dict[Fault, Outcome]
) -> None:
    """Each word arrives exactly once; whatever is done about it is told in time."""
    outcome = survived[fault]
    assert outcome.error is None
    assert outcome.texts == words(4)
    assert outcome.spoken == words(4)
    assert outcome.lost_samples == 0
    assert outcome.emulator.injected, "the fault did not happen"
    assert outcome.longest_wait_s < 2 * ANSWER_MS / 1_000 + SLACK_S


def test_an_answer_that_can_not_be_read_costs_nothing_where_the_sdk_says_so() -> None:
    outcome = asyncio.run(call([BadJSON(path="translation.phrase")], family="older"))
    assert outcome.error is None
    assert outcome.texts == words(4)
    assert "reconnected" in codes(outcome.events)


def test_a_synthesis_that_fails_costs_one_word_its_speech() -> None:
    """The SDK ends the session for it; the text came, and what follows is spoken."""
    outcome = asyncio.run(call([FailedSynthesis(skip=1)]))
    assert outcome.error is None
    assert outcome.texts == words(4)
    assert outcome.spoken == [word(0), word(2), word(3)]
    (warning,) = [
        each
        for each in of(outcome.events, TranslatorWarning)
        if not isinstance(each, ResilienceWarning)
    ]
    assert "could not make it" in warning.message
    assert "reconnected" in codes(outcome.events)


@pytest.mark.parametrize(
    "fault", [Unacknowledged(), BadJSON(path="translation.response", skip=1)], ids=_name
)
def test_a_phrase_that_never_comes_costs_itself_and_nothing_else(fault: Fault) -> None:
    """The service goes on to the next as if it had told it, which nobody can see from here."""
    outcome = asyncio.run(call([fault]))
    assert outcome.error is None
    assert outcome.texts == outcome.spoken == words(4)[1:]


def test_a_translation_that_fails_costs_one_word_its_translation() -> None:
    outcome = asyncio.run(call([TranslationFailure()]))
    assert outcome.texts == words(4)
    assert outcome.spoken == words(4)[1:]
    assert codes(outcome.events) == []


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Close(code=1_007, at_ms=1_500), ServiceError),
        (RecognitionFailure(status="BadRequest"), ServiceError),
        (RecognitionFailure(status="Forbidden"), ServiceError),
    ],
    ids=_name,
)
def test_what_the_service_will_not_do_is_an_error_at_once(
    fault: Fault, kind: type[TranslatorError]
) -> None:
    """Trying it again would not help, and cost money."""
    outcome = asyncio.run(call([fault]))
    assert isinstance(outcome.error, kind)
    assert not outcome.error.retryable
    assert len(outcome.emulator.sessions) == 1
    assert outcome.longest_wait_s < SLACK_S


LASTING: dict[tuple[Fault, ...], type[TranslatorError]] = {
    (Abort(at_ms=500, times=None, measured="connection"),): NetworkError,
    (Close(code=1_000, at_ms=500, times=None, measured="connection"),): NetworkError,
    (Close(code=1_013, at_ms=500, times=None, measured="connection"),): ServiceError,
    (RecognitionFailure(status="TooManyRequests", times=None),): ServiceError,
    (Silence(times=None),): ServiceError,
    (HalfOpen(times=None),): TranslatorError,
    (Abort(at_ms=500), RefusedHandshake(status=503, skip=1, times=None)): ServiceError,
    (Abort(at_ms=500), RefusedHandshake(status=401, skip=1)): AuthenticationError,
}


@pytest.fixture(scope="module")
def lasting() -> dict[tuple[Fault, ...], Outcome]:
    async def main() -> dict[tuple[Fault, ...], Outcome]:
        outcomes = await asyncio.gather(*(call(faults, seconds=30) for faults in LASTING))
        return dict(zip(LASTING, outcomes, strict=True))

    return asyncio.run(main())


@pytest.mark.parametrize("faults", LASTING, ids=lambda faults: _name(faults[-1]))
def test_a_fault_that_does_not_pass_is_an_error_when_the_attempts_are_spent(
    faults: tuple[Fault, ...], lasting: dict[tuple[Fault, ...], Outcome]
) -> None:
    """The SDK by itself would say nothing for ever on some of these; here each attempt is told."""
    outcome = lasting[faults]
    assert isinstance(outcome.error, LASTING[faults])
    assert outcome.longest_wait_s < 2 * ANSWER_MS / 1_000 + SLACK_S
    if outcome.error.retryable:
        assert codes(outcome.events).count("reconnecting") == ATTEMPTS


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, ServiceError, False),
        (401, AuthenticationError, False),
        (403, AuthenticationError, False),
        (404, ServiceError, False),
        (408, ServiceError, True),
        (429, ServiceError, True),
        (500, ServiceError, True),
        (502, ServiceError, True),
        (503, ServiceError, True),
    ],
)
def test_a_refused_connection_is_a_typed_error_of_open(
    status: int, kind: type[TranslatorError], retryable: bool
) -> None:
    """What may pass is tried five times in a second; and no secret is told."""

    async def main() -> None:
        refused = RefusedHandshake(status=status, times=None)
        async with AzureSpeechEmulator(faults=[refused]) as emulator:
            before = time.monotonic()
            with pytest.raises(TranslatorError) as caught:
                await AzureTranslator(config(emulator)).open(request())
            assert time.monotonic() - before < 1.0 + SLACK_S
        assert (type(caught.value), caught.value.retryable) == (kind, retryable)
        assert str(status) in str(caught.value)
        assert emulator.host in str(caught.value) or kind is ServiceError
        assert emulator.handshakes == (5 if retryable else 1)

    asyncio.run(main())
