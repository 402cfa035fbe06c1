"""Reads a Liberty file into a tree of groups.

Written for speed: one regular expression consumes a whole statement, so that a 13 MB library costs
about one second. Nothing in the file is executed; unknown groups and attributes are kept as they
stand. What the statements mean is `cells.py`'s business. Files may be compressed (.gz, .xz).

References
----------
Liberty User Guides and Reference Manual Suite, version 2017.06: group, simple-attribute and
complex-attribute statements.
"""

import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from voltile.core import LibertyError

# Suffixes of compressed files.
COMPRESSED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_STATEMENT = re.compile(
    r"""\s*(?:
      (?P<close>\})\s*;?
    | (?P<name>[A-Za-z_]\w*)\s*
      (?: :\s*(?P<value>"[^"]*"|[^;{}\n]*?)\s*(?:;|(?=\n)|(?=\}))
        | \((?P<args>[^()"]*(?:"[^"]*"[^()"]*)*)\)\s*(?P<end>\{|;)?
      )
    | ;
    )""",
    re.VERBOSE,
)


@dataclass
class Group:
    """One Liberty group: `kind (arguments) { attributes, groups }`.

    Attributes
    ----------
    attributes : dict of str to str
        Simple attributes, unquoted, and complex attributes as their raw argument text. Of a
        repeated attribute the last one stands.
    """

    kind: str
    arguments: str
    attributes: dict[str, str] = field(default_factory=dict)
    groups: "list[Group]" = field(default_factory=list)

    @property
    def label(self) -> str:
        """First argument, unquoted."""
        return self.arguments.split(",")[0].strip().strip('"')

    def of_kind(self, *kinds: str) -> "Iterator[Group]":
        """Yield the child groups of these kinds, in file order."""
        return (group for group in self.groups if group.kind in kinds)

    def number(self, name: str, default: float = 0.0) -> float:
        """Return a simple attribute as a float."""
        text = self.attributes.get(name)
        return default if text is None else float(text)


def read_liberty(path: Path) -> Group:
    """Return the `library` group of a Liberty file.

    Raises
    ------
    LibertyError
        When the file is missing, cut off, or not Liberty; with the line number.
    """
    text = liberty_text(path)
    text = _COMMENT.sub(lambda match: "\n" * match.group().count("\n"), text)
    text = text.replace("\\\n", " \n")
    top = Group("file", "")
    stack = [top]
    position = 0
    match_at = _STATEMENT.match
    end = len(text.rstrip())
    while position < end:
        match = match_at(text, position)
        if match is None:
            if len(stack) > 1 and "}" not in text[position:]:
                break  # in the middle of the statement with which the file ends
            at = end - len(text[position:end].lstrip())
            raise _fault("not a Liberty statement", path, text, at)
        position = match.end()
        name, value, args, opening, close = match.group("name", "value", "args", "end", "close")
        if name is None:
            if close:
                if len(stack) == 1:
                    raise _fault("'}' without a group", path, text, position)
                stack.pop()
        elif args is None:
            stack[-1].attributes[name] = value.strip('"')
        elif opening == "{":
            group = Group(name, args)
            stack[-1].groups.append(group)
            stack.append(group)
        else:
            stack[-1].attributes[name] = args
    if len(stack) > 1:
        open_group = f"{stack[-1].kind} ({stack[-1].label})"
        raise _fault(f"the file ends inside group '{open_group}': cut off?", path, text, end)
    if len(top.groups) != 1 or top.groups[0].kind != "library":
        raise LibertyError("holds no library group", str(path))
    return top.groups[0]


def liberty_text(path: Path) -> str:
    """Return the text of a Liberty file, decompressed by its suffix (.gz, .xz).

    Raises
    ------
    LibertyError
        When the file cannot be read or decompressed.
    """
    opener = COMPRESSED.get(path.suffix, open)
    try:
        with opener(path, "rt", encoding="utf-8", errors="replace") as stream:
            text: str = stream.read()
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise LibertyError(f"cannot be decompressed: {error}", str(path)) from None
    except OSError as error:
        raise LibertyError(f"cannot be read: {error.strerror}", str(path)) from None
    return text


def _fault(message: str, path: Path, text: str, position: int) -> LibertyError:
    return LibertyError(message, str(path), text.count("\n", 0, position) + 1)
