"""Which engine to use when the caller leaves it open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.errors import ConfigurationError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.translators.azure.config import AzureSpeechConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawmedia.streams.clock import Clock
    from rawmedia.translators.translator import Translator

ENGINES = ("auto", "azure", "offline")
"""The names that `choose_translator` knows."""


def choose_translator(
    engine: str = "auto",
    *,
    environ: Mapping[str, str] | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Translator:
    """Make the translator of a name.

    Args:
        engine: "azure", "offline" (no key and no network), or "auto": Azure where the
            environment has a key and where it belongs, such as ``AZURE_SPEECH_KEY`` and
            ``AZURE_SPEECH_REGION`` (`AzureSpeechConfig.from_environment` names them all),
            the offline engine elsewhere.
        environ: What to read instead of the process's environment.
        clock: What every wait of the engine is measured by.

    Raises:
        ConfigurationError: There is no such engine, or Azure is asked for by name and not
            configured.
        MissingDependencyError: What the engine needs is not installed.
    """
    if engine not in ENGINES:
        raise ConfigurationError("engine", f"there is no {engine!r}; choose {_choice()}")
    if engine == "auto":
        engine = "azure" if AzureSpeechConfig.is_configured(environ) else "offline"
    if engine == "azure":
        from rawmedia.translators.azure.translator import AzureTranslator

        return AzureTranslator(AzureSpeechConfig.from_environment(environ), clock=clock)
    from rawmedia.translators.offline import offline_translator

    return offline_translator(clock=clock)


def _choice() -> str:
    return f"{', '.join(ENGINES[:-1])} or {ENGINES[-1]}"


__all__ = ["ENGINES", "choose_translator"]
