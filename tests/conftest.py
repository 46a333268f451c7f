"""How tests run everywhere: property tests with the same examples, and nothing slower than it has to be."""

from __future__ import annotations

import gc
import sys
import threading
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
    """Trace no test that is marked ``untraced``, nor the programs that it starts.

    pytest-cov's own marker stops one measurement, and a process of pytest-xdist has a second, which
    coverage's patch "subprocess" began and which then goes on.
    """
    if item.get_closest_marker("untraced") is None:
        return (yield)
    trace, trace_threads = sys.gettrace(), threading.gettrace()
    with pytest.MonkeyPatch.context() as patch:
        # By which a Python that starts is told what to measure.
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        sys.settrace(None)
        threading.settrace(None)
        try:
            return (yield)
        finally:
            threading.settrace(trace_threads)
            sys.settrace(trace)
