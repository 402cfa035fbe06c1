"""Names that stand unquoted in Verilog, DEF, SPEF and Tcl alike.

Synthesis makes up names such as `$abc$8636$new_n12` and `\\mac_0_0.acc[3]`. Every format quotes
those in its own way and every tool reads them in its own; so exports do as commercial flows do
before they write: letters, digits and underscores, with an index on ports alone.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np

from voltile.floorplan.constraints import Constraints
from voltile.floorplan.netlist import split_bit
from voltile.floorplan.timing_graph import TimingGraph

_Value = TypeVar("_Value")
_ENDS = re.compile(r"\A\W+|\W+\Z", re.ASCII)
_BETWEEN = re.compile(r"\W+", re.ASCII)


def with_plain_names(graph: TimingGraph) -> TimingGraph:
    """Return the design with plain names, all different; those that are plain stay.

    A net that belongs to a port has the port's name, an input's before an output's.
    """
    netlist, taken = graph.netlist, set[str]()
    words = [split_bit(name) for name in netlist.port_name]
    distinct = tuple(dict.fromkeys(word for word, _ in words))
    plain = dict(zip(distinct, plain_names(distinct, taken), strict=True))
    ports = [f"{plain[word]}[{bit}]" if bit >= 0 else plain[word] for word, bit in words]
    cells = plain_names(netlist.cell_name, taken)
    nets = plain_names(netlist.net_name, taken)
    for port in reversed(np.argsort(~netlist.port_is_input, kind="stable").tolist()):
        nets[int(netlist.port_net[port])] = ports[port]
    renamed = replace(
        netlist, name=plain_names([netlist.name])[0], cell_name=tuple(cells),
        net_name=tuple(nets), port_name=tuple(ports),
    )  # fmt: skip
    constraints = _rename(graph.constraints, dict(zip(netlist.port_name, ports, strict=True)))
    return replace(graph, netlist=renamed, constraints=constraints)


def plain_names(names: Iterable[str], taken: set[str] | None = None) -> list[str]:
    """Return plain forms of names, all different, and none of those taken, which they join."""
    taken = set() if taken is None else taken
    result = []
    for name in names:
        stem = _BETWEEN.sub("_", _ENDS.sub("", name))
        stem = f"_{stem}" if not stem or stem[0].isdigit() else stem
        plain, times = stem, 1
        while plain in taken:
            times += 1
            plain = f"{stem}_{times}"
        taken.add(plain)
        result.append(plain)
    return result


def _rename(constraints: Constraints, port: Mapping[str, str]) -> Constraints:
    def keys(values: Mapping[str, _Value]) -> dict[str, _Value]:
        return {port[name]: value for name, value in values.items()}

    return replace(
        constraints,
        clocks=tuple(port[name] for name in constraints.clocks),
        input_delay=keys(constraints.input_delay),
        output_delay=keys(constraints.output_delay),
        load=keys(constraints.load),
        case=keys(constraints.case),
        false_from=frozenset(port[name] for name in constraints.false_from),
        false_to=frozenset(port[name] for name in constraints.false_to),
    )
