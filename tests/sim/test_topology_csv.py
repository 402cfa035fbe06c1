"""SCALE-Sim's topology files; expected shapes by SCALE-Sim 3's formulas, written out here."""

import math

import pytest

from voltile.core import LayerError, VoltileError
from voltile.sim import LayerShape, Op, Workload, read_topology, read_workload

CONV = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"  # noqa: E501
GEMM = "Layer, M, N, K,\n"


@pytest.fixture
def read(tmp_path):
    def read(text, batch=1):
        path = tmp_path / "net.csv"
        path.write_text(text, encoding="utf-8")
        return read_topology(path, batch)

    return read


@pytest.mark.parametrize("size", [13, 14, 224])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (7, 2), (11, 4), (1, 3)])
def test_convolutions_have_the_outputs_that_scale_sim_counts(read, size, kernel, stride):
    """ceil((ifmap - filter + stride) / stride), as its topology_utils.py has it."""
    [layer] = read(f"{CONV}conv, {size}, {size + 1}, {kernel}, {kernel}, 3, 64, {stride},\n").layers
    assert layer.op is Op.CONV
    assert layer.out_height == math.ceil((size - kernel + stride) / stride)
    assert layer.out_width == math.ceil((size + 1 - kernel + stride) / stride)
    assert layer.vector == kernel * kernel * 3
    assert (layer.out_channels, layer.bias, layer.groups) == (64, False, 1)


def test_files_are_read_as_leniently_as_scale_sim_reads_them(read):
    """Of its own topologies: tabs, comments after the last comma, none after the last column."""
    workload = read(
        "\ufeff" + CONV + "\n\tConv1 ,224 , 224,7,7 ,3,64,2 ,#comment\r\n"
        "Conv2, 56, 56, 1, 1, 64, 64, 1\n  \nDP3, 56, 56, 3, 3, 64, 2, 1, 1:1,\n",
        batch=4,
    )
    assert workload == Workload(
        "net",
        (
            LayerShape("Conv1", Op.CONV, 3, 64, 224, 224, (7, 7), (2, 2), (0, 0, 1, 1), bias=False),
            LayerShape("Conv2", Op.CONV, 64, 64, 56, 56, bias=False),
            LayerShape("DP3", Op.CONV, 64, 128, 56, 56, (3, 3), groups=64, bias=False),
        ),
        4,
    )


def test_strides_may_be_two(read):
    header = CONV.replace("Strides", "Stride height, Stride width")
    [layer] = read(header + "conv, 9, 9, 3, 3, 1, 1, 2, 3,\n").layers
    assert layer.stride == (2, 3)


def test_products_have_a_pixel_per_row(read, tmp_path):
    workload = read(GEMM + "L0,196,192,384,\nL1, 196, 1176, 64, 4:4,\n")
    assert workload.layers == (
        LayerShape("L0", Op.GEMM, 384, 192, 196, bias=False),
        LayerShape("L1", Op.GEMM, 64, 1176, 196, bias=False),
    )
    assert workload.layers[0].macs == 196 * 192 * 384
    assert read_workload(str(tmp_path / "net.csv")) == workload


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: the header must be Layer name,IFMAP Height,"),
        ("\x00\x01", ":1: the header must be Layer name,"),
        ("Layer, K, M, N,\n", ":1: the header must be"),
        (CONV, "net: there is no layer"),
        (CONV + "a, 9, 9, 3, 3, 1, 1,", ":2: Strides must be a whole number"),
        (CONV + "a, 9, 9, 3, 3, 1", ":2: 6 columns, where the header has 8"),
        (CONV + "\n\na, 9, 9, 3, 3, 1, one, 1,", ":4: Num Filter must be a whole number of 1 or"),
        (CONV + "a, 9, 0, 3, 3, 1, 1, 1,", ":2: IFMAP Width must be a whole number of 1 or more"),
        (CONV + "a, 9, -9, 3, 3, 1, 1, 1,", ":2: IFMAP Width must be .*, not '-9'"),
        (CONV + "a, 9, 1e3, 3, 3, 1, 1, 1,", ":2: IFMAP Width must be .*, not '1e3'"),
        (CONV + "a, 9, ９, 3, 3, 1, 1, 1,", ":2: IFMAP Width must be"),
        (CONV + "a, 3, 3, 5, 5, 1, 1, 4,", ":2: a filter of 5 x 5 is larger than its input of 3"),
        (CONV + "a, 9, 9, 3, 3, 1, 1, 1, 2:4,\n", ":2: sparsity must be 1:1, dense, not '2:4'"),
        (CONV + "a, 9, 9, 3, 3, 1, 1, 1, 2, 1:1,\n", ":2: sparsity must be 1:1, dense, not '2'"),
        (CONV + "a, 9, 9, 3, 3, 1, 1, 1,\n" * 2, ":3: another layer is named 'a'"),
        (CONV + ", 9, 9, 3, 3, 1, 1, 1,\n", ":2: the name of a layer must be printable text"),
        (CONV + "a\x1b, 9, 9, 3, 3, 1, 1, 1,\n", r":2: the name .* not 'a\\x1b'"),
        (CONV + f"a, {1 << 31}, {1 << 31}, 1, 1, 1, 1, 1,\n", "a batch of 1 may take"),
        (CONV + f"a, {10**30}, 9, 1, 1, 1, 1, 1,\n", ":2: IFMAP Height must be"),
        (GEMM + "a, 9, 9,\n", ":2: K must be a whole number of 1 or more, not ''"),
    ],
)
def test_faults_name_file_and_line(read, text, message):
    with pytest.raises(VoltileError, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "net.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LayerError, match="net.csv is no topology file"):
        read_topology(path)
    with pytest.raises(LayerError, match="cannot be read"):
        read_topology(tmp_path)
