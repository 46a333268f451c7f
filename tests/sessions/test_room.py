"""In a room everybody hears all the others in his own language, and nobody waits for anybody."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from session_kit import VOICE, Cues, timeline

from rawmedia.audio.mix import mix
from rawmedia.captions.report import CallReport
from rawmedia.errors import (
    ConfigurationError,
    NetworkError,
    StreamFailedError,
    StreamUseError,
)
from rawmedia.sessions.events import MemberLeft, SessionWarning, SpeechLeftOut, UtteranceHeard
from rawmedia.sessions.mixing.config import Mixing
from rawmedia.sessions.room import Room
from rawmedia.testing.clock import VirtualClock
from rawmedia.testing.legs import FakeLeg
from rawmedia.testing.script import ScriptedUtterance
from rawmedia.testing.signals import noise, silence
from rawmedia.testing.translators import ScriptedTranslator
from rawmedia.translators.translator import TranslatorCapabilities

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rawmedia.audio.frame import AudioFrame
    from rawmedia.sessions.events import SessionEvent
    from rawmedia.sessions.room_member import Member

ONE_TARGET = TranslatorCapabilities(name="single", input_formats=(VOICE,))
SEVERAL = TranslatorCapabilities(name="several", input_formats=(VOICE,), multi_target=True)


def spoken(speaker: str, language: str, speech_ms: float = 400) -> AudioFrame:
    """How a speaker's translation sounds in a language."""
    return noise(speech_ms, seed=hash_of(speaker + language), format=VOICE)


def hash_of(text: str) -> int:
    return sum((place + 1) * ord(letter) for place, letter in enumerate(text))


@dataclass
class Conference:
    """A room and who is in it, by name."""

    clock: VirtualClock
    legs: dict[str, FakeLeg] = field(default_factory=dict)
    engines: dict[str, ScriptedTranslator] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    events: list[tuple[str, SessionEvent]] = field(default_factory=list)
    room: Any = None
    reports: Any = None

    def told(self, name: str, kind: type[Any]) -> list[Any]:
        return [event for who, event in self.events if who == name and isinstance(event, kind)]

    def invite(
        self,
        name: str,
        language: str,
        says: Any = None,
        *,
        starts_ms: float | None = None,
        speech_ms: float = 400,
        capabilities: TranslatorCapabilities = SEVERAL,
        accepts_update: bool = True,
        **more: Any,
    ) -> FakeLeg:
        """Make somebody who says one thing, from ``starts_ms`` on for 400 ms."""
        script = []
        if starts_ms is not None:
            languages = ("en", "en-US", "fr", "es", "de")
            script.append(
                ScriptedUtterance(
                    source_text=name,
                    start_ms=starts_ms,
                    end_ms=starts_ms + 400,
                    translations={each: f"{name} in {each}" for each in languages},
                    audio={each: spoken(name, each, speech_ms) for each in languages},
                    delay_ms=107.0,
                )
            )
        self.engines[name] = ScriptedTranslator(
            script,
            clock=self.clock,
            capabilities=capabilities,
            speech_format=VOICE,
            accepts_update=accepts_update,
            **more,
        )
        leg = self.legs[name] = FakeLeg(
            silence(3_000, format=VOICE) if says is None else says,
            format=VOICE,
            name=name,
            language=language,
            clock=self.clock,
        )
        return leg

    def join(self, name: str, **more: Any) -> Member:
        member = self.room.join(self.legs[name], translator=self.engines[name], **more)
        assert member is not None
        self.members[name] = member
        return self.members[name]

    def heard(self, name: str) -> np.ndarray[Any, Any]:
        return self.legs[name].record().samples[:, 0]

    def hears(self, name: str, *pieces: tuple[float, AudioFrame]) -> None:
        """Somebody heard these pieces, each from its milliseconds on, and silence otherwise."""
        heard = self.heard(name)
        np.testing.assert_array_equal(heard, timeline(pieces, len(heard)))

    @property
    def opened(self) -> int:
        return sum(len(engine.translations) for engine in self.engines.values())


def confer(
    conference: Conference,
    *,
    meanwhile: Callable[[Conference], Awaitable[object]] | None = None,
    late: tuple[str, ...] = (),
    **settings: Any,
) -> Conference:
    """Let everybody in but the late ones, and confer until all have left."""

    def note(member: Member, event: SessionEvent) -> None:
        conference.events.append((member.name, event))

    async def main() -> None:
        settings.setdefault("on_event", note)
        async with asyncio.TaskGroup() as tasks:
            carrying = [tasks.create_task(carry(leg)) for leg in conference.legs.values()]
            engine = ScriptedTranslator(clock=conference.clock, capabilities=SEVERAL)
            async with Room(engine, **settings) as room:
                conference.room = room
                for name in conference.legs:
                    if name not in late:
                        conference.join(name)
                if meanwhile is not None:
                    await meanwhile(conference)
                await room.emptied()
                await conference.clock.sleep_until(conference.clock.now() + 2)
                conference.reports = room.report()
            for leg in conference.legs.values():
                leg.outbound.end()
            for task in carrying:
                await asyncio.wait([task])
            assert len(asyncio.all_tasks()) == 1

    async def carry(leg: FakeLeg) -> None:
        with contextlib.suppress(StreamFailedError):
            await leg.run()

    conference.clock.run(main())
    return conference


def three(**more: Any) -> Conference:
    """Ana speaks English, Bob French, Eva Spanish; each says one thing after the other."""
    conference = Conference(VirtualClock())
    conference.invite("ana", "en", starts_ms=100, **more)
    conference.invite("bob", "fr", starts_ms=700, **more)
    conference.invite("eva", "es", starts_ms=1_300, **more)
    return conference


@pytest.mark.parametrize("capabilities", [SEVERAL, ONE_TARGET])
def test_everybody_hears_all_the_others_in_his_own_language(
    capabilities: TranslatorCapabilities,
) -> None:
    """And never himself: an echo of one's own words drives a speaker mad."""
    conference = confer(three(capabilities=capabilities))
    at = {"ana": 620.0, "bob": 1_220.0, "eva": 1_820.0}
    languages = {"ana": "en", "bob": "fr", "eva": "es"}
    for name, language in languages.items():
        others = [(at[each], spoken(each, language)) for each in at if each != name]
        conference.hears(name, *others)
    assert conference.reports.complete
    assert sorted(
        event.name for _, event in conference.events if isinstance(event, MemberLeft)
    ) == [
        "ana",
        "bob",
        "eva",
    ]


@pytest.mark.parametrize(("capabilities", "engines"), [(SEVERAL, 12), (ONE_TARGET, 36)])
def test_the_number_of_engines_does_not_depend_on_how_many_listen(
    capabilities: TranslatorCapabilities, engines: int
) -> None:
    """Twelve speakers of four languages: one each where an engine takes several, else one for each language."""
    conference = Conference(VirtualClock())
    for number in range(12):
        language = ("en", "fr", "es", "de")[number % 4]
        conference.invite(
            f"p{number}", language, silence(400, format=VOICE), capabilities=capabilities
        )
    confer(conference)
    # Those who came first opened theirs for fewer, and had them changed.
    assert conference.opened == engines


def test_an_engine_that_can_not_change_is_replaced_and_says_its_last() -> None:
    """A third language comes in the middle of a sentence; nobody misses any of it."""

    async def meanwhile(conference: Conference) -> None:
        await conference.clock.sleep_until(0.56)
        conference.join("eva")

    conference = Conference(VirtualClock())
    conference.invite("ana", "en", starts_ms=100, accepts_update=False)
    conference.invite("bob", "fr")
    conference.invite("eva", "es")
    confer(conference, meanwhile=meanwhile, late=("eva",))
    assert len(conference.engines["ana"].translations) == 2
    assert conference.engines["ana"].requests[-1].target_languages == ("fr", "es")
    conference.hears("bob", (620.0, spoken("ana", "fr")))


def test_who_understands_the_speaker_hears_him_as_he_is() -> None:
    """Nothing is as good as the voice itself, and it costs nothing."""
    said = noise(3_000, seed=5, format=VOICE)
    conference = Conference(VirtualClock())
    conference.invite("ana", "en-GB", said)
    conference.invite("bob", "en-US")
    confer(conference)
    assert conference.opened == 0
    heard = conference.heard("bob")
    # A frame is heard a frame after its last sample was said; the first fades in.
    np.testing.assert_array_equal(
        heard[VOICE.samples(60) :][: VOICE.samples(2_000)],
        said.samples[VOICE.samples(20) :, 0][: VOICE.samples(2_000)],
    )


def test_originals_and_translations_add_up() -> None:
    """Two who speak at once are both heard, as in any room."""
    said = noise(3_000, seed=5, format=VOICE)
    conference = Conference(VirtualClock())
    conference.invite("ana", "en", said)
    conference.invite("bob", "fr", starts_ms=100)
    conference.invite("eva", "en")
    confer(conference)
    heard = conference.heard("eva")
    place, size = VOICE.samples(620), VOICE.samples(400)
    original = said.samples[VOICE.samples(580) :][:size]
    both = mix([original, spoken("bob", "en").samples])[:, 0]
    np.testing.assert_array_equal(heard[place : place + size], both)


def test_who_comes_late_hears_what_is_said_from_then_on_and_who_leaves_is_heard_to_the_end() -> (
    None
):
    """People come and go; nothing is doubled or cut for it."""

    async def meanwhile(conference: Conference) -> None:
        await conference.clock.sleep_until(0.6)
        conference.room.leave(conference.members["ana"])
        await conference.clock.sleep_until(1.0)
        conference.join("eva")

    conference = three()
    conference.invite("dan", "en")
    confer(conference, meanwhile=meanwhile, late=("eva",))
    # What Ana had said when she left comes 7 ms later.
    conference.hears("bob", (620.0, spoken("ana", "fr")), (1_820.0, spoken("eva", "fr")))
    conference.hears("eva", (1_220.0, spoken("bob", "es")))
    conference.hears("ana")
    assert [event.text for event in conference.told("ana", UtteranceHeard)] == ["ana in fr"]


def test_a_leg_may_come_back_and_be_used_elsewhere() -> None:
    """The room gives back what it took."""

    async def meanwhile(conference: Conference) -> None:
        await conference.clock.sleep_until(0.2)
        conference.room.leave(conference.members["bob"])
        conference.legs["bob"].outbound.set_source(None)
        await conference.clock.sleep_until(0.5)
        conference.join("bob")

    conference = confer(three(), meanwhile=meanwhile)
    conference.hears("bob", (620.0, spoken("ana", "fr")), (1_820.0, spoken("eva", "fr")))
    assert "bob (2)" in conference.reports.directions


def test_a_leg_that_is_silent_or_stalled_never_delays_another() -> None:
    """One who has put down the telephone must not hold up the meeting."""

    async def meanwhile(conference: Conference) -> None:
        conference.legs["eva"].suspend()
        await conference.clock.sleep_until(8)
        conference.legs["eva"].resume()

    conference = three()
    for name in ("ana", "eva"):
        conference.legs[name].say(silence(6_000, format=VOICE))
    confer(conference, meanwhile=meanwhile)
    conference.hears("ana", (1_220.0, spoken("bob", "en")))
    conference.hears("bob", (620.0, spoken("ana", "fr")))
    # What had been for Eva is too late by now, and in her captions.
    assert conference.told("ana", SpeechLeftOut)


def test_who_is_muted_is_neither_heard_nor_translated() -> None:
    """In either way that people hear him."""

    async def meanwhile(conference: Conference) -> None:
        conference.members["ana"].mute()
        await conference.clock.sleep_until(1.5)
        conference.members["ana"].mute(on=False)

    said = noise(3_000, seed=5, format=VOICE)
    conference = Conference(VirtualClock())
    conference.invite("ana", "en", said)
    conference.invite("bob", "fr")
    conference.invite("eva", "en")
    confer(conference, meanwhile=meanwhile)
    heard = conference.heard("eva")
    assert not heard[VOICE.samples(60) : VOICE.samples(1_500)].any()
    assert heard[VOICE.samples(1_560) :].any()
    (translation,) = conference.engines["ana"].translations
    taken = np.concatenate([frame.samples[:, 0] for frame in translation.frames])
    assert not taken[: VOICE.samples(1_480)].any()
    assert taken[VOICE.samples(1_560) :].any()


def test_an_interruption_silences_one_speaker_and_nobody_else() -> None:
    """The chair cuts somebody off."""
    dropped = []

    async def meanwhile(conference: Conference) -> None:
        await conference.clock.sleep_until(0.93)
        dropped.append(await conference.members["ana"].interrupt())

    conference = Conference(VirtualClock())
    conference.invite("ana", "en", starts_ms=100, speech_ms=2_500)
    conference.invite("bob", "fr")
    conference.invite("eva", "es", starts_ms=100)
    confer(conference, meanwhile=meanwhile)
    assert dropped == [pytest.approx(2_500 - 320)]
    # Bob still hears Eva, whose speech is over at 1020.
    heard = conference.heard("bob")
    alone = spoken("eva", "fr").samples[:, 0]
    np.testing.assert_array_equal(
        heard[VOICE.samples(960) : VOICE.samples(1_020)], alone[VOICE.samples(340) :]
    )
    assert not heard[VOICE.samples(1_020) :].any()


def test_mixing_is_a_listeners_own_and_may_change() -> None:
    """One wants to hear the voice behind the interpreter, the other not."""

    async def meanwhile(conference: Conference) -> None:
        await conference.clock.sleep_until(1.0)
        conference.members["bob"].set_mixing(Mixing(mode="captions_only"))

    said = noise(3_000, seed=5, format=VOICE)
    conference = Conference(VirtualClock())
    conference.invite("ana", "en", said)
    conference.invite("bob", "fr")
    conference.invite("eva", "fr")
    confer(conference, meanwhile=meanwhile)
    assert conference.members["bob"].mixing.mode == "captions_only"
    heard = conference.heard("bob")
    assert not heard[: VOICE.samples(1_000)].any()
    assert heard[VOICE.samples(1_060) :].any()
    assert not conference.heard("eva").any()


def test_captions_are_written_for_each_speaker_and_language() -> None:
    """Who said it matters as much as what was said."""
    cues: dict[tuple[str, str], Cues] = {}

    def captions(name: str, language: str) -> Cues:
        return cues.setdefault((name, language), Cues())

    confer(three(), captions=captions)
    assert {key: [cue.text for cue in each] for key, each in cues.items()} == {
        (name, language): [f"{name} in {language}"]
        for name, own in (("ana", "en"), ("bob", "fr"), ("eva", "es"))
        for language in ("en", "fr", "es")
        if language != own
    }


def test_an_engine_that_can_not_take_another_language_yet_is_asked_again() -> None:
    """The newcomer hears the original meanwhile, and the others notice nothing."""

    async def meanwhile(conference: Conference) -> None:
        await conference.clock.sleep_until(0.3)
        conference.join("eva")

    conference = Conference(VirtualClock())
    conference.invite(
        "ana",
        "en",
        noise(3_000, seed=5, format=VOICE),
        starts_ms=1_500,
        accepts_update=False,
        open_errors=[None, NetworkError("x", "down")],
    )
    conference.invite("bob", "fr")
    conference.invite("eva", "es")
    confer(conference, meanwhile=meanwhile, late=("eva",), reopen_ms=500.0)
    (warning,) = conference.told("ana", SessionWarning)
    assert "ana is not translated into fr, es yet" in warning.message
    heard = conference.heard("eva")
    assert heard[VOICE.samples(400) : VOICE.samples(800)].any()
    assert not heard[VOICE.samples(900) : VOICE.samples(2_000)].any()
    at = VOICE.samples(2_020)
    piece = spoken("ana", "es").samples[:, 0]
    np.testing.assert_array_equal(heard[at : at + len(piece)], piece)
    conference.hears("bob", (2_020.0, spoken("ana", "fr")))


def test_leaving_the_block_stops_everything_at_once() -> None:
    """Whoever closes a room wants nothing to go on behind his back."""
    conference = three()
    clock = conference.clock

    async def main() -> None:
        carrying = [asyncio.create_task(leg.run()) for leg in conference.legs.values()]
        async with Room(ScriptedTranslator(clock=clock)) as room:
            conference.room = room
            for name in conference.legs:
                conference.join(name)
            await clock.sleep_until(0.8)
        assert len(asyncio.all_tasks()) == 4
        assert all(engine.translations[0].closed for engine in conference.engines.values())
        for leg in conference.legs.values():
            leg.outbound.set_source(None)
            leg.outbound.end()
        await asyncio.wait(carrying)

    clock.run(main())


def test_nobody_need_listen_to_what_a_room_tells() -> None:
    """Who only connects people writes no handler."""
    conference = confer(three(), on_event=None)
    assert not conference.events
    assert len(conference.reports.directions) == 3
    assert conference.reports.complete


def test_an_error_of_the_program_ends_the_room_with_it() -> None:
    """It is the program's own, so nobody may hide it."""

    def on_event(member: Member, event: SessionEvent) -> None:
        raise LookupError("my mistake")

    conference = three()
    with pytest.raises(ExceptionGroup) as raised:
        confer(conference, on_event=on_event)
    assert raised.group_contains(LookupError)


class TestNobodyComesIn:
    def refused(self, conference: Conference, name: str, match: str) -> None:
        async def main() -> None:
            async with Room(ScriptedTranslator(clock=conference.clock)) as room:
                conference.room = room
                for each in conference.legs:
                    if each != name:
                        conference.join(each)
                before = room.members
                with pytest.raises(ConfigurationError, match=match):
                    conference.join(name)
                assert room.members == before
                # And his leg is his own again.
                conference.legs[name].outbound.set_source(None)

        conference.clock.run(main())

    def test_without_a_language(self) -> None:
        """Nobody can guess it."""
        conference = three()
        conference.legs["eva"].language = None
        self.refused(conference, "eva", "eva has none; say what he speaks")

    def test_of_the_same_name(self) -> None:
        """Reports would mix them up."""
        conference = three()
        conference.legs["eva"].name = "ana"
        self.refused(conference, "eva", "there is a 'ana' in the room already")

    def test_from_another_clock(self) -> None:
        """Nobody could say what is heard when."""
        conference = three()
        conference.legs["eva"].clock = VirtualClock()
        self.refused(conference, "eva", "another clock")

    def test_whose_language_an_engine_does_not_know(self) -> None:
        """Those who are here would hear nothing of him, and he nothing of them."""
        conference = three()
        only_french = replace(SEVERAL, target_languages=("fr", "en"))
        conference.engines["ana"]._capabilities = only_french
        self.refused(conference, "eva", "es")

    def test_before_it_is_open(self) -> None:
        """There is nowhere for his engine to live."""
        conference = three()
        room = Room(ScriptedTranslator(clock=conference.clock))
        with pytest.raises(StreamUseError, match="async with"):
            room.join(conference.legs["ana"])


def test_reports_are_read_back_as_they_were(tmp_path: Any) -> None:
    """Another program works with them after the meeting."""
    conference = confer(three())
    conference.reports.write(tmp_path / "meeting.json")
    assert CallReport.read(tmp_path / "meeting.json") == conference.reports
    assert set(conference.reports.directions) == {"ana", "bob", "eva"}
