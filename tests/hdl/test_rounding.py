"""Edge cases of the round unit, in Amaranth's simulator."""

import pytest
from amaranth.sim import Simulator

from voltile.hdl import RoundHalfEven


def rounded(words, width, keep):
    unit = RoundHalfEven(width, keep)
    found = []

    async def bench(context):
        for word in words:
            context.set(unit.word, word)
            found.append(context.get(unit.rounded))

    simulator = Simulator(unit)
    simulator.add_testbench(bench)
    simulator.run()
    return found


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (0, 0), (7, 0), (8, 0), (9, 1),  # 0.5 goes to 0
        (23, 1), (24, 2), (25, 2),  # 1.5 goes to 2
        (39, 2), (40, 2), (41, 3),  # 2.5 goes to 2
        (104, 6), (105, 7), (119, 7),  # 6.5 goes to 6
        (120, 7), (121, 7), (127, 7),  # 7.5 and above would be 8: clamped
        (-1, 0), (-8, 0), (-9, -1),  # -0.5 goes to 0
        (-24, -2), (-25, -2), (-40, -2), (-41, -3),
        (-119, -7), (-120, -8), (-121, -8), (-128, -8),
    ],
)  # fmt: skip
def test_words_of_8_bits_round_to_4(word, expected):
    assert rounded([word], 8, 4) == [expected]


def test_two_bits_round_to_one():
    assert rounded([-2, -1, 0, 1], 2, 1) == [-1, 0, 0, 0]


@pytest.mark.parametrize(("keep", "width"), [(0, 8), (8, 8)])
def test_round_half_even_rejects_a_bad_width(keep, width):
    with pytest.raises(ValueError) as raised:
        RoundHalfEven(width, keep)
    assert str(raised.value) == f"keep must be from 1 to {width - 1}, not {keep}"
