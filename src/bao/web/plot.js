"use strict";
/* Nodes, numbers, scales, marks and controls. Text always enters the page as text nodes, never as markup. */

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

/* Control characters and overrides of the writing direction, by signs that stand for them: they could make a text read as another. */
const visible = (text) => String(text)
  .replace(/[\u0000-\u0008\u000b-\u001f]/g, (sign) => String.fromCharCode(0x2400 + sign.charCodeAt(0)))
  .replace(/[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
const words = (name) => String(name).replaceAll("_", " ");
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
/* A name in at most `most` characters: its middle goes, as the ends are what tells long names apart. */
const short = (text, most) => (text.length <= most ? text : `${text.slice(0, Math.ceil(most * 0.4))}…${text.slice(1 + Math.ceil(most * 0.4) - most)}`);
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
/* Colours and shapes repeat after eight, but no pair of the two before sixty-four. */
const markPath = (index, radius) => MARKS[(index + Math.floor(index / 8)) % MARKS.length](radius);
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

/* A figure's numbers as a table, for whoever cannot see the figure or wants to take them along; filled when it is opened. */
function asTable(caption, head, makeRows) {
  const details = el("details", { class: "numbers", toggle: () => {
    if (!details.open || details.querySelector("table")) return;
    const cell = (value, i) => (i ? el("td", {}, String(value)) : el("th", { scope: "row" }, String(value)));
    details.append(el("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": caption },
      el("table", { class: "measures" }, el("caption", { class: "hidden-text" }, caption),
        el("thead", {}, el("tr", {}, head.map((title) => el("th", { scope: "col", class: "plain-head" }, title)))),
        el("tbody", {}, makeRows().map((row) => el("tr", {}, row.map(cell)))))));
  } }, el("summary", {}, "The numbers as a table"));
  return details;
}
