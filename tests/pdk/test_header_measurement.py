"""Headers measured: a transistor whose equations are known, and the foundries' models."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from voltile.core import TechnologyError
from voltile.pdk import find_pdk
from voltile.pdk.characterization import header as module
from voltile.pdk.characterization.bench import Corner
from voltile.pdk.characterization.config import read_config
from voltile.pdk.characterization.header import HeaderMeasurement, HeaderTask, measure_header
from voltile.pdk.characterization.models import DeviceModel

pytestmark = pytest.mark.skipif(shutil.which("ngspice") is None, reason="needs ngspice")

# Shichman-Hodges: KP [A/V2], VTO [V], GAMMA [V^0.5], PHI [V], overlap capacitances [F/m], junction
# saturation current [A].
KP, VTO, GAMMA, PHI, CGSO, CGDO, IS = 4e-5, 0.35, 0.4, 0.7, 3e-10, 5e-10, 2e-12
CARD = (
    f".model pch pmos level=1 kp={KP} vto={-VTO} gamma={GAMMA} phi={PHI} lambda=0 "
    f"cgso={CGSO} cgdo={CGDO} is={IS}\n"
)
WIDTH, LENGTH = 2e-6, 1e-7


@pytest.fixture
def task(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "model_cards", lambda devices, sizes: CARD)
    corner = Corner("warm", 27.0, {"pch": DeviceModel("p", tmp_path / "none", "pch")})
    return HeaderTask(
        "pch", WIDTH, LENGTH, 1e-7, corner, (corner,), (0.8, 0.9, 1.0), (0.7, 0.85, 1.0)
    )


def test_on_resistance_is_that_of_the_equation(task):
    """I = KP W / L ((Vsg - Vt) Vsd - Vsd^2 / 2), Vt with the body effect of the well at VddH."""
    found = measure_header(task)
    for row, vdd in enumerate(task.vdds):
        for column, ratio in enumerate(task.ratios):
            source, across = ratio * vdd, 0.02 * ratio * vdd
            threshold = VTO + GAMMA * (np.sqrt(PHI + vdd - source) - np.sqrt(PHI))
            # The well is at the source, or above it; the drain is the lower of the two ends.
            current = KP / LENGTH * ((source - threshold) * across - across**2 / 2)
            assert found.resistance[row][column] == pytest.approx(across / current, rel=1e-4)


def test_gate_capacitance_is_that_of_the_overlaps(task):
    """Without an oxide thickness the first level has no other."""
    assert measure_header(task).gate == pytest.approx([CGSO + CGDO] * 3, rel=1e-3)


def test_leakage_is_that_of_the_junction_at_the_drain(task):
    """The channel is off; far beyond the thermal voltage the junction passes its saturation."""
    (off,) = measure_header(task).off.values()
    for row, vdd in enumerate(task.vdds):
        for column, ratio in enumerate(task.ratios):
            junction = IS * (1 - np.exp(-(1 - ratio) * vdd / 0.02585))
            assert off[row][column] * WIDTH == pytest.approx(junction, rel=1e-2, abs=1e-16)


def test_measurement_survives_its_file(task):
    found = measure_header(task)
    again = HeaderMeasurement.from_json(found.to_json())
    assert np.array_equal(found.resistance, again.resistance)
    assert found.to_json() == again.to_json()


def test_device_without_a_model_is_refused(task):
    with pytest.raises(TechnologyError) as fault:
        measure_header(replace(task, device="pvt"))
    assert str(fault.value) == "corner 'warm' has no model of header 'pvt'"


@pytest.mark.parametrize("name", ["freepdk45", "sky130-spice"])
def test_headers_of_the_foundries_models(name):
    """More supply, a source nearer its well: less resistance. More drop: more leakage."""
    try:
        find_pdk(read_config(name).file.stem.replace("sky130-spice", "sky130A"))
    except TechnologyError:
        pytest.skip(f"needs the PDK of {name}")
    config = read_config(name)
    vdds = config.vdds[::4]
    found = measure_header(HeaderTask(
        config.header.device, config.header.finger_width, config.drawn_length,
        config.layout.shared_diffusion, config.timing_corner, config.leakage_corners, vdds,
        (0.75, 0.9, 1.0),
    ))  # fmt: skip
    resistance = np.array(found.resistance)
    assert (np.diff(resistance, axis=0) < 0).all() and (np.diff(resistance, axis=1) < 0).all()
    assert (np.diff(found.gate) > 0).all()
    assert list(found.off) == [corner.name for corner in config.leakage_corners]
    for table in found.off.values():
        off = np.array(table)
        assert (np.diff(off, axis=1) < 0).all() and (np.diff(off[:, 0]) > 0).all()
        # Even between ground and supply, a header that is off passes far less than one that is on.
        assert (off[:, 0] < 0.001 * np.array(vdds) / resistance[:, -1]).all()
