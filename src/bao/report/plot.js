"use strict";
/* Nodes, numbers, scales, marks and the line panel. Text always enters the page as text nodes, never as markup. */

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}
const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const draw = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

const words = (name) => String(name).replaceAll("_", " ");
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const decimalsFor = (largest) => (largest >= 100 ? 0 : largest >= 10 ? 1 : largest >= 0.1 || largest === 0 ? 2 : 3);

function number(value, decimals = decimalsFor(Math.abs(value))) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size > 0 && (size < 0.0005 || size >= 1e7)) return value.toExponential(1).replace("-", "−");
  return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).replace("-", "−");
}
const exact = (value) => (value === null || value === undefined ? "–" : String(Number.isInteger(value) ? value : Number(value.toPrecision(4))).replace("-", "−"));
const lowOf = (value) => value.low ?? value.mean;
const highOf = (value) => value.high ?? value.mean;
function interval(value, decimals = decimalsFor(Math.abs(value.mean))) {
  return value.low === null || value.low === undefined ? "" : `[${number(value.low, decimals)}, ${number(value.high, decimals)}]`;
}

const scale = (from, to) => (value) => to[0] + ((value - from[0]) / (from[1] - from[0] || 1)) * (to[1] - to[0]);

function tickStep(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) || 10);
}
function ticks(low, high, count) {
  const step = tickStep(low, high, count);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at++) found.push(at * step);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const large = Math.max(Math.abs(low), Math.abs(high)) >= 1e6;
  return found.map((at) => ({ at, text: large ? at.toLocaleString("en", { notation: "compact" }) : decimals > 4 ? exact(at) : number(at, decimals).replace(/^−(0\.?0*)$/, "$1") }));
}
/* The span of the values with some air; starts at 0 where that costs little room. */
function span(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) { if (value < low) low = value; if (value > high) high = value; }
  if (!(low <= high)) return [0, 1];
  const air = (high - low || Math.abs(high) || 1) * 0.06;
  const floor = low >= 0 && low < 0.4 * high ? -air * 0.35 : low - air;
  return [floor, high + air];
}

const MARKS = [
  (r) => `M${r},0A${r},${r} 0 1 1 ${-r},0A${r},${r} 0 1 1 ${r},0Z`,
  (r) => `M${-r * 0.88},${-r * 0.88}h${r * 1.76}v${r * 1.76}h${-r * 1.76}Z`,
  (r) => `M0,${-r * 1.2}L${r * 1.15},${r * 0.8}H${-r * 1.15}Z`,
  (r) => `M0,${-r * 1.3}L${r * 1.3},0L0,${r * 1.3}L${-r * 1.3},0Z`,
  (r) => `M0,${r * 1.2}L${r * 1.15},${-r * 0.8}H${-r * 1.15}Z`,
  (r) => `M${-r},${-r * 0.4}H${-r * 0.4}V${-r}H${r * 0.4}V${-r * 0.4}H${r}V${r * 0.4}H${r * 0.4}V${r}H${-r * 0.4}V${r * 0.4}H${-r}Z`,
  (r) => `M0,${-r * 1.15}L${r * 1.1},${-r * 0.3}L${r * 0.68},${r * 0.95}H${-r * 0.68}L${-r * 1.1},${-r * 0.3}Z`,
  (r) => `M${-r * 1.1},0L${-r * 0.55},${-r}H${r * 0.55}L${r * 1.1},0L${r * 0.55},${r}H${-r * 0.55}Z`,
];
const markPath = (index, radius) => MARKS[index % MARKS.length](radius);
const colour = (index) => `var(--s${index % 8})`;
function swatch(index) {
  return draw("svg", { width: 13, height: 13, viewBox: "-7 -7 14 14", "aria-hidden": "true", "--c": colour(index) },
    draw("path", { class: "mark full", d: markPath(index, 4.6) }));
}

/* Keeps a figure as wide as its host: `paint(width)` gives the nodes. Returns a function that paints again. */
function mount(host, paint) {
  let width = 0;
  const again = () => {
    width = Math.floor(host.clientWidth);
    if (width > 0) host.replaceChildren(...paint(width));
  };
  new ResizeObserver(() => { if (Math.floor(host.clientWidth) !== width) requestAnimationFrame(again); }).observe(host);
  return again;
}

function tip(role) {
  const node = el("div", { class: "tip", hidden: true, ...role });
  return {
    node,
    show(x, y, content, width) {
      node.replaceChildren(...content);
      node.hidden = false;
      const left = x + 16 + node.offsetWidth <= width ? x + 16 : x - 16 - node.offsetWidth;
      node.style.left = `${Math.max(0, Math.min(left, width - node.offsetWidth))}px`;
      node.style.top = `${left < 0 ? y + 18 : Math.max(-8, y - node.offsetHeight / 2)}px`;
    },
    hide() { node.hidden = true; },
  };
}

/* The frame of a plot: grid, ticks and axis titles. `box` has left, right, top, bottom in pixels. */
function frame(box, x, y, { xTicks, yTicks, xTitle, yTitle }) {
  const nodes = [];
  for (const tick of yTicks) {
    nodes.push(draw("line", { class: "grid", x1: box.left, x2: box.right, y1: y(tick.at), y2: y(tick.at) }),
      draw("text", { x: box.left - 8, y: y(tick.at) + 4, "text-anchor": "end" }, tick.text));
  }
  nodes.push(draw("line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }));
  for (const tick of xTicks) {
    nodes.push(draw("line", { class: "axis", x1: x(tick.at), x2: x(tick.at), y1: box.bottom, y2: box.bottom + 4 }),
      draw("text", { x: x(tick.at), y: box.bottom + 18, "text-anchor": "middle" }, tick.text));
  }
  if (yTitle) nodes.push(draw("text", { class: "axis-title", x: 0, y: 13 }, yTitle));
  if (xTitle) nodes.push(draw("text", { class: "axis-title", x: box.right, y: box.bottom + 37, "text-anchor": "end" }, xTitle));
  return draw("g", { "aria-hidden": "true" }, nodes);
}

const pathOf = (points, x, y, key) => points.map((p, i) => `${i ? "L" : "M"}${x(p.x).toFixed(1)},${y(p[key]).toFixed(1)}`).join("");

/* Moves labels apart along one axis, keeping their order and at least `gap` between them, within [low, high]. */
function spread(places, gap, low, high) {
  const sorted = [...places].sort((a, b) => a.at - b.at);
  sorted.forEach((place, i) => { place.at = Math.max(place.at, i ? sorted[i - 1].at + gap : low); });
  for (let i = sorted.length - 1, limit = high; i >= 0; i--) { sorted[i].at = Math.min(sorted[i].at, limit); limit = sorted[i].at - gap; }
}

/* A line panel. lines: {label, short, colour, strength, points: [{x, y, raw, low, high}]}; others: grey lines behind them.
   Pointer or arrow keys move a cross-hair that shows every line's value. */
function linePanel(host, spec) {
  const popup = tip({ role: "status" });
  return mount(host, (width) => {
    const height = spec.height || 210;
    const ends = spec.endLabels ? Math.min(96, 14 + 6.6 * Math.max(0, ...spec.lines.map((line) => line.short.length))) : 10;
    const all = spec.lines.flatMap((line) => line.points);
    const xSpan = spec.xSpan || [Math.min(...all.map((p) => p.x)), Math.max(...all.map((p) => p.x))];
    const ySpan = spec.ySpan || span(all.flatMap((p) => [p.y, p.raw ?? p.y]));
    const yTicks = ticks(ySpan[0], ySpan[1], 5);
    const left = 12 + 6.7 * Math.max(...yTicks.map((tick) => tick.text.length));
    const box = { left, right: width - ends, top: 10, bottom: height - (spec.xTitle ? 44 : 24) };
    const x = scale(xSpan, [box.left, box.right]), y = scale(ySpan, [box.bottom, box.top]);
    const xTicks = spec.xTicks || ticks(xSpan[0], xSpan[1], width < 330 ? 3 : 5);
    const picture = draw("svg", { height, viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: 0, "aria-label": spec.summary });
    picture.append(frame(box, x, y, { xTicks, yTicks, xTitle: spec.xTitle }));
    for (const line of spec.others || []) picture.append(draw("path", { class: "others", d: pathOf(line.points, x, y, "y") }));
    const places = [];
    for (const line of spec.lines) {
      const group = draw("g", { "--c": line.colour, opacity: line.strength ?? 1 });
      if (line.points.length && line.points[0].low !== undefined) {
        const edge = [...line.points].reverse().map((p) => `L${x(p.x).toFixed(1)},${y(p.low).toFixed(1)}`).join("");
        group.append(draw("path", { class: "band", d: `${pathOf(line.points, x, y, "high")}${edge}Z` }));
      }
      if (line.points.length && line.points[0].raw !== undefined) group.append(draw("path", { class: "raw", d: pathOf(line.points, x, y, "raw") }));
      group.append(draw("path", { class: "line", d: pathOf(line.points, x, y, "y") }));
      picture.append(group);
      if (spec.endLabels && line.points.length) places.push({ at: y(line.points[line.points.length - 1].y), line });
    }
    spread(places, 12.5, box.top, box.bottom);
    for (const place of places) {
      picture.append(draw("text", { class: "name", x: box.right + 6, y: place.at + 4, "--c": place.line.colour, "aria-hidden": "true" }, place.line.short));
    }
    const cross = draw("line", { class: "cross", y1: box.top, y2: box.bottom, visibility: "hidden" });
    picture.append(cross);
    const stops = [...new Set(all.map((p) => p.x))].sort((a, b) => a - b);
    let at = -1;
    const show = (index) => {
      at = Math.max(0, Math.min(stops.length - 1, index));
      const place = x(stops[at]);
      cross.setAttribute("x1", place); cross.setAttribute("x2", place); cross.setAttribute("visibility", "visible");
      const rows = spec.lines.map((line) => [line, line.points.find((p) => p.x === stops[at])]).filter(([, p]) => p).map(([line, p]) =>
        el("tr", {}, el("td", {}, line.label), el("td", {}, number(p.raw ?? p.y), " ", p.low === undefined ? null : el("span", { class: "interval" }, interval(p)))));
      popup.show(place, height / 2, [el("strong", {}, `${spec.stopName} ${exact(stops[at])}`), el("table", {}, rows)], width);
    };
    const hide = () => { cross.setAttribute("visibility", "hidden"); popup.hide(); };
    const follow = (event) => {
      const wanted = event.clientX - picture.getBoundingClientRect().left;
      let best = 0;
      stops.forEach((stop, i) => { if (Math.abs(x(stop) - wanted) < Math.abs(x(stops[best]) - wanted)) best = i; });
      show(best);
    };
    fill(picture, {
      pointermove: follow, pointerdown: follow, pointerleave: hide, blur: hide,
      keydown: (event) => {
        const stride = event.shiftKey ? 10 : 1;
        const move = { ArrowRight: at + stride, ArrowLeft: at < 0 ? 0 : at - stride, Home: 0, End: stops.length - 1 }[event.key];
        if (event.key === "Escape") hide();
        else if (move !== undefined) { event.preventDefault(); show(move); }
      },
    }, []);
    return [picture, popup.node];
  });
}

function chooser(id, label, options, chosen, onChange) {
  const list = el("select", { id, change: () => onChange(list.value) });
  for (const [value, text] of options) list.append(el("option", { value, selected: value === chosen }, text));
  return el("div", { class: "field" }, el("label", { for: id }, label), list);
}
function chip(content, pressed, onToggle) {
  const button = el("button", { type: "button", class: "chip", "aria-pressed": String(pressed), click: () => {
    const now = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(now));
    onToggle(now);
  } }, content);
  return button;
}
function rangeBar(value, [low, high], zero = null) {
  const at = (v) => `${(100 * (v - low)) / (high - low || 1)}%`;
  return el("span", { class: "range", "aria-hidden": "true", "--low": at(lowOf(value)), "--high": at(highOf(value)), "--mean": at(value.mean) },
    zero === null ? null : el("u", { "--zero": at(zero) }), el("i"), el("b"));
}
