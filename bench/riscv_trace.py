"""Input activity of the RISC-V cores while they run a convolution, recorded as a VCD.

    python bench/riscv_trace.py cv32e40p --cycles 2000 --out trace.vcd

The core's RTL runs in closed loop with a memory, so that instruction words, loaded data and
handshakes come in the order and at the pace that the core asks for. The VCD holds the core's input
ports alone, under their own names, from `RESET_CYCLES` of reset on. The clock rises at 5, 15, .. ns
and inputs change 1 ns later; the values just before an edge are those that the core sees at it.
"""

import argparse
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from designs import DESIGNS

from voltile.core import ProgramError, VoltileError, run_program, write_atomically
from voltile.core.yosys import run_yosys

RESET_CYCLES = 4
# Outputs of one pass over the data; then the program starts again.
OUTPUTS = 256
_ACT, _WEIGHT, _RESULT, _MEMORY_END = 0x1000, 0x2000, 0x3000, 0x4000

# Format, opcode, funct3 and funct7 of the instructions in use.
# Ref: The RISC-V Instruction Set Manual, Volume I, "RV32/64G Instruction Set Listings".
_INSTRUCTIONS = {
    "add": ("R", 0x33, 0, 0),
    "mul": ("R", 0x33, 0, 1),
    "addi": ("I", 0x13, 0, 0),
    "slli": ("I", 0x13, 1, 0),
    "srli": ("I", 0x13, 5, 0),
    "andi": ("I", 0x13, 7, 0),
    "lb": ("L", 0x03, 0, 0),
    "lbu": ("L", 0x03, 4, 0),
    "sw": ("S", 0x23, 2, 0),
    "beq": ("B", 0x63, 0, 0),
    "bne": ("B", 0x63, 1, 0),
    "lui": ("U", 0x37, 0, 0),
    "jal": ("J", 0x6F, 0, 0),
}
# Operands in the order in which they are written; L is format I written as "rd, offset(rs1)".
_OPERANDS = {
    "R": ("rd", "rs1", "rs2"),
    "I": ("rd", "rs1", "imm"),
    "L": ("rd", "imm", "rs1"),
    "S": ("rs2", "imm", "rs1"),
    "B": ("rs1", "rs2", "imm"),
    "U": ("rd", "imm"),
    "J": ("rd", "imm"),
}
_IMMEDIATE_BITS = {"R": 1, "I": 12, "L": 12, "S": 12, "B": 13, "U": 20, "J": 21}

# psum = sum over k of act[output + k] * weight[k], stored as a 32-bit word.
_CONVOLUTION = """
start:  lui  x8, {act}
        lui  x9, {result}
        addi x18, x9, {result_bytes}
output: addi x5, x8, 0
        lui  x6, {weight}
        addi x7, x8, {taps}
        addi x10, x0, 0
tap:    lbu  x11, 0(x5)
        lb   x12, 0(x6)
{multiply_add}
        addi x5, x5, 1
        addi x6, x6, 1
        bne  x5, x7, tap
        sw   x10, 0(x9)
        addi x8, x8, 1
        addi x9, x9, 4
        bne  x9, x18, output
        jal  x0, start
"""
_MULTIPLY_ADD = """
        mul  x13, x11, x12
        add  x10, x10, x13
"""
# For a core without a multiplier: one round for each bit up to the highest set bit of the
# activation.
_SHIFT_ADD = """
bit:    andi x13, x11, 1
        beq  x13, x0, even
        add  x10, x10, x12
even:   slli x12, x12, 1
        srli x11, x11, 1
        bne  x11, x0, bit
"""

_TESTBENCH = """\
`timescale 1ns/1ps
module testbench;
{declarations}
  reg [31:0] memory [0:{last_word}];
  {top} core({connections});

  always #5 {clock} = !{clock};

  // Writes those bytes of a word that are enabled, and tells which word it became.
  task store(input [31:0] address, input [31:0] data, input [3:0] enable);
    reg [31:0] mask, word;
    begin
      mask = {{{{8{{enable[3]}}}}, {{8{{enable[2]}}}}, {{8{{enable[1]}}}}, {{8{{enable[0]}}}}}};
      word = (memory[address[31:2]] & ~mask) | (data & mask);
      memory[address[31:2]] = word;
      $display("store %h %h", address, word);
    end
  endtask
{memory_model}
  initial begin
    $readmemh("memory.hex", memory);
    $dumpfile("trace.vcd");
    $dumpvars(0, {dumped});
    // An asynchronous reset needs its edge, after all processes have begun to wait for it.
    #0 {reset} = 0;
    repeat ({reset_cycles}) @(posedge {clock});
    {reset} <= #1 1;
    repeat ({cycles}) @(posedge {clock});
    #4 $finish;
  end
endmodule
"""
# An OBI memory: a request that is granted at a clock edge is answered in the next cycle. Grants
# come ahead of requests, hence from a register, and fail in one cycle of eight, as on a bus that
# others use too; the draws are those of a linear congruential generator.
_OBI_MEMORY = """
  reg [31:0] draw = 1;
  always @(posedge clk_i) begin
    draw = draw * 1664525 + 1013904223;
    instr_gnt_i <= #1 draw[31:29] != 0;
    data_gnt_i <= #1 draw[28:26] != 0;
    instr_rvalid_i <= #1 rst_ni & instr_req_o & instr_gnt_i;
    data_rvalid_i <= #1 rst_ni & data_req_o & data_gnt_i;
    if (rst_ni & instr_req_o & instr_gnt_i)
      instr_rdata_i <= #1 memory[instr_addr_o[31:2]];
    if (rst_ni & data_req_o & data_gnt_i) begin
      if (data_we_o) store(data_addr_o, data_wdata_o, data_be_o);
      else data_rdata_i <= #1 memory[data_addr_o[31:2]];
    end
  end
"""
# A memory on PicoRV32's own interface that answers in the cycle after the request.
_NATIVE_MEMORY = """
  always @(posedge clk) begin
    mem_ready <= #1 resetn & mem_valid & !mem_ready;
    if (resetn & mem_valid & !mem_ready) begin
      if (mem_wstrb != 0) store(mem_addr, mem_wdata, mem_wstrb);
      else mem_rdata <= #1 memory[mem_addr[31:2]];
    end
  end
"""


@dataclass(frozen=True)
class Core:
    """A core as the testbench sees it.

    Attributes
    ----------
    inputs : mapping
        Width and first value of every input port; those that no memory drives keep the value.
    outputs : mapping
        Width of the output ports that the memory looks at.
    taps : int
        Weights of the convolution; fewer where a core is slow.
    """

    clock: str
    reset: str
    inputs: Mapping[str, tuple[int, int]]
    outputs: Mapping[str, int]
    memory_model: str
    multiply_add: str
    taps: int


CORES = {
    "cv32e40p": Core(
        clock="clk_i",
        reset="rst_ni",
        inputs={
            "clk_i": (1, 0),
            "rst_ni": (1, 1),
            "pulp_clock_en_i": (1, 1),
            "scan_cg_en_i": (1, 0),
            "boot_addr_i": (32, 0),
            "mtvec_addr_i": (32, 0x800),
            "dm_halt_addr_i": (32, 0xA00),
            "hart_id_i": (32, 0),
            "dm_exception_addr_i": (32, 0xC00),
            "instr_gnt_i": (1, 0),
            "instr_rvalid_i": (1, 0),
            "instr_rdata_i": (32, 0),
            "data_gnt_i": (1, 0),
            "data_rvalid_i": (1, 0),
            "data_rdata_i": (32, 0),
            "apu_gnt_i": (1, 0),
            "apu_rvalid_i": (1, 0),
            "apu_result_i": (32, 0),
            "apu_flags_i": (5, 0),
            "irq_i": (32, 0),
            "debug_req_i": (1, 0),
            "fetch_enable_i": (1, 1),
        },
        outputs={
            "instr_req_o": 1, "instr_addr_o": 32, "data_req_o": 1, "data_we_o": 1,
            "data_be_o": 4, "data_addr_o": 32, "data_wdata_o": 32,
        },
        memory_model=_OBI_MEMORY,
        multiply_add=_MULTIPLY_ADD,
        taps=9,
    ),
    "picorv32": Core(
        clock="clk",
        reset="resetn",
        inputs={
            "clk": (1, 0),
            "resetn": (1, 1),
            "mem_ready": (1, 0),
            "mem_rdata": (32, 0),
            "pcpi_wr": (1, 0),
            "pcpi_rd": (32, 0),
            "pcpi_wait": (1, 0),
            "pcpi_ready": (1, 0),
            "irq": (32, 0),
        },
        outputs={"mem_valid": 1, "mem_addr": 32, "mem_wdata": 32, "mem_wstrb": 4},
        memory_model=_NATIVE_MEMORY,
        multiply_add=_SHIFT_ADD,
        taps=3,
    ),
}  # fmt: skip


def assemble(source: str) -> list[int]:
    """Translate RISC-V assembly to instruction words, for a program that starts at address 0.

    A line is "[label:] mnemonic operands"; registers are x0 to x31. A branch or jump takes a
    label, `lui` the upper 20 bits.

    Raises
    ------
    ValueError
        When an immediate does not fit its field.
    """
    labels: dict[str, int] = {}
    lines: list[str] = []
    for line in filter(None, map(str.strip, source.splitlines())):
        label, colon, rest = line.rpartition(":")
        if colon:
            labels[label] = 4 * len(lines)
        lines.append(rest)
    return [_encode(line, labels, 4 * index) for index, line in enumerate(lines)]


def _encode(line: str, labels: Mapping[str, int], address: int) -> int:
    mnemonic, *words = re.findall(r"[-\w]+", line)
    form, opcode, funct3, funct7 = _INSTRUCTIONS[mnemonic]
    field = {"rd": 0, "rs1": 0, "rs2": 0, "imm": 0}
    for name, word in zip(_OPERANDS[form], words, strict=True):
        if name != "imm":
            field[name] = int(word.removeprefix("x"))
        else:
            field[name] = labels[word] - address if word in labels else int(word, 0)
    value, bits = field["imm"], _IMMEDIATE_BITS[form]
    if not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise ValueError(f"immediate of '{line.strip()}' must fit {bits} bits: {value}")
    rd, rs1, rs2 = field["rd"] << 7, field["rs1"] << 15, field["rs2"] << 20

    def part(high: int, low: int, at: int) -> int:
        """Bits `high` to `low` of the immediate, moved to bit `at`."""
        return (value >> low & (1 << high - low + 1) - 1) << at

    code = opcode | funct3 << 12
    match form:
        case "R":
            return code | funct7 << 25 | rs2 | rs1 | rd
        case "I" | "L":
            return code | part(11, 0, 20) | rs1 | rd
        case "S":
            return code | part(11, 5, 25) | part(4, 0, 7) | rs2 | rs1
        case "B":
            high = part(12, 12, 31) | part(10, 5, 25)
            return code | high | part(4, 1, 8) | part(11, 11, 7) | rs2 | rs1
        case "U":
            return code | part(19, 0, 12) | rd
        case _:
            high = part(20, 20, 31) | part(10, 1, 21)
            return code | high | part(11, 11, 20) | part(19, 12, 12) | rd


def operands(taps: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw activations as a ReLU leaves them and weights around zero, both of 8 bits.

    Returns
    -------
    act : ndarray of uint8, shape (OUTPUTS + taps - 1,)
    weight : ndarray of int8, shape (taps,)
    """
    rng = np.random.default_rng(1)
    act = np.clip(np.rint(rng.normal(10, 40, OUTPUTS + taps - 1)), 0, 255).astype(np.uint8)
    weight = np.clip(np.rint(rng.normal(0, 40, taps)), -128, 127).astype(np.int8)
    return act, weight


def expected_stores(taps: int) -> list[tuple[int, int]]:
    """Return address and word of each store of one pass of the program, in order."""
    act, weight = operands(taps)
    psum = np.correlate(act.astype(np.int64), weight.astype(np.int64), "valid")
    return [(_RESULT + 4 * index, int(word) & 0xFFFFFFFF) for index, word in enumerate(psum)]


def record_trace(name: str, cycles: int, out: Path) -> int:
    """Run a core for `cycles` after reset, write its input activity to the VCD `out`.

    Returns
    -------
    stores : int
        Results that the program stored; each is what Python computes.

    Raises
    ------
    ProgramError
        When Icarus Verilog is missing, or the core stored nothing or a wrong result.
    SynthesisError
        When the package with the core is not installed.
    """
    core = CORES[name]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        top, verilog = _verilog(name, folder)
        (folder / "memory.hex").write_text(_memory_image(core))
        (folder / "testbench.v").write_text(_testbench(core, top, cycles))
        build = run_program(
            ["iverilog", "-g2005", "-Wportbind", "-s", "testbench", "-o", "testbench.vvp",
             "testbench.v", verilog],
            folder / "iverilog.log", folder,
        )  # fmt: skip
        if dangling := re.findall(r"dangling input port \d+ \((\w+)\)", build):
            raise ProgramError(f"testbench of {name} does not drive its input {dangling[0]}")
        text = run_program(["vvp", "-N", "testbench.vvp"], folder / "vvp.log", folder)
        stores = _check_stores(name, text, core.taps)
        # Without the date, two recordings are the same file.
        vcd = re.sub(r"\$date.*?\$end\n", "", (folder / "trace.vcd").read_text(), flags=re.S)
    out.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(out) as path:
        path.write_text(vcd)
    return stores


def _verilog(name: str, folder: Path) -> tuple[str, Path]:
    """Top module and one file of Verilog: Icarus reads little SystemVerilog."""
    sources = DESIGNS[name]()
    if [path.suffix for path in sources.files] == [".v"]:
        return sources.top, sources.files[0]
    passes = [
        f"read_slang -D SYNTHESIS --top {sources.top} {' '.join(map(str, sources.files))}",
        f"hierarchy -check -top {sources.top}",
        "proc",
        # Verilog has no operator for this cell, a multiplexer for each bit.
        "bwmuxmap",
        f"write_verilog -noattr {folder / 'core.v'}",
    ]
    run_yosys(passes, folder, "convert")
    return sources.top, folder / "core.v"


def _memory_image(core: Core) -> str:
    """Program, activations and weights as `$readmemh` reads them, zeros between."""
    program = _CONVOLUTION.format(
        act=_ACT >> 12, weight=_WEIGHT >> 12, result=_RESULT >> 12, result_bytes=4 * OUTPUTS,
        taps=core.taps, multiply_add=core.multiply_add,
    )  # fmt: skip
    act, weight = operands(core.taps)
    image = np.zeros(_MEMORY_END, np.uint8)
    code = np.array(assemble(program), "<u4").view(np.uint8)
    for start, data in ((0, code), (_ACT, act), (_WEIGHT, weight.view(np.uint8))):
        image[start : start + len(data)] = data
    return "\n".join(f"{word:08x}" for word in image.view("<u4"))


def _testbench(core: Core, top: str, cycles: int) -> str:
    declarations = [
        f"  reg [{width - 1}:0] {name} = {width}'d{value};"
        if width > 1
        else f"  reg {name} = {value};"
        for name, (width, value) in core.inputs.items()
    ] + [f"  wire [{width - 1}:0] {name};" for name, width in core.outputs.items()]
    return _TESTBENCH.format(
        declarations="\n".join(declarations),
        last_word=_MEMORY_END // 4 - 1,
        top=top,
        connections=", ".join(f".{name}({name})" for name in (*core.inputs, *core.outputs)),
        clock=core.clock,
        memory_model=core.memory_model,
        dumped=", ".join(f"core.{name}" for name in core.inputs),
        reset=core.reset,
        reset_cycles=RESET_CYCLES,
        cycles=cycles,
    )  # fmt: skip


def _check_stores(name: str, text: str, taps: int) -> int:
    """Number of stores that the testbench printed; all must be those of the program."""
    found = re.findall(r"^store (\w+) (\w+)$", text, re.MULTILINE)
    if not found:
        raise ProgramError(f"{name} stored no result; more cycles?")
    expected = cycle(f"{address:08x} {word:08x}" for address, word in expected_stores(taps))
    for index, (store, wanted) in enumerate(zip(map(" ".join, found), expected, strict=False)):
        if store != wanted:
            raise ProgramError(f"{name} stored {store} instead of {wanted} as result {index}")
    return len(found)


def main() -> None:
    """Record the input activity of a core that runs a convolution."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("design", choices=CORES)
    parser.add_argument("--cycles", type=int, default=2000, help="clock cycles after reset")
    parser.add_argument("--out", type=Path, default=Path("trace.vcd"))
    given = parser.parse_args()
    try:
        stores = record_trace(given.design, given.cycles, given.out)
    except VoltileError as fault:
        parser.exit(2, f"{fault}\n")
    print(f"{given.out}: {given.cycles} cycles, {stores} results stored, all as computed")


if __name__ == "__main__":
    main()
