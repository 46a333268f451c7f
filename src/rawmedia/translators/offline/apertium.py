"""Apertium as a cascade's text translator: one persistent pipe per language pair."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rawmedia.errors import (
    EngineCrashedError,
    EngineFailedError,
    MissingDependencyError,
    UnsupportedLanguageError,
)
from rawmedia.translators.offline.child import Child
from rawmedia.translators.offline.pieces import pieces
from rawmedia.translators.offline.stream_format import decode, encode
from rawmedia.translators.offline.written_english import adopt_case, restore
from rawmedia.translators.parts import TextTranslation
from rawmedia.translators.request import language_matches

if TYPE_CHECKING:
    from io import BufferedReader

ENGINE = "Apertium"

_MAX_PIECE = 1000
"""Characters per request: even four bytes each they fit into a pipe, so writing never blocks."""
_MAX_REPLY = 1 << 16
"""Bytes; a reply is about as long as its request."""

# By target language: the chain of modes from English, and the packages that bring them.
_MODES = {"es": ("eng-spa",), "fr": ("eng-cat", "cat-fra")}
_PACKAGES = {
    "eng-spa": "apertium apertium-eng-spa",
    "eng-cat": "apertium apertium-eng-cat apertium-fra-cat",
    "cat-fra": "apertium apertium-eng-cat apertium-fra-cat",
}


class ApertiumTranslator:
    """Translates English text into Spanish, and experimentally into French through Catalan.

    Expects what a recogniser gives: case and full stop are restored before translating. Of
    30 call-centre sentences into Spanish one judge found about 10 clean, 9 understandable
    and 11 wrong; into French 7, 10 and 13.

    The pipe of a pair (13 processes, 26 for French) starts with the first request and
    stays until ``aclose``, or until this object is garbage. One request at a time is in it;
    others wait. A pipe that died is started again, once per request.

    Args:
        timeout: Seconds that one stage of the chain may take for one text of up to 1000
            characters; a pipe that takes longer is ended, and the next request starts another.
    """

    pairs: ClassVar[tuple[tuple[str, str], ...]] = tuple(("en", each) for each in _MODES)

    def __init__(self, *, timeout: float = 10.0) -> None:
        self._pipes = {
            mode: _Pipe(mode, timeout) for mode in itertools.chain.from_iterable(_MODES.values())
        }
        # One thread that outlives event loops; a request runs to its end in it even when
        # its caller is cancelled, which is what keeps the pipe in step.
        self._thread = ThreadPoolExecutor(1, "rawmedia-apertium")

    async def prepare(self, source_language: str, target_language: str) -> None:
        """Start the pipe of a pair now, so that the first sentence need not wait for it.

        Raises:
            RawMediaError: As ``translate``.
        """
        await self._run(self._chain(source_language, target_language), "Hello.")

    async def translate(
        self, text: str, source_language: str, target_language: str
    ) -> TextTranslation:
        """Translate one utterance; see ``TextTranslator.translate``.

        Words that Apertium does not know stay as they are, and are named. On the way to
        French they may be Catalan.

        Raises:
            UnsupportedLanguageError: Not from English, or neither into Spanish nor French.
            MissingDependencyError: Apertium or its data for the pair is not installed.
            EngineCrashedError: The pipe died, and the one that took its place as well.
            EngineFailedError: It did not start, did not answer in time, or answered
                something else.
        """
        chain = self._chain(source_language, target_language)
        source = restore(text)
        if not source:
            return TextTranslation("")
        translated = await self._run(chain, source)
        return TextTranslation(adopt_case(translated.text, source), translated.unknown_words)

    async def aclose(self) -> None:
        """End the processes, after the request that they are at. A later request starts them again."""
        await asyncio.wrap_future(self._thread.submit(_stop, tuple(self._pipes.values())))

    async def _run(self, chain: tuple[_Pipe, ...], text: str) -> TextTranslation:
        return await asyncio.wrap_future(self._thread.submit(_translate, chain, text))

    def _chain(self, source_language: str, target_language: str) -> tuple[_Pipe, ...]:
        if not language_matches(source_language, "en"):
            raise UnsupportedLanguageError(source_language, "source", ["en"])
        for target, modes in _MODES.items():
            if language_matches(target_language, target):
                return tuple(self._pipes[mode] for mode in modes)
        raise UnsupportedLanguageError(target_language, "target", _MODES)


class _Pipe:
    """The processes of one mode, kept in step; one thread at a time."""

    def __init__(self, mode: str, timeout: float) -> None:
        self._mode = mode
        self._timeout = timeout
        self._child: Child | None = None
        self._tokens = (f"t{number}" for number in itertools.count())

    def ask(self, text: str) -> TextTranslation:
        """Put one piece of text through."""
        try:
            return self._ask(text)
        except EngineCrashedError:
            return self._ask(text)

    def _ask(self, text: str) -> TextTranslation:
        if self._child is None:
            self._child = _start(self._mode)
        # Taken out while it is at work: whatever goes wrong, the next request starts another.
        child, self._child = self._child, None
        token = next(self._tokens)
        reply = child.exchange(encode(text, token), _read_reply, self._timeout)
        try:
            translation = TextTranslation(*decode(reply, token))
        except ValueError as error:
            child.stop()
            raise EngineFailedError(ENGINE, f"it gave {error}; it was ended") from error
        self._child = child
        return translation

    def stop(self) -> None:
        """End the processes, if they run."""
        child, self._child = self._child, None
        if child is not None:
            child.stop()


def mode_path(mode: str) -> Path | None:
    """Where the installed Apertium describes the stages of ``mode``, or None if it is not installed."""
    program = shutil.which("apertium")
    if program is None:
        return None
    data = os.environ.get("APERTIUM_DATADIR") or Path(program).parent.parent / "share" / "apertium"
    path = Path(data) / "modes" / f"{mode}.mode"
    return path if path.is_file() else None


def missing_mode(mode: str) -> MissingDependencyError:
    """The error that says how to install what ``mode`` needs."""
    return MissingDependencyError(
        f"{ENGINE}'s {mode}",
        "offline translation of text",
        f"sudo apt-get install {_PACKAGES[mode]}",
    )


def _start(mode: str) -> Child:
    path = mode_path(mode)
    if path is None:
        raise missing_mode(mode)
    # Not the `apertium` command: its filters hold the end of every answer back until the
    # next request comes. A mode file is the pipeline itself, in which $1 tells the
    # generator to mark unknown words and $2 is an option of the tagger; -z makes each
    # program flush at NUL.
    stages = [stage.split(maxsplit=1) for stage in path.read_text("utf-8").split("|")]
    script = " | ".join(" ".join([program, "-z", *rest]) for program, *rest in stages)
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return Child(ENGINE, ["sh", "-c", script, mode, "-g", ""], environment)


def _read_reply(stream: BufferedReader) -> bytes:
    """Everything up to a NUL, which must be the last that there is."""
    reply = b""
    while b"\0" not in reply:
        piece = stream.read1(_MAX_REPLY)
        if not piece:
            raise EOFError
        reply += piece
        if len(reply) > _MAX_REPLY:
            raise EngineFailedError(ENGINE, "its answer has no end; it was ended")
    answer, rest = reply.split(b"\0", 1)
    if rest:
        raise EngineFailedError(ENGINE, "it answered more than it was asked; it was ended")
    return answer


def _translate(chain: tuple[_Pipe, ...], text: str) -> TextTranslation:
    unknown: dict[str, None] = {}
    for pipe in chain:
        answers = [pipe.ask(piece) for piece in pieces(text, _MAX_PIECE)]
        text = " ".join(each.text for each in answers)
        unknown.update(dict.fromkeys(word for each in answers for word in each.unknown_words))
    return TextTranslation(text, tuple(unknown))


def _stop(pipes: tuple[_Pipe, ...]) -> None:
    for pipe in pipes:
        pipe.stop()


__all__ = ["ApertiumTranslator", "missing_mode", "mode_path"]
