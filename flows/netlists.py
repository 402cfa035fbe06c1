"""Stages that jobs share: a mapped netlist, what its ports bear, its activity."""

import json
from typing import Any

from numpy.typing import NDArray

from voltile.floorplan import (
    Constraints,
    Netlist,
    Sources,
    TimingGraph,
    clock_buffers,
    netlist_from_arrays,
    netlist_to_arrays,
    synthesize,
)
from voltile.flows.stages import Stages
from voltile.pdk import Technology, with_relatives
from voltile.power import (
    Activity,
    Stimulus,
    activity_from_arrays,
    activity_to_arrays,
    compile_netlist,
    simulate,
)


def mapped_netlist(
    stages: Stages,
    technology: Technology,
    sources: Sources,
    period: float,
    key: str,
    stage: str = "synthesis",
) -> tuple[Technology, Netlist]:
    """Return the mapped netlist, and the technology cut down to its cells in all their drives.

    Parameters
    ----------
    period : float
        Clock period that the mapping aims for [s].
    key : str
        Of sources, technology and period.
    """
    arrays = stages.run(
        stage,
        key,
        lambda: netlist_to_arrays(synthesize(sources, technology, period, stages.folder / stage)),
    )
    used = json.loads(arrays["names"].tobytes())["types"]
    technology = with_relatives(
        technology,
        [*used, *clock_buffers(technology), technology.buffer_cell]
        + ([technology.header.flip_flop] if technology.header else []),
    )
    return technology, netlist_from_arrays(arrays, technology.library(technology.nominal_vdd))


def port_names(netlist: Netlist, inputs: bool) -> list[str]:
    """Return the names of all input or of all output port bits."""
    pairs = zip(netlist.port_name, netlist.port_is_input, strict=True)
    return [name for name, is_input in pairs if is_input == inputs]


def unconstrained(netlist: Netlist, technology: Technology) -> Constraints:
    """Return constraints without external delays, with one buffer input on every output."""
    library = technology.library(technology.nominal_vdd)
    buffer = library.cell_index[technology.buffer_cell]
    load = library.pin_capacitance[library.pin_index[buffer, technology.buffer_input]]
    return Constraints(load=dict.fromkeys(port_names(netlist, False), float(load.mean())))


def simulated(
    stages: Stages, graph: TimingGraph, stimulus: Stimulus, key: str, stage: str = "activity"
) -> Activity:
    """Return the activity of a netlist under a stimulus.

    Parameters
    ----------
    key : str
        Of netlist and stimulus.
    """

    def make() -> dict[str, NDArray[Any]]:
        program = compile_netlist(graph.netlist, graph.clocks)
        return activity_to_arrays(simulate(program, stimulus))

    return activity_from_arrays(stages.run(stage, key, make))
