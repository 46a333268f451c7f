"""A translator over other translators: reconnects, replays, hands over and fails over, and says so."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING

from rawmedia.audio.activity import EnergyActivity
from rawmedia.errors import ConfigurationError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.translators.resilience.config import ResilienceConfig
from rawmedia.translators.resilient_translation import ResilientTranslation
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rawmedia.audio.activity import ActivityDetector
    from rawmedia.audio.format import AudioFormat
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import Translator


class ResilientTranslator:
    """A `Translator` whose translations survive their engines'.

    When an engine fails, falls silent under speech, or is about to reach its session's limit,
    another session takes over: it gets the audio that the first has not settled, and
    what was said before is not said again. With several engines the next one is tried
    when one keeps failing, and the first again later. Every step is a `ResilienceWarning` among
    the events; when the budget of attempts is spent, iteration raises the last error.

    Audio that comes while no engine runs is kept, up to ``replay_ms`` of it, and what
    is lost beyond that is counted and told. While an engine runs but is slow, ``send`` waits.

    Args:
        engines: One translator, or several, the preferred first. All must be able to serve
            every request.
        config: How patient and persistent it is.
        clock: What every wait is measured by.
        random: What the jitter of waits is drawn from.
        activity: Makes what tells whether somebody speaks, for a format; the library's
            `EnergyActivity` if not given.

    Raises:
        ConfigurationError: There is no engine, or they have no input format in common.
    """

    def __init__(
        self,
        engines: Translator | Iterable[Translator],
        *,
        config: ResilienceConfig | None = None,
        clock: Clock = SYSTEM_CLOCK,
        random: Random | None = None,
        activity: Callable[[AudioFormat], ActivityDetector] = EnergyActivity,
    ) -> None:
        self.engines = _as_tuple(engines)
        self.config = ResilienceConfig() if config is None else config
        self.clock = clock
        self.random = Random() if random is None else random  # noqa: S311 - jitter is no secret
        self.activity = activity
        self._capabilities = _common(self.engines)

    @property
    def capabilities(self) -> TranslatorCapabilities:
        """What all engines can do; named after the first, and without its session's limit."""
        return self._capabilities

    async def open(self, request: TranslationRequest) -> ResilientTranslation:
        """Start a translation for one speaker.

        Each engine is tried once at once, in order, as long as what is wrong would not pass by
        itself. After a failure that may pass the translation is there all the same, and goes
        on trying while it takes audio.

        Raises:
            ConfigurationError: An engine can't serve the request.
            MissingDependencyError: Something that the engines need is not installed.
            TranslatorError: No engine could be opened, and trying again would not help.
        """
        for engine in self.engines:
            engine.capabilities.check(request)
        translation = ResilientTranslation(self, request)
        await translation._open_first()
        return translation


def _as_tuple(engines: Translator | Iterable[Translator]) -> tuple[Translator, ...]:
    several = tuple(engines) if isinstance(engines, Iterable) else (engines,)
    if not several:
        raise ConfigurationError("engines", "name at least one")
    return several


def _common(engines: Sequence[Translator]) -> TranslatorCapabilities:
    """What all can do; of languages only the first engine's are listed, the others check requests."""
    all_of = [engine.capabilities for engine in engines]
    first = all_of[0]
    formats = tuple(
        each for each in first.input_formats if all(each in other.input_formats for other in all_of)
    )
    if not formats:
        names = ", ".join(each.name for each in all_of)
        raise ConfigurationError("engines", f"{names} have no input format in common")
    return TranslatorCapabilities(
        name=first.name,
        input_formats=formats,
        source_languages=first.source_languages,
        target_languages=first.target_languages,
        speech=all(each.speech for each in all_of),
        partials=first.partials,
        multi_target=all(each.multi_target for each in all_of),
    )


__all__ = ["ResilientTranslation", "ResilientTranslator"]
