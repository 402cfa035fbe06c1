"""Pytest side of the cocotb benches: write Verilog, build it, run a test on it."""

import shutil
from pathlib import Path

import pytest

from voltile.hdl import write_verilog


def require_simulator() -> None:
    """Skip, naming what is missing, where a bench cannot run."""
    find_libpython = pytest.importorskip("find_libpython")
    pytest.importorskip("cocotb")
    if shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed")
    if find_libpython.find_libpython() is None:
        pytest.skip("libpython is not installed")


class Bench:
    """A component's Verilog under Icarus, built once, on which cocotb tests run one by one."""

    def __init__(self, component, name: str, module: str, folder: Path, environment: dict):
        from cocotb_tools.runner import get_runner

        self.name = name
        self.module = module
        self.folder = folder
        self.environment = environment
        source = folder / f"{name}.v"
        write_verilog(component, name, source)
        self.runner = get_runner("icarus")
        self.runner.build(
            sources=[source], hdl_toplevel=name, build_dir=folder, build_args=["-g2005", "-Wall"],
            timescale=("1ns", "1ps"), log_file=folder / "build.log",
        )  # fmt: skip

    def run(self, test: str, **environment: str) -> None:
        """Run one cocotb test; fail with its log."""
        from cocotb_tools.runner import get_results

        log = self.folder / f"{test}.log"
        report = self.folder / f"{test}.xml"
        try:
            self.runner.test(
                hdl_toplevel=self.name, test_module=self.module, testcase=test,
                build_dir=self.folder, test_dir=self.folder, results_xml=str(report),
                log_file=log, extra_env=self.environment | environment,
            )  # fmt: skip
        except SystemExit:  # how the runner reports a failed test
            pytest.fail(log.read_text(), pytrace=False)
        assert get_results(report) == (1, 0), log.read_text()
