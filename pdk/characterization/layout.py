"""Estimates what the layout of a cell adds to its transistors: diffusions and wires.

Netlists of standard cells name gates alone. Two rules stand for the layout: transistors of one kind
that meet at a net share their diffusion in pairs, as fingers and stacks do; and every net has a
wire that grows with what it connects.
"""

from collections import Counter
from dataclasses import dataclass

from voltile.pdk.characterization.transistors import CellNetlist


@dataclass(frozen=True)
class Layout:
    """Dimensions and capacitances of a process and a row of cells.

    Attributes
    ----------
    end_diffusion, shared_diffusion : float
        Length along the channel of a diffusion with one gate, and of one between two gates [m].
    terminal_wire : float
        Capacitance that a net has per source or drain that it contacts [F].
    gate_wire, gate_span : float
        Capacitance per length [F/m] of a gate line where it is no transistor, and the length [m] of
        a line from the bottom to the top of a column.
    """

    end_diffusion: float
    shared_diffusion: float
    terminal_wire: float = 0.0
    gate_wire: float = 0.0
    gate_span: float = 0.0


@dataclass(frozen=True)
class Diffusion:
    """A source or drain: its length along the channel, and the part that no gate faces [m]."""

    length: float
    open_side: float


def diffusions(netlist: CellNetlist, layout: Layout) -> dict[tuple[str, str], Diffusion]:
    """Return the mean diffusion of the sources and drains at each (net, device model)."""
    terminals = Counter(
        (net, item.model) for item in netlist.transistors for net in (item.drain, item.source)
    )
    found = {}
    for key, count in terminals.items():
        pairs, single = divmod(count, 2)
        length = (pairs * layout.shared_diffusion + single * layout.end_diffusion) / count
        found[key] = Diffusion(length, single / count)
    return found


def wire_capacitances(
    netlist: CellNetlist, layout: Layout, rails: frozenset[str]
) -> dict[str, float]:
    """Return the capacitance of the wires of each net that is no rail [F].

    A net has a gate line per column. Fingers stand side by side and count as one; an n and a p
    transistor share a column. A net of two terminals of one kind and no gate is a stack without a
    contact: it has no wire.
    """
    terminals = Counter(net for item in netlist.transistors for net in (item.drain, item.source))
    kinds: dict[str, set[str]] = {}
    gates: dict[str, dict[tuple[str, frozenset[str]], float]] = {}
    for item in netlist.transistors:
        for net in (item.drain, item.source):
            kinds.setdefault(net, set()).add(item.model)
        fingers = (item.model, frozenset((item.drain, item.source)))
        gates.setdefault(item.gate, {})[fingers] = item.width
    found = {}
    for net in netlist.nodes:
        if net in rails:
            continue
        is_stack = terminals[net] == 2 and len(kinds[net]) == 1 and net not in gates
        wire = 0.0 if is_stack else layout.terminal_wire * terminals[net]
        if net in gates:
            columns = max(Counter(model for model, _ in gates[net]).values())
            field = columns * layout.gate_span - sum(gates[net].values())
            wire += layout.gate_wire * max(field, 0.0)
        if wire:
            found[net] = wire
    return found
