"""What the pictures and the page of a run show."""

import csv
import re
from itertools import product
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser
from toy_technology import write_toy_technology

from voltile.flows import RunConfig, run, write_outputs
from voltile.flows.fine_vh import plots
from voltile.flows.fine_vh.report import write_report

DESIGN = """
module acc(input clk, input [7:0] step, output reg [15:0] sum);
  always @(posedge clk) sum <= sum + {step, step ^ sum[7:0]};
endmodule
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """A run at one frequency, of six meshes and one interval, its period out of reach."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "acc.v").write_text(DESIGN)
    config = RunConfig(
        files=(folder / "acc.v",), tech=str(write_toy_technology(folder)), tiles=(1, 2, 3, 4, 5, 6),
        utilisation=0.5, intervals=(1, 2), frequencies=(4e8,), period=1e-10, workers=2,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield run(config, folder / "run", lambda line: None)


@pytest.fixture
def axes_of(result, monkeypatch):
    """Calls a plot; gives its axes."""

    def draw(plot):
        figures = []
        monkeypatch.setattr(plots, "_save", lambda figure, path: figures.append(figure))
        plot(result, Path("unused.png"))
        return figures[0].axes

    return draw


def test_every_curve_is_seen_at_a_single_frequency_and_none_looks_like_another(axes_of):
    axes = axes_of(plots.plot_curves)
    assert [axis.get_title() for axis in axes] == ["1 interval of 400 mV", "2 intervals of 200 mV"]
    for axis in axes:
        looks = [(line.get_color(), line.get_marker()) for line in axis.get_lines()]
        assert len(looks) == len(set(looks)) == 3 + 6
        assert not any(marker in ("", "None", None) for _, marker in looks)


def test_meshes_look_the_same_in_both_pictures_and_their_number_is_not_limited_to_the_colours(
    axes_of, result
):
    in_area = [(line.get_color(), line.get_marker())
               for line in axes_of(plots.plot_area_at_low)[0].get_lines()]  # fmt: skip
    in_curves = [(line.get_color(), line.get_marker())
                 for line in axes_of(plots.plot_curves)[0].get_lines()]  # fmt: skip
    assert in_area == in_curves[3:]
    config = RunConfig(tiles=tuple(range(1, 41)))
    many = [plots._mesh_style(type("Result", (), {"config": config}), n) for n in config.tiles]
    assert len({tuple(style.values()) for style in many}) == 40


def test_ticks_of_the_plan_are_tiles(axes_of):
    for n, axis in zip(range(1, 7), axes_of(plots.plot_plan), strict=False):
        ticks = axis.get_yticks()
        assert all(tick in range(n * n) for tick in ticks) and 0 in ticks
        assert axis.get_title() == f"{n} x {n} tiles"


def test_layout_shows_the_number_of_every_tile_where_it_is(axes_of, result):
    axis = axes_of(plots.plot_layout)[0]
    grid = result.layouts[6].placement.grid
    texts = {int(text.get_text()): text.get_position() for text in axis.texts}
    assert sorted(texts) == list(range(36))
    for tile, (x, y) in texts.items():
        column = x * 1e-6 / grid.site_width / (grid.tile_width + grid.gap_sites)
        row = y * 1e-6 / grid.site_height / (grid.tile_rows + 1)
        assert (int(row), int(column)) == divmod(tile, 6)


def test_page_gives_power_in_milliwatts_and_tells_that_the_period_is_missed(result):
    out = result.config.files[0].parent / "run"
    page = write_outputs(result, out).read_text()
    with (out / "curves.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    power = {(row["scheme"], row["tiles"], row["dvdd_v"]): float(row["power_w"]) for row in rows}
    for scheme, key in (
        ("ideal-DVFS", ("ideal", "1", "0.0000")),
        ("Vdd-dithering", ("dithering", "1", "0.2000")),
        ("FINE-VH 3 × 3", ("fine-vh", "3", "0.2000")),
    ):
        width = "200 mV" if key[0] != "ideal" else ""
        found = re.search(f"<td>{scheme}</td><td>{width}</td><td>([^<]*)</td>", page)
        assert found is not None
        assert float(found[1]) * 1e-3 == pytest.approx(power[key], rel=1e-3)
    assert "400.0 MHz" in page
    assert "the clock period of 0.10 ns is missed by" in page


def test_page_without_poly_bias_and_vdd_mux_opens_in_a_browser(result, tmp_path):
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    write_report(result, tmp_path)
    with Browser(tmp_path / "chromium") as browser:
        browser.open((tmp_path / "report.html").as_uri())
        names = browser.run(
            "Array.from(document.querySelectorAll('input[name=view]'), (box) => box.value)"
        )
        assert names == ["vdd", "power", "slack"]
        for mesh, name in product((1, 6), names):
            browser.run(
                f"document.getElementById('mesh').value = {mesh};"
                "document.getElementById('mesh').dispatchEvent(new Event('input'));"
                f"document.querySelector('input[value={name}]').click()"
            )
            browser.settle()
            label = browser.run("document.getElementById('layout').getAttribute('aria-label')")
            assert label.startswith(f"Layout of {mesh} × {mesh} tiles by {name}, at 400.0 MHz.")
        assert browser.faults == []
