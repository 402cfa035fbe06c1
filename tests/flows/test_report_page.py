"""The page of a run: its figures, and what it does in a real browser."""

import re
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from types import SimpleNamespace

import measured_cells
import numpy as np
import pytest
from browser import CHROMIUM, Browser

from voltile.floorplan import Timer, cell_slack
from voltile.flows import RunConfig, run
from voltile.flows.fine_vh import job as run_job
from voltile.flows.fine_vh.job import read_run
from voltile.flows.fine_vh.report import write_report
from voltile.flows.fine_vh.report_tables import saving_parts, split_savings, table_4_1
from voltile.power import OperatingCurve

DESIGN = """
module acc(input clk, input [7:0] step, output reg [15:0] sum);
  always @(posedge clk) sum <= sum + {step, step ^ sum[7:0]};
endmodule
"""
MORE = """
[slow_down]
pb0 = 0.0
pb1 = 0.05
pb2 = 0.12

[header]
file = "headers.csv"
finger_um = 0.6
well_gap_sites = 2
flip_flop = "DFF_X1"

[[library]]"""
HEADERS = """\
vdd_high_v,ratio,on_resistance_ohm_um,gate_capacitance_ff_per_um,off_current_na_per_um_ff_100C
0.6,0.75,2500,1.1,20
0.6,1,1250,1.1,20
1,0.75,1500,1.1,20
1,1,750,1.1,20
"""


class _Here(Executor):
    """Work in this process."""

    def submit(self, work, /, *arguments):
        done = Future()
        done.set_result(work(*arguments))
        return done


@contextmanager
def _here(_):
    yield _Here()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run on cells by formula, in three gate lengths, with headers."""
    folder = tmp_path_factory.mktemp("report_page")
    manifest = measured_cells.write_technology(folder, (0.6, 0.8, 1.0), measured_cells.BIASES)
    manifest.write_text(manifest.read_text().replace("\n[[library]]", MORE, 1))
    (folder / "headers.csv").write_text(HEADERS)
    (folder / "acc.v").write_text(DESIGN)
    config = RunConfig(
        files=(folder / "acc.v",), tech=str(manifest), tiles=(2, 3), utilisation=0.5, points=5,
        period=1e-9,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr(run_job, "executor", _here)
        result = run(config, folder / "run", lambda line: None)
        result.record.write(folder / "run" / "run.json")
        yield folder / "run"


@pytest.fixture(scope="module")
def result(folder):
    """The run, read again."""
    return read_run(folder)


@pytest.fixture(scope="module")
def page(result, folder):
    """Its page, as text."""
    write_report(result, folder)
    return (folder / "report.html").read_text()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A browser."""
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with Browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def opened(chromium, page, folder):
    """The browser with the page; that the page leaves no fault is part of every test."""
    chromium.open((folder / "report.html").as_uri())
    yield chromium
    chromium.settle()
    assert chromium.faults == []


def test_power_of_tiles_adds_up_to_that_of_the_curve(result):
    assert set(result.tile_power) == {(n, count) for n in (2, 3) for count in (2, 4)}
    for key, tiles in result.tile_power.items():
        curve = result.fine_vh[key]
        trunk = curve.frequency * tiles.trunk_energy[tiles.state] + tiles.trunk_leakage[tiles.state]
        power = tiles.power(curve.frequency).sum(axis=1)
        assert power + trunk == pytest.approx(curve.power, rel=1e-9)
        leakage = tiles.leakage.sum(axis=1) + tiles.trunk_leakage
        assert leakage[tiles.state] == pytest.approx(curve.leakage, rel=1e-9)
        assert (trunk > 0).all() and (tiles.leakage > 0).all()
        supply = np.where(tiles.is_high[tiles.state], curve.vdd_high[:, None],
                          curve.vdd_low[:, None])  # fmt: skip
        assert supply == pytest.approx(result.tile_vdd[key])


def curve_of(power, leakage):
    power, leakage = np.array(power), np.array(leakage)
    return OperatingCurve("ideal", 1, 0.0, power, power, leakage, power, power, power)


def test_a_saving_is_that_of_dynamic_power_and_that_of_leakage():
    # Of 20 W, 4 W less dynamic power and 6 W less leakage; then nothing less of 5 W.
    dynamic, leakage = saving_parts(curve_of([10, 5], [4, 1]), curve_of([20, 5], [10, 1]))
    assert (dynamic, leakage) == pytest.approx(((4 / 20 + 0) / 2, (6 / 20 + 0) / 2))


def test_splits_add_up_to_the_savings(result):
    rows = {(row["tiles"], row["dvdd_v"]): row for row in result.savings
            if row["selection"] == "search"}  # fmt: skip
    for row in split_savings(result):
        saving = rows[row["n"], round(row["width"], 6)]
        sums = [sum(parts) for parts in row["parts"]]
        assert sums == pytest.approx([saving["ideal"], saving["hopping"]])


def layout_metrics(n, core):
    return {"tiles": n, "core_area_um2": core, "rows": 10, "cell_area_um2": 60.0,
            "mux_area_um2": 5.0, "largest_drop": 0.02, "min_period_s": 2.5e-9,
            "interface_cells": 0.25, "wire_length_m": 0.1, "clock_buffers": 4,
            "clock_buffer_area_um2": 2.0, "clock_wire_length_m": 0.01,
            "scan_chain_m": 0.0012}  # fmt: skip


def test_table_4_1_stands_beside_the_dissertation_for_its_meshes_only():
    # The dissertation's figures: Table 4.1, and the overheads in the text below it.
    table = dict(table_4_1([layout_metrics(1, 100.0), layout_metrics(3, 104.0),
                            layout_metrics(4, 110.0)]))  # fmt: skip
    assert table["core area [µm²]"] == [("100", "36,229"), ("104", "37,105"), ("110", "")]
    assert table["overhead [%]"] == [("0.00", "0.00"), ("4.00", "2.42"), ("10.00", "")]
    assert table["delay [ns]"] == [("2.50", "3.00"), ("2.50", "2.95"), ("2.50", "")]
    assert table["interface cells [%]"] == [("25.00", "0.00"), ("25.00", "38.44"), ("25.00", "")]
    assert table["scan chain [mm]"] == [("1.20", "")] * 3
    for _, pairs in table_4_1([layout_metrics(1, 100.0), layout_metrics(4, 110.0)]):
        assert [theirs for _, theirs in pairs] == ["", ""]


def test_page_is_alone_and_the_same_run_gives_the_same_bytes(page, folder):
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)
    assert "https:" not in page and "@import" not in page and "fetch(" not in page
    write_report(read_run(folder), folder)
    assert (folder / "report.html").read_text() == page


def test_page_says_what_it_rests_on(page):
    for text in ("cells by formula, as if measured", "ss_125C", "leakage at corner ff_100C",
                 "mixed-supply tables", "are sized to drop 2 %", "without glitches",
                 "the cells driven from another tile of a mesh have longer gates",
                 "of another design, a RI5CY core in 28 nm FDSOI"):  # fmt: skip
        assert text in page, text


def test_page_shows_that_every_stage_of_poly_bias_keeps_the_period(result, page):
    stages = page.split("Stages of the assignment")[1].split("</table>")[0]
    rows = [re.findall("<td>([^<]*)</td>", row) for row in stages.split("<tr>")[2:]]
    assert [row[:2] for row in rows] == [
        [f"{n} × {n}", bias] for n in (2, 3) for bias in ("pb2", "pb1")
    ]
    for row in rows:
        period, kept = map(float, row[5:])
        assert period <= kept
    for n, layout in result.layouts.items():
        mine = [int(row[4].replace(",", "")) for row in rows if row[0].startswith(f"{n} ")]
        assert n == 1 or mine == [(layout.bias_of("interface") == bias).sum() for bias in (2, 1)]


# What follows looks at a real browser.


def choose(browser, **values):
    """Set controls of the page as a user does."""
    for name, value in values.items():
        browser.run(
            f"{{const box = document.getElementById('{name}'); box.value = {value};"
            " box.dispatchEvent(new Event('input'))}"
        )
    browser.settle()


def places(browser, placement, cells):
    """Middle of some cells on the canvas, in its pixels, shape (cells, 2)."""
    scale = SimpleNamespace(**browser.run("view.scale"))
    x = scale.left + (placement.site[cells] + 1) * scale.x  # no cell is narrower than two sites
    y = scale.bottom - (placement.row[cells] + 0.5) * scale.y
    return np.stack([x, y], axis=1)


def colours(browser, placement, cells):
    """Colour of some cells on the canvas, as #rrggbb."""
    found = browser.run(
        "(() => { const copy = new OffscreenCanvas(view.canvas.width, view.canvas.height);"
        " const context = copy.getContext('2d', { willReadFrequently: true });"
        " context.drawImage(view.canvas, 0, 0);"
        f" return {places(browser, placement, cells).tolist()}.map(([x, y]) => Array.from("
        "context.getImageData(x, y, 1, 1).data.slice(0, 3))); })()"
    )
    return np.array(["#{:02x}{:02x}{:02x}".format(*pixel) for pixel in found])


def text_of(browser, name):
    return browser.run(f"document.getElementById('{name}').textContent")


def show_view(browser, name):
    browser.run(f"document.querySelector('input[value={name}]').click()")
    browser.settle()


@pytest.mark.parametrize(("n", "count"), [(2, 2), (3, 4)])
def test_cells_show_the_supply_of_their_tile_at_every_frequency(opened, result, n, count):
    placement, every = result.layouts[n].placement, np.arange(result.netlist.cells)
    opened.run("document.querySelector('input[data-shows=numbers]').click()")
    choose(opened, mesh=n, count=count)
    tone_of = {}
    for at, vdd in enumerate(result.tile_vdd[n, count]):
        choose(opened, frequency=at)
        assert text_of(opened, "at") == f"{result.frequency[at] / 1e6:.1f} MHz"
        seen = colours(opened, placement, every)
        for supply, colour in zip(vdd[placement.tile].round(3), seen, strict=True):
            assert tone_of.setdefault(supply, colour) == colour
        curve = result.fine_vh[n, count]
        assert f"VddL {curve.vdd_low[at]:.2f} V" in text_of(opened, "key")
        share = f"{100 * curve.area_at_low[at]:.1f} % of the cell area at VddL"
        assert share in text_of(opened, "readout")
    assert len(set(tone_of.values())) == len(tone_of) > 1


def test_slack_is_dark_where_it_is_least(opened, result):
    layout = result.layouts[3]
    technology = result.technology
    libraries = [technology.library(1.0, bias) for bias in technology.biases]
    timing = Timer(layout.graph, libraries).analyze(layout.bias_of("interface"), layout.wires)
    slack = cell_slack(timing, timing.min_period)
    show_view(opened, "slack")
    opened.run("document.querySelector('input[data-shows=numbers]').click()")
    opened.settle()
    order = np.argsort(slack)
    seen = colours(opened, layout.placement, order[[0, -1]])
    # The ends of matplotlib's viridis.
    assert seen.tolist() == ["#440154", "#fde725"]
    assert f"{slack.max() * 1e12:.0f} ps" in text_of(opened, "key")


def test_power_density_is_that_of_the_tiles(opened, result):
    show_view(opened, "power")
    grid = result.layouts[3].placement.grid
    area = grid.tile_width * grid.site_width * grid.tile_rows * grid.site_height * 1e6
    power = result.tile_power[3, 4].power(result.frequency)
    most = float(re.search(r"([\d.,]+) mW/mm²", text_of(opened, "key"))[1].replace(",", ""))
    assert most == pytest.approx(1e3 * power.max() / area, rel=6e-3)
    choose(opened, frequency=len(result.frequency) - 1)
    hottest = np.flatnonzero(result.layouts[3].placement.tile == power[-1].argmax())
    opened.run("document.querySelector('input[data-shows=numbers]').click()")
    opened.settle()
    assert set(colours(opened, result.layouts[3].placement, hottest)) == {"#440154"}


def test_poly_bias_is_told_apart(opened, result):
    layout = result.layouts[3]
    show_view(opened, "bias")
    opened.run("document.querySelector('input[data-shows=numbers]').click()")
    opened.settle()
    bias, key = layout.bias_of("interface"), text_of(opened, "key")
    group = np.where(layout.interface | (bias > 0), bias + 1, 0)
    counts = np.bincount(group, minlength=4)
    for name, cells in (("pb0, driven from another tile", counts[1]), ("pb2", counts[3]),
                        ("pb0, other", counts[0])):  # fmt: skip
        assert f"{name}: {cells} cell" in key
    seen = colours(opened, layout.placement, np.arange(len(bias)))
    assert len(set(seen)) == len(set(group))
    for one in set(group):
        assert len(set(seen[group == one])) == 1


def test_vdd_mux_are_drawn_where_they_are_and_can_be_hidden(opened, result):
    muxes = result.layouts[3].muxes
    assert len(muxes.site) > 9
    shown = SimpleNamespace(site=muxes.site, row=muxes.row)
    every = np.arange(len(muxes.site))
    seen = colours(opened, shown, every)
    opened.run("document.querySelector('input[data-shows=mux]').click()")
    opened.settle()
    assert not set(seen) & set(colours(opened, shown, every))
    assert len(set(seen)) == 1


def test_layout_zooms_and_moves_and_tells_what_is_under_the_pointer(opened, result):
    placement, netlist = result.layouts[3].placement, result.layouts[3].graph.netlist
    cell = np.array([int(np.flatnonzero(placement.tile == 4)[0])])
    left, top = opened.run(
        "(() => { const canvas = document.getElementById('layout'); canvas.scrollIntoView();"
        " canvas.focus(); const box = canvas.getBoundingClientRect();"
        " return [box.left + 1, box.top + 1]; })()"
    )
    before = opened.run("view.scale.x")
    start = places(opened, placement, cell)[0]
    pointer = start.round()
    for _ in range(3):
        opened.mouse("mouseWheel", *(pointer + [left, top]), deltaX=0, deltaY=-200)
    opened.settle()
    # Three times e^(200/400), around the pointer.
    assert opened.run("view.scale.x") == pytest.approx(before * np.exp(1.5), rel=1e-3)
    x, y = pointer + (start - pointer) * np.exp(1.5)
    assert places(opened, placement, cell)[0] == pytest.approx([x, y], abs=1.0)
    opened.mouse("mousePressed", left + x, top + y, button="left", clickCount=1)
    opened.mouse("mouseMoved", left + x - 30, top + y + 20, button="left")
    opened.mouse("mouseReleased", left + x - 30, top + y + 20, button="left", clickCount=1)
    opened.settle()
    assert places(opened, placement, cell)[0] == pytest.approx([x - 30, y + 20], abs=1.5)
    told = text_of(opened, "readout")
    assert told.startswith("Tile 4: ")
    assert netlist.library.cell_name[netlist.cell_type[cell[0]]] in told
    opened.press("ArrowRight")
    opened.settle()
    assert places(opened, placement, cell)[0][0] < x - 30
    opened.press("0")
    opened.settle()
    assert opened.run("view.scale.x") == before
    opened.run("document.getElementById('closer').click()")
    opened.settle()
    assert opened.run("view.scale.x") == pytest.approx(1.5 * before)


def test_legend_takes_lines_away_and_values_are_read_by_pointer_and_keys(opened, result):
    def lines():
        return opened.run("Array.from(document.querySelectorAll('#curves path[data-name]'),"
                          " (line) => line.dataset.name)")  # fmt: skip

    assert lines() == ["ideal-DVFS", "ideal-DVFS, poly-bias on all cells", "Vdd-hopping",
                       "Vdd-dithering", "FINE-VH 2 × 2", "FINE-VH 3 × 3"]  # fmt: skip
    opened.run("document.querySelectorAll('#curves .legend button')[2].click()")
    assert "Vdd-hopping" not in lines() and len(lines()) == 5
    # Its entry is dim, not struck through as if it were wrong.
    entries = "Array.from(document.querySelectorAll('#curves .legend button'), (entry) => "
    assert set(opened.run(f"{entries} getComputedStyle(entry).textDecorationLine)")) == {"none"}
    shown = opened.run(f"{entries} getComputedStyle(entry.querySelector('svg')).opacity)")
    assert float(shown[2]) < 0.5 and shown[0] == "1"
    opened.run("document.querySelectorAll('#curves .legend button')[6].click()")
    assert lines()[-1] == "FINE-VH, no poly-bias, Algorithm 5"

    opened.run("document.querySelector('#curves > svg').focus()")
    opened.press("Home")
    opened.press("ArrowRight")
    tip = opened.run("document.querySelector('#curves .tip').textContent")
    ideal, fine = result.curves[0], result.fine_vh[3, 4]
    assert f"{result.frequency[1] / 1e6:.1f} MHz" in tip
    assert f"ideal-DVFS{ideal.power[1] / ideal.power[0]:.3f}" in tip
    assert f"FINE-VH 3 × 3{fine.power[1] / ideal.power[0]:.3f}" in tip
    opened.press("Enter")
    assert text_of(opened, "at") == f"{result.frequency[1] / 1e6:.1f} MHz"


def test_savings_are_against_the_chosen_scheme(opened, result):
    for value, scheme, bias in (("hopping/none", "hopping", "none"), ("ideal/all", "ideal", "all")):
        choose(opened, against=repr(value), mesh=2)
        shown = opened.run("savings.series.map((one) => [one.name, one.values])")
        found = dict(shown)["poly-bias, search, 100 mV"]
        curve = result.fine_vh[2, 4]
        other = next(item for item in result.curves if (item.scheme, item.bias) == (scheme, bias)
                     and item.interval in (0.0, pytest.approx(0.1)))  # fmt: skip
        assert found == pytest.approx(100 * (1 - curve.power / other.power), abs=1e-3)
        assert len(shown) == 2 * 3


def test_switching_and_leakage_add_up(opened, result):
    choose(opened, frequency=2)
    rows = opened.run(
        "Array.from(document.querySelectorAll('#parts .bar'), (bar) => Array.from("
        "bar.querySelectorAll('i'), (part) => parseFloat(part.style.width)))"
    )
    whole = [item for item in result.curves if item.scheme in ("hopping", "dithering")]
    curves = [*result.curves[:2], *whole[2:], result.fine_vh[3, 4]]  # those of 100 mV
    power = np.array([(curve.power[2] - curve.leakage[2], curve.leakage[2]) for curve in curves])
    widths = np.array(rows)[: len(curves)]
    assert widths / widths[0].sum() == pytest.approx(power / power[0].sum(), abs=2e-3)


def test_every_control_is_reached_and_worked_by_keys(opened):
    reached = []
    for _ in range(60):
        opened.press("Tab")
        reached.append(opened.run(
            "document.activeElement.id || document.activeElement.dataset.shows"
            " || document.activeElement.name || document.activeElement.localName"
        ))  # fmt: skip
    for name in ("mesh", "count", "frequency", "view", "numbers", "mux", "closer", "farther",
                 "whole", "layout", "svg", "button", "against"):  # fmt: skip
        assert name in reached, name
    before = text_of(opened, "at")
    opened.run("document.getElementById('frequency').focus()")
    opened.press("ArrowLeft")
    opened.press("ArrowLeft")
    opened.press("ArrowRight")
    opened.press("ArrowRight")
    opened.press("ArrowRight")
    assert text_of(opened, "at") != before


@pytest.mark.parametrize("width", [1100, 600, 360])
def test_page_fits_its_window(chromium, page, folder, width):
    chromium.open((folder / "report.html").as_uri(), width)
    assert chromium.run("document.documentElement.scrollWidth") <= width
    cut = chromium.run(
        "Array.from(document.querySelectorAll('.chart > svg text')).filter((text) => {"
        " const [mine, whole] = [text, text.ownerSVGElement].map("
        " (one) => one.getBoundingClientRect());"
        " return mine.left < whole.left - 1 || mine.right > whole.right + 1"
        " || mine.bottom > whole.bottom + 1; }).map((text) => text.textContent)"
    )
    assert cut == []
    assert chromium.faults == []
