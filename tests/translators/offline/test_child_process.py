"""A child process answers, or its end is an error in time; it is never left over."""

from __future__ import annotations

import gc
import os
import select
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from offline_support import all_end, children

from rawmedia.errors import EngineCrashedError, EngineFailedError
from rawmedia.translators.offline.child import Child

if TYPE_CHECKING:
    from io import BufferedReader

ECHO = "import sys\nfor line in sys.stdin.buffer:\n  sys.stdout.buffer.write(line)\n  sys.stdout.flush()"
DEAF = "import signal; print(flush=True); signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {DEAF}"


def start(script: str) -> Child:
    return Child("Test engine", [sys.executable, "-c", script])


def line(stream: BufferedReader) -> bytes:
    read = stream.readline()
    if not read:
        raise EOFError
    return read


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_each_request_gets_its_reply() -> None:
    """The same process answers again and again."""
    child = start(ECHO)
    assert child.exchange(b"one\n", line, 10) == b"one\n"
    assert child.exchange(b"two\n", line, 10) == b"two\n"
    assert child.alive
    child.stop()


def test_stop_leaves_no_process_and_may_come_twice() -> None:
    """A child that heeds the end of its input is not killed; its status says so."""
    child = start(ECHO)
    child.stop()
    child.stop()
    assert gone(child.pid)
    assert not child.alive
    with pytest.raises(EngineCrashedError, match="ended with status 0"):
        child.exchange(b"x\n", line, 10)


def test_a_child_that_ignores_the_end_of_its_input_is_killed() -> None:
    """A hung engine must not survive the program's wish to be rid of it."""
    child = start(STUBBORN)
    assert child.exchange(b"", line, 10) == b"\n"  # it is past its start
    child.stop()
    assert gone(child.pid)


def test_no_answer_in_time_is_an_error_and_ends_the_child() -> None:
    """The late answer must not be there for the next request to find."""
    child = start(DEAF)
    child.exchange(b"", line, 10)
    with pytest.raises(EngineFailedError, match=r"no answer came within 0\.1 s") as caught:
        child.exchange(b"x\n", line, 0.1)
    assert not isinstance(caught.value, EngineCrashedError)
    assert gone(child.pid)


def test_a_request_that_the_child_never_reads_is_given_up_in_time() -> None:
    """Writing to a full pipe blocks as reading from an empty one does."""
    child = start(DEAF)
    with pytest.raises(EngineFailedError, match="no answer"):
        child.exchange(bytes(1 << 20), line, 0.2)
    assert gone(child.pid)


def test_a_crash_tells_how_it_ended() -> None:
    """Status and signal are all that is left to find the cause by."""
    with pytest.raises(EngineCrashedError, match="ended with status 3"):
        start("import sys; sys.exit(3)").exchange(b"", line, 10)


def test_killing_from_another_thread_ends_the_exchange() -> None:
    """That is how a cancelled call gets its thread back."""
    child = start(DEAF)
    child.exchange(b"", line, 10)
    killer = threading.Timer(0.05, child.kill)
    killer.start()
    with pytest.raises(EngineCrashedError, match="killed by signal 9"):
        child.exchange(b"x\n", line, 10)
    killer.join()


def test_a_senseless_answer_ends_the_child() -> None:
    """What comes after it makes no sense either."""

    def refuse(stream: BufferedReader) -> bytes:
        line(stream)
        raise EngineFailedError("Test engine", "nonsense")

    child = start(ECHO)
    with pytest.raises(EngineFailedError, match="nonsense"):
        child.exchange(b"x\n", refuse, 10)
    assert gone(child.pid)


def test_a_program_that_does_not_exist_is_the_engines_failure() -> None:
    """The caller handles one family of errors."""
    with pytest.raises(EngineFailedError, match="could not be started"):
        Child("Test engine", ["/nonexistent/program"])


def test_a_forgotten_child_is_ended() -> None:
    """Nobody has to close what nobody holds any more."""
    before = children()
    child = start(ECHO)
    started = children() - before
    assert started
    del child
    gc.collect()
    assert all_end(started)


def test_a_child_ends_when_its_parent_is_killed() -> None:
    """SIGKILL runs no clean-up, so the end of the input must be enough."""
    script = (
        "import signal, sys\n"
        "from rawmedia.translators.offline.child import Child\n"
        f"child = Child('x', [sys.executable, '-c', {ECHO!r}])\n"
        "print(child.pid, flush=True)\n"
        "signal.pause()"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
        watch = os.pidfd_open(pid)
        parent.kill()
        parent.wait(10)
    try:
        assert select.select([watch], [], [], 10)[0], "the child outlived its parent by 10 s"
    finally:
        os.close(watch)
