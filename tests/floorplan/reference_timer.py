"""A second timer, one path step at a time, from the definition of setup timing.

Slow and plain on purpose: recursion over nets, dictionaries by name, the bilinear formula with four
weights. It shares with the timer under test only the numbers of the library.
"""

from functools import cache

import numpy as np

from voltile.pdk import ArcType, Sense

INF = float("inf")
RISE, FALL = 0, 1
EDGES = ("rise", "fall")


def bilinear(tables, number, slew, load):
    """Value of one table; beyond its ends the last segment continues."""
    rows, columns = (int(length) for length in tables.size[number])
    x, y = tables.slew_axis[number][:rows], tables.load_axis[number][:columns]
    i = max(k for k in range(rows - 1) if k == 0 or x[k] <= slew)
    j = max(k for k in range(columns - 1) if k == 0 or y[k] <= load)
    p, q = (slew - x[i]) / (x[i + 1] - x[i]), (load - y[j]) / (y[j + 1] - y[j])
    v = tables.values[number]
    return float((1 - p) * ((1 - q) * v[i, j] + q * v[i, j + 1])
                 + p * ((1 - q) * v[i + 1, j] + q * v[i + 1, j + 1]))  # fmt: skip


class ReferenceTimer:
    """Arrivals, slews and slacks of a netlist with one clock port and no constants.

    `low` tells what a driver at a lower supply does: `delay_factor(key, ratio)`,
    `slew_factor(key, ratio)` of an arc, `check_addition(key, bias, vdd, ratio)`.
    """

    def __init__(self, netlist, libraries, supply, wires, constraints, clock="clk", low=None):
        self.netlist, self.constraints, self.clock = netlist, constraints, clock
        self.low = low
        self.wires = wires
        library = netlist.library
        self.library_of = [libraries[level] for level in supply]
        self.pins = {}  # (instance, pin name) -> net
        self.driver, self.sinks = {}, {}  # net -> (instance, pin name), and all of them
        for pin, net in enumerate(netlist.pin_net):
            if net < 0:
                continue
            cell, at = int(netlist.pin_cell[pin]), int(netlist.pin_library[pin])
            place = (cell, library.pin_name[at])
            self.pins[place] = int(net)
            if library.pin_direction[at]:
                self.driver[int(net)] = place
            else:
                self.sinks.setdefault(int(net), []).append(place)
        ports = list(zip(netlist.port_name, netlist.port_net.tolist(),
                         netlist.port_is_input.tolist(), strict=True))  # fmt: skip
        self.inputs = {net: name for name, net, is_input in ports if is_input}
        self.outputs = [(name, net) for name, net, is_input in ports if not is_input]
        self.phase, self.slew, self.arrival = map(cache, (self._phase, self._slew, self._arrival))

    def arcs(self, cell):
        """(from pin, to pin, type, sense, edge, tables of delay and slew, when) of an instance."""
        library = self.netlist.library
        kind = int(self.netlist.cell_type[cell])
        for arc in np.flatnonzero(library.arc_cell == kind):
            for edge in (RISE, FALL):
                delay, slew = library.arc_table[arc, edge]
                if delay >= 0:
                    yield (library.pin_name[library.arc_from[arc]],
                           library.pin_name[library.arc_to[arc]], int(library.arc_type[arc]),
                           int(library.arc_sense[arc]), edge, int(delay), int(slew),
                           library.arc_when[arc])  # fmt: skip

    def ratio(self, cell, net):
        """Supply of a net's driver over that of a cell it drives; ports and clocks are high."""
        if net not in self.driver or self.phase(net) is not None:
            return 1.0
        return min(self.library_of[self.driver[net][0]].vdd / self.library_of[cell].vdd, 1.0)

    def _phase(self, net):
        """None: no clock; 0: rises with the clock port; 1: falls."""
        if net in self.inputs:
            return 0 if self.inputs[net] == self.clock else None
        if net not in self.driver:
            return None
        cell, _ = self.driver[net]
        name = self.netlist.library.cell_name[int(self.netlist.cell_type[cell])]
        through = {"toy_inv": ("A", 1), "toy_buf": ("A", 0), "toy_icg": ("CK", 0)}
        if name[:7] not in through:
            return None
        pin, inverts = through[name[:7]]
        before = self.phase(self.pins[cell, pin])
        return None if before is None else before ^ inverts

    def load(self, net, edge):
        """(pins and port, wire) [F]."""
        pins = sum(
            float(self.library_of[cell].pin_capacitance[self._at(cell, pin), edge])
            for cell, pin in self.sinks.get(net, ())
        )
        pins += sum(self.constraints.load.get(name, 0.0) for name, at in self.outputs if at == net)
        return pins, float(self.wires.capacitance[net])

    def _at(self, cell, pin):
        library = self.netlist.library
        return library.pin_index[int(self.netlist.cell_type[cell]), pin]

    def wire_delay(self, net, edge):
        """Elmore delay of a lumped wire [s]."""
        if self.phase(net) is not None:
            return 0.0
        pins, wire = self.load(net, edge)
        delay = float(self.wires.resistance[net]) * (wire / 2 + pins)
        return self.constraints.net_derate * delay

    def into(self, net, edge):
        """(from net, from edge, delay, output slew) of every arc that makes this edge."""
        if net not in self.driver or self.phase(net) is not None:
            return
        cell, output = self.driver[net]
        tables, load = self.library_of[cell].tables, sum(self.load(net, edge))
        for source, target, kind, sense, out_edge, delay, slew, when in self.arcs(cell):
            if target != output or out_edge != edge or (cell, source) not in self.pins:
                continue
            if kind == ArcType.RISING_EDGE:
                edges = [RISE]
            elif kind == ArcType.FALLING_EDGE:
                edges = [FALL]
            elif kind != ArcType.COMBINATIONAL:
                continue
            else:
                edges = {Sense.POSITIVE: [edge], Sense.NEGATIVE: [1 - edge],
                         Sense.NON_UNATE: [RISE, FALL]}[sense]  # fmt: skip
            before = self.pins[cell, source]
            for in_edge in edges:
                at = self.slew(before, in_edge), load
                slower, flatter, ratio = 1.0, 1.0, self.ratio(cell, before)
                derate = self.constraints.cell_derate
                if self.low and ratio < 1 and kind == ArcType.COMBINATIONAL:
                    name = self.netlist.library.cell_name[int(self.netlist.cell_type[cell])]
                    key = (name, source, target, *(EDGES[item] for item in (in_edge, edge)), when)
                    slower = self.low.delay_factor(key, ratio)
                    flatter = self.low.slew_factor(key, ratio)
                yield (before, in_edge, derate * slower * bilinear(tables, delay, *at),
                       flatter * bilinear(tables, slew, *at))  # fmt: skip

    def _slew(self, net, edge):
        return max((slew for _, _, _, slew in self.into(net, edge)), default=0.0)

    def _arrival(self, net, edge, launch):
        """Latest arrival of an edge behind the wire, after the launching clock edge."""
        phase = self.phase(net)
        if phase is not None:
            return 0.0 if edge == phase ^ launch else -INF
        if net in self.inputs:
            name = self.inputs[net]
            if launch == FALL or name in self.constraints.false_from:
                return -INF
            return self.constraints.input_delay.get(name, 0.0) + self.wire_delay(net, edge)
        latest = max(
            (self.arrival(before, in_edge, launch) + delay
             for before, in_edge, delay, _ in self.into(net, edge)), default=-INF,
        )  # fmt: skip
        return latest + self.wire_delay(net, edge)

    def paths(self):
        """(net, edge, launch, share of the period, arrival with setup) of every endpoint."""
        fall = self.constraints.fall
        edge_time = {RISE: 0.0, FALL: fall}
        ends = []
        for cell in range(self.netlist.cells):
            for clock, data, kind, _, edge, table, *_ in self.arcs(cell):
                rising = (ArcType.SETUP_RISING, ArcType.RECOVERY_RISING)
                falling = (ArcType.SETUP_FALLING, ArcType.RECOVERY_FALLING)
                if kind not in rising + falling or (cell, data) not in self.pins:
                    continue
                net, phase = self.pins[cell, data], self.phase(self.pins[cell, clock])
                margin = bilinear(self.library_of[cell].tables, table, 0.0, self.slew(net, edge))
                ratio, library = self.ratio(cell, net), self.library_of[cell]
                if self.low and ratio < 1:
                    name = library.cell_name[int(self.netlist.cell_type[cell])]
                    key = (name, data, ArcType(kind).name.lower(), EDGES[edge])
                    margin += self.low.check_addition(key, library.bias, library.vdd, ratio)
                ends.append((net, edge, (kind in falling) ^ phase, margin))
        for name, net in self.outputs:
            if name not in self.constraints.false_to:
                margin = self.constraints.output_delay.get(name, 0.0)
                ends += [(net, edge, RISE, margin) for edge in (RISE, FALL)]
        for net, edge, capture, margin in ends:
            for launch in (RISE, FALL):
                arrival = self.arrival(net, edge, launch)
                if arrival > -INF:
                    share = edge_time[capture] - edge_time[launch]
                    yield net, edge, launch, share + (share <= 0), arrival + margin

    def worst_slack(self, period):
        """Over all endpoints [s]."""
        return min(period * share - delay for *_, share, delay in self.paths())

    def critical_path(self):
        """(shortest clock period, [(instance, delay), ...]) of the endpoint that sets it."""
        net, edge, launch, share, delay = max(self.paths(), key=lambda end: end[4] / end[3])
        path = []
        while steps := list(self.into(net, edge)):
            source = max(steps, key=lambda step: self.arrival(step[0], step[1], launch) + step[2])
            path.append((self.driver[net][0], source[2]))
            net, edge = source[:2]
        return delay / share, path
