"""A folder of its own for each call, whatever the call is named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from rawmedia.errors import FileWriteError

if TYPE_CHECKING:
    import os

_MAX_NAME = 80
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class CallFolders:
    """Makes folders within one folder, and never outside it.

    Args:
        root: Where; made when the first call needs it.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)

    def new(self, name: str) -> Path:
        """Make a folder for a call; a second call of that name gets another.

        Args:
            name: Anything; what a file name can't hold, or should not, becomes a hyphen.

        Raises:
            FileWriteError: It can't be made.
        """
        safe = _UNSAFE.sub("-", name).strip(".-")[:_MAX_NAME] or "call"
        number = 1
        while True:
            folder = self.root / (safe if number == 1 else f"{safe}-{number}")
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                number += 1
            except OSError as error:
                raise FileWriteError(str(folder), error.strerror or "can't be made") from error
            else:
                return folder


__all__ = ["CallFolders"]
