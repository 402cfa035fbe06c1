"""The bit-parallel simulator against Icarus on the same netlist, net for net."""

import numpy as np
import pytest
from power_icarus import count_activity, run_icarus
from power_toy import CELLS, MODELS, make_netlist, toy_library

from voltile.core import NetlistError, VoltileError
from voltile.floorplan.clocks import trace_clocks
from voltile.power.netlist_compiler import compile_netlist
from voltile.power.simulation import observe, simulate
from voltile.power.stimulus import random_stimulus, scheduled_stimulus


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return toy_library(tmp_path_factory.mktemp("toy"))


def agree_with_icarus(netlist, models, stimulus, folder):
    """Check every net in every cycle, and the counts, lane by lane."""
    program = compile_netlist(netlist, trace_clocks(netlist))
    values = observe(program, stimulus, np.arange(netlist.nets))
    activity = simulate(program, stimulus)
    probabilities, rates = [], []
    for lane in range(stimulus.lanes):
        settled = run_icarus(netlist, models, stimulus, folder, lane)
        wrong = np.argwhere(settled[:, 1] != values[:, lane])
        assert not len(wrong), [(int(c), netlist.net_name[n]) for c, n in wrong[:5]]
        counts = count_activity(settled, stimulus.warmup)
        probabilities.append(counts[0])
        rates.append(counts[1])
    np.testing.assert_allclose(activity.toggle_rate, np.mean(rates, axis=0), atol=1e-12)
    np.testing.assert_allclose(activity.static_probability, np.mean(probabilities, 0), atol=1e-12)


COUNTER = [  # two bits behind a clock gate, and a third that counts always
    ("TCG", {"CK": "clk", "E": "en", "GK": "gck"}),
    ("TINV", {"A": "q0", "Y": "d0"}),
    ("TDF", {"CK": "gck", "D": "d0", "Q": "q0"}),
    ("TXO2", {"A": "q1", "B": "q0", "Y": "d1"}),
    ("TDF", {"CK": "gck", "D": "d1", "Q": "q1"}),
    ("TDF", {"CK": "clk", "D": "q2n", "Q": "q2", "QN": "q2n"}),
]
LFSR = [("TNR3", {"A": "q0", "B": "q1", "C": "q2", "Y": "zero"}),
        ("TXO2", {"A": "q3", "B": "q2", "Y": "x"}),
        ("TXO2", {"A": "x", "B": "zero", "Y": "d0"})] + [
    ("TDF", {"CK": "clk", "D": "d0" if k == 0 else f"q{k - 1}", "Q": f"q{k}"}) for k in range(4)
]  # fmt: skip
NEGATIVE_EDGE = [
    ("TDFN", {"CKN": "clk", "D": "en", "Q": "half"}),
    ("TINV", {"A": "clk", "Y": "clkn"}),
    ("TDF", {"CK": "clkn", "D": "half", "Q": "late"}),
    ("TDF", {"CK": "clk", "D": "late", "Q": "full"}),
    ("TXO2", {"A": "half", "B": "full", "Y": "mix"}),
]
ASYNCHRONOUS = [
    ("TBUF", {"A": "rn", "Y": "rb"}),
    ("TINV", {"A": "q", "Y": "sn"}),
    ("TDFSR", {"CK": "clk", "D": "en", "RN": "rb", "SN": "one", "Q": "q", "QN": "qn"}),
    ("TDFSR", {"CK": "clk", "D": "w", "RN": "rb", "SN": "sn", "Q": "w", "QN": "wn"}),
    ("TTIE", {"H": "one"}),
]
LATCHES = [  # a shift register of latches: its loop is never open as a whole
    ("TLL", {"GN": "clk", "D": "x", "Q": "master", "QN": "mn"}),
    ("TLH", {"G": "clk", "D": "master", "Q": "slave"}),
    ("TXO2", {"A": "slave", "B": "en", "Y": "x"}),
    ("TLR", {"G": "clk", "D": "x2", "RN": "rn", "Q": "cleared"}),
    ("TND2", {"A": "mn", "B": "en", "Y": "x2"}),
]
GATES = [  # clock gates behind clock gates, and behind an inverter; the clock as data
    ("TCG", {"CK": "clk", "E": "en", "GK": "g1"}),
    ("TCG", {"CK": "g1", "E": "rn", "GK": "g2"}),
    ("TINV", {"A": "g2", "Y": "g2n"}),
    ("TCGN", {"CK": "clk", "E": "rn", "GK": "g3"}),
    ("TINV", {"A": "clk", "Y": "cn"}),
    ("TCG", {"CK": "cn", "E": "en", "GK": "g4"}),
    ("TDF", {"CK": "g2", "D": "a_n", "Q": "a", "QN": "a_n"}),
    ("TDF", {"CK": "g2n", "D": "b_n", "Q": "b", "QN": "b_n"}),
    ("TDF", {"CK": "g3", "D": "c_n", "Q": "c", "QN": "c_n"}),
    ("TDF", {"CK": "g4", "D": "d_n", "Q": "d", "QN": "d_n"}),
    ("TLH", {"G": "g1", "D": "d", "Q": "e"}),
    ("TND2", {"A": "clk", "B": "c", "Y": "pulse"}),
]


@pytest.mark.parametrize(
    "cells", [COUNTER, LFSR, NEGATIVE_EDGE, ASYNCHRONOUS, LATCHES, GATES],
    ids=["counter", "lfsr", "negative_edge", "asynchronous", "latches", "gates"],
)  # fmt: skip
def test_small_design_agrees_with_icarus(library, cells, tmp_path):
    driven = {net for kind, pins in cells for pin, net in pins.items() if pin in CELLS[kind][1]}
    used = {net for _, pins in cells for net in pins.values()}
    netlist = make_netlist(library, cells, sorted(used - driven))
    stimulus = random_stimulus(netlist, trace_clocks(netlist), 80, 2, seed=3, warmup=2)
    agree_with_icarus(netlist, MODELS, stimulus, tmp_path)


def random_netlist(library, rng, gates):
    """Random logic between registers of every kind, on clocks of every kind."""
    cells = [("TINV", {"A": "clk", "Y": "clkn"})]
    clocks = ["clk", "clkn"]
    inputs = ["clk", "rn", *(f"i{k}" for k in range(5))]
    flops = [f"q{k}" for k in range(12)]
    pool = inputs[2:] + flops
    tables = ["TND2", "TNR3", "TXO2", "TAO21", "TMX2", "TFA", "TINV", "TBUF"]
    names = iter(range(10**6))

    def pick():
        return str(rng.choice(pool[-40:]))

    for k in range(4):
        kind = str(rng.choice(["TCG", "TCGN"]))
        cells.append((kind, {"CK": str(rng.choice(clocks)), "E": flops[k], "GK": f"g{k}"}))
        clocks.append(f"g{k}")
    for _ in range(gates):
        kind = str(rng.choice([*tables, *tables, "TLH", "TLL", "TLR"]))
        pins = {}
        outputs = {"TFA": ["S", "CO"]}.get(kind, ["Q"] if kind[:2] == "TL" else ["Y"])
        cell = library.cell_index[kind]
        for pin in library.inputs_of(cell):
            clock = {"G": "clk", "GN": "clk", "RN": "rn"}.get(pin)
            pins[pin] = clock or pick()
        for pin in outputs:
            pins[pin] = f"w{next(names)}"
        cells.append((kind, pins))
        pool += [pins[pin] for pin in outputs]
    for k, q in enumerate(flops):
        kind = str(rng.choice(["TDF", "TDFN", "TDFE", "TDFSR"][: 4 if k > 6 else 3]))
        pins = {"CKN" if kind == "TDFN" else "CK": str(rng.choice(clocks)), "D": pick(), "Q": q}
        if kind == "TDFE":
            pins["E"] = pick()
        if kind == "TDFSR":
            # Preset by a register that has no preset itself: what else there is could glitch.
            pins |= {"RN": "rn", "SN": flops[k - 6], "QN": q + "n"}
        cells.append((kind, pins))
    return make_netlist(library, cells, inputs, [pool[-1]])


@pytest.mark.parametrize("seed", range(12))
def test_random_design_agrees_with_icarus(library, seed, tmp_path):
    rng = np.random.default_rng(seed)
    netlist = random_netlist(library, rng, 60)
    stimulus = random_stimulus(
        netlist, trace_clocks(netlist), 60, 1, seed, probability={"rn": 0.7},
        toggle_rate={"rn": 0.2}, resets={"rn": 0} if seed % 2 else None, warmup=3,
    )  # fmt: skip
    agree_with_icarus(netlist, MODELS, stimulus, tmp_path)


def build(library, cells, inputs, outputs=()):
    netlist = make_netlist(library, cells, inputs, outputs)
    clocks = trace_clocks(netlist)
    return compile_netlist(netlist, clocks), netlist, clocks


def test_counter_counts_while_enabled(library):
    program, netlist, clocks = build(library, COUNTER, ["clk", "en"], ["q0", "q1"])
    enable = [1, 1, 0, 1, 1, 1, 0]
    stimulus = scheduled_stimulus(netlist, clocks, {"en": enable}, "by hand")
    value = observe(program, stimulus)[:, 0] @ [1, 2]
    assert value.tolist() == [0, 1, 2, 2, 3, 0, 1]
    activity = simulate(program, stimulus)
    # Six cycles are counted; the gate opens at the edge that ends an enabled cycle, five times.
    rate = dict(zip(netlist.net_name, activity.toggle_rate, strict=True))
    assert rate["clk"] == 2 and rate["gck"] == pytest.approx(2 * 5 / 6)
    high = dict(zip(netlist.net_name, activity.static_probability, strict=True))
    assert high["clk"] == 0.5 and high["gck"] == pytest.approx(0.5 * 5 / 6)
    assert (activity.cycles, activity.lanes, activity.source) == (6, 1, "by hand")


def test_counts_do_not_depend_on_how_streams_are_laid_into_lanes(library):
    program, netlist, clocks = build(library, COUNTER, ["clk", "en"])
    bits = np.random.default_rng(1).integers(0, 2, (2100, 70))
    together = simulate(program, scheduled_stimulus(netlist, clocks, {"en": bits}, "all"))
    alone = [
        simulate(program, scheduled_stimulus(netlist, clocks, {"en": bits[:, lane]}, "one"))
        for lane in range(0, 70, 23)
    ]
    part = simulate(program, scheduled_stimulus(netlist, clocks, {"en": bits[:, ::23]}, "some"))
    rates = np.mean([item.toggle_rate for item in alone], axis=0)
    np.testing.assert_allclose(part.toggle_rate, rates)
    assert together.lanes == 70 and together.drift < 0.02


def test_random_inputs_give_the_rates_of_the_theory(library):
    cells = [("TND2", {"A": "a", "B": "b", "Y": "n"}), ("TXO2", {"A": "n", "B": "c", "Y": "x"})]
    program, netlist, clocks = build(library, cells, ["a", "b", "c"])
    activity = simulate(program, random_stimulus(netlist, clocks, 500, 1024))
    high = dict(zip(netlist.net_name, activity.static_probability, strict=True))
    rate = dict(zip(netlist.net_name, activity.toggle_rate, strict=True))
    # Independent bits, new every cycle: a net of probability p toggles 2 p (1 - p) times.
    assert high["n"] == pytest.approx(0.75, abs=0.003)
    assert rate["n"] == pytest.approx(2 * 0.75 * 0.25, abs=0.003)
    assert rate["x"] == pytest.approx(0.5, abs=0.003)


def test_progress_tells_every_cycle(library):
    program, netlist, clocks = build(library, COUNTER, ["clk", "en"])
    seen = []
    simulate(program, random_stimulus(netlist, clocks, 9, warmup=2), progress=seen.append)
    assert seen == list(range(1, 10))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([("TND2", {"A": "i", "B": "y", "Y": "x"}), ("TXO2", {"A": "x", "B": "i", "Y": "y"})],
         "toy has a combinational loop: 'u0' <- 'u1'"),
        ([("TINV", {"A": "x", "Y": "y"}), ("TINV", {"A": "y", "Y": "x"})],
         "toy has a loop of inverters or buffers at 'u"),
        ([("TLH", {"D": "y", "G": "clk", "Q": "x"}), ("TXO2", {"A": "x", "B": "i", "Y": "y"})],
         "toy has a combinational loop: 'u"),
    ],
)  # fmt: skip
def test_loops_are_rejected(library, cells, message):
    netlist = make_netlist(library, cells, ["clk", "i"])
    with pytest.raises(NetlistError) as caught:
        compile_netlist(netlist, trace_clocks(netlist))
    assert str(caught.value).startswith(message)


def test_register_that_clears_itself_for_ever_is_rejected(library):
    cells = [  # cleared while high, preset while low
        ("TDFSR", {"CK": "clk", "D": "i", "RN": "qn", "SN": "q", "Q": "q", "QN": "qn"}),
    ]
    program, netlist, clocks = build(library, cells, ["clk", "i"])
    message = (
        "^toy: the asynchronous clear or preset of register 'u0' depends on the register and does "
        "not settle$"
    )
    with pytest.raises(NetlistError, match=message):
        observe(program, random_stimulus(netlist, clocks, 3))


def test_stimulus_without_cycles_to_count_is_rejected(library):
    program, netlist, clocks = build(library, COUNTER, ["clk", "en"])
    message = (
        "^stimulus 'random' has 16 cycles, which leaves none after 16 cycles of warm-up$"
    )
    with pytest.raises(VoltileError, match=message):
        simulate(program, random_stimulus(netlist, clocks, 16))


def test_stimulus_of_another_netlist_is_rejected(library):
    program, _, _ = build(library, COUNTER, ["clk", "en"])
    _, other, clocks = build(library, [("TINV", {"A": "i", "Y": "y"})], ["i"])
    message = "^stimulus 'random' has no values for input port 'en' of toy$"
    with pytest.raises(VoltileError, match=message):
        observe(program, random_stimulus(other, clocks, 16))
