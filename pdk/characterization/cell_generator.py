"""Static CMOS cells from pull-down expressions: transistors, logic and footprint, from a TOML list.

A stage is a static CMOS gate, a transmission gate, or a clocked gate that holds a bit; the notation
stands at the head of `cells/freepdk45.toml`. The pull-up network of a gate is the dual of its
pull-down network. A transistor is as wide as the longest series chain that it stands in is long, so
that every path conducts like the inverter's single transistor, and is folded into fingers no wider
than that one is.

References
----------
N. Weste, D. Harris, "CMOS VLSI Design", 4th ed., 2011: chapters 1 (compound gates), 4 (series
chains), 10 (latches, flip-flops, clock gates) and 11 (mirror adder).
"""

import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voltile.core import TechnologyError
from voltile.pdk.characterization.cell import Cell
from voltile.pdk.characterization.switch_level import check_logic
from voltile.pdk.characterization.transistors import CellNetlist, Transistor
from voltile.pdk.library import Sequential, SequentialKind
from voltile.pdk.logic import Expression, parse_expression

CELL_LISTS = Path(__file__).parent / "cells"

_POWER, _GROUND = "VDD", "VSS"
_STAGE = re.compile(r"(\w+) = (!.+?|\w+)(?: while (\w+), (\w+)| (mirrored))?")


@dataclass(frozen=True)
class CellList:
    """Generated cells, each proven at switch level, and the grid that they stand on [m]."""

    cells: tuple[Cell, ...]
    site_width: float
    row_height: float

    def width(self, cell: Cell) -> float:
        """Return the width of a cell [m], in whole sites of one gate pitch.

        One column per gate line, shared by an n and a p transistor of the same gate; one site for
        the two ends. Neighbouring stages share the diffusion of their rails. A transmission gate
        takes another site, because its n and p gates differ and cannot be one line.
        """
        columns: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
        channels: dict[bool, set[frozenset[str]]] = {False: set(), True: set()}
        for item in cell.netlist.transistors:
            p_type = item.bulk == cell.well_power
            columns[p_type][item.gate] += 1
            channels[p_type].add(frozenset((item.drain, item.source)))
        sites = (columns[False] | columns[True]).total() + 1
        return (sites + len(channels[False] & channels[True])) * self.site_width


@dataclass(frozen=True)
class _Process:
    nmos: str
    pmos: str
    gate_length_um: float
    nmos_width_um: float
    pmos_width_um: float
    inner: float
    smallest: float
    transmission: float
    keeper: float
    site_width_um: float
    row_height_um: float


@dataclass(frozen=True)
class _Stage:
    """What drives `output`: a gate by its networks, or, without them, a transmission gate."""

    output: str
    text: str
    source: str
    pull_down: Expression | None
    pull_up: Expression | None
    clocks: tuple[str, str] | None


def read_cell_list(path: Path) -> CellList:
    """Return the cells of a list, such as `CELL_LISTS / "freepdk45.toml"`.

    Raises
    ------
    TechnologyError
        When the list cannot be read, a stage is not understood, or a cell does not compute what it
        is said to; naming the cell.
    """
    try:
        content = tomllib.loads(path.read_text())
        process = _Process(**content["process"])
        recipes = list(content["cell"])
    except OSError as error:
        raise TechnologyError(f"cannot read cell list {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise TechnologyError(f"cell list {path}: {error}") from None
    cells = []
    for recipe in recipes:
        try:
            cells += [_cell(recipe, drive, process) for drive in recipe["drives"]]
        except (KeyError, TypeError, ValueError) as error:
            name = recipe.get("name", "without a name")
            raise TechnologyError(f"cell list {path}: cell '{name}': {error}") from None
    for cell in cells:
        check_logic(cell)
    return CellList(tuple(cells), process.site_width_um * 1e-6, process.row_height_um * 1e-6)


def _cell(recipe: Mapping[str, Any], drive: float, process: _Process) -> Cell:
    stages = [_stage(text) for text in recipe["stages"]]
    functions = recipe.get("functions") or {stages[0].output: stages[0].text}
    inputs = tuple(recipe["inputs"])
    inner = max(process.smallest, recipe.get("inner", process.inner) * drive)
    devices: list[Transistor] = []
    for stage in stages:
        size = drive if stage.output in functions else inner
        if stage.clocks:
            size = process.keeper if stage.pull_down else process.transmission
        for p_type in (False, True):
            devices += _fingers(stage, p_type, size, process, len(devices))
    name = f"{recipe['name']}_x{drive:g}".replace(".", "p")
    netlist = CellNetlist(name, (*inputs, *functions, _POWER, _GROUND), tuple(devices))
    twice = [net for net, count in Counter(net.lower() for net in netlist.nodes).items()
             if count > 1]  # fmt: skip
    if twice:
        raise ValueError(f"two nets are called '{twice[0]}' but for upper and lower case")
    storage = dict(recipe.get("storage", {}))
    kept = Sequential(SequentialKind(storage.pop("kind")), **storage) if storage else None
    return Cell(netlist, inputs, functions, kept, _POWER, _GROUND, _POWER, _GROUND)


def _stage(text: str) -> _Stage:
    match = _STAGE.fullmatch(text)
    if not match:
        raise ValueError(f"stage '{text}' is not understood")
    output, source, high, low, mirrored = match.groups()
    clocks = (high, low) if high else None
    kind, *tree = parse_expression(source)
    if kind == "var" and clocks:
        return _Stage(output, source, source, None, None, clocks)
    if kind != "not" or not _is_network(tree[0]):
        raise ValueError(f"stage '{text}' is not an inverted expression of '&' and '|'")
    up = tree[0] if mirrored else _dual(tree[0])
    return _Stage(output, source, "", tree[0], up, clocks)


def _is_network(tree: Expression) -> bool:
    if tree[0] in ("and", "or"):
        return all(_is_network(part) for part in tree[1:])
    return tree[0] in ("var", "const")


def _dual(tree: Expression) -> Expression:
    if tree[0] in ("and", "or"):
        return ("or" if tree[0] == "and" else "and", *map(_dual, tree[1:]))
    return tree


def _fingers(
    stage: _Stage, p_type: bool, size: float, process: _Process, first: int
) -> Iterator[Transistor]:
    """The n or the p transistors of a stage, folded."""
    tree = stage.pull_up if p_type else stage.pull_down
    clock = ("var", stage.clocks[p_type]) if stage.clocks else None
    rail = _POWER if p_type else _GROUND
    if tree is None:
        tree, end = clock, stage.source
    else:
        tree, end = ("and", clock, tree) if clock else tree, rail
    model, widest = ((process.pmos, process.pmos_width_um) if p_type
                     else (process.nmos, process.nmos_width_um))  # fmt: skip
    assert tree is not None
    name = f"x{first}{'np'[p_type]}"
    for gate, drain, source, chain in _devices(tree, stage.output, end, 0, name):
        count = math.ceil(size * chain - 1e-9)
        width = round(widest * size * chain / count, 6) * 1e-6
        for _ in range(count):
            first += 1
            yield Transistor(f"M{first}", drain, gate, source, rail, model, width,
                             process.gate_length_um * 1e-6)  # fmt: skip


def _devices(
    tree: Expression, top: str, bottom: str, others: int, name: str
) -> Iterator[tuple[str, str, str, int]]:
    """(gate, drain, source, length of its longest series chain) of a series-parallel network.

    The first of a series stands next to `top`; `others` counts what is in series with all of it.
    """
    if tree[0] == "and":
        first, second = tree[1:]
        yield from _devices(first, top, name, others + _chain(second), name + "a")
        yield from _devices(second, name, bottom, others + _chain(first), name + "b")
    elif tree[0] == "or":
        for part, letter in zip(tree[1:], "ab", strict=True):
            yield from _devices(part, top, bottom, others, name + letter)
    else:
        gate = tree[1] if tree[0] == "var" else (_GROUND, _POWER)[tree[1]]
        yield gate, top, bottom, others + 1


def _chain(tree: Expression) -> int:
    if tree[0] in ("and", "or"):
        return (sum if tree[0] == "and" else max)(map(_chain, tree[1:]))
    return 1
