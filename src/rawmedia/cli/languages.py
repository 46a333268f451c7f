"""What ``rawmedia languages`` does: lists what an engine hears, what it translates into, and in whose voice."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from rawmedia.errors import ConfigurationError, RawMediaError
from rawmedia.translators.azure.catalogue import SOURCES, TARGETS, targets
from rawmedia.translators.azure.config import AzureSpeechConfig

ENGINES = ("azure", "offline")
"""The engines whose languages are known."""


@dataclass(frozen=True, slots=True)
class TargetLanguage:
    """A language that speech is translated into."""

    code: str
    """What ``--to`` takes."""
    name: str | None
    """In English, where it is known."""
    voice: str | None
    """Who speaks it when ``--voice`` names nobody; None where there is text only."""


@dataclass(frozen=True, slots=True)
class Languages:
    """All that an engine has."""

    engine: str
    sources: tuple[str, ...]
    """What ``--from`` takes."""
    targets: tuple[TargetLanguage, ...]


def languages(engine: str = "auto") -> Languages:
    """What an engine has. Asks no service, and starts nothing.

    Args:
        engine: "azure", which is listed from this library's own catalogue; "offline", what is
            installed of it; or "auto": Azure where it is configured, else offline.

    Raises:
        ConfigurationError: There is no such engine.
    """
    if engine == "auto":
        engine = "azure" if AzureSpeechConfig.is_configured() else "offline"
    if engine == "azure":
        found = (TargetLanguage(each.code, each.name, each.voice) for each in targets())
        return Languages(engine, SOURCES, tuple(found))
    if engine == "offline":
        return _offline()
    raise ConfigurationError("engine", f"there is no {engine!r}; choose {' or '.join(ENGINES)}")


def to_json(found: Languages) -> str:
    """The list for a program."""
    return json.dumps(asdict(found), indent=2, ensure_ascii=False) + "\n"


def to_table(found: Languages) -> str:
    """The list for a person: what is heard, then a table of what is spoken."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from rawmedia.cli.summary import rendered

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("--to", no_wrap=True)
    table.add_column("Language")
    table.add_column("Default voice", no_wrap=True)
    for target in found.targets:
        voice = Text(target.voice) if target.voice else Text("text only", style="yellow")
        table.add_row(target.code, target.name or "", voice)
    heard = f"The {found.engine} engine hears (--from):\n{_columns(found.sources)}\n"
    return f"{heard}\nIt translates into:\n{rendered(table)}"


def _columns(words: tuple[str, ...], width: int = 96) -> str:
    """The words in lines of some length."""
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) + 3 > width:
            lines.append("")
        lines[-1] += f"  {word}"
    return "\n".join(lines)


def _offline() -> Languages:
    from rawmedia.translators.offline.translator import offline_translator

    has = offline_translator().capabilities
    spoken = tuple(
        TargetLanguage(code, TARGETS.get(code), _espeak_voice(code))
        for code in has.target_languages or ()
    )
    return Languages("offline", has.source_languages or (), spoken)


def _espeak_voice(code: str) -> str | None:
    from rawmedia.translators.offline import espeak_library

    try:
        return espeak_library.load().find_voice(code, None)
    except RawMediaError:
        return None


__all__ = ["ENGINES", "Languages", "TargetLanguage", "languages", "to_json", "to_table"]
