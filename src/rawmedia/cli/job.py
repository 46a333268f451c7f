"""One translation of a file, as it was asked for: checked before anything is started."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from rawmedia.captions import check_caption_suffix
from rawmedia.errors import ConfigurationError, FileWriteError
from rawmedia.files import check_writable_suffix
from rawmedia.translators.request import TranslationRequest

if TYPE_CHECKING:
    from pathlib import Path

    from rawmedia.sessions.mixing.config import MixMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to translate into what, and where the results go; None where one is not wanted."""

    source: Path
    source_language: str
    target_language: str
    audio: Path | None = None
    captions: Path | None = None
    report: Path | None = None
    engine: str = "auto"
    """As `choose_translator` takes it."""
    voice: str | None = None
    mix: MixMode = "replace"
    """How the original and its translation are heard."""
    realtime: bool | None = None
    """None leaves it to what suits the engine."""

    @property
    def results(self) -> dict[str, Path]:
        """The files that will be made, by the option that names them."""
        named = {"--output": self.audio, "--captions": self.captions, "--report": self.report}
        return {option: path for option, path in named.items() if path is not None}

    def request(self) -> TranslationRequest:
        """What the engine is asked for.

        Raises:
            pydantic.ValidationError: A language is no BCP-47 tag.
        """
        return TranslationRequest(
            source_language=self.source_language,
            target_languages=(self.target_language,),
            speech=self.audio is not None,
            voices={} if self.voice is None else {self.target_language: self.voice},
        )

    def check(self) -> None:
        """Refuse what can't work, as far as that can be told without reading or making a file.

        Raises:
            ConfigurationError: A result's name has an ending that can't be written, or two
                files are one.
            pydantic.ValidationError: A language is no BCP-47 tag.
            FileWriteError: A result's folder is not there, or its name is that of a folder.
        """
        if self.voice is not None and self.audio is None:
            raise ConfigurationError("--voice", "nothing is spoken with --text-only")
        if self.mix != "replace" and self.audio is None:
            raise ConfigurationError("--mix", "nothing is heard with --text-only")
        if self.audio is not None:
            check_writable_suffix(self.audio)
        if self.captions is not None:
            check_caption_suffix(self.captions)
        if self.report is not None and self.report.suffix.lower() != ".json":
            raise ConfigurationError(str(self.report), "the name of a report must end in .json")
        self.request()
        named = {"INPUT": self.source, **self.results}
        for (option, path), (other_option, other) in combinations(named.items(), 2):
            if _same_file(path, other):
                raise ConfigurationError(
                    other_option, f"{other} is the same file as {option}; give it another name"
                )
        for path in self.results.values():
            _check_place(path)


def _same_file(path: Path, other: Path) -> bool:
    """Whether two names lead to one file, by whatever links."""
    try:
        if path.samefile(other):
            return True
    except (OSError, ValueError):
        pass  # one of them is not there yet
    return os.path.realpath(path) == os.path.realpath(other)


def _check_place(path: Path) -> None:
    if path.is_dir():
        raise FileWriteError(path, "is a folder; give the name of a file")
    if not path.parent.is_dir():
        raise FileWriteError(path, f"there is no folder {path.parent}; make it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise FileWriteError(path, "cannot be written: permission denied")


__all__ = ["Job"]
