"""Class hierarchies: depths, cuts, the shortest-path policy, and what is refused."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltile.core import VoltileError
from voltile.sim import ClassHierarchy, read_hierarchy

# The part of WordNet that the text about Fig. 3.10 speaks of: dish at depth 6, food and fluid at 4,
# library a leaf above the cut at 4. Classes between those that it names are WordNet's, or ours.
WORDNET = """
physical entity,entity
object,physical entity
library,object
matter,physical entity
substance,matter
food,substance
fluid,substance
nutriment,food
dish,nutriment
pizza,dish
meatloaf,dish
beverage,food
liquid,fluid
beverage,liquid
alcohol,beverage
wine,alcohol
red wine,wine
coffee,beverage
espresso,coffee
"""
LEAVES = ["pizza", "espresso", "library", "red wine", "meatloaf"]


def edges(text):
    return [tuple(line.split(",")) for line in text.split("\n") if line]


@pytest.fixture
def wordnet():
    return ClassHierarchy.from_edges(edges(WORDNET))


def test_depth_is_the_length_of_the_shortest_path(wordnet):
    assert wordnet.depth["entity"] == 0
    assert wordnet.depth["dish"] == 6
    assert wordnet.depth["food"] == wordnet.depth["fluid"] == 4
    assert wordnet.depth["beverage"] == 5, "by food, not by liquid"
    assert wordnet.deepest == wordnet.depth["red wine"] == 8
    assert wordnet.leaves == set(LEAVES)


def test_the_cut_at_4_has_food_and_library_and_drops_fluid(wordnet):
    cut = wordnet.cut(4, LEAVES)
    assert cut.classes == ("food", "library")
    assert cut.group.tolist() == [0, 0, 1, 0, 0]
    assert np.array([0.1, 0.2, 0.3, 0.25, 0.15]) @ cut.matrix == pytest.approx([0.7, 0.3])


@pytest.mark.parametrize(
    ("level", "classes"),
    [
        (0, ("entity",)),
        (1, ("physical entity",)),
        (2, ("matter", "object")),
        (5, ("nutriment", "beverage", "library")),
        (7, ("pizza", "espresso", "library", "wine", "meatloaf")),
        (8, tuple(LEAVES)),
        (16, tuple(LEAVES)),
    ],
)
def test_cuts_hold_what_has_leaves(wordnet, level, classes):
    assert wordnet.cut(level, LEAVES).classes == classes


def test_of_paths_of_equal_length_the_first_in_the_alphabet_counts():
    text = "bat,wings\nbat,mammal\nwings,root\nmammal,root\nbird,wings\ncow,mammal\n"
    for order in (edges(text), edges(text)[::-1]):
        cut = ClassHierarchy.from_edges(order).cut(1, ["bat", "bird", "cow"])
        assert cut.classes == ("mammal", "wings")
        assert cut.group.tolist() == [0, 1, 0]


@given(st.data())
def test_levels_add_up_to_one_are_nested_and_take_shortest_paths(data):
    size = data.draw(st.integers(2, 14))
    above = [data.draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=3))
             for n in range(1, size)]  # fmt: skip
    pairs = [(f"c{n}", f"c{upper}") for n, item in enumerate(above, 1) for upper in item]
    graph = ClassHierarchy.from_edges(pairs)
    leaves = sorted(graph.leaves)
    lengths = _lengths(dict.fromkeys(f"c{n}" for n in range(size)), pairs)
    nested = None
    for level in range(graph.deepest + 2):
        cut = graph.cut(level, leaves)
        assert (cut.matrix.sum(axis=1) == 1).all()
        assert (cut.matrix.sum(axis=0) > 0).all(), "a class without a leaf is dropped"
        allowed = {item for item, depth in graph.depth.items()
                   if depth == level or (depth < level and item in graph.leaves)}  # fmt: skip
        for leaf, group in zip(leaves, cut.group, strict=True):
            taken = cut.classes[group]
            assert taken in allowed
            assert lengths[leaf][taken] == min(lengths[leaf].get(item, 99) for item in allowed)
        if nested is not None:
            pairs_seen = set(zip(cut.group.tolist(), nested.tolist(), strict=True))
            assert len(pairs_seen) == len(cut.classes), "a class lies within one of the level above"
        nested = cut.group


def _lengths(nodes, pairs):
    """Lengths of shortest paths upwards, by relaxation of all edges."""
    lengths = {item: {item: 0} for item in nodes}
    for _ in nodes:
        for lower, upper in pairs:
            for item in nodes:
                if lower in lengths[item]:
                    longer = lengths[item][lower] + 1
                    lengths[item][upper] = min(longer, lengths[item].get(upper, 99))
    return lengths


def test_a_networkx_graph_serves():
    networkx = pytest.importorskip("networkx")
    graph = networkx.DiGraph(edges(WORDNET))
    hierarchy = ClassHierarchy.from_edges(graph.edges)
    assert hierarchy == ClassHierarchy.from_edges(edges(WORDNET))
    expected = networkx.shortest_path_length(graph, target="entity")
    assert hierarchy.depth == dict(expected)


def test_the_snippet_of_the_documentation(tmp_path, monkeypatch):
    pytest.importorskip("networkx")
    page = Path(__file__).parents[2] / "docs" / "precision_search.md"
    snippet = page.read_text().split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    told = {}
    exec(snippet, told)
    assert told["cut"].classes == ("dish", "drink")
    assert (told["dish"], told["drink"]) == pytest.approx((0.7, 0.3))
    assert read_hierarchy(Path("hierarchy.csv")).depth == {
        "food": 0, "dish": 1, "drink": 1, "pizza": 2, "soup": 2, "wine": 2
    }  # fmt: skip


BAD_EDGES = {
    "": "hierarchy has no edge",
    "a,b\nb,c\nc,a": "hierarchy has a cycle: a is a b is a c is a a",
    "a,root\nb,c\nc,b\nd,b\nb,root": "hierarchy has a cycle: b is a c is a b",
    "a,b\nc,d": "hierarchy must have one root, a class without a hypernym, not 2: 'b', 'd'",
}


@pytest.mark.parametrize("text", BAD_EDGES)
def test_from_edges_rejects(text):
    with pytest.raises(VoltileError, match=f"^{re.escape(BAD_EDGES[text])}$"):
        ClassHierarchy.from_edges(edges(text))


def test_a_long_cycle_is_told_in_short():
    chain = [(f"c{number:05}", f"c{(number + 1) % 20000:05}") for number in range(20000)]
    message = "hierarchy has a cycle: " + " is a ".join(f"c0000{n}" for n in range(6))
    with pytest.raises(VoltileError, match=f"^{re.escape(message)} ... \\(20000 classes\\)$"):
        ClassHierarchy.from_edges(chain)


def test_a_chain_of_classes_is_as_deep_as_it_is_long():
    chain = [(f"c{number}", f"c{number + 1}") for number in range(20000)]
    hierarchy = ClassHierarchy.from_edges(chain)
    assert hierarchy.deepest == 20000
    assert hierarchy.cut(3, ["c0"]).classes == ("c19997",)


BAD_OUTPUTS = {
    "pizza espresso library": "of the leaves of hierarchy the network has no output for "
                              "'meatloaf', 'red wine'",
    "pizza pizza": "more than one output is 'pizza'",
    "pizza sushi": "hierarchy has no class for output 'sushi'",
    "pizza dish": "hierarchy has hyponyms below output 'dish'",
}  # fmt: skip


@pytest.mark.parametrize("outputs", BAD_OUTPUTS)
def test_cut_rejects_outputs(wordnet, outputs):
    with pytest.raises(VoltileError, match=f"^{re.escape(BAD_OUTPUTS[outputs])}$"):
        wordnet.cut(4, outputs.split())


def test_cut_rejects_a_negative_level(wordnet):
    with pytest.raises(VoltileError, match="^level must be 0 or more, not -1$"):
        wordnet.cut(-1, LEAVES)


def test_read_hierarchy_reads_edges(tmp_path):
    path = tmp_path / "wordnet.csv"
    path.write_text("class,hypernym\n" + WORDNET)
    assert read_hierarchy(path).depth == ClassHierarchy.from_edges(edges(WORDNET)).depth


BAD_FILES = {
    "": "{path} is empty",
    "hypernym,class\n": "{path}:1: the header must be class,hypernym, not hypernym,class",
    "class,hypernym\n": "{path} has no edge",
    "class,hypernym\na,b\na\n": "{path}:3: 1 columns, where the header has 2",
    "class,hypernym\na,b\n\n,b\n": "{path}:4: class must be a name, not empty",
    "class,hypernym\na,\n": "{path}:2: hypernym must be a name, not empty",
    "class,hypernym\na,b\nb,b\n": "{path}:3: hypernym must be another class, not 'b' itself",
    "class,hypernym\na,b\nb,a\n": "{path} has a cycle: a is a b is a a",
    'class,hypernym\na,"b\n': "{path} is no CSV file: unexpected end of data",
}


@pytest.mark.parametrize("text", BAD_FILES)
def test_read_hierarchy_rejects(tmp_path, text):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(VoltileError) as fault:
        read_hierarchy(path)
    assert str(fault.value) == BAD_FILES[text].format(path=path)


def test_read_hierarchy_rejects_no_file():
    with pytest.raises(VoltileError, match="^none.csv cannot be read: No such file or directory$"):
        read_hierarchy(Path("none.csv"))
