"""SPEF read by a parser of its own: its networks have the delays of our wires."""

import re

import numpy as np
import pytest
from toy_netlists import make_netlist, random_netlist, random_wires

from voltile.floorplan import Constraints, Timer, Wires, build_timing_graph
from voltile.floorplan.exports import with_plain_names, write_spef

NET = re.compile(
    r"\*D_NET (\S+) (\S+)\n\*CONN\n(.*?)\n\*CAP\n(.*?)\n\*RES\n(.*?)\n\*END", re.DOTALL
)


def read_spef(path):
    """Net to (total, {node: I or O}, {node: farad}, [(node, node, ohm)])."""
    text = path.read_text()
    assert "*C_UNIT 1 PF\n*R_UNIT 1 OHM\n" in text
    nets = {}
    for name, total, ends, caps, resistors in NET.findall(text):
        lines = [line.split() for line in caps.splitlines()]
        wires = [line.split() for line in resistors.splitlines()]
        nets[name] = (
            float(total) * 1e-12,
            {line.split()[1]: line.split()[2] for line in ends.splitlines()},
            {node: float(value) * 1e-12 for _, node, value in lines},
            [(one, other, float(ohm)) for _, one, other, ohm in wires],
        )  # fmt: skip
        numbers = [int(line[0]) for line in lines]
        assert numbers == list(range(1, len(numbers) + 1))
    assert text.count("*D_NET") == len(nets)
    return nets


def elmore(driver, loads, network):
    """Delay of every node, loads being joined to some: the conductances' inverse on the charges."""
    _, _, caps, resistors = network
    same = {node: node for pair in resistors for node in pair[:2]}
    for one, other, ohm in resistors:
        if ohm == 0:
            same[other] = same[one]
    nodes = sorted(set(same.values()) - {driver})
    index = {node: at for at, node in enumerate(nodes)}
    conductance, charge = np.zeros((len(nodes), len(nodes))), np.zeros(len(nodes))
    for one, other, ohm in resistors:
        ends = [index[same[node]] for node in (one, other) if same[node] != driver]
        if ohm > 0:
            sign = np.array([1.0, -1.0])[: len(ends)]
            conductance[np.ix_(ends, ends)] += np.outer(sign, sign) / ohm
    for values in (caps, loads):
        for node, farad in values.items():
            if same[node] != driver:
                charge[index[same[node]]] += farad
    delay = np.linalg.solve(conductance, charge)
    return {node: 0.0 if at == driver else delay[index[at]] for node, at in same.items()}


@pytest.mark.parametrize("seed", range(4))
def test_networks_have_the_capacitance_and_the_delays_of_the_wires(toy_technology, tmp_path, seed):
    library = toy_technology.library(1.0)
    given = random_netlist(library, seed, 60, 10)
    graph = with_plain_names(build_timing_graph(given, Constraints(load={"y0": 7e-15})))
    netlist, wires = graph.netlist, random_wires(given, seed)
    write_spef(netlist, wires, tmp_path / "toy.spef")
    nets = read_spef(tmp_path / "toy.spef")
    load, delay = Timer(graph, [library]).loads(np.zeros(netlist.cells, dtype=int), wires)
    wanted = 0
    for net, name in enumerate(netlist.net_name):
        pins = np.flatnonzero(netlist.pin_net == net)
        nodes = [
            f"{netlist.cell_name[netlist.pin_cell[pin]]}:"
            f"{library.pin_name[netlist.pin_library[pin]]}" for pin in pins
        ]  # fmt: skip
        drives = dict(zip(nodes, netlist.pin_is_output[pins], strict=True))
        ports = np.flatnonzero(netlist.port_net == net)
        drives |= {netlist.port_name[port]: netlist.port_is_input[port] for port in ports}
        if len(drives) < 2 or not any(drives.values()) or wires.capacitance[net] == 0:
            assert name not in nets
            continue
        wanted += 1
        total, ends, caps, _ = nets[name]
        assert total == pytest.approx(wires.capacitance[net], rel=1e-8)
        assert sum(caps.values()) == pytest.approx(total, rel=1e-8)
        assert set(ends) == set(drives)
        # A port that drives is an input of the design, a pin that drives an output of its cell.
        assert all(way == ("I" if (node in netlist.port_name) == bool(drives[node]) else "O")
                   for node, way in ends.items())  # fmt: skip
        (driver,) = [node for node, drive in drives.items() if drive]
        for edge in (0, 1):
            hanging = {
                node: library.pin_capacitance[netlist.pin_library[pin], edge]
                for node, pin in zip(nodes, pins, strict=True) if not netlist.pin_is_output[pin]
            }  # fmt: skip
            if "y0" in drives:
                hanging["y0"] = 7e-15
            assert total + sum(hanging.values()) == pytest.approx(load[2 * net + edge], rel=1e-6)
            if not graph.clocks.is_clock[net]:
                delays = elmore(driver, hanging, nets[name])
                for node, drive in drives.items():
                    expected = 0.0 if drive else delay[2 * net + edge]
                    assert delays[node] == pytest.approx(expected, rel=1e-6)
    assert len(nets) == wanted > 20


def test_a_wire_of_two_sinks_by_hand(toy_technology, tmp_path):
    cells = {
        "u": ("toy_inv_1", {"A": "a", "Y": "n"}),
        "v": ("toy_inv_1", {"A": "n", "Y": "y"}),
        "w": ("toy_inv_4", {"A": "n", "Y": "z"}),
    }
    netlist = make_netlist(toy_technology.library(1.0), cells, ["a"], ["y", "z"])
    length = np.array([0.0, 0.0, 0.0, 1.0])
    assert netlist.net_name[3] == "n"
    write_spef(netlist, Wires(6e-15 * length, 250 * length), tmp_path / "toy.spef")
    assert read_spef(tmp_path / "toy.spef") == {
        "n": (
            pytest.approx(6e-15),
            {"u:Y": "O", "v:A": "I", "w:A": "I"},
            pytest.approx({"u:Y": 3e-15, "n:1": 3e-15}),
            [("u:Y", "n:1", 250.0), ("n:1", "v:A", 0.0), ("n:1", "w:A", 0.0)],
        )
    }
