"""Tables for drivers at a lower supply: from measurements, in between, and on disk."""

from dataclasses import replace

import measured_cells as made
import numpy as np
import pytest
from measured_cells import BIASES, CORNERS, DFF, GATE, INV, LATCH, NAND2, TIE, XOR2, measure

from voltile.core import TechnologyError
from voltile.pdk.characterization.mixed_supply_table import mixed_supply_table
from voltile.pdk.mixed_supply import ArcRow, CheckRow, MixedSupply, StateRow

CELLS = (INV, NAND2, XOR2, TIE, DFF, LATCH, GATE)
VDDS = (0.6, 0.8, 1.0)
# The tables keep 13 bits.
BITS = 2**-13


@pytest.fixture(scope="module")
def measurements():
    return [measure(cell, vdd, bias) for cell in CELLS for vdd in VDDS for bias in BIASES]


@pytest.fixture(scope="module")
def table(measurements):
    return mixed_supply_table(measurements)


def cell_of(row):
    return next(cell for cell in CELLS if cell.name == row.cell)


def test_axes_and_rows(table):
    assert (table.biases, table.vdds) == (BIASES, VDDS)
    assert table.ratios == (0.75, 0.85, 0.95, 1.0)
    assert tuple(table.leakage) == CORNERS
    assert table.inputs["DFF_X1"] == ("CK", "D")
    # Inverter 0, 1, L; two inputs 3 x 3; a tie cell has one state.
    of = {cell.name: [row.state for row in table.states if row.cell == cell.name] for cell in CELLS}
    assert sorted(of["INV_X1"]) == ["0", "1", "L"]
    assert sorted(of["NAND2_X1"]) == ["00", "01", "0L", "10", "11", "1L", "L0", "L1", "LL"]
    assert of["TIE_X1"] == [""]
    assert len(of["DFF_X1"]) == 18
    assert [table.state_row[row] for row in table.states] == list(range(len(table.states)))
    # Clocks were not measured with a low driver, nor hold checks.
    assert ArcRow("XOR2_X1", "A", "Y", "rise", "fall", "B") in table.arc_row
    assert {row.related for row in table.arcs if row.cell == "LATCH_X1"} == {"D"}
    assert not any(row.cell in ("DFF_X1", "ICG_X1") for row in table.arcs)
    assert CheckRow("DFF_X1", "D", "CK", "setup_rising", "fall") in table.check_row
    assert {row.kind for row in table.checks} == {"setup_rising", "setup_falling"}
    assert table.delay.dtype == np.float32 and table.delay.shape == (3, 3, 4, len(table.arcs))


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("ratio", [0.75, 0.8, 0.85, 0.93, 0.95, 0.97, 1.0])
@pytest.mark.parametrize("vdd", [0.6, 0.67, 0.8, 1.0])
def test_leakage_is_exponential_in_ratio_and_supply(table, corner, bias, ratio, vdd):
    """The formula is linear in its logarithm over both, so that what is in between is exact too."""
    power = table.leakages(corner, bias, ratio * vdd, vdd)
    factor = table.leakage_factor(corner, bias, ratio * vdd, vdd)
    for row, watts, k in zip(table.states, power, factor, strict=True):
        expected = made.leakage_factor(row.state, corner, bias, ratio)
        nominal = made.leakage(cell_of(row), row.state, corner, vdd, bias)
        assert k == pytest.approx(expected, rel=3 * BITS)
        assert watts == pytest.approx(nominal * expected, rel=2 * BITS)
        if "L" not in row.state or ratio == 1:
            assert k == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("ratio", [0.75, 0.8, 0.9, 0.95, 0.99, 1.0])
@pytest.mark.parametrize("vdd", [0.6, 0.7, 0.9, 1.0])
def test_delay_factors_are_linear_in_ratio(table, ratio, vdd):
    delay, slew = table.delay_factor("pb1", ratio * vdd, vdd)
    assert delay == pytest.approx([made.delay_factor(row, ratio) for row in table.arcs], rel=BITS)
    assert slew == pytest.approx([made.slew_factor(row, ratio) for row in table.arcs], rel=BITS)


@pytest.mark.parametrize("vdd", [0.6, 0.7, 0.8])
def test_check_additions_are_linear_in_both(table, vdd):
    added = table.check_addition("pb2", 0.9 * vdd, vdd)
    for row, seconds in zip(table.checks, added, strict=True):
        ends = [made.check_addition((row.cell, row.pin, row.kind, row.edge), "pb2", at, 0.9)
                for at in (0.6, 0.8)]  # fmt: skip
        expected = np.interp(vdd, (0.6, 0.8), ends)
        assert seconds == pytest.approx(expected, rel=2 * BITS)


def test_a_driver_at_a_higher_supply_changes_nothing(table):
    assert np.all(table.leakage_factor("ss_125C", "pb0", 1.0, 0.8) == 1)
    assert np.all(np.concatenate(table.delay_factor("pb0", 1.0, 0.8)) == 1)
    assert np.all(table.check_addition("pb0", 1.0, 0.8) == 0)


def test_an_output_that_never_switches_has_an_infinite_factor():
    item = measure(INV, 0.8)
    never = replace(item, arcs=tuple(
        replace(arc, low_delay=(np.inf, 1.5, 1.2), low_slew=(np.inf, 1.1, 1.0)) for arc in item.arcs
    ))  # fmt: skip
    table = mixed_supply_table([never])
    for ratio, expected in ((0.75, np.inf), (0.8, np.inf), (0.85, 1.5), (0.9, 1.35)):
        delay, _ = table.delay_factor("pb0", ratio * 0.8, 0.8)
        assert delay == pytest.approx([expected, expected], rel=2 * BITS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ff_100C", "pb0", 0.58, 0.8),
         ("a driver at 0.58 V is at 0.725 of the 0.8 V of its cell: the mixed-supply table covers "
          "0.75 to 1")),
        (("ff_100C", "pb0", 0.5, 0.55),
         "the mixed-supply table covers cells at 0.60 to 1.00 V, not at 0.55 V"),
        (("ff_100C", "pb0", 1.0, 1.1),
         "the mixed-supply table covers cells at 0.60 to 1.00 V, not at 1.1 V"),
        (("ff_100C", "pb9", 0.8, 0.8),
         "bias 'pb9' is not in the mixed-supply table: it has pb0, pb1, pb2"),
        (("tt_25C", "pb0", 0.8, 0.8),
         "leakage corner 'tt_25C' is not in the mixed-supply table: it has ss_125C, ff_100C"),
    ],
)  # fmt: skip
def test_lookup_rejects(table, arguments, message):
    with pytest.raises(TechnologyError) as fault:
        table.leakage_factor(*arguments)
    assert str(fault.value) == message
    if arguments[0] in CORNERS:
        for lookup in (table.delay_factor, table.check_addition):
            with pytest.raises(TechnologyError) as fault:
                lookup(*arguments[1:])
            assert str(fault.value) == message


# Measurements that do not belong together.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda item: [],
         "cell 'NAND2_X1' is not measured for pb1 at 0.8 V with drivers at 0.75, 0.85, 0.95"),
        (lambda item: [replace(item, ratios=(0.8, 0.85, 0.95))],
         "cell 'NAND2_X1' is not measured for pb1 at 0.8 V with drivers at 0.75, 0.85, 0.95"),
        (lambda item: [replace(item, arcs=item.arcs[1:])],
         "cell 'NAND2_X1' has other rows of delay for pb1 at 0.8 V than elsewhere"),
        (lambda item: [replace(item, low_leakage={
            corner: {state: power for state, power in low.items() if state != "LL"}
            for corner, low in item.low_leakage.items()})],
         "cell 'NAND2_X1' has other rows of ss_125C for pb1 at 0.8 V than elsewhere"),
        (lambda item: [replace(item, leakage={"ss_125C": item.leakage["ss_125C"]})],
         "cell 'NAND2_X1' has other rows of ff_100C for pb1 at 0.8 V than elsewhere"),
        (lambda item: [replace(item, leakage={**item.leakage, "tt_25C": {"00": 1e-9}},
                               low_leakage={**item.low_leakage, "tt_25C": {}})],
         "cell 'NAND2_X1' has other rows of tt_25C for pb1 at 0.8 V than elsewhere"),
    ],
)  # fmt: skip
def test_from_measurements_rejects(change, message):
    items = [measure(cell, 0.8, bias) for cell in (INV, NAND2) for bias in ("pb0", "pb1")]
    items[3:] = change(items[3])
    with pytest.raises(TechnologyError) as fault:
        mixed_supply_table(items)
    assert str(fault.value) == message


def test_order_of_measurements_and_arcs_does_not_matter(measurements, table):
    turned = [replace(item, arcs=item.arcs[::-1]) for item in measurements]
    again = mixed_supply_table([*measurements[:1], *turned[:0:-1]])
    assert set(again.biases) == set(BIASES) and again.vdds == VDDS
    for bias in BIASES:
        mine, theirs = table.delay_factor(bias, 0.7, 0.8), again.delay_factor(bias, 0.7, 0.8)
        for row, at in table.arc_row.items():
            assert mine[0][at] == theirs[0][again.arc_row[row]]


def test_from_measurements_rejects_nothing():
    with pytest.raises(TechnologyError, match="needs at least one measured cell"):
        mixed_supply_table([])


# On disk.


def test_save_and_load(table, tmp_path):
    path = tmp_path / "mixed.npz"
    table.save(path)
    first = path.read_bytes()
    again = MixedSupply.load(path)
    for name in ("biases", "vdds", "ratios", "inputs", "states", "arcs", "checks"):
        assert getattr(again, name) == getattr(table, name)
    for name in ("delay", "slew", "addition"):
        np.testing.assert_array_equal(getattr(again, name), getattr(table, name))
    assert tuple(again.leakage) == CORNERS
    for corner in CORNERS:
        np.testing.assert_array_equal(again.leakage[corner], table.leakage[corner])
    assert isinstance(again.states[0], StateRow)
    table.save(path)
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]


def damage(data, kind):
    rng = np.random.default_rng(5)
    flipped = bytearray(data)
    for at in rng.integers(0, len(data), 300):
        flipped[at] ^= 1 << rng.integers(8)
    return {"empty": b"", "text": b"not an archive", "half": data[: len(data) // 2],
            "bits": bytes(flipped), "head lost": data[500:]}[kind]  # fmt: skip


@pytest.mark.parametrize("kind", ["empty", "text", "half", "bits", "head lost"])
def test_load_rejects_a_damaged_file(table, tmp_path, kind):
    path = tmp_path / "mixed.npz"
    table.save(path)
    path.write_bytes(damage(path.read_bytes(), kind))
    with pytest.raises(TechnologyError) as fault:
        MixedSupply.load(path)
    assert str(fault.value).startswith(f"mixed-supply table {path} is damaged: ")


def test_load_rejects_what_is_no_table(tmp_path):
    path = tmp_path / "mixed.npz"
    with pytest.raises(TechnologyError) as fault:
        MixedSupply.load(path)
    assert str(fault.value) == f"there is no mixed-supply table {path}"
    np.savez(path, texts=np.frombuffer(b'{"format": 0}', dtype=np.uint8))
    with pytest.raises(TechnologyError) as fault:
        MixedSupply.load(path)
    assert str(fault.value) == f"mixed-supply table {path} is of another format"
    np.savez(path, other=np.zeros(3))
    with pytest.raises(TechnologyError, match="is damaged: "):
        MixedSupply.load(path)
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))
    with pytest.raises(TechnologyError, match="is damaged: "):
        MixedSupply.load(path)
