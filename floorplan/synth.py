"""Logic synthesis: sources to a buffered netlist of library cells, for a clock period."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory

from voltile.core import NetlistError, SynthesisError, TechnologyError
from voltile.core.yosys import run_yosys
from voltile.floorplan.buffering import buffer_high_fanout
from voltile.floorplan.netlist import Netlist, read_yosys_json
from voltile.pdk import CellLibrary, Sequential, SequentialKind, Technology

# Sinks that a signal net may have.
MAX_FANOUT = 24
# Nets that abc builds stay below the limit, so that the later netlist edits have room.
_ABC_FANOUT = 16
# Registers that share an enable before a clock gate pays.
_MIN_GATED = 3

# Mapping for delay: `if -g` balances the logic for depth, `map -B` prices area against delay,
# `buffer`, `upsize` and `dnsize` answer to the period, with the wire load model (-c). abc's default
# script ignores both.
_ABC_SCRIPT = """\
strash
if -g -K 6
strash
dch
map -B 0.9 -D {period}
topo
buffer -c -p -N {fanout}
topo
upsize -c -D {period}
dnsize -c -D {period}
stime -p -c
"""
# Wire load model for the mapping, in row heights of wire per sink: the mean over the placed nets of
# a processor core (bench/wire_load.py), nearly proportional to the fan-out.
_ROWS_PER_SINK = 4.5
# What Yosys says of two drivers; it goes on with one of them.
_CONFLICT = re.compile(r"multiple conflicting drivers for (.+?):\s*\n(.*)")
# A latch that is transparent while the clock is low, and the AND gate behind it: the usual
# behavioural model of a clock gate.
_LATCH_GATE = r"""
module voltile_clock_gate(input clk, input en, output gclk);
  wire q;
  \$_DLATCH_N_ latch(.E(clk), .D(en), .Q(q));
  \$_AND_ gate(.A(clk), .B(q), .Y(gclk));
endmodule
"""


@dataclass(frozen=True)
class Sources:
    """What is synthesised: Verilog or SystemVerilog files, or RTLIL text, and how to read it.

    Attributes
    ----------
    top : str
        Top module; "": the one module that nothing instantiates.
    defines : sequence of str
        Macros, "NAME" or "NAME=VALUE".
    """

    files: Sequence[Path] = ()
    rtlil: str = ""
    top: str = ""
    includes: Sequence[Path] = ()
    defines: Sequence[str] = field(default=("SYNTHESIS",))


def synthesize(sources: Sources, technology: Technology, period: float, folder: Path) -> Netlist:
    """Map sources to library cells at the nominal supply; return the netlist.

    Clock enables and behavioural clock gates become integrated clock-gating cells. No net except
    those of clocks has more than `MAX_FANOUT` sinks.

    Parameters
    ----------
    period : float
        Clock period that the mapping aims for [s]; a longer one gives a smaller, slower netlist.
    folder : Path
        Receives the script and the log of Yosys.

    Raises
    ------
    SynthesisError
        When Yosys refuses the sources, the top is unknown or not clear, or the design is empty.
    NetlistError
        When a net has several drivers, or something cannot be mapped to the library.
    """
    if not period > 0:
        raise SynthesisError(f"clock period must be positive, not {period:g} s")
    missing = [path for path in sources.files if not path.is_file()]
    if missing:
        raise SynthesisError(f"source file {missing[0]} does not exist")
    folder.mkdir(parents=True, exist_ok=True)
    library = technology.library(technology.nominal_vdd)
    # Not in the folder: passes take no path with a space, such as a run folder may have.
    with TemporaryDirectory(prefix="voltile-") as name:
        scratch = Path(name)
        if sources.files and not sources.top:
            sources = replace(sources, top=_find_top(sources, folder, scratch))
        passes = _passes(sources, technology, library, period, scratch)
        log = run_yosys(passes, folder, "synth")
        conflict = _CONFLICT.search(log)
        if conflict is not None:
            raise NetlistError(f"net '{conflict[1]}' has several drivers: {conflict[2].strip()}")
        top = _top_name(scratch / "netlist.json")
        netlist = read_yosys_json(scratch / "netlist.json", top, library)
    if not netlist.cells:
        raise SynthesisError(f"module '{top}' is empty: there is no logic in it")
    return buffer_high_fanout(netlist, technology, MAX_FANOUT)


def _find_top(sources: Sources, folder: Path, scratch: Path) -> str:
    """The module that no other instantiates; "" where there is none."""
    found = scratch / "roots"
    select = f"tee -q -o {found} select -list-mod * =* %C %M %d"
    run_yosys([*_read_passes(sources, scratch), select], folder, "top")
    # A line with a space is a warning.
    roots = sorted(line for line in found.read_text().splitlines() if line and " " not in line)
    if len(roots) > 1:
        raise SynthesisError(
            f"several modules could be the top, name one: {', '.join(roots)} (--top)"
        )
    return "".join(roots)


def _passes(
    sources: Sources, technology: Technology, library: CellLibrary, period: float, scratch: Path
) -> list[str]:
    """All passes from sources to `scratch`/netlist.json; what they read is written to `scratch`."""
    gate_name, gate = _clock_gate(technology, library)
    (scratch / "clock_gate.v").write_text(_LATCH_GATE)
    (scratch / "clock_gate_map.v").write_text(
        "module voltile_clock_gate(input clk, input en, output gclk);\n"
        f"  {gate_name} _TECHMAP_REPLACE_ (.{gate.clock}(clk), .{gate.data}(en), "
        f".{gate.output}(gclk));\nendmodule\n"
    )
    gate_ports = f"{gate.data}:{gate.clock}:{gate.output}"
    top = f"-top {sources.top}" if sources.top else "-auto-top"
    return [
        *_read_passes(sources, scratch),
        f"hierarchy -check {top}",
        f"synth {top} -flatten -extra-map +/choices/kogge-stone.v",
        # The selection keeps the subcircuit search away from the rest of the design: over a whole
        # processor core it takes 40 s and 7 GB, over the latches and their gates milliseconds.
        # The clock wire must be in it, or its two ends do not meet.
        (
            r"select -set gates t:$_DLATCH_N_ %co3:+$_DLATCH_N_[Q]:+$_AND_[A,B] "
            r"t:$_DLATCH_N_ %ci1:+$_DLATCH_N_[E] %u"
        ),
        f"extract -map {scratch / 'clock_gate.v'} @gates",
        f"techmap -map {scratch / 'clock_gate_map.v'}",
        f"clockgate -pos {gate_name} {gate_ports} -min_net_size {_MIN_GATED}",
        *_map_passes(technology, library, period, scratch),
        "setundef -zero",
        (
            f"hilomap -singleton -hicell {' '.join(technology.tie_high)} "
            f"-locell {' '.join(technology.tie_low)}"
        ),
        "opt_clean -purge",
        # Ports that are declared signed make OpenSTA drop the whole bus.
        "setattr -unset signed",
        f"write_json {scratch / 'netlist.json'}",
    ]


def _map_passes(
    technology: Technology, library: CellLibrary, period: float, scratch: Path
) -> list[str]:
    """Map registers and logic to the library."""
    liberty = _with_wire_load(technology, scratch)
    picoseconds = f"{min(max(period * 1e12, 1.0), 1e9):.0f}"  # abc takes no more and no less
    script, limits = scratch / "abc.script", scratch / "abc.constr"
    script.write_text(_ABC_SCRIPT.format(period=picoseconds, fanout=_ABC_FANOUT))
    limits.write_text(_constraints(technology, library))
    avoid = " ".join(f"-dont_use {pattern}" for pattern in technology.dont_use)
    return [
        f"dfflibmap -liberty {liberty} {avoid}",
        "opt -purge",
        # The cache of merged libraries is keyed by file name, and nothing ever empties it.
        "libcache -scl -disable",
        f"abc -liberty {liberty} {avoid} -D {picoseconds} -constr {limits} -script {script}",
    ]


def _read_passes(sources: Sources, scratch: Path) -> list[str]:
    if sources.rtlil:
        (scratch / "source.il").write_text(sources.rtlil)
        return [f"read_rtlil {scratch / 'source.il'}"]
    if not sources.files:
        raise SynthesisError("there is nothing to synthesise: no source file given")
    defines = [f"-D {name}" for name in sources.defines]
    includes = [path.resolve() for path in sources.includes]
    files = [f'"{path.resolve()}"' for path in sources.files]
    if any(path.suffix in (".sv", ".svh") for path in sources.files):
        # In its own command file, unlike on the line of a pass, slang takes a quoted path.
        words = [*defines, *(f'-I "{path}"' for path in includes)]
        words += [f"--top {sources.top}"] if sources.top else []
        (scratch / "slang.f").write_text("\n".join([*words, *files]) + "\n")
        return [f"read_slang -f {scratch / 'slang.f'}"]
    for path in includes:
        if " " in str(path):  # which quotes do not help
            raise SynthesisError(f"Yosys takes no include folder with a space: {path}")
    return [" ".join(["read_verilog -sv", *defines, *(f"-I {path}" for path in includes), *files])]


def _top_name(path: Path) -> str:
    modules = json.loads(path.read_text())["modules"]
    if not modules:
        raise SynthesisError("there is nothing to synthesise: the sources hold no module")
    tops = [name for name, item in modules.items() if int(item["attributes"].get("top", "0"), 2)]
    return str(tops[0] if tops else next(iter(modules)))


def _with_wire_load(technology: Technology, folder: Path) -> Path:
    """Copy the nominal Liberty file with a default wire load model; lengths in micrometres."""
    source = technology.liberty(technology.nominal_vdd)
    text = re.sub(r"^\s*default_wire_load\s*:.*$", "", source.read_text(), flags=re.MULTILINE)
    unit = re.search(r"capacitive_load_unit\s*\(\s*([\d.]+)\s*,\s*\"?(\w)f", text, re.IGNORECASE)
    farad = (
        float(unit.group(1)) * {"p": 1e-12, "f": 1e-15}[unit.group(2).lower()] if unit else 1e-12
    )
    per_sink = _ROWS_PER_SINK * technology.site_height * 1e6
    lengths = "".join(f"fanout_length ({n}, {n * per_sink:.3f});\n" for n in range(1, 25))
    model = (
        '\ndefault_wire_load : "voltile";\nwire_load ("voltile") {\nresistance : 0;\narea : 0;\n'
        f"capacitance : {technology.wire_capacitance * 1e-6 / farad:.6e};\n"
        f"slope : {per_sink:.3f};\n{lengths}}}\n"
    )
    opening = re.search(r"^\s*library\s*\([^)]*\)\s*\{", text, re.MULTILINE)
    body = opening.end() if opening else 0  # a comment before it may hold anything
    target = folder / f"{source.stem}__wire_load.lib"
    target.write_text(text[:body] + model + text[body:])
    return target


def _constraints(technology: Technology, library: CellLibrary) -> str:
    """What abc assumes around the logic: a buffer drives inputs, outputs see four of its kind."""
    buffer = library.cell_index[technology.buffer_cell]
    pin = library.pin_index[buffer, technology.buffer_input]
    load = 4 * float(library.pin_capacitance[pin].max()) * 1e15
    return f"set_driving_cell {technology.buffer_cell}\nset_load {load:.3f}\n"


def _clock_gate(technology: Technology, library: CellLibrary) -> tuple[str, Sequential]:
    """Smallest rising-edge clock gate without a test pin."""
    gates = [
        (float(library.cell_area[cell]), library.cell_name[cell], item)
        for cell, item in library.sequential.items()
        if item.kind == SequentialKind.CLOCK_GATE
        and item.active_high
        and "|" not in item.data
        and not any(fnmatch(library.cell_name[cell], p) for p in technology.dont_use)
    ]
    if not gates:
        raise TechnologyError(f"technology {technology.name} has no clock-gating cell")
    return min(gates, key=lambda gate: gate[:2])[1:]
