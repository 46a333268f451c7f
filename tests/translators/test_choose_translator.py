"""Which engine a name stands for, and what "auto" takes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rawmedia.errors import ConfigurationError
from rawmedia.testing.clock import VirtualClock
from rawmedia.translators.azure import AzureTranslator
from rawmedia.translators.offline import OfflineTranslator
from rawmedia.translators.select import ENGINES, choose_translator

KEY = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "environ",
    [
        {"AZURE_SPEECH_KEY": KEY, "AZURE_SPEECH_REGION": "westeurope"},
        {"SPEECH_KEY": KEY, "SPEECH_REGION": "westeurope"},
        {"SPEECH_KEY": KEY, "SPEECH_ENDPOINT": "https://mine.cognitiveservices.azure.com/"},
    ],
    ids=["azure", "microsoft", "endpoint"],
)
@pytest.mark.parametrize("engine", ["auto", "azure"])
def test_azure_is_taken_where_it_is_configured(engine: str, environ: dict[str, str]) -> None:
    """Whoever has set a key wants it used; that needs neither the SDK nor the network yet."""
    clock = VirtualClock()
    chosen = choose_translator(engine, environ=environ, clock=clock)
    assert isinstance(chosen, AzureTranslator)
    assert chosen.config.key is not None
    assert chosen.config.key.get_secret_value() == KEY
    assert chosen.clock is clock


@pytest.mark.parametrize(
    "environ",
    [{}, {"AZURE_SPEECH_KEY": KEY}, {"AZURE_SPEECH_REGION": "westeurope"}, {"SPEECH_KEY": ""}],
    ids=["nothing", "key", "region", "empty"],
)
def test_what_needs_no_key_is_taken_where_azure_is_not_configured(environ: dict[str, str]) -> None:
    """The first run of somebody without an account must do something."""
    clock = VirtualClock()
    chosen = choose_translator(environ=environ, clock=clock)
    assert isinstance(chosen, OfflineTranslator)
    assert chosen.clock is clock


def test_an_engine_asked_for_by_name_is_taken_whatever_is_configured() -> None:
    """Nobody's audio goes to a service that he has not chosen, or the other way round."""
    configured = {"AZURE_SPEECH_KEY": KEY, "AZURE_SPEECH_REGION": "westeurope"}
    assert isinstance(choose_translator("offline", environ=configured), OfflineTranslator)
    with pytest.raises(ConfigurationError, match="AZURE_SPEECH_KEY"):
        choose_translator("azure", environ={})


def test_the_process_environment_is_what_counts_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for every tool that reads these variables."""
    for name in ("AZURE_SPEECH_KEY", "SPEECH_KEY", "AZURE_SPEECH_ENDPOINT", "SPEECH_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert isinstance(choose_translator(), OfflineTranslator)
    monkeypatch.setenv("AZURE_SPEECH_KEY", KEY)
    monkeypatch.setenv("AZURE_SPEECH_REGION", "westeurope")
    assert isinstance(choose_translator(), AzureTranslator)


@pytest.mark.parametrize("engine", ["google", "", "Azure", "AUTO"])
def test_a_name_that_is_none_is_refused_with_the_choice(engine: str) -> None:
    """A misspelled name must not silently mean another engine."""
    with pytest.raises(ConfigurationError, match="choose auto, azure or offline"):
        choose_translator(engine)
    assert engine not in ENGINES


def test_choosing_loads_no_engine() -> None:
    """An engine's libraries take long to load; only a translation needs them."""
    program = (
        "import sys; from rawmedia.translators.select import choose_translator as choose;"
        "choose('offline');"
        f"choose('azure', environ={{'SPEECH_KEY': '{KEY}', 'SPEECH_REGION': 'westeurope'}});"
        "loaded = {'azure.cognitiveservices', 'pocketsphinx', 'espeakng_loader'} & set(sys.modules);"
        "sys.exit(', '.join(loaded) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
