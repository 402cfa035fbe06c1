"""Cutting a layout costs no speed: the delay row of dissertation Table 4.1, on MACs."""

import pytest
from test_report_page import _here

from voltile.flows import RunConfig, run
from voltile.flows.fine_vh import job as run_job


@pytest.mark.slow
def test_delay_of_meshes_is_that_of_the_uncut_layout(tmp_path, monkeypatch):
    """Within 1.5 %, Vdd-MUX being in the way; at a period that the MACs just reach."""
    period = 1e-9
    monkeypatch.setattr(run_job, "executor", _here)
    config = RunConfig(
        grid=(1, 2), tiles=(2, 3), points=2, intervals=(4,), poly_bias="none", period=period
    )
    result = run(config, tmp_path, lambda line: None)
    assert result.technology.name == "freepdk45"
    uncut = result.min_period[1]
    assert uncut <= period * 1.001
    for n in config.tiles:
        assert result.layouts[n].muxes is not None
        assert result.min_period[n] == pytest.approx(uncut, rel=0.015)
    # And not because cells grew: in the dissertation, too, their area changes by 1 %.
    area = {n: layout.area.cells for n, layout in result.layouts.items()}
    assert all(area[n] == pytest.approx(area[1], rel=0.05) for n in config.tiles)
