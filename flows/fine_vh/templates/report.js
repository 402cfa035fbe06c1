/* The page of a run: one operating point, which every picture follows. */

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (name) => document.getElementById(name);
const megahertz = data.frequency.map((frequency) => frequency / 1e6);
const LOWEST = data.curves[0].power[0];
const NO_PATH = 255;
const INTERFACE = 128;

const point = {
  get mesh() { return Number(byId("mesh").value); },
  get count() { return byId("count").value; },
  get frequency() { return Number(byId("frequency").value); },
};

/* Things of a mesh that take time to unpack, made once. */
function once(make) {
  const made = new Map();
  return (key) => made.get(key) ?? made.set(key, make(key)).get(key);
}
const layoutOf = once((mesh) => openLayout(data.layouts[mesh]));
const planOf = once((key) => {
  const packed = data.plans[key];
  const [isHigh, energy, leakage] = ["isHigh", "energy", "leakage"].map(
    (name) => unpack(packed[name]));
  const tiles = isHigh.length / (Math.max(...packed.state) + 1);
  const index = (frequency, tile) => packed.state[frequency] * tiles + tile;
  const dynamic = (frequency, tile) => data.frequency[frequency] * energy[index(frequency, tile)];
  return {
    tiles,
    vdd: (frequency, tile) => (
      isHigh[index(frequency, tile)] ? packed.high : packed.low)[frequency],
    isHigh: (frequency, tile) => isHigh[index(frequency, tile)] === 1,
    ends: (frequency) => [packed.low[frequency], packed.high[frequency]],
    power: (frequency, tile) => dynamic(frequency, tile) + leakage[index(frequency, tile)],
    leakage: (frequency, tile) => leakage[index(frequency, tile)],
    trunk: (frequency) => data.frequency[frequency] * packed.trunkEnergy[packed.state[frequency]]
      + packed.trunkLeakage[packed.state[frequency]],
  };
});
const plan = () => planOf(`${point.mesh}/${point.count}`);

/* Area of a tile [mm2]. */
const tileArea = (layout) => (
  layout.tileSites * layout.tileRows * layout.siteWidth * layout.siteHeight * 1e-6);
const largestDensity = once((key) => {
  const [mesh] = key.split("/");
  const shown = planOf(key);
  let most = 0;
  for (let at = 0; at < megahertz.length; at++) {
    for (let tile = 0; tile < shown.tiles; tile++) most = Math.max(most, shown.power(at, tile));
  }
  return 1e3 * most / tileArea(layoutOf(Number(mesh)));
});

/* A colour for a part, 0 to 1, of a range. */
const toneAt = (part) => data.tones[Math.round(
  Math.min(1, Math.max(0, part)) * (data.tones.length - 1))];
const toneOfVdd = (vdd) => toneAt((vdd - data.vdd[0]) / (data.vdd[1] - data.vdd[0]));

const PLAIN = "#c9c9c9";
const biasOf = (layout, cell) => layout.bias[cell] & (INTERFACE - 1);
const isInterface = (layout, cell) => layout.bias[cell] >= INTERFACE;

/* Each view gives the group of every cell, the colour of each group, the tint of every tile, and
   what its key says. */
const VIEWS = {
  vdd() {
    const shown = plan();
    const at = point.frequency;
    const tones = Array.from({ length: shown.tiles }, (_, tile) => toneOfVdd(shown.vdd(at, tile)));
    const [low, high] = shown.ends(at);
    let raised = 0;
    for (let tile = 0; tile < shown.tiles; tile++) raised += shown.isHigh(at, tile);
    const inWords = (name, vdd, tiles) => swatch(toneOfVdd(vdd),
      `${name} ${vdd.toFixed(2)} V: ${count(tiles, "tile")}`);
    return {
      group: layoutOf(point.mesh).tile, colours: tones, tints: tones,
      key: [inWords("VddL", low, shown.tiles - raised), inWords("VddH", high, raised)],
    };
  },
  slack() {
    const layout = layoutOf(point.mesh);
    const colours = Array.from({ length: NO_PATH + 1 }, (_, at) => toneAt(1 - at / (NO_PATH - 1)));
    colours[NO_PATH] = PLAIN;
    const most = layout.slackOfStep * (NO_PATH - 1) * 1e12;
    return {
      group: layout.slack, colours, tints: Array(layout.tiles).fill(PLAIN),
      key: [ramp([...data.tones].reverse(), "0", `${most.toFixed(0)} ps slack at `
        + `${data.nominal.toFixed(2)} V`), swatch(PLAIN, "no timed path")],
    };
  },
  power() {
    const shown = plan();
    const layout = layoutOf(point.mesh);
    const most = largestDensity(`${point.mesh}/${point.count}`);
    const tones = Array.from({ length: shown.tiles }, (_, tile) => toneAt(
      1e3 * shown.power(point.frequency, tile) / tileArea(layout) / most));
    return {
      group: layout.tile, colours: tones, tints: tones,
      key: [ramp(data.tones, "0", `${digits(most, 3)} mW/mm² (largest of all frequencies)`)],
    };
  },
  bias() {
    const layout = layoutOf(point.mesh);
    const group = layout.bias.map((_, cell) => (
      biasOf(layout, cell) || isInterface(layout, cell) ? biasOf(layout, cell) + 1 : 0));
    const found = new Array(data.biases.length + 1).fill(0);
    for (const one of group) found[one]++;
    const colours = [PLAIN, ...data.biases.map((bias) => bias.tone)];
    return {
      group, colours, tints: Array(layout.tiles).fill(PLAIN),
      key: [...data.biases.map((bias, at) => swatch(bias.tone,
        `${bias.name}${at ? "" : ", driven from another tile"}: ${count(found[at + 1], "cell")}`)),
      swatch(PLAIN, `${data.biases[0].name}, other: ${count(found[0], "cell")}`)],
    };
  },
};

const count = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;

function swatch(colour, text) {
  const box = element("i");
  box.style.background = colour;
  return element("span", {}, box, text);
}

function ramp(colours, least, most) {
  const box = element("i", { class: "ramp" });
  box.style.background = `linear-gradient(to right, ${colours.join()})`;
  return element("span", {}, least, box, most);
}

const digits = (value, number) => value.toLocaleString("en", {
  minimumSignificantDigits: number, maximumSignificantDigits: number });
const powerOf = (watts) => (
  watts < 1e-4 ? `${digits(1e6 * watts, 3)} µW` : `${digits(1e3 * watts, 4)} mW`);
const percent = (part) => `${(100 * part).toFixed(1)} %`;

/* Power of a curve at the chosen frequency, in words. */
function powerText(curve) {
  const [power, leakage] = [curve.power[point.frequency], curve.leakage[point.frequency]];
  return `${powerOf(power)}, leakage ${percent(leakage / power)}`;
}

/* What is known of a tile and a cell, else of the whole mesh, in words. */
function describe(tile, cell) {
  if (tile < 0) {
    const [curve] = curvesOf({ ...ASKED, n: point.mesh, width: width() });
    return `Whole design: ${powerText(curve)}, ${powerOf(plan().trunk(point.frequency))} in the `
      + `trunk of the clock tree, which no tile feeds; ${percent(curve.areaAtLow[point.frequency])} `
      + `of the cell area at VddL.`;
  }
  const shown = plan();
  const layout = layoutOf(point.mesh);
  const at = point.frequency;
  const power = shown.power(at, tile);
  const words = [`Tile ${tile}: ${shown.vdd(at, tile).toFixed(2)} V `
    + `(${shown.isHigh(at, tile) ? "VddH" : "VddL"}), ${powerOf(power)}, `
    + `${powerOf(shown.leakage(at, tile))} of it leakage, `
    + `${digits(1e3 * power / tileArea(layout), 3)} mW/mm², `
    + `${count(layout.cellsOfTile[tile], "cell")}.`];
  if (cell >= 0) {
    const step = layout.slack[cell];
    const slack = step === NO_PATH ? "no timed path"
      : `slack ${(step * layout.slackOfStep * 1e12).toFixed(0)} ps`;
    words.push(`Cell: ${data.types[layout.type[cell]][0]}, ${slack}`
      + `${data.biases.length > 1 ? `, ${data.biases[biasOf(layout, cell)].name}` : ""}`
      + `${isInterface(layout, cell) ? ", driven from another tile" : ""}.`);
  }
  return words.join(" ");
}

/* Curves by what they are of. */
const near = (one, other) => Math.abs(one - other) < 1e-6;
function curvesOf(wanted) {
  return data.curves.filter((curve) => Object.entries(wanted).every(([key, value]) => (
    typeof value === "number" ? near(curve[key], value) : curve[key] === value)));
}
const width = () => data.widths[point.count];
const ASKED = { scheme: "fine-vh", bias: data.bias, selection: "search" };
const millivolts = (volts) => `${(1e3 * volts).toFixed(0)} mV`;
const cut = (n) => `${n} × ${n}`;
const BASELINES = { none: "ideal-DVFS", all: "ideal-DVFS, poly-bias on all cells" };
const meshes = Object.keys(data.layouts).map(Number);
const TONES = ["#0072b2", "#d55e00", "#cc79a7", "#56b4e9", "#332288", "#882255"];
const MESH_MARKERS = ["dot", "diamond", "down"];
const lookOf = (n) => {
  const at = meshes.indexOf(n);
  return { colour: TONES[at % TONES.length], dash: "none",
    marker: MESH_MARKERS[Math.floor(at / TONES.length) % MESH_MARKERS.length] };
};
const LOOKS = {
  none: { colour: "#000000", dash: "7 4", marker: "cross" },
  all: { colour: "#767676", dash: "2 3", marker: "cross" },
  hopping: { colour: "#b37400", dash: "none", marker: "up" },
  dithering: { colour: "#009e73", dash: "8 3 2 3", marker: "square" },
};
const VARIANTS = {
  none: { dash: "2 3", marker: "square" }, interface: { dash: "6 3", marker: "up" },
  all: { dash: "10 3 2 3", marker: "down" },
};

/* A line of a chart for each curve: `curve`, `name` and look. */
function uncutLines() {
  const wide = width();
  return [
    ...curvesOf({ scheme: "ideal" }).map((curve) => (
      { curve, name: BASELINES[curve.bias], ...LOOKS[curve.bias] })),
    ...["hopping", "dithering"].flatMap((scheme) => curvesOf({ scheme, width: wide }).map(
      (curve) => ({ curve, name: `Vdd-${scheme}`, ...LOOKS[scheme] }))),
  ];
}

function fineLines() {
  return curvesOf({ ...ASKED, width: width() }).map(
    (curve) => ({ curve, name: `FINE-VH ${cut(curve.n)}`, ...lookOf(curve.n) }));
}

/* The chosen mesh by Algorithm 5, without and with poly-bias. */
function otherLines(wide = width()) {
  const wanted = { scheme: "fine-vh", selection: "algorithm-5", n: point.mesh, width: wide };
  return curvesOf(wanted).map((curve) => ({ curve, name: `FINE-VH, ${curve.variant}`, rare: true,
    ...lookOf(point.mesh), ...VARIANTS[curve.bias] }));
}

const view = new LayoutView(byId("layout"), data.types, (tile, cell) => {
  byId("readout").textContent = describe(tile, cell);
});

function showLayout() {
  const name = document.querySelector("input[name=view]:checked").value;
  const { group, colours, tints, key } = VIEWS[name]();
  view.setLayout(layoutOf(point.mesh));
  view.setColours(group, colours, tints);
  if (layoutOf(point.mesh).mux) key.push(swatch(LayoutView.MUX, "Vdd-MUX"));
  byId("key").replaceChildren(...key);
  byId("readout").textContent = describe(-1, -1);
  byId("layout").setAttribute("aria-label", `Layout of ${cut(point.mesh)} tiles by ${name}, at `
    + `${megahertz[point.frequency].toFixed(1)} MHz. `
    + `${key.map((one) => one.textContent).join("; ")}.`);
}

function pick(frequency) {
  byId("frequency").value = frequency;
  show();
}

const curves = new LineChart(byId("curves"), {
  label: "Power over frequency", yLabel: "power / ideal-DVFS at the lowest frequency", pick,
  fromZero: true,
  format: (series, at) => [series.values[at].toFixed(3), powerOf(series.curve.power[at])],
});
function showCurves() {
  const lines = [...uncutLines(), ...fineLines(), ...otherLines()];
  curves.show(megahertz, lines.map((line) => (
    { ...line, values: line.curve.power.map((power) => power / LOWEST) })), point.frequency);
}

const savings = new LineChart(byId("savings"), {
  label: "Saving over frequency", yLabel: "power saved [%]", pick,
  format: (series, at) => [`${series.values[at].toFixed(1)} %`],
});
function showSavings() {
  const [scheme, bias] = byId("against").value.split("/");
  const lines = Object.values(data.widths).flatMap((wide, at) => {
    const [other] = curvesOf({ scheme, bias, width: scheme === "ideal" ? 0 : wide });
    const best = curvesOf({ ...ASKED, n: point.mesh, width: wide }).map(
      (curve) => ({ curve, dash: "none", marker: "dot" }));
    return [...best, ...otherLines(wide)].map((line) => ({
      ...line, colour: TONES[at % TONES.length], rare: false,
      name: `${line.curve.variant}, ${millivolts(wide)}`,
      values: line.curve.power.map((power, index) => 100 * (1 - power / other.power[index])),
    }));
  });
  savings.show(megahertz, lines, point.frequency);
}

const area = new LineChart(byId("area"), {
  label: "Share of the cell area at VddL", yLabel: "cell area at VddL [%]", pick, fromZero: true,
  format: (series, at) => [`${series.values[at].toFixed(1)} %`],
});
function showArea() {
  const lines = [...fineLines(), ...otherLines()];
  area.show(megahertz, lines.map((line) => (
    { ...line, values: line.curve.areaAtLow.map((part) => 100 * part) })), point.frequency);
}

const PARTS = ["#0072b2", "#e69f00"];
function showParts() {
  const fine = fineLines().filter(({ curve }) => curve.n === point.mesh);
  const rows = [...uncutLines(), ...fine, ...otherLines()].map(({ name, curve }) => {
    const [power, leakage] = [curve.power[point.frequency], curve.leakage[point.frequency]];
    return { name, parts: [power - leakage, leakage], text: powerText(curve) };
  });
  showBars(byId("parts"), rows, PARTS);
  byId("parts-key").replaceChildren(swatch(PARTS[0], "switching and internal"),
    swatch(PARTS[1], "leakage"));
}

const map = new SupplyMap(byId("map"), {
  pick,
  point: (tile, frequency) => {
    byId("map-readout").textContent = tile < 0 ? "" : `Tile ${tile} at `
      + `${megahertz[frequency].toFixed(1)} MHz: ${plan().vdd(frequency, tile).toFixed(2)} V`;
  },
});
function showMap() {
  const shown = plan();
  map.show(megahertz, shown.tiles, (at, tile) => toneOfVdd(shown.vdd(at, tile)), point.frequency);
  const levels = new Set(megahertz.flatMap((_, at) => shown.ends(at)));
  byId("map-key").replaceChildren(...[...levels].sort((one, other) => one - other).map(
    (vdd) => swatch(toneOfVdd(vdd), `${vdd.toFixed(2)} V`)));
}

function show() {
  const text = `${megahertz[point.frequency].toFixed(1)} MHz`;
  byId("at").textContent = text;
  byId("frequency").setAttribute("aria-valuetext", text);
  for (const name of document.querySelectorAll("[data-says=point]")) {
    name.textContent = `${cut(point.mesh)} tiles, intervals of ${millivolts(width())}, ${text}`;
  }
  for (const draw of [showLayout, showCurves, showSavings, showParts, showArea, showMap]) draw();
}

for (const name of ["mesh", "count", "frequency", "against"]) {
  byId(name).addEventListener("input", show);
}
for (const button of document.querySelectorAll("input[name=view]")) {
  button.addEventListener("input", showLayout);
}
for (const box of document.querySelectorAll("input[data-shows]")) {
  box.addEventListener("input", () => view.setShown(box.dataset.shows, box.checked));
}
byId("closer").addEventListener("click", () => view.zoomBy(1.5));
byId("farther").addEventListener("click", () => view.zoomBy(1 / 1.5));
byId("whole").addEventListener("click", () => view.zoomBy(0));
byId("point").addEventListener("submit", (event) => event.preventDefault());
show();
