"""What is kept in the user's cache folder: libraries as arrays, and decompressed Liberty files."""

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import platformdirs

from voltile.core import TechnologyError, file_hash, write_atomically
from voltile.pdk.liberty import COMPRESSED, liberty_text
from voltile.pdk.library import CellLibrary, library_from_arrays, library_to_arrays

# Raised when the arrays of a cached library change meaning.
_VERSION = 3


def cached_library(sources: Sequence[str], read: Callable[[], CellLibrary]) -> CellLibrary:
    """Return what `read` makes, or what it made from the same sources before.

    Parameters
    ----------
    sources : sequence of str
        All that the library depends on: hashes of files, names.
    """
    key = hashlib.sha256("\n".join(sources).encode()).hexdigest()
    cached = _folder("libraries") / f"{key}-{_VERSION}.npz"
    if cached.is_file():
        try:
            with np.load(cached, allow_pickle=False) as arrays:
                return library_from_arrays(dict(arrays))
        except Exception:  # a damaged file fails in many ways; it is read anew and written over
            pass
    library = read()
    try:
        with write_atomically(cached) as temporary:
            content: dict[str, Any] = library_to_arrays(library)
            np.savez(temporary, **content)
    except OSError:
        pass  # a cache that cannot be written costs half a second a library, not the run
    return library


def plain_liberty(path: Path) -> Path:
    """Return a Liberty file as plain text: itself, or a decompressed copy.

    Raises
    ------
    LibertyError
        When the file cannot be decompressed.
    TechnologyError
        When the copy cannot be written.
    """
    if path.suffix not in COMPRESSED:
        return path
    content = liberty_text(path).encode()
    plain = _folder("liberty") / f"{file_hash(path)[:16]}-{path.stem}"
    if not plain.is_file() or plain.read_bytes() != content:
        try:
            with write_atomically(plain) as temporary:
                temporary.write_bytes(content)
        except OSError as error:
            raise TechnologyError(f"cannot write {plain}: {error.strerror}") from None
    return plain


def _folder(name: str) -> Path:
    """Folder in the user's cache; where that cannot be written, one that this process removes."""
    folder = Path(platformdirs.user_cache_dir("voltile")) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    folder = Path(_scratch().name) / name
    folder.mkdir(exist_ok=True)
    return folder


@cache
def _scratch() -> "TemporaryDirectory[str]":
    return TemporaryDirectory(prefix="voltile-")
