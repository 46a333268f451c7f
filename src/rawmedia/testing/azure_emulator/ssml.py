"""What is to be spoken, out of SSML: whose voice says which text.

Documents with a DTD are refused, so nothing in one can be expanded or fetched.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.parsers import expat

from rawmedia.errors import PayloadError

_MAX_CHARACTERS = 262_144
_MAX_DEPTH = 64
# What the service calls a voice beside its short name.
_LONG_NAME = "Microsoft Server Speech Text to Speech Voice ("


@dataclass(frozen=True, slots=True)
class Segment:
    """A text and who says it."""

    voice: str
    """Its short name, such as "de-DE-KatjaNeural"."""
    language: str
    """Of the text, as a locale."""
    text: str


def read_ssml(document: str | bytes) -> tuple[Segment, ...]:
    """Read a ``speak`` document.

    Raises:
        PayloadError: It is no XML, has a DTD, is too long or too deep, has another root than
            ``speak``, or text outside of any ``voice``.

    Source: W3C SSML 1.1, and the service's own rule that everything has a voice
    (https://learn.microsoft.com/azure/ai-services/speech-service/speech-synthesis-markup-structure).
    """
    if len(document) > _MAX_CHARACTERS:
        raise PayloadError(f"SSML of at most {_MAX_CHARACTERS} characters", str(len(document)))
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    try:
        data = document.encode() if isinstance(document, str) else document
        parser.Parse(data, True)  # noqa: FBT003 - expat's own signature
    except expat.ExpatError as error:
        raise PayloadError("SSML", f"no XML: {expat.errors.messages[error.code]}") from None
    except UnicodeEncodeError:
        raise PayloadError("SSML of Unicode characters", "halves of them") from None
    return tuple(reader.segments)


def _refuse_doctype(*_: object) -> None:
    raise PayloadError("SSML without a DTD", "one with it")


class _Reader:
    """Collects the texts of a document."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self._open: list[str] = []
        self._languages = [""]
        self._voice: str | None = None
        self._texts: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if not self._open and name != "speak":
            raise PayloadError("a speak element", f"<{name[:40]}>")
        if len(self._open) >= _MAX_DEPTH:
            raise PayloadError(f"at most {_MAX_DEPTH} elements in each other", "more")
        self._open.append(name)
        self._languages.append(attributes.get("xml:lang", self._languages[-1]))
        if name == "voice":
            if self._voice is not None:
                raise PayloadError("voices beside each other", "one voice in another")
            self._voice = _short_name(attributes.get("name", ""))
            if not self._voice:
                raise PayloadError("a voice with a name", "one without")

    def end(self, _tag: str) -> None:
        name = self._open.pop()
        language = self._languages.pop()
        if name != "voice":
            return
        assert self._voice is not None
        text = " ".join("".join(self._texts).split())
        locale = "-".join(self._voice.split("-")[:2]) or language
        self.segments.append(Segment(self._voice, locale, text))
        self._voice = None
        self._texts.clear()

    def characters(self, text: str) -> None:
        if self._voice is not None:
            self._texts.append(text)
        elif text.strip():
            raise PayloadError("text inside of a voice", "text outside of any")


def _short_name(name: str) -> str:
    """Such as "de-DE-KatjaNeural", of either of the names that a voice has."""
    if name.startswith(_LONG_NAME):
        return name.removeprefix(_LONG_NAME).rstrip(")").replace(", ", "-")
    return name


__all__ = ["Segment", "read_ssml"]
