"""The energy table: three forms that read back equal, and what is refused."""

import json

import numpy as np
import pytest
from energy_cases import CONTROL, MEMORIES, two_layers
from pe_tables import write_pe_table

from voltile.core import VoltileError
from voltile.sim import EnergyTable, Policy, layer_energies, operating_points, read_pe_energy

FORMS = ("csv", "json", "parquet")
# As `two_layers` has it.
HARDWARE = "2,4,os,spatial,8,scale-sim,toy"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = write_pe_table(tmp_path_factory.mktemp("pe") / "pe.csv")
    pe = read_pe_energy(path, "spatial", 8, 32)

    def of(costs):
        points = operating_points(pe, costs.precisions, tuple(Policy), (1.0, 0.7))
        return layer_energies(costs, pe, points, MEMORIES, CONTROL).table("toy")

    return EnergyTable.join([of(two_layers()), of(two_layers(name='other, "one"\n2', batch=3))])


def written(table, tmp_path, form):
    if form == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"energy.{form}"
    table.write(path)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_reads_back_equal(table, tmp_path, form):
    path = written(table, tmp_path, form)
    found = EnergyTable.read(path)
    assert found == table
    for name, values in table.columns.items():  # and to the last bit
        assert found.columns[name].tobytes() == values.tobytes()
    again = tmp_path / f"again.{form}"
    found.write(again)
    assert again.read_bytes() == path.read_bytes()


def test_csv_is_plain(table, tmp_path):
    lines = written(table, tmp_path, "csv").read_text().splitlines()
    assert lines[0].startswith(
        "schema,network,batch,rows,cols,dataflow,pe,width,mode,tech,layer,op,precision,policy,"
    )
    assert lines[1].startswith(f"2,net,1,{HARDWARE},conv,conv,full,same-supply,1.0,1.0,")


def change_version(path, version):
    if path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        old = pyarrow.parquet.read_table(path)
        new = pyarrow.table({"schema": [version] * old.num_rows, "energy_nj": [1.0] * old.num_rows})
        pyarrow.parquet.write_table(new, path)
    elif path.suffix == ".json":
        path.write_text(json.dumps({"schema": version, "layers": []}))
    else:
        path.write_text(f"schema,energy_nj\n{version},1.0\n")


@pytest.mark.parametrize("form", FORMS)
def test_says_what_computes(table, tmp_path, form):
    found = EnergyTable.read(written(table, tmp_path, form)).hardware
    assert found == {
        "rows": 2, "cols": 4, "dataflow": "os", "pe": "spatial", "width": 8, "mode": "scale-sim",
        "tech": "toy",
    }  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("version", [1, 3])
def test_rejects_another_version(table, tmp_path, form, version):
    path = written(table, tmp_path, form)
    change_version(path, version)
    with pytest.raises(VoltileError) as error:
        EnergyTable.read(path)
    assert str(error.value) == (
        f"{path} is an energy table of version {version}, and this Voltile reads version 2: make "
        f"it again with 'voltile energy'"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("schema,", "version,", "is no energy table: it has no version ('schema')"),
        (",total_pj", ",total_nj", ":1: the header must be schema,network,batch,rows"),
        (",control_pj", "", ":1: the header must be schema,network,batch,rows"),
        (",conv,conv,full,", ",conv,conv,fill,", "precision must be one of full, mixed, half"),
        (",conv,conv,", ",conv,deconv,", "op must be one of conv, gemm"),
        (",50,0,288,", ",5.5,0,288,", ":2: cycles must be a whole number of 0 or more, not '5.5'"),
        (",50,0,288,", ",50,-1,288,", ":2: stall_cycles must be a whole number of 0 or more"),
        ("toy,conv,conv,full,same-supply,1.0,1.0,", "toy,conv,conv,full,same-supply,1.0,x,",
         ":2: vdd_v must be a number, not 'x'"),
        ("toy,conv,conv,full,same-supply,1.0,1.0,", "toy,conv,conv,full,same-supply,1.0,-1.0,",
         ":2: vdd_v must be 0 or more and finite, not -1.0"),
        ("\n2,net,", "\n1,net,", "is an energy table of version 1"),
        (",spatial,8,scale-sim,toy,pool,", ",dual,8,scale-sim,toy,pool,",
         ":3: pe must be that of the first row, spatial, not dual: a table is of one array"),
        (",spatial,8,scale-sim,toy,pool,", ",spatial,8,scale-sim,other,pool,",
         ":3: tech must be that of the first row, toy, not other: a table is of one array"),
        (",2,4,os,spatial,8,scale-sim,toy,pool,", ",2,8,os,spatial,8,scale-sim,toy,pool,",
         ":3: cols must be that of the first row, 4, not 8: a table is of one array"),
        (",spatial,", ",systolic,", "pe must be one of scalable, spatial, dual, not systolic"),
        (",os,", ",rs,", "dataflow must be one of os, ws, is, not rs"),
        (",scale-sim,", ",exact,", "mode must be one of rtl, scale-sim, not exact"),
        (",spatial,8,", ",spatial,eight,",
         ":2: width must be a whole number of 0 or more, not 'eight'"),
        ("toy,conv,conv,full,same-supply,1.0,", "toy,pool,conv,full,same-supply,1.0,",
         "network net has no row for layer 'conv' at full precision, same-supply at 1 V"),
        ("toy,conv,conv,half,iso-frequency,0.7,", "toy,conv,conv,half,iso-frequency,0.8,",
         "network net has no row for layer 'conv' at full precision, iso-frequency at 0.8 V"),
    ],
)  # fmt: skip
def test_rejects_damaged_tables(table, tmp_path, old, new, message):
    path = written(table, tmp_path, "csv")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(VoltileError) as error:
        EnergyTable.read(path)
    assert str(path) in str(error.value) and message in str(error.value)


def test_a_fault_names_the_line_whatever_lines_are_empty(table, tmp_path):
    path = written(table, tmp_path, "csv")
    lines = path.read_text().splitlines()
    fields = lines[4].split(",")
    lines[4] = ",".join([*fields[:-1], str(2 * float(fields[-1]))])
    path.write_text("\n".join([*lines[:3], "", *lines[3:]]) + "\n")
    with pytest.raises(VoltileError, match=r"energy.csv:6: total_pj must be the sum of "):
        EnergyTable.read(path)


def test_rejects_missing_rows_and_other_sums(table):
    columns = {name: values[1:] for name, values in table.columns.items()}
    with pytest.raises(VoltileError, match="has no row for layer 'conv' at full precision"):
        EnergyTable(columns)
    total = table.columns["total_pj"].copy()
    total[3] *= 1e-3
    with pytest.raises(VoltileError, match=r"^row 4: total_pj must be the sum of "):
        EnergyTable(table.columns | {"total_pj": total})
    with pytest.raises(VoltileError, match="has 2 rows for layer"):
        EnergyTable.join([table, table])
    # The first network has two layers at two precisions, three policies and two supplies.
    of_two = np.where(table.columns["network"] == "net", table.columns["pe"], "dual")
    with pytest.raises(VoltileError, match=r"^row 25: pe must be that of the first row, spatial, "):
        EnergyTable(table.columns | {"pe": of_two})
    with pytest.raises(VoltileError, match="at least one row"):
        EnergyTable({name: values[:0] for name, values in table.columns.items()})
    with pytest.raises(VoltileError, match="other: missing macs; unknown mac"):
        EnergyTable(
            {name.replace("macs", "mac"): values for name, values in table.columns.items()}
        )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("content", [b"", b"\xff\x00\x80", b"PAR1", b"[", b"[[[[", b"{}", b"1,2\n"])
def test_rejects_what_is_no_table(tmp_path, form, content):
    if form == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"energy.{form}"
    path.write_bytes(content)
    with pytest.raises(VoltileError, match=str(path)):
        EnergyTable.read(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[0].update(macs=True), "macs must be a whole number, not True"),
        (lambda rows: rows[0].update(macs=2**70), "macs has numbers of more than 64 bits"),
        (lambda rows: rows[0].update(layer=1), "layer must be a text, not 1"),
        (lambda rows: rows[0].update(sram_pj="1"), "sram_pj must be a number, not '1'"),
        (lambda rows: rows[0].update(sram_pj=float("nan")),
         "json: row 1: sram_pj must be 0 or more"),
        (lambda rows: rows[5].update(mode="rtl"),
         "json: row 6: mode must be that of the first row, scale-sim, not rtl"),
        (lambda rows: rows[5].pop("macs"), "json: row 6: columns are missing or unknown: macs"),
    ],
)
def test_rejects_other_types_in_json(table, tmp_path, change, message):
    path = written(table, tmp_path, "json")
    content = json.loads(path.read_text())
    change(content["rows"])
    path.write_text(json.dumps(content))
    with pytest.raises(VoltileError) as error:
        EnergyTable.read(path)
    assert message in str(error.value)


def test_rejects_other_suffixes_and_missing_files(table, tmp_path):
    with pytest.raises(VoltileError, match="an energy table is a file of .csv, .json, .parquet"):
        table.write(tmp_path / "energy.txt")
    with pytest.raises(VoltileError, match=r"energy.csv cannot be read: No such file"):
        EnergyTable.read(tmp_path / "energy.csv")
    assert not list(tmp_path.iterdir())
    assert np.isfinite(table.columns["total_pj"]).all()
