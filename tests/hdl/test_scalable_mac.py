"""The generated Verilog of ScalableMac against the golden model, under Icarus."""

import pytest
from verilog_build import Bench, require_simulator

from voltile.core.yosys import run_yosys
from voltile.hdl import ScalableMac, write_verilog


def build(width, acc_width, folder):
    require_simulator()
    environment = {"MAC_WIDTH": str(width), "MAC_ACC_WIDTH": str(acc_width)}
    component = ScalableMac(width, acc_width)
    return Bench(component, "scalable_mac", "mac_bench", folder, environment)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return build(8, 32, tmp_path_factory.mktemp("mac"))


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
def test_mac(bench, test):
    bench.run(test)


def test_random_dot_products_match_the_golden_model(bench):
    bench.run("random_dot_products", MAC_COUNT="400")


# Narrow accumulators saturate in most dot products; other widths go through the same tests.
@pytest.mark.parametrize(("width", "acc_width"), [(8, 16), (8, 20), (4, 8), (6, 13), (16, 40)])
def test_other_widths_match_the_golden_model(width, acc_width, tmp_path):
    bench = build(width, acc_width, tmp_path)
    bench.run("random_dot_products", MAC_COUNT="100")
    if acc_width < 20:
        bench.run("accumulator_saturates_at_both_ends")


def test_every_enable_becomes_a_clock_gate(tmp_path):
    source = tmp_path / "mac.v"
    write_verilog(ScalableMac(), "mac", source)
    passes = [
        f"read_verilog {source}",
        "synth -top mac",
        "clockgate -pos gate ce:clk:gclk -min_net_size 3",
        "select -assert-none t:$_DFFE* t:$_SDFFE* t:$_SDFFCE* t:$_DLATCH*",
        # Operands, bias, multiplier inputs, accumulator, and the two halves of the output.
        "select -assert-count 6 t:gate",
    ]
    run_yosys(passes, tmp_path, "gates")


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
def test_scalable_mac_rejects_bad_widths(arguments, message):
    with pytest.raises(ValueError) as raised:
        ScalableMac(*arguments)
    assert str(raised.value) == message
