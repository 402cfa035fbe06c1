"""The one way to run independent work in parallel."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.context import SpawnContext, SpawnProcess

import psutil

from voltile.core.errors import ProgramError

# How long a Dask scheduler may take to answer [s].
_DASK_TIMEOUT = 10


@contextmanager
def executor(workers: int | None = None, dask: str = "") -> Iterator[Executor]:
    """Yield a process pool of `workers` processes, by default one per available core.

    Processes are spawned, not forked: the parent may hold threads (progress display, BLAS). Work
    that still runs when the block ends with an error is given up, with the programs that it
    runs. No process outlives its parent.

    Parameters
    ----------
    dask : str
        Address of the scheduler of a Dask cluster, such as "tcp://host:8786", whose workers are
        then used instead; they need the same version of Voltile.

    Raises
    ------
    ProgramError
        When a worker dies, the Dask package is missing, or no scheduler answers.
    """
    if dask:
        yield from _dask_executor(dask)
        return
    count = workers or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else workers
    with ProcessPoolExecutor(count, _Context(), _end_with_parent) as pool:
        try:
            yield pool
        except BaseException as error:
            pids = list(pool._processes or {})
            _kill([*pids, *_started_by(pids)])
            # The pool would wait for the rest of a result that a worker was sending.
            pool._result_queue._writer.close()  # type: ignore[attr-defined]
            if isinstance(error, BrokenProcessPool):
                raise ProgramError(
                    "a worker process ended without a result: it was killed, ran out of memory, or "
                    "the script that starts this lacks: if __name__ == '__main__'"
                ) from None
            raise


class _Worker(SpawnProcess):
    """A process that Ctrl-C does not reach: its parent ends it."""

    def start(self) -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Context(SpawnContext):
    Process = _Worker


def _end_with_parent() -> None:
    """End this worker, and what it runs, when its parent ends, however that ends."""

    def wait() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            _kill(_started_by([os.getpid()]))
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _started_by(pids: Iterable[int]) -> list[int]:
    """Ids of all processes that processes have started."""
    found = []
    for pid in pids:
        with suppress(psutil.Error):
            found += [child.pid for child in psutil.Process(pid).children(recursive=True)]
    return found


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _dask_executor(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client, KilledWorker
    except ImportError:
        raise ProgramError(
            "a Dask cluster needs the package 'distributed'; try: pip install 'voltile[dask]'"
        ) from None
    try:
        client = Client(address, timeout=_DASK_TIMEOUT)
    except (OSError, ValueError) as error:
        raise ProgramError(f"no Dask scheduler answers at {address}: {error}") from None
    with client, client.get_executor() as pool:
        try:
            yield pool
        except BaseException as error:
            pool.shutdown(wait=False)  # what others' workers still run is of no use
            if isinstance(error, KilledWorker):
                raise ProgramError(
                    f"workers of the Dask cluster died again and again: {error}"
                ) from None
            raise
