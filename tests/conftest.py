"""Fixtures that several rooms share."""

import os
import shutil
from pathlib import Path

import measured_cells
import numpy as np
import pytest
from toy_technology import write_toy_technology

from voltile.core import TechnologyError
from voltile.pdk import find_pdk, read_technology


@pytest.fixture(scope="session")
def toy_technology(tmp_path_factory):
    """A small technology of our own; its libraries are read from the files, not from a cache."""
    folder = tmp_path_factory.mktemp("toy_technology")
    manifest = write_toy_technology(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        technology = read_technology(str(manifest))
        for vdd in technology.vdds:
            technology.library(vdd)
    return technology


@pytest.fixture(scope="session")
def made_technology(tmp_path_factory):
    """Cells by formula at three supplies in three gate lengths, with a mixed-supply table."""
    folder = tmp_path_factory.mktemp("made_technology")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        manifest = measured_cells.write_technology(folder, (0.6, 0.8, 1.0), measured_cells.BIASES)
        technology = read_technology(str(manifest))
        for bias in technology.biases:
            for vdd in technology.vdds:
                technology.library(vdd, bias)
    return technology


@pytest.fixture(scope="session")
def sky130hd():
    """The foundry's libraries."""
    try:
        find_pdk("sky130A")
    except TechnologyError:
        pytest.skip("needs PDK sky130A")
    return read_technology("sky130hd")


@pytest.fixture(scope="session")
def opensta():
    """OpenSTA, the outside timer."""
    if shutil.which("sta") is None:
        pytest.skip("needs sta (OpenSTA)")


@pytest.fixture
def two_dask_workers():
    """A Dask cluster of two processes on this machine."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def keyword_spotting():
    """File of MLPerf Tiny's keyword-spotting network, inputs in its units, and their classes.

    Shapes (inputs, 49, 10, 1) and (inputs,).
    """
    pytest.importorskip("onnx")
    folder = Path(os.environ.get("MODELS_ROOT", ""))
    model, data = folder / "kws_dscnn.onnx", folder / "kws01_dev.npz"
    if not (model.is_file() and data.is_file()):
        pytest.skip("needs MODELS_ROOT with kws_dscnn.onnx and kws01_dev.npz")
    arrays = np.load(data)
    values = (arrays["x"].astype(float) - arrays["zero_point"]) * arrays["scale"]
    return model, np.moveaxis(values, 1, -1), arrays["y"]
