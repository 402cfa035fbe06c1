"""What a run cost and what it was made from."""

import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from voltile.core.files import write_atomically


@dataclass(frozen=True)
class StageCost:
    """Wall time [s] and peak resident memory of the process tree [byte] of one stage."""

    wall_s: float
    peak_bytes: int
    reused: bool = False


class StageMeter:
    """Measures stages: wall time, and the peak memory of this process and all its children."""

    period_s = 0.05

    def __init__(self) -> None:
        self.costs: dict[str, StageCost] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the block under `name`."""
        peak = [_tree_memory()]
        done = threading.Event()

        def sample() -> None:
            while not done.wait(self.period_s):
                peak[0] = max(peak[0], _tree_memory())

        sampler = threading.Thread(target=sample, daemon=True)
        start = time.perf_counter()
        sampler.start()
        try:
            yield
        finally:
            done.set()
            sampler.join()
            self.costs[name] = StageCost(time.perf_counter() - start, max(peak[0], _tree_memory()))

    def reuse(self, name: str, wall_s: float) -> None:
        """Note that a finished result of an earlier run was read instead, in `wall_s` seconds."""
        self.costs[name] = StageCost(wall_s, _tree_memory(), reused=True)


def _tree_memory() -> int:
    process = psutil.Process(os.getpid())
    total = process.memory_info().rss
    for child in process.children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.Error:  # ended between the two calls
            continue
    return int(total)


@dataclass
class RunRecord:
    """Content of `run.json`: enough to make the run again and to know what it cost."""

    command: dict[str, Any]
    inputs: dict[str, str]
    versions: dict[str, str]
    seed: int
    stages: dict[str, StageCost] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the record as JSON, whole or not at all."""
        content = asdict(self) | {"python": platform.python_version(), "cores": os.cpu_count()}
        with write_atomically(path) as temporary:
            temporary.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
