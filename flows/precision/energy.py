"""Energy of a network's layers over precisions, joined to its layers by name (Eq. 3.5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError, read_csv_rows
from voltile.flows.energy.job import RECONFIGURATION_COLUMNS, EnergyConfig, run_energy
from voltile.flows.precision.inputs import PrecisionInputs
from voltile.sim import EnergyTable, Op, Policy

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_ON_ARRAY = frozenset(op.value for op in Op if op.on_array)
# Needs nothing beside the accelerator: neither another supply nor another clock for a layer.
DEFAULT_POLICY = Policy.SAME_SUPPLY.value


@dataclass(frozen=True)
class PrecisionEnergy:
    """What layers take at an operating point of full precision, from an energy table.

    Attributes
    ----------
    path : Path
        The table.
    policy : str
        How low precision uses its speed.
    reference_vdd : float
        Supply of full precision that the clock is taken from [V].
    energy : ndarray, shape (layers, precisions)
        Of an inference, of the layers that take a precision [J].
    others : float
        Of the layers that take none, from words of all bits [J].
    time : ndarray, shape (layers, precisions)
        Of an inference, in the layers that take a precision: cycles and stalls over the clock [s].
    others_time : float
        In the layers that take none [s].
    vdd, frequency : ndarray, shape (precisions,)
        At which each runs [V], [Hz].
    reconfiguration : ndarray, shape (layers, precisions), or None
        To make the weights of a layer those of a precision [J]; None when it is not known.
    """

    path: Path
    policy: str
    reference_vdd: float
    energy: FloatArray
    others: float
    time: FloatArray
    others_time: float
    vdd: FloatArray
    frequency: FloatArray
    reconfiguration: FloatArray | None

    @property
    def operating_point(self) -> str:
        """Of the table, for captions."""
        return f"energy: {self.policy} at {self.reference_vdd:g} V"

    @property
    def full(self) -> float:
        """Of an inference at full precision [J]."""
        return float(self.energy[:, 0].sum()) + self.others

    def latency(self, settings: IntArray) -> FloatArray:
        """Return the time of an inference at settings, shape (settings,) [s]."""
        each = self.time[np.arange(len(self.time)), settings]
        return np.asarray(each.sum(axis=1) + self.others_time, np.float64)


def chosen_pe(pe: str | None, table: Path | None) -> str:
    """Return the element that is asked for; else that of the energy table, or the default one.

    Raises
    ------
    VoltileError
        When the table is none.
    """
    if pe is None and table is not None:
        return str(EnergyTable.read(table).hardware["pe"])
    return EnergyConfig.pe if pe is None else pe


def computed_table(
    inputs: PrecisionInputs, policy: str | None, vdd: float | None, out: Path
) -> Path:
    """Write the energy table of the network with the defaults of `voltile energy`.

    Raises
    ------
    VoltileError
        When the policy is unknown, or elements are not characterised at the supply.
    """
    run_energy(
        EnergyConfig(
            str(inputs.model), pe=inputs.network.element.name, vdds=() if vdd is None else (vdd,),
            policies=(policy or DEFAULT_POLICY,),
        ),
        out,
    )  # fmt: skip
    return out / "energy.csv"


def read_precision_energy(
    path: Path, inputs: PrecisionInputs, policy: str | None = None, vdd: float | None = None
) -> PrecisionEnergy:
    """Read the energies of a network at an operating point of a table.

    The cost of weight reconfiguration comes from `reconfiguration.csv` beside the table, by the
    weights of the layers.

    Parameters
    ----------
    policy : str, optional
        By default `DEFAULT_POLICY`, or the first in the table when it is not there.
    vdd : float, optional
        Reference supply, by default the highest [V].

    Raises
    ------
    VoltileError
        When the table is none, is of another element or network, has other precisions, or lacks
        the point; when `reconfiguration.csv` is of another array.
    """
    table = EnergyTable.read(path)
    columns = table.columns
    _check_element(path, table, inputs)
    name = _network(path, columns["network"], inputs.model.stem)
    policies = list(dict.fromkeys(columns["policy"].tolist()))
    policy = policy or (DEFAULT_POLICY if DEFAULT_POLICY in policies else policies[0])
    reference = columns["reference_vdd_v"]
    vdd = float(reference.max()) if vdd is None else vdd
    at = (
        (columns["network"] == name)
        & (columns["policy"] == policy)
        & np.isclose(reference, vdd, rtol=1e-6)
    )
    if not at.any():
        supplies = ", ".join(f"{item:g}" for item in np.unique(reference))
        raise VoltileError(
            f"energy table {path} has no policy {policy} at {vdd:g} V for '{name}'; its policies "
            f"are {', '.join(policies)}, its reference supplies {supplies} V"
        )
    rows = {key: values[at] for key, values in columns.items()}
    _check_precisions(path, rows, inputs)
    _check_layers(path, rows, inputs)
    precisions = [item.name.lower() for item in inputs.network.element.products]
    place = {key: row for row, key in enumerate(zip(rows["layer"], rows["precision"], strict=True))}
    found = np.array(
        [[place[layer, item] for item in precisions] for layer in inputs.network.names]
    )
    energy = rows["total_pj"] * 1e-12 / rows["batch"]
    time = (rows["cycles"] + rows["stall_cycles"]) / (rows["frequency_hz"] * rows["batch"])
    if (free := energy[found] == 0).any():
        layer, item = np.argwhere(free)[0]
        raise VoltileError(
            f"energy table {path}: total_pj of layer '{inputs.network.names[layer]}' at "
            f"{precisions[item]} precision must be above 0, not 0"
        )
    others = ~np.isin(rows["op"], list(_ON_ARRAY)) & (rows["precision"] == precisions[0])
    return PrecisionEnergy(
        path, policy, vdd, energy[found], float(energy[others].sum()), time[found],
        float(time[others].sum()), rows["vdd_v"][found[0]], rows["frequency_hz"][found[0]],
        _reconfiguration(path, table, name, inputs),
    )  # fmt: skip


def _network(path: Path, networks: NDArray[Any], model: str) -> str:
    """Return the network of the table that is meant: of the model's name, or the only one."""
    known = list(dict.fromkeys(networks.tolist()))
    if model in known:
        return model
    if len(known) > 1:
        raise VoltileError(
            f"energy table {path} has no network '{model}'; it has {', '.join(known)}"
        )
    return str(known[0])


def _check_element(path: Path, table: EnergyTable, inputs: PrecisionInputs) -> None:
    element, hardware = inputs.network.element, table.hardware
    if (hardware["pe"], hardware["width"]) != (element.name, element.width):
        raise VoltileError(
            f"energy table {path} is of pe {hardware['pe']} ({hardware['width']} bits), not of "
            f"{element.name} ({element.width} bits): leave --pe out, or make a table with "
            f"'voltile energy --pe {element.name}'"
        )


def _check_precisions(path: Path, rows: dict[str, NDArray[Any]], inputs: PrecisionInputs) -> None:
    element = inputs.network.element
    wanted = [item.name.lower() for item in element.products]
    has = dict.fromkeys(rows["precision"].tolist())
    if set(has) != set(wanted):
        raise VoltileError(
            f"energy table {path} has the precisions {', '.join(has)}; those of pe {element.name} "
            f"are {', '.join(wanted)}"
        )


def _check_layers(path: Path, rows: dict[str, NDArray[Any]], inputs: PrecisionInputs) -> None:
    """Check that the layers on the array are those of the network, with as many MACs."""
    full = np.isin(rows["op"], list(_ON_ARRAY)) & (rows["precision"] == "full")
    macs = dict(
        zip(rows["layer"][full].tolist(), (rows["macs"] // rows["batch"])[full], strict=True)
    )
    names, model = inputs.network.names, inputs.model
    faults = [
        f"{what} {_listed(items)}"
        for what, items in (
            ("it lacks", [item for item in names if item not in macs]),
            (f"{model} lacks", [item for item in macs if item not in names]),
        )
        if items
    ] or [
        f"layer '{layer.name}' has {macs[layer.name]} MACs there, and {layer.macs} in {model}"
        for layer in inputs.layers
        if macs[layer.name] != layer.macs
    ][:1]
    if faults:
        raise VoltileError(f"energy table {path} is of another network: {'; '.join(faults)}")


def _listed(names: Iterable[str], shown: int = 4) -> str:
    every = [f"'{item}'" for item in names]
    more = f" and {len(every) - shown} more" if len(every) > shown else ""
    return ", ".join(every[:shown]) + more


def _reconfiguration(
    path: Path, table: EnergyTable, network: str, inputs: PrecisionInputs
) -> FloatArray | None:
    file = path.with_name("reconfiguration.csv")
    if not file.is_file():
        return None
    rows = [
        row
        for row in read_csv_rows(file, RECONFIGURATION_COLUMNS)
        if row.values["network"] == network
    ]
    if not rows:
        return None
    for name, value in table.hardware.items():
        if rows[0].values[name] != str(value):
            raise rows[0].fault(name, f"{value}, as in {path.name}, not {rows[0].values[name]}")
    weights = np.array([layer.weights for layer in inputs.layers], np.float64)
    if rows[0].integer("weights", 0) != weights.sum():
        raise rows[0].fault("weights", f"{weights.sum():.0f}, as of {inputs.model}")
    each = rows[0].number("total_pj", least=0) * 1e-12 * weights / weights.sum()
    element = inputs.network.element
    fewer = [element.weight_bits(item) < element.width for item in element.products]
    return np.outer(each, fewer)
