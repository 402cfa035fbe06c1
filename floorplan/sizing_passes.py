"""Compiled passes of gate sizing. Imports numba, which takes a second: import it late."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from voltile.floorplan.sizing_problem import Drives, Instances, Records
from voltile.pdk.lookup import place
from voltile.pdk.supply_tables import SupplyTables

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Delays of a cell that weigh less than this together do not decide about its drive.
_NOTHING = 1e-6


@njit(cache=True)
def weigh_records(
    records: Records, arrival: Floats, delay: Floats, late: Floats, memory: float,
    temperature: float, node_weight: Floats, weight: Floats,
) -> None:  # fmt: skip
    """Share the weight of each node out among the records into it, from ends of paths to starts.

    Parameters
    ----------
    arrival : ndarray, shape (nodes,)
    late : ndarray, shape (records,)
        By how much each record comes before the latest into its node, in the mean over calls [s].
        Brought up to date.
    memory : float
        Weight of the mean so far.
    temperature : float
        A record that comes this much earlier weighs e times less [s].
    node_weight : ndarray, shape (nodes,)
        Given where paths end; filled in elsewhere.
    weight : ndarray, shape (records,)
        Added to.
    """
    source = records.source
    for i in range(len(records.end_node) - 1, -1, -1):
        into = range(records.first[i], records.first[i + 1])
        latest = -np.inf
        for record in into:
            latest = max(latest, arrival[source[record]] + delay[record])
        if latest == -np.inf:
            continue
        total = 0.0
        for record in into:
            before = min(latest - arrival[source[record]] - delay[record], 1.0)
            late[record] = memory * late[record] + (1 - memory) * before
            total += np.exp(-late[record] / temperature)
        if total == 0:
            continue
        for record in into:
            share = np.exp(-late[record] / temperature) / total
            weight[record] += share * node_weight[records.end_node[i]]
            node_weight[source[record]] += share * node_weight[records.end_node[i]]


@njit(cache=True)
def _slopes_of(tables: SupplyTables, row: int, load: float, slew: float) -> tuple[
    float, float, float, float, float
]:  # fmt: skip
    """Output slew; slopes of delay and output slew over load, and over slew."""
    over, x = place(tables.load, row, load)
    at, y = place(tables.slew, row, slew)
    patch = tables.patches[row, at, over]
    loads = tables.load.points[tables.load.of_row[row]]
    slews = tables.slew.points[tables.slew.of_row[row]]
    farads, seconds = loads[over + 1] - loads[over], slews[at + 1] - slews[at]
    return (
        patch[0, 1] + patch[1, 1] * x + (patch[2, 1] + patch[3, 1] * x) * y,
        (patch[1, 0] + patch[3, 0] * y) / farads,
        (patch[1, 1] + patch[3, 1] * y) / farads,
        (patch[2, 0] + patch[3, 0] * x) / seconds,
        (patch[2, 1] + patch[3, 1] * x) / seconds,
    )


@njit(cache=True)
def _delay_and_slew(
    tables: SupplyTables, row: int, load: float, slew: float
) -> tuple[float, float]:
    over, x = place(tables.load, row, load)
    at, y = place(tables.slew, row, slew)
    patch = tables.patches[row, at, over]
    return (
        patch[0, 0] + patch[1, 0] * x + (patch[2, 0] + patch[3, 0] * x) * y,
        patch[0, 1] + patch[1, 1] * x + (patch[2, 1] + patch[3, 1] * x) * y,
    )


@njit(cache=True)
def mean_slopes(
    tables: SupplyTables, drive: Ints, records: Records, load: Floats, slew: Floats,
    resistance: Floats, weight: Floats,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Derivatives of the weighed sum of all delays by the slew and by the load of each node.

    A change of slew goes on through the slews of the cells behind.

    Returns
    -------
    by_slew : ndarray, shape (nodes,)
        [s/s].
    by_load : ndarray, shape (nodes,)
        [s/F].
    """
    by_slew, by_load = np.zeros(len(load)), np.zeros(len(load))
    for i in range(len(records.end_node) - 1, -1, -1):
        node = records.end_node[i]
        steepest, through, steeper_by_load, steeper_by_slew = -np.inf, -1, 0.0, 0.0
        for record in range(records.first[i], records.first[i + 1]):
            start = records.source[record]
            row = drive[records.cell[record]] * tables.groups + records.arc[record]
            output, later, steeper, later_by_slew, steeper_by = _slopes_of(
                tables, row, load[node], slew[start]
            )
            by_load[node] += weight[record] * (later + resistance[node >> 1])
            by_slew[start] += weight[record] * later_by_slew
            if output > steepest:
                steepest, through = output, start
                steeper_by_load, steeper_by_slew = steeper, steeper_by
        by_load[node] += by_slew[node] * steeper_by_load
        by_slew[through] += by_slew[node] * steeper_by_slew
    return by_slew, by_load


@njit(cache=True)
def largest_slopes(
    tables: SupplyTables, drive: Ints, records: Records, load: Floats, slew: Floats
) -> Floats:
    """How much later a path from each node ends, at most, per slew at the node, shape (nodes,)."""
    by_slew = np.zeros(len(load))
    for i in range(len(records.end_node) - 1, -1, -1):
        node = records.end_node[i]
        for record in range(records.first[i], records.first[i + 1]):
            start = records.source[record]
            row = drive[records.cell[record]] * tables.groups + records.arc[record]
            _, _, _, later, steeper = _slopes_of(tables, row, load[node], slew[start])
            by_slew[start] = max(by_slew[start], later + max(steeper, 0.0) * by_slew[node])
    return by_slew


@njit(cache=True)
def cheapest_drives(
    tables: SupplyTables, drive: Ints, records: Records, instances: Instances, drives: Drives,
    load: Floats, slew: Floats, weight: Floats, by_slew: Floats, by_load: Floats,
    price: float,
) -> Ints:  # fmt: skip
    """Return the drive of each instance that costs least, from ends of paths to their starts.

    The cost of a drive is the weighed delay of the instance, what its output slew and the load of
    its pins cost others (`mean_slopes`), and its own cost at a price [s]. A drive that cannot carry
    its load is taken only where none can, and then the one that lacks least.
    """
    result, load = drive.copy(), load.copy()
    for instance in instances.order[::-1]:
        pins = range(instances.first_pin[instance], instances.first_pin[instance + 1])
        mine = instances.record[
            instances.first_record[instance] : instances.first_record[instance + 1]
        ]
        matters = 0.0
        for record in mine:
            matters += weight[record]
        now = best = drive[instance]
        least, overload = np.inf, np.inf
        for option in range(drives.weakest[instance], drives.strongest[instance] + 1):
            cost, excess = price * drives.cost[option, instance], 0.0
            for pin in pins:
                kind, net = instances.pin_library[pin], instances.pin_net[pin]
                for edge in range(2 if net >= 0 else 0):
                    if instances.pin_is_output[pin]:
                        excess = max(excess, load[2 * net + edge] - drives.max_load[option, kind])
                    else:
                        added = drives.capacitance[option, kind, edge]
                        cost += by_load[2 * net + edge] * added
            if excess > overload:
                continue
            node, steepest = -1, 0.0
            for record in mine if matters > _NOTHING else mine[:0]:
                if records.target[record] != node:
                    cost += by_slew[node] * steepest
                    node, steepest = records.target[record], 0.0
                row = option * tables.groups + records.arc[record]
                delay, output = _delay_and_slew(
                    tables, row, load[node], slew[records.source[record]]
                )
                cost += weight[record] * delay
                steepest = max(steepest, output)
            cost += by_slew[node] * steepest
            if excess < overload or cost < least:
                best, least, overload = option, cost, excess
        result[instance] = best
        for pin in pins:
            kind, net = instances.pin_library[pin], instances.pin_net[pin]
            for edge in range(2 if net >= 0 and not instances.pin_is_output[pin] else 0):
                load[2 * net + edge] += (
                    drives.capacitance[best, kind, edge] - drives.capacitance[now, kind, edge]
                )
    return result


@njit(cache=True)
def save_drives(
    tables: SupplyTables, drive: Ints, records: Records, instances: Instances, drives: Drives,
    load: Floats, slew: Floats, wire_delay: Floats, arrival: Floats, required: Floats,
    by_slew: Floats, derate: float,
) -> Ints:  # fmt: skip
    """Return the cheapest drive of each instance in time, from starts of paths to their ends.

    Arrivals and slews go on with the drives that are chosen. Loads stay what they are: drives whose
    input pins load nets more are not chosen, nor such that cannot carry their load.

    Parameters
    ----------
    arrival, required : ndarray, shape (launching edges, nodes)
        With the drives as they are, `wire_delay` included.
    by_slew : ndarray, shape (nodes,)
        By how much a higher slew brings `required` forward (`largest_slopes`).
    derate : float
        Factor on all delays of cells.
    """
    result, arrival, slew, before = drive.copy(), arrival.copy(), slew.copy(), slew
    for instance in instances.order:
        mine = instances.record[
            instances.first_record[instance] : instances.first_record[instance + 1]
        ]
        now = best = drive[instance]
        for option in range(drives.weakest[instance], drives.strongest[instance] + 1):
            cheaper = drives.cost[option, instance] < drives.cost[best, instance]
            if not (cheaper and _fits(instances, drives, instance, now, option, load)):
                continue
            fits = True
            _drive(tables, option, records, mine, load, slew, wire_delay, arrival, derate)
            for record in mine:
                node = records.target[record]
                steeper = by_slew[node] * max(slew[node] - before[node], 0.0)
                for launch in range(len(arrival)):
                    fits &= arrival[launch, node] + steeper <= required[launch, node]
            if fits:
                best = option
        result[instance] = best
        _drive(tables, best, records, mine, load, slew, wire_delay, arrival, derate)
    return result


@njit(cache=True)
def _fits(
    instances: Instances, drives: Drives, instance: int, now: int, option: int, load: Floats
) -> bool:
    """Whether a drive carries its load, and loads no net more than the present one."""
    for pin in range(instances.first_pin[instance], instances.first_pin[instance + 1]):
        kind, net = instances.pin_library[pin], instances.pin_net[pin]
        for edge in range(2 if net >= 0 else 0):
            if instances.pin_is_output[pin]:
                if load[2 * net + edge] > drives.max_load[option, kind]:
                    return False
            elif drives.capacitance[option, kind, edge] > drives.capacitance[now, kind, edge]:
                return False
    return True


@njit(cache=True)
def _drive(
    tables: SupplyTables, option: int, records: Records, mine: Ints, load: Floats, slew: Floats,
    wire_delay: Floats, arrival: Floats, derate: float,
) -> None:  # fmt: skip
    """Fill in arrivals and slews of the nodes that an instance drives."""
    for record in mine:
        slew[records.target[record]] = 0.0
        arrival[:, records.target[record]] = -np.inf
    for record in mine:
        start, node = records.source[record], records.target[record]
        row = option * tables.groups + records.arc[record]
        delay, output = _delay_and_slew(tables, row, load[node], slew[start])
        slew[node] = max(slew[node], output)
        for launch in range(len(arrival)):
            latest = arrival[launch, start] + derate * delay + wire_delay[node]
            arrival[launch, node] = max(arrival[launch, node], latest)
