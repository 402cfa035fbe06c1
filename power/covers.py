"""Small sums of products for truth tables.

A simulator that evaluates every cell as an OR of ANDs needs no code per cell function: cells of one
level, whatever they are, go through the same few array operations.

References
----------
W. V. Quine, "A way to simplify truth functions", American Mathematical Monthly 62 (1955): prime
implicants. The cover is chosen greedily, which is not always minimal.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

# A product is a tuple of (input number, level at which it is true).
Product = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Cover:
    """A function as an OR of products, inverted if `inverted`; no product: constant 0."""

    products: tuple[Product, ...]
    inverted: bool

    @property
    def literals(self) -> int:
        """Number of literals, one more per product."""
        return sum(len(item) + 1 for item in self.products)


@lru_cache(maxsize=4096)
def cover_of(table: tuple[bool, ...]) -> Cover:
    """Return a small cover of a function, or of its complement where that is smaller.

    Parameters
    ----------
    table : tuple of bool, length 2 ** inputs
        Bit k of the pattern number is the value of input k.
    """
    direct = Cover(_products(table), False)
    opposite = Cover(_products(tuple(not value for value in table)), True)
    return opposite if opposite.literals < direct.literals else direct


def _products(table: tuple[bool, ...]) -> tuple[Product, ...]:
    inputs = len(table).bit_length() - 1
    uncovered = {pattern for pattern, value in enumerate(table) if value}
    if not uncovered:
        return ()
    primes = _primes(uncovered, inputs)
    chosen: list[Product] = []
    while uncovered:
        best = max(primes, key=lambda item: (len(primes[item] & uncovered), -len(item)))
        chosen.append(best)
        uncovered -= primes[best]
    return tuple(chosen)


def _primes(ones: set[int], inputs: int) -> dict[Product, frozenset[int]]:
    """Prime implicants and the patterns of each; fewest literals are looked at first."""
    cubes = sorted(product((0, 1, 2), repeat=inputs), key=lambda cube: -cube.count(2))
    primes: dict[Product, frozenset[int]] = {}
    for cube in cubes:
        patterns = frozenset(_patterns(cube))
        if patterns <= ones and not any(patterns <= larger for larger in primes.values()):
            literals = tuple((bit, level) for bit, level in enumerate(cube) if level != 2)
            primes[literals] = patterns
    return primes


def _patterns(cube: tuple[int, ...]) -> list[int]:
    found = [0]
    for bit, level in enumerate(cube):
        levels = (0, 1) if level == 2 else (level,)
        found = [pattern | value << bit for pattern in found for value in levels]
    return found
