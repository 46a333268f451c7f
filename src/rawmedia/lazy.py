"""Names of a package that are loaded when they are first used, so that importing it costs little (PEP 562)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def lazy_names(
    package: dict[str, Any], homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """The ``__getattr__`` and the ``__dir__`` of a package.

    Args:
        package: Its ``globals()``.
        homes: The public names by the module that each is loaded from.
    """
    modules = {name: home for home, names in homes.items() for name in names}

    def get(name: str) -> object:
        home = modules.get(name)
        if home is None:
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")
        value: object = getattr(import_module(home), name)
        package[name] = value
        return value

    def names() -> list[str]:
        return sorted({*package, *modules})

    return get, names


__all__ = ["lazy_names"]
