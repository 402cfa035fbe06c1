"""The pool: work in other processes, and nothing left behind, however it ends."""

import os
import signal
import struct
import subprocess
import sys
import time

import psutil
import pytest

from voltile.core import PlacementInfeasible, ProgramError, executor

HEAD = "import os, sys\nfrom pathlib import Path\nfrom voltile.core import executor, run_program\n"
# Both workers say who they are, and run a program that sleeps.
SLEEP = """
def nap():
    os.write(1, b"%d\\n" % os.getpid())
    run_program(["sleep", "60"], Path(f"log{os.getpid()}"))

if __name__ == "__main__":
    try:
        with executor(2) as pool:
            jobs = [pool.submit(nap) for _ in range(2)]
            jobs[0].result()
    except KeyboardInterrupt:
        sys.exit("interrupted")
"""


def infeasible():
    raise PlacementInfeasible("too many tiles", 9)


def send_half_a_result():
    """Send the start of a message of 100 bytes, as a worker that is killed while it sends."""
    frame = sys._getframe()
    while frame.f_code.co_name != "_process_worker":
        frame = frame.f_back
    os.write(frame.f_locals["result_queue"]._writer.fileno(), struct.pack("!i", 100) + b"half")
    time.sleep(60)


@pytest.fixture
def sleeping(tmp_path):
    """A script whose pool is at work, in a process group of its own; workers and what they run."""
    script = tmp_path / "script.py"
    script.write_text(HEAD + SLEEP)
    process = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, cwd=tmp_path,
        # A shell starts what it runs in the background with SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    workers = [psutil.Process(int(process.stdout.readline())) for _ in range(2)]
    while len(programs := [child for item in workers for child in item.children()]) < 2:
        time.sleep(0.01)
    yield process, [*workers, *programs]
    process.kill()
    process.communicate()


def is_gone(processes):
    """Whether all end within a few seconds; whoever inherits them may not have noticed."""
    _, alive = psutil.wait_procs(processes, timeout=5)
    return not [item for item in alive if item.status() != psutil.STATUS_ZOMBIE]


def test_work_runs_in_other_processes():
    with executor(2) as pool:
        numbers = list(pool.map(pow, range(5), [2] * 5))
        processes = {pool.submit(os.getpid).result() for _ in range(3)}
    assert numbers == [0, 1, 4, 9, 16]
    assert os.getpid() not in processes


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs sched_getaffinity")
def test_there_is_a_worker_per_core_by_default():
    with executor() as pool:
        assert pool._max_workers == len(os.sched_getaffinity(0))


def test_a_result_that_is_cut_off_does_not_hold_up_the_end():
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), executor(1) as pool:
        job = pool.submit(send_half_a_result)
        while not job.running():
            time.sleep(0.01)
        time.sleep(2)  # the worker has started, and sent its half
        raise KeyboardInterrupt
    assert time.monotonic() - start < 30


def test_an_error_comes_back_as_it_was_and_ends_the_other_work():
    start = time.monotonic()
    with pytest.raises(PlacementInfeasible, match="^too many tiles$") as fault, executor(2) as pool:
        pool.submit(time.sleep, 60)
        pool.submit(infeasible).result()
    assert fault.value.tiles == 9
    assert time.monotonic() - start < 30


def test_a_worker_that_dies_is_one_clear_error():
    with pytest.raises(ProgramError, match="^a worker process ended without a result"):
        with executor(1) as pool:
            pool.submit(os._exit, 1).result()


def test_a_script_that_workers_cannot_import_says_what_it_lacks(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(HEAD + "with executor(1) as pool: pool.submit(os.getpid).result()\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert done.returncode
    assert done.stderr.strip().splitlines()[-1].endswith("lacks: if __name__ == '__main__'")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_a_parent_that_is_killed(number, sleeping):
    process, workers = sleeping
    helpers = psutil.Process(process.pid).children(recursive=True)
    assert {worker.pid for worker in workers} < {helper.pid for helper in helpers}
    process.send_signal(number)
    assert is_gone(helpers)


def test_interrupt_from_the_terminal_ends_all_at_once_and_only_the_parent_speaks(sleeping):
    process, workers = sleeping
    start = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - start < 2
    assert errors == "interrupted\n"
    assert is_gone(workers)
