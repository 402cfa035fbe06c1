/* Charts over frequency: lines and stacked bars as elements of the page, a map as a canvas. */

function element(name, attributes = {}, ...children) {
  const inSvg = ["svg", "path", "line", "text", "g", "rect"].includes(name);
  const made = inSvg ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/* Round numbers that cover a range, about `count` of them. */
function ticksOf(least, most, count) {
  const rough = (most - least || Math.abs(most) || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const first = Math.ceil(least / step - 1e-6);
  const last = Math.floor(most / step + 1e-6);
  const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return Array.from({ length: last - first + 1 }, (_, at) => (
    { value: (first + at) * step, text: ((first + at) * step).toFixed(places) }));
}

const MARKERS = {
  dot: "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0Z", square: "M-3-3h6v6h-6Z",
  up: "M0-4l4 7h-8Z", diamond: "M0-4.5l4 4.5-4 4.5-4-4.5Z", down: "M0 4l4-7h-8Z",
  cross: "M-3.5-3.5l7 7M-3.5 3.5l7-7",
};

function markerAt(x, y, { colour, marker }) {
  return element("path", { d: MARKERS[marker], transform: `translate(${x} ${y})`, stroke: colour,
    "stroke-width": marker === "cross" ? 1.6 : 0, fill: colour });
}

function sample(series) {
  return element("svg", { viewBox: "0 0 34 12", "aria-hidden": "true" },
    element("line", { x1: 0, y1: 6, x2: 34, y2: 6, stroke: series.colour, "stroke-width": 2,
      "stroke-dasharray": series.dash }),
    markerAt(17, 6, series));
}

/* Lines over frequency. A series has a name, values, colour, dash and marker; one that is `rare`
   is hidden until its entry in the legend is pressed. */
class LineChart {
  static HEIGHT = 380;
  static MARGIN = { left: 62, right: 14, top: 12, bottom: 46 };
  static MOST_MARKERS = 60;

  constructor(holder, { label, yLabel, format, pick, fromZero = false }) {
    Object.assign(this, { label, yLabel, format, pick, fromZero });
    this.pressed = new Map();
    this.legend = element("div", { class: "legend", role: "group",
      "aria-label": `${label}: lines` });
    this.plot = element("svg", { role: "img", tabindex: 0 });
    this.tip = element("div", { class: "tip", "aria-live": "polite", hidden: "" });
    holder.append(this.legend, this.plot, this.tip);
    this.plot.addEventListener("pointermove", (event) => this.hover(this.nearest(event)));
    this.plot.addEventListener("pointerleave", () => this.hover(-1));
    this.plot.addEventListener("blur", () => this.hover(-1));
    this.plot.addEventListener("click", (event) => this.pick(this.nearest(event)));
    this.plot.addEventListener("keydown", (event) => this.press(event));
    this.hovered = -1;
    new ResizeObserver(() => this.x && this.draw()).observe(holder);
  }

  /* `x` in megahertz, `marked` the frequency that the page is at. */
  show(x, series, marked) {
    Object.assign(this, { x, series, marked });
    for (const one of series) {
      if (!this.pressed.has(one.name)) this.pressed.set(one.name, !one.rare);
    }
    this.fillLegend();
    this.draw();
  }

  get seen() {
    return this.series.filter((one) => this.pressed.get(one.name));
  }

  fillLegend() {
    const names = this.series.map((one) => one.name).join();
    if (this.named === names) return;
    this.named = names;
    this.legend.replaceChildren(...this.series.map((one) => {
      const button = element("button", { type: "button" }, sample(one), one.name);
      const tell = () => button.setAttribute("aria-pressed", this.pressed.get(one.name));
      button.addEventListener("click", () => {
        this.pressed.set(one.name, !this.pressed.get(one.name));
        tell();
        this.draw();
      });
      tell();
      return button;
    }));
  }

  draw() {
    const { x, series, seen, plot } = this;
    const margin = LineChart.MARGIN;
    const wide = Math.max(280, plot.parentElement.clientWidth);
    const high = LineChart.HEIGHT;
    const values = (seen.length ? seen : series).flatMap((one) => one.values);
    const [least, most] = [Math.min(...values, ...(this.fromZero ? [0] : [])), Math.max(...values)];
    const spare = 0.04 * (most - least || 1);
    const range = [least - (this.fromZero ? 0 : spare), most + spare];
    const [first, last] = [x[0], x[x.length - 1]];
    const beside = last > first ? 0.02 * (last - first) : 1;
    const [foot, side] = [high - margin.bottom, wide - margin.right];
    this.across = (value) => margin.left
      + (side - margin.left) * (value - first + beside) / (last - first + 2 * beside);
    const up = (value) => foot
      - (foot - margin.top) * (value - range[0]) / (range[1] - range[0]);
    const parts = [];
    for (const { value, text } of ticksOf(...range, 6)) {
      parts.push(element("line", { x1: margin.left, x2: side, y1: up(value), y2: up(value),
        stroke: value ? "#e4e4e4" : "#888" }),
      element("text", { x: margin.left - 8, y: up(value) + 4, "text-anchor": "end" }, text));
    }
    for (const { value, text } of ticksOf(first, last, Math.max(2, Math.min(8, wide / 110)))) {
      parts.push(element("line", { x1: this.across(value), x2: this.across(value), y1: foot,
        y2: foot + 5, stroke: "#888" }),
      element("text", { x: this.across(value), y: foot + 20, "text-anchor": "middle" }, text));
    }
    parts.push(
      element("line", { x1: margin.left, x2: side, y1: foot, y2: foot, stroke: "#888" }),
      element("text", { x: (margin.left + wide) / 2, y: high - 8, "text-anchor": "middle" },
        "clock frequency [MHz]"),
      element("text", { transform: `translate(16 ${(margin.top + foot) / 2}) rotate(-90)`,
        "text-anchor": "middle" }, this.yLabel),
      element("line", { x1: this.across(x[this.marked]), x2: this.across(x[this.marked]),
        y1: margin.top, y2: foot, stroke: "#555", "stroke-dasharray": "2 3" }));
    for (const one of seen) {
      const points = one.values.map((value, at) => [this.across(x[at]), up(value)]);
      parts.push(element("path", { d: `M${points.map((point) => point.join(" ")).join("L")}`,
        fill: "none", stroke: one.colour, "stroke-width": 2, "stroke-dasharray": one.dash,
        "data-name": one.name }));
      if (x.length <= LineChart.MOST_MARKERS) {
        parts.push(...points.map((point) => markerAt(...point, one)));
      }
    }
    this.line = element("line", { y1: margin.top, y2: foot, stroke: "#000", visibility: "hidden" });
    plot.replaceChildren(...parts, this.line);
    plot.setAttribute("viewBox", `0 0 ${wide} ${high}`);
    plot.setAttribute("aria-label", `${this.label}. Arrow keys read values, Enter shows a `
      + `frequency on the whole page. Lines: ${seen.map((one) => one.name).join(", ")}.`);
    this.hover(this.hovered);
  }

  nearest(event) {
    const box = this.plot.getBoundingClientRect();
    const at = (event.clientX - box.left) * this.plot.viewBox.baseVal.width / box.width;
    const away = this.x.map((value) => Math.abs(this.across(value) - at));
    return away.indexOf(Math.min(...away));
  }

  press(event) {
    const at = this.hovered < 0 ? this.marked : this.hovered;
    const last = this.x.length - 1;
    const moved = { ArrowLeft: at - (this.hovered >= 0), ArrowRight: at + (this.hovered >= 0),
      Home: 0, End: last }[event.key];
    if (event.key === "Enter") this.pick(at);
    else if (moved !== undefined) this.hover(Math.min(last, Math.max(0, moved)));
    else return;
    event.preventDefault();
  }

  hover(at) {
    this.hovered = at;
    this.tip.hidden = at < 0;
    this.line.setAttribute("visibility", at < 0 ? "hidden" : "visible");
    if (at < 0) return;
    const place = this.across(this.x[at]);
    this.line.setAttribute("x1", place);
    this.line.setAttribute("x2", place);
    const rows = this.seen.map((one) => element("tr", {},
      element("td", {}, sample(one), one.name), ...this.format(one, at).map(
        (text) => element("td", {}, text))));
    this.tip.replaceChildren(element("table", {}, element("tbody", {},
      element("tr", {}, element("th", {}, `${this.x[at].toFixed(1)} MHz`)), ...rows)));
    const wide = this.plot.viewBox.baseVal.width;
    this.tip.style.top = `${this.legend.offsetHeight + LineChart.MARGIN.top}px`;
    this.tip.style.left = place < wide / 2 ? `${place + 14}px` : "auto";
    this.tip.style.right = place < wide / 2 ? "auto" : `${wide - place + 14}px`;
  }
}

/* Rows of a name, parts that add up, and a text behind them. */
function showBars(holder, rows, colours) {
  const most = Math.max(...rows.map(({ parts }) => parts.reduce((sum, part) => sum + part, 0)));
  holder.replaceChildren(...rows.flatMap(({ name, parts, text }) => {
    const bar = element("div", { class: "bar" });
    parts.forEach((part, at) => {
      const strip = element("i");
      strip.style.width = `${(58 * part / most).toFixed(2)}%`;
      strip.style.background = colours[at];
      bar.append(strip);
    });
    bar.append(element("span", {}, text));
    return [element("div", {}, name), bar];
  }));
}

/* The supply of every tile over frequency; `point` takes a tile and a frequency, or neither. */
class SupplyMap {
  static MARGIN = { left: 46, right: 14, top: 8, bottom: 44 };

  constructor(canvas, { point, pick }) {
    this.canvas = canvas;
    const at = (event) => {
      const frequency = Math.floor((event.offsetX - this.box[0]) / this.box[2]);
      const tile = Math.floor((this.box[1] - event.offsetY) / this.box[3]);
      const inside = frequency >= 0 && frequency < this.x.length && tile >= 0 && tile < this.tiles;
      return inside ? [tile, frequency] : [-1, -1];
    };
    canvas.addEventListener("pointermove", (event) => point(...at(event)));
    canvas.addEventListener("pointerleave", () => point(-1, -1));
    canvas.addEventListener("click", (event) => at(event)[1] >= 0 && pick(at(event)[1]));
    new ResizeObserver(() => this.x && this.draw()).observe(canvas.parentElement);
  }

  /* `tone(frequency, tile)` is a colour. */
  show(x, tiles, tone, marked) {
    Object.assign(this, { x, tiles, tone, marked });
    this.draw();
  }

  draw() {
    const { canvas, x, tiles } = this;
    const margin = SupplyMap.MARGIN;
    const ratio = window.devicePixelRatio || 1;
    const high = Math.min(640, Math.max(180, 11 * tiles)) + margin.top + margin.bottom;
    canvas.style.height = `${high}px`;
    const wide = canvas.clientWidth;
    [canvas.width, canvas.height] = [wide * ratio, high * ratio];
    const cell = [(wide - margin.left - margin.right) / x.length,
      (high - margin.top - margin.bottom) / tiles];
    const foot = high - margin.bottom;
    this.box = [margin.left, foot, ...cell];
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const gap = Math.min(...cell) > 6 ? 1 : 0;
    for (let at = 0; at < x.length; at++) {
      for (let tile = 0; tile < tiles; tile++) {
        context.fillStyle = this.tone(at, tile);
        context.fillRect(margin.left + at * cell[0], foot - (tile + 1) * cell[1],
          cell[0] - gap, cell[1] - gap);
      }
    }
    context.strokeStyle = "#000";
    context.strokeRect(margin.left + this.marked * cell[0] - 1, margin.top - 1, cell[0] + 1,
      foot - margin.top + 1);
    context.fillStyle = "#222";
    context.font = "12.5px system-ui, sans-serif";
    context.textAlign = "center";
    const every = Math.ceil(x.length / Math.max(2, wide / 70));
    for (let at = 0; at < x.length; at += every) {
      context.fillText(x[at].toFixed(0), margin.left + (at + 0.5) * cell[0], foot + 16);
    }
    context.fillText("clock frequency [MHz]", (margin.left + wide) / 2, high - 6);
    context.textAlign = "right";
    const n = Math.round(Math.sqrt(tiles));
    const step = n * Math.ceil(15 / (n * cell[1]));
    for (let tile = 0; tile < tiles; tile += tiles > 9 ? step : 1) {
      context.fillText(tile, margin.left - 7, foot - (tile + 0.5) * cell[1] + 4);
    }
    context.save();
    context.translate(12, (margin.top + foot) / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText("tile", 0, 0);
    context.restore();
  }
}
