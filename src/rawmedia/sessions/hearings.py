"""Which utterance is heard by whom, and what of that is booked: one listener speaks for a language."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from rawmedia.sessions.events import SpeechLeftOut, SpeechPlayedFaster
from rawmedia.sessions.speech.facts import SpeechEnded, SpeechSkipped, SpeechSpedUp, SpeechStarted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawmedia.sessions.audience import Audience
    from rawmedia.sessions.listener import Ear, Heard
    from rawmedia.sessions.metrics.ledger import Ledger

# Utterances that are being heard or were a short while ago.
_MAX_KNOWN = 2_000


def spoken_id(language: str, utterance_id: str) -> str:
    """What an utterance's speech in a language is called in a playout, which may have several."""
    return f"{language} {utterance_id}"


class Hearings:
    """Books what listeners hear, each utterance once for each language. For one event loop.

    Where several listen in a language, the first who takes an utterance's speech speaks for all.

    Args:
        ledger: Where hearing is booked.
        audience: Who is told.
    """

    def __init__(self, ledger: Ledger, audience: Audience) -> None:
        self._ledger = ledger
        self._audience = audience
        # Who speaks for an utterance in a language, by `spoken_id`; None once all is told.
        self._witnesses: OrderedDict[str, Ear | None] = OrderedDict()
        self._cancelled: OrderedDict[str, None] = OrderedDict()
        self._written: OrderedDict[str, None] = OrderedDict()

    def put(self, name: str, ear: Ear) -> None:
        """An ear took speech of an utterance."""
        if name not in self._witnesses:
            self._witnesses[name] = ear
            if len(self._witnesses) > _MAX_KNOWN:
                self._witnesses.popitem(last=False)

    def is_put(self, language: str, utterance_id: str) -> bool:
        """Whether somebody hears it, or will, or did; so that it need not be written."""
        return spoken_id(language, utterance_id) in self._witnesses

    def write(self, language: str, utterance_id: str, when: float) -> None:
        """An utterance is to be read in a language, where it has a text and was not written before."""
        name = spoken_id(language, utterance_id)
        if name not in self._written and self._audience.written(language, utterance_id, when):
            self._written[name] = None
            if len(self._written) > _MAX_KNOWN:
                self._written.popitem(last=False)

    def cancel(self, utterance_ids: Iterable[str]) -> None:
        """These were interrupted: speech of them that is still to come is not wanted."""
        for utterance_id in utterance_ids:
            self._cancelled[utterance_id] = None
        while len(self._cancelled) > _MAX_KNOWN:
            self._cancelled.popitem(last=False)

    def is_cancelled(self, utterance_id: str) -> bool:
        """Whether it was interrupted."""
        return utterance_id in self._cancelled

    def heard(self, ear: Ear, heard: Heard) -> None:
        """An ear tells what became of speech."""
        for fact in heard.facts:
            name = fact.utterance_id
            if self._witnesses.get(name) is not ear:
                continue
            language, _, utterance_id = name.partition(" ")
            cleared = heard.cleared
            when = fact.when + heard.delay_s if cleared is None else cleared
            if isinstance(fact, SpeechStarted):
                if cleared is None:
                    self._audience.started(language, utterance_id, when)
            elif isinstance(fact, SpeechEnded):
                self._finish(name, when, cut=fact.cut or cleared is not None)
            elif isinstance(fact, SpeechSkipped):
                if fact.reason == "lag":  # what was interrupted is cut
                    self._ledger.skipped(utterance_id, language, fact.ms)
                self._audience.tell(SpeechLeftOut(utterance_id, language, fact.ms, fact.reason))
                if not fact.partial:
                    self._finish(name, when, cut=True)
            elif isinstance(fact, SpeechSpedUp):
                self._audience.tell(
                    SpeechPlayedFaster(utterance_id, language, fact.rate, fact.lag_ms)
                )

    def left(self, ear: Ear, now: float) -> None:
        """An ear is gone: what it had not heard to the end is cut there."""
        for name in [name for name, witness in self._witnesses.items() if witness is ear]:
            self._finish(name, now, cut=True)

    def _finish(self, name: str, when: float, *, cut: bool) -> None:
        self._witnesses[name] = None
        language, _, utterance_id = name.partition(" ")
        self._audience.ended(language, utterance_id, when, cut)


__all__ = ["Hearings", "spoken_id"]
