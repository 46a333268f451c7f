"""A server in a process of its own, for tests that dial it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def free_port() -> int:
    """One that nobody listens at; nothing keeps it free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


class ServerProcess:
    """The process, killed as its block ends, and what it writes.

    Args:
        port: Where it is going to listen.
        command: What to run.
        environ: Added to this process's environment.
    """

    def __init__(
        self, port: int, command: Sequence[str], environ: Mapping[str, str] | None = None
    ) -> None:
        self.port = port
        self.url = f"ws://127.0.0.1:{port}/calls"
        self.stdout = self.stderr = ""
        """What it has written, once it ended."""
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environ or {})},
        )

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        with self.process:
            pass

    def status(self, path: str) -> int | None:
        """What a page answers; None while nobody does."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as response:
                code: int = response.status
                return code
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return None

    async def answers(self, path: str, status: int) -> None:
        """Wait for it."""
        async with asyncio.timeout(30):
            while await asyncio.to_thread(self.status, path) != status:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.05)

    async def ended(self, typed: str | None = None) -> int:
        """Type something, wait for its end, and return the exit code."""
        written = await asyncio.to_thread(self.process.communicate, typed, 30)
        self.stdout, self.stderr = written
        return self.process.returncode

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal, wait for its end, and return the exit code."""
        self.process.send_signal(number)
        return await self.ended()


__all__ = ["ServerProcess", "free_port"]
