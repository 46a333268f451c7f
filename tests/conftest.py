"""How tests run everywhere: property tests with the same examples, and nothing slower than it has to be."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Generator

# No deadline on a busy machine.
settings.register_profile(
    "project", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("project")


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what is there by now: 300 000 objects of tests and libraries.

    They stay to the end, and to look at them took a quarter of a second each time, a tenth of a run.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Do not trace the programs either that a test starts that is not traced (`no_cover`)."""
    with pytest.MonkeyPatch.context() as patch:
        if item.get_closest_marker("no_cover") is not None:
            # By which a Python that starts is told what to measure (coverage's patch "subprocess").
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        return (yield)
