"""`voltile sweep`: its rows, what is left out, and the same bytes however they are computed."""

import csv
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from inline_executor import Inline
from pe_tables import write_pe_table

import voltile.pdk
from voltile.core import VoltileError, executor
from voltile.flows.energy.job import EnergyConfig, compute_energy
from voltile.flows.sweep import job as sweep_job
from voltile.flows.sweep.config import SweepConfig
from voltile.flows.sweep.job import SWEEP_OUTPUTS, run_sweep
from voltile.sim import SweepTable

KIB = 1 << 10
SMALL = SweepConfig(
    ("kws_dscnn", "ad_autoencoder"), arrays=((4, 4), (8, 16)), dataflows=("os", "ws", "is"),
    pes=("spatial", "dual"), memories=((64 * KIB,) * 3, (64 * KIB, 128 * KIB, 32 * KIB)),
    vdds=(1.0, 0.7), dram_bandwidth=2e8,
)  # fmt: skip
TABLES = ("sweep.csv", "left_out.csv", "pareto.png")


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of two designs: 24 of `SMALL`."""
    monkeypatch.setattr(sweep_job, "_CHUNK", 2)


def contents(folder, names=TABLES):
    return {name: (folder / name).read_bytes() for name in names}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Files of `SMALL`, computed in this process."""
    folder = tmp_path_factory.mktemp("swept")
    run_sweep(SMALL, folder, Inline)
    return contents(folder)


def row_of(columns, **values):
    chosen = np.all([columns[name] == value for name, value in values.items()], axis=0)
    (at,) = np.flatnonzero(chosen)
    return {name: items[at] for name, items in columns.items()}


def test_rows_are_the_sums_of_energy_tables(tmp_path):
    columns = run_sweep(SMALL, tmp_path, Inline).table.columns
    # Two networks on two arrays, three dataflows, two memories, of three and of two precisions,
    # at two supplies by three policies.
    assert len(columns["network"]) == 2 * 2 * 3 * 2 * (3 + 2) * 6
    for network, array, dataflow, pe in (
        ("kws_dscnn", (8, 16), "ws", "dual"), ("ad_autoencoder", (4, 4), "os", "spatial"),
    ):  # fmt: skip
        table = compute_energy(EnergyConfig(
            network, array, dataflow, pe, dram_bandwidth=2e8, act_bytes=64 * KIB,
            out_bytes=32 * KIB, vdds=(1.0, 0.7),
        )).table  # fmt: skip
        layers = table.columns
        for policy, vdd in (("same-supply", 1.0), ("iso-throughput", 0.7)):
            mine = (layers["policy"] == policy) & (layers["reference_vdd_v"] == vdd)
            mine &= layers["precision"] == "half"
            row = row_of(
                columns, network=network, rows=array[0], cols=array[1], dataflow=dataflow, pe=pe,
                out_kib=32, precision="half", policy=policy, reference_vdd_v=vdd,
            )  # fmt: skip
            assert {name: row[name] for name in table.hardware} == table.hardware
            for name in ("cycles", "stall_cycles", "macs", "dram_bytes"):
                assert row[name] == layers[name][mine].sum()
            for name in ("pe_dynamic", "pe_leakage", "sram", "dram", "control", "total"):
                assert row[f"{name}_pj"] == pytest.approx(layers[f"{name}_pj"][mine].sum())
            assert row["vdd_v"] == layers["vdd_v"][mine][0]
            assert row["stall_cycles"] > 0
            cycles = row["cycles"] + row["stall_cycles"]
            assert row["latency_s"] == pytest.approx(cycles / row["frequency_hz"])
            # Products of a cycle at half precision: four, and two.
            products = array[0] * array[1] * {"spatial": 4, "dual": 2}[pe] * row["cycles"]
            assert row["utilisation"] == pytest.approx(row["macs"] / products)


def test_area_is_that_of_elements_and_memories(tmp_path):
    own = write_pe_table(tmp_path / "pe.csv")
    config = SweepConfig(
        ("kws_dscnn",), arrays=((8, 8),), pes=("spatial",), pe_energy=own, vdds=(0.8,),
        memories=((128 * KIB, 256 * KIB, 64 * KIB),),
    )  # fmt: skip
    columns = run_sweep(config, tmp_path / "out", Inline).table.columns
    table = Path(voltile.pdk.__file__).parent / "technologies" / "cacti7_sram.csv"
    with table.open() as stream:
        rows = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    areas = {
        (float(row["size_kib"]), int(row["port_bits"])): float(row["area_m2"])
        for row in rows
        if row["tech_nm"] == "45"
    }
    # Two banks each; eight operands of 16 bits, eight results of 8.
    expected = 2e12 * (areas[64, 128] + areas[128, 128] + areas[32, 64])
    assert columns["sram_area_um2"] == pytest.approx(expected)
    assert columns["pe_area_um2"] == pytest.approx(64 * 2000)
    assert (columns["area_um2"] == columns["sram_area_um2"] + columns["pe_area_um2"]).all()


def test_pareto_rows_are_those_that_no_other_one_beats(tmp_path):
    result = run_sweep(SMALL, tmp_path, Inline)
    columns = result.table.columns
    widths = {"spatial": (8, 8, 4), "dual": (16, 16, 8)}
    for pe, (full, act, half) in widths.items():
        for precision, bits in (
            ("full", f"{full}x{full}"), ("mixed", f"{act}x{half}"), ("half", f"{half}x{half}"),
        ):  # fmt: skip
            mine = (columns["pe"] == pe) & (columns["precision"] == precision)
            assert (columns["operand_bits"][mine] == bits).all()
    assert list(result.fronts) == [
        (network, bits) for network in SMALL.networks for bits in ("16x16", "8x8", "8x4", "4x4")
    ]
    figures = np.stack([columns[name] for name in ("latency_s", "total_pj", "area_um2")], axis=1)
    for (network, bits), front in result.fronts.items():
        mine = np.flatnonzero((columns["network"] == network) & (columns["operand_bits"] == bits))
        for at in mine:
            no_worse = (figures[mine] <= figures[at]).all(axis=1)
            better = no_worse & ((figures[mine] < figures[at]).any(axis=1) | (mine < at))
            assert columns["pareto"][at] == (not better.any())
        assert columns["latency_s"][front[0]] == columns["latency_s"][mine].min()
        assert columns["total_pj"][front[-1]] == columns["total_pj"][mine].min()
        assert columns["pareto"][front].all()


def test_cycles_of_two_modes_are_not_compared(tmp_path):
    config = SweepConfig(("kws_dscnn",), pes=("dual",), modes=("rtl", "scale-sim"), vdds=(1.0,))
    result = run_sweep(config, tmp_path, Inline)
    modes = result.table.columns["mode"]
    for (_, group), front in result.fronts.items():
        assert set(modes[front]) == {group.split()[1]}
    assert {group for _, group in result.fronts} == {
        f"{bits} {mode}" for bits in ("16x16", "8x8") for mode in ("rtl", "scale-sim")
    }


def test_both_forms_of_the_table_read_back_equal(tmp_path):
    pytest.importorskip("pyarrow")
    table = run_sweep(SMALL, tmp_path, Inline).table
    assert {path.name for path in tmp_path.iterdir()} == {*SWEEP_OUTPUTS, "stages"}
    assert SweepTable.read(tmp_path / "sweep.csv") == table
    assert SweepTable.read(tmp_path / "sweep.parquet") == table
    path = tmp_path / "other.csv"
    path.write_text((tmp_path / "sweep.csv").read_text().replace("\n2,", "\n1,"))
    message = f"{path} is a sweep table of version 1, and this Voltile reads version 2: make it "
    with pytest.raises(VoltileError, match=message + "again with 'voltile sweep'"):
        SweepTable.read(path)


def test_what_cannot_be_computed_is_left_out_and_told(tmp_path):
    """A layer of ResNet-18 fits in halves only, `dual` has no mixed precision, 7 rows no RTL."""
    config = SweepConfig(
        ("resnet18",), arrays=((8, 8), (7, 8)), pes=("dual",), modes=("rtl",), vdds=(1.0, 0.8),
        precisions=("full", "mixed", "half"),
    )  # fmt: skip
    result = run_sweep(config, tmp_path, Inline)
    assert set(result.table.columns["precision"]) == {"half"}
    assert set(result.table.columns["rows"]) == {8}
    assert len(result.table) == 6
    with (tmp_path / "left_out.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["width"], row["tech"]) for row in rows} == {("16", "freepdk45")}
    assert [(row["rows"], row["precision"], row["reason"][:27]) for row in rows] == [
        ("8", "full", "layer 'stage4.0.conv2': its"),
        ("8", "mixed", "dual elements have no mixed"),
        *(("7", item, "the accelerator has an even") for item in ("full", "mixed", "half")),
    ]
    # By reason, at every operating point: two supplies by three policies.
    assert list(result.left_out.values()) == [18, 6, 6]
    alone = run_sweep(
        SweepConfig(("resnet18",), pes=("dual",), modes=("rtl",), vdds=(1.0, 0.8),
                    precisions=("half",)), tmp_path / "alone", Inline,
    )  # fmt: skip
    assert alone.table == result.table


@pytest.mark.parametrize("workers", [1, 2])
def test_same_bytes_with_any_number_of_processes(tmp_path, small_chunks, swept, workers):
    run_sweep(SMALL, tmp_path, lambda: executor(workers))
    assert contents(tmp_path) == swept


@pytest.mark.parametrize("size", [1, 7])
def test_same_bytes_with_chunks_of_any_size(tmp_path, monkeypatch, swept, size):
    monkeypatch.setattr(sweep_job, "_CHUNK", size)
    run_sweep(SMALL, tmp_path, Inline)
    assert contents(tmp_path) == swept


def test_a_process_that_dies_in_the_middle_changes_nothing(tmp_path, small_chunks, swept):
    killed = []

    def kill(done, total):
        if 0 < done < total and not killed:
            killed.extend(
                child.pid for child in psutil.Process().children(recursive=True)
                if "spawn_main" in " ".join(child.cmdline())
            )  # fmt: skip
            os.kill(killed[0], signal.SIGKILL)

    run_sweep(SMALL, tmp_path, lambda: executor(2), kill)
    assert killed
    assert contents(tmp_path) == swept


def test_same_bytes_from_a_dask_cluster_that_loses_a_worker(
    tmp_path, small_chunks, swept, two_dask_workers
):
    workers = [nanny.pid for nanny in two_dask_workers.workers.values()]
    pools = lambda: executor(dask=two_dask_workers.scheduler_address)  # noqa: E731
    at = []

    def kill(done, total):
        if 0 < done < total and not at:
            at.append(done)
            os.kill(workers[0], signal.SIGKILL)

    run_sweep(SMALL, tmp_path, pools, kill)
    assert at == [2]
    assert workers[0] not in [nanny.pid for nanny in two_dask_workers.workers.values()]
    assert contents(tmp_path) == swept


def test_an_interrupted_sweep_goes_on(tmp_path, small_chunks, swept):
    def interrupt(done, total):
        if done >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(SMALL, tmp_path, Inline, interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["stages"]
    seen = []
    pool = Inline()
    run_sweep(SMALL, tmp_path, lambda: pool, lambda *item: seen.append(item))
    assert seen[0] == (10, 48) and seen[-1] == (48, 48) and pool.count == (48 - 10) // 2
    assert contents(tmp_path) == swept


@pytest.mark.parametrize(
    "change",
    [
        {"vdds": (1.0, 0.8)}, {"precisions": ("full",)}, {"policies": ("iso-frequency",)},
        {"dram": "lpddr2"}, {"dram_bandwidth": 3e8}, {"batch": 2}, {"tech": "sky130-spice"},
        {"memories": ((64 * KIB,) * 3, (64 * KIB, 128 * KIB, 16 * KIB))},
        {"networks": ("ad_autoencoder", "kws_dscnn")},
    ],
)  # fmt: skip
def test_another_configuration_reads_no_chunk_of_this_one(tmp_path, monkeypatch, change):
    monkeypatch.setattr(sweep_job, "_CHUNK", 24)
    vdds = {"vdds": (1.8,)} if "tech" in change else {}
    other = SweepConfig(**{**vars(SMALL), **vdds, **change})
    run_sweep(SMALL, tmp_path, Inline)
    seen = []
    run_sweep(other, tmp_path, Inline, lambda done, total: seen.append(done))
    assert seen[0] == 0


def test_another_table_of_elements_is_computed_anew(tmp_path):
    own = write_pe_table(tmp_path / "pe.csv")
    config = SweepConfig(("kws_dscnn",), pes=("spatial",), pe_energy=own, vdds=(0.8,))
    before = run_sweep(config, tmp_path / "out", Inline).table
    own.write_text(own.read_text().replace(",2000\n", ",3000\n"))
    after = run_sweep(config, tmp_path / "out", Inline).table
    assert after.columns["pe_area_um2"] == pytest.approx(1.5 * before.columns["pe_area_um2"])


def test_command_line_takes_lists_and_says_what_it_found(voltile, tmp_path):
    command = (
        "sweep", "kws_dscnn", "ad_autoencoder", "--array", "4x4", "8x8", "--dataflow", "os", "ws",
        "--pe", "dual", "spatial", "--kib", 64, 128, "--vdd", 0.6, 0.8, "--policy", "same-supply",
        "iso-throughput", "--precision", "full", "mixed", "--workers", 1,
    )  # fmt: skip
    code, out, err = voltile(*command)
    assert (code, err) == (0, "")
    folder = tmp_path / "runs" / "sweep-kws_dscnn-ad_autoencoder"
    columns = SweepTable.read(folder / "sweep.csv").columns
    assert len(columns["network"]) == 2 * 2 * 2 * 2 * 4 * (1 + 2)
    assert "kws_dscnn: 96 combinations" in out and "8x8" in out and "16x16" in out
    assert "left out: 64 combinations, with 192 in the table: dual elements have no mixed" in out
    assert "no wires" in out and "45 nm" in out
    assert out.endswith("runs/sweep-kws_dscnn-ad_autoencoder/sweep.csv\n")
    record = json.loads((folder / "run.json").read_text())
    assert record["command"]["arrays"] == [[4, 4], [8, 8]]
    assert set(record["stages"]) == {"combinations", "table", "plot"}
    assert voltile(*command) == (0, out, "32 of 32 designs are kept\n")


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ([], "Missing argument"),
        (["nosuch"], "'nosuch' is neither a file nor a network"),
        (["kws_dscnn", "--array", "8x8", "8"],
         "--array must be ROWSxCOLS of 1 to 999999 each, as 8x8, not '8'"),
        (["kws_dscnn", "--array", "8x8", "0x8", "--dataflow", "rs"],
         "at least one row and column, not 0 x 8; dataflow must be os, ws, is, not rs"),
        (["kws_dscnn", "--pe", "dual", "systolic"], "pe must be scalable, spatial, dual, not sys"),
        (["kws_dscnn", "--mode", "exact"], "mode must be rtl, scale-sim, not exact"),
        (["kws_dscnn", "--precision", "low"], "precision must be full, mixed, half, not low"),
        (["kws_dscnn", "--policy", "iso"], "policy must be same-supply, iso-frequency, iso-thr"),
        (["kws_dscnn", "--dram", "ddr5"], "dram must be lpddr4, lpddr2, ddr3, not ddr5"),
        (["kws_dscnn", "--dram-bandwidth", 0],
         "bandwidth of the DRAM must be 1e-06 GB/s or more, not 0"),
        (["kws_dscnn", "--kib", 0, 64], "memories must have 1 KiB or more, not 0"),
        (["kws_dscnn", "--kib", 64, "--act-kib", 64], "--kib is for all three memories, and"),
        (["kws_dscnn", "--vdd", 0.6, 1.1], "characterised from 0.6 to 1 V, not at 1.1 V"),
        (["kws_dscnn", "--batch", 0], "batch"),
        (["kws_dscnn", "--tech", "nosuch"], "no technology 'nosuch'"),
        (["kws_dscnn", "--pe-energy", "nosuch.csv"], "nosuch.csv cannot be read: No such file"),
        (["kws_dscnn", "--pe", "dual", "--precision", "mixed", "--workers", 1],
         "no combination can be computed: dual elements have no mixed precision, but full, half"),
        (["kws_dscnn", "--mode", "rtl", "--dataflow", "ws", "is", "--workers", 1],
         "no combination can be computed: the accelerator is output stationary (os), not ws"),
        (["kws_dscnn", "--kib", 2, "--workers", 1], "act memory in two banks: an SRAM must have 2"),
    ],
)  # fmt: skip
def test_sweep_rejects_bad_input_and_writes_nothing(voltile, tmp_path, arguments, fault):
    code, out, err = voltile("sweep", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and fault in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_scheduler_that_does_not_answer_is_an_error(voltile, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(sys.modules["voltile.core.executor"], "_DASK_TIMEOUT", 1)
    code, out, err = voltile("sweep", "kws_dscnn", "--dask", "tcp://127.0.0.1:1")
    assert (code, out) == (2, "")
    assert err.startswith("error: no Dask scheduler answers at tcp://127.0.0.1:1")
    assert list(tmp_path.iterdir()) == []


def test_sweep_does_not_write_over_its_input(voltile, tmp_path):
    own = write_pe_table(tmp_path / "sweep.csv")
    before = own.read_bytes()
    code, _, err = voltile("sweep", "kws_dscnn", "--pe-energy", own, "--out", tmp_path)
    assert (code, err) == (2, f"error: output folder {tmp_path} would overwrite the input {own}\n")
    assert own.read_bytes() == before


def test_two_networks_of_one_name_are_refused(voltile, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "net.csv").write_text("Layer, M, N, K,\nfc, 4, 8, 16,\n")
    code, _, err = voltile("sweep", "a/net.csv", "b/net.csv", "--out", "out")
    assert (code, err) == (2, "error: more than one network is named net\n")
    assert not (tmp_path / "out").exists()
