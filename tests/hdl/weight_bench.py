"""cocotb tests of the generated Verilog of WeightReconfiguration; run by test_weights.py."""

import os

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge, RisingEdge
from mac_jobs import random_words
from port_bench import Driver

from voltile.sim import pack, reconfigure_weights

WIDTH = int(os.environ["WEIGHT_WIDTH"])
WORD_WIDTH = int(os.environ["WORD_WIDTH"])
ROUNDING = os.environ["ROUNDING"] == "1"


async def pass_through(dut, words: list[tuple[int, int]], count: int, rng, stalls: float):
    """Send words and take `count`, each side ready or not at random; return them and the cycles."""
    found, before = [], None
    sent = 0
    held = False
    cycles = 0
    while cycles < 40 * (len(words) + 8):
        cycles += 1
        # A word that was offered stays until it is taken.
        held = sent < len(words) and (held or rng.random() >= stalls)
        dut.full__valid.value = int(held)
        if held:
            weights, last = words[sent]
            dut.full__payload.value = weights | last << WORD_WIDTH
        dut.reduced__ready.value = int(rng.random() >= stalls)
        await FallingEdge(dut.clk)
        state = dut.reduced__valid.value, dut.reduced__payload.value
        if before is not None:
            assert state == before
        taken = state[0] and dut.reduced__ready.value
        if taken:
            payload = int(state[1])
            found.append((payload & (1 << WORD_WIDTH) - 1, payload >> WORD_WIDTH))
        before = state if state[0] and not taken else None
        if held and dut.full__ready.value:
            sent, held = sent + 1, False
        await RisingEdge(dut.clk)
        if len(found) == count and sent == len(words):
            break
    return found, cycles


async def run(dut, stalls: float):
    """Vectors of every length, of random words and extremes."""
    rng = np.random.default_rng(7)
    driver = Driver(dut)
    await driver.reset(["full__valid", "full__payload", "reduced__ready"])
    per_word = WORD_WIDTH // WIDTH
    words, expected = [], []
    for length in [*range(1, 4 * per_word + 2), *rng.integers(1, 30, 30).tolist()]:
        weights = random_words(rng, length, WIDTH)
        sent = pack(weights, WIDTH, per_word, WORD_WIDTH)
        got = pack(reconfigure_weights(weights, WIDTH, ROUNDING), WIDTH // 2, 2 * per_word,
                   WORD_WIDTH)  # fmt: skip
        for packed, target in ((sent, words), (got, expected)):
            target += [(int(word), int(at == len(packed) - 1)) for at, word in enumerate(packed)]
    found, cycles = await pass_through(dut, words, len(expected), rng, stalls)
    assert found == expected
    return len(words), cycles


@cocotb.test()
async def stalls_on_both_sides(dut):
    """Nothing is lost, duplicated or changed while it waits."""
    await run(dut, 0.5)


@cocotb.test()
async def a_word_in_every_cycle(dut):
    """Without stalls a word is taken in every cycle, and the last is out one cycle later."""
    words, cycles = await run(dut, 0.0)
    assert cycles == words + 1
