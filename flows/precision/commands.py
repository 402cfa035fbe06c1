"""`voltile search`, `voltile multilevel`, `voltile budget`: networks of adaptive precision."""

from math import inf
from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str, typer.Argument(help="ONNX file, or the built-in example: digits.", show_default=False)
]
Calibration = Annotated[
    Path | None,
    typer.Option(help="Inputs as npz: x (inputs x channels x height x width), their labels y where "
                 "known; scale and zero_point make numbers of integers. [the example's]"),
]  # fmt: skip
TestSet = Annotated[
    Path | None,
    typer.Option("--test", help="Inputs with labels for testing. [those that --calset leaves]"),
]
Calset = Annotated[
    int | None,
    typer.Option(help="Inputs for calibration, the first of the file's (Table 3.5). [100, or all "
                 "of fewer]"),
]  # fmt: skip
Element = Annotated[
    str | None,
    typer.Option("--pe", help="Processing element: scalable, spatial (8/4 bits), dual (16/8). "
                 "[that of the energy table, else scalable]"),
]  # fmt: skip
Policy = Annotated[
    str | None,
    typer.Option(help="How low precision uses its speed, of those in the table: same-supply, "
                 "iso-frequency, iso-throughput. [same-supply: no layer needs another supply]"),
]  # fmt: skip
Vdd = Annotated[
    float | None,
    typer.Option(help="Supply of full precision [V], of those in the table of --energy. [the "
                 "highest there, else the nominal one]"),
]  # fmt: skip
Truncate = Annotated[
    bool, typer.Option("--truncate", help="Truncate the weights of low precision (Fig. 3.5a).")
]
AccWidth = Annotated[
    int | None,
    typer.Option(help="Emulate accumulators of as many bits that saturate, which takes long. "
                 "[sums are never out of range]"),
]  # fmt: skip
Workers = Annotated[
    int,
    typer.Option(min=1, help="Processes that evaluate settings. One, with onnxruntime's threads, "
                 "is as fast or faster for small networks."),
]  # fmt: skip


def search_command(
    model: Model,
    calibration: Calibration = None,
    energy: Annotated[
        Path | None,
        typer.Option(help="Energy table of 'voltile energy'. [computed with its defaults]"),
    ] = None,
    test: TestSet = None,
    calset: Calset = None,
    pe: Element = None,
    policy: Policy = None,
    vdd: Vdd = None,
    threshold: Annotated[
        float, typer.Option(help="KL divergence above which settings are penalised.")
    ] = 0.5,
    no_penalty: Annotated[
        bool, typer.Option("--no-penalty", help="Plain NSGA-II, as an ablation (Fig. 3.8).")
    ] = False,
    evaluations: Annotated[int, typer.Option(help="At which the search ends (maxeval).")] = 2000,
    population: Annotated[int, typer.Option(help="Settings of a population.")] = 100,
    resolution: Annotated[
        float,
        typer.Option(
            help="Of operating points: part of the ranges of KL divergence and energy "
            "in which one is kept."
        ),
    ] = 0.1,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.")] = 0,
    truncate: Truncate = False,
    acc_width: AccWidth = None,
    workers: Workers = 1,
    exhaustive: Annotated[
        bool,
        typer.Option(
            "--exhaustive",
            help="Compare with all settings, up to 177147 of them: "
            "17 layers of two precisions, 11 of three.",
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Output folder. [runs/search-MODEL]")
    ] = None,
) -> None:
    """Search for the precision per layer that takes the least energy for the least harm.

    NSGA-II* (Algorithm 2) over KL divergence from full precision, on the calibration set, and
    energy per inference, from the table. One set of weights serves all points. An interrupted
    search goes on where it stopped: same command, same folder.

    Leaves in the output folder: operating_points.csv, layers.csv (energy, weights and precisions
    per layer), switches.csv (what it takes to go from point to point), lookup.json (per point the
    flags of the accelerator's descriptors), models/ (a standard QDQ ONNX file per point), front.png
    (Fig. 3.6), population.png (Fig. 3.9), run.json; documented in docs/precision_search.md.

    Examples:

    `voltile search digits --exhaustive` : the example, beside all its settings

    `voltile energy kws.onnx --pe dual` and then
    `voltile search kws.onnx --calibration kws.npz --energy runs/energy-kws/energy.csv`

    `voltile search net.onnx --calibration train.npz --test val.npz --threshold 0.2 --seed 3`
    """
    from rich.console import Console

    from voltile.flows.precision.search_display import evaluations_bar, points_table
    from voltile.flows.precision.search_job import SearchConfig, run_search
    from voltile.flows.search import SearchParameters

    parameters = SearchParameters(
        population=population, evaluations=evaluations,
        threshold=inf if no_penalty else threshold, resolution=resolution, seed=seed,
    )  # fmt: skip
    config = SearchConfig(
        model, calibration, test, calset, energy, pe, policy, vdd, truncate, exhaustive,
        acc_width, workers, parameters,
    )  # fmt: skip
    folder = out or Path("runs") / f"search-{Path(model).stem}"
    try:
        with evaluations_bar() as show:
            result = run_search(config, folder, lambda line: typer.echo(line, err=True), show)
    except KeyboardInterrupt:
        typer.echo(f"interrupted; the same command goes on from {folder}", err=True)
        raise typer.Exit(130) from None
    console = Console(width=None if Console().is_terminal else 120, highlight=False)
    console.print(points_table(result))
    found = result.found
    typer.echo(f"{found.evaluations} evaluations, {len(found.seen)} settings seen")
    if not found.within_threshold:
        typer.echo(f"warning: no setting has a KL divergence of {threshold:g} or less", err=True)
    if result.check:
        typer.echo(
            f"all {result.check.settings} settings have {len(result.check.front)} Pareto points; "
            f"hypervolume of the search's: {result.check.ratio:.4f} of theirs"
        )
    if acc_width is not None:
        typer.echo(f"{result.inputs.saturating}; the files in models/ do not saturate")
    typer.echo(f"{folder / 'operating_points.csv'}")


def multilevel_command(
    model: Model,
    hierarchy: Annotated[
        Path | None,
        typer.Option(help="CSV of is-a edges: class, hypernym. [the example's]"),
    ] = None,
    calibration: Calibration = None,
    level: Annotated[
        list[int] | None, typer.Option(help="Levels of abstraction; 0 is the root. [all below it]")
    ] = None,
    target: Annotated[
        list[float] | None,
        typer.Option(help="Target accuracies, 0 to 1. [those of the levels at full precision]"),
    ] = None,
    classes: Annotated[
        Path | None, typer.Option(help="Names of the outputs, one a line. [0, 1, 2 ...]")
    ] = None,
    energy: Annotated[
        Path | None,
        typer.Option(help="Energy table, whose energy is the effort. [operations of Table 3.9]"),
    ] = None,
    test: TestSet = None,
    calset: Calset = None,
    pe: Element = None,
    policy: Policy = None,
    vdd: Vdd = None,
    truncate: Truncate = False,
    acc_width: AccWidth = None,
    workers: Workers = 1,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Output folder. [runs/multilevel-MODEL]")
    ] = None,
) -> None:
    """Lower precisions as far as a target accuracy at a level of abstraction allows (Algorithm 4).

    Classes at a level are those at that depth of the hierarchy, and leaves above it; probabilities
    of the outputs below each are added up (Eq. 3.7). The effort is in operations of 4 x 4 bits
    (Eq. 3.9), or in energy with --energy. An interrupted assignment goes on where it stopped: same
    command, same folder.

    Leaves in the output folder: multilevel.csv (Table 3.13), settings.json (the classes of every
    level, and per row the flags of the accelerator's descriptors), multilevel.png (Fig. 3.15),
    run.json; documented in docs/precision_search.md.

    Examples:

    `voltile multilevel digits` : the example, at both levels of its hierarchy

    `voltile multilevel kws.onnx --hierarchy groups.csv --classes labels.txt --calibration kws.npz
    --level 1 2 --target 0.8 0.9`
    """
    from rich.console import Console

    from voltile.flows.precision.multilevel_display import multilevel_rows
    from voltile.flows.precision.multilevel_job import MultilevelConfig, run_multilevel
    from voltile.flows.precision.search_display import evaluations_bar

    config = MultilevelConfig(
        model, hierarchy, calibration, test, calset, tuple(level or ()), tuple(target or ()),
        classes, energy, policy, vdd, pe, truncate, acc_width, workers,
    )  # fmt: skip
    folder = out or Path("runs") / f"multilevel-{Path(model).stem}"
    try:
        with evaluations_bar() as show:
            result = run_multilevel(config, folder, show)
    except KeyboardInterrupt:
        typer.echo(f"interrupted; the same command goes on from {folder}", err=True)
        raise typer.Exit(130) from None
    console = Console(width=None if Console().is_terminal else 120, highlight=False)
    console.print(multilevel_rows(result))
    typer.echo(f"{result.evaluations} settings evaluated")
    if acc_width is not None:
        typer.echo(result.inputs.saturating)
    typer.echo(f"{folder / 'multilevel.csv'}")


def budget_command(
    budget: Annotated[
        Path,
        typer.Argument(help="CSV of time_s,budget_j: energy that an inference may take from that "
                       "time to the next row. The last row ends the trace: its budget is 0 or "
                       "empty."),
    ],
    run: Annotated[Path, typer.Option(help="Folder of a finished 'voltile search'.")],
    rate: Annotated[float, typer.Option(help="Inferences per second.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Output folder. [RUN/budget-NAME]")
    ] = None,
) -> None:  # fmt: skip
    """Emulate the run-time controller of a searched network under an energy budget.

    At every change of the budget it takes the operating point of the least KL divergence whose
    energy is within it, or the one of the least energy, of those that are fast enough for the rate.
    Layers that change their precision get their weights anew, whose energy is counted per switch.

    Leaves in the output folder: budget.csv, budget.png, budget.json.

    Example:

    `voltile budget solar.csv --run runs/search-digits --rate 10`
    """
    from voltile.flows.energy.plots import energy_unit
    from voltile.flows.precision.budget_job import run_budget

    folder = out or run / f"budget-{budget.stem}"
    try:
        result = run_budget(budget, run, rate, folder)
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command begins anew", err=True)
        raise typer.Exit(130) from None
    done, table = result.run, result.table
    unit, factor = energy_unit(done.energy)
    switch = float(done.switch_energy.sum())
    typer.echo(
        f"{table.network}: {done.inferences.sum()} inferences, {done.energy * factor:.4g} {unit}, "
        f"{switch * factor:.3g} {unit} of it for {done.switches} switches"
    )
    if table.reconfiguration is None:
        typer.echo("note: what a switch takes is not known to this search, and not counted")
    if table.top_1_set and done.inferences.sum():
        typer.echo(f"mean accuracy: {done.mean_accuracy:.2%}, of the {table.top_1_set} set")
    if result.slow:
        typer.echo(f"{result.slow} at {rate:g} inferences per second", err=True)
    if not done.met.all():
        over = int((~done.met).sum())
        which = "no point that is fast enough" if result.slow else "no point"
        typer.echo(f"{which} is within {over} of {len(done.met)} budgets", err=True)
    typer.echo(f"{folder / 'budget.csv'}")
