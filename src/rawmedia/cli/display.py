"""What a person sees while a translation runs; on a pipe or in a file, lines that a program can read."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Protocol, Self

from rawmedia.cli.printable import media_time, printable
from rawmedia.translators.events import FinalTranslation

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rawmedia.sessions.events import SessionEvent


class Display(Protocol):
    """Shows how a translation goes. Entered before anything else is called."""

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the screen as it should stay."""
        ...

    def status(self, text: str) -> None:
        """Tell what goes on, in a few words."""
        ...

    def listening(self, duration_ms: float | None, heard_ms: Callable[[], float]) -> None:
        """The input is being heard from now on.

        Args:
            duration_ms: How long it claims to be, which may be wrong; None when unknown.
            heard_ms: How much was heard so far; may be called from any thread.
        """
        ...

    def event(self, event: SessionEvent) -> None:
        """Show what the session reports, as far as a person wants to see it."""
        ...

    def warn(self, message: str) -> None:
        """Show something that went wrong and was survived."""
        ...


class QuietDisplay:
    """Shows warnings alone."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def status(self, text: str) -> None:
        """Keep it to itself."""

    def listening(self, duration_ms: float | None, heard_ms: Callable[[], float]) -> None:
        """Keep it to itself."""

    def event(self, event: SessionEvent) -> None:
        """Keep it to itself."""

    def warn(self, message: str) -> None:
        """Write it to the standard error."""
        print(f"rawmedia: warning: {printable(message)}", file=sys.stderr, flush=True)


class PlainDisplay(QuietDisplay):
    """Writes what is final, line by line: the time in the input, the language, the text."""

    def event(self, event: SessionEvent) -> None:
        """Write the texts of a final; nothing else."""
        write_final(event)


def write_final(event: SessionEvent, *who: str) -> None:
    """Write the texts of a final, if it is one: the time, who said it where that is told, language, text."""
    if isinstance(event, FinalTranslation) and event.source_text:
        said = "\t".join((media_time(event.span.start_ms), *who))
        texts = {event.source_language: event.source_text, **event.translations}
        write_out("".join(f"{said}\t{tag}\t{printable(text)}\n" for tag, text in texts.items()))


def write_out(text: str) -> None:
    """Write to the standard output, and fall silent when nobody reads it any more.

    The results are the files; a closed pipe (``| head``) or a full disk behind the standard
    output is no reason to lose them.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


__all__ = ["Display", "PlainDisplay", "QuietDisplay", "write_final", "write_out"]
