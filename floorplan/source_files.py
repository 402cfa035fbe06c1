"""Which files a synthesis reads: its sources, and the files that those name."""

import re
from collections.abc import Sequence
from pathlib import Path

# What stands between two quotes, or between < and >; overlapping, so that a stray quote in a
# comment hides nothing. Waveforms that a design writes in simulation are none of its inputs.
_NAME = re.compile(r"""(?<!\$dumpfile\()["<]([^"<>\n]{1,200})(?=[">])""")


def source_files(
    files: Sequence[Path], includes: Sequence[Path] = (), defines: Sequence[str] = ()
) -> tuple[Path, ...]:
    """Return the sources and all files that they can include or load, each once.

    Every quoted name of an existing file counts, be it that of an `include, of a $readmemh, or the
    value of a parameter or macro. It is sought as Yosys does: from the working folder, beside the
    file that names it, and in the include folders. A name that is put together of several strings
    is not seen.
    """
    found = dict.fromkeys(Path(path) for path in files)
    waiting = [(path, path.read_text(errors="replace")) for path in found]
    waiting.append((Path(), " ".join(defines)))
    while waiting:
        path, text = waiting.pop()
        for name in set(_NAME.findall(text)):
            for folder in (Path(), path.parent, *includes):
                other = folder / name
                if other not in found and _is_file(other):
                    found[other] = None
                    waiting.append((other, other.read_text(errors="replace")))
    return tuple(sorted(found, key=str))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or with a null: no name at all
        return False
