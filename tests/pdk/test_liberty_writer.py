"""Liberty files of measured cells: what our reader, OpenSTA and Yosys find in them."""

import re
from dataclasses import replace
from pathlib import Path

import measured_cells as made
import numpy as np
import pytest
from measured_cells import (
    CELLS,
    CHECK_SLEWS,
    DFF,
    DFFR,
    FALLING_GATE,
    GATE,
    GATES,
    HALF_ADDER,
    INV,
    LATCH,
    LOADS,
    NAND2,
    SLEWS,
    TESTED_GATE,
    TIE,
    XOR2,
    measure,
)

from voltile.core import TechnologyError, run_program
from voltile.core.yosys import run_yosys
from voltile.floorplan import (
    Constraints,
    Sources,
    Timer,
    Wires,
    build_timing_graph,
    opensta_worst_slack,
    synthesize,
)
from voltile.pdk import (
    ArcType,
    Direction,
    Sense,
    read_cell_library,
    read_liberty,
    read_technology,
)
from voltile.pdk.characterization.liberty_writer import Conditions, MeasuredCell, liberty_text

VDD, BIAS = 0.85, "pb1"
# Five significant digits.
DIGITS = 5.1e-5
BLOCKS = Path(__file__).parents[1] / "power" / "blocks.v"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("written") / "made.lib"
    path.write_text(made.library_text(VDD, BIAS, "ff_100C"))
    return path


@pytest.fixture(scope="module")
def library(path):
    return read_cell_library(path)


def close(value):
    return pytest.approx(value, rel=DIGITS)


def pin(library, cell, name):
    return library.pin_index[library.cell_index[cell.name], name]


# Our reader.


def test_library_says_what_it_is(path, library):
    assert (library.name, library.vdd, library.temperature) == ("made_pb1_ss_125C_0v85", VDD, 125)
    assert library.cell_name == tuple(cell.name for cell in CELLS)
    text = path.read_text()
    assert text.index("Simulator: a formula.") < text.index("*/") < text.index("library (made")
    for word in ("Transistor models: none", "ff_100C", "0.850 V", "pb1"):
        assert word in text[: text.index("*/")]
    tree = read_liberty(path)
    assert tree.attributes["leakage_corner"] == "ff_100C"
    assert tree.attributes["default_operating_conditions"] == "ss_125C"
    (conditions,) = tree.of_kind("operating_conditions")
    assert conditions.label == "ss_125C" and conditions.number("temperature") == 125
    for edge in ("rise", "fall"):
        assert tree.number(f"slew_lower_threshold_pct_{edge}") == 20
        assert tree.number(f"slew_upper_threshold_pct_{edge}") == 80
        assert tree.number(f"input_threshold_pct_{edge}") == 50
        assert tree.number(f"output_threshold_pct_{edge}") == 50


def test_names_differ_by_technology_bias_corner_and_supply():
    def name(**changes):
        base = Conditions("a", "pb0", "ss_100C", 100.0, 1.0, "ff_100C", "")
        return replace(base, **changes).library_name

    assert name() == "a_pb0_ss_100C_1v00"
    assert name(vdd=0.825) == "a_pb0_ss_100C_0v825"
    assert name(bias="pb3", technology="b", timing_corner="tt_25C") == "b_pb3_tt_25C_1v00"


def test_pins_and_areas(library):
    for at, cell in enumerate(CELLS):
        assert library.cell_area[at] == close(made.area_of(cell))
        assert library.inputs_of(at) == cell.inputs
        for name in cell.inputs:
            expected = [made.capacitance(cell, name, edge) for edge in ("rise", "fall")]
            assert library.pin_capacitance[pin(library, cell, name)] == close(expected)
            clocked = cell.storage is not None and name == cell.storage.clock
            assert library.pin_is_clock[pin(library, cell, name)] == clocked
        for name, function in cell.functions.items():
            row = pin(library, cell, name)
            assert library.pin_direction[row] == Direction.OUTPUT
            assert library.pin_function[row] == ("" if cell in GATES else function)
            assert library.pin_max_capacitance[row] == (np.inf if cell is TIE else close(LOADS[-1]))


def test_storage(library):
    """What was put in comes out, names included; of a clock gate's bit the name is not read."""
    found = {library.cell_name[at]: item for at, item in library.sequential.items()}
    expected = {cell.name: cell.storage for cell in CELLS if cell.storage}
    expected[TESTED_GATE.name] = replace(TESTED_GATE.storage, data="E|TE")
    expected[FALLING_GATE.name] = replace(FALLING_GATE.storage, state="IQ")
    assert found == expected


def test_clock_gates_as_state_tables(path):
    """Clock, enables, bit before and after: held while the clock is at its active level."""
    cells = {cell.label: cell for cell in read_liberty(path).of_kind("cell")}
    for gate, kind, table in (
        (GATE, "latch_posedge", {"L L : - : L", "L H : - : H", "H - : - : N"}),
        (TESTED_GATE, "latch_posedge_precontrol",
         {"L L L : - : L", "L H L : - : H", "L L H : - : H", "L H H : - : H", "H - - : - : N"}),
        (FALLING_GATE, "latch_negedge", {"H L : - : L", "H H : - : H", "L - : - : N"}),
    ):  # fmt: skip
        cell = cells[gate.name]
        assert cell.attributes["clock_gating_integrated_cell"] == kind
        (states,) = cell.of_kind("statetable")
        assert states.arguments.split(",")[1].strip(' "') == gate.storage.state
        assert {row.strip() for row in states.attributes["table"].split(",")} == table
        output = next(pin for pin in cell.of_kind("pin") if pin.label == "GCK")
        assert output.attributes["state_function"] == gate.functions["GCK"]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_arcs(library, cell):
    """Every arc that was put in is there once, with its tables; and no other."""
    number = library.cell_index[cell.name]
    left = {arc for arc in np.flatnonzero(library.arc_cell == number)
            if not ArcType(library.arc_type[arc]).is_check}  # fmt: skip
    for related, output, when, kind, edges in made.ARCS[cell.name]:
        (arc,) = [
            arc for arc in left
            if library.arc_from[arc] == pin(library, cell, related)
            and library.arc_to[arc] == pin(library, cell, output)
            and library.arc_when[arc] == when
        ]  # fmt: skip
        left.remove(arc)
        assert ArcType(library.arc_type[arc]).name.lower() == kind
        senses = {start == end for start, end in edges}
        one = senses.pop() if len(senses) == 1 else None
        expected = {True: Sense.POSITIVE, False: Sense.NEGATIVE, None: Sense.NON_UNATE}[one]
        assert library.arc_sense[arc] == expected
        assert (library.arc_table[arc] >= 0).sum() == 2 * len(edges)
        for start, end in edges:
            key = (cell.name, related, output, str(start), str(end), when)
            for place, formula in enumerate((made.delay, made.transition)):
                table = library.arc_table[arc, int(end == "fall"), place]
                expected = [[formula(key, VDD, BIAS, s, load) for load in LOADS] for s in SLEWS]
                assert library.tables.values[table] == close(np.array(expected))
                assert library.tables.slew_axis[table] == close(np.array(SLEWS))
                assert library.tables.load_axis[table] == close(np.array(LOADS))
    assert not left


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_checks(library, cell):
    number = library.cell_index[cell.name]
    rows = [arc for arc in np.flatnonzero(library.arc_cell == number)
            if ArcType(library.arc_type[arc]).is_check]  # fmt: skip
    put_in = [item for item in made.CHECKS.get(cell.name, ()) if item[2] != "removal_rising"]
    assert len(rows) == len(put_in)  # removal is not read
    for name, clock, kind, edges in put_in:
        (row,) = [
            row for row in rows
            if library.arc_to[row] == pin(library, cell, name)
            and library.arc_from[row] == pin(library, cell, clock)
            and library.arc_type[row] == ArcType[kind.upper()]
        ]  # fmt: skip
        for at, edge in enumerate(("rise", "fall")):
            table = library.arc_table[row, at, 0]
            if edge not in edges:
                assert table == -1
                continue
            key = (cell.name, name, kind, edge)
            # One axis may be longer in other tables: only this one's size counts.
            values = library.tables.values[table, :2, :2]
            expected = [[made.check(key, VDD, BIAS, first, second) for second in CHECK_SLEWS]
                        for first in CHECK_SLEWS]  # fmt: skip
            assert library.tables.size[table].tolist() == [2, 2]
            assert values == close(np.array(expected))


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_energies(library, cell):
    number = library.cell_index[cell.name]
    found = {
        (library.pin_name[library.power_pin[row]],
         library.pin_name[library.power_related[row]] if library.power_related[row] >= 0 else "",
         library.power_when[row]): library.power_table[row]
        for row in np.flatnonzero(library.power_cell == number)
    }  # fmt: skip
    for related, output, when, _, edges in made.ARCS[cell.name]:
        tables = found.pop((output, related, when))
        assert (tables >= 0).sum() == len(edges)
        for start, end in edges:
            key = (cell.name, related, output, str(start), str(end), when)
            expected = [[made.energy(key, VDD, slew, load) for load in LOADS] for slew in SLEWS]
            values = library.tables.values[tables[int(end == "fall")]]
            assert values == close(np.array(expected))
    if cell.storage is not None:
        for name in cell.inputs:
            tables = found.pop((name, "", ""))
            for at, edge in enumerate(("rise", "fall")):
                key = (cell.name, name, edge)
                expected = [made.pin_energy(key, VDD, slew) for slew in SLEWS]
                assert library.tables.values[tables[at], :, 0] == close(np.array(expected))
    assert not found


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_leakage(library, cell):
    number = library.cell_index[cell.name]
    rows = np.flatnonzero(library.leakage_cell == number)
    found = {library.leakage_when[row]: library.leakage_value[row] for row in rows}
    measured = {state: made.leakage(cell, state, "ff_100C", VDD, BIAS)
                for state in made.states(cell)}  # fmt: skip
    assert library.cell_leakage[number] == close(sum(measured.values()) / len(measured))
    assert len(rows) == len(found) == (0 if cell is TIE else len(measured))
    for when, value in found.items():
        level = {word.lstrip("!"): "01"[not word.startswith("!")] for word in when.split("&")}
        state = "".join(level[name] for name in cell.inputs)
        if cell in (DFF, DFFR, LATCH):
            state += level["Q"]
        elif cell.storage is not None:
            # An idle clock hides the stored bit, but the open latch shows it at its data.
            hidden, rest = max(level["E"], level.get("TE", "0")), "01"[cell is FALLING_GATE]
            moved = "01"[level["GCK"] != rest]
            state += hidden if level["CK"] == rest else moved
            assert level["CK"] != rest or moved == "0"
        assert value == close(measured[state])


def test_comment_cannot_be_ended_by_the_provenance(tmp_path):
    conditions = Conditions("a", BIAS, "ss_125C", 125.0, VDD, "ss_125C", "see */ cell (x) {")
    path = tmp_path / "a.lib"
    path.write_text(liberty_text(conditions, [MeasuredCell(INV, 1e-12, measure(INV, VDD, BIAS))]))
    assert read_cell_library(path).cell_name == ("INV_X1",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vdd": 0.9}, "cell 'NAND2_X1' is measured for pb1 at 0.850 V, not for pb1 at 0.900 V"),
        ({"bias": "pb2"}, "cell 'NAND2_X1' is measured for pb1 at 0.850 V, not for pb2 at 0.850 V"),
        ({"leakage_corner": "tt_25C"},
         "cell 'NAND2_X1' has no leakage at corner tt_25C; measured are ss_125C, ff_100C"),
    ],
)  # fmt: skip
def test_liberty_text_rejects(change, message):
    conditions = Conditions("a", BIAS, "ss_125C", 125.0, VDD, "ss_125C", "")
    cell = MeasuredCell(NAND2, 1e-12, measure(NAND2, VDD, BIAS))
    with pytest.raises(TechnologyError) as fault:
        liberty_text(replace(conditions, **change), [cell])
    assert str(fault.value) == message


def test_liberty_text_rejects_a_pin_that_is_not_measured():
    conditions = Conditions("a", BIAS, "ss_125C", 125.0, VDD, "ss_125C", "")
    measured = measure(NAND2, VDD, BIAS)
    cell = MeasuredCell(NAND2, 1e-12, replace(measured, pins=measured.pins[:1]))
    with pytest.raises(TechnologyError, match="^cell 'NAND2_X1': pin 'B' is not measured$"):
        liberty_text(conditions, [cell])


# OpenSTA.

_NETLIST = """module top(input a, b, ck, rn, e, output y0, y1, y2, y3, y4, y5, gck);
  INV_X1 u0(.A(a), .Y(y0));
  XOR2_X1 u1(.A(a), .B(b), .Y(y1));
  HA_X1 u2(.A(a), .B(b), .S(y2), .CO(y3));
  DFFR_X1 u3(.D(a), .CK(ck), .RN(rn), .Q(y4));
  LATCH_X1 u4(.D(a), .G(ck), .Q(y5));
  ICG_X1 u5(.CK(ck), .E(e), .GCK(gck));
endmodule
"""
# Instance, cell, and the arcs asked for.
_ASKED = [
    ("u0", INV, "A", "Y"), ("u1", XOR2, "A", "Y"), ("u2", HALF_ADDER, "B", "S"),
    ("u2", HALF_ADDER, "B", "CO"), ("u3", DFFR, "RN", "Q"), ("u4", LATCH, "D", "Q"),
]  # fmt: skip
_EDGE = {"^": "rise", "v": "fall"}


def test_opensta_calculates_the_same_delays(opensta, path, tmp_path):
    slew, load = SLEWS[1], LOADS[1]
    (tmp_path / "top.v").write_text(_NETLIST)
    script = [
        f"read_liberty {path}", f"read_verilog {tmp_path / 'top.v'}", "link_design top",
        "set_cmd_units -time ns -capacitance pF",
        "create_clock -name ck -period 1 [get_ports ck]",
        f"set_clock_transition {CHECK_SLEWS[0] * 1e9} [get_clocks ck]",
        f"set_input_transition {slew * 1e9} [get_ports {{a b rn e}}]",
        f"set_load {load * 1e12} [all_outputs]",
        *(f"report_dcalc -from {at}/{start} -to {at}/{end} -digits 7"
          for at, _, start, end in _ASKED),
        "report_dcalc -from u3/CK -to u3/D -digits 7",
        "report_dcalc -from u3/CK -to u3/Q -digits 7",
        "report_check_types -min_pulse_width -verbose -digits 6",
    ]  # fmt: skip
    (tmp_path / "ask.tcl").write_text("\n".join(script) + "\n")
    log = run_program(["sta", "-no_splash", "-exit", tmp_path / "ask.tcl"], tmp_path / "ask.log")
    assert not re.search("warning|error", log, re.IGNORECASE)
    found = re.findall(
        r"^(\w+) ([\^v]) -> (\w+) ([\^v])$.*?^(?:Delay|Check) = (\S+)(?:\n\n-.*?^Slew = (\S+))?",
        log, re.MULTILINE | re.DOTALL,
    )  # fmt: skip
    answers = [(start, _EDGE[first], end, _EDGE[second], float(delay), float(slew_) if slew_ else 0)
               for start, first, end, second, delay, slew_ in found]  # fmt: skip
    arcs = [(key, slew) for _, cell, start, end in _ASKED for key in made.arc_keys(cell)
            if key[1:3] == (start, end)]  # fmt: skip
    arcs += [(key, CHECK_SLEWS[0]) for key in made.arc_keys(DFFR) if key[1] == "CK"]
    expected = [
        (key[1], key[3], key[2], key[4], made.delay(key, VDD, BIAS, start, load) * 1e9,
         made.transition(key, VDD, BIAS, start, load) * 1e9)
        for key, start in arcs
    ]  # fmt: skip
    for edge in ("rise", "fall"):
        ends = [made.check(("DFFR_X1", "D", "setup_rising", edge), VDD, BIAS, CHECK_SLEWS[0], at)
                for at in CHECK_SLEWS]  # fmt: skip
        expected.append(("CK", "rise", "D", edge, np.interp(slew, CHECK_SLEWS, ends) * 1e9, 0))
    assert len(answers) == len(expected) == 19
    for mine, theirs in zip(sorted(expected), sorted(answers), strict=True):
        assert theirs[:4] == mine[:4]
        assert theirs[4:] == pytest.approx(mine[4:], rel=DIGITS, abs=1e-7)
    assert re.search(r"0\.030000 +required pulse width \(low\)", log)


# Yosys and abc.


def test_yosys_maps_every_kind_of_cell(path, tmp_path):
    """One cell of each kind, without a warning but for the half adder's two outputs."""
    (tmp_path / "design.v").write_text("""
      module top(input ck, rn, en, input [3:0] a, b, output reg [3:0] q, l, output y, one);
        always @(posedge ck or negedge rn) if (!rn) q <= 0; else if (en) q <= a + b;
        always @* if (ck) l = a ^ b;
        assign y = !(a[0] & b[1]), one = 1'b1;
      endmodule""")
    passes = [
        f"read_liberty -ignore_miss_func {path}", "design -reset",
        f"read_verilog {tmp_path / 'design.v'}", "synth -top top -flatten",
        f"clockgate -liberty {path} -min_net_size 3", f"dfflibmap -liberty {path}",
        f"abc -liberty {path} -D 500", "hilomap -hicell TIE_X1 H -locell TIE_X1 L",
        f"stat -liberty {path}",
    ]  # fmt: skip
    log = run_yosys(passes, tmp_path, "map")
    warnings = [line for line in log.splitlines() if "warning" in line.lower()]
    assert [line for line in warnings if "library" in line or "cell" in line] == [
        'ABC: Warning: Detected 1 multi-output cells (for example, "HA_X1").'
    ]
    used = log[log.rindex("Printing statistics") :]
    for cell in (DFFR, LATCH, GATE, TIE, XOR2, NAND2):
        assert re.search(rf" {cell.name}$", used, re.MULTILINE)
    assert "$_" not in used


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """The whole way: compressed files of two gate lengths, a manifest, a mapped netlist."""
    folder = tmp_path_factory.mktemp("mapped")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        technology = read_technology(str(made.write_technology(folder)))
        netlist = synthesize(Sources([BLOCKS], top="mac"), technology, 1e-9, folder / "synth")
        libraries = [technology.library(1.0, bias) for bias in technology.biases]
        files = [technology.liberty(1.0, bias) for bias in technology.biases]
    return build_timing_graph(netlist, Constraints()), libraries, files


def test_voltile_synthesises_and_times_with_them(mapped):
    graph, libraries, _ = mapped
    netlist = graph.netlist
    names = {netlist.library.cell_name[int(kind)] for kind in netlist.cell_type}
    assert names >= {XOR2.name, NAND2.name, INV.name}
    wires, first = Wires.none(netlist), np.zeros(netlist.cells, dtype=np.int64)
    slack = [Timer(graph, [library]).analyze(first, wires).worst_slack(1e-9)
             for library in libraries]  # fmt: skip
    # At the same input slew every delay of the second is 6 % longer, and slews grow no faster.
    assert 1.06 < (1e-9 - slack[1]) / (1e-9 - slack[0]) < 1.06**2


def test_cells_of_two_gate_lengths_in_opensta(opensta, mapped, tmp_path):
    graph, libraries, files = mapped
    bias = np.random.default_rng(1).integers(0, 2, graph.netlist.cells)
    timing = Timer(graph, libraries).analyze(bias, Wires.none(graph.netlist))
    result = opensta_worst_slack(
        graph, files, bias, Wires.none(graph.netlist), timing.wire_delay, 1e-9, tmp_path
    )
    assert timing.worst_slack(1e-9) == pytest.approx(result.worst_slack, abs=2e-15, rel=1e-5)
    assert not re.search("^(warning|error)", (tmp_path / "time.log").read_text(), re.I | re.M)
