"""Logic as a list of array operations: gates in levels, each level one `Step`.

The state of a simulation is one array of words, shape (2, nodes, words): row 0 holds every node,
row 1 its complement, so that a literal, true or inverted, is one index into the flat first two
axes.
Bit j of word w is stream 64 w + j.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.power.covers import cover_of

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Words = NDArray[np.uint64]

ALL_ONES = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@dataclass(frozen=True)
class Step:
    """Gates that can be evaluated at once, each an OR of ANDs, inverted or not.

    Products stand in the order of falling number of literals, gates in that of falling number of
    products; so the k-th literals of all products that have so many are added to a leading slice.

    Attributes
    ----------
    literals, literal_counts
        Indices of the first literals of all products, then of the second ones, and so on; and how
        many there are of each.
    products, product_counts
        The same, one storey up: rows of the products of each gate. No counts: the products are the
        gates.
    invert : ndarray of uint64, shape (gates, 1)
        All ones where the gate is inverted.
    """

    literals: Ints
    literal_counts: tuple[int, ...]
    products: Ints
    product_counts: tuple[int, ...]
    invert: Words

    def evaluate(self, literal_values: Words) -> Words:
        """Return the value of each gate, shape (gates, words).

        Parameters
        ----------
        literal_values : ndarray, shape (2 * nodes, words)
        """
        product = _reduce(np.bitwise_and, literal_values, self.literals, self.literal_counts)
        if self.product_counts:
            product = _reduce(np.bitwise_or, product, self.products, self.product_counts)
        product ^= self.invert
        return product


def _reduce(operation: np.ufunc, values: Words, index: Ints, counts: tuple[int, ...]) -> Words:
    gathered = values.take(index, axis=0)
    result = gathered[: counts[0]]
    start = counts[0]
    for count in counts[1:]:
        part = result[:count]
        operation(part, gathered[start : start + count], out=part)
        start += count
    return result


@dataclass(frozen=True)
class Function:
    """One truth table and the instances that compute it.

    Attributes
    ----------
    table : tuple of bool
        Bit k of the pattern number is the value of input k.
    output : ndarray of int, shape (instances,)
        Signal that each instance drives.
    inputs : ndarray of int, shape (instances, inputs)
        Signals that it reads.
    cell : ndarray of int, shape (instances,)
        Instance of the netlist, for messages.
    """

    table: tuple[bool, ...]
    output: Ints
    inputs: Ints
    cell: Ints


@dataclass(frozen=True)
class Gates:
    """Functions written as sums of products.

    Attributes
    ----------
    output, invert, cell : ndarray, shape (gates,)
    literal : ndarray of int, shape (products, most literals)
        2 * signal + inverted, filled up with -1; `size` is the number of literals, and products
        are sorted by `gate`.
    """

    output: Ints
    invert: Bools
    cell: Ints
    literal: Ints
    size: Ints
    gate: Ints

    def edges(self) -> tuple[Ints, Ints]:
        """(signal, gate) for every literal."""
        row, column = np.nonzero(self.literal >= 0)
        return self.literal[row, column] >> 1, self.gate[row]

    def subset(self, gates: Ints) -> "Gates":
        """The gates of these numbers, which ascend."""
        number = np.full(len(self.output), -1)
        number[gates] = np.arange(len(gates))
        kept = number[self.gate] >= 0
        return Gates(
            self.output[gates], self.invert[gates], self.cell[gates],
            self.literal[kept], self.size[kept], number[self.gate[kept]],
        )  # fmt: skip


def make_gates(functions: Sequence[Function]) -> Gates:
    """Return all instances of all functions as gates."""
    outputs, inverts, cells, literals, gates = [], [], [], [], []
    covers = [cover_of(function.table) for function in functions]
    most = max((len(item) for cover in covers for item in cover.products), default=1)
    first = 0
    for function, cover in zip(functions, covers, strict=True):
        count = len(function.output)
        outputs.append(function.output)
        cells.append(function.cell)
        inverts.append(np.full(count, cover.inverted))
        # A constant is the literal of signal 0, which is always false.
        for product in cover.products or (None,):
            literal = np.full((count, most), -1)
            if product is None:
                literal[:, 0] = 0
            for place, (bit, level) in enumerate(product or ()):
                literal[:, place] = 2 * function.inputs[:, bit] + (1 - level)
            literals.append(literal)
            gates.append(np.arange(first, first + count))
        first += count
    gate = np.concatenate([np.zeros(0, dtype=np.int64), *gates])
    literal = np.concatenate([np.zeros((0, most), dtype=np.int64), *literals])
    order = np.argsort(gate, kind="stable")
    literal = literal[order]
    empty = np.zeros(0, dtype=np.int64)
    return Gates(
        np.concatenate([empty, *outputs]),
        np.concatenate([empty.astype(bool), *inverts]),
        np.concatenate([empty, *cells]),
        literal,
        np.count_nonzero(literal >= 0, axis=1),
        gate[order],
    )


def find_levels(gates: Gates, signals: int) -> Ints:
    """Return the level of each gate, from 0; -1 for gates on or behind a loop.

    A gate that reads its own output reads the value from before: it holds state.
    """
    driver = np.full(signals, -1)
    driver[gates.output] = np.arange(len(gates.output))
    signal, target = gates.edges()
    source = driver[signal]
    kept = (source >= 0) & (source != target)
    source, target = source[kept], target[kept]
    order = np.argsort(source, kind="stable")
    reader = target[order]
    first = np.searchsorted(source[order], np.arange(len(gates.output) + 1))
    waiting = np.bincount(target, minlength=len(gates.output))
    level = np.full(len(gates.output), -1)
    front = np.flatnonzero(waiting == 0)
    depth = 0
    while len(front):
        level[front] = depth
        depth += 1
        reached, times = np.unique(reader[runs(first, front)], return_counts=True)
        waiting[reached] -= times
        front = reached[waiting[reached] == 0]
    return level


def runs(first: Ints, rows: Ints) -> Ints:
    """Return the indices first[r] : first[r + 1] of all rows r, one after the other."""
    counts = first[rows + 1] - first[rows]
    start = np.repeat(first[rows] - (np.cumsum(counts) - counts), counts)
    return start + np.arange(int(counts.sum()))


def step_order(gates: Gates, level: Ints) -> Ints:
    """Return the gates in the order of evaluation: by level, then by falling number of products.

    Those of one product follow each other by falling number of literals, which is the order of the
    products as well: a level of such gates is done after its ANDs.
    """
    first = np.searchsorted(gates.gate, np.arange(len(gates.output) + 1))
    return np.lexsort((-gates.size[first[:-1]], -np.diff(first), level))


def make_step(gates: Gates, members: Ints, literal_index: Ints) -> Step:
    """Return the step that evaluates some gates.

    Parameters
    ----------
    members : ndarray of int
        Gates, in the order of falling number of products.
    literal_index : ndarray of int, shape (2 * signals,)
        Row of the literal values that holds each literal.
    """
    first = np.searchsorted(gates.gate, np.arange(len(gates.output) + 1))
    rows = runs(first, members)
    counts = first[members + 1] - first[members]
    order = np.argsort(-gates.size[rows], kind="stable")
    literal, size = gates.literal[rows[order]], gates.size[rows[order]]
    literal_counts = [int(np.count_nonzero(size > k)) for k in range(int(size[0]))]
    literals = [literal[:count, k] for k, count in enumerate(literal_counts)]
    place = np.empty(len(rows), dtype=np.int64)
    place[order] = np.arange(len(rows))
    start = np.cumsum(counts) - counts
    product_counts = [int(np.count_nonzero(counts > k)) for k in range(int(counts[0]))]
    products = [place[start[:count] + k] for k, count in enumerate(product_counts)]
    done = len(products) == 1 and np.array_equal(products[0], np.arange(len(rows)))
    return Step(
        literal_index[np.concatenate(literals)],
        tuple(literal_counts),
        np.concatenate(products),
        () if done else tuple(product_counts),
        np.where(gates.invert[members], ALL_ONES, np.uint64(0))[:, None],
    )
