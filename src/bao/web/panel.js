/* The line panel: curves with bands, read by pointer or arrow keys, and the same numbers as a table. */

/* Moves labels apart along one axis, keeping their order and at least `gap` between them, within [low, high]. */
function spread(places, gap, low, high) {
  const sorted = [...places].sort((a, b) => a.at - b.at);
  sorted.forEach((place, i) => { place.at = Math.max(place.at, i ? sorted[i - 1].at + gap : low); });
  for (let i = sorted.length - 1, limit = high; i >= 0; i--) { sorted[i].at = Math.min(sorted[i].at, limit); limit = sorted[i].at - gap; }
}

const BANDS = 6;  // lines of a panel up to which their bands can be told apart

/* A line panel. lines: {label, short, colour, strength, points: [{x, y, raw, low, high}]}; others: grey lines behind them.
   Pointer or arrow keys move a cross-hair that shows every line's value. */
function linePanel(host, spec) {
  const popup = tip({ role: "status" });
  return mount(host, (width) => {
    const height = spec.height || 210;
    const named = spec.endLabels && spec.lines.length > 1;  // one line has its name in the panel's title
    const ends = named ? Math.min(96, 14 + 6.6 * Math.max(0, ...spec.lines.map((line) => short(line.short, 13).length))) : 10;
    const all = spec.lines.flatMap((line) => line.points);
    const xSpan = spec.xSpan || [Math.min(...all.map((p) => p.x)), Math.max(...all.map((p) => p.x))];
    const ySpan = spec.ySpan || span(all.flatMap((p) => [p.y, p.raw ?? p.y]));
    const yTicks = ticks(ySpan[0], ySpan[1], 5);
    const left = 12 + 6.7 * Math.max(...yTicks.map((tick) => tick.text.length));
    const box = { left, right: width - ends, top: spec.yTitle ? 28 : 10, bottom: height - (spec.xTitle ? 44 : 24) };
    const x = scale(xSpan, [box.left, box.right]), y = scale(ySpan, [box.bottom, box.top]);
    const xTicks = spec.xTicks || ticks(xSpan[0], xSpan[1], width < 330 ? 3 : 5);
    const picture = draw("svg", { height, viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: 0, "aria-label": spec.summary });
    picture.append(frame(box, x, y, { xTicks, yTicks, xTitle: spec.xTitle, yTitle: spec.yTitle }));
    for (const line of spec.others || []) picture.append(draw("path", { class: "others", d: pathOf(line.points, x, y, "y") }));
    const places = [];
    for (const line of spec.lines) {
      const group = draw("g", { "--c": line.colour, opacity: line.strength ?? 1 });
      if (line.points.length && line.points[0].low !== undefined && spec.lines.length <= BANDS) {
        const edge = [...line.points].reverse().map((p) => `L${x(p.x).toFixed(1)},${y(p.low).toFixed(1)}`).join("");
        group.append(draw("path", { class: "band", d: `${pathOf(line.points, x, y, "high")}${edge}Z` }));
      }
      if (line.points.length && line.points[0].raw !== undefined) group.append(draw("path", { class: "raw", d: pathOf(line.points, x, y, "raw") }));
      if (line.dashed) group.append(draw("path", { class: "line dashed", d: pathOf(line.dashed, x, y, "y") }));
      group.append(draw("path", { class: "line", d: pathOf(line.points, x, y, "y") }));
      picture.append(group);
      if (named && line.points.length) places.push({ at: y(line.points[line.points.length - 1].y), line });
    }
    const stride = Math.ceil((places.length * 12.5) / (box.bottom - box.top));  // as many names as have room
    const kept = places.sort((a, b) => a.at - b.at).filter((_, i) => i % stride === 0);
    spread(kept, 12.5, box.top, box.bottom);
    for (const place of kept) {
      picture.append(draw("text", { class: "name", x: box.right + 6, y: place.at + 4, "--c": place.line.colour, "aria-hidden": "true" }, short(place.line.short, 13)));
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
      if (rows.length > 12) rows.splice(12, rows.length, el("tr", {}, el("td", {}, `and ${rows.length - 12} more in the table`), el("td", {})));
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


/* One panel a series: its lines in colour, those of all others in grey; stronger lines have smaller effort weights. */
function seriesPanels(lines, spec) {
  return el("div", { class: "panels", "--least": "255px" }, seriesNames.filter((series) => lines.some((line) => line.series === series)).map((series) => {
    const mine = lines.filter((line) => line.series === series).sort((a, b) => (a.weight ?? 0) - (b.weight ?? 0));
    mine.forEach((line, i) => { line.strength = mine.length > 1 ? 1 - (0.5 * i) / (mine.length - 1) : 1; });
    const host = el("div", { class: "plot" });
    const told = mine.map((line) => `${line.label}: ${spec.tell(line)}`).join("; ");
    linePanel(host, {
      ...spec, lines: mine, others: lines.filter((line) => line.series !== series), height: 250, endLabels: true,
      summary: `${spec.name} of ${series}. ${told}. Arrow keys read the values.`,
    });
    return el("figure", {}, el("div", { class: "panel-head" }, swatch(seriesIndex(series)), el("h3", {}, series)), host);
  }));
}
const meanAndInterval = (point) => (point ? `${number(point.y)} ${interval({ mean: point.y, low: point.low, high: point.high })}`.trim() : "–");
function curvesTable(caption, lines, xs, xTitle) {
  return asTable(caption, ["policy", ...xs.map((x) => `${xTitle} ${x}`)], () =>
    lines.map((line) => [line.label, ...xs.map((x) => meanAndInterval(line.points.find((p) => p.x === x)))]));
}
