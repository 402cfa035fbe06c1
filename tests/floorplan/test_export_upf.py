"""UPF run by a Tcl interpreter with the commands of IEEE 1801-2013, clause 6."""

from collections import Counter

import numpy as np
import pytest
from placed_designs import random_placement
from toy_netlists import random_netlist

from voltile.floorplan import Constraints, build_timing_graph
from voltile.floorplan.exports import OperatingPoints, with_plain_names, write_upf

tkinter = pytest.importorskip("tkinter")

# Number of arguments, and options: how many words the value of each is a list of (0: any), and
# whether it may come again.
SYNTAX = {
    "upf_version": (1, {}),
    "set_design_top": (1, {}),
    "create_supply_port": (1, {"-domain": (1, False), "-direction": (1, False)}),
    "create_supply_net": (
        1, {"-domain": (1, False), "-reuse": None, "-resolve": (1, False)}),
    "connect_supply_net": (1, {"-ports": (0, False), "-pins": (0, False)}),
    "create_supply_set": (1, {"-function": (2, True), "-update": None}),
    "create_power_domain": (
        1, {"-elements": (0, False), "-supply": (2, True), "-scope": (1, False), "-update": None}),
    "create_logic_port": (1, {"-direction": (1, False)}),
    "create_logic_net": (1, {}),
    "connect_logic_net": (1, {"-ports": (0, False), "-reconnect": None}),
    "create_power_switch": (
        1, {"-output_supply_port": (2, False), "-input_supply_port": (2, True),
            "-control_port": (2, True), "-on_state": (3, True), "-off_state": (2, True),
            "-domain": (1, False), "-instances": (0, False)}),
    "set_level_shifter": (
        1, {"-domain": (1, False), "-applies_to": (1, False), "-no_shift": None,
            "-location": (1, False)}),
    "add_port_state": (1, {"-state": (2, True)}),
    "create_pst": (1, {"-supplies": (0, False)}),
    "add_pst_state": (1, {"-pst": (1, False), "-state": (0, False)}),
}  # fmt: skip


class Reader:
    """Runs a UPF file; `calls` are (command, argument, {option: values})."""

    def __init__(self):
        self.tcl = tkinter.Tcl()
        self.calls = []
        self.faults = []
        for command in SYNTAX:
            self.tcl.createcommand(command, lambda *words, name=command: self.take(name, words))

    def take(self, command, words):
        count, known = SYNTAX[command]
        options, rest, words = {}, [], list(words)
        while words:
            word = words.pop(0)
            if not word.startswith("-"):
                rest.append(word)
            elif word not in known:
                self.faults.append(f"{command} has no option {word}")
            elif known[word] is None:
                options[word] = True
            else:
                length, again = known[word]
                value = self.tcl.splitlist(words.pop(0))
                if (length and len(value) != length) or (word in options and not again):
                    self.faults.append(f"{command} {rest}: {word} {value}")
                options.setdefault(word, []).append(value)
        if len(rest) != count:
            self.faults.append(f"{command} takes {count} arguments, not {rest}")
        self.calls.append((command, rest[0], options))

    def read(self, path):
        self.tcl.eval(f"source {{{path}}}")
        return self

    def of(self, command):
        """Options by argument, of one command."""
        found = {name: options for kind, name, options in self.calls if kind == command}
        assert len(found) == sum(kind == command for kind, _, _ in self.calls)
        return found


@pytest.fixture(scope="module", params=[1, 3])
def design(request, toy_technology):
    graph = build_timing_graph(random_netlist(toy_technology.library(1.0), 8, 120, 10),
                               Constraints())  # fmt: skip
    n = request.param
    rng = np.random.default_rng(n)
    low = np.array([0.6, 0.6, 0.7, 0.825])
    points = OperatingPoints(
        np.array([100e6, 150e6, 200e6, 300.0004e6]), low, low + 0.1, rng.random((4, n * n)) < 0.5
    )
    return with_plain_names(graph).netlist, random_placement(graph, toy_technology, n), points


@pytest.fixture
def upf(design, tmp_path):
    write_upf(*design, tmp_path / "toy.upf")
    reader = Reader().read(tmp_path / "toy.upf")
    assert reader.faults == []
    return reader


def test_domains_are_the_tiles(design, upf):
    netlist, placement, _ = design
    domains = upf.of("create_power_domain")
    assert domains.pop("PD_TOP")["-elements"] == [(".",)]
    members = {name: options["-elements"][0] for name, options in domains.items()}
    assert Counter(cell for cells in members.values() for cell in cells) == Counter(
        netlist.cell_name
    )
    for tile in range(placement.grid.tiles):
        expected = {netlist.cell_name[cell] for cell in np.flatnonzero(placement.tile == tile)}
        assert set(members[f"PD_TILE_{tile}"]) == expected


def test_supplies_lead_from_ports_through_switches_to_domains(design, upf):
    ports, nets = upf.of("create_supply_port"), upf.of("create_supply_net")
    logic = upf.of("create_logic_net")
    assert set(ports) == {"VDDH", "VDDL", "VSS"}
    for net, options in upf.of("connect_supply_net").items():
        assert net in nets and set(options["-ports"][0]) <= set(ports)
    for net, options in upf.of("connect_logic_net").items():
        assert net in logic and set(options["-ports"][0]) <= set(upf.of("create_logic_port"))
    sets = {name: dict(options["-function"]) for name, options in
            upf.of("create_supply_set").items()}  # fmt: skip
    assert all(set(item) == {"power", "ground"} and set(item.values()) <= set(nets)
               for item in sets.values())  # fmt: skip
    switches = upf.of("create_power_switch")
    driven = {}
    for options in switches.values():
        inputs = dict(options["-input_supply_port"])
        assert inputs == {"high": "VDDH", "low": "VDDL"}
        ((control, select),) = options["-control_port"]
        assert select in logic
        states = {(port, text) for _, port, text in options["-on_state"]}
        assert states == {("high", control), ("low", f"!{control}")}
        ((_, output),) = options["-output_supply_port"]
        assert output in nets
        driven[options["-domain"][0][0]] = output
    for name, options in upf.of("create_power_domain").items():
        ((role, supply),) = options["-supply"]
        assert role == "primary"
        power = sets[supply]["power"]
        assert power == ("VDDH" if name == "PD_TOP" else driven[name])
    shifters = upf.of("set_level_shifter").values()
    assert {item["-domain"][0][0] for item in shifters} == set(driven)
    assert all(item["-no_shift"] for item in shifters)


def test_power_state_table_is_the_plan(design, upf):
    _, placement, points = design
    tiles = placement.grid.tiles
    voltage = {
        port: {name: float(volts) for name, volts in options["-state"]}
        for port, options in upf.of("add_port_state").items()
    }
    # A state of a net is that of the port that drives it.
    port_of = {net: net for net in ("VDDH", "VDDL", "VSS")}
    for name, options in upf.of("create_power_switch").items():
        ((port, net),) = options["-output_supply_port"]
        port_of[net] = f"{name}/{port}"
    ((table, options),) = upf.of("create_pst").items()
    supplies = options["-supplies"][0]
    assert len(supplies) == 3 + tiles
    rows = upf.of("add_pst_state")
    assert len(rows) == len(points.frequency)
    for frequency, low, high, is_high, (name, row) in zip(
        points.frequency, points.vdd_low, points.vdd_high, points.tile_is_high, rows.items(),
        strict=True,
    ):  # fmt: skip
        assert name == f"f_{round(frequency)}Hz" and row["-pst"] == [(table,)]
        states = row["-state"][0]
        volts = {net: voltage[port_of[net]][state] for net, state in
                 zip(supplies, states, strict=True)}  # fmt: skip
        assert (volts["VDDH"], volts["VDDL"], volts["VSS"]) == pytest.approx((high, low, 0.0))
        for tile in range(tiles):
            assert volts[f"VDD_TILE_{tile}"] == pytest.approx(high if is_high[tile] else low)


def test_the_reader_of_these_tests_sees_faults(tmp_path):
    path = tmp_path / "bad.upf"
    path.write_text(
        "create_supply_net VDD -color red\ncreate_supply_set S -function {power}\nupf_version\n"
    )
    with pytest.raises(tkinter.TclError):
        Reader().read(path)  # upf_version has no argument at all
    path.write_text("create_supply_net VDD -color\ncreate_supply_set S -function {power}\n")
    assert len(Reader().read(path).faults) == 2
