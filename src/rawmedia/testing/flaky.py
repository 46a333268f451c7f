"""An engine that fails as engines do: it refuses to start, crashes or stalls, by luck that has a seed."""

from __future__ import annotations

import asyncio
from collections import Counter
from math import inf, log
from random import Random
from typing import TYPE_CHECKING, Literal

from rawmedia.errors import (
    ConfigurationError,
    EngineCrashedError,
    EngineFailedError,
    TranslatorOverloadedError,
)
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.testing.translators import EchoTranslator
from rawmedia.translators.base import TranslationBase

if TYPE_CHECKING:
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.streams.clock import Clock
    from rawmedia.translators.request import TranslationRequest
    from rawmedia.translators.translator import (
        Translation,
        Translator,
        TranslatorCapabilities,
    )

Trouble = Literal["refused", "crashed", "stalled"]
"""What may happen to a translation."""


class FlakyTranslator:
    """A `Translator` over another, whose translations break by luck; what they say is the other's.

    What happens to the first translation, the second and so on is drawn from the seed and that
    number alone, so the same opens fail at the same places of the source in every run. A
    crash raises `EngineCrashedError`; a stall takes no more audio, so that ``send`` has to wait in
    the end. What was reported before stays valid, and its spans are right.

    Args:
        seed: Which run of luck.
        engine: Who translates; an `EchoTranslator` if not given.
        refusals: Share of opens that raise `EngineFailedError`.
        trouble_every_ms: After how much source a translation breaks on average, exponentially
            distributed; infinity for never.
        stalls: Share of what breaks that stalls instead of crashing.
        clock: What the wait of ``send`` for room is measured by.

    Raises:
        ConfigurationError: A number is out of range.
    """

    def __init__(
        self,
        seed: int,
        engine: Translator | None = None,
        *,
        refusals: float = 0.1,
        trouble_every_ms: float = 10_000.0,
        stalls: float = 0.2,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        for name, share in (("refusals", refusals), ("stalls", stalls)):
            if not 0 <= share <= 1:
                raise ConfigurationError(name, f"a share of 0 to 1, not {share}")
        if not trouble_every_ms > 0:
            raise ConfigurationError("trouble_every_ms", f"above 0, not {trouble_every_ms}")
        self.clock = clock
        self.opened = 0
        """How often it was to open a translation, refused ones among them."""
        self.troubles: Counter[Trouble] = Counter()
        """What happened so far, and how often."""
        self._engine = EchoTranslator(clock=clock) if engine is None else engine
        self._seed = seed
        self._refusals, self._stalls = refusals, stalls
        self._every_ms = trouble_every_ms

    @property
    def capabilities(self) -> TranslatorCapabilities:
        """Those of the other engine."""
        return self._engine.capabilities

    async def open(self, request: TranslationRequest) -> FlakyTranslation:
        """Open a translation of the other engine's, if luck has it.

        Raises:
            ConfigurationError: The request asks for what ``capabilities`` lacks.
            EngineFailedError: It was not to be.
        """
        self.capabilities.check(request)
        self.opened += 1
        luck = Random(f"{self._seed} {self.opened}")  # noqa: S311 - for tests
        # All are drawn whatever the settings are, so that one does not change what another does.
        refused = luck.random() < self._refusals
        heard_ms = -log(1.0 - luck.random())
        stalls = luck.random() < self._stalls
        if refused:
            self.troubles["refused"] += 1
            raise EngineFailedError(self.capabilities.name, f"refused the open {self.opened}")
        breaks_after_ms = heard_ms * self._every_ms if self._every_ms < inf else inf
        translation = await self._engine.open(request)
        return FlakyTranslation(
            self, translation, request, breaks_after_ms, "stalled" if stalls else "crashed"
        )


class FlakyTranslation(TranslationBase):
    """What `FlakyTranslator` opens: hands everything on, until it breaks."""

    def __init__(
        self,
        translator: FlakyTranslator,
        inner: Translation,
        request: TranslationRequest,
        breaks_after_ms: float,
        trouble: Trouble,
    ) -> None:
        super().__init__(translator.capabilities, request, clock=translator.clock)
        self._inner = inner
        self._troubles = translator.troubles
        self._breaks_after_ms = breaks_after_ms
        self._trouble: Trouble = trouble
        self._start(self._run)

    async def commit(self) -> None:
        """Hand it on."""
        await self._inner.commit()

    async def interrupt(self) -> None:
        """Hand it on, and drop the speech that waits to be read."""
        await super().interrupt()
        await self._inner.interrupt()

    async def update(self, request: TranslationRequest) -> None:
        """Hand it on.

        Raises:
            UnsupportedChangeError: The engine can't.
        """
        await self._inner.update(request)
        self._request = request

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen())
                async for event in self._inner:
                    await self._report(event)
        finally:
            await self._inner.aclose()

    async def _listen(self) -> None:
        """Hand the frames on up to where it breaks."""
        start_ms: float | None = None
        async for frame in self._frames:
            start_ms = frame.start_ms if start_ms is None else start_ms
            if frame.end_ms - start_ms > self._breaks_after_ms:
                await self._break(frame.start_ms)
            await self._hand_on(frame)
        await self._inner.end_input()

    async def _hand_on(self, frame: AudioFrame) -> None:
        while True:
            try:
                return await self._inner.send(frame)
            except TranslatorOverloadedError:
                continue  # whoever sends is told so by this translation's own bound

    async def _break(self, at_ms: float) -> None:
        self._troubles[self._trouble] += 1
        if self._trouble == "stalled":
            await asyncio.Event().wait()
        raise EngineCrashedError(self._name, f"crashed at {at_ms:g} ms")


__all__ = ["FlakyTranslation", "FlakyTranslator", "Trouble"]
