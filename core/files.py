"""Files that are either whole or absent, and their hashes."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends without error.

    The temporary name keeps the suffix, since some writers choose the format by it. A link stays:
    what it points to is written. A device or pipe is written to when the block ends.

    Raises
    ------
    OSError
        Naming a file, also where the disk is full.
    """
    if path.exists() and not path.is_file():
        with tempfile.TemporaryDirectory(prefix="voltile-") as folder:
            content = Path(folder) / path.name
            yield content
            path.write_bytes(content.read_bytes())
        return
    path = path.resolve()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
