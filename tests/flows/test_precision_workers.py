"""Settings evaluated by worker processes: the same files, and nothing left when interrupted."""

import os
import signal
import subprocess
import sys
import time

import digits_case
import numpy as np
import psutil
import pytest

from voltile.core import LayerError
from voltile.flows.precision.evaluation import evaluations
from voltile.flows.precision.inputs import read_precision_inputs
from voltile.flows.precision.multilevel_job import MultilevelConfig, run_multilevel
from voltile.flows.precision.search_job import SearchConfig, run_search
from voltile.flows.search import SearchParameters

pytest.importorskip("onnxruntime")
pytest.importorskip("pymoo")

PARAMETERS = SearchParameters(population=30, evaluations=120, resolution=0.05)
OPTIONS = "--population", "30", "--evaluations", "120", "--resolution", "0.05"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return digits_case.energy_table(tmp_path_factory.mktemp("table"), "scalable")


def files(folder):
    """Content of all files but those that tell of the run itself."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "run.json" and path.parent.name != "stages"
    }


def test_workers_find_the_same_levels(tmp_path):
    for workers in (1, 2):
        run_multilevel(MultilevelConfig("digits", workers=workers), tmp_path / str(workers))
    assert files(tmp_path / "1") == files(tmp_path / "2")


def test_workers_evaluate_every_setting_once_as_one_process_does():
    inputs = read_precision_inputs("digits", None, None, 10, "scalable", True)
    settings = np.random.default_rng(1).integers(0, 3, (40, 6))
    with evaluations(inputs) as one, evaluations(inputs, workers=3) as three:
        expected = one.calibration(settings)
        for some in (slice(1), slice(30), slice(20, 40), slice(40)):
            np.testing.assert_array_equal(three.calibration(settings[some]), expected[some])


def test_a_fault_in_a_worker_is_told_as_in_this_process():
    inputs = read_precision_inputs("digits", None, None, 2, "scalable", True)
    with (
        pytest.raises(LayerError, match=r"precisions in a setting are .*, not 3$"),
        evaluations(inputs, workers=2) as evaluate,
    ):
        evaluate.calibration(np.full((1, 6), 3))


def test_an_interrupted_search_leaves_no_worker_and_goes_on(table, tmp_path, request):
    command = (
        sys.executable, "-c", "from voltile.flows.cli import main; main()", "search", "digits",
        "--energy", table, *OPTIONS, "--workers", "2", "--out", tmp_path / "out",
    )  # fmt: skip
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, env=environment, text=True, start_new_session=True,
        # A shell starts what it runs in the background with SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    stages = tmp_path / "out" / "stages"
    while not list(stages.glob("search-*.npz")):
        assert process.poll() is None
        time.sleep(0.01)
    request.addfinalizer(process.kill)
    workers = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to all of them
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "the same command goes on" in err
    assert len(workers) >= 2
    _, alive = psutil.wait_procs(workers, timeout=2)
    assert [item for item in alive if item.status() != psutil.STATUS_ZOMBIE] == []
    assert not (tmp_path / "out" / "operating_points.csv").exists()
    config = SearchConfig("digits", energy=table, parameters=PARAMETERS)
    run_search(config, tmp_path / "out")
    run_search(config, tmp_path / "whole")
    assert files(tmp_path / "out") == files(tmp_path / "whole")
