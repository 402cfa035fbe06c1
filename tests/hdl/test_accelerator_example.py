"""The example of docs/accelerator.md runs, and computes the layer; its table has every field."""

import re
from pathlib import Path

import numpy as np
from amaranth import Shape

from voltile.hdl import job_fields
from voltile.sim import activate, convolve

PAGE = (Path(__file__).parents[2] / "docs" / "accelerator.md").read_text()


def test_the_example_computes_its_layer(capsys):
    [example] = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    names: dict = {}
    exec(example, names)
    layer = names["layer"]
    sums = convolve(names["act"], names["weight"], names["bias"], precision=layer.precision,
                    stride=layer.stride, padding=layer.padding)  # fmt: skip
    expected = activate(sums, layer.position, 8, relu=True)[:, :, 0]
    assert np.count_nonzero(expected) > 1
    out = capsys.readouterr().out
    assert out.startswith(f"{expected} ") and out.endswith(" cycles\n")


def test_the_table_has_every_field_at_its_address():
    found = {}
    row = r"^\| (\d\d(?:, \d\d)*) \| (`.*?) \| (\d+|log2.*?) \|"
    for addresses, names, bits in re.findall(row, PAGE, re.MULTILINE):
        for address, name in zip(addresses.split(", "), names.split(", "), strict=True):
            found[int(address)] = name.strip("`"), bits
    expected = {}
    for number, (name, shape) in enumerate(job_fields(32).items()):
        bits = str(Shape.cast(shape).width)
        expected[16 + number] = name, bits
    expected[21] = "position", "log2(`acc_width`), rounded up"
    assert found == expected
