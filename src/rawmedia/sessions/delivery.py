"""Speech on its way to everybody who listens in its language."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from rawmedia.audio.convert import FormatConverter
from rawmedia.audio.pcm import from_bytes
from rawmedia.sessions.hearings import spoken_id

if TYPE_CHECKING:
    from rawmedia.audio.format import AudioFormat
    from rawmedia.audio.frame import AudioFrame
    from rawmedia.audio.pcm import Int16Samples
    from rawmedia.sessions.hearings import Hearings
    from rawmedia.sessions.listener import Ear
    from rawmedia.translators.events import TranslatedAudio

# Utterances whose speech may come in turns; of more, the oldest is taken to be over.
_MAX_OPEN = 16


class Delivery:
    """One target language: converts an utterance's speech once for each format, and gives it to every ear.

    Ears may come and go at any time: one that comes hears the utterances that begin from
    then on. For one event loop.

    Args:
        language: Which.
        hearings: Where it is noted who hears what.
    """

    def __init__(self, language: str, hearings: Hearings) -> None:
        self._language = language
        self._hearings = hearings
        self.ears: list[Ear] = []
        # By the format that ears want and the utterance; a converter for each.
        self._converters: dict[AudioFormat, OrderedDict[str, FormatConverter]] = {}
        # Who began to hear an utterance hears it to its end, and nobody else.
        self._hearing: OrderedDict[str, tuple[Ear, ...]] = OrderedDict()

    @property
    def full(self) -> Ear | None:
        """An ear for which the engine has to wait; None where there is none."""
        return next((ear for ear in self.ears if ear.full), None)

    def attach(self, ear: Ear) -> None:
        """Somebody listens from now on."""
        self.ears.append(ear)

    def detach(self, ear: Ear) -> None:
        """Somebody listens no more; what he has begun to hear of is ended for him. Harmless where he did not."""
        if ear not in self.ears:
            return
        self.ears.remove(ear)
        for utterance_id, ears in self._hearing.items():
            if ear in ears:
                ear.end_utterance(spoken_id(self._language, utterance_id))
                self._hearing[utterance_id] = tuple(each for each in ears if each is not ear)

    def put(self, event: TranslatedAudio, now: float) -> bool:
        """Give a piece of speech to all who hear its utterance; whether anybody took it.

        Raises:
            UnsupportedFormatError: Its rate can't be converted into a listener's.
        """
        name = spoken_id(self._language, event.utterance_id)
        utterance_id = event.utterance_id
        ears = self._hearing.get(utterance_id)
        if ears is None:
            while len(self._hearing) >= _MAX_OPEN:
                self.end_utterance(next(iter(self._hearing)), now)
            ears = self._hearing[utterance_id] = tuple(self.ears)
        # All of them first: where one can't be, nobody gets any.
        converted = {
            wanted: self._converted(utterance_id, event.frame, wanted)
            for wanted in dict.fromkeys(ear.playout.format for ear in ears)
        }
        taken = False
        for ear in ears:
            samples = converted[ear.playout.format]
            if ear.put(name, samples, now) and len(samples):
                taken = True
                self._hearings.put(name, ear)
        return taken

    def end_utterance(self, utterance_id: str, now: float) -> None:
        """No more speech of an utterance comes. Harmless where none came."""
        name = spoken_id(self._language, utterance_id)
        ears = self._hearing.pop(utterance_id, ())
        for wanted, converters in self._converters.items():
            converter = converters.pop(utterance_id, None)
            rest = b"" if converter is None else converter.flush()
            if rest:
                samples = from_bytes(rest, wanted.num_channels)
                for ear in ears:
                    if ear.playout.format == wanted:
                        ear.put(name, samples, now)
        for ear in ears:
            ear.end_utterance(name)

    def forget(self) -> None:
        """What is being said was interrupted; what comes of it is not even converted to its end."""
        for converters in self._converters.values():
            converters.clear()

    def end(self, now: float) -> None:
        """Nothing more comes."""
        for utterance_id in list(self._hearing):
            self.end_utterance(utterance_id, now)

    def _converted(self, utterance_id: str, frame: AudioFrame, format: AudioFormat) -> Int16Samples:
        converters = self._converters.get(format)
        converter = None if converters is None else converters.get(utterance_id)
        if converter is None and frame.format == format:
            return frame.samples
        before = b""
        if converter is None or converter.source != frame.format:
            # An engine that changes its format in mid-utterance loses none of what it said.
            fresh = FormatConverter(frame.format, format)
            before = b"" if converter is None else converter.flush()
            converter = fresh
            self._converters.setdefault(format, OrderedDict())[utterance_id] = converter
        return from_bytes(before + converter.push(frame), format.num_channels)


class Deliveries:
    """Every language that somebody listens in. For one event loop.

    Args:
        hearings: Where it is noted who hears what.
    """

    def __init__(self, hearings: Hearings) -> None:
        self._hearings = hearings
        self._by_language: dict[str, Delivery] = {}
        self._waiting, self._was_held_up = 0, False

    def attach(self, ear: Ear, language: str | None) -> None:
        """Somebody listens in a language from now on, and in no other; None for in none."""
        self.detach(ear)
        ear.language = language
        if language is not None:
            if language not in self._by_language:
                self._by_language[language] = Delivery(language, self._hearings)
            self._by_language[language].attach(ear)

    def detach(self, ear: Ear) -> None:
        """Somebody listens no more. Harmless where he did not."""
        for delivery in self._by_language.values():
            delivery.detach(ear)

    def is_heard(self, language: str) -> bool:
        """Whether anybody listens in a language."""
        delivery = self._by_language.get(language)
        return delivery is not None and bool(delivery.ears)

    async def wait_for_room(self, language: str) -> None:
        """Wait while an ear that is patient is full. Cancelling changes nothing."""
        delivery = self._by_language[language]
        if delivery.full is None:
            return
        self._was_held_up = True
        self._waiting += 1
        try:
            while (ear := delivery.full) is not None:
                await ear.changed()
        finally:
            self._waiting -= 1

    def was_held_up(self) -> bool:
        """Whether, since this was asked last, somebody waited for room."""
        was, self._was_held_up = self._was_held_up, self._waiting > 0
        return was

    def put(self, event: TranslatedAudio, now: float) -> None:
        """Let speech be heard by all who listen in its language.

        Raises:
            UnsupportedFormatError: Its rate can't be converted into a listener's.
        """
        self._by_language[event.language].put(event, now)

    def end_utterance(self, utterance_id: str, now: float) -> None:
        """All of an utterance is there, in every language."""
        for delivery in self._by_language.values():
            delivery.end_utterance(utterance_id, now)

    def forget(self) -> None:
        """What is being said was interrupted."""
        for delivery in self._by_language.values():
            delivery.forget()

    def end(self, now: float) -> None:
        """Nothing more comes."""
        for delivery in self._by_language.values():
            delivery.end(now)


__all__ = ["Deliveries", "Delivery"]
