"""A netlist as the array operations that simulate it.

Signals are numbered: 0 is the constant 0, 1 + n is net n, and behind the nets come the states of
registers and clock gates and the conditions of asynchronous clears and presets. A buffer or
inverter is no gate but another name of the signal that it reads. What remains are nodes, which are
numbered so that a level of logic is a slice of the state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from voltile.floorplan.clocks import ClockNetwork
from voltile.floorplan.netlist import Netlist
from voltile.power.steps import Bools, Ints, Step

HIGH, LOW = 0, 1


@dataclass(frozen=True)
class Capture:
    """Flip-flops that take data at one of the two edges of the clock port.

    Attributes
    ----------
    step : Step
        Next state of each, from the values before the edge; None where there is no flip-flop.
    node : ndarray of int, shape (flops,)
        Node that holds the state.
    clock : ndarray of int, shape (flops,)
        Literal that rises when the flip-flop takes data.
    """

    step: Step | None
    node: Ints
    clock: Ints


@dataclass(frozen=True)
class Phase:
    """What happens at an edge of the clock port and until the next one.

    Attributes
    ----------
    steps : sequence of (Step, slice or ndarray)
        Logic in order, and the nodes that each step gives.
    touched : ndarray of int
        Nodes that can change in this phase.
    """

    capture: Capture
    steps: Sequence[tuple[Step, "slice | Ints"]]
    touched: Ints


@dataclass(frozen=True)
class Program:
    """A netlist ready for simulation.

    Attributes
    ----------
    nodes : int
        Signals kept in the state; node 0 is the constant 0.
    net_node, net_inverted : ndarray, shape (nets,)
        Node of each net, and whether the net carries its complement.
    roots : ndarray of int
        Nodes of the clock ports.
    phases : tuple of two Phase
        After the rising edge of the clock ports, after the falling edge.
    gate_latches : (Step, ndarray of int) or None
        Next state of the latches inside clock gates, and their nodes.
    clock_steps : sequence of (Step, ndarray of int)
        Outputs of clock gates, in the order of the clock network.
    state, clear, preset : ndarray of int
        Flip-flops with an asynchronous pin: node of the state, literals of the conditions.
    state_cell : ndarray of int
        Their instances.
    """

    netlist: Netlist
    clocks: ClockNetwork
    nodes: int
    net_node: Ints
    net_inverted: Bools
    roots: Ints
    phases: tuple[Phase, Phase]
    gate_latches: tuple[Step, Ints] | None
    clock_steps: Sequence[tuple[Step, Ints]]
    state: Ints
    clear: Ints
    preset: Ints
    state_cell: Ints

    @cached_property
    def asynchronous_literals(self) -> Ints:
        """Conditions of clears and presets, each once; there are few, as resets are shared."""
        return np.unique(np.concatenate([self.clear, self.preset]))
