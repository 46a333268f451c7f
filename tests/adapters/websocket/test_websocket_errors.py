"""Every error of the package: it pickles with its facts, and its text shows no secret."""

from __future__ import annotations

import asyncio
import pickle
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from rawmedia.adapters.handlers import BadParameterError
from rawmedia.adapters.websocket import (
    CallLostError,
    CallRefusedError,
    CallTooLongError,
    SocketClosedError,
)
from rawmedia.adapters.websocket.key_set import _fetch

if TYPE_CHECKING:
    from rawmedia.errors import RawMediaError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (BadParameterError("key", "is missing"), "the call's parameter 'key': is missing"),
        (CallLostError(15.0), "the socket dropped, and no other came within 15 s"),
        (CallRefusedError("expired"), "the caller could not be authenticated: expired"),
        (CallTooLongError(3_600.0), "the call lasted for 3600 s, which is as long as one may"),
        (SocketClosedError(1006), "the WebSocket was closed with code 1006"),
    ],
)
def test_an_error_says_what_is_the_matter_and_survives_pickling(
    error: RawMediaError, text: str
) -> None:
    """They cross processes, and end up in logs."""
    assert str(error) == text
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert copy.args == error.args


class Page(BaseHTTPRequestHandler):
    """A small page, and one that never ends."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"keys" if self.path == "/keys" else bytes(300_000))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def test_keys_are_fetched_over_http_and_only_so_many_bytes() -> None:
    """What answers instead of the platform could send for ever."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        where = f"http://127.0.0.1:{server.server_port}"
        assert asyncio.run(_fetch(f"{where}/keys")) == b"keys"
        with pytest.raises(ValueError, match="so large"):
            asyncio.run(_fetch(f"{where}/endless"))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
