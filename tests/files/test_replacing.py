"""A text in place of the one before: whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from test_killed_writers import disk_of

from rawmedia.errors import FileWriteError
from rawmedia.files.replacing import replace_text

if TYPE_CHECKING:
    from pathlib import Path


def test_a_text_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    """And leaves nothing else behind."""
    path = tmp_path / "a.json"
    replace_text(path, "one", "note")
    replace_text(path, "zwei é", "note")
    assert path.read_text("utf-8") == "zwei é"
    assert list(tmp_path.iterdir()) == [path]


def test_on_a_full_disk_the_text_before_stays(tmp_path: Path) -> None:
    """Half of a new one would be worth less."""
    path = tmp_path / "a.json"
    replace_text(path, "one", "note")
    with disk_of(10), pytest.raises(FileWriteError, match="the note was not written"):
        replace_text(path, "x" * 100, "note")
    assert path.read_text("utf-8") == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """As a typed error."""
    with pytest.raises(FileWriteError, match="No such file"):
        replace_text(tmp_path / "none" / "a.json", "one", "note")


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    """Who keeps the file elsewhere finds it there."""
    (tmp_path / "link").symlink_to(tmp_path / "a.json")
    replace_text(tmp_path / "link", "one", "note")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a.json").read_text("utf-8") == "one"


def test_a_folder_or_a_device_is_not_replaced(tmp_path: Path) -> None:
    """Renaming over it would be a surprise."""
    for path in (tmp_path, "/dev/null"):
        with pytest.raises(FileWriteError, match="a note needs the name of one"):
            replace_text(path, "one", "note")
