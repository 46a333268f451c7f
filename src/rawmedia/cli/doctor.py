"""What is installed, what is missing, and whether recordings can be translated with it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from rawmedia.cli.azure_check import check_azure_connection
from rawmedia.cli.checks import (
    Check,
    check_apertium,
    check_azure_configuration,
    check_azure_sdk,
    check_espeak,
    check_libopus,
    check_libsndfile,
    check_numpy,
    check_pocketsphinx,
    check_portaudio,
    check_python,
    check_rawmedia,
)
from rawmedia.cli.printable import printable
from rawmedia.errors import ConfigurationError
from rawmedia.translators.azure.config import AzureSpeechConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Everything that was looked at, by what it is good for."""

    base: tuple[Check, ...]
    offline: tuple[Check, ...]
    azure: tuple[Check, ...]
    more: tuple[Check, ...]

    @property
    def checks(self) -> tuple[Check, ...]:
        """All of them."""
        return (*self.base, *self.offline, *self.azure, *self.more)

    @property
    def engines(self) -> tuple[str, ...]:
        """The engines that can run."""
        engines = {"offline": self.offline, "azure": self.azure}
        return tuple(name for name, checks in engines.items() if _all_found(checks))

    @property
    def ready(self) -> bool:
        """Whether recordings can be translated: the base is there, and an engine."""
        return _all_found(self.base) and bool(self.engines)

    @property
    def verdict(self) -> str:
        """What that means for the commands, in a sentence."""
        if not _all_found(self.base):
            return "Nothing can be translated yet: the base is incomplete."
        if not self.engines:
            return "Nothing can be translated yet: no engine is complete."
        engines = " and the ".join(self.engines)
        sentence = f"Ready: recordings can be translated with the {engines} engine."
        if "offline" not in self.engines:
            sentence += " (`rawmedia demo` wants the offline engine, or --engine azure.)"
        return sentence


def diagnose() -> Diagnosis:
    """Look at everything; takes a second, because libraries are loaded to see that they work.

    Where Azure is configured a connection is opened too, with no audio: some ten seconds at
    most, when nothing answers.
    """
    return Diagnosis(
        base=(check_python(), check_rawmedia(), check_numpy(), check_libsndfile()),
        offline=(
            check_pocketsphinx(),
            check_apertium("offline: Spanish", "eng-spa"),
            check_espeak(),
        ),
        azure=_azure_checks(),
        more=(
            check_apertium("offline: French", "eng-cat", "cat-fra"),
            check_libopus(),
            check_portaudio(),
        ),
    )


def _azure_checks() -> tuple[Check, ...]:
    checks = (check_azure_sdk(), check_azure_configuration())
    try:
        config = AzureSpeechConfig.from_environment()
    except ConfigurationError:
        return checks
    if not _all_found(checks):
        return checks
    return (*checks, check_azure_connection(config))


def to_json(diagnosis: Diagnosis) -> str:
    """The diagnosis for a program."""
    facts = {
        "ready": diagnosis.ready,
        "engines": diagnosis.engines,
        "checks": [asdict(check) for check in diagnosis.checks],
    }
    return json.dumps(facts, indent=2) + "\n"


def to_table(diagnosis: Diagnosis) -> str:
    """The diagnosis for a person: a table, the commands that add what is missing, a verdict."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from rawmedia.cli.summary import rendered

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    table.add_column("What", no_wrap=True)
    table.add_column("Needed for", style="dim", no_wrap=True)
    table.add_column("Found", overflow="fold")
    for check in diagnosis.checks:
        if check.found is not None:
            mark, found = Text("ok", style="green"), Text(printable(check.found))
        else:
            mark, found = Text("-", style="yellow"), Text(check.problem or "not installed")
            found.stylize("yellow")
        table.add_row(mark, check.name, check.needed_for, found)
    commands = dict.fromkeys(each.command for each in diagnosis.checks if each.command)
    lines = [f"  {command}" for command in commands]
    if lines:
        lines = ["To add what is missing:", *lines, ""]
    lines.append(diagnosis.verdict)
    return rendered(table) + "\n".join(lines) + "\n"


def _all_found(checks: tuple[Check, ...]) -> bool:
    return all(check.found is not None for check in checks)


__all__ = ["Diagnosis", "diagnose", "to_json", "to_table"]
