"""Precision search on the keyword-spotting network and the example (dissertation 3.3, 3.4).

Prints, for 100 calibration inputs and the others as test set: operating points, mean loss of top-1
accuracy and mean saving of the front (Tables 3.6, 3.8), its hypervolume beside that of all
settings, and the time of 2000 evaluations, with ablations (truncation, no penalty); the points that
finer resolutions than that of Table 3.5 leave; hypervolumes over seeds and evaluations; every
operating point's energy again by the cycles of the accelerator instead of SCALE-Sim's; one point on
the generated Verilog; multilevel classification with a hierarchy of command groups (Table 3.13).
Accuracy at one precision for all layers (Table 3.2) and the speed of evaluations are those of
`precision_evaluation.py`. The first run takes some minutes for the 177147 settings at 8/4 bit.
Needs MODELS_ROOT with kws_dscnn.onnx and kws01_dev.npz.

    ./run python bench/precision_search.py [--skip-rtl]
"""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import accelerator
import numpy as np
from prepared import FOLDER, faults_through, parser_of

from voltile.core import VoltileError
from voltile.flows.energy.job import EnergyConfig, run_energy
from voltile.flows.precision.energy import read_precision_energy
from voltile.flows.precision.multilevel_job import MultilevelConfig, run_multilevel
from voltile.flows.precision.search_display import share
from voltile.flows.precision.search_job import SearchConfig, SearchJobResult, run_search
from voltile.flows.precision.search_outputs import precision_text
from voltile.flows.search import (
    SearchParameters,
    divergence_from_full,
    exhaustive_front,
    exhaustive_points,
    hypervolume,
    search,
)
from voltile.sim import EnergyTable, PrecisionEvaluator

OUT = FOLDER / "precision-search"
# Outputs of MLPerf Tiny's keyword spotting, in what we take for the order of its reference script
# (the network's file does not name them), and groups.
WORDS = ("Down", "Go", "Left", "No", "Off", "On", "Right", "Stop", "Up", "Yes", "Silence",
         "Unknown")  # fmt: skip
GROUPS = {
    "direction": ("Down", "Left", "Right", "Up"), "motion": ("Go", "Stop"),
    "answer": ("No", "Yes"), "switch": ("Off", "On"),
    "command": ("direction", "motion", "answer", "switch"),
    "other": ("Silence", "Unknown"), "sound": ("command", "other"),
}  # fmt: skip
RESOLUTIONS = (0.01, 0.02, 0.05, 0.1)  # the last, of Table 3.5, is what stays in the folders
SEEDS, EVALUATIONS = range(10), (300, 500, 1000, 2000)
CALSETS = (100, 200)


def main(skip_rtl: bool) -> None:
    """Print everything."""
    folder = Path(os.environ.get("MODELS_ROOT", ""))
    model, data = folder / "kws_dscnn.onnx", folder / "kws01_dev.npz"
    if not (model.is_file() and data.is_file()):
        raise VoltileError("MODELS_ROOT must hold kws_dscnn.onnx and kws01_dev.npz")
    results = fronts(cases(model, data))
    plain = ("kws, 16/8", "kws, 8/4", "digits, 8/4")
    resolutions({name: results[name] for name in plain})
    hypervolumes(results["kws, 16/8"])
    for name in plain:
        on_the_accelerator(name, results[name])
    multilevel(model, data)
    if not skip_rtl:
        on_verilog(results["kws, 8/4"])


def cases(model: Path, data: Path) -> dict[str, SearchConfig]:
    """Return the searches, by names for the table."""
    small, large = (
        SearchConfig(str(model), data, pe=pe, exhaustive=pe == "dual")
        for pe in ("scalable", "dual")
    )
    plain = SearchParameters(threshold=np.inf)
    found = {"kws, 16/8, iso-throughput": replace(large, policy="iso-throughput")}
    own = SearchConfig("digits", exhaustive=True)
    for name, config in (("kws, 16/8", large), ("kws, 8/4", small), ("digits, 8/4", own)):
        found[name] = replace(config, exhaustive=True)
        found[f"{name}, truncation"] = replace(config, truncate=True)
        found[f"{name}, no penalty"] = replace(config, parameters=plain)
    return found


def folder_of(name: str) -> Path:
    """Return where a search is."""
    return OUT / name.replace(", ", "-").replace("/", "-").replace(" ", "-")


def fronts(configs: dict[str, SearchConfig]) -> dict[str, SearchJobResult]:
    """Print a row per search (Tables 3.6, 3.8), each made anew."""
    print(
        "| search | points | mean loss of top-1 | mean saving | most | KL divergence | hypervolume "
        "| settings seen | time [s] | CPU [s] |"
    )
    print("| --- " * 10 + "|")
    results = {}
    for name, config in configs.items():
        folder = folder_of(name)
        for kept in (folder / "stages").glob("search-*"):
            kept.unlink()
        times: list[tuple[float, float]] = []

        def now(stage: str, *_: int, times: list[tuple[float, float]] = times) -> None:
            if stage != "all settings":
                times.append((time.perf_counter(), time.process_time()))

        result = results[name] = run_search(config, folder, now, now)
        wall, cpu = (end - begin for begin, end in zip(times[0], times[-1], strict=True))
        loss, divergence = (result.top_1[0] - result.top_1)[1:], result.points.divergence[1:]
        print(
            f"| {name} | {len(loss)}{'' if result.found.within_threshold else ' (none within)'} "
            f"| {loss.mean():.1%} | {result.saving[1:].mean():.1%} | {result.saving.max():.1%} "
            f"| {divergence.min():.2f} to {divergence.max():.2f} "
            f"| {f'{result.check.ratio:.4f}' if result.check else '-'} "
            f"| {len(result.found.seen)} | {wall:.1f} | {cpu:.1f} |",
            flush=True,
        )
    return results


def resolutions(results: dict[str, SearchJobResult]) -> None:
    """Print what finer boxes of epsilon-nondominated sorting leave of the same populations."""
    print("\n| search | resolution | points | hypervolume, of all Pareto points' | mean loss of "
          "top-1 | mean saving | accuracy and files [s] |")  # fmt: skip
    print("| --- " * 7 + "|")
    for name, result in results.items():
        for resolution in RESOLUTIONS:
            parameters = replace(result.config.parameters, resolution=resolution)
            config = replace(result.config, parameters=parameters, exhaustive=False)
            again = run_search(config, folder_of(name))
            record = json.loads((folder_of(name) / "run.json").read_text())
            seconds = sum(record["stages"][item]["wall_s"] for item in ("accuracy", "outputs"))
            corner = np.array([parameters.threshold, again.energy.energy[:, 0].sum()])
            pareto = hypervolume(again.found.seen.take(again.found.pareto).objectives, corner)
            part = hypervolume(again.found.points.objectives, corner) / pareto
            print(
                f"| {name} | {resolution:.0%} | {len(again.points) - 1} | {part:.3f} "
                f"| {(again.top_1[0] - again.top_1)[1:].mean():.1%} "
                f"| {again.saving[1:].mean():.1%} | {seconds:.1f} |",
                flush=True,
            )


def hypervolumes(result: SearchJobResult) -> None:
    """Print how much of the front searches reach over seeds, by evaluations."""
    evaluator = PrecisionEvaluator(result.inputs.network, result.inputs.calibration.values)
    energy, layers = result.energy.energy, len(evaluator.names)
    every = exhaustive_points(divergence_from_full(evaluator.evaluate, layers), energy)
    place = 2 ** np.arange(layers - 1, -1, -1)
    corner = np.array([SearchParameters().threshold, energy[:, 0].sum()])
    whole = hypervolume(exhaustive_front(every, corner[0]).objectives, corner)
    print(f"\n| evaluations, of {len(every)} settings | mean of {len(SEEDS)} seeds | least |")
    print("| --- | --- | --- |")
    for count in EVALUATIONS:
        parts = []
        for seed in SEEDS:
            found = search(
                lambda settings: every.divergence[settings @ place], energy,
                SearchParameters(evaluations=count, seed=seed),
            )  # fmt: skip
            parts.append(hypervolume(found.seen.take(found.pareto).objectives, corner) / whole)
        print(f"| {count} | {np.mean(parts):.4f} | {min(parts):.4f} |", flush=True)


def exact_table(result: SearchJobResult) -> Path:
    """Return where the energies by the accelerator's own cycles are."""
    element, model = result.inputs.network.element.name, result.inputs.model.stem
    return OUT / f"rtl-{model}-{element}" / "energy.csv"


def on_the_accelerator(name: str, result: SearchJobResult) -> None:
    """Print the energy of every point by SCALE-Sim's cycles, and by those of the accelerator."""
    element = result.inputs.network.element.name
    table = exact_table(result)
    run_energy(EnergyConfig(str(result.inputs.model), pe=element, mode="rtl"), table.parent)
    exact = read_precision_energy(table, result.inputs)
    settings = result.points.settings
    energy = exact.energy[np.arange(settings.shape[1]), settings].sum(axis=1) + exact.others
    modes = tuple(result.inputs.network.element.products)
    print(f"\n| {name} | µJ | saving | µJ by the accelerator's cycles | saving | loss of top-1 |")
    print("| --- " * 6 + "|")
    for number, setting in enumerate(settings):
        print(
            f"| {precision_text(modes, setting)} | {result.points.energy[number] * 1e6:.2f} "
            f"| {result.saving[number]:.1%} | {energy[number] * 1e6:.2f} "
            f"| {1 - energy[number] / energy[0]:.1%} "
            f"| {result.top_1[0] - result.top_1[number]:.1%} |"
        )


def multilevel(model: Path, data: Path) -> None:
    """Print Table 3.13 for groups of commands, with calibration sets of two sizes."""
    OUT.mkdir(parents=True, exist_ok=True)
    names, edges = OUT / "words.txt", OUT / "groups.csv"
    names.write_text("\n".join(WORDS) + "\n")
    rows = [f"{lower},{upper}\n" for upper, below in GROUPS.items() for lower in below]
    edges.write_text("class,hypernym\n" + "".join(rows))
    print("\n| calibration set | level | classes | target | calibration | test | difference "
          "| operations saved | MACs mixed | MACs half | precisions |")  # fmt: skip
    print("| --- " * 11 + "|")
    for calset in CALSETS:
        config = MultilevelConfig(str(model), edges, data, calset=calset, classes=names)
        result = run_multilevel(config, OUT / f"multilevel-{calset}")
        modes = tuple(result.inputs.network.element.products)
        for row in result.rows:
            print(
                f"| {calset} | {row.level} | {row.classes} | {row.target:.1%} "
                f"| {row.calibration_accuracy:.1%} | {row.test_accuracy:.1%} "
                f"| {row.difference:+.1%} | {row.saving:.1%} "
                f"| {' | '.join(share(item) for item in row.mac_shares[1:])} "
                f"| {precision_text(modes, row.setting)}{'' if row.met else ', not met'} |"
            )


def on_verilog(result: SearchJobResult) -> None:
    """Run an operating point on the accelerator, beside the golden and the cycle model."""
    network, number = result.inputs.network, len(result.points) // 2
    modes = tuple(network.element.products)
    setting = result.points.settings[number]
    precisions = [modes[item] for item in setting]
    values = result.inputs.test.values[:2] if result.inputs.test else []
    case = accelerator.NetworkCase(network, [(item, precisions) for item in values])
    rows = [row for row in accelerator.simulated(case, "verilator") if row["run"] == "0"]
    table = EnergyTable.read(exact_table(result)).columns
    model = {
        (layer, precision): cycles
        for layer, precision, cycles in zip(
            table["layer"], table["precision"], table["cycles"], strict=True
        )
    }
    print(f"\n{len(values)} inputs of the test set at point {number} "
          f"({precision_text(modes, setting)}) under Verilator: every feature map as the golden "
          "model's\n\n| layer | precision | cycles | of the cycle model |\n| --- | --- | --- "
          "| --- |")  # fmt: skip
    for row in rows:
        of_model = model[row["layer"], row["precision"]]
        print(f"| {row['layer']} | {row['precision']} | {row['cycles']} | {of_model} |")


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("--skip-rtl", action="store_true", help="leave the Verilog out")
    given = parser.parse_args()
    with faults_through(parser):
        main(given.skip_rtl)
