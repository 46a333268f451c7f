"""The process that runs PocketSphinx, so that its final decode holds up nobody else's threads.

It speaks ``messages`` on its standard input and output and ends when its input does: it
never outlives the program that started it. Nothing here imports more than it needs,
because all of it is waited for when a call starts.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, BinaryIO

from rawmedia.translators.offline.listener import (
    FRAME_SAMPLES,
    RATIO,
    SAMPLE_RATE,
    WINDOW_S,
    Listener,
)
from rawmedia.translators.offline.messages import (
    AUDIO,
    BANNER,
    END,
    PROBLEM,
    MessageError,
    message,
    parse_audio,
    read_message,
    reports_message,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Serve the program at the other end of standard input and output until that closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the program decides what Ctrl-C means
    # What a library prints must not end up among the replies, so they get a descriptor of
    # their own and the usual one leads to where errors go.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, replies, open_listener)


def serve(requests: BinaryIO, replies: BinaryIO, listen: Callable[[], Listener]) -> None:
    """Answer each message with one reply, until the input ends or something breaks."""
    try:
        replies.write(BANNER)
        listener = listen()
        _send(replies, reports_message([]))
        while True:
            _send(replies, _answer(listener, *read_message(requests)))
    except (EOFError, BrokenPipeError):
        return
    except (ImportError, LookupError, OSError, RuntimeError, ValueError) as error:
        _send(replies, message(PROBLEM, f"{type(error).__name__}: {error}".encode()))


def open_listener() -> Listener:
    """Load PocketSphinx and its own model of US English; takes 0.4 s."""
    import pocketsphinx

    decoder = pocketsphinx.Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")
    endpointer = pocketsphinx.Endpointer(
        window=WINDOW_S,
        ratio=RATIO,
        sample_rate=SAMPLE_RATE,
        frame_length=FRAME_SAMPLES / SAMPLE_RATE,
    )
    return Listener(decoder, endpointer)


def _answer(listener: Listener, kind: bytes, payload: bytes) -> bytes:
    if kind == AUDIO:
        return reports_message(listener.feed(*parse_audio(payload)))
    if kind == END:
        return reports_message(listener.finish())
    raise MessageError(f"a message of the unknown kind {kind!r}")


def _send(replies: BinaryIO, reply: bytes) -> None:
    replies.write(reply)
    replies.flush()


__all__ = ["main", "open_listener", "serve"]
