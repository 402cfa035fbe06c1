"""Memories from a table: what is on its points, between them, beside them."""

import numpy as np
import pytest

from voltile.core import VoltileError
from voltile.pdk import read_technology
from voltile.power import DRAM_ENERGY, read_sram_table

HEADER = "tech_nm,size_kib,port_bits,read_j_per_access,write_j_per_access,leakage_w,area_m2"
KIB = 1024


def write_table(path, sizes=(2, 8), ports=(16, 64), nm=45):
    """Energy goes with the square root of the size and with the width: lines in logarithms."""
    rows = [
        f"{nm},{size},{port},{1e-12 * size**0.5 * port},{2e-12 * size**0.5 * port},"
        f"{1e-7 * size},{1e-9 * size}"
        for size in sizes
        for port in ports
    ]
    path.write_text("\n".join(["# made by formula", HEADER, *rows]) + "\n")
    return path


@pytest.fixture
def table(tmp_path):
    return read_sram_table(write_table(tmp_path / "sram.csv"), 45)


@pytest.mark.parametrize(("size", "port"), [(2, 16), (8, 64), (4, 32), (3, 17)])
def test_power_laws_are_met_everywhere(table, size, port):
    memory = table.memory(size * KIB, port)
    assert memory.read == pytest.approx(1e-12 * size**0.5 * port, rel=1e-12)
    assert memory.write == pytest.approx(2e-12 * size**0.5 * port, rel=1e-12)
    assert memory.leakage == pytest.approx(1e-7 * size, rel=1e-12)
    assert memory.area == pytest.approx(1e-9 * size, rel=1e-12)


def test_a_wider_port_is_several_memories_side_by_side(table):
    # 160 bits: three memories of 53 1/3 bits and a third of the size.
    wide, part = table.memory(12 * KIB, 160), table.memory(4 * KIB, 64)
    assert table.memory(12 * KIB, 192).read == pytest.approx(3 * part.read)
    assert wide.read == pytest.approx(3e-12 * 2 * 160 / 3)
    assert wide.leakage == pytest.approx(1e-7 * 12)


def test_one_bank_is_accessed_and_all_leak(table):
    whole, halves = table.memory(8 * KIB, 64), table.memory(8 * KIB, 64, banks=2)
    assert halves.read == pytest.approx(whole.read / 2**0.5)
    assert halves.leakage == pytest.approx(whole.leakage)
    assert halves.area == pytest.approx(whole.area)


@pytest.mark.parametrize(
    ("size", "port", "banks", "message"),
    [
        (1, 32, 1, "an SRAM must have 2 to 8 KiB (sram.csv), not 1 KiB"),
        (9, 32, 1, "an SRAM must have 2 to 8 KiB (sram.csv), not 9 KiB"),
        (2, 32, 2, "an SRAM must have 2 to 8 KiB (sram.csv), not 2 KiB, that is 1 KiB each of 2"),
        (6, 256, 1, "not 6 KiB, that is 1.5 KiB each of 4"),
        (4, 8, 1, "the port of an SRAM must have 16 bits or more (sram.csv), not 8"),
    ],
)
def test_rejects_what_the_table_does_not_hold(table, size, port, banks, message):
    with pytest.raises(VoltileError) as error:
        table.memory(size * KIB, port, banks)
    assert message in str(error.value)


def test_rejects_a_damaged_table(tmp_path):
    path = write_table(tmp_path / "sram.csv")
    with pytest.raises(VoltileError, match="has no memories of 130 nm: it has 45"):
        read_sram_table(path, 130)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(VoltileError, match="of 45 nm must be all pairs of a size_kib"):
        read_sram_table(path, 45)
    path.write_text("\n".join([*lines, lines[-1]]) + "\n")
    with pytest.raises(VoltileError, match="once each"):
        read_sram_table(path, 45)
    path.write_text("\n".join([*lines[:-1], lines[-1].replace("8", "-8", 1)]) + "\n")
    with pytest.raises(VoltileError, match=r"sram.csv:6: size_kib must be above 0, not -8"):
        read_sram_table(path, 45)
    path.write_text("\n".join([lines[1].replace("read_j", "read_pj"), *lines[2:]]) + "\n")
    with pytest.raises(VoltileError, match="the header must be tech_nm,size_kib"):
        read_sram_table(path, 45)


@pytest.mark.parametrize(("tech", "nm"), [("freepdk45", 45), ("sky130-spice", 65)])
def test_technologies_name_the_figures_of_cacti(tech, nm):
    sram = read_technology(tech).sram
    assert (sram.tech_nm, sram.file.name) == (nm, "cacti7_sram.csv")
    assert ("130 nm" in sram.note) == (nm == 65)
    # What CACTI 7 gave for 40 nm, 128 KiB, 64 bits.
    memory = read_sram_table(sram.file, 40).memory(128 * KIB, 64)
    assert [memory.read, memory.write] == pytest.approx([26.9e-12, 21.5e-12], rel=2e-3)
    assert memory.leakage == pytest.approx(4.2e-6, rel=2e-2)
    for process in (22, 32, 40, 45, 65):
        table = read_sram_table(sram.file, process)
        assert table.sizes.tolist() == [KIB << power for power in range(1, 11)]
        assert table.ports.tolist() == [16, 32, 64, 128]
        assert np.isfinite(table.values).all()


def test_dram_energies_are_those_of_the_literature():
    assert DRAM_ENERGY == {"lpddr4": 8e-12, "lpddr2": 40e-12, "ddr3": 70e-12}
