"""Live captions of both parties of a call on a terminal; on a pipe, lines that a program can read."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from rawmedia.cli.display import write_out
from rawmedia.cli.printable import media_time, printable
from rawmedia.sessions.events import (
    CaptionsFailed,
    DirectionChanged,
    OwnVoiceIgnored,
    SessionWarning,
    SpeechLeftOut,
)
from rawmedia.translators.events import FinalTranslation, PartialTranslation, UtteranceEnded

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console, RenderableType

    from rawmedia.sessions.direction import Direction
    from rawmedia.sessions.events import SessionEvent

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
            case PartialTranslation():
                self._partial(who, event)
            case FinalTranslation():
                self._drop_partial(who, event.utterance_id)
                if event.source_text:
                    self._final(who, event)
            case UtteranceEnded() | OwnVoiceIgnored():
                # Of an engine that failed or was switched off, too: then there is no final.
                self._drop_partial(who, event.utterance_id)
            case DirectionChanged(state="passing_through", error=error):
                self.say(f"{who}: no engine, the original is passed on: {error}")
            case SpeechLeftOut(reason="lag"):
                self.say(f"{who}: {event.ms / 1000:.1f} s of speech were left out to catch up")
            case CaptionsFailed() | SessionWarning():
                problem = event.error if isinstance(event, CaptionsFailed) else event.message
                self.say(f"{who}: {problem}")
            case _:
                pass

    def _final(self, who: str, event: FinalTranslation) -> None:
        time = media_time(event.span.start_ms)
        texts = {event.source_language: event.source_text, **event.translations}
        write_out(
            "".join(f"{time}\t{who}\t{tag}\t{printable(text)}\n" for tag, text in texts.items())
        )

    def _partial(self, who: str, event: PartialTranslation) -> None:
        pass

    def _drop_partial(self, who: str, utterance_id: str) -> None:
        pass


class TerminalCallDisplay(CallDisplay):
    """Finals scroll by, and below them stands what either party is saying.

    Args:
        console: The terminal.
    """

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        self._console = console
        self._partials: dict[str, PartialTranslation] = {}
        self._status = ""
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=8,
            transient=True,
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

    def status(self, text: str) -> None:
        """Tell what goes on before the call."""
        self._status = text

    def begin(self, text: str) -> None:
        """What can be typed stays at the bottom."""
        self._status = f"{text} (and Enter)"

    def say(self, text: str) -> None:
        """Tell it among the finals."""
        from rich.text import Text

        self._console.print(Text(printable(text), style="yellow"))

    def _final(self, who: str, event: FinalTranslation) -> None:
        from rich.table import Table
        from rich.text import Text

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
        self._console.print(lines)

    def _partial(self, who: str, event: PartialTranslation) -> None:
        self._partials[who] = event

    def _drop_partial(self, who: str, utterance_id: str) -> None:
        partial = self._partials.get(who)
        if partial is not None and partial.utterance_id == utterance_id:
            del self._partials[who]

    def _render(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        rows = [
            Text(
                f"{who}: {printable(each.source_text)}",
                style="italic",
                no_wrap=True,
                overflow="ellipsis",
            )
            for who, each in list(self._partials.items())
        ]
        return Group(*rows, Text(self._status, style="dim"))


__all__ = ["CallDisplay", "TerminalCallDisplay"]
