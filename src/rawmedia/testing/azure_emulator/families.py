"""The two families of messages in which the service tells a translation, and that of a recognition.

The SDK takes either family from either endpoint. Which one the real service uses where is not
known without a key; the newer one carries the language that was found out, so it is what goes
with the newer endpoint here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from rawmedia.testing.azure_emulator.messages import binary_message
from rawmedia.testing.azure_emulator.upload_format import TICKS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawmedia.testing.azure_emulator.heard import Asked, Guessed, Understood

NOTHING = ("NoMatch", "InitialSilenceTimeout", "BabbleTimeout")
"""Statuses of a phrase without words, which are no errors."""


class Family(Protocol):
    """How what was heard is put into messages of one turn; offsets count from its start.

    Methods give the path and the content of a text message, or a whole binary one.
    """

    @property
    def audio_path(self) -> str:
        """The path of what `audio` gives."""
        ...

    def guess(self, guess: Guessed, start_ms: float) -> tuple[str, dict[str, Any]]:
        """What is being said so far."""
        ...

    def phrase(
        self, phrase: Understood, asked: Asked, start_ms: float
    ) -> tuple[str, dict[str, Any]]:
        """What was said."""
        ...

    def end_of_dictation(self, end_ms: float, start_ms: float) -> tuple[str, dict[str, Any]]:
        """All audio was heard: raises no event, and acknowledges it."""
        ...

    def audio(self, language: str, request_id: str, data: bytes) -> bytes:
        """A piece of speech, as a whole binary message."""
        ...

    def audio_end(self, status: str, reason: str | None) -> tuple[str, dict[str, Any]]:
        """The end of a phrase's speech."""
        ...


class OlderTranslationFamily:
    """``translation.hypothesis``, ``translation.phrase`` and ``translation.synthesis``."""

    audio_path = "translation.synthesis"

    def guess(self, guess: Guessed, start_ms: float) -> tuple[str, dict[str, Any]]:
        """What is being said so far."""
        translation = _translations("Success", guess.translations, "Text")
        content = _spoken(guess, start_ms) | {"Text": guess.text, "Translation": translation}
        return "translation.hypothesis", content

    def phrase(
        self, phrase: Understood, asked: Asked, start_ms: float
    ) -> tuple[str, dict[str, Any]]:
        """What was said."""
        content = {"RecognitionStatus": phrase.status} | _spoken(phrase, start_ms)
        if phrase.status not in NOTHING:
            content["Text"] = phrase.text
            content["Translation"] = _translations(
                phrase.translation_status, phrase.translations, "Text"
            )
        if asked.words and phrase.words:
            content |= _best(phrase, start_ms)
        return "translation.phrase", content

    def end_of_dictation(self, end_ms: float, start_ms: float) -> tuple[str, dict[str, Any]]:
        """The end of all audio."""
        return "translation.phrase", _end_of_dictation(end_ms - start_ms)

    def audio(
        self,
        language: str,  # noqa: ARG002 - these messages name none
        request_id: str,
        data: bytes,
    ) -> bytes:
        """A piece of speech."""
        return binary_message(self.audio_path, request_id, data, Content_Type="audio/x-wav")

    def audio_end(self, status: str, reason: str | None) -> tuple[str, dict[str, Any]]:
        """The end of a phrase's speech."""
        content = {"SynthesisStatus": status}
        return "translation.synthesis.end", content | ({"FailureReason": reason} if reason else {})


class NewerTranslationFamily:
    """``translation.response`` and ``audio``; the only ones that tell the language found out."""

    audio_path = "audio"

    def guess(self, guess: Guessed, start_ms: float) -> tuple[str, dict[str, Any]]:
        """What is being said so far."""
        heard = _spoken(guess, start_ms) | _language(guess, "Text", guess.text)
        content = {"SpeechHypothesis": heard}
        content |= _translations("Success", guess.translations, "Text")
        return "translation.response", content

    def phrase(
        self, phrase: Understood, asked: Asked, start_ms: float
    ) -> tuple[str, dict[str, Any]]:
        """What was said."""
        heard = {"RecognitionStatus": phrase.status} | _spoken(phrase, start_ms)
        content: dict[str, Any] = {}
        if phrase.status not in NOTHING:
            heard |= _language(phrase, "DisplayText", phrase.text)
            content = _translations(phrase.translation_status, phrase.translations, "DisplayText")
        if asked.words and phrase.words:
            heard |= _best(phrase, start_ms)
        return "translation.response", {"SpeechPhrase": heard} | content

    def end_of_dictation(self, end_ms: float, start_ms: float) -> tuple[str, dict[str, Any]]:
        """The end of all audio."""
        return "translation.response", {"SpeechPhrase": _end_of_dictation(end_ms - start_ms)}

    def audio(self, language: str, request_id: str, data: bytes) -> bytes:
        """A piece of speech."""
        return binary_message(
            "audio", request_id, data, Content_Type="audio/x-wav", X_StreamId=language
        )

    def audio_end(self, status: str, reason: str | None) -> tuple[str, dict[str, Any]]:
        """The end of a phrase's speech; here the key is "Status"."""
        return "audio.end", {"Status": status} | ({"FailureReason": reason} if reason else {})


class RecognitionFamily(NewerTranslationFamily):
    """``speech.hypothesis`` and ``speech.phrase``, of a plain recognition, which speaks nothing."""

    def guess(self, guess: Guessed, start_ms: float) -> tuple[str, dict[str, Any]]:
        """What is being said so far."""
        return "speech.hypothesis", _spoken(guess, start_ms) | _language(guess, "Text", guess.text)

    def phrase(
        self, phrase: Understood, asked: Asked, start_ms: float
    ) -> tuple[str, dict[str, Any]]:
        """What was said; with its words where the client asked for details."""
        content = {"RecognitionStatus": phrase.status} | _spoken(phrase, start_ms)
        if asked.detailed:
            content |= _best(phrase, start_ms)
        return "speech.phrase", content | _language(phrase, "DisplayText", phrase.text)

    def end_of_dictation(self, end_ms: float, start_ms: float) -> tuple[str, dict[str, Any]]:
        """The end of all audio."""
        return "speech.phrase", _end_of_dictation(end_ms - start_ms)


def _spoken(heard: Guessed | Understood, start_ms: float) -> dict[str, Any]:
    return {
        "Offset": ticks(heard.start_ms - start_ms),
        "Duration": ticks(heard.end_ms - heard.start_ms),
    }


def _language(heard: Guessed | Understood, key: str, text: str) -> dict[str, Any]:
    if heard.language is None:
        return {key: text}
    return {key: text, "PrimaryLanguage": {"Language": heard.language, "Confidence": "High"}}


def _translations(status: str, translations: Mapping[str, str], key: str) -> dict[str, Any]:
    if status != "Success":
        return {"TranslationStatus": status, "FailureReason": "the emulator's script says so"}
    return {
        "TranslationStatus": status,
        "Translations": [
            {"Language": language, key: text} for language, text in translations.items()
        ],
    }


def _best(phrase: Understood, start_ms: float) -> dict[str, Any]:
    """The one best result, as the detailed format has it."""
    plain = phrase.text.lower()
    words = [
        {
            "Word": word.text,
            "Offset": ticks(word.start_ms - start_ms),
            "Duration": ticks(word.end_ms - word.start_ms),
        }
        for word in phrase.words
    ]
    best = {"Confidence": 1.0, "Lexical": plain, "ITN": plain, "MaskedITN": plain}
    best |= {"Display": phrase.text} | ({"Words": words} if words else {})
    return {"NBest": [best]}


def _end_of_dictation(end_ms: float) -> dict[str, Any]:
    return {"RecognitionStatus": "EndOfDictation", "Offset": ticks(end_ms), "Duration": 0}


def ticks(ms: float) -> int:
    """Milliseconds in the service's units of 100 ns."""
    return max(0, round(ms * TICKS_PER_MS))


__all__ = [
    "NOTHING",
    "Family",
    "NewerTranslationFamily",
    "OlderTranslationFamily",
    "RecognitionFamily",
    "ticks",
]
