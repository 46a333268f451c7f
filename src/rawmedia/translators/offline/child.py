"""A child process that is asked one thing at a time over its pipes and can leave nobody hanging."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import weakref
from typing import TYPE_CHECKING, TypeVar, cast

from rawmedia.errors import EngineCrashedError, EngineFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from io import BufferedReader

_Reply = TypeVar("_Reply")

_GRACE_S = 0.5
"""How long a child may take to end by itself once its input has ended."""
_REAP_S = 5.0
"""How long a killed child may take to be gone; the kernel needs milliseconds."""


class Child:
    """One running process. All methods block, so they belong in a thread; none waits for ever.

    The process ends with its standard input, so it does not outlive this one even when this
    one is killed. It is killed when the object is garbage, and when the interpreter exits.

    A child that failed once is gone: whoever asked starts another.

    Real processes run in real time, so their time limits are the operating system's and do
    not follow an injected clock.

    Args:
        engine: How errors call it.
        command: The program and its arguments.
        environment: Its environment variables; this process's own without.

    Raises:
        EngineFailedError: The program could not be started.
    """

    def __init__(
        self, engine: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self._engine = engine
        try:
            # A session of its own: Ctrl-C in the terminal is for this program to handle, and
            # a whole pipeline of processes can be killed as one group.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise EngineFailedError(engine, f"it could not be started: {error}") from error
        self._stop = weakref.finalize(self, _stop, self._process)

    @property
    def pid(self) -> int:
        """The process's number, which is its group's as well."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can still be asked, as far as is known."""
        return self._stop.alive and self._process.poll() is None

    def exchange(
        self, request: bytes, read_reply: Callable[[BufferedReader], _Reply], timeout: float
    ) -> _Reply:
        """Send a request and wait for its reply; one thread at a time.

        Args:
            request: Sent as it is. The child must read it whole before its reply fills a
                pipe (64 KiB on Linux), or the two wait for each other until the timeout.
            read_reply: Reads exactly one reply from the child's output; raises ``EOFError``
                where that ends, and ``EngineFailedError`` where it makes no sense.
            timeout: Seconds for all of it.

        Raises:
            EngineCrashedError: The process is gone.
            EngineFailedError: No reply came in time, or a senseless one; the process was ended.
        """
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self.kill()

        watchdog = threading.Timer(timeout, expire)
        watchdog.daemon = True
        watchdog.start()
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(request)
            self._process.stdin.flush()
            return read_reply(cast("BufferedReader", self._process.stdout))
        except (OSError, EOFError, ValueError) as error:
            self.stop()
            if expired.is_set():
                raise EngineFailedError(
                    self._engine, f"no answer came within {timeout:g} s; its process was ended"
                ) from None
            raise EngineCrashedError(self._engine, self._how_it_ended()) from error
        except EngineFailedError:
            self.kill()
            self.stop()
            raise
        finally:
            watchdog.cancel()

    def kill(self) -> None:
        """End the process at once; an exchange in another thread raises. Twice is harmless."""
        _kill(self._process)

    def stop(self) -> None:
        """End the process, gently if it lets, and give everything back. Twice is harmless."""
        self._stop()

    def _how_it_ended(self) -> str:
        status = self._process.returncode
        if status is not None and status < 0:
            return f"its process was killed by signal {-status}"
        return f"its process ended with status {status}"


def _kill(process: subprocess.Popen[bytes]) -> None:
    # Not once it is reaped: the number may be somebody else's by then.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        _kill(process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_REAP_S)
    process.stdout.close()


__all__ = ["Child"]
