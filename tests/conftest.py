"""Fixtures that several rooms share."""

import shutil

import measured_cells
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
