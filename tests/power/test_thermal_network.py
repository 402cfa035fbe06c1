"""Thermal networks against analytic solutions, energy conservation and orders of convergence."""

from itertools import pairwise
from re import escape

import numpy as np
import pytest

from voltile.core import VoltileError
from voltile.power.thermal import (
    Layer,
    Leakage,
    Package,
    TrBdf2,
    advance_with_leakage,
    lumped_network,
    read_package,
    steady_with_leakage,
    stepper,
    thermal_grid,
)
from voltile.power.thermal.transient import Exact

SILICON = Layer("silicon", 200e-6, 120.0, 1.65e6)
COPPER = Layer("copper", 1e-3, 390.0, 3.45e6)
PASTE = Layer("paste", 50e-6, 4.0, 2.2e6)
PACKAGE = Package((SILICON, PASTE, COPPER), 3000.0, 20.0, 25.0)
TOML = """
ambient_c = 25
[convection]
last_w_per_m2k = 3000
first_w_per_m2k = 20
[layers.silicon]
thickness_um = 200
conductivity_w_per_mk = 120
heat_capacity_j_per_m3k = 1.65e6
[layers.paste]
thickness_um = 50
conductivity_w_per_mk = 4
heat_capacity_j_per_m3k = 2.2e6
[layers.copper]
thickness_um = 1000
conductivity_w_per_mk = 390
heat_capacity_j_per_m3k = 3.45e6
"""


def orders(errors):
    """Order of convergence between refinements by two."""
    return [np.log2(coarse / fine) for coarse, fine in pairwise(errors)]


def random_power(grid, seed=1):
    return np.random.default_rng(seed).uniform(0, 1e-2, grid.nx * grid.ny)


@pytest.mark.parametrize("cuts", [2, 7])
def test_slab_has_the_linear_profile_of_conduction(cuts):
    # q = P / A enters at one end: T(z) = T_ambient + q (1/h + (H - z)/k) behind the source.
    thickness, conductivity, convection = 1e-3, 10.0, 500.0
    slices = tuple(Layer(f"{i}", thickness / cuts, conductivity, 1e6) for i in range(cuts))
    grid = thermal_grid(Package(slices, convection, 0.0, 30.0), 2e-3, 3e-3, 3, 5)
    found = grid.maps(grid.network.steady(np.full(15, 2.0 / 15)))
    flux = 2.0 / 6e-6
    z = (np.arange(cuts) + 0.5) * thickness / cuts
    expected = 30.0 + flux * (1 / convection + (thickness - z) / conductivity)
    assert np.allclose(found, expected[:, None, None], rtol=1e-10)


def test_lateral_spreading_converges_at_second_order_with_the_grid():
    # A plate under q cos(pi x / W) (1 + cos(pi y / H)) / 2, cooled through h in series with half of
    # its thickness: each cosine mode has rise q / (k t |wave|^2 + h).
    width, height = 4e-3, 3e-3
    plate = Package((SILICON,), 2e4, 0.0, 25.0)
    cooling = 1 / (SILICON.thickness / (2 * SILICON.conductivity) + 1 / 2e4)
    sheet = SILICON.conductivity * SILICON.thickness
    errors = []
    for n in (6, 12, 24):
        grid = thermal_grid(plate, width, height, n, n)
        edges = np.sin(np.pi * np.linspace(0, 1, n + 1)) / np.pi
        cosine = np.diff(edges) * n  # means over cells
        flux = 1e5 * 0.5 * (cosine[None, :] + cosine[:, None] * cosine[None, :])
        power = flux.ravel() * width * height / n**2
        rise = grid.maps(grid.network.steady(power))[0] - 25.0
        middle = np.cos(np.pi * (np.arange(n) + 0.5) / n)
        one = middle[None, :] / (sheet * (np.pi / width) ** 2 + cooling)
        both = middle[:, None] * middle[None, :] / (
            sheet * ((np.pi / width) ** 2 + (np.pi / height) ** 2) + cooling
        )  # fmt: skip
        errors.append(np.abs(rise - 0.5e5 * (one + both)).max())
    assert errors[-1] < 0.01
    assert all(order == pytest.approx(2.0, abs=0.1) for order in orders(errors))


def test_power_that_goes_in_goes_out():
    grid = thermal_grid(PACKAGE, 3e-3, 2e-3, 9, 7)
    power = random_power(grid)
    at_rest = grid.network.steady(power)
    assert grid.network.lost(at_rest) == pytest.approx(power.sum(), rel=1e-10)
    assert at_rest.min() > 25.0


def test_transient_conserves_energy():
    grid = thermal_grid(PACKAGE, 3e-3, 2e-3, 5, 4)
    network, power, step = grid.network, random_power(grid), 2e-4
    along = TrBdf2(network, step)
    temperature = np.full(len(network.capacitance), 25.0)
    lost = [0.0]
    for _ in range(400):
        temperature = along.advance(temperature, power)
        lost.append(network.lost(temperature))
    given = power.sum() * 400 * step
    left = np.trapezoid(lost, dx=step)
    assert left > 0.01 * given
    assert network.stored(temperature) + left == pytest.approx(given, rel=1e-6)


def test_transient_ends_at_rest():
    grid = thermal_grid(PACKAGE, 3e-3, 2e-3, 5, 4)
    power = random_power(grid)
    along = TrBdf2(grid.network, 1.0)
    temperature = np.full(len(grid.network.capacitance), 25.0)
    for _ in range(200):
        temperature = along.advance(temperature, power)
    assert np.allclose(temperature, grid.network.steady(power), atol=1e-8)


def test_transient_is_of_second_order_in_the_step():
    grid = thermal_grid(PACKAGE, 3e-3, 2e-3, 4, 4)
    network, power = grid.network, random_power(grid)
    start = np.full(len(network.capacitance), 25.0)

    def after(steps):
        along, temperature = TrBdf2(network, 0.02 / steps), start
        for _ in range(steps):
            temperature = along.advance(temperature, power)
        return temperature

    reference = Exact(network, 0.02).advance(start, power)
    errors = [np.abs(after(steps) - reference).max() for steps in (40, 80, 160)]
    assert all(order == pytest.approx(2.0, abs=0.1) for order in orders(errors))


def test_transient_is_stable_and_damped_at_steps_far_beyond_the_fastest_time_constant():
    grid = thermal_grid(PACKAGE, 3e-3, 2e-3, 16, 16)
    power = np.zeros(256)
    power[0] = 1.0
    along = TrBdf2(grid.network, 100.0)
    temperature = along.advance(along.advance(np.full(768, 25.0), power), power)
    assert np.allclose(temperature, grid.network.steady(power), rtol=1e-2)


@pytest.mark.parametrize("step", [0.01, 3.0])
def test_one_lumped_stage_answers_a_step_as_an_rc_element(step):
    network = lumped_network((5.0,), (0.4,), 20.0)
    along, temperature = stepper(network, step), np.array([20.0])
    for count in range(1, 6):
        temperature = along.advance(temperature, np.array([3.0]))
        expected = 20.0 + 15.0 * (1 - np.exp(-count * step / 2.0))
        assert temperature[0] == pytest.approx(expected, rel=1e-12)


def test_two_lumped_stages_are_in_series_at_rest():
    network = lumped_network((4.0, 6.0), (0.2, 10.0), 25.0)
    assert network.steady(np.array([5.0])) == pytest.approx([75.0, 55.0])


def test_symmetric_power_gives_symmetric_maps_and_a_turned_die_a_turned_map():
    grid = thermal_grid(PACKAGE, 2e-3, 3e-3, 6, 5)
    power = random_power(grid).reshape(5, 6)
    power = power + power[:, ::-1]
    found = grid.maps(grid.network.steady(power.ravel()))
    assert np.allclose(found, found[:, :, ::-1])
    turned = thermal_grid(PACKAGE, 3e-3, 2e-3, 5, 6)
    again = turned.maps(turned.network.steady(power.T.ravel()))
    assert np.allclose(again, found.transpose(0, 2, 1))


def test_rises_superpose():
    grid = thermal_grid(PACKAGE, 2e-3, 3e-3, 6, 5)
    one, other = random_power(grid, 1), random_power(grid, 2)
    steady = grid.network.steady
    assert np.allclose(steady(one + 2 * other) - 25, (steady(one) - 25) + 2 * (steady(other) - 25))


def test_a_small_block_is_hotter_than_the_same_power_over_the_die():
    grid = thermal_grid(PACKAGE, 2e-3, 2e-3, 11, 7)
    blocks = np.array([[0, 0, 2e-3, 2e-3], [0.3e-3, 0.4e-3, 0.9e-3, 1.2e-3]])
    shares = grid.shares(blocks)
    assert shares.sum(axis=0) == pytest.approx([1.0, 1.0])
    assert np.allclose(shares[:, 0], 1 / 77)
    even, spot = (grid.network.steady(share)[:77].max() for share in shares.T)
    assert spot > even + 1


def test_shares_of_a_block_are_areas_of_overlap():
    # Cells of 1 x 1 mm; the block covers a quarter of cell 0, half of 1, half of 2, all of 3.
    grid = thermal_grid(PACKAGE, 2e-3, 2e-3, 2, 2)
    share = grid.shares(np.array([[0.5e-3, 0.5e-3, 2e-3, 2e-3]]))[:, 0]
    assert share * 2.25 == pytest.approx([0.25, 0.5, 0.5, 1.0])


def test_package_is_read_from_toml(tmp_path):
    path = tmp_path / "package.toml"
    path.write_text(TOML)
    package = read_package(path)
    assert [layer.name for layer in package.layers] == ["silicon", "paste", "copper"]
    found = [(item.thickness, item.conductivity, item.heat_capacity) for item in package.layers]
    expected = [(item.thickness, item.conductivity, item.heat_capacity) for item in PACKAGE.layers]
    assert np.allclose(found, expected)
    assert (package.convection_last, package.convection_first, package.ambient) == (3000, 20, 25)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("thickness_um = 50", "thickness_um = 0",
         "layers.paste.thickness_um must be a number from 0.001 to 1e+06, not 0"),
        ("conductivity_w_per_mk = 4", "conductivity_w_per_mk = -4",
         "layers.paste.conductivity_w_per_mk must be a number from 0.001 to 100000, not -4"),
        ("last_w_per_m2k = 3000", "last_w_per_m2k = nan",
         "convection.last_w_per_m2k must be a number from 0.001 to 1e+09, not nan"),
        ("ambient_c = 25", "ambient_c = 25\nambient_k = 3", "ambient_k is not a known key"),
    ],
)  # fmt: skip
def test_package_rejects_what_has_no_meaning(tmp_path, old, new, message):
    path = tmp_path / "package.toml"
    path.write_text(TOML.replace(old, new))
    with pytest.raises(VoltileError) as caught:
        read_package(path)
    assert str(caught.value) == f"{path}: {message}"


def test_package_rejects_a_missing_file(tmp_path):
    with pytest.raises(VoltileError, match="none.toml cannot be read: No such file"):
        read_package(tmp_path / "none.toml")


def test_grid_rejects_blocks_without_area_or_off_the_die():
    grid = thermal_grid(PACKAGE, 2e-3, 2e-3, 4, 4)
    with pytest.raises(VoltileError, match=r"^block 0 must have an area, not 0 x 1000 um$"):
        grid.shares(np.array([[1e-3, 0, 1e-3, 1e-3]]))
    with pytest.raises(VoltileError, match=r"^block 0 must lie on the die of 2000 x 2000 um, not "
                       r"reach from \(0, 0\) to \(3000, 1000\) um$"):  # fmt: skip
        grid.shares(np.array([[0, 0, 3e-3, 1e-3]]))
    with pytest.raises(ValueError, match=r"^a die must have an area, not 0 x 1000 um$"):
        thermal_grid(PACKAGE, 0.0, 1e-3, 4, 4)
    with pytest.raises(ValueError, match=r"^a grid must have 1 x 1 cells or more, not 0 x 4$"):
        thermal_grid(PACKAGE, 1e-3, 1e-3, 0, 4)


def test_package_of_ones_own_rejects_what_has_no_meaning():
    with pytest.raises(ValueError, match="^thickness of layer a must be positive and"):
        Layer("a", 0.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="^convection must be positive behind the last layer, .*, "
                       r"not 0 and 0 W/\(m2 K\)$"):  # fmt: skip
        Package((SILICON,), 0.0, 0.0, 25.0)
    with pytest.raises(ValueError, match="^a package must have a layer or more, not none$"):
        Package((), 1.0, 0.0, 25.0)


@pytest.mark.parametrize("power", [np.array([10.0]), np.ones(255), np.ones((16, 16))])
def test_power_that_is_not_one_for_every_source_is_rejected(power):
    network = thermal_grid(PACKAGE, 2e-3, 2e-3, 16, 16).network
    # Of as many sources as the network has, so that it is the power that is at fault.
    none = Leakage(np.array([0.0, 150.0]), np.zeros((2, 256)))
    rest = np.full(len(network.capacitance), 25.0)
    along = TrBdf2(network, 1e-3)
    message = f"a power must have shape (256,), one for every source, not {power.shape}"
    for entered in (
        lambda: network.steady(power),
        lambda: steady_with_leakage(network, power, none),
        lambda: along.advance(rest, power),
        lambda: advance_with_leakage(along, rest, power, none),
    ):
        with pytest.raises(ValueError, match=f"^{escape(message)}$"):
            entered()
    small = lumped_network((5.0,), (0.4,), 20.0)
    with pytest.raises(ValueError, match=r"^a power must have shape \(1,\), one for every source"):
        Exact(small, 0.1).advance(np.array([20.0]), np.ones(2))


def test_leakage_is_that_of_as_many_sources_as_there_are():
    network = thermal_grid(PACKAGE, 2e-3, 2e-3, 2, 2).network
    for sources in (1, 5):
        leakage = Leakage(np.array([0.0, 150.0]), np.zeros((2, sources)))
        with pytest.raises(ValueError, match=f"^leakage is that of {sources} sources, which must "
                           "have a temperature each, not 4$"):  # fmt: skip
            steady_with_leakage(network, np.zeros(4), leakage)


def test_lumped_network_rejects_unstable_values():
    with pytest.raises(ValueError, match="must be positive and finite, not -1"):
        lumped_network((1.0, -1.0), (1.0, 1.0), 25.0)
    with pytest.raises(ValueError, match="a resistance and a capacitance each, not 2 and 1"):
        lumped_network((1.0, 1.0), (1.0,), 25.0)
    with pytest.raises(ValueError, match="a step must be positive and finite, not 0 s"):
        stepper(lumped_network((1.0,), (1.0,), 25.0), 0.0)
    with pytest.raises(ValueError, match="a step must be positive and finite, not -1 s"):
        TrBdf2(lumped_network((1.0,), (1.0,), 25.0), -1.0)
    with pytest.raises(ValueError, match="^an ambient must be finite, not nan C$"):
        lumped_network((1.0,), (1.0,), float("nan"))
    with pytest.raises(ValueError, match="^a power must be finite$"):
        lumped_network((1.0,), (1.0,), 25.0).steady(np.array([np.nan]))
