"""The generated Verilog of Accelerator against the golden model, under Icarus."""

import pytest
from verilog_build import Bench, require_simulator

from voltile.hdl import PROCESSING_ELEMENTS, Accelerator


def build(pe, size, folder, simulator="icarus", rows=4, cols=4):
    require_simulator(simulator)
    environment = {"ACCELERATOR_ROWS": str(rows), "ACCELERATOR_COLS": str(cols),
                   "ACCELERATOR_BYTES": str(size), "ACCELERATOR_PE": pe}  # fmt: skip
    component = Accelerator(rows, cols, PROCESSING_ELEMENTS[pe](), size, size, size)
    return Bench(component, "accelerator", "accelerator_bench", folder, environment, simulator)


@pytest.fixture(scope="module", params=PROCESSING_ELEMENTS)
def bench(request, tmp_path_factory):
    return build(request.param, 4096, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("test", ["random_layers", "jobs_overlap_and_streams_pause"])
def test_layers(bench, test):
    bench.run(test, ACCELERATOR_COUNT="10")


def test_one_list_of_weights(bench):
    bench.run("one_list_of_weights_serves_every_precision", ACCELERATOR_COUNT="1")


@pytest.mark.parametrize(
    "test",
    [
        "reset_in_the_middle_of_a_job",
        "bad_descriptors_end_with_a_status",
        "a_stream_that_stands_still_ends_with_a_status",
        "too_many_jobs_end_with_a_status",
        "registers_keep_what_was_written",
    ],
)
def test_control(bench, test):
    bench.run(test)


@pytest.mark.slow
def test_two_hundred_layers_take_the_cycles_of_the_model(tmp_path):
    bench = build("scalable", 8192, tmp_path, "verilator")
    bench.run("random_layers", ACCELERATOR_COUNT="200")


@pytest.mark.parametrize(
    ("test", "count"),
    [("random_layers", "6"), ("one_list_of_weights_serves_every_precision", "0")],
)
@pytest.mark.parametrize(("pe", "rows", "cols"), [("spatial", 2, 6), ("dual", 6, 2)])
def test_other_sizes(pe, rows, cols, test, count, tmp_path):
    """Rows and columns that are no powers of two; buffers whose depth is none."""
    build(pe, 2880, tmp_path, rows=rows, cols=cols).run(test, ACCELERATOR_COUNT=count)
