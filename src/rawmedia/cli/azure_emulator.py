"""What ``rawmedia azure-emulator`` does: lets the Azure Speech emulator run until it is stopped."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from rawmedia.cli.exits import ExitCode
from rawmedia.cli.printable import printable
from rawmedia.cli.stopping import stop_on_signals
from rawmedia.errors import ConfigurationError
from rawmedia.testing.azure_emulator import AzureSpeechEmulator, EmulatedUtterance, repeated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rawmedia.testing.azure_emulator.script import Script

_MAX_SCRIPT_BYTES = 16_777_216
_DEMONSTRATION = (
    EmulatedUtterance(
        source_text="The emulator does not listen; it says what its script says.",
        start_ms=500,
        end_ms=4_000,
        revisions=("The emulator", "The emulator does not listen"),
        translations={
            "es": "El emulador no escucha; dice lo que dice su guion.",
            "fr": "L'émulateur n'écoute pas ; il dit ce que dit son script.",
            "de": "Der Emulator hört nicht zu; er sagt, was in seinem Skript steht.",
        },
    ),
)


class ScriptedLine(BaseModel):
    """One utterance of a script file."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    text: str
    """What is said."""
    start_ms: Annotated[float, Field(ge=0)]
    """Where it starts in the audio that was received."""
    end_ms: Annotated[float, Field(ge=0)]
    language: str | None = None
    """What is spoken, where the client lets the service find out."""
    revisions: tuple[str, ...] = ()
    """What it sounds like meanwhile, evenly distributed."""
    translations: dict[str, str] = Field(default_factory=dict)
    """By the service's language codes."""
    delay_ms: Annotated[float, Field(ge=0)] = 0.0
    """From the end of the audio to the final."""

    def utterance(self) -> EmulatedUtterance:
        """As the emulator wants it."""
        return EmulatedUtterance(
            source_text=self.text,
            start_ms=self.start_ms,
            end_ms=self.end_ms,
            language=self.language,
            revisions=self.revisions,
            translations=self.translations,
            delay_ms=self.delay_ms,
        )


def read_script(path: Path) -> tuple[EmulatedUtterance, ...]:
    """Read a script file: a JSON array of objects as `ScriptedLine` says.

    Raises:
        ConfigurationError: It can't be read, is too large or no such file; names the first
            place that is wrong.
    """
    try:
        if path.stat().st_size > _MAX_SCRIPT_BYTES:
            raise ConfigurationError("--script", f"is larger than {_MAX_SCRIPT_BYTES} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError("--script", f"can't be read: {error.strerror}") from error
    try:
        lines = TypeAdapter(tuple[ScriptedLine, ...]).validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "its beginning"
        raise ConfigurationError(
            "--script", f"{printable(path)} at {where}: {first['msg']}"
        ) from None
    return tuple(line.utterance() for line in lines)


def choose(script: Path | None, *, offline: bool | None) -> tuple[Script, bool]:
    """The script, and whether the embedded engine hears instead.

    Args:
        script: A script file.
        offline: Whether to take the embedded engine; None takes it where it is installed and
            no script is given.

    Raises:
        ConfigurationError: Both a script and the engine are asked for, or the file is wrong.
    """
    if script is not None:
        if offline:
            raise ConfigurationError("--script", "can't go together with the embedded engine")
        return read_script(script), False
    if offline is None:
        from rawmedia.translators.offline import missing

        offline = not missing()
    return repeated(_DEMONSTRATION, 6_000), offline


async def serve(
    emulator: AzureSpeechEmulator, stop: asyncio.Event, say: Callable[[str], object]
) -> None:
    """Let an emulator run until ``stop`` is set.

    Raises:
        MissingDependencyError: What it listens with is not installed.
        ConfigurationError: The port is taken.
    """
    async with emulator:
        say(
            f"Azure Speech emulator on {emulator.host} (HTTP: {emulator.url}); stop it with Ctrl-C.\n"
            f'Python SDK:  SpeechTranslationConfig(subscription="any", host="{emulator.host}")\n'
            f'rawmedia:    AzureSpeechConfig(key="any", host="{emulator.host}")'
        )
        await stop.wait()
    say(f"{emulator.handshakes} connections were asked for, {len(emulator.sessions)} clients came")


def run_emulator(port: int, script: Path | None, *, offline: bool | None) -> ExitCode:
    """Run the emulator in this process until Ctrl-C or SIGTERM.

    Raises:
        RawMediaError: It could not be started.
    """
    said, hears = choose(script, offline=offline)
    emulator = AzureSpeechEmulator(
        said, port=port, recognise="offline" if hears else "script", record_audio=False
    )

    async def main() -> None:
        stop = asyncio.Event()
        with stop_on_signals(stop.set, os._exit):
            await serve(emulator, stop, lambda text: print(text, flush=True))

    with suppress(KeyboardInterrupt):
        asyncio.run(main())
    return ExitCode.OK


__all__ = ["ScriptedLine", "choose", "read_script", "run_emulator", "serve"]
