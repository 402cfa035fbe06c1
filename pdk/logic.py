"""Boolean expressions of Liberty: `function`, `when`, `next_state`, `clocked_on`.

An expression becomes a nested tuple, ("var", name), ("const", 0 or 1), ("not", a), ("and", a, b),
("or", a, b) or ("xor", a, b), that `evaluate` walks over integers or numpy words alike.

References
----------
Liberty Reference Manual, "function attribute": `'` after and `!` before a term invert it, `^` is
exclusive or, `*`, `&` and a space are and, `+` and `|` are or; in that order of binding.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Expression = tuple[Any, ...]

_TOKEN = re.compile(r"\s*([A-Za-z_][\w\[\].]*|[01]|[!'()^*&+|])")


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> Expression:
    """Return the tree of a Liberty Boolean expression.

    Raises
    ------
    ValueError
        When the text is not such an expression.
    """
    tokens: list[str] = []
    position = 0
    stripped = text.strip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None:
            raise ValueError(f"not a Boolean expression: '{text}'")
        tokens.append(match.group(1))
        position = match.end()
    tree, rest = _parse_or(tokens, 0, text)
    if rest != len(tokens):
        raise ValueError(f"not a Boolean expression: '{text}'")
    return tree


_Parser = Callable[[list[str], int, str], tuple[Expression, int]]


def _parse_or(tokens: list[str], at: int, text: str) -> tuple[Expression, int]:
    left, at = _parse_and(tokens, at, text)
    while at < len(tokens) and tokens[at] in "+|":
        right, at = _parse_and(tokens, at + 1, text)
        left = ("or", left, right)
    return left, at


def _parse_and(tokens: list[str], at: int, text: str) -> tuple[Expression, int]:
    left, at = _parse_xor(tokens, at, text)
    while at < len(tokens) and tokens[at] not in "+|)":
        at += tokens[at] in "*&"
        right, at = _parse_xor(tokens, at, text)
        left = ("and", left, right)
    return left, at


def _parse_xor(tokens: list[str], at: int, text: str) -> tuple[Expression, int]:
    left, at = _parse_term(tokens, at, text)
    while at < len(tokens) and tokens[at] == "^":
        right, at = _parse_term(tokens, at + 1, text)
        left = ("xor", left, right)
    return left, at


def _parse_term(tokens: list[str], at: int, text: str) -> tuple[Expression, int]:
    if at >= len(tokens) or tokens[at] in ")*&+|^'":
        raise ValueError(f"not a Boolean expression: '{text}'")
    token = tokens[at]
    tree: Expression
    if token == "!":
        inner, at = _parse_term(tokens, at + 1, text)
        return ("not", inner), at
    if token == "(":
        tree, at = _parse_or(tokens, at + 1, text)
        if at >= len(tokens) or tokens[at] != ")":
            raise ValueError(f"not a Boolean expression: '{text}'")
    else:
        tree = ("const", int(token)) if token in "01" else ("var", token)
    at += 1
    while at < len(tokens) and tokens[at] == "'":
        tree, at = ("not", tree), at + 1
    return tree, at


def variables(expression: Expression) -> tuple[str, ...]:
    """Return the names in an expression, each once, in order of appearance."""
    if expression[0] == "var":
        return (expression[1],)
    if expression[0] == "const":
        return ()
    return tuple(dict.fromkeys(name for part in expression[1:] for name in variables(part)))


def evaluate(expression: Expression, values: Mapping[str, Any], ones: Any) -> Any:
    """Evaluate bitwise: every bit of the words is one independent case.

    Parameters
    ----------
    values : mapping of name to int or ndarray of unsigned int
    ones : int or numpy scalar
        The word with every bit set.
    """
    kind = expression[0]
    if kind == "var":
        return values[expression[1]]
    if kind == "const":
        return ones if expression[1] else ones ^ ones
    first = evaluate(expression[1], values, ones)
    if kind == "not":
        return first ^ ones
    second = evaluate(expression[2], values, ones)
    return first & second if kind == "and" else first | second if kind == "or" else first ^ second


def truth_table(expression: Expression, inputs: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return the value for each input pattern: ndarray of bool, shape (2 ** inputs,).

    Bit k of the pattern number is the value of `inputs[k]`.
    """
    patterns = np.arange(1 << len(inputs))
    values = {name: (patterns >> bit) & 1 for bit, name in enumerate(inputs)}
    result = evaluate(expression, values, np.int64(1))
    return np.broadcast_to(np.asarray(result, dtype=bool), patterns.shape)


def sum_of_products(rows: NDArray[np.int64], inputs: tuple[str, ...]) -> str:
    """Return a short expression that is true for some rows of a truth table and false elsewhere.

    Prime implicants by Quine and McCluskey, of which a cover is chosen greedily.

    Parameters
    ----------
    rows : ndarray of int
        Rows as in `truth_table`: bit k is `inputs[k]`.

    Returns
    -------
    str
        Liberty's notation; "1" where every row is true, "0" where none is.
    """
    left = {int(row) for row in rows}
    if not left:
        return "0"
    primes: set[tuple[int, int]] = set()
    terms = {(row, 0) for row in left}  # value, and mask of the inputs that do not matter
    while terms:
        merged, used = set(), set()
        for value, mask in terms:
            for k in range(len(inputs)):
                if not mask >> k & 1 and (other := (value ^ 1 << k, mask)) in terms:
                    merged.add((value & ~(1 << k), mask | 1 << k))
                    used |= {(value, mask), other}
        primes |= terms - used
        terms = merged
    products = []
    while left:
        value, mask = max(
            primes, key=lambda item: (sum(not (row ^ item[0]) & ~item[1] for row in left), item)
        )
        left = {row for row in left if (row ^ value) & ~mask}
        literals = [
            ("" if value >> k & 1 else "!") + name
            for k, name in enumerate(inputs)
            if not mask >> k & 1
        ]
        products.append("&".join(literals) or "1")
    return "|".join(f"({product})" if "&" in product else product for product in products)
