"""From the chunks of a sweep to its table, its fronts, and what is left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import Precision
from voltile.flows.search import pareto_front, pareto_front_of_three
from voltile.flows.sweep.chunks import Arrays
from voltile.flows.sweep.config import SweepConfig
from voltile.flows.sweep.inputs import SweepInputs
from voltile.sim import ELEMENTS, HARDWARE_COLUMNS, SweepTable

LEFT_OUT_COLUMNS = (
    "network", *HARDWARE_COLUMNS, "act_kib", "weight_kib", "out_kib", "precision", "reason",
)  # fmt: skip


def join_chunks(chunks: Sequence[tuple[int, Arrays]]) -> Arrays:
    """Return the columns of all chunks, designs numbered from that of the first of each chunk.

    Those of rows are absent where all is left out.
    """
    shifted = [
        {name: item + first if name in ("design", "left_design") else item
         for name, item in chunk.items()}
        for first, chunk in chunks
    ]  # fmt: skip
    names = dict.fromkeys(name for chunk in shifted for name in chunk)
    return {
        name: np.concatenate([chunk[name] for chunk in shifted if name in chunk]) for name in names
    }


def sweep_table(inputs: SweepInputs, found: Arrays) -> SweepTable:
    """Return the table of all rows, in the order of designs, operating points and precisions."""
    config, designs = inputs.config, inputs.config.designs
    order = np.lexsort([found[name] for name in ("precision", "point", "design")])
    columns = {name: item[order] for name, item in found.items() if not name.startswith("left_")}
    design, point, precision = (columns.pop(name) for name in ("design", "point", "precision"))
    of_design = {name: np.array(values) for name, values in _of_designs(inputs).items()}
    pes = np.array([config.pes.index(item.pe) for item in designs])
    policies = np.repeat([item.value for item in inputs.policies], len(inputs.vdds))
    area = columns["pe_area_um2"] + columns["sram_area_um2"]
    columns |= {name: values[design] for name, values in of_design.items()}
    columns |= {
        "batch": np.full(len(design), config.batch),
        "precision": np.array([item.name.lower() for item in Precision])[precision],
        "operand_bits": _bits(config)[pes[design], precision],
        "policy": policies[point],
        "reference_vdd_v": np.tile(inputs.vdds, len(inputs.policies))[point],
        "area_um2": area,
        "pareto": np.zeros(len(design), np.int64),
    }
    figures = np.stack([columns["latency_s"], columns["total_pj"], area], axis=1)
    for mine in _groups(columns).values():
        columns["pareto"][mine[pareto_front_of_three(figures[mine])]] = 1
    return SweepTable(columns)


def _of_designs(inputs: SweepInputs) -> dict[str, list[str] | list[int]]:
    """Columns of designs."""
    designs = inputs.config.designs
    return {
        "network": [inputs.workloads[item.network].name for item in designs],
        "rows": [item.array[0] for item in designs],
        "cols": [item.array[1] for item in designs],
        "dataflow": [item.dataflow for item in designs],
        "pe": [item.pe for item in designs],
        "width": [ELEMENTS[item.pe].width for item in designs],
        "mode": [item.mode for item in designs],
        "tech": [inputs.technology.name] * len(designs),
        "act_kib": [item.memories[0] >> 10 for item in designs],
        "weight_kib": [item.memories[1] >> 10 for item in designs],
        "out_kib": [item.memories[2] >> 10 for item in designs],
    }


def _bits(config: SweepConfig) -> NDArray[np.str_]:
    """Bits of activations x weights, shape (elements, precisions)."""
    return np.array(
        [
            ["{}x{}".format(*ELEMENTS[pe].operand_bits(item)) for item in Precision]
            for pe in config.pes
        ]
    )


def _groups(columns: Mapping[str, NDArray[Any]]) -> dict[tuple[str, str], NDArray[np.int64]]:
    """Rows by network and bits of operands, the most bits first, and by whose cycles they are.

    The latter is named only where a sweep has both: one counts more than the other, which must not
    pass for a better design.
    """
    network, bits, mode = columns["network"], columns["operand_bits"], columns["mode"]
    modes = list(dict.fromkeys(mode.tolist()))
    every = sorted(set(bits.tolist()), key=lambda item: [-int(x) for x in item.split("x")])
    groups = {
        (name, item if len(modes) == 1 else f"{item} {whose}"): np.flatnonzero(
            (network == name) & (bits == item) & (mode == whose)
        )
        for name in dict.fromkeys(network.tolist())
        for item in every
        for whose in modes
    }
    return {key: rows for key, rows in groups.items() if len(rows)}


def sweep_fronts(table: SweepTable) -> dict[tuple[str, str], NDArray[np.int64]]:
    """Return the rows on the front in latency and energy, by groups that compare."""
    columns = table.columns
    figures = np.stack([columns["latency_s"], columns["total_pj"]], axis=1)
    return {key: mine[pareto_front(figures[mine])] for key, mine in _groups(columns).items()}


def left_out_counts(inputs: SweepInputs, found: Arrays) -> dict[str, int]:
    """Return how many combinations are left out by reason, the most frequent one first.

    What is left out of a design at a precision is left out at every operating point.
    """
    counts = Counter(found["left_reason"].tolist())
    points = len(inputs.policies) * len(inputs.vdds)
    return {reason: count * points for reason, count in counts.most_common()}


def left_out_rows(inputs: SweepInputs, found: Arrays) -> list[tuple[object, ...]]:
    """Return rows of `LEFT_OUT_COLUMNS`."""
    names = [item.name.lower() for item in Precision]
    designs = list(zip(*_of_designs(inputs).values(), strict=True))
    left = (found[f"left_{item}"].tolist() for item in ("design", "precision", "reason"))
    return [
        (*designs[design], names[precision], reason)
        for design, precision, reason in zip(*left, strict=True)
    ]


def reasons(left_out: Mapping[str, int], most: int = 3) -> str:
    """Return the most frequent reasons in a line."""
    parts = [f"{reason} ({count})" for reason, count in list(left_out.items())[:most]]
    more = len(left_out) - most
    return "; ".join([*parts, *([f"{more} other reasons"] if more > 0 else [])])
