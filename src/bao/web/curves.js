/* Curves: training metrics, Pass@U-k, and where in an episode effort goes. */

const PREFERRED = ["reward", "score", "user_effort", "success", "entropy", "kl_to_sampler", "zero_variance", "loss", "turns", "tokens"];
function learningSection() {
  const home = body("learning");
  const runs = Object.entries(report.curves);
  const metrics = [...new Set(runs.flatMap(([, columns]) => Object.keys(columns)))].filter((name) => name !== "step")
    .sort((a, b) => (PREFERRED.indexOf(a) + 1 || 99) - (PREFERRED.indexOf(b) + 1 || 99) || a.localeCompare(b));
  if (!metrics.length) { home.append(el("p", { class: "empty" }, "No training metrics belong to this report.")); return; }
  const varies = (name) => runs.some(([, columns]) => new Set((columns[name] || []).filter((value) => value !== null)).size > 1);
  const chosen = new Set(metrics.filter(varies).slice(0, 6));
  const state = { smooth: true };
  const runColour = runColours(runs.map(([label]) => label));
  const panels = el("div", { class: "panels" });
  const legend = el("div", { class: "chips key" }, runs.map(([label]) => el("span", { class: "who" }, swatch(runColour.get(label)), el("span", {}, label))));
  const byWeight = effortByWeight(runs);
  const paint = () => {
    panels.replaceChildren(...metrics.filter((name) => chosen.has(name)).map((name) => {
      const lines = runs.map(([label, columns]) => ({ label, short: label, colour: colour(runColour.get(label)), points: curvePoints(columns, name, state.smooth) })).filter((line) => line.points.length);
      const host = el("div", { class: "plot" });
      const told = lines.map((line) => `${line.label} from ${number(line.points[0].y)} to ${number(line.points[line.points.length - 1].y)}`).join("; ");
      linePanel(host, { lines, stopName: "step", xTitle: "step", height: 230, summary: `${words(name)} over training steps: ${told}. Arrow keys read the values.` });
      return el("figure", {}, el("div", { class: "panel-head" }, el("h3", {}, words(name))), host);
    }));
    count.textContent = `Metrics shown: ${chosen.size} of ${metrics.length}`;
  };
  const count = el("summary", {});
  const smooth = el("input", { type: "checkbox", checked: true, change: () => { state.smooth = smooth.checked; paint(); } });
  home.append(
    el("div", { class: "controls" }, legend, el("label", { class: "check" }, smooth, "Running mean")),
    el("details", { class: "shown", open: metrics.length <= 14 }, count,
      el("div", { class: "chips", role: "group", "aria-label": "Metrics shown", id: "metric-chooser" }, metrics.map((name) =>
        chip(words(name), chosen.has(name), (on) => { chosen[on ? "add" : "delete"](name); paint(); })))),
    panels, byWeight,
    el("figcaption", {}, el("b", { class: "count-figure" }), "Training metrics by step. The strong line is a running mean over a twentieth of the run, the faint one the metric itself, whose values the cross-hair shows."),
    asTable("Training metrics, first and last", ["metric and run", "first", "last"], () => metrics.flatMap((name) => runs.map(([label, columns]) => [`${words(name)}, ${label}`, curvePoints(columns, name, false)])
      .filter(([, points]) => points.length).map(([title, points]) => [title, number(points[0].y), number(points[points.length - 1].y)]))));
  paint();
}
/* User effort by effort weight, one panel a run: a conditioned policy learns one course for each price. */
function effortByWeight(runs) {
  const pattern = /^user_effort\/w=(.+)$/;
  const figures = runs.map(([label, columns]) => {
    const named = Object.keys(columns).map((name) => [name, pattern.exec(name)]).filter(([, found]) => found).map(([name, found]) => ({ name, w: Number(found[1]) })).sort((a, b) => a.w - b.w);
    const lines = named.map(({ name, w }, i) => ({ label: `w ${exact(w)}`, short: `w ${exact(w)}`, colour: colour(i), points: curvePoints(columns, name, true) })).filter((line) => line.points.length);
    if (!lines.length) return null;
    const host = el("div", { class: "plot" });
    const told = lines.map((line) => `${line.label} from ${number(line.points[0].y)} to ${number(line.points[line.points.length - 1].y)}`).join("; ");
    linePanel(host, { lines, stopName: "step", height: 250, endLabels: true, xTitle: "step", summary: `User effort by effort weight over the training of ${label}: ${told}. Arrow keys read the values.` });
    return el("figure", { class: "by-weight" }, el("div", { class: "panel-head" }, el("h3", {}, `${label}: user effort by effort weight`)), host,
      asTable(`User effort by effort weight over the training of ${label}`, ["weight", "first", "last"], () => lines.map((line) => [line.label, number(line.points[0].y), number(line.points[line.points.length - 1].y)])));
  }).filter(Boolean);
  return figures.length ? el("div", { class: "panels", "--least": "340px" }, figures) : null;
}
/* A run takes its series' colour where no other run has it, else the next free one. */
function runColours(labels) {
  const given = new Map(), used = new Set();
  for (const label of labels) {
    const series = seriesNames.includes(label) ? label : seriesOf.get(label);
    let index = series === undefined ? 0 : seriesIndex(series);
    while (used.has(index) && used.size < 8) index = (index + 1) % 8;
    used.add(index);
    given.set(label, index);
  }
  return given;
}
function curvePoints(columns, name, smooth) {
  const points = (columns[name] || []).map((y, i) => ({ x: columns.step ? columns.step[i] : i, y })).filter((p) => typeof p.y === "number" && typeof p.x === "number");
  const reach = smooth ? Math.floor(points.length / 40) : 0;
  if (!reach) return points;
  return points.map((p, i) => {
    const near = points.slice(Math.max(0, i - reach), i + reach + 1);
    return { x: p.x, raw: p.y, y: near.reduce((sum, q) => sum + q.y, 0) / near.length };
  });
}

function passSection() {
  const home = body("pass");
  const lines = report.summaries.map((row) => {
    const policy = policyOf.get(row.label) || { effort_weight: row.summary.effort_weight };
    const points = Object.entries(row.summary.pass_at_u || {}).map(([k, value]) => ({ x: Number(k), y: value.mean, low: lowOf(value), high: highOf(value) }))
      .filter((p) => typeof p.y === "number").sort((a, b) => a.x - b.x);
    return { ...row, weight: policy.effort_weight, short: weightText(policy) || row.label, points, colour: colour(seriesIndex(row.series)) };
  }).filter((line) => line.points.length);
  if (!lines.length) { home.append(el("p", { class: "empty" }, "No policy of this report has Pass@U-k.")); return; }
  const ks = [...new Set(lines.flatMap((line) => line.points.map((p) => p.x)))].sort((a, b) => a - b);
  const top = Math.min(1, Math.max(...lines.flatMap((line) => line.points.map((p) => p.high)))) * 1.04;
  home.append(el("p", { class: "lede" }, "The share of tasks solved within the first k user-involving turns: the earlier a curve rises, the less it asks for what it solves."),
    seriesPanels(lines, {
      name: "Pass@U-k", xTitle: "k, user-involving turns", yTitle: "share of tasks solved", xSpan: [ks[0], ks[ks.length - 1]], ySpan: [0, top], stopName: "k =",
      xTicks: ks.filter((k) => ks.length < 12 || k % 2 === 1).map((at) => ({ at, text: String(at) })),
      tell: ({ points }) => `${number(points[0].y)} at k ${points[0].x}, ${number(points[points.length - 1].y)} at k ${points[points.length - 1].x}`,
    }),
    el("figcaption", {}, el("b", { class: "count-figure" }), "Pass@U-k by k, one panel a series, the other series in grey. Bands, in panels of up to six lines, are 95 % intervals over tasks; stronger lines have smaller effort weights."),
    curvesTable("Pass@U-k by policy", lines, ks, "k ="));
}

function turnSection() {
  const home = body("turn-by-turn");
  const lines = Object.entries(report.effort_by_turn).map(([label, { asked, running }]) => {
    const policy = policyOf.get(label) || {};
    const series = seriesOf.get(label) ?? label;
    return {
      label, series, weight: policy.effort_weight, short: weightText(policy) || label, colour: colourOf(label),
      points: asked.map(([y, low, high], i) => ({ x: i + 1, y, low, high })), dashed: running.map((y, i) => ({ x: i + 1, y })),
    };
  });
  if (!lines.length) { home.append(el("p", { class: "empty" }, "No episodes belong to this report.")); return; }
  for (const { series } of lines) if (!seriesNames.includes(series)) seriesNames.push(series);
  const longest = Math.max(...lines.map((line) => line.points.length));
  const turns = Array.from({ length: longest }, (_, i) => i + 1);
  for (const { points } of lines) if (points.length < longest) points.push({ x: points.length + 1, y: 0, low: 0, high: 0 });  // all have ended
  const alone = (line) => lines.filter((other) => other.series === line.series).length === 1;
  for (const line of lines) if (!alone(line)) delete line.dashed;
  home.append(el("p", { class: "lede" }, "How often the user is involved at each turn: the area under a curve is the policy's mean user effort, and its shape says when that is spent."),
    seriesPanels(lines, {
      name: "Share of episodes that involve the user, by turn", xTitle: "turn", yTitle: "share of episodes", xSpan: [1, Math.max(2, longest)], ySpan: [0, 1.04], stopName: "turn",
      xTicks: turns.filter((turn) => longest < 10 || turn % Math.ceil(longest / 8) === 1).map((at) => ({ at, text: String(at) })),
      tell: ({ points }) => {
        const most = points.reduce((best, p) => (p.y > best.y ? p : best));
        return `most at turn ${most.x}, ${number(most.y)}; ${number(points.reduce((sum, p) => sum + p.y, 0))} user turns in all`;
      },
    }),
    el("figcaption", {}, el("b", { class: "count-figure" }), "Share of all episodes that involve the user at turn t; an episode that has ended involves nobody. Bands, in panels of up to six lines, are 95 % intervals over tasks. Dashed, where a series is one policy: the share of episodes that have a turn t."),
    curvesTable("Share of episodes that involve the user at each turn", lines, turns, "turn"));
}
