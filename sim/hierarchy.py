"""Hierarchies of classes, and their cuts for multilevel classification (dissertation 3.4.2).

A hierarchy is a directed acyclic graph of is-a edges from a class to its hypernyms, with one class
without a hypernym, the root. The depth of a class is the length of the shortest path to the root.
Leaves, the classes without hyponyms, are the output classes of a network. A cut at level L has the
classes at depth L and the leaves above them; each leaf counts to the class of the cut to which its
path is the shortest, and classes that get no leaf are dropped, so that the probabilities of any cut
add up to one.

The shortest way from a leaf at depth d to a class of the cut has length d - L, since a shorter one
would give the leaf a shorter path to the root. So all such ways lie on shortest paths to the root.
Where there are several, a leaf takes from every class the hypernym nearest to the root whose name
comes first in the alphabet. As this does not depend on L, a class of one cut never spreads over
several of the cut above.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError, read_csv_rows

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

HIERARCHY_COLUMNS = ("class", "hypernym")
_SHOWN = 5


@dataclass(frozen=True)
class Cut:
    """The classes at a level, and the outputs of a network that count to each.

    Attributes
    ----------
    level : int
        L.
    classes : tuple of str
        S_L without what was dropped, in the order of their first outputs.
    group : ndarray of int, shape (outputs,)
        Number of the class that each output counts to; so also the label of the cut for the label
        of the network.
    """

    level: int
    classes: tuple[str, ...]
    group: IntArray

    @property
    def matrix(self) -> FloatArray:
        """Eq. 3.7: probabilities of outputs times this are those of classes.

        Shape (outputs, classes); a one in every row.
        """
        return np.eye(len(self.classes))[self.group]


@dataclass(frozen=True)
class ClassHierarchy:
    """A hierarchy of classes.

    Attributes
    ----------
    name : str
        For messages.
    depth : mapping of str to int
        Depth of every class.
    parent : mapping of str to str
        The hypernym of every class but the root on its path to the root.
    leaves : frozenset of str
        Classes without hyponyms.
    """

    name: str
    depth: Mapping[str, int]
    parent: Mapping[str, str]
    leaves: frozenset[str]

    @classmethod
    def from_edges(
        cls, edges: Iterable[tuple[str, str]], name: str = "hierarchy"
    ) -> "ClassHierarchy":
        """Return the hierarchy of is-a edges.

        Parameters
        ----------
        edges : iterable of (class, hypernym)
            For example the `edges` of a `networkx.DiGraph`.

        Raises
        ------
        VoltileError
            When there is no edge, a cycle, or more than one root.
        """
        hypernyms: dict[str, set[str]] = {}
        for lower, upper in edges:
            hypernyms.setdefault(lower, set()).add(upper)
            hypernyms.setdefault(upper, set())
        if not hypernyms:
            raise VoltileError(f"{name} has no edge")
        _check_cycles(hypernyms, name)
        roots = sorted(item for item, above in hypernyms.items() if not above)
        if len(roots) > 1:
            raise VoltileError(
                f"{name} must have one root, a class without a hypernym, not {len(roots)}: "
                f"{_listed(roots)}"
            )
        depth = _depths(hypernyms, roots[0])
        parent = {
            item: min(above, key=lambda upper: (depth[upper], upper))
            for item, above in hypernyms.items()
            if above
        }
        leaves = frozenset(hypernyms) - frozenset().union(*hypernyms.values())
        return cls(name, depth, parent, leaves)

    @property
    def deepest(self) -> int:
        """The greatest depth: from this level on, a cut has all the leaves."""
        return max(self.depth.values())

    def cut(self, level: int, outputs: Sequence[str]) -> Cut:
        """Return the cut at a level.

        Parameters
        ----------
        level : int
            0, the root alone, or more.
        outputs : sequence of str
            Class of each output of the network; they must be the leaves.

        Raises
        ------
        VoltileError
            When the level is negative, or the outputs are not the leaves, each once.
        """
        if level < 0:
            raise VoltileError(f"level must be 0 or more, not {level}")
        self._check_outputs(outputs)
        above = [self._ancestor(item, level) for item in outputs]
        classes = tuple(dict.fromkeys(above))
        numbers = {item: number for number, item in enumerate(classes)}
        return Cut(level, classes, np.array([numbers[item] for item in above], np.int64))

    def _ancestor(self, item: str, level: int) -> str:
        while self.depth[item] > level:
            item = self.parent[item]
        return item

    def _check_outputs(self, outputs: Sequence[str]) -> None:
        given = set(outputs)
        for faulty, fault in (
            ({item for item, n in Counter(outputs).items() if n > 1}, "more than one output is"),
            (given - set(self.depth), f"{self.name} has no class for output"),
            (given - self.leaves, f"{self.name} has hyponyms below output"),
            (
                self.leaves - given,
                f"of the leaves of {self.name} the network has no output for",
            ),
        ):
            if faulty:
                raise VoltileError(f"{fault} {_listed(sorted(faulty))}")


def read_hierarchy(path: Path) -> ClassHierarchy:
    """Read a CSV file with a row per is-a edge: class, hypernym.

    Raises
    ------
    VoltileError
        When the file cannot be read, has other columns or an empty name, or as by `from_edges`.
    """
    edges = []
    for row in read_csv_rows(path, HIERARCHY_COLUMNS):
        for column, value in row.values.items():
            if not value:
                raise row.fault(column, "a name, not empty")
        lower, upper = row.values["class"], row.values["hypernym"]
        if lower == upper:
            raise row.fault("hypernym", f"another class, not '{upper}' itself")
        edges.append((lower, upper))
    return ClassHierarchy.from_edges(edges, str(path))


def _depths(hypernyms: Mapping[str, set[str]], root: str) -> dict[str, int]:
    """Return lengths of shortest paths to the root, breadth first."""
    hyponyms: dict[str, list[str]] = {item: [] for item in hypernyms}
    for lower, above in hypernyms.items():
        for upper in above:
            hyponyms[upper].append(lower)
    depth = {root: 0}
    waiting = deque([root])
    while waiting:
        upper = waiting.popleft()
        for lower in hyponyms[upper]:
            if lower not in depth:
                depth[lower] = depth[upper] + 1
                waiting.append(lower)
    return depth


def _check_cycles(hypernyms: Mapping[str, set[str]], name: str) -> None:
    graph = {item: sorted(above) for item, above in sorted(hypernyms.items())}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle = error.args[1][:0:-1]  # from classes to hypernyms
        first = cycle.index(min(cycle))
        cycle = [*cycle[first:], *cycle[: first + 1]]
        more = f" ... ({len(cycle) - 1} classes)" if len(cycle) > _SHOWN + 1 else ""
        raise VoltileError(
            f"{name} has a cycle: {' is a '.join(cycle[: _SHOWN + 1])}{more}"
        ) from None


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"'{item}'" for item in names[:_SHOWN]) + more
