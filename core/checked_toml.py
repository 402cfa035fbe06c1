"""Takes values out of a TOML file with their checks: one error names the key, what it may be, is.

A table is a context: on leaving it every key must have been taken.
"""

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from voltile.core.errors import TechnologyError

_Item = TypeVar("_Item")

_NAME = re.compile(r"\w[\w-]*")
_NAME_TEXT = "a name of letters, digits, _ and -"


class TomlSection:
    """A table of the file. Numbers are returned times `unit`, limits are as in the file."""

    def __init__(self, content: Mapping[str, Any], where: str) -> None:
        self._content, self._where = dict(content), where

    def __enter__(self) -> "TomlSection":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if error is None and self._content:
            raise TechnologyError(f"{self._where}{next(iter(self._content))} is not a known key")

    def __contains__(self, key: str) -> bool:
        return key in self._content

    @property
    def names(self) -> tuple[str, ...]:
        """Keys that are names given by the user; at least one."""
        for key in self._content:
            if not _NAME.fullmatch(key):
                raise TechnologyError(f"{self._where}'{key}' must be {_NAME_TEXT}")
        if not self._content:
            raise TechnologyError(f"{self._where.rstrip('.')} must hold at least one key")
        return tuple(self._content)

    def _take(self, key: str, allowed: str, default: Any) -> Any:
        if key not in self._content and default is None:
            raise TechnologyError(f"{self._where}{key} is missing: it must be {allowed}")
        return self._content.pop(key, default)

    def _checked(self, key: str, allowed: str, value: Any, good: bool) -> Any:
        if not good:
            raise TechnologyError(f"{self._where}{key} must be {allowed}, not {value!r}")
        return value

    def section(self, key: str) -> "TomlSection":
        """Return a table inside."""
        value = self._take(key, "a table", None)
        self._checked(key, "a table", value, isinstance(value, dict))
        return TomlSection(value, f"{self._where}{key}.")

    def number(
        self, key: str, low: float, high: float, unit: float = 1.0, default: float | None = None
    ) -> float:
        """Return a number."""
        allowed = f"a number from {low:g} to {high:g}"
        value = self._take(key, allowed, default)
        good = value == default or (_is_number(value) and low <= value <= high)
        return float(self._checked(key, allowed, value, good)) * unit

    def whole(self, key: str, low: int, high: int) -> int:
        """Return a whole number."""
        allowed = f"a whole number from {low} to {high}"
        value = self._take(key, allowed, None)
        good = isinstance(value, int) and _is_number(value) and low <= value <= high
        return int(self._checked(key, allowed, value, good))

    def numbers(
        self, key: str, low: float, high: float, least: int, unit: float = 1.0, same: bool = False
    ) -> tuple[float, ...]:
        """Return ascending numbers; `same`: or such as never descend."""
        order = "never descending" if same else "ascending"
        allowed = f"a list of {least} or more {order} numbers from {low:g} to {high:g}"
        value = self._take(key, allowed, None)
        good = (
            isinstance(value, list) and len(value) >= least
            and all(_is_number(item) and low <= item <= high for item in value)
            and all(a < b or (same and a == b) for a, b in zip(value, value[1:], strict=False))
        )  # fmt: skip
        return tuple(float(item) * unit for item in self._checked(key, allowed, value, good))

    def name(self, key: str) -> str:
        """Return a text that may stand in a file name."""
        value = self._take(key, _NAME_TEXT, None)
        good = isinstance(value, str) and _NAME.fullmatch(value) is not None
        return str(self._checked(key, _NAME_TEXT, value, good))

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text of one line."""
        value = self._take(key, "a line of text", default)
        good = isinstance(value, str) and value.isprintable() and (value != "" or default == "")
        return str(self._checked(key, "a line of text", value, good))

    def texts(self, key: str, least: int, most: int | None = None) -> tuple[str, ...]:
        """Return a list of texts; where `least` is 0 it may be missing."""
        allowed = f"a list of {least}{'' if most == least else ' or more'} texts"
        value = self._take(key, allowed, None if least else [])
        good = (
            isinstance(value, list) and len(value) >= least
            and (most is None or len(value) <= most)
            and all(isinstance(item, str) and item for item in value)
        )  # fmt: skip
        return tuple(self._checked(key, allowed, value, good))

    def choice(self, key: str, known: Collection[_Item]) -> _Item:
        """Return one of some values."""
        return self._chosen(key, f"one of {_listed(known)}", known, lambda value: [value])[0]

    def choices(self, key: str, known: Collection[_Item]) -> tuple[_Item, ...]:
        """Return one or more of some values, each once."""
        allowed = f"a list of one or more of {_listed(known)}"
        return self._chosen(key, allowed, known, lambda value: value)

    def _chosen(
        self, key: str, allowed: str, known: Collection[_Item], items: Callable[[Any], Any]
    ) -> tuple[_Item, ...]:
        value = self._take(key, allowed, None)
        listed = list(known)
        chosen = items(value)
        good = isinstance(chosen, list) and chosen != [] and all(item in listed for item in chosen)
        self._checked(key, allowed, value, good)
        return tuple(dict.fromkeys(listed[listed.index(item)] for item in chosen))


def read_checked_toml(path: Path) -> TomlSection:
    """Return the whole of a TOML file.

    Raises
    ------
    OSError
    TechnologyError
        When it is not TOML.
    """
    try:
        return TomlSection(tomllib.loads(path.read_text()), f"{path}: ")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TechnologyError(f"{path}: {error}") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _listed(values: Collection[Any]) -> str:
    return ", ".join(f"{item:g}" if _is_number(item) else str(item) for item in values)
