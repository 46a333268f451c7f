"""The display of a translation on a terminal: below what is being said, a progress bar."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from rawmedia.cli.printable import media_time, printable
from rawmedia.cli.terminal_display import TerminalDisplay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.console import Console, RenderableType

    from rawmedia.sessions.events import SessionEvent
    from rawmedia.translators.events import FinalTranslation, PartialTranslation


class LiveDisplay(TerminalDisplay):
    """Shows one speaker, and how much of the input was heard.

    Args:
        console: The terminal.
        source_language: What the source's lines are labelled with.
        target_language: What the translation's lines are labelled with.
    """

    def __init__(self, console: Console, source_language: str, target_language: str) -> None:
        super().__init__(console)
        self._languages = (source_language, target_language)
        self._status = "starting"
        self._duration_ms: float | None = None
        self._heard_ms: Callable[[], float] | None = None
        self._began = time.monotonic()
        self._spinner = Spinner("dots")

    def status(self, text: str) -> None:
        """Show it beside the progress bar."""
        self._status = text

    def listening(self, duration_ms: float | None, heard_ms: Callable[[], float]) -> None:
        """Start the progress bar."""
        self._status = ""
        self._began = time.monotonic()
        self._duration_ms, self._heard_ms = duration_ms, heard_ms

    def event(self, event: SessionEvent) -> None:
        """Replace the partial in place; print the final above it."""
        self._show_text("", event)

    def warn(self, message: str) -> None:
        """Print it among the finals."""
        self._warn(f"warning: {message}")

    def _final(self, who: str, event: FinalTranslation) -> RenderableType:  # noqa: ARG002 - there is one
        source, target = self._languages
        lines = Table.grid(padding=(0, 2, 0, 0))
        lines.add_column(justify="right", style="dim", no_wrap=True)
        lines.add_column(style="dim", no_wrap=True)
        lines.add_column(overflow="fold")
        lines.add_row(media_time(event.span.start_ms), source, Text(printable(event.source_text)))
        translation = event.translations.get(target)
        if translation is None:
            text = Text("(no translation)", style="yellow")
        else:
            text = Text(printable(translation), style="bold green")
        if event.untranslated:
            words = ", ".join(map(printable, event.untranslated))
            text.append(f"  (not translated: {words})", style="not bold yellow")
        lines.add_row("", target, text)
        return lines

    def _partial(self, who: str, event: PartialTranslation) -> Iterable[tuple[str, str]]:  # noqa: ARG002
        source, target = self._languages
        return (
            (f"{source}  ", event.source_text),
            (f"{target}  ", event.translations.get(target, "")),
        )

    def _bottom(self) -> RenderableType:
        if self._heard_ms is None:
            self._spinner.update(text=Text(self._status, style="dim"))
            return self._spinner
        heard_ms = self._heard_ms()
        total_ms = self._duration_ms
        elapsed_s = max(0.001, time.monotonic() - self._began)
        speed = f"{heard_ms / 1000 / elapsed_s:.1f}x"
        row = Table.grid(padding=(0, 1, 0, 0))
        if total_ms is None:
            bar = ProgressBar(width=30, pulse=True)
            place = media_time(heard_ms)
        else:
            # The header may claim less than there is.
            total_ms = max(total_ms, heard_ms)
            bar = ProgressBar(total=total_ms, completed=heard_ms, width=30)
            place = f"{media_time(heard_ms)} / {media_time(total_ms)}"
        status = self._status or ("finishing" if heard_ms == total_ms else "listening")
        row.add_row(bar, Text(place), Text(speed, style="dim"), Text(status, style="dim"))
        return row


__all__ = ["LiveDisplay"]
