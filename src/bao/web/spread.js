/* How measures are spread: for each measure a histogram a policy, one below the other on a common axis. */

function spreadSection() {
  const home = body("spread");
  const measures = Object.entries(report.distributions);
  if (!measures.length) { home.append(el("p", { class: "empty" }, "No episodes belong to this report.")); return; }
  home.append(
    el("p", { class: "lede" }, "What lies behind the means: every healthy episode, counted."),
    el("div", { class: "panels", "--least": "320px" }, measures.map(([name, spread]) => {
      const title = [titleOf(name), catalogued(name).symbol].filter(Boolean).join(" ");
      const host = el("div", { class: "plot" });
      spreadPlot(host, title, spread);
      const head = ["policy", "mean", "5 %", "25 %", "median", "75 %", "95 %"];
      return el("figure", {}, el("div", { class: "panel-head" }, el("h3", {}, sentence(title))), host,
        asTable(`Spread of ${title}`, head, () => Object.entries(spread.policies).map(([label, own]) => [label, number(own.mean), ...own.quantiles.map((value) => number(value))])));
    })),
    el("figcaption", {}, el("b", { class: "count-figure" }), "Histograms of single episodes, each scaled to its own highest bin. The upright line is the mean, the bar beneath spans the middle half."));
}

function spreadPlot(host, title, { centres, width: bin, policies: own }) {
  const popup = tip({ role: "status" });
  const rows = Object.entries(own);
  const rowHeight = 40, foot = 24;
  return mount(host, (width) => {
    const height = rows.length * rowHeight + foot;
    const x = scale([centres[0] - bin / 2, centres[centres.length - 1] + bin / 2], [6, width - 6]);
    const told = rows.map(([label, row]) => `${label}: mean ${number(row.mean)}, median ${number(row.quantiles[2])}`).join("; ");
    const picture = draw("svg", { height, viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: 0, "aria-label": `Spread of ${title}. ${told}. Arrow keys read the policies.` });
    const counts = bin === 1 && Number.isInteger(centres[0]);
    for (const tick of ticks(centres[0], centres[centres.length - 1], 5).filter(({ at }) => !counts || Number.isInteger(at))) {
      picture.append(draw("line", { class: "grid", x1: x(tick.at), x2: x(tick.at), y1: 0, y2: height - foot }),
        draw("text", { x: x(tick.at), y: height - 7, "text-anchor": "middle" }, counts ? String(tick.at) : tick.text));
    }
    rows.forEach(([label, row], i) => picture.append(spreadRow(label, row, x, centres, bin, (i + 1) * rowHeight - 6)));
    const light = draw("rect", { class: "lit", x: 0, width, height: rowHeight, visibility: "hidden" });
    picture.prepend(light);
    let at = -1;
    const show = (index) => {
      at = Math.max(0, Math.min(rows.length - 1, index));
      const [label, row] = rows[at];
      light.setAttribute("y", at * rowHeight);
      light.setAttribute("visibility", "visible");
      const [p5, p25, median, p75, p95] = row.quantiles;
      const lines = [["mean", row.mean], ["median", median], ["middle half", `${number(p25)} to ${number(p75)}`], ["middle nine tenths", `${number(p5)} to ${number(p95)}`], ["episodes", row.counts.reduce((a, b) => a + b, 0)]];
      popup.show(width * 0.3, (at + 1) * rowHeight, [el("strong", {}, label),
        el("table", {}, lines.map(([name, value]) => el("tr", {}, el("td", {}, name), el("td", {}, typeof value === "string" ? value : number(value, Number.isInteger(value) ? 0 : undefined)))))], width);
    };
    const hide = () => { light.setAttribute("visibility", "hidden"); popup.hide(); at = -1; };
    const follow = (event) => {
      const row = Math.floor((event.clientY - picture.getBoundingClientRect().top) / rowHeight);
      if (row < rows.length) show(row); else hide();
    };
    fill(picture, {
      pointermove: follow, pointerdown: follow, pointerleave: hide, blur: hide,
      keydown: (event) => {
        const move = { ArrowDown: at + 1, ArrowUp: at < 0 ? 0 : at - 1, Home: 0, End: rows.length - 1 }[event.key];
        if (event.key === "Escape") hide();
        else if (move !== undefined) { event.preventDefault(); show(move); }
      },
    }, []);
    return [picture, popup.node];
  });
}

function spreadRow(label, row, x, centres, bin, floor) {
  const most = Math.max(...row.counts, 1), tall = 20;
  const left = (i) => x(centres[i] - bin / 2), wide = Math.max(1, x(centres[0] + bin) - x(centres[0]) - 1);
  const path = row.counts.map((count, i) => (count ? `M${left(i).toFixed(1)},${floor}v${(-Math.max(1, (tall * count) / most)).toFixed(1)}h${wide.toFixed(1)}V${floor}Z` : "")).join("");
  const [, p25, , p75] = row.quantiles;
  return draw("g", { "--c": colourOf(label), "data-label": label },
    draw("path", { class: "heap", d: path }),
    draw("line", { class: "middle", x1: x(p25) - 1, x2: x(p75) + 1, y1: floor + 2, y2: floor + 2 }),
    draw("line", { class: "mean", x1: x(row.mean), x2: x(row.mean), y1: floor - tall - 2, y2: floor + 4 }),
    draw("text", { class: "name", x: 6, y: floor - tall - 4, "aria-hidden": "true" }, short(label, 34)));
}
