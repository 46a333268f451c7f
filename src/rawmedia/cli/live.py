"""The display on a terminal: finals scroll by, below them what is being said, and a progress bar."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from rawmedia.cli.printable import media_time, printable
from rawmedia.translators.events import FinalTranslation, PartialTranslation, UtteranceEnded

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.console import RenderableType

    from rawmedia.sessions.events import SessionEvent

_REFRESHES_PER_SECOND = 8


class LiveDisplay:
    """Draws below what scrolls by; leaves only that when it ends.

    Args:
        console: The terminal.
        source_language: What the source's lines are labelled with.
        target_language: What the translation's lines are labelled with.
    """

    def __init__(self, console: Console, source_language: str, target_language: str) -> None:
        self._console = console
        self._languages = (source_language, target_language)
        self._status = "starting"
        self._duration_ms: float | None = None
        self._heard_ms: Callable[[], float] | None = None
        self._began = time.monotonic()
        self._partial: PartialTranslation | None = None
        self._spinner = Spinner("dots")
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
            # What is written to a standard error that leads elsewhere shall go there.
            redirect_stderr=sys.stderr.isatty(),
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

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
        if isinstance(event, PartialTranslation):
            self._partial = event
        elif isinstance(event, (FinalTranslation, UtteranceEnded)):
            if self._partial is not None and self._partial.utterance_id == event.utterance_id:
                self._partial = None
            if isinstance(event, FinalTranslation) and event.source_text:
                self._console.print(self._final(event))

    def warn(self, message: str) -> None:
        """Print it among the finals."""
        self._console.print(Text(f"warning: {printable(message)}", style="yellow"))

    def _final(self, event: FinalTranslation) -> RenderableType:
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

    def _render(self) -> RenderableType:
        """What is below the finals now; called by the terminal's own thread."""
        partial = self._partial
        rows: list[RenderableType] = []
        if partial is not None:
            source, target = self._languages
            rows.append(self._newest(f"{source}  ", partial.source_text))
            rows.append(self._newest(f"{target}  ", partial.translations.get(target, "")))
        rows.append(self._progress())
        return Group(*rows)

    def _newest(self, label: str, text: str) -> Text:
        """One line, the newest words of the text where it does not fit."""
        text, room = printable(text), max(10, self._console.width - len(label) - 1)
        if cell_len(text) > room:
            text = text[-room:]
            while cell_len(text) >= room:
                text = text[1:]
            text = f"…{text}"
        line = Text(label, style="dim", no_wrap=True, overflow="ellipsis")
        return line.append(text, style="italic")

    def _progress(self) -> RenderableType:
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


def terminal() -> Console | None:
    """The standard output, if it is a terminal on which lines can be replaced in place."""
    console = Console(highlight=False)
    return console if sys.stdout.isatty() and not console.is_dumb_terminal else None


__all__ = ["LiveDisplay", "terminal"]
