"""What every display on a terminal does: finals scroll by, and below them stands what is being said."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Self

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from rawmedia.cli.printable import printable
from rawmedia.sessions.events import OwnVoiceIgnored
from rawmedia.translators.events import FinalTranslation, PartialTranslation, UtteranceEnded

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from rich.console import RenderableType

    from rawmedia.sessions.events import SessionEvent

_REFRESHES_PER_SECOND = 8


class TerminalDisplay(ABC):
    """Draws below what scrolls by; leaves only that when it ends.

    Args:
        console: The terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._partials: dict[str, PartialTranslation] = {}
        """What is being said, by who says it."""

    @cached_property
    def _live(self) -> Live:
        """Made when it is needed, since it draws as it is made."""
        return Live(
            console=self._console,
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
        """Leave only what scrolled by."""
        self._live.stop()

    # What is different in each.

    @abstractmethod
    def _final(self, who: str, event: FinalTranslation) -> RenderableType:
        """A final as it scrolls by."""

    @abstractmethod
    def _partial(self, who: str, event: PartialTranslation) -> Iterable[tuple[str, str]]:
        """The lines of a partial: of each what it is labelled with, and the text."""

    @abstractmethod
    def _bottom(self) -> RenderableType:
        """What stands below all that; called by the terminal's own thread."""

    # What is the same.

    def _show_text(self, who: str, event: SessionEvent) -> None:
        """Replace a partial in place until its utterance ends; print the final above it."""
        match event:
            case PartialTranslation():
                self._partials[who] = event
            case FinalTranslation() | UtteranceEnded() | OwnVoiceIgnored():
                # Of an engine that failed or was switched off there is an end and no final.
                partial = self._partials.get(who)
                if partial is not None and partial.utterance_id == event.utterance_id:
                    del self._partials[who]
                if isinstance(event, FinalTranslation) and event.source_text:
                    self._console.print(self._final(who, event))
            case _:
                pass

    def _warn(self, message: str) -> None:
        """Print something that is no speech among the finals."""
        self._console.print(Text(printable(message), style="yellow"))

    def _render(self) -> RenderableType:
        """What is below the finals now; called by the terminal's own thread."""
        rows: list[RenderableType] = [
            self._newest(label, text)
            for who, each in list(self._partials.items())
            for label, text in self._partial(who, each)
        ]
        return Group(*rows, self._bottom())

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


def terminal() -> Console | None:
    """The standard output, if it is a terminal on which lines can be replaced in place."""
    console = Console(highlight=False)
    return console if sys.stdout.isatty() and not console.is_dumb_terminal else None


__all__ = ["TerminalDisplay", "terminal"]
