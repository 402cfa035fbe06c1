"""`--acc-width`: accumulators that saturate, in the emulation and not in the QDQ files."""

import csv
from dataclasses import replace

import digits_case
import numpy as np
import pytest

from voltile.core import Precision
from voltile.sim import SCALABLE, FixedPointNetwork, read_onnx

pytest.importorskip("onnxruntime")
pytest.importorskip("pymoo")

INPUTS, BITS = 4, 16
NAMES = {item.name[0]: item for item in Precision}


@pytest.fixture
def data(tmp_path):
    """The first images of the example."""
    with np.load(digits_case.DATA) as arrays:
        np.savez(
            tmp_path / "x.npz", x=arrays["x"][:INPUTS], y=arrays["y"][:INPUTS],
            scale=arrays["scale"],
        )  # fmt: skip
    return tmp_path / "x.npz"


def golden_logits(setting, acc_width):
    """Return logits by Algorithm 3, every addition of it within the accumulator."""
    values = np.moveaxis(digits_case.inputs()[0][:INPUTS], 1, -1)
    network = FixedPointNetwork.quantised(
        read_onnx(digits_case.MODEL), values, replace(SCALABLE, acc_width=acc_width)
    )
    scale = 2.0 ** -network.layers[-1].fraction_out
    precisions = [NAMES[letter] for letter in setting]
    maps = [network.feature_maps(item, precisions)[-1] for item in values]
    return np.array([words.ravel() * scale for words in maps])


def test_a_search_sees_accumulators_saturate_and_its_models_do_not(voltile, tmp_path, data):
    table = digits_case.energy_table(tmp_path / "table", "scalable")
    code, out, _ = voltile(
        "search", digits_case.MODEL, "--calibration", data, "--energy", table, "--evaluations", 4,
        "--population", 4, "--no-penalty", "--acc-width", BITS, "--out", "out",
    )  # fmt: skip
    assert code == 0
    assert "accumulators of 16 bits may saturate, and do so here, in conv1, " in out
    assert "the files in models/ do not saturate" in out
    with (tmp_path / "out" / "operating_points.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) > 1
    full = np.exp(golden_logits("FFFFFF", BITS))
    full /= full.sum(axis=1, keepdims=True)
    for row in rows:
        share = np.exp(golden_logits(row["precisions"], BITS))
        share /= share.sum(axis=1, keepdims=True)
        divergence = (full * np.log(full / share)).sum(axis=1).mean()
        assert float(row["kl_divergence"]) == pytest.approx(divergence, abs=1e-6)
    found = digits_case.logits(
        tmp_path / "out" / "models" / "point_00.onnx", digits_case.inputs()[0][:INPUTS]
    )
    np.testing.assert_array_equal(found, golden_logits("FFFFFF", SCALABLE.acc_width))
    assert (found != golden_logits("FFFFFF", BITS)).any()


def test_accumulators_of_the_element_are_wide_enough(voltile):
    """Of 32 bits, for products of 8: no layer of the example has 2**17 of them."""
    code, out, _ = voltile("multilevel", "digits", "--acc-width", 32, "--target", 0.9)
    assert code == 0 and "no accumulator of 32 bits can saturate" in out


@pytest.mark.parametrize(
    ("pe", "bits", "message"),
    [
        ("scalable", 15, "pe scalable: acc_width must be from 16 to 54, not 15"),
        ("dual", 47, "pe dual: acc_width must be from 32 to 46, not 47"),
    ],
)
@pytest.mark.parametrize("command", ["search", "multilevel"])
def test_rejects_widths(voltile, tmp_path, command, pe, bits, message):
    """From that of a bias; to what the golden model adds up in 64 bits."""
    code, out, err = voltile(command, "digits", "--pe", pe, "--acc-width", bits)
    assert (code, out, err) == (2, "", f"error: {message}\n")
    assert list(tmp_path.iterdir()) == []
