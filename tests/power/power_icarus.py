"""Runs a netlist in Icarus and gives the settled value of every net, twice a cycle."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from voltile.floorplan.clocks import trace_clocks
from voltile.floorplan.netlist import write_verilog

BENCH = """`timescale 1ns/1ps
module bench;
  reg clk;
  reg [{width}:0] data;
  reg [{width}:0] rows [0:{last}];
  integer cycle, file;
  top dut ({ports});
  wire [{nets}:0] all = {{{names}}};
  initial begin
    $readmemb("{folder}/rows.txt", rows);
    file = $fopen("{folder}/settled.txt", "w");
    clk = 0; data = rows[0]; #5;
    $fdisplay(file, "%b", all); $fdisplay(file, "%b", all);
    for (cycle = 1; cycle <= {last}; cycle = cycle + 1) begin
      clk = 1; #1 data = rows[cycle]; #4 $fdisplay(file, "%b", all);
      clk = 0; #5 $fdisplay(file, "%b", all);
    end
    $fclose(file);
    $finish;
  end
endmodule
"""


def require_icarus():
    if shutil.which("iverilog") is None:
        pytest.skip("needs iverilog")


def stimulus_bits(stimulus):
    """The values of a stimulus, shape (cycles, lanes, ports)."""
    cycles = [
        np.unpackbits(words.astype("<u8").view(np.uint8), axis=1, bitorder="little")
        for words in stimulus.blocks()
    ]
    return np.array(cycles)[:, :, : stimulus.lanes].transpose(0, 2, 1)


def run_icarus(netlist, models, stimulus, folder, lane=0):
    """Settled values of one lane: ndarray of bool, shape (cycles, phases, nets).

    Cycle 0 has no rising edge; both its phases are the state before the first one.
    """
    require_icarus()
    clocks = trace_clocks(netlist)
    (root,) = set(clocks.net_root.tolist()) - {-1}
    plain = replace(
        netlist,
        name="top",
        cell_name=tuple(f"u{k}" for k in range(netlist.cells)),
        net_name=tuple(f"n{k}" for k in range(netlist.nets)),
        port_name=tuple(f"p{k}" for k in range(len(netlist.port_name))),
    )
    write_verilog(plain, folder / "netlist.v")
    carried = {}
    for is_input in (True, False):
        for name, net, kind in zip(
            plain.port_name, plain.port_net, plain.port_is_input, strict=True
        ):
            if kind == is_input:
                carried.setdefault(int(net), name)
    names = [f"dut.{carried.get(net, f'n{net}')}" for net in range(netlist.nets)]
    place = {port: k for k, port in enumerate(stimulus.ports)}
    width = len(place)
    joined = []
    for name, port, net, is_input in zip(
        plain.port_name, netlist.port_name, netlist.port_net, netlist.port_is_input, strict=True
    ):
        if is_input:
            joined.append(f".{name}(" + ("clk" if net == root else f"data[{place[port]}]") + ")")
    bits = stimulus_bits(stimulus)[:, lane]
    rows = ["".join(str(bit) for bit in row[::-1]) or "0" for row in bits]
    (folder / "rows.txt").write_text("\n".join(rows) + "\n")
    (folder / "models.v").write_text(models)
    (folder / "bench.v").write_text(
        BENCH.format(
            width=max(width, 1) - 1, last=stimulus.cycles - 1, ports=", ".join(joined),
            nets=netlist.nets - 1, names=", ".join(names[::-1]), folder=folder,
        )
    )  # fmt: skip
    files = [folder / name for name in ("bench.v", "netlist.v", "models.v")]
    subprocess.run(["iverilog", "-g2012", "-o", folder / "bench.vvp", *files], check=True)
    subprocess.run(["vvp", "-n", folder / "bench.vvp"], check=True, stdout=subprocess.DEVNULL)
    lines = (folder / "settled.txt").read_text().split()
    values = np.array([list(line[::-1]) for line in lines])
    loose = (netlist.net_driver < 0) & (netlist.fanout == 0)
    values[:, loose & (values == "z").all(axis=0)] = "0"  # neither driven nor used
    assert np.isin(values, ["0", "1"]).all(), "unknown values in Icarus"
    return (values == "1").reshape(stimulus.cycles, 2, netlist.nets)


def count_activity(settled, warmup):
    """Static probability and toggle rate of each net from settled values."""
    counted = settled[warmup:]
    before = settled[warmup - 1, 1]
    states = np.concatenate([before[None], counted.reshape(-1, settled.shape[2])])
    toggles = np.count_nonzero(states[1:] != states[:-1], axis=0)
    return counted.mean(axis=(0, 1)), toggles / len(counted)
