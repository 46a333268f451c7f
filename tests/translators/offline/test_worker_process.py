"""The recogniser's process: one reply per message, nothing else on the pipe, gone with its input."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rawmedia.translators.offline.listener import Listener
from rawmedia.translators.offline.messages import (
    END,
    PROBLEM,
    REPORTS,
    audio_message,
    message,
    read_message,
    skip_to_banner,
)
from rawmedia.translators.offline.worker import open_listener, serve

if TYPE_CHECKING:
    from collections.abc import Callable

WORKER = "from rawmedia.translators.offline.worker import main; main()"


class Silence:
    """An endpointer and a decoder that never hear anything."""

    in_speech = False
    speech_start = speech_end = 0.0

    def process(self, frame: bytes) -> bytes | None:
        return None

    def start_utt(self) -> None: ...
    def process_raw(self, data: bytes, no_search: bool, full_utt: bool) -> None: ...
    def end_utt(self) -> None: ...
    def hyp(self) -> None: ...
    def seg(self) -> None: ...


class Broken(Silence):
    """Fails on the first frame."""

    def process(self, frame: bytes) -> bytes | None:
        raise RuntimeError("the model is damaged")


def served(requests: bytes, engine: Silence | None = None) -> list[tuple[bytes, bytes]]:
    silence = engine or Silence()
    return replies(requests, lambda: Listener(silence, silence))


def replies(requests: bytes, listen: Callable[[], Listener]) -> list[tuple[bytes, bytes]]:
    out = io.BytesIO()
    serve(io.BytesIO(requests), out, listen)
    out.seek(0)
    skip_to_banner(out)
    answers = []
    while out.tell() < len(out.getvalue()):
        answers.append(read_message(out))
    return answers


def test_each_message_gets_one_reply() -> None:
    """So at most one message is ever on its way."""
    requests = [audio_message(0, bytes(640)), audio_message(320, bytes(640)), message(END)]
    answers = served(b"".join(requests))
    assert [kind for kind, _ in answers] == [REPORTS] * 4  # the first says that it is ready
    assert [json.loads(payload) for _, payload in answers[:3]] == [
        [],
        [{"heard": 320, "settled": 0}],
        [{"heard": 640, "settled": 0}],
    ]


@pytest.mark.parametrize(
    ("request_bytes", "problem"),
    [
        (message(b"?"), b"MessageError: a message of the unknown kind b'?'"),
        (b"A\xff\xff\xff\xff", b"MessageError: a message of 4294967295 bytes"),
        (message(b"A", b"123"), b"MessageError: audio of 3 bytes"),
        (audio_message(9, b"") + audio_message(8, b""), b"ValueError: negative count"),
    ],
)
def test_a_message_that_makes_no_sense_ends_the_worker_with_a_reason(
    request_bytes: bytes, problem: bytes
) -> None:
    """The program that sent it must know what was wrong."""
    kind, payload = served(request_bytes)[-1]
    assert kind == PROBLEM
    assert payload.startswith(problem)


def test_an_engine_that_fails_says_why() -> None:
    """At its work, and before."""
    kind, payload = served(audio_message(0, bytes(640)), Broken())[-1]
    assert (kind, payload) == (PROBLEM, b"RuntimeError: the model is damaged")

    def absent() -> Listener:
        raise ImportError("No module named 'pocketsphinx'")

    [(kind, payload)] = replies(b"", absent)
    assert (kind, payload) == (PROBLEM, b"ImportError: No module named 'pocketsphinx'")


def test_nobody_to_answer_to_is_the_end() -> None:
    """The program may be gone before the model is loaded."""

    class Gone(io.BytesIO):
        def write(self, data: object) -> int:
            raise BrokenPipeError

    serve(io.BytesIO(), Gone(), open_listener)


@pytest.mark.engines
def test_what_a_library_prints_does_not_reach_the_pipe() -> None:
    """PocketSphinx and what it is built on write to the standard output of C."""
    noisy = (
        "import os\n"
        "from rawmedia.translators.offline import worker\n"
        "open_listener = worker.open_listener\n"
        "def noisy():\n"
        "    os.write(1, b'INFO: noise from C')\n"
        "    print('noise from Python', flush=True)\n"
        "    return open_listener()\n"
        "worker.open_listener = noisy\n"
        "worker.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", noisy],
        input=audio_message(0, bytes(640)),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert b"noise from C" in done.stderr
    out = io.BytesIO(done.stdout)
    skip_to_banner(out)
    assert [read_message(out)[0], read_message(out)[0], out.read()] == [REPORTS, REPORTS, b""]


@pytest.mark.engines
def test_the_worker_ends_when_its_input_does() -> None:
    """Also in the middle of a message: whoever was killed finished none."""
    for last_words in (b"", audio_message(0, bytes(640))[:-1]):
        done = subprocess.run(
            [sys.executable, "-c", WORKER], input=last_words, capture_output=True, timeout=60
        )
        assert done.returncode == 0, done.stderr


def test_the_worker_starts_without_the_rest_of_the_library() -> None:
    """Everybody waits for it; numpy and pydantic alone would double the time."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import rawmedia.translators.offline.worker, sys; print(*sys.modules)",
        ],
        capture_output=True,
        timeout=60,
        check=True,
        text=True,
        env={**os.environ, "COVERAGE_PROCESS_CONFIG": ""},
    )
    loaded = set(done.stdout.split())
    assert "rawmedia.translators.offline.listener" in loaded
    assert not loaded & {"asyncio", "numpy", "pydantic", "pocketsphinx", "rawmedia.audio"}
