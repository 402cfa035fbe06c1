"""Switch-level logic against hand-drawn cells and against the foundry's Liberty."""

from dataclasses import replace

import numpy as np
import pytest

from voltile.core import TechnologyError
from voltile.pdk import Sequential, SequentialKind, find_pdk, parse_expression, truth_table
from voltile.pdk.characterization.cell import Cell
from voltile.pdk.characterization.switch_level import (
    check_logic,
    derive_functions,
    output_sequence,
    output_values,
)
from voltile.pdk.characterization.transistors import CellNetlist, Transistor, read_netlists

LATCH = Sequential(SequentialKind.LATCH, clock="G", data="D")


def cell(inputs, functions, devices, storage=None):
    """A cell of `n DRAIN GATE SOURCE` and `p DRAIN GATE SOURCE`, one a line."""
    transistors = []
    for line in filter(str.strip, devices.splitlines()):
        kind, drain, gate, source = line.split()
        bulk = {"n": "VSS", "p": "VDD"}[kind]
        name = f"M{len(transistors)}"
        transistors.append(Transistor(name, drain, gate, source, bulk, kind, 1e-6, 1e-7))
    pins = (*inputs.split(), *functions, "VDD", "VSS")
    return Cell(CellNetlist("toy", pins, tuple(transistors)), tuple(inputs.split()), functions,
                storage, "VDD", "VSS", "VDD", "VSS")  # fmt: skip


NAND = cell("A B", {"Y": "!(A & B)"}, """
    n Y A x
    n x B VSS
    p Y A VDD
    p Y B VDD
""")  # fmt: skip
# The multiplexer of the textbooks: two transmission gates, S and its inverse.
PASS_MUX = cell("A B S", {"Y": "(A & !S) | (B & S)"}, """
    n sn S VSS
    p sn S VDD
    n Y sn A
    p Y S A
    n Y S B
    p Y sn B
""")  # fmt: skip
INVERTERS = """
    n gn G VSS
    p gn G VDD
    n m G D
    p m gn D
    n q m VSS
    p q m VDD
    n Q2 q VSS
    p Q2 q VDD
"""
KEEPER = """
    n m gn x
    n x q VSS
    p m G y
    p y q VDD
"""
STATIC_LATCH = cell("D G", {"Q2": "IQ"}, INVERTERS + KEEPER, LATCH)
DYNAMIC_LATCH = cell("D G", {"Q2": "IQ"}, INVERTERS, LATCH)


def test_values_of_a_gate_and_of_transmission_gates():
    assert output_values(NAND) == {"Y": "1110"}
    # A is bit 0, B bit 1, S bit 2.
    assert output_values(PASS_MUX) == {"Y": "01010011"}
    check_logic(NAND)
    check_logic(PASS_MUX)


def test_fights_are_unknown_and_loose_ends_float():
    fight = cell("A B", {"Y": "!A"}, "n Y A VSS\np Y B VDD")
    # Pulled up while B is 0, down while A is 1.
    assert output_values(fight) == {"Y": "1XZ0"}


def test_unknown_gate_is_unknown_only_where_it_matters():
    """The gate `x` floats unless A is 1; Y = !(x & B)."""
    loose = cell("A B", {"Y": "!B"}, """
        n x A VSS
        n Y x z
        n z B VSS
        p Y x VDD
        p Y B VDD
    """)  # fmt: skip
    assert output_values(loose) == {"Y": "11X1"}


def test_sequence_loads_and_holds():
    text = "10 11 10 00 01 11 01 00 10"
    vectors = [{"D": int(data), "G": int(gate)} for data, gate in text.split()]
    for latch in (STATIC_LATCH, DYNAMIC_LATCH):
        assert "".join(step["Q2"] for step in output_sequence(latch, vectors)) == "X11101000"


def test_a_bit_that_was_never_written_is_unknown():
    """r = !(Y & A), Y = !r: with A low r is 1; with A high two inverters hold each other."""
    pair = cell("A", {"Y": "A"}, """
        n Y r VSS
        p Y r VDD
        n r Y x
        n x A VSS
        p r Y VDD
        p r A VDD
    """)  # fmt: skip
    assert output_values(pair) == {"Y": "0X"}


def test_an_oscillating_loop_is_unknown():
    """Y = !(Y & A), round three gates."""
    ring = cell("A", {"Y": "A"}, """
        n r Y x
        n x A VSS
        p r Y VDD
        p r A VDD
        n s r VSS
        p s r VDD
        n Y s VSS
        p Y s VDD
    """)  # fmt: skip
    steps = output_sequence(ring, [{"A": 0}, {"A": 1}, {"A": 0}])
    assert [step["Y"] for step in steps] == ["1", "X", "1"]


def test_derived_function_is_short():
    assert derive_functions(NAND) == {"Y": "!(A&B)"}
    assert derive_functions(cell("A", {"Y": ""}, "n Y A VSS\np Y A VDD")) == {"Y": "!A"}
    assert derive_functions(cell("A", {"Y": ""}, "p Y VSS VDD")) == {"Y": "1"}
    assert derive_functions(cell("A", {"Y": ""}, "n Y VDD VSS")) == {"Y": "0"}


def test_derive_functions_rejects_what_floats():
    with pytest.raises(TechnologyError) as fault:
        derive_functions(cell("A B", {"Y": ""}, "n Y A VSS\np Y B VDD"))
    assert str(fault.value) == "cell 'toy': output Y is X at A=1 B=0"


def test_check_logic_rejects_a_wrong_function():
    with pytest.raises(TechnologyError) as fault:
        check_logic(replace(NAND, functions={"Y": "!(A | B)"}))
    assert str(fault.value) == "cell 'toy': output Y is 1 at A=0 B=1, where '!(A | B)' is 0"


def test_check_logic_rejects_a_bulk_that_is_no_well():
    stray = replace(NAND.netlist.transistors[0], bulk="x")
    netlist = replace(NAND.netlist, transistors=(stray, *NAND.netlist.transistors[1:]))
    with pytest.raises(TechnologyError) as fault:
        check_logic(replace(NAND, netlist=netlist))
    assert str(fault.value) == "cell 'toy': bulk of M0 is at 'x', not at a well"


def test_check_logic_rejects_a_latch_that_is_not_what_it_says():
    check_logic(STATIC_LATCH)
    for wrong in (
        Sequential(SequentialKind.LATCH, clock="!G", data="D"),
        Sequential(SequentialKind.LATCH, clock="G", data="!D"),
        Sequential(SequentialKind.FLIP_FLOP, clock="G", data="D"),
        Sequential(SequentialKind.LATCH, clock="G", data="D | IQ"),
    ):
        with pytest.raises(TechnologyError, match="cell 'toy': output Q2 is"):
            check_logic(replace(STATIC_LATCH, storage=wrong))


def test_check_logic_rejects_a_bit_that_nothing_drives():
    with pytest.raises(TechnologyError) as fault:
        check_logic(DYNAMIC_LATCH)
    assert str(fault.value) == "cell 'toy': nothing drives m at D=1 G=0"


@pytest.fixture(scope="module")
def foundry_cells(sky130hd):
    """Every cell of sky130_fd_sc_hd that has a function and consists of transistors."""
    library = sky130hd.library(1.40)
    path = find_pdk("sky130A") / "sky130A/libs.ref/sky130_fd_sc_hd/spice/sky130_fd_sc_hd.spice"
    if not path.exists():
        pytest.skip(f"needs {path.name}")
    netlists = read_netlists(path, scale=1e-6)
    cells = {}
    for index, name in enumerate(library.cell_name):
        functions = {library.pin_name[pin]: library.pin_function[pin]
                     for pin in library.pins_of(index) if library.pin_function[pin]}  # fmt: skip
        storage = library.sequential.get(index)
        if storage and storage.output:
            functions = {storage.output: f"{storage.clock} & IQ"}
        netlist = netlists[name]
        if functions and isinstance(netlist, CellNetlist):
            cells[name.removeprefix("sky130_fd_sc_hd__")] = Cell(
                netlist, library.inputs_of(index), functions, storage, "VPWR", "VGND", "VPB", "VNB"
            )
    return cells


def unproven(name):
    """Whether a foundry cell is no case for one supply and two levels.

    `ebufn`, `einvn`, `einvp` let go of their output. `lsbuf` and `kapwr` have a second supply. In
    `fah` pass gates drive back onto the inverter that drives their gates: which side wins depends
    on sizes.
    """
    return any(part in name for part in ("ebufn", "einvn", "einvp", "lsbuf", "kapwr", "fah_1"))


def test_every_foundry_cell_computes_what_its_liberty_says(foundry_cells):
    assert len(foundry_cells) == 414  # of 428; 12 have no function, two are not of transistors
    for name, item in foundry_cells.items():
        if unproven(name):
            with pytest.raises(TechnologyError):
                check_logic(item)
        else:
            check_logic(item)
    assert sum(map(unproven, foundry_cells)) == 32


def test_derived_function_of_every_foundry_cell_is_its_liberty_function(foundry_cells):
    for name, item in foundry_cells.items():
        if item.storage is not None or unproven(name):
            continue
        derived = derive_functions(item)
        for output, function in item.functions.items():
            mine, theirs = (truth_table(parse_expression(text), item.inputs)
                            for text in (derived[output], function))  # fmt: skip
            assert np.array_equal(mine, theirs), (name, output)


def test_a_foundry_flip_flop_with_one_gate_rewired_is_caught(foundry_cells):
    """Every transistor in turn has its gate tied so that it always conducts."""
    for name in ("dfrtp_1", "edfxtp_1", "dlclkp_1", "dlrtn_1"):
        item = foundry_cells[name]
        for at, device in enumerate(item.netlist.transistors):
            devices = list(item.netlist.transistors)
            devices[at] = replace(device, gate="VGND" if device.bulk == "VPB" else "VPWR")
            with pytest.raises(TechnologyError, match=f"cell 'sky130_fd_sc_hd__{name}'"):
                check_logic(
                    replace(item, netlist=replace(item.netlist, transistors=tuple(devices)))
                )
