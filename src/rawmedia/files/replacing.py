"""Putting a whole text in the place of the one before, so that nobody ever sees half of it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from rawmedia.errors import FileWriteError


def replace_text(path: str | os.PathLike[str], text: str, name: str) -> None:
    """Write beside the file, then rename over it: a reader, and who comes after a kill, sees a whole text.

    A link stays a link, and what it leads to is replaced.

    Args:
        path: The file; it need not be there.
        text: What will be in it, as UTF-8.
        name: What that is, for the text of the error, such as "report".

    Raises:
        FileWriteError: It cannot be written; the text before it is still there.
    """
    target = Path(os.path.realpath(path))
    draft = target.with_name(f"{target.name}.part")
    if target.exists() and not target.is_file():
        # Renaming over /dev/stdout would replace the device.
        raise FileWriteError(path, f"is not a file; a {name} needs the name of one")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        problem = error.strerror or str(error)
        raise FileWriteError(path, f"the {name} was not written: {problem}") from error


__all__ = ["replace_text"]
