"""Whether a text translator keeps every promise of `TextTranslator`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rawmedia.errors import UnsupportedLanguageError
from rawmedia.streams.clock import SYSTEM_CLOCK
from rawmedia.testing.checks.broken import broke, require, skip
from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.leftovers import Leftovers
from rawmedia.testing.checks.parts_trial import (
    PARTS,
    UNHEARD_OF,
    PartTrial,
    value_or_typed_error,
)
from rawmedia.testing.checks.waiting import cancelled_at_each_turn
from rawmedia.translators.parts import TextTranslation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rawmedia.streams.clock import Clock
    from rawmedia.testing.checks.check import Report
    from rawmedia.translators.parts import TextTranslator

_TEXT = f"{PARTS}.TextTranslator"
_ODD_TEXTS = (
    " ",
    "\n\n",
    "^@~[]{}<>/\\$",
    "<b>bold</b> &amp; {0} %s",
    "\x00\x07\x1b",
    "\N{GRINNING FACE} 你好 שלום",
    "e\N{COMBINING ACUTE ACCENT}",
    "12,5 % of 1e400",
    "word " * 200,
)

TEXT_TRANSLATOR_CHECKS: CheckList[TextTranslatorTrial] = CheckList()


async def check_text_translator(
    factory: Callable[[], TextTranslator],
    *,
    texts: Sequence[str] = ("Good morning.", "Where is the station?", "Thank you very much."),
    pair: tuple[str, str] | None = None,
    clock: Clock = SYSTEM_CLOCK,
    patience_s: float = 30.0,
    only: str | None = None,
) -> Report:
    """Put every promise of a text translator to the test.

    Args:
        factory: Makes one; called for each check.
        texts: Different texts that it translates differently.
        pair: From which language into which; by default its first pair, or English to Spanish.
        clock: What it is timed on; a virtual clock makes the loops that it is tried on.
        patience_s: After how many seconds of the event loop's time a call counts as hanging.
        only: The name of the one check to run, as in ``TEXT_TRANSLATOR_CHECKS.names``.

    Raises:
        BrokenPromiseError: The first promise that was not kept; it says how to see it.
        ConfigurationError: There is no such check.
    """
    trial = TextTranslatorTrial(factory, texts, pair, clock, patience_s)
    return await TEXT_TRANSLATOR_CHECKS.run(trial, only, trial.guard)


class TextTranslatorTrial(PartTrial):
    """A text translator under test, and what it is to translate."""

    def __init__(
        self,
        factory: Callable[[], TextTranslator],
        texts: Sequence[str],
        pair: tuple[str, str] | None,
        clock: Clock,
        patience_s: float,
    ) -> None:
        super().__init__(clock, patience_s)
        self.factory, self.texts = factory, texts
        self.pair = pair or (factory().pairs or (("en", "es"),))[0]

    async def translate(self, part: TextTranslator, text: str) -> TextTranslation:
        """Translate a text in the pair that it is tried with."""
        return await self.within(part.translate(text, *self.pair), f"translate({text[:40]!r})")

    async def alone(self) -> list[TextTranslation]:
        """The texts, one after the other, each by a translator of its own."""
        return [await self.translate(self.factory(), text) for text in self.texts]


@TEXT_TRANSLATOR_CHECKS.promise("translate gives a TextTranslation.", f"{_TEXT}.translate")
async def a_text_gives_a_text_translation(trial: TextTranslatorTrial) -> None:
    """The cascade reads its text and its unknown words."""
    for text, answer in zip(trial.texts, await trial.alone(), strict=True):
        require(isinstance(answer, TextTranslation), f"{text!r} gave {answer!r}.")
        require(
            bool(answer.text.strip()),
            f"{text!r} gave the text {answer.text!r}.",
        )


@TEXT_TRANSLATOR_CHECKS.promise("An empty text gives an empty text.", f"{_TEXT}.translate")
async def nothing_gives_nothing(trial: TextTranslatorTrial) -> None:
    """An utterance may turn out to have no words."""
    answer = await trial.translate(trial.factory(), "")
    require(answer.text == "", f"the empty text gave {answer.text!r}.")


@TEXT_TRANSLATOR_CHECKS.promise(
    "Words that are unknown stand in the text as they were.",
    f"{PARTS}.TextTranslation.unknown_words",
)
async def unknown_words_stand_in_the_text(trial: TextTranslatorTrial) -> None:
    """A reader is shown which words to doubt."""
    told = False
    for text in (*trial.texts, "the zxqvjk and the wqxzzt"):
        answer = await trial.translate(trial.factory(), text)
        for word in answer.unknown_words:
            told = True
            require(
                word in answer.text,
                f"{word!r} was said to be unknown, and is not in {answer.text!r}.",
            )
    if not told:
        skip("it told of no unknown words")


@TEXT_TRANSLATOR_CHECKS.promise("Any text gives a translation or a RawMediaError.", PARTS)
async def any_text_gives_a_value_or_a_typed_error(trial: TextTranslatorTrial) -> None:
    """A recogniser writes whatever it likes; the next call starts afresh."""
    part = trial.factory()
    expected = (await trial.alone())[0]
    for text in _ODD_TEXTS:
        await value_or_typed_error(trial.translate(part, text), f"translate({text[:40]!r})")
        again = await trial.translate(part, trial.texts[0])
        require(
            again == expected,
            f"after {text[:40]!r} {trial.texts[0]!r} gave {again.text!r}, and {expected.text!r} before.",
        )


@TEXT_TRANSLATOR_CHECKS.promise("Calls at once share nothing that a caller can see.", PARTS)
async def calls_at_once_get_their_own_answers(trial: TextTranslatorTrial) -> None:
    """A cascade asks for several languages and for partials at the same time."""
    part, expected = trial.factory(), await trial.alone()
    answers = await asyncio.gather(*(trial.translate(part, text) for text in trial.texts))
    for text, answer, alone in zip(trial.texts, answers, expected, strict=True):
        require(
            answer == alone,
            f"{text!r} gave {answer.text!r} beside other calls, and {alone.text!r} alone.",
        )


@TEXT_TRANSLATOR_CHECKS.promise(
    "A cancelled call is as if it had not been made: its answer never reaches another.",
    f"{_TEXT}.translate",
)
async def a_cancelled_call_leaves_no_answer(trial: TextTranslatorTrial) -> None:
    """Or every text after it is one behind."""
    part, expected = trial.factory(), await trial.alone()

    await cancelled_at_each_turn(
        SYSTEM_CLOCK,
        trial.patience_s,
        lambda _: part.translate(trial.texts[0], *trial.pair),
        "translate()",
    )
    for text, alone in zip(trial.texts[1:], expected[1:], strict=True):
        answer = await trial.translate(part, text)
        require(
            answer == alone,
            f"a call was cancelled, and then {text!r} gave {answer.text!r} instead of {alone.text!r}.",
        )


@TEXT_TRANSLATOR_CHECKS.promise("A language that it lacks raises UnsupportedLanguageError.", PARTS)
async def a_language_that_it_lacks_is_refused(trial: TextTranslatorTrial) -> None:
    """Else a mistyped tag is heard as the wrong language."""
    part = trial.factory()
    if part.pairs is None:
        skip("it does not say which pairs it has")
    for pair in ((UNHEARD_OF, trial.pair[1]), (trial.pair[0], UNHEARD_OF)):
        try:
            await trial.within(part.translate(trial.texts[0], *pair), "translate()")
        except UnsupportedLanguageError:
            continue
        broke(f"from {pair[0]!r} into {pair[1]!r} it translated, and has only {part.pairs}.")


@TEXT_TRANSLATOR_CHECKS.promise("A part may be used on any event loop.", PARTS)
async def any_event_loop_will_do(trial: TextTranslatorTrial) -> None:
    """A program may run one loop a call."""
    part, expected = trial.factory(), await trial.alone()

    async def one() -> TextTranslation:
        return await trial.translate(part, trial.texts[0])

    for where in ("this loop", "another loop", "a third loop"):
        answer = await (one() if where == "this loop" else trial.in_another_loop(one))
        require(answer == expected[0], f"in {where} {trial.texts[0]!r} gave {answer.text!r}.")


@TEXT_TRANSLATOR_CHECKS.promise("A call gives back what it holds before it returns.", PARTS)
async def calls_leave_no_task(trial: TextTranslatorTrial) -> None:
    """What the part keeps between calls may stay; what each call adds may not."""
    part = trial.factory()
    await trial.translate(part, trial.texts[0])
    leftovers = Leftovers()
    for text in trial.texts:
        await trial.translate(part, text)
    await leftovers.require_no_tasks("translate() had returned")
    await leftovers.require_no_threads("translate() had returned")


__all__ = ["TEXT_TRANSLATOR_CHECKS", "TextTranslatorTrial", "check_text_translator"]
