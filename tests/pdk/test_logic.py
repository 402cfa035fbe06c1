"""Liberty's Boolean expressions against truth tables worked out another way, and against Yosys."""

import re
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltile.core.yosys import run_yosys
from voltile.pdk import evaluate, parse_expression, truth_table, variables

NAMES = ("A", "B1", "C_N", "D[0]")
# How tightly each operator binds, as the Liberty manual lists them.
BINDING = {"or": 0, "and": 1, "xor": 2, "not": 3, "var": 4, "const": 4}
SIGNS = {"or": ("+", "|", " | "), "and": ("*", "&", " "), "xor": ("^", " ^ ")}


@st.composite
def written_trees(draw, depth=4):
    """(tree, its text with no more parentheses than the binding asks for)."""
    kind = draw(st.sampled_from(["var", "const", "not", "and", "or", "xor"])) if depth else "var"
    if kind == "var":
        name = draw(st.sampled_from(NAMES))
        return ("var", name), name
    if kind == "const":
        value = draw(st.sampled_from([0, 1]))
        return ("const", value), str(value)
    if kind == "not":
        inner, text = draw(written_trees(depth=depth - 1))
        if BINDING[inner[0]] < 4:
            text = f"({text})"
        return ("not", inner), draw(st.sampled_from([f"!{text}", f"{text}'", f"! {text}"]))
    parts = []
    for _ in range(2):
        inner, text = draw(written_trees(depth=depth - 1))
        if BINDING[inner[0]] <= BINDING[kind] or draw(st.booleans()):
            text = f"({text})"
        parts.append((inner, text))
    (left, left_text), (right, right_text) = parts
    return (kind, left, right), left_text + draw(st.sampled_from(SIGNS[kind])) + right_text


def value(tree, levels):
    """The value of a tree, one case at a time."""
    match tree:
        case ("var", name):
            return levels[name]
        case ("const", constant):
            return bool(constant)
        case ("not", inner):
            return not value(inner, levels)
        case ("and", left, right):
            return value(left, levels) and value(right, levels)
        case ("or", left, right):
            return value(left, levels) or value(right, levels)
        case ("xor", left, right):
            return value(left, levels) != value(right, levels)


@given(written_trees())
def test_truth_table_is_that_of_the_tree_that_was_written(written):
    tree, text = written
    table = truth_table(parse_expression(text), NAMES)
    for pattern in range(1 << len(NAMES)):
        levels = {name: bool(pattern >> bit & 1) for bit, name in enumerate(NAMES)}
        assert table[pattern] == value(tree, levels), (text, levels)


@given(written_trees(), st.lists(st.integers(0, 2**64 - 1), min_size=4, max_size=4))
def test_evaluate_treats_every_bit_by_itself(written, words):
    _, text = written
    tree = parse_expression(text)
    ones = 2**64 - 1
    whole = evaluate(tree, dict(zip(NAMES, words, strict=True)), ones)
    arrays = {name: np.array([word], dtype=np.uint64) for name, word in zip(NAMES, words,
                                                                            strict=True)}
    array = np.broadcast_to(evaluate(tree, arrays, np.uint64(ones)), 1)
    assert int(array[0]) == whole
    table = truth_table(tree, NAMES)
    for bit in (0, 17, 63):
        pattern = sum((word >> bit & 1) << at for at, word in enumerate(words))
        assert (whole >> bit & 1) == table[pattern]


# Values by the manual's rules, written with Python's operators.
TABLE = {
    "A+B*C": lambda a, b, c: a or (b and c),
    "A*B+C": lambda a, b, c: (a and b) or c,
    "A^B*C": lambda a, b, c: (a != b) and c,
    "A*B^C": lambda a, b, c: a and (b != c),
    "A|B^C": lambda a, b, c: a or (b != c),
    "A B' C": lambda a, b, c: a and not b and c,
    "!A B": lambda a, b, c: not a and b,
    "(A B)'": lambda a, b, c: not (a and b),
    "A''": lambda a, b, c: a,
    "!A'": lambda a, b, c: a,
    "!(A+B)&!C": lambda a, b, c: not (a or b) and not c,
    "(A !C)+(B C)": lambda a, b, c: b if c else a,
    "A'+B'+C'": lambda a, b, c: not (a and b and c),
    "A^B^C": lambda a, b, c: (a + b + c) % 2 == 1,
    "(A&B)|(A&C)|(B&C)": lambda a, b, c: a + b + c >= 2,
}


@pytest.mark.parametrize("text", TABLE)
def test_binding_and_postfix_inversion(text):
    table = truth_table(parse_expression(text), ("A", "B", "C"))
    for at, (c, b, a) in enumerate(product((False, True), repeat=3)):
        assert table[at] == TABLE[text](a, b, c)


def test_yosys_reads_the_same_functions(tmp_path):
    cells = "".join(
        f'cell (c{number}) {{ area : 1; pin (A) {{ direction : input; }} pin (B) {{ direction : '
        f'input; }} pin (C) {{ direction : input; }} pin (Y) {{ direction : output; function : '
        f'"{text}"; }} }}\n'
        for number, text in enumerate(TABLE)
    )
    (tmp_path / "cells.lib").write_text(f"library (l) {{\n{cells}}}\n")
    passes = [f"read_liberty {tmp_path / 'cells.lib'}"]
    passes += [f"eval -table A,B,C -show Y c{number}" for number in range(len(TABLE))]
    log = run_yosys(passes, tmp_path, "functions")
    rows = re.findall(r"^ *1'([01]) 1'([01]) 1'([01]) \| 1'([01])", log, re.MULTILINE)
    assert len(rows) == 8 * len(TABLE)
    for number, text in enumerate(TABLE):
        table = truth_table(parse_expression(text), ("A", "B", "C"))
        for a, b, c, y in rows[8 * number : 8 * number + 8]:
            assert table[int(a) + 2 * int(b) + 4 * int(c)] == bool(int(y)), text


def test_variables_are_in_order_of_appearance():
    assert variables(parse_expression("(B !A)+(B C)^1")) == ("B", "A", "C")
    assert variables(parse_expression("1")) == ()


@pytest.mark.parametrize("text", ["", "A+", "(A", "A)", "+A", "A B)", "A & & B", "A-B", "'A", "!"])
def test_parse_expression_rejects_what_is_none(text):
    with pytest.raises(ValueError) as fault:
        parse_expression(text)
    assert str(fault.value) == f"not a Boolean expression: '{text}'"
