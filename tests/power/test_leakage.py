"""Leakage with drivers at a lower supply (Eq. 4.3) against the sum over all patterns."""

from dataclasses import replace

import measured_cells as made
import numpy as np
import pytest
from clock_trees import bare_tree
from test_power import activity
from toy_netlists import make_netlist

from voltile.core import TechnologyError
from voltile.floorplan import Constraints, Timer, Wires, build_timing_graph
from voltile.floorplan.netlist import Netlist
from voltile.pdk import LibrarySet
from voltile.power.leakage import unmeasured_states
from voltile.power.power import PowerModel

CORNER = "ff_100C"
CELLS = {cell.name: cell for cell in made.CELLS}
CLOCK_GATES = [cell.name for cell in made.CELLS if cell.storage and cell.storage.output]


def one_of_each(library):
    """Every cell once, its inputs driven in turn by the outputs of the others and by ports."""
    cells = [cell for cell in made.CELLS if cell is not made.TIE]
    outputs = [f"{cell.name}.{pin}" for cell in cells for pin in cell.functions
               if cell.name not in CLOCK_GATES]  # fmt: skip
    names = ["clk", "a", "b", *(f"{cell.name}.{pin}" for cell in cells for pin in cell.functions)]
    index = {name: at for at, name in enumerate(names)}
    pin_net, kinds, turn = [], [], 0
    for cell in cells:
        kinds.append(library.cell_index[cell.name])
        for pin in library.pins_of(kinds[-1]):
            name = library.pin_name[pin]
            if name in cell.functions:
                net = f"{cell.name}.{name}"
            elif cell.storage is not None and name == cell.storage.clock:
                net = "clk"
            else:
                turn += 1
                net = ("a", "b")[turn % 2] if turn % 3 == 0 else outputs[turn % len(outputs)]
                net = "a" if net.startswith(cell.name) else net
            pin_net.append(index[net])
    return Netlist(
        "each", library, tuple(cell.name for cell in cells), np.array(kinds), tuple(names),
        np.array(pin_net), ("clk", "a", "b"), np.arange(3), np.ones(3, bool),
    )  # fmt: skip


def by_hand(netlist, high, libraries, chosen, cell):
    """Leakage [W] of an instance."""
    made_cell, library = CELLS[netlist.cell_name[cell]], libraries[chosen[cell]]
    pins = range(netlist.first_pin[cell], netlist.first_pin[cell + 1])
    nets = {netlist.library.pin_name[netlist.pin_library[pin]]: netlist.pin_net[pin]
            for pin in pins}  # fmt: skip
    low = {}
    for pin in made_cell.inputs:
        driver = netlist.net_driver[nets[pin]]
        vdd = libraries[chosen[netlist.pin_cell[driver]]].vdd if driver >= 0 else 1.0
        low[pin] = vdd < library.vdd
    storage = made_cell.storage
    if storage is None:
        stored = 0.0
    elif storage.kind == "clock_gate":
        parts = [1 - high[nets[pin.strip()]] for pin in storage.data.split("|")]
        stored = 1 - np.prod(parts)
    else:
        stored = high[nets["Q"]]
    total = weight = 0.0
    for state in made.states(made_cell):
        chance, letters = 1.0, ""
        for pin, level in zip(made_cell.inputs, state, strict=False):
            p = high[nets[pin]]
            chance *= p if level == "1" else 1 - p
            letters += "L" if level == "1" and low[pin] else level
        if storage is not None:
            chance *= stored if state[-1] == "1" else 1 - stored
        power = made.leakage(made_cell, state, CORNER, library.vdd, library.bias)
        factor = made.leakage_factor(letters, CORNER, library.bias, 0.8) if low else 1.0
        total += chance * power * factor
        weight += chance
    return total / weight


@pytest.mark.parametrize("seed", range(6))
def test_leakage_is_the_sum_over_patterns(made_technology, seed):
    rng = np.random.default_rng(seed)
    libraries = LibrarySet.of(made_technology, (0.8, 1.0), made_technology.biases).libraries
    netlist = one_of_each(libraries[0])
    graph = build_timing_graph(netlist, Constraints())
    high = rng.random(netlist.nets)
    given = activity(netlist, {}, dict(zip(netlist.net_name, high, strict=True)))
    chosen = rng.integers(0, len(libraries), netlist.cells)
    timer = Timer(graph, libraries, made_technology.mixed_supply)
    seen = timer.analyze(chosen, Wires.none(netlist))
    mixed_supply = made_technology.mixed_supply
    model = PowerModel(netlist, bare_tree(netlist), given, libraries, mixed_supply, CORNER)
    ours = model.evaluate(chosen, seen).leakage
    theirs = [by_hand(netlist, high, libraries, chosen, cell) for cell in range(netlist.cells)]
    np.testing.assert_allclose(ours, theirs, rtol=5e-4)
    unaware = PowerModel(netlist, bare_tree(netlist), given, libraries)
    assert ours.sum() > 1.05 * unaware.evaluate(chosen, seen).leakage.sum()


@pytest.mark.parametrize("lacking", [
    lambda row: row.cell == "NAND2_X1" and row.state == "LL",
    lambda row: row.cell == "NAND2_X1" and "L" in row.state,
])  # fmt: skip
def test_states_that_the_table_lacks_leak_as_the_worst_that_it_has(made_technology, lacking):
    """A NAND gate whose inputs are both high at VddL."""
    libraries = [made_technology.library(vdd) for vdd in (0.8, 1.0)]
    cells = {"one": ("BUF_X4", {"A": "a", "Y": "n"}), "two": ("BUF_X4", {"A": "b", "Y": "m"}),
             "gate": ("NAND2_X1", {"A": "n", "B": "m", "Y": "y"})}  # fmt: skip
    netlist = make_netlist(libraries[0], cells, ["a", "b"], ["y"])
    whole = made_technology.mixed_supply
    kept = [at for at, row in enumerate(whole.states) if not lacking(row)]
    table = replace(
        whole, states=tuple(whole.states[at] for at in kept),
        leakage={corner: item[..., kept] for corner, item in whole.leakage.items()},
    )  # fmt: skip
    assert unmeasured_states(netlist, table) == {"NAND2_X1"}
    assert unmeasured_states(netlist, whole) == set()
    given = activity(netlist, {}, {"n": 1.0, "m": 1.0})
    chosen = np.array([1 if name == "gate" else 0 for name in netlist.cell_name])
    timer = Timer(build_timing_graph(netlist, Constraints()), libraries, table)
    seen = timer.analyze(chosen, Wires.none(netlist))
    model = PowerModel(netlist, bare_tree(netlist), given, libraries, table, CORNER)
    gate = netlist.cell_name.index("gate")
    own = table.state_row["NAND2_X1", "11"]
    factor = table.leakage_factor(CORNER, "pb0", 0.8, 1.0)
    mine = [f for f, row in zip(factor, table.states, strict=True)
            if row.cell == "NAND2_X1" and "L" in row.state]  # fmt: skip
    expected = table.leakages(CORNER, "pb0", 0.8, 1.0)[own] * max(mine or np.nan_to_num(factor))
    assert model.evaluate(chosen, seen).leakage[gate] == pytest.approx(expected)
    assert max(mine or np.nan_to_num(factor)) > 1


def test_at_one_supply_drivers_add_nothing(made_technology):
    libraries = [made_technology.library(vdd) for vdd in (0.8, 1.0)]
    netlist = one_of_each(libraries[0])
    graph = build_timing_graph(netlist, Constraints())
    given = activity(netlist, {}, {"a": 0.3, "b": 0.9})
    timer = Timer(graph, libraries, made_technology.mixed_supply)
    mixed_supply = made_technology.mixed_supply
    models = (PowerModel(netlist, bare_tree(netlist), given, libraries, mixed_supply, CORNER),
              PowerModel(netlist, bare_tree(netlist), given, libraries))  # fmt: skip
    for level in (0, 1):
        every = np.full(netlist.cells, level)
        seen = timer.analyze(every, Wires.none(netlist))
        ours, plain = (model.evaluate(every, seen).leakage for model in models)
        # What a clock gate stores shows at no pin: the libraries' conditions name its output.
        gates = [name in CLOCK_GATES for name in netlist.cell_name]
        np.testing.assert_allclose(ours[~np.array(gates)], plain[~np.array(gates)], rtol=5e-4)


def test_more_than_two_supplies_are_refused(made_technology):
    libraries = [made_technology.library(vdd) for vdd in (0.8, 0.9, 1.0)]
    netlist = one_of_each(libraries[0])
    with pytest.raises(TechnologyError, match="is of two supplies, not 3$"):
        PowerModel(netlist, bare_tree(netlist), activity(netlist, {}), libraries,
                   made_technology.mixed_supply, CORNER)  # fmt: skip
