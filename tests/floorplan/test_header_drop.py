"""Delay over the drop of headers: the law behind the cells by formula is known."""

import measured_cells as made
import numpy as np
import pytest

from voltile.floorplan import delay_exponent, drop_stretch


@pytest.mark.parametrize(
    ("vdd", "below", "above"), [(0.8, 0.6, 1.0), (0.6, 0.6, 0.8), (1.0, 0.8, 1.0), (0.7, 0.6, 0.8)]
)
def test_exponent_is_that_of_the_neighbouring_supplies(made_technology, vdd, below, above):
    """Every delay of these cells is proportional to `speed`."""
    slower = made.speed(below, "pb0") / made.speed(above, "pb0")
    expected = np.log(slower) / np.log(above / below)
    assert delay_exponent(made_technology, vdd) == pytest.approx(expected, rel=1e-3)


def test_stretch_is_what_a_lower_supply_costs(made_technology):
    drop = np.array([0.0, 0.01, 0.02])
    stretch = drop_stretch(made_technology, 0.8, drop)
    exact = [made.speed(0.8 * (1 - part), "pb0") / made.speed(0.8, "pb0") for part in drop]
    assert stretch[0] == 1
    # The law is steeper below and flatter above; its mean exponent serves to a few parts in 1000.
    assert stretch == pytest.approx(exact, rel=5e-3)
    assert (np.diff(stretch) > 0).all()
