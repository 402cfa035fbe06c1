"""Runs independent tasks through an executor, and goes on when workers die."""

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import AbstractContextManager, suppress
from typing import Any, TypeVar

from voltile.core.errors import ProgramError

Pools = Callable[[], AbstractContextManager[Executor]]
"""Makes an executor."""

# Tasks handed to the executor at a time, and how many pools may break before the job gives up.
_IN_FLIGHT, _POOLS = 64, 3

_Task = TypeVar("_Task")


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
