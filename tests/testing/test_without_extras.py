"""Installed without extras the testing kit is all there but for what needs pytest or hypothesis."""

from __future__ import annotations

import json
import subprocess
import sys

NEED_AN_EXTRA = {
    "rawmedia.testing.event_strategies",
    "rawmedia.testing.pytest_plugin",
    "rawmedia.testing.strategies",
}

PROGRAM = """
import importlib, importlib.metadata, json, pkgutil, re, sys

def required(name, known):
    '''A distribution and, in turn, what it needs without any extra.'''
    key = re.sub("[-_.]+", "-", name).lower()
    if key in known:
        return known
    known.add(key)
    try:
        needs = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        needs = []  # for another Python or system
    for need in needs:
        if "extra ==" not in need:
            required(re.match(r"[\\w.-]+", need)[0], known)
    return known

installed = required("rawmedia", set())
homes = {
    top: {re.sub("[-_.]+", "-", name).lower() for name in names}
    for top, names in importlib.metadata.packages_distributions().items()
}

class Extras:
    '''Hides what only extras bring.'''
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in homes and not homes[top] & installed:
            raise ModuleNotFoundError(f"No module named {top!r}", name=top)

sys.meta_path.insert(0, Extras())
missing = {}

def load(name):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing[name] = error.name

testing = load("rawmedia.testing")
for module in pkgutil.walk_packages(testing.__path__, "rawmedia.testing."):
    load(module.name)
for package in (testing, load("rawmedia.testing.checks")):
    for name in package.__all__:
        getattr(package, name)
hidden = sorted(top for top in ("pytest", "hypothesis", "websockets", "av") if top in sys.modules)
print(json.dumps([missing, hidden]))
"""


def test_all_but_the_plugin_and_the_strategies_can_be_imported() -> None:
    """A check that runs beside a production system must not need a test framework."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    missing, loaded = json.loads(done.stdout)
    assert set(missing) == NEED_AN_EXTRA
    assert set(missing.values()) == {"hypothesis", "pytest"}
    assert loaded == []
