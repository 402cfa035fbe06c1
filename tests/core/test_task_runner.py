"""Tasks in real workers: all of them are done, also when a worker dies on the way."""

import os
import signal
import time
from concurrent.futures import Executor, Future

import pytest

from voltile.core import executor, run_tasks

# Ends the worker that runs it first.
DIE_ONCE = """
import os
if {number} == 3 and not os.path.exists({marker!r}):
    open({marker!r}, "w").close()
    os._exit(9)
open({result!r}, "a").close()
"""


def test_killed_process_is_replaced_by_another(tmp_path):
    tasks = {
        str(number): DIE_ONCE.format(
            number=number, marker=str(tmp_path / "marker"), result=str(tmp_path / str(number))
        )
        for number in range(6)
    }
    ended = []
    take = lambda name, result: ended.append(name)  # noqa: E731
    run_tasks(lambda: executor(2), tasks, exec, take, lambda name: True)
    assert sorted(ended) == sorted(tasks)
    assert {path.name for path in tmp_path.iterdir()} == {*tasks, "marker"}


class FirstEnds(Executor):
    """Ends its first task, and leaves the others waiting."""

    def __init__(self):
        self.futures = []

    def submit(self, work, *args):
        self.futures.append(Future())
        if len(self.futures) == 1:
            self.futures[0].set_result(work(*args))
        return self.futures[-1]


def test_interrupt_leaves_waiting_tasks_to_the_pool():
    """A pool of Python 3.11 whose workers end can fail on cancelled tasks, and then never ends."""
    pool = FirstEnds()

    def take(name, result):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_tasks(lambda: pool, {"1": 1, "2": 2, "3": 3}, float, take, lambda name: True)
    assert [future.cancelled() for future in pool.futures] == [False] * 3


def test_interrupt_stops_what_a_dask_cluster_has_not_begun(two_dask_workers, tmp_path):
    def take(name, result):
        raise KeyboardInterrupt

    paths = {str(number): str(tmp_path / str(number)) for number in range(60)}
    tasks = {name: f"__import__('time').sleep(0.1); open({path!r}, 'a')"
             for name, path in paths.items()}  # fmt: skip
    address = two_dask_workers.scheduler_address
    with pytest.raises(KeyboardInterrupt):
        run_tasks(lambda: executor(dask=address), tasks, exec, take, lambda name: True)
    time.sleep(1)
    begun = len(list(tmp_path.iterdir()))
    time.sleep(1)
    assert 1 <= len(list(tmp_path.iterdir())) == begun < len(tasks)


def test_dask_cluster_gives_the_same(two_dask_workers):
    found = {}
    tasks = {str(number): number for number in range(100)}
    address = two_dask_workers.scheduler_address
    run_tasks(lambda: executor(dask=address), tasks, float, found.__setitem__, lambda name: True)
    assert found == {str(number): float(number) for number in range(100)}


def test_work_of_a_dask_worker_that_dies_is_done_by_the_others(two_dask_workers):
    found, tasks = {}, {str(number): f"__import__('time').sleep(0.02) or {number}"
                        for number in range(60)}  # fmt: skip
    workers = [nanny.pid for nanny in two_dask_workers.workers.values()]

    def take(name, result):
        if not found:
            os.kill(workers[0], signal.SIGKILL)
        found[name] = result

    address = two_dask_workers.scheduler_address
    run_tasks(lambda: executor(dask=address), tasks, eval, take, lambda name: True)
    assert found == {str(number): number for number in range(60)}
    assert workers[0] not in [nanny.pid for nanny in two_dask_workers.workers.values()]
