"""Whether a dialect keeps every promise of its protocol, against a platform's own messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawmedia.testing.checks.check import CheckList
from rawmedia.testing.checks.dialect_reading import DIALECT_READING_CHECKS
from rawmedia.testing.checks.dialect_trial import DialectTrial
from rawmedia.testing.checks.dialect_writing import DIALECT_WRITING_CHECKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawmedia.adapters.websocket.dialect import Dialect
    from rawmedia.testing.checks.check import Report
    from rawmedia.testing.platform_messages import PlatformMessages

DIALECT_CHECKS: CheckList[DialectTrial] = CheckList(DIALECT_READING_CHECKS, DIALECT_WRITING_CHECKS)
"""All promises of a dialect, in the order in which they are checked."""


async def check_dialect(
    factory: Callable[[], Dialect],
    messages: Callable[[], PlatformMessages],
    *,
    only: str | None = None,
) -> Report:
    """Put every promise of a dialect to the test.

    ::

        asyncio.run(check_dialect(TwilioDialect, TwilioMessages))

    Args:
        factory: Makes a dialect, as for a new socket.
        messages: Makes what writes the platform's messages and reads ours, by the platform's
            documentation and not by the dialect's code.
        only: The name of the one check to run, as in ``DIALECT_CHECKS.names``.

    Raises:
        BrokenPromiseError: The first promise that was not kept; it says how to see it.
        ConfigurationError: There is no such check.
    """
    return await DIALECT_CHECKS.run(DialectTrial(factory, messages), only)


__all__ = ["DIALECT_CHECKS", "check_dialect"]
