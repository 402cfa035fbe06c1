/* The layout on a canvas: cells, tiles and Vdd-MUX, moved by wheel, drag, keys and buttons. */

const ARRAYS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array };

function unpack({ type, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  return new ARRAYS[type](bytes.buffer);
}

/* The arrays of one mesh; cells stand in the order of their tiles. */
function openLayout(packed) {
  const layout = { ...packed };
  for (const name of ["origin", "cellsOfTile", "type", "site", "row", "slack", "bias"]) {
    layout[name] = unpack(packed[name]);
  }
  layout.tiles = layout.cellsOfTile.length;
  layout.first = new Uint32Array(layout.tiles + 1);
  layout.tile = new Uint16Array(layout.site.length);
  for (let tile = 0; tile < layout.tiles; tile++) {
    layout.first[tile + 1] = layout.first[tile] + layout.cellsOfTile[tile];
    layout.tile.fill(tile, layout.first[tile], layout.first[tile + 1]);
  }
  if (packed.mux) {
    layout.mux = Object.fromEntries(
      Object.entries(packed.mux).map(([name, values]) => [name, unpack(values)]));
  }
  return layout;
}

/* Indices sorted by group, so that a canvas changes its colour once per group. */
function sortedByGroup(group, groups) {
  const next = new Uint32Array(groups + 1);
  for (const one of group) next[one + 1]++;
  for (let at = 0; at < groups; at++) next[at + 1] += next[at];
  const order = new Uint32Array(group.length);
  for (let at = 0; at < group.length; at++) order[next[group[at]]++] = at;
  return order;
}

class LayoutView {
  static MOST_ZOOM = 60;
  static MUX = "#7f7f7f";

  /* `types` are pairs of name and width in sites; `point` takes a tile and a cell, or neither. */
  constructor(canvas, types, point) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.widths = types.map(([, sites]) => sites);
    this.point = point;
    this.zoom = 1;
    this.centre = [0.5, 0.5];
    this.shows = { mux: true, numbers: true };
    this.listen();
  }

  setLayout(layout) {
    this.layout = layout;
    this.redraw();
  }

  /* `group` of every cell, the colour of each group, and the tint of every tile. */
  setColours(group, colours, tints) {
    this.group = group;
    this.colours = colours;
    this.tints = tints;
    this.order = sortedByGroup(group, colours.length);
    this.redraw();
  }

  setShown(name, isShown) {
    this.shows[name] = isShown;
    this.redraw();
  }

  redraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (this.layout && this.group) this.draw();
    });
  }

  /* Pixels per site and row, and where site 0 and the lower edge of row 0 are. */
  get scale() {
    const { canvas, layout } = this;
    const wide = layout.coreSites * layout.siteWidth;
    const high = layout.coreRows * layout.siteHeight;
    const whole = Math.min(canvas.width / wide, canvas.height / high) * 0.97;
    const perMicron = whole * this.zoom;
    return {
      x: perMicron * layout.siteWidth,
      y: perMicron * layout.siteHeight,
      left: canvas.width / 2 - this.centre[0] * wide * perMicron,
      bottom: canvas.height / 2 + this.centre[1] * high * perMicron,
    };
  }

  draw() {
    const { canvas, context, layout } = this;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    const scale = this.scale;
    this.drawTiles(scale);
    this.drawCells(scale);
    if (layout.mux && this.shows.mux) this.drawMuxes(scale);
    if (this.shows.numbers) this.drawNumbers(scale);
    context.globalAlpha = 1;
  }

  tileRectangle(tile, scale) {
    const { origin, tileSites, tileRows } = this.layout;
    const [site, row] = [origin[2 * tile], origin[2 * tile + 1]];
    return [scale.left + site * scale.x, scale.bottom - (row + tileRows) * scale.y,
      tileSites * scale.x, tileRows * scale.y];
  }

  drawTiles(scale) {
    const { context, layout } = this;
    context.lineWidth = 1;
    context.strokeStyle = "#888888";
    for (let tile = 0; tile < layout.tiles; tile++) {
      const rectangle = this.tileRectangle(tile, scale);
      context.globalAlpha = 0.22;
      context.fillStyle = this.tints[tile];
      context.fillRect(...rectangle);
      context.globalAlpha = 1;
      context.strokeRect(...rectangle);
    }
  }

  drawCells(scale) {
    const { context, layout, group, order, widths } = this;
    const { width, height } = this.canvas;
    const gap = scale.x > 2 ? 1 : 0;
    const high = scale.y - (scale.y > 4 ? 1 : 0);
    let colour = -1;
    for (const cell of order) {
      const x = scale.left + layout.site[cell] * scale.x;
      const y = scale.bottom - (layout.row[cell] + 1) * scale.y;
      const wide = widths[layout.type[cell]] * scale.x - gap;
      if (x > width || x + wide < 0 || y > height || y + high < 0) continue;
      if (group[cell] !== colour) {
        colour = group[cell];
        context.fillStyle = this.colours[colour];
      }
      context.fillRect(x, y, wide, high);
    }
  }

  drawMuxes(scale) {
    const { context, layout: { mux } } = this;
    context.fillStyle = LayoutView.MUX;
    for (let at = 0; at < mux.site.length; at++) {
      context.fillRect(scale.left + mux.site[at] * scale.x,
        scale.bottom - (mux.row[at] + 1) * scale.y, mux.sites[at] * scale.x, scale.y);
    }
  }

  drawNumbers(scale) {
    const { context, layout } = this;
    const ratio = window.devicePixelRatio || 1;
    const size = Math.min(
      layout.tileSites * scale.x / 3, layout.tileRows * scale.y / 1.5, 16 * ratio);
    if (size < 7 * ratio) return;
    context.font = `${size}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = size / 4;
    context.strokeStyle = "#ffffff";
    context.fillStyle = "#000000";
    for (let tile = 0; tile < layout.tiles; tile++) {
      const [x, y, wide, high] = this.tileRectangle(tile, scale);
      context.strokeText(tile, x + wide / 2, y + high / 2);
      context.fillText(tile, x + wide / 2, y + high / 2);
    }
  }

  /* Tile and cell under a point of the canvas, in its pixels; -1 where there is none. */
  at(x, y) {
    const { layout, widths } = this;
    const scale = this.scale;
    const site = (x - scale.left) / scale.x;
    const row = Math.floor((scale.bottom - y) / scale.y);
    for (let tile = 0; tile < layout.tiles; tile++) {
      const across = site - layout.origin[2 * tile];
      const up = row - layout.origin[2 * tile + 1];
      if (across < 0 || across >= layout.tileSites || up < 0 || up >= layout.tileRows) continue;
      for (let cell = layout.first[tile]; cell < layout.first[tile + 1]; cell++) {
        const inside = site - layout.site[cell];
        if (layout.row[cell] === row && inside >= 0 && inside < widths[layout.type[cell]]) {
          return [tile, cell];
        }
      }
      return [tile, -1];
    }
    return [-1, -1];
  }

  /* Zoom by a factor; the point (x, y) of the canvas stays where it is. */
  zoomBy(factor, x = this.canvas.width / 2, y = this.canvas.height / 2) {
    const zoom = Math.min(LayoutView.MOST_ZOOM, Math.max(1, this.zoom * factor));
    const grown = zoom / this.zoom - 1;
    this.zoom = zoom;
    this.moveBy((x - this.canvas.width / 2) * grown, (this.canvas.height / 2 - y) * grown);
  }

  /* Move what is seen by pixels, to the right and up. */
  moveBy(right, up) {
    const { layout } = this;
    const scale = this.scale;
    const within = (value) => Math.min(1, Math.max(0, value));
    this.centre = [within(this.centre[0] + right / (layout.coreSites * scale.x)),
      within(this.centre[1] + up / (layout.coreRows * scale.y))];
    if (this.zoom === 1) this.centre = [0.5, 0.5];
    this.redraw();
  }

  pixel(event) {
    const ratio = this.canvas.width / this.canvas.clientWidth;
    return [event.offsetX * ratio, event.offsetY * ratio];
  }

  listen() {
    const { canvas } = this;
    let dragged;
    canvas.addEventListener("wheel", (event) => {
      const isOut = event.deltaY > 0;
      if (isOut && this.zoom === 1) return;
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY / 400), ...this.pixel(event));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      dragged = this.pixel(event);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointerup", () => { dragged = undefined; });
    canvas.addEventListener("pointercancel", () => { dragged = undefined; });
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = this.pixel(event);
      if (dragged) {
        this.moveBy(dragged[0] - x, y - dragged[1]);
        dragged = [x, y];
      }
      this.point(...this.at(x, y));
    });
    canvas.addEventListener("pointerleave", () => this.point(-1, -1));
    const step = () => 0.1 * canvas.width;
    const keys = {
      "+": () => this.zoomBy(1.5), "=": () => this.zoomBy(1.5), "-": () => this.zoomBy(1 / 1.5),
      0: () => this.zoomBy(0), ArrowLeft: () => this.moveBy(-step(), 0),
      ArrowRight: () => this.moveBy(step(), 0), ArrowUp: () => this.moveBy(0, step()),
      ArrowDown: () => this.moveBy(0, -step()),
    };
    canvas.addEventListener("keydown", (event) => {
      if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
      this.point(...this.at(canvas.width / 2, canvas.height / 2));
    });
    new ResizeObserver(() => this.redraw()).observe(canvas);
  }
}
