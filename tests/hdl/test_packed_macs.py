"""The generated Verilog of SpatialMac and DualMac against the golden model, under Icarus."""

import pytest
from packed_jobs import ELEMENTS
from verilog_build import Bench, require_simulator

from voltile.core import Precision
from voltile.core.yosys import run_yosys
from voltile.hdl import DotProduct, DualMac, Features, SpatialMac, schedule_on, write_verilog

DEFAULTS = {"spatial": (8, 32), "dual": (16, 44)}


def build(element, width, acc_width, folder):
    require_simulator()
    environment = {"PE": element, "PE_WIDTH": str(width), "PE_ACC_WIDTH": str(acc_width)}
    component = ELEMENTS[element](width, acc_width)
    return Bench(component, f"{element}_mac", "packed_bench", folder, environment)


@pytest.fixture(scope="module", params=ELEMENTS)
def bench(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return build(request.param, *DEFAULTS[request.param], folder)


@pytest.mark.parametrize(
    "test",
    [
        "long_vectors",
        "zero_operands_are_skipped",
        "idle_words_change_nothing",
        "reset_empties_the_pipeline",
        "outputs_are_known_after_the_first_dot_product",
    ],
)
def test_packed_mac(bench, test):
    bench.run(test)


def test_random_packed_dot_products_match_the_golden_model(bench):
    bench.run("random_dot_products", PE_COUNT="400")


def test_spatial_mac_loads_only_what_it_uses(tmp_path):
    build("spatial", 8, 32, tmp_path).run("digits_that_are_not_used_are_ignored")


# Narrow accumulators saturate in most dot products; other widths go through the same tests.
@pytest.mark.parametrize(
    ("element", "width", "acc_width"),
    [("spatial", 8, 16), ("spatial", 8, 20), ("spatial", 4, 8), ("spatial", 6, 13),
     ("spatial", 16, 40), ("dual", 16, 32), ("dual", 4, 8), ("dual", 6, 14), ("dual", 8, 20)],
)  # fmt: skip
def test_other_packed_widths_match_the_golden_model(element, width, acc_width, tmp_path):
    bench = build(element, width, acc_width, tmp_path)
    bench.run("random_dot_products", PE_COUNT="100")
    if acc_width < 2 * width + 5:
        bench.run("accumulator_saturates_at_both_ends")


# Operands, bias, four multipliers, what is behind them, accumulator, two halves of the output; and,
# on SpatialMac, the lower half of the activation word, that of the weight word.
@pytest.mark.parametrize(("element", "gates"), [(SpatialMac, 12), (DualMac, 10)])
def test_every_enable_of_a_packed_mac_becomes_a_clock_gate(element, gates, tmp_path):
    source = tmp_path / "mac.v"
    write_verilog(element(), "mac", source)
    passes = [
        f"read_verilog {source}",
        "synth -top mac",
        "clockgate -pos gate ce:clk:gclk -min_net_size 3",
        "select -assert-none t:$_DFFE* t:$_SDFFE* t:$_SDFFCE* t:$_DLATCH*",
        f"select -assert-count {gates} t:gate",
    ]
    run_yosys(passes, tmp_path, "gates")


@pytest.mark.parametrize("element", [SpatialMac, DualMac])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5,), "width must be even and from 4 to 32, not 5"),
        ((2,), "width must be even and from 4 to 32, not 2"),
        ((34, 80), "width must be even and from 4 to 32, not 34"),
        ((8, 15), "acc_width must be from 16 to 128, not 15"),
        ((8, 100000), "acc_width must be from 16 to 128, not 100000"),
    ],
)
def test_packed_mac_rejects_bad_widths(element, arguments, message):
    with pytest.raises(ValueError) as raised:
        element(*arguments)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("element", "length", "precision", "bias", "cycles"),
    [
        (SpatialMac, 9, Precision.FULL, True, 9),
        (SpatialMac, 9, Precision.MIXED, False, 5),
        (SpatialMac, 9, Precision.HALF, True, 3),
        (SpatialMac, 4, Precision.HALF, False, 1),
        (SpatialMac, 4, Precision.HALF, True, 3),
        (DualMac, 2, Precision.FULL, True, 3),
        (DualMac, 9, Precision.FULL, False, 9),
        (DualMac, 9, Precision.HALF, True, 5),
    ],
)
def test_packed_dot_products_take_as_many_cycles_as_words(element, length, precision, bias, cycles):
    assert element.dot_product_cycles(length, precision, bias) == cycles
    plan = schedule_on(element(), [DotProduct(length, precision, bias)])
    assert plan.result_cycle.tolist() == [cycles + 4]


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (
            DotProduct(4, Precision.MIXED),
            "precision of DualMac must be one of full, half, not mixed",
        ),
        (
            DotProduct(4, Precision.HALF, features=Features.LOW),
            "features of DualMac must be interleaved, not low",
        ),
        (
            DotProduct(4, Precision.HALF, position=44),
            "position must be from 0 to 43, not 44",
        ),
    ],
)
def test_schedule_rejects_what_an_element_has_not(job, message):
    with pytest.raises(ValueError) as raised:
        schedule_on(DualMac(), [job])
    assert str(raised.value) == message
