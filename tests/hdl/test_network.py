"""The keyword-spotting network on the generated Verilog, under Verilator."""

import pytest
from network_case import NetworkCase, precision_settings
from verilog_build import Bench, require_simulator

from voltile.hdl import PROCESSING_ELEMENTS, Accelerator
from voltile.sim import SCALABLE, FixedPointNetwork, read_onnx


@pytest.mark.slow
def test_keyword_spotting_matches_the_golden_model_at_every_precision(keyword_spotting, tmp_path):
    require_simulator("verilator")
    model, inputs, _ = keyword_spotting
    network = FixedPointNetwork.quantised(read_onnx(model), inputs[:20], SCALABLE)
    runs = [(inputs[0], precisions) for precisions in precision_settings(network)]
    file = NetworkCase(network, runs).write(tmp_path / "network.pickle")
    component = Accelerator(8, 8, PROCESSING_ELEMENTS["scalable"]())
    bench = Bench(component, "accelerator", "network_bench", tmp_path, {"NETWORK_FILE": str(file)},
                  "verilator")  # fmt: skip
    bench.run("network")
