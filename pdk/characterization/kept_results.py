"""Results of tasks, kept in files, so that a killed job can go on.

Every result has a key, the hash of all that it depends on, and a checksum of its own. A file with
the right key is the result; any other, or a damaged one, is made again.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from voltile.core import VoltileError, write_atomically

# What a file holds; those of earlier versions have no checksum.
_FRAME = re.compile(r'\{"key":"(\w+)"(?:,"sha256":"(\w+)")?,"result":(.*)\}\n', re.DOTALL)

_Result = TypeVar("_Result")


class KeptResults:
    """Texts by name in a folder, each with its key and checksum.

    Raises
    ------
    VoltileError
        When the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with write_atomically(folder / "probe"):
                pass
            (folder / "probe").unlink()
        except OSError as error:
            raise VoltileError(
                f"output folder {folder.parent} cannot be written: {error.strerror}"
            ) from None

    def read(self, name: str, key: str, parse: Callable[[str], _Result]) -> _Result | None:
        """Return what is kept under a name and key; None where there is nothing whole."""
        try:
            found = _FRAME.fullmatch((self.folder / f"{name}.json").read_text())
            if found and found[1] == key and found[2] in (None, _checksum(found[3])):
                return parse(found[3])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # absent, or damaged
        return None

    def write(self, name: str, key: str, text: str) -> None:
        """Keep a JSON text."""
        path = self.folder / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        with write_atomically(path) as temporary:
            temporary.write_text(
                f'{{"key":"{key}","sha256":"{_checksum(text)}","result":{text}}}\n'
            )


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
