"""Tasks that fail together: the error that comes out is the one that went in."""

from __future__ import annotations

import asyncio

import pytest

from rawmedia.streams.tasks import joined_tasks


async def fail(error: BaseException, cause: BaseException | None = None) -> None:
    await asyncio.sleep(0)
    raise error from cause


def test_a_tasks_error_comes_out_as_it_is_with_its_own_cause() -> None:
    """Callers catch typed errors, and of a full disk the cause is the operating system's."""
    error, cause = ValueError("first"), OSError("why")

    async def main() -> None:
        async with joined_tasks() as tasks:
            tasks.create_task(fail(error, cause))
            await asyncio.Event().wait()

    with pytest.raises(ValueError, match="first") as caught:
        asyncio.run(main())
    assert caught.value is error
    assert error.__cause__ is cause


def test_an_error_of_the_block_stops_the_tasks_and_comes_out_as_it_is() -> None:
    """The block is one of those that live together."""
    stopped: list[bool] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(True)

    async def main() -> None:
        async with joined_tasks() as tasks:
            tasks.create_task(wait())
            await asyncio.sleep(0)
            raise KeyError("block")

    with pytest.raises(KeyError, match="block"):
        asyncio.run(main())
    assert stopped == [True]


def test_of_several_errors_the_first_comes_out_however_deep() -> None:
    """The others come from the same cause, or from being stopped."""

    async def nested() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail(LookupError("first")))

    async def late() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("second")

    async def main() -> None:
        async with joined_tasks() as tasks:
            tasks.create_task(nested())
            tasks.create_task(late())

    with pytest.raises(LookupError, match="first"):
        asyncio.run(main())


def test_a_cancellation_goes_through() -> None:
    """It is no error, and nobody may take it for one."""

    async def main() -> None:
        async def group() -> None:
            async with joined_tasks() as tasks:
                tasks.create_task(asyncio.Event().wait())

        task = asyncio.create_task(group())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_without_an_error_it_waits_for_all() -> None:
    """As the group that it is."""
    done: list[int] = []

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        done.append(number)

    async def main() -> None:
        async with joined_tasks() as tasks:
            for number in range(3):
                tasks.create_task(work(number))

    asyncio.run(main())
    assert done == [0, 1, 2]
