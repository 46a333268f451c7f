"""The translator of texts: ``POST /translate`` as version 3.0 of the real one answers it.

Source: https://learn.microsoft.com/azure/ai-services/translator/text-translation/reference/v3/translate
and .../v3/reference for the codes of errors.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

_VERSION = "3.0"
_MAX_TEXTS = 1_000
_MAX_CHARACTERS = 50_000

_CODES = """
af am ar as az ba bg bho bn bo brx bs ca ceb co cs cv cy da de doi dsb dv el en eo es et
eu fa fi fil fj fo fr fr-CA fy ga gd gl gom gu ha he hi hne hr hsb ht hu hy id ig ikt is
it iu iu-Latn ja jv ka kk km kmr kn ko ks ku ky la lb ln lo lt lug lv lzh mai mg mi mk ml
mn-Cyrl mn-Mong mni mr ms mt mww my nb ne nl nso nya or otq pa pl prs ps pt pt-PT ro ru
run rw sd si sk sl sm sn so sq sr-Cyrl sr-Latn st su sv sw ta te tg th ti tk tlh-Latn
tlh-Piqd tn to tr tt ty ug uk ur uz vec vi war xh yi yo yua yue zh-Hans zh-Hant zu
"""

TARGETS: tuple[str, ...] = tuple(_CODES.split())
"""The languages into which it translates, by the codes that it takes, in any case."""
_KNOWN = {code.lower() for code in TARGETS}


class RefusedTextError(Exception):
    """The request is answered with an error. Caught by whoever serves it."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(status, code, message)
        self.status, self.code, self.message = status, code, message

    def content(self) -> dict[str, Any]:
        """The body of the answer."""
        return error_content(self.code, self.message)


def error_content(code: int, message: str) -> dict[str, Any]:
    """What the translator answers instead of translations."""
    return {"error": {"code": code, "message": message}}


async def translate_texts(
    query: Mapping[str, Sequence[str]],
    body: bytes,
    translate: Callable[[str, str | None, str], Awaitable[str]],
) -> list[dict[str, Any]]:
    """Answer one request.

    Args:
        query: Of its URL.
        body: A JSON array of objects with a ``Text``.
        translate: Gives the translation of a text, from a language or None, into another.

    Raises:
        RefusedTextError: The request is none that the translator would take.
    """
    if query.get("api-version") != [_VERSION]:
        raise RefusedTextError(400, 400021, "The API version parameter is missing or invalid.")
    source = next(iter(query.get("from", ())), None)
    if source is not None and source.lower() not in _KNOWN:
        raise RefusedTextError(400, 400035, "The source language is not valid.")
    targets = [each for value in query.get("to", ()) for each in value.split(",")]
    if not targets or any(target.lower() not in _KNOWN for target in targets):
        raise RefusedTextError(400, 400036, "The target language is not valid.")
    answers = []
    for text in _texts(body, len(targets)):
        answer: dict[str, Any] = {}
        if source is None:
            answer["detectedLanguage"] = {"language": "en", "score": 1.0}
        answer["translations"] = [
            {"text": await translate(text, source, target), "to": target} for target in targets
        ]
        answers.append(answer)
    return answers


def _texts(body: bytes, targets: int) -> list[str]:
    try:
        items = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedTextError(400, 400074, "The body of the request is not valid JSON.") from None
    if not isinstance(items, list) or not 0 < len(items) <= _MAX_TEXTS:
        raise RefusedTextError(400, 400072, "The body must be an array of 1 to 1000 texts.")
    texts = []
    for item in items:
        text = item.get("Text", item.get("text")) if isinstance(item, dict) else None
        if not isinstance(text, str):
            raise RefusedTextError(400, 400000, "One of the request inputs is not valid.")
        texts.append(text)
    if sum(map(len, texts)) * targets > _MAX_CHARACTERS:
        raise RefusedTextError(400, 400077, "The maximum request size has been exceeded.")
    return texts


__all__ = ["TARGETS", "RefusedTextError", "error_content", "translate_texts"]
