"""Writes what a characterisation makes: libraries, footprints, mixed-supply tables, a manifest."""

import csv
import io
import json
import lzma
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from voltile.core import write_atomically
from voltile.pdk.characterization.anchor import anchored, anchoring_note
from voltile.pdk.characterization.cell_sources import Subject
from voltile.pdk.characterization.config import Config
from voltile.pdk.characterization.header import HeaderMeasurement
from voltile.pdk.characterization.liberty_writer import Conditions, MeasuredCell, liberty_text
from voltile.pdk.characterization.measurement import CellMeasurement
from voltile.pdk.characterization.mixed_supply_table import mixed_supply_table
from voltile.pdk.header import header_csv
from voltile.pdk.lef_writer import Footprint, Site, lef_text, tech_lef_text

Measured = Mapping[str, Sequence[CellMeasurement]]


def write_products(
    config: Config,
    site_size: tuple[float, float],
    subjects: Mapping[str, Subject],
    measured: Measured,
    header: HeaderMeasurement | None,
    provenance: str,
    out: Path,
    show: Callable[[int, int], None],
) -> Path:
    """Write all files into `out`; return the manifest, which is written last.

    Parameters
    ----------
    measured : mapping of cell to measurements
        For every bias, first the unbiased one, at every supply.
    header : HeaderMeasurement, optional
        Of a Vdd-MUX.
    provenance : str
        Stands in the header of every library.
    show : callable
        Takes how many libraries are written, and of how many.
    """
    site = Site(config.site, *site_size)
    note = anchoring_note(config)
    made = f"{provenance}\n{note}".strip()
    libraries = _write_libraries(
        config, site, subjects, anchored(config, measured),
        f"{made}\n\n{config.licence}".strip(), out, show,
    )  # fmt: skip
    cells = [subject.cell for subject in subjects.values()]
    footprints = [
        Footprint(
            subject.cell.name, subject.width,
            dict.fromkeys(subject.cell.inputs, "INPUT")
            | dict.fromkeys(subject.cell.functions, "OUTPUT"),
        )
        for subject in subjects.values()
    ]  # fmt: skip
    _write(out / "tech.lef", tech_lef_text(site, config.power_layers))
    _write(out / "cells.lef", lef_text(site, footprints, cells[0].power, cells[0].ground))
    mixed_supply_table(
        item for items in measured.values() for item in items
    ).save(out / "mixed_supply.npz")  # fmt: skip
    rows = slow_down(config, measured)
    table = io.StringIO()
    writer = csv.DictWriter(table, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    _write(out / "slow_down.csv", table.getvalue())
    if header is not None:
        _write(out / "headers.csv", header_csv(**vars(header)))
    manifest = out / "manifest.toml"
    _write(manifest, _manifest(config, libraries, rows, note, header is not None))
    return manifest


def slow_down(config: Config, measured: Measured) -> list[dict[str, str]]:
    """Return the rows of slow_down.csv: what each gate length does to delay and leakage.

    `delay_factor` is the mean, over all arcs of all cells, of the delay in the middle of the table
    over that of the first bias at the same supply (dissertation Fig. 4.7); `leakage_factor_CORNER`
    the mean over all cells of the same of their mean leakage.
    """
    base = next(iter(config.lengths))
    found = {(cell, item.bias, item.vdd): item for cell, items in measured.items()
             for item in items}  # fmt: skip
    rows = []
    for bias, length in config.lengths.items():
        for vdd in config.vdds:
            pairs = [(found[cell, bias, vdd], found[cell, base, vdd]) for cell in measured]
            row = {"bias": bias, "gate_length_nm": f"{length * 1e9:g}", "vdd_v": f"{vdd:g}"}
            row["delay_factor"] = _mean(
                mine / other
                for pair in pairs
                for mine, other in zip(*map(_middle_delays, pair), strict=True)
                if other > 0
            )
            for corner in config.leakage_corners:
                row[f"leakage_factor_{corner.name}"] = _mean(
                    mine / other
                    for mine, other in (
                        [float(np.mean(list(item.leakage[corner.name].values()))) for item in pair]
                        for pair in pairs
                    )
                    if other > 0
                )
            rows.append(row)
    return rows


def _middle_delays(item: CellMeasurement) -> list[float]:
    slew, load = len(item.slews) // 2, len(item.loads) // 2
    return [arc.delay[slew][load] for arc in item.arcs]


def _mean(values: Iterable[float]) -> str:
    numbers = list(values)
    return f"{np.mean(numbers):.5f}" if numbers else ""


def _write_libraries(
    config: Config,
    site: Site,
    subjects: Mapping[str, Subject],
    measured: Measured,
    provenance: str,
    out: Path,
    show: Callable[[int, int], None],
) -> list[tuple[str, float, str]]:
    """Write a Liberty file per bias and supply; return bias, supply and name of each."""
    folder = out / "lib"
    folder.mkdir(exist_ok=True)
    corner = config.timing_corner
    written = []
    for bias in config.lengths:
        for vdd in config.vdds:
            conditions = Conditions(
                config.name.replace("-", "_"), bias, corner.name, corner.temperature, vdd,
                config.leakage_corners[0].name, provenance,
            )  # fmt: skip
            cells = [
                MeasuredCell(subjects[name].cell, subjects[name].width * site.height, item)
                for name, items in measured.items()
                for item in items
                if (item.bias, item.vdd) == (bias, vdd)
            ]
            name = f"{conditions.library_name}.lib.xz"
            with write_atomically(folder / name) as temporary:
                temporary.write_bytes(_compressed(liberty_text(conditions, cells)))
            written.append((bias, vdd, f"lib/{name}"))
            show(len(written), len(config.lengths) * len(config.vdds))
    for path in folder.glob("*.lib.xz"):
        if f"lib/{path.name}" not in {name for _, _, name in written}:
            path.unlink()  # of an earlier run with other supplies or biases
    return written


def _compressed(text: str) -> bytes:
    """As xz; the same text gives the same bytes."""
    return lzma.compress(text.encode(), check=lzma.CHECK_CRC32, preset=9)


def _manifest(
    config: Config, libraries: Sequence[tuple[str, float, str]], rows: Sequence[Mapping[str, str]],
    note: str, has_header: bool,
) -> str:  # fmt: skip
    roles = config.roles
    nominal = {row["bias"]: row["delay_factor"] for row in rows
               if row["vdd_v"] == f"{config.nominal_vdd:g}"}  # fmt: skip
    lines = [
        "# Written by voltile characterize.",
        "",
        f"name = {_text(config.name)}",
        f"description = {_text(' '.join((config.description, *([f'({note})'] if note else []))))}",
        f"nominal_vdd_v = {config.nominal_vdd:g}",
        f"synthesis_period_ns = {config.synthesis_period * 1e9:g}",
        f"biases = {_text(list(config.lengths))}",
        "",
        "[corner]",
        f"timing = {_text(config.timing_corner.name)}",
        f"leakage = {_text(config.leakage_corners[0].name)}",
        "",
        "[layout]",
        'tech_lef = ["tech.lef"]',
        'lef = ["cells.lef"]',
        f"site = {_text(config.site)}",
        f"tile_gap_sites = {config.tile_gap}",
        "",
        "[wire]",
        f"resistance_ohm_per_um = {config.wire_resistance * 1e-6:.6g}",
        f"capacitance_ff_per_um = {config.wire_capacitance * 1e9:.6g}",
        "",
        "[cells]",
        *(f"{key} = {_text(value)}" for key, value in vars(roles).items()),
        "",
        "[mixed_supply]",
        'file = "mixed_supply.npz"',
        "",
        "# Mean added delay of each gate length at the nominal supply.",
        "[slow_down]",
        *(f"{bias} = {float(factor) - 1:.5f}" for bias, factor in nominal.items() if factor),
    ]
    if has_header:
        lines += _header_keys(config)
    if config.sram_nm:
        lines += ["", "[sram]", f"tech_nm = {config.sram_nm}"]
        lines += [f"note = {_text(config.sram_note)}"] if config.sram_note else []
    for bias, vdd, name in libraries:
        lines += ["", "[[library]]", f"bias = {_text(bias)}", f"vdd_v = {vdd:g}",
                  f"file = {_text(name)}"]  # fmt: skip
    return "\n".join(lines) + "\n"


def _header_keys(config: Config) -> list[str]:
    design = config.header
    assert design is not None
    lines = ["", "[header]", 'file = "headers.csv"', f"finger_um = {design.finger_width * 1e6:g}"]
    if design.gate_pitch:
        lines.append(f"gate_pitch_um = {design.gate_pitch * 1e6:g}")
    return [*lines, f"well_gap_sites = {design.well_gap}",
            f"flip_flop = {_text(design.flip_flop)}"]  # fmt: skip


def _text(value: str | Sequence[str]) -> str:
    """A text or list of texts, as TOML has it."""
    return json.dumps(value, ensure_ascii=False)


def _write(path: Path, text: str) -> None:
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
