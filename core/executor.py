"""The one way to run independent work in parallel."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager


@contextmanager
def executor(workers: int | None = None) -> Iterator[Executor]:
    """Yield a process pool of `workers` processes, by default one per available core.

    Processes are spawned, not forked: the parent may hold threads (progress display, BLAS).
    """
    count = workers or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else workers
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context) as pool:
        yield pool
