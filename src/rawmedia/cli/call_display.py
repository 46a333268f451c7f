"""Live captions of both parties of a call on a terminal; on a pipe, lines that a program can read."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from rich.table import Table
from rich.text import Text

from rawmedia.cli.display import write_final
from rawmedia.cli.printable import media_time, printable
from rawmedia.cli.terminal_display import TerminalDisplay
from rawmedia.sessions.events import (
    CaptionsFailed,
    DirectionChanged,
    SessionWarning,
    SpeechLeftOut,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from rich.console import Console, RenderableType

    from rawmedia.sessions.direction import Direction
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.translators.events import FinalTranslation, PartialTranslation

_WHO = {"a_to_b": "me", "b_to_a": "call"}


class CallDisplay:
    """Writes what is final, line by line: who, when, what was said, its translation."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the screen as it should stay."""

    def status(self, text: str) -> None:
        """Tell what goes on before the call; not to programs."""

    def begin(self, text: str) -> None:
        """What can be typed from now on."""

    def say(self, text: str) -> None:
        """Tell the person who typed something, on the standard error."""
        print(f"rawmedia: {printable(text)}", file=sys.stderr, flush=True)

    def event(self, direction: Direction, event: SessionEvent) -> None:
        """Show what happened in a direction, as far as a person wants to see it."""
        who = _WHO[direction.name]
        match event:
            case DirectionChanged(state="passing_through", error=error):
                self.say(f"{who}: no engine, the original is passed on: {error}")
            case SpeechLeftOut(reason="lag"):
                self.say(f"{who}: {event.ms / 1000:.1f} s of speech were left out to catch up")
            case CaptionsFailed() | SessionWarning():
                problem = event.error if isinstance(event, CaptionsFailed) else event.message
                self.say(f"{who}: {problem}")
            case _:
                self._show_text(who, event)

    def _show_text(self, who: str, event: SessionEvent) -> None:
        write_final(event, who)


class TerminalCallDisplay(TerminalDisplay, CallDisplay):
    """Shows both parties, and below them what can be typed.

    Args:
        console: The terminal.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._status = ""

    def status(self, text: str) -> None:
        """Tell what goes on before the call."""
        self._status = text

    def begin(self, text: str) -> None:
        """What can be typed stays at the bottom."""
        self._status = f"{text} (and Enter)"

    def say(self, text: str) -> None:
        """Tell it among the finals."""
        self._warn(text)

    def _final(self, who: str, event: FinalTranslation) -> RenderableType:
        lines = Table.grid(padding=(0, 2, 0, 0))
        lines.add_column(style="dim", no_wrap=True)
        lines.add_column(no_wrap=True)
        lines.add_column(overflow="fold")
        style = "bold cyan" if who == "me" else "bold green"
        lines.add_row(
            media_time(event.span.start_ms),
            Text(who, style=style),
            Text(printable(event.source_text), style="dim"),
        )
        for text in event.translations.values():
            lines.add_row("", "", Text(printable(text), style=style))
        return lines

    def _partial(self, who: str, event: PartialTranslation) -> Iterable[tuple[str, str]]:
        return ((f"{who}: ", event.source_text),)

    def _bottom(self) -> RenderableType:
        return Text(self._status, style="dim")


__all__ = ["CallDisplay", "TerminalCallDisplay"]
