"""What the exit codes of the commands mean."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """A script can tell from it whose turn it is: nobody's, the caller's, the machine's owner's."""

    OK = 0
    FAILED = 1
    USAGE = 2
    INPUT = 3
    NOT_INSTALLED = 4
    OUTPUT = 5
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "the engine, the network or this machine failed; what was translated is kept",
    ExitCode.USAGE: "a wrong option, an unknown language or file ending; nothing was started",
    ExitCode.INPUT: "the input can't be read, or is not audio",
    ExitCode.NOT_INSTALLED: "something is not installed; the message says how to add it",
    ExitCode.OUTPUT: "a result can't be written (no such folder, no permission, disk full)",
    ExitCode.INTERRUPTED: "stopped with Ctrl-C; what was translated is kept",
    ExitCode.TERMINATED: "stopped with SIGTERM, likewise",
}

__all__ = ["MEANINGS", "ExitCode"]
