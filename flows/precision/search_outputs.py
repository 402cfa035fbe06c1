"""Files of a search: operating points as a table and for run time, models, pictures."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import Precision, write_atomically
from voltile.flows.output_files import remove_outputs, write_csv
from voltile.flows.precision.budget_job import BUDGET_OUTPUTS
from voltile.flows.precision.lookup_table import LOOKUP_SCHEMA
from voltile.sim import layer_flags, qdq_model

if TYPE_CHECKING:
    from voltile.flows.precision.search_job import SearchJobResult
    from voltile.sim import FixedPointNetwork

SEARCH_OUTPUTS = ("operating_points.csv", "layers.csv", "switches.csv", "lookup.json", "front.png",
                  "population.png", "run.json")  # fmt: skip
POINT_COLUMNS = (
    "point", "precisions", "energy_pj", "saving", "latency_s", "kl_divergence", "top1_calibration",
    "top1_test", "reconfiguration_pj",
)  # fmt: skip
SWITCH_COLUMNS = ("from", "to", "layers", "energy_pj")


def precision_text(precisions: Sequence[Precision], setting: NDArray[np.int64]) -> str:
    """Return a setting as a letter per layer: F (full), M (mixed), H (half)."""
    return "".join(precisions[item].name[0] for item in setting)


def setting_flags(
    network: "FixedPointNetwork", setting: NDArray[np.int64]
) -> list[dict[str, str | int | bool]]:
    """Return what a setting changes in the descriptors of the layers."""
    return layer_flags(network, _of(network, setting))


def _of(network: "FixedPointNetwork", setting: NDArray[np.int64]) -> list[Precision]:
    known = tuple(network.element.products)
    return [known[item] for item in setting]


def write_search(result: "SearchJobResult", out: Path) -> None:
    """Write everything but `run.json`."""
    from voltile.flows.precision.search_plots import plot_front, plot_population

    models = out / "models"
    models.mkdir(parents=True)
    network = result.inputs.network
    for number, setting in enumerate(result.points.settings):
        with write_atomically(models / model_name(number)) as temporary:
            temporary.write_bytes(qdq_model(network, _of(network, setting)))
    write_csv(out / "operating_points.csv", POINT_COLUMNS, _point_rows(result))
    write_csv(out / "switches.csv", SWITCH_COLUMNS, _switch_rows(result))
    _write_layers(result, out / "layers.csv")
    with write_atomically(out / "lookup.json") as temporary:
        temporary.write_text(json.dumps(lookup(result), indent=1) + "\n")
    plot_front(result, out / "front.png")
    plot_population(result, out / "population.png")


def remove_search(out: Path) -> None:
    """Remove what an earlier search left, with the budgets that were emulated on its points."""
    remove_outputs(out, SEARCH_OUTPUTS)
    shutil.rmtree(out / "models", ignore_errors=True)
    for record in out.glob("budget-*/budget.json"):
        remove_outputs(record.parent, BUDGET_OUTPUTS)
        with suppress(OSError):  # there are files of others
            record.parent.rmdir()


def model_name(number: int) -> str:
    """Return the file name of a point's model."""
    return f"point_{number:02d}.onnx"


def _point_rows(result: "SearchJobResult") -> Iterator[tuple[object, ...]]:
    points, precisions = result.points, tuple(result.inputs.network.element.products)
    latency = result.latency
    for number in range(len(points)):
        yield (
            number, precision_text(precisions, points.settings[number]),
            *(
                "" if isnan(value) else f"{value:.9g}"
                for value in (
                    points.energy[number] * 1e12, result.saving[number], latency[number],
                    points.divergence[number], result.calibration_top_1[number],
                    result.test_top_1[number], result.reconfiguration[0, number] * 1e12,
                )
            ),
        )  # fmt: skip


def _switch_rows(result: "SearchJobResult") -> Iterator[tuple[object, ...]]:
    """Yield every switch between two points: the layers that change, and the energy of it."""
    settings, names = result.points.settings, np.array(result.inputs.network.names)
    for start, end in np.argwhere(~np.eye(len(settings), dtype=bool)).tolist():
        energy = result.reconfiguration[start, end] * 1e12
        changed = names[settings[start] != settings[end]]
        yield start, end, " ".join(changed), "" if isnan(energy) else f"{energy:.9g}"


def _write_layers(result: "SearchJobResult", path: Path) -> None:
    """Write, per layer, weights, energy and cost of weights at every precision, and the points."""
    modes = [item.name.lower() for item in result.inputs.network.element.products]
    cost = result.energy.reconfiguration
    columns = ("layer", "macs", "weights", *(f"{item}_energy_pj" for item in modes),
               *(f"{item}_reconfiguration_pj" for item in modes),
               *(f"point_{number}" for number in range(len(result.points))))  # fmt: skip
    rows = []
    for number, layer in enumerate(result.inputs.layers):
        costs = (
            [""] * len(modes) if cost is None else [f"{item * 1e12:.9g}" for item in cost[number]]
        )
        rows.append(
            (
                layer.name, layer.macs, layer.weights,
                *(f"{item * 1e12:.9g}" for item in result.energy.energy[number]), *costs,
                *(modes[item] for item in result.points.settings[:, number]),
            )
        )  # fmt: skip
    write_csv(path, columns, rows)


def lookup(result: "SearchJobResult") -> dict[str, Any]:
    """Return the run-time look-up table as plain data, energies in pJ."""
    network, energy, points = result.inputs.network, result.energy, result.points
    modes = [item.name.lower() for item in network.element.products]
    cost, latency = energy.reconfiguration, result.latency
    return {
        "schema": LOOKUP_SCHEMA,
        "network": result.inputs.model.stem,
        "element": network.element.name,
        "policy": energy.policy,
        "reference_vdd_v": energy.reference_vdd,
        "precisions": {
            name: {"vdd_v": float(vdd), "frequency_hz": float(frequency)}
            for name, vdd, frequency in zip(modes, energy.vdd, energy.frequency, strict=True)
        },
        "reconfiguration_pj": None if cost is None else {
            name: dict(zip(modes, (row * 1e12).tolist(), strict=True))
            for name, row in zip(network.names, cost, strict=True)
        },
        "points": [
            {
                "point": number,
                "energy_pj": float(points.energy[number] * 1e12),
                "latency_s": float(latency[number]),
                "kl_divergence": float(points.divergence[number]),
                "top1_calibration": _known(result.calibration_top_1[number]),
                "top1_test": _known(result.test_top_1[number]),
                "model": f"models/{model_name(number)}",
                "layers": setting_flags(network, setting),
            }
            for number, setting in enumerate(points.settings)
        ],
    }  # fmt: skip


def _known(value: float) -> float | None:
    return None if isnan(value) else float(value)
