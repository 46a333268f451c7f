"""What all checks have in common: names, reports, errors that say enough, and waits that end."""

from __future__ import annotations

import asyncio
import importlib
import pickle
import threading
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from rawmedia.errors import ConfigurationError
from rawmedia.testing import VirtualClock, checks
from rawmedia.testing.checks import BrokenPromiseError, CheckList, Report
from rawmedia.testing.checks.broken import SeenError, require, skip
from rawmedia.testing.checks.leftovers import Leftovers, MemoryGrowth
from rawmedia.testing.checks.waiting import cancelled_after, cancelled_at_each_turn, within

if TYPE_CHECKING:
    from collections.abc import Awaitable

LISTS = {name: getattr(checks, name) for name in checks.__all__ if name.endswith("_CHECKS")}
NUMBERS: CheckList[int] = CheckList()


@NUMBERS.promise("It is even.", "rawmedia.errors.RawMediaError")
async def is_even(number: int) -> None:
    require(number % 2 == 0, f"it was {number}.")


@NUMBERS.promise("It divides a hundred.", "rawmedia.errors.RawMediaError")
async def divides_a_hundred(number: int) -> None:
    if number < 0:
        skip("it is negative")
    require(100 % number == 0, f"{100 % number} was left.")


def test_a_report_says_what_was_kept_and_what_was_not_tried() -> None:
    kept = asyncio.run(NUMBERS.run(20))
    assert kept == Report(("is_even", "divides_a_hundred"))
    assert str(kept).splitlines()[0] == "2 promises kept"
    partly = asyncio.run(NUMBERS.run(-2))
    assert partly.skipped == {"divides_a_hundred": "it is negative"}
    assert "skipped  divides_a_hundred: it is negative" in str(partly)


def test_a_broken_promise_says_which_how_to_see_it_and_where_it_is_written() -> None:
    with pytest.raises(BrokenPromiseError) as caught:
        asyncio.run(NUMBERS.run(3))
    text = str(caught.value)
    for part in ("It is even.", "it was 3.", "rawmedia.errors.RawMediaError", "'is_even'"):
        assert part in text
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == text
    assert isinstance(copy, AssertionError)


def test_an_error_that_nobody_promised_is_a_broken_promise() -> None:
    with pytest.raises(BrokenPromiseError, match="ZeroDivisionError") as caught:
        asyncio.run(NUMBERS.run(0))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_one_check_can_be_run_alone() -> None:
    assert asyncio.run(NUMBERS.run(5, "divides_a_hundred")).passed == ("divides_a_hundred",)
    with pytest.raises(ConfigurationError, match="is_even, divides_a_hundred"):
        asyncio.run(NUMBERS.run(5, "is_prime"))


def test_a_guard_is_put_around_every_check() -> None:
    guarded: list[str] = []

    async def guard(trying: Awaitable[None]) -> None:
        guarded.append("guarded")
        await trying

    asyncio.run(NUMBERS.run(4, guard=guard))
    assert guarded == ["guarded", "guarded"]


@pytest.mark.parametrize("name", LISTS)
def test_every_promise_is_a_sentence_and_written_where_it_says(name: str) -> None:
    """Whoever is told that he broke a promise goes there to read it."""
    assert len(LISTS[name])
    for check in LISTS[name]:
        assert check.promise.endswith(".")
        assert check.promise[0].isupper() or check.promise.split()[0].isidentifier()
        assert check.function.__doc__, f"{check.name} does not say why"
        assert has_docstring(check.written), f"{check.written} does not exist"


def has_docstring(written: str) -> bool:
    """Whether a dotted name leads to something documented; a field is, in its class's source."""
    module = written
    rest: list[str] = []
    while True:
        try:
            found: object = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, name = module.rpartition(".")
            rest.insert(0, name)
    for name in rest:
        fields = getattr(found, "__dataclass_fields__", {}) | getattr(found, "model_fields", {})
        if name in fields:
            return True
        if not hasattr(found, name):
            return False
        found = getattr(found, name)
    return True


def test_names_are_told_once_in_each_list() -> None:
    for name, all_of in LISTS.items():
        assert len(set(all_of.names)) == len(all_of), name


# Waiting.


def test_a_call_that_hangs_is_given_up() -> None:
    clock = VirtualClock()
    with pytest.raises(SeenError, match=r"it had not come to an end after 5 s"):
        clock.run(within(clock, 5, asyncio.sleep(1_000), "it"))
    assert clock.now() == 5


def test_a_call_that_can_not_be_cancelled_is_left_alone() -> None:
    """An implementation that swallows CancelledError must not hang the checks, too."""
    clock = VirtualClock()

    async def stubborn() -> None:
        for _ in range(3):
            try:
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                continue

    with pytest.raises(SeenError, match="had not come to an end"):
        clock.run(within(clock, 5, stubborn(), "it"))


def test_a_call_that_cancels_itself_is_no_cancelled_check() -> None:
    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    clock = VirtualClock()
    with pytest.raises(SeenError, match="nobody cancelled"):
        clock.run(within(clock, 5, cancels_itself(), "it"))


def test_cancelling_a_check_cancels_what_it_waits_for() -> None:
    clock = VirtualClock()
    ends: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.sleep(1_000)
        finally:
            ends.append("ended")

    async def main() -> None:
        waiting = asyncio.create_task(within(clock, 500, waits(), "it"))
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.wait({waiting})
        await asyncio.sleep(0)
        assert waiting.cancelled()
        assert ends == ["ended"]

    clock.run(main())


def test_a_cancelled_call_may_end_raise_or_go_on_and_only_the_first_is_right() -> None:
    clock = VirtualClock()

    async def raises() -> None:
        try:
            await asyncio.sleep(1_000)
        except asyncio.CancelledError:
            raise KeyError("why") from None

    async def goes_on() -> None:
        try:
            await asyncio.sleep(1_000)
        except asyncio.CancelledError:
            await asyncio.sleep(1_000)

    async def returns() -> None:
        try:
            await asyncio.sleep(1_000)
        except asyncio.CancelledError:
            return

    async def main() -> None:
        assert await cancelled_after(clock, 5, 0, asyncio.sleep(1_000), "it")
        assert not await cancelled_after(clock, 5, 3, asyncio.sleep(0), "it")
        assert not await cancelled_after(clock, 5, 0, returns(), "it")
        with pytest.raises(SeenError, match="raised KeyError instead"):
            await cancelled_after(clock, 5, 0, raises(), "it")
        with pytest.raises(SeenError, match="still ran 5 s later"):
            await cancelled_after(clock, 5, 0, goes_on(), "it")

    clock.run(main())


def test_a_call_is_cancelled_at_one_turn_after_the_other_until_it_is_through() -> None:
    clock = VirtualClock()
    reached: list[int] = []

    async def steps(number: int) -> None:
        reached.append(0)
        for _ in range(3):
            await asyncio.sleep(0)
            reached[number] += 1

    clock.run(cancelled_at_each_turn(clock, 5, steps, "it"))
    assert reached == [0, 1, 2, 3]
    reached.clear()

    async def endless(number: int) -> None:
        reached.append(number)
        await asyncio.sleep(1_000)

    clock.run(cancelled_at_each_turn(clock, 5, endless, "it"))
    assert reached == list(range(8))


# What is left.


def test_tasks_that_are_left_are_named_and_those_that_end_soon_are_not() -> None:
    async def main() -> None:
        leftovers = Leftovers()
        ending = asyncio.create_task(asyncio.sleep(0))
        await leftovers.require_no_tasks("it")
        staying = asyncio.create_task(asyncio.sleep(10), name="the one that stayed")
        with pytest.raises(SeenError, match="after it these tasks still ran: the one that stayed"):
            await leftovers.require_no_tasks("it")
        staying.cancel()
        await ending

    VirtualClock().run(main())


def test_threads_that_are_left_are_named_and_those_of_the_loop_are_not() -> None:
    async def main() -> None:
        leftovers = Leftovers()
        await asyncio.to_thread(int)
        stop = threading.Event()
        short = threading.Thread(target=stop.wait, args=(0.03,), name="a short one")
        short.start()
        await leftovers.require_no_threads("it")
        thread = threading.Thread(target=stop.wait, args=(5,), daemon=True, name="a long one")
        thread.start()
        with pytest.raises(SeenError, match="these threads still ran: a long one"):
            await leftovers.require_no_threads("it")
        stop.set()
        thread.join()
        short.join()

    asyncio.run(main())


def test_memory_that_was_kept_is_counted_and_what_was_dropped_is_not() -> None:
    kept = []
    with MemoryGrowth() as memory:
        bytes(bytearray(4 * 2**20))
        kept.append(bytes(bytearray(2**20)))
        assert 1 <= memory.now() < 2
    assert 1 <= memory.mebibytes < 1.5
    assert not tracemalloc.is_tracing()


def test_who_traces_memory_already_goes_on_doing_so() -> None:
    tracemalloc.start()
    try:
        with MemoryGrowth() as memory:
            pass
        assert tracemalloc.is_tracing()
        assert memory.mebibytes < 0.1
    finally:
        tracemalloc.stop()


def test_an_unknown_name_is_no_part_of_the_package() -> None:
    assert set(checks.__all__) <= set(dir(checks))
    with pytest.raises(AttributeError, match="no_such"):
        _ = checks.no_such
