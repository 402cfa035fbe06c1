"""Power of a netlist from its switching activity, with a library, that is a supply, per instance.

Switching energy is that of charging the nets: every toggle of a net takes C Vdd^2 / 2 from the
supply of its driver. Internal energy is that of the Liberty `internal_power` tables at the supply
of the cell. Leakage depends on the state of the cell and the supplies of its drivers
(`voltile.power.leakage`). Clocks run through a tree of buffers (`voltile.floorplan.clock_tree`),
which take what other cells take; behind a clock gate, at the toggle rate of its clock.

Not modelled: glitches, which the activity lacks; what a driver at a lower supply does to internal
energy; that of outputs that are left open.

References
----------
Liberty Reference Manual, "internal_power group": the energy of an event, without that of the load.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from voltile.core import TechnologyError
from voltile.floorplan.clock_tree import TRUNK, ClockTree
from voltile.floorplan.netlist import Netlist
from voltile.floorplan.placement import Placement
from voltile.floorplan.timing import Timing
from voltile.pdk import CellLibrary, MixedSupply
from voltile.pdk.supply_tables import stack_supplies
from voltile.power.activity import Activity
from voltile.power.clock_stages import ClockStages
from voltile.power.conditions import PinProbabilities
from voltile.power.events import internal_events
from voltile.power.leakage import LeakageModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class PowerTotals:
    """Power of a whole netlist at one frequency [W]."""

    switching: float
    internal: float
    leakage: float

    @property
    def total(self) -> float:
        """Sum of the three [W]."""
        return self.switching + self.internal + self.leakage


@dataclass(frozen=True)
class PowerReport:
    """What each instance takes: those of the netlist, then the buffers of the clock tree.

    Attributes
    ----------
    switching_energy, internal_energy : ndarray, shape (cells + buffers,)
        Mean energy per clock cycle [J].
    leakage : ndarray, shape (cells + buffers,)
        [W].
    tree : ClockTree
    """

    switching_energy: Floats
    internal_energy: Floats
    leakage: Floats
    tree: ClockTree

    @property
    def dynamic_energy(self) -> Floats:
        """Switching and internal energy of each per clock cycle [J], shape (cells + buffers,)."""
        return self.switching_energy + self.internal_energy

    @property
    def energy_and_leakage(self) -> tuple[float, float]:
        """Dynamic energy of all per clock cycle [J], and leakage of all [W]."""
        return float(self.dynamic_energy.sum()), float(self.leakage.sum())

    def totals(self, frequency: float) -> PowerTotals:
        """Power of the netlist and its clock tree at a clock frequency [Hz], by kind."""
        return self._totals(frequency, 0)

    def power(self, frequency: float) -> float:
        """Power of the netlist and its clock tree at a clock frequency [Hz] in watts."""
        return self.totals(frequency).total

    def tree_totals(self, frequency: float) -> PowerTotals:
        """Power of the buffers of the clock tree at a clock frequency [Hz], with all they drive."""
        return self._totals(frequency, len(self.leakage) - self.tree.buffers)

    def _totals(self, frequency: float, first: int) -> PowerTotals:
        return PowerTotals(
            frequency * float(self.switching_energy[first:].sum()),
            frequency * float(self.internal_energy[first:].sum()),
            float(self.leakage[first:].sum()),
        )

    def of_tiles(self, values: Floats, placement: Placement) -> Floats:
        """Return the sum of one of the arrays over what each tile feeds, shape (tiles,).

        The trunk of the clock tree, which VddH feeds, is no part of it.
        """
        tile = np.append(placement.tile, self.tree.tile)
        inside = tile != TRUNK
        return _sum_by(tile[inside], values[inside], placement.grid.tiles)


class PowerModel:
    """A netlist and its activity, bound to the libraries of one or more supplies.

    Nets driven by an input port have no driver of known supply: their pins are charged at the
    supply of the cell that the pin belongs to, their wire at the mean of Vdd^2 over those cells,
    and the energy counts as that of those cells.

    Parameters
    ----------
    tree : ClockTree
        Of this netlist.
    libraries : sequence of CellLibrary
        Of the same structure as the netlist's library.
    mixed_supply, leakage_corner
        How cells leak whose drivers sit at a lower supply; by default as others.

    Raises
    ------
    VoltileError
        When the activity is of another netlist.
    TechnologyError
        When the libraries do not fit each other.
    """

    def __init__(
        self,
        netlist: Netlist,
        tree: ClockTree,
        activity: Activity,
        libraries: Sequence[CellLibrary],
        mixed_supply: MixedSupply | None = None,
        leakage_corner: str = "",
    ) -> None:
        activity.check_nets(netlist.nets, netlist.name)
        for library in libraries:
            netlist.library.check_same_structure(library)
            if library.power_when != netlist.library.power_when:
                raise TechnologyError(
                    f"libraries {netlist.library.name} and {library.name} differ in the "
                    f"conditions of their internal power"
                )
        self.libraries = tuple(libraries)
        self._vdd = np.array([library.vdd for library in libraries])
        self._tree, self._cells = tree, netlist.cells
        self._stages = ClockStages(netlist, tree, libraries)
        netlist = self._stages.netlist
        activity = replace(
            activity,
            static_probability=tree.over_nets(activity.static_probability),
            toggle_rate=tree.over_nets(activity.toggle_rate),
        )
        pins = [
            PinProbabilities(netlist, activity.static_probability, int(kind))
            for kind in np.unique(netlist.cell_type)
        ]
        self._leakage = LeakageModel(netlist, pins, libraries, mixed_supply, leakage_corner)
        events = internal_events(netlist, activity, pins)
        self._events = events
        used, self._event_group = np.unique(events.table, return_inverse=True)
        self._tables = stack_supplies([library.tables for library in libraries], used[:, None])
        self._bind_nets(netlist, activity)

    def _bind_nets(self, netlist: Netlist, activity: Activity) -> None:
        driver = netlist.net_driver
        shared = driver < 0
        toggles = activity.toggle_rate
        self._own_net = np.flatnonzero(~shared & (toggles > 0))
        self._own_cell = netlist.pin_cell[driver[self._own_net]]
        self._own_rate = toggles[self._own_net]
        sinks = netlist.sink_pins
        net = netlist.pin_net[sinks]
        kept = shared[net] & (toggles[net] > 0)
        sinks, net = sinks[kept], net[kept]
        self._sink_cell, self._sink_rate = netlist.pin_cell[sinks], toggles[net]
        self._shared_net, self._sink_net = np.unique(net, return_inverse=True)
        self._fanout = np.bincount(self._sink_net, minlength=len(self._shared_net))
        self._sink_capacitance = np.stack(
            [
                library.pin_capacitance[netlist.pin_library[sinks]].mean(axis=1)
                for library in self.libraries
            ]
        )

    def evaluate(self, library: Ints, timing: Timing) -> PowerReport:
        """Return the power of every instance.

        Parameters
        ----------
        library : ndarray of int, shape (cells,)
            Which of the libraries each instance is of.
        timing : Timing
            Of the same netlist with these libraries.
        """
        from voltile.pdk.lookup import lookup

        if library.shape != (self._cells,):
            raise ValueError(f"library must have shape ({self._cells},), not {library.shape}")
        stages = self._stages
        library = stages.libraries_of(library)
        load = stages.loads(library, timing.load)
        slew = stages.slews(library, load, timing.slew)
        level = stages.driver_levels(library, timing.driver_level)
        events = self._events
        row = library[events.cell] * self._tables.groups + self._event_group
        energy = lookup(self._tables, row, slew[events.slew_node], load[events.load_node])
        return PowerReport(
            self._switching_energy(library, load),
            _sum_by(events.cell, energy * events.rate, len(library)),
            self._leakage.evaluate(library, level),
            self._tree,
        )

    def _switching_energy(self, library: Ints, load: Floats) -> Floats:
        cells = len(library)
        square = self._vdd[library] ** 2
        capacitance = load.reshape(-1, 2).mean(axis=1)
        own = 0.5 * self._own_rate * capacitance[self._own_net] * square[self._own_cell]
        sink = np.take_along_axis(self._sink_capacitance, library[self._sink_cell][None], axis=0)[0]
        owner, net = square[self._sink_cell], self._sink_net
        nets = len(self._shared_net)
        wire = capacitance[self._shared_net] - _sum_by(net, sink, nets)
        # Shared evenly: each sink pays for its part of the wire at the mean of Vdd^2.
        per_sink = wire * _sum_by(net, owner, nets) / np.maximum(self._fanout, 1) ** 2
        shared = 0.5 * self._sink_rate * (sink * owner + per_sink[net])
        return _sum_by(self._own_cell, own, cells) + _sum_by(self._sink_cell, shared, cells)


def _sum_by(index: Ints, values: Floats, length: int) -> Floats:
    """Sum of the values that have each index, shape (length,)."""
    return np.bincount(index, values, minlength=length).astype(np.float64)
