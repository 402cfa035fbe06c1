"""A run folder whose finished stages are kept and read again.

Every stage has a key: a hash of what it was made from. A stage file with the same key is the
result; any other is made anew and written over. Files are whole or absent.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import voltile
from voltile.core import StageMeter, VoltileError, write_atomically

Arrays = Mapping[str, NDArray[Any]]

# Raised when what a stage keeps changes its meaning.
_VERSION = 8


def stage_key(**inputs: Any) -> str:
    """Return the hash of a stage's inputs; versions of Voltile and of its tools are among them."""
    tools = {name: version(name) for name in ("pyosys", "coloquinte")}
    known = {"voltile": voltile.__version__, "stages": _VERSION, "tools": tools, **inputs}
    text = json.dumps(known, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(item: object) -> object:
    """What JSON lacks; sets in an order that does not change from process to process."""
    return sorted(item) if isinstance(item, frozenset) else str(item)


class Stages:
    """The stage files of one run folder.

    Raises
    ------
    VoltileError
        When the folder cannot be made or written.
    """

    def __init__(self, folder: Path, meter: StageMeter, say: Callable[[str], None]) -> None:
        self.folder = folder / "stages"
        self.meter = meter
        self.say = say
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with write_atomically(self.folder / "probe"):
                pass
            (self.folder / "probe").unlink()
        except OSError as error:
            raise VoltileError(
                f"output folder {folder} cannot be written: {error.strerror}"
            ) from None

    def run(self, name: str, key: str, make: Callable[[], Arrays]) -> dict[str, NDArray[Any]]:
        """Return the arrays of a stage: those kept under the same key, else what `make` gives."""
        return self.run_each(name, {name: key}, lambda missing: [(missing[0], make())])[name]

    def run_each(
        self,
        name: str,
        keys: Mapping[str, str],
        make: Callable[[list[str]], Iterable[tuple[str, Arrays]]],
    ) -> dict[str, dict[str, NDArray[Any]]]:
        """Return the parts of a stage; `make` yields those that are missing, each kept at once."""
        start = time.perf_counter()
        found = {part: self.read(part, key) for part, key in keys.items()}
        result = {part: arrays for part, arrays in found.items() if arrays is not None}
        missing = [part for part in keys if part not in result]
        if not missing:
            self.meter.reuse(name, time.perf_counter() - start)
            self.say(f"{name}: read again")
            return result
        self.say(f"{name} ...")
        with self.meter.stage(name):
            for part, arrays in make(missing):
                result[part] = dict(arrays)
                self.write(part, keys[part], arrays)
                if len(keys) > 1:
                    seconds = time.perf_counter() - start
                    self.say(f"  {part}: {len(result)} of {len(keys)}, {seconds:.0f} s")
        cost = self.meter.costs[name]
        self.say(f"{name}: {cost.wall_s:.1f} s, peak {cost.peak_bytes / 1e6:.0f} MB")
        return result

    def write(self, part: str, key: str, arrays: Arrays) -> None:
        """Keep the arrays of a part."""
        keyed: dict[str, Any] = {"_key": np.frombuffer(key.encode(), dtype=np.uint8), **arrays}
        with write_atomically(self.folder / f"{part}.npz") as temporary:
            np.savez(temporary, **keyed)

    def read(self, name: str, key: str) -> dict[str, NDArray[Any]] | None:
        """Return the arrays that are kept under a key; None where there are none."""
        path = self.folder / f"{name}.npz"
        try:
            with np.load(path, allow_pickle=False) as arrays:
                if arrays["_key"].tobytes().decode() != key:
                    return None
                return {item: arrays[item] for item in arrays.files if item != "_key"}
        except Exception:  # absent, or damaged, which fails in many ways: made anew
            return None


class KeptStages(Stages):
    """The stage files of a finished run, which are read and never made.

    Raises
    ------
    VoltileError
        Where a stage is missing, or kept under another key.
    """

    def __init__(self, folder: Path) -> None:
        self.run_folder = folder
        self.folder = folder / "stages"
        self.meter = StageMeter()
        self.say = lambda _: None

    def run_each(
        self,
        name: str,
        keys: Mapping[str, str],
        make: Callable[[list[str]], Iterable[tuple[str, Arrays]]],
    ) -> dict[str, dict[str, NDArray[Any]]]:
        """Return the parts of a stage as they are kept."""

        def missing(parts: list[str]) -> Iterable[tuple[str, Arrays]]:
            raise VoltileError(
                f"run folder {self.run_folder}: stage {parts[0]} is missing, or was made from "
                f"other inputs or by another version; first run again: voltile run ... --out "
                f"{self.run_folder}"
            )

        return super().run_each(name, keys, missing)
