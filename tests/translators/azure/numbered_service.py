"""The emulator with ears for numbered speech, in a process of its own: what it keeps is not the client's memory.

Prints where it listens, serves until its standard input ends, and prints how often each fault happened.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from numbered_speech import listener

from rawmedia.testing.azure_emulator import Abort, AzureSpeechEmulator, FailedSynthesis, Rotation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rawmedia.testing.azure_emulator.faults import Fault


@dataclass
class Service:
    """A running service, as its client sees it."""

    host: str
    injected: dict[str, int] = field(default_factory=dict)
    """How often each fault happened; known when it has ended."""
    connections: int = 0


_SILENT = FailedSynthesis(rate=0.01, times=None)
FAULTS: dict[str, list[Fault]] = {
    "none": [],
    # Half of the minutes break a connection, and those that live long are ended.
    "some": [
        Abort(at_ms=60_000, every_ms=60_000, times=None, rate=0.5, measured="connection"),
        Rotation(at_ms=110_000),
        _SILENT,
    ],
    "some, seldom": [
        Abort(at_ms=60_000, every_ms=60_000, times=None, rate=0.5, measured="connection"),
        Rotation(at_ms=210_000),
        _SILENT,
    ],
    # A connection lives 45 seconds, and shorter where a synthesis fails, so more than one a minute
    # breaks; every tenth is rotated before.
    "every minute": [
        *(Rotation(at_ms=30_000, skip=skip, times=1) for skip in range(9, 200, 10)),
        Abort(at_ms=45_000, times=None, measured="connection"),
        _SILENT,
    ],
}
"""What goes wrong, by name."""


@asynccontextmanager
async def numbered_service(faults: str) -> AsyncIterator[Service]:
    """Run it with some `FAULTS`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__)),
        faults,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        service = Service((await process.stdout.readline()).decode().strip())
        yield service
        process.stdin.close()
        told = json.loads(await process.stdout.read())
        service.injected, service.connections = told["injected"], told["connections"]
    finally:
        if process.returncode is None:
            process.kill() if sys.exc_info()[0] else None
            await process.wait()


async def _serve(faults: str) -> None:
    async with AzureSpeechEmulator(
        faults=FAULTS[faults], seed=7, recognise=listener(), record_audio=False
    ) as emulator:
        print(emulator.host, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        injected = Counter(type(each.fault).__name__ for each in emulator.injected)
        print(json.dumps({"injected": injected, "connections": len(emulator.sessions)}))


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
