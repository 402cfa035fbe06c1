"""Runs independent tasks whose results are kept in files, so that a killed job can go on.

Every result has a key, the hash of all that it depends on, and a checksum of its own. A file with
the right key is the result; any other, or a damaged one, is made again.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, TypeVar

from voltile.core import ProgramError, VoltileError, write_atomically

# Makes an executor.
Pools = Callable[[], AbstractContextManager[Executor]]

# Tasks handed to the executor at a time, and how many pools may break before the job gives up.
_IN_FLIGHT, _POOLS = 64, 3

# What a file holds; those of earlier versions have no checksum.
_FRAME = re.compile(r'\{"key":"(\w+)"(?:,"sha256":"(\w+)")?,"result":(.*)\}\n', re.DOTALL)

_Task = TypeVar("_Task")
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


def run_tasks(
    pools: Pools,
    tasks: Mapping[str, _Task],
    work: Callable[[_Task], Any],
    take: Callable[[str, Any], None],
    is_wanted: Callable[[str], bool],
) -> None:
    """Do all tasks in their order, as many at a time as the executor can.

    Parameters
    ----------
    work : callable
        Does a task in a worker.
    take : callable
        Takes the name of a task and what `work` returned, in the order in which they end.
    is_wanted : callable
        Asked for each task before it starts.

    Raises
    ------
    ProgramError
        When workers die again and again.
    """
    left = dict(tasks)
    for _ in range(_POOLS):
        if left:
            with pools() as pool, suppress(BrokenExecutor):
                _drain(pool, left, work, take, is_wanted)
    if left:
        raise ProgramError(
            f"worker processes died {_POOLS} times, the last time with {len(left)} tasks left, "
            f"'{next(iter(left))}' first: is there enough memory? What is finished is kept"
        )


def _drain(
    pool: Executor,
    left: dict[str, _Task],
    work: Callable[[_Task], Any],
    take: Callable[[str, Any], None],
    is_wanted: Callable[[str], bool],
) -> None:
    waiting = iter(list(left))
    pending: dict[Future[Any], str] = {}
    try:
        while True:
            for name in waiting:
                if is_wanted(name):
                    pending[pool.submit(work, left[name])] = name
                else:
                    del left[name]
                if len(pending) >= _IN_FLIGHT:
                    break
            if not pending:
                return
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                name = pending[future]
                take(name, future.result())
                del left[name], pending[future]
    except BrokenExecutor:
        for future, name in pending.items():  # what ended before the others died counts
            if future.done() and future.exception() is None:
                take(name, future.result())
                del left[name]
        raise
    finally:
        for future in pending:
            future.cancel()
