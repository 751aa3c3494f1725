/* The figures of the report: frontier, hypervolume, learning curves and Pass@U-k. */

const report = JSON.parse(document.getElementById("report-data").textContent);
const frontier = report.frontier;
const body = (id) => document.querySelector(`#${id} .body`);
const summaryOf = new Map(report.summaries.map((row) => [row.label, row.summary]));
const policies = (frontier.points || []).map((point) => ({ ...point, summary: summaryOf.get(point.label) || {} }));
const policyOf = new Map(policies.map((policy) => [policy.label, policy]));
const seriesNames = [...new Set([...policies.map((policy) => policy.series), ...report.summaries.map((row) => row.series)])];
const seriesIndex = (series) => Math.max(0, seriesNames.indexOf(series));
const seriesOf = new Map([...report.summaries, ...policies].map((row) => [row.label, row.series]));

const ABOUT = {
  score: "mean best task reward", best_score: "best of a task's rollouts", success: "share of episodes solved", user_effort: "turns that involve the user",
  user_involvement_rate: "share of turns that involve the user", turns: "turns per episode", tokens: "tokens the agent wrote", unparsable: "share of unreadable turns",
  satisfaction: "estimate of the user's satisfaction, not validated on people",
};
const HIGHER = new Set(["score", "best_score", "success", "satisfaction"]);
const objectives = new Map((frontier.objectives || []).map((objective) => [objective.name, String(objective.direction).startsWith("max")]));
const higherIsBetter = (name) => objectives.get(name) ?? HIGHER.has(name);
function measured(policy, name) {
  const value = (policy.values || {})[name] || policy.summary[name];
  return value && typeof value === "object" && typeof value.mean === "number" ? value : null;
}
const weightText = (policy) => (policy.effort_weight === null || policy.effort_weight === undefined ? null : `w ${exact(policy.effort_weight)}`);

function facts() {
  const total = (name) => policies.reduce((sum, policy) => sum + (policy[name] || 0), 0);
  const faults = report.summaries.reduce((sum, row) => sum + faultCount(row.summary), 0);
  const tasks = Math.max(0, ...policies.map((policy) => policy.tasks || 0));
  const rows = [
    ["gym", frontier.gym || (report.summaries[0] || { summary: {} }).summary.gym || "–"], ["policies", policies.length], ["non-dominated", policies.filter((policy) => policy.non_dominated).length],
    ["tasks", number(tasks, 0)], ["episodes", number(total("episodes"), 0)], ["faults, excluded", number(faults, 0)],
  ];
  document.getElementById("facts").append(...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, String(value)))));
}
const faultCount = (summary) => Object.values(summary.faults || {}).reduce((sum, count) => sum + (count || 0), 0);

/* Members of `list` that no other one equals or betters on both axes and betters on one (by the means). */
function undominated(list, xName, yName) {
  const sign = (name) => (higherIsBetter(name) ? 1 : -1);
  const at = (policy) => [sign(xName) * measured(policy, xName).mean, sign(yName) * measured(policy, yName).mean];
  return list.filter((one) => {
    const [x, y] = at(one);
    return !list.some((other) => { const [u, v] = at(other); return u >= x && v >= y && (u > x || v > y); });
  });
}

function frontierSection() {
  const home = body("frontier");
  if (!policies.length) { home.append(el("p", { class: "empty" }, "The frontier of this report holds no policy.")); return; }
  const known = [...new Set([...objectives.keys(), ...Object.keys(ABOUT)])].filter((name) => policies.some((policy) => measured(policy, name)));
  const first = (wanted, fallback) => (known.includes(wanted) ? wanted : fallback);
  const state = { x: first("user_effort", known[0]), y: first("score", known[known.length - 1]), off: new Set() };
  const options = known.map((name) => [name, sentence(words(name))]);
  const host = el("div", { class: "plot", id: "frontier-plot" });
  const again = frontierPlot(host, state);
  const legend = el("div", { class: "chips", role: "group", "aria-label": "Series shown" }, seriesNames.filter((series) => policies.some((p) => p.series === series)).map((series) =>
    chip([swatch(seriesIndex(series)), el("span", {}, series)], true, (on) => { state.off[on ? "delete" : "add"](series); again(); })));
  const basis = objectives.size === 2 ? ` (on ${[...objectives.keys()].map(words).join(" and ")}; on other axes, by the means drawn)` : " by the means drawn";
  home.append(
    el("p", { class: "lede" }, "Each mark is one policy: what it achieves against what it asks of the user. Bars are 95 % intervals over tasks."),
    el("div", { class: "split" },
      el("figure", {},
        el("div", { class: "controls" }, chooser("axis-y", "Vertical axis", options, state.y, (name) => { state.y = name; again(); }),
          chooser("axis-x", "Horizontal axis", options, state.x, (name) => { state.x = name; again(); }), legend),
        host,
        el("figcaption", {}, el("b", {}, "Figure 1. "), "Filled marks are non-dominated among all policies, hollow ones are dominated", basis, ". Lines join each series' own non-dominated policies. Labels give the effort weight. ",
          "Point at a mark, or reach it with Tab and the arrow keys, for its numbers.")),
      hypervolume()));
}

function frontierPlot(host, state) {
  const popup = tip({ "aria-hidden": "true" });  // each mark speaks for itself
  return mount(host, (width) => {
    const height = Math.round(Math.max(330, Math.min(500, width * 0.66)));
    const shown = policies.filter((policy) => !state.off.has(policy.series) && measured(policy, state.x) && measured(policy, state.y));
    const own = objectives.size === 2 && objectives.has(state.x) && objectives.has(state.y) && state.x !== state.y;
    const rivals = policies.filter((policy) => measured(policy, state.x) && measured(policy, state.y));
    const front = new Set(own ? rivals.filter((policy) => policy.non_dominated) : undominated(rivals, state.x, state.y));
    const ends = (name) => shown.flatMap((policy) => { const value = measured(policy, name); return [lowOf(value), highOf(value), value.mean]; });
    const xSpan = span(ends(state.x)), ySpan = span(ends(state.y));
    const yTicks = ticks(ySpan[0], ySpan[1], 6), xTicks = ticks(xSpan[0], xSpan[1], width < 480 ? 5 : 8);
    const box = { left: 12 + 6.8 * Math.max(3, ...yTicks.map((tick) => tick.text.length)), right: width - 14, top: 30, bottom: height - 46 };
    const x = scale(xSpan, [box.left, box.right]), y = scale(ySpan, [box.bottom, box.top]);
    const picture = draw("svg", { height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `${sentence(words(state.y))} against ${words(state.x)}: ${shown.length} policies` });
    const long = (name) => `${words(name)} (${higherIsBetter(name) ? "higher" : "lower"} is better)`;
    picture.append(frame(box, x, y, {
      xTicks, yTicks, yTitle: `${higherIsBetter(state.y) ? "↑" : "↓"} ${long(state.y)}`,
      xTitle: higherIsBetter(state.x) ? `${long(state.x)} →` : `← ${long(state.x)}`,
    }));
    const drawn = [];
    for (const series of seriesNames) {
      const joined = undominated(shown.filter((policy) => policy.series === series), state.x, state.y)
        .map((policy) => ({ x: measured(policy, state.x).mean, y: measured(policy, state.y).mean })).sort((a, b) => a.x - b.x || a.y - b.y);
      if (joined.length < 2) continue;
      picture.append(draw("path", { class: "joined", "--c": colour(seriesIndex(series)), d: pathOf(joined, x, y, "y") }));
      joined.slice(1).forEach((end, i) => drawn.push(...along([x(joined[i].x), y(joined[i].y)], [x(end.x), y(end.y)])));
    }
    const marks = shown.map((policy) => pointMark(policy, state, x, y, front.has(policy)));
    const ordered = [...marks].sort((a, b) => a.x - b.x);
    ordered.forEach((mark, i) => mark.node.setAttribute("tabindex", i ? -1 : 0));
    placeNames(marks, drawn, box, picture);
    picture.append(...ordered.map((mark) => mark.node));
    let on = null;
    const leave = () => { if (on) on.node.classList.remove("on"); on = null; popup.hide(); };
    const show = (mark) => {
      if (mark === on) return;
      leave();
      on = mark;
      mark.node.classList.add("on");
      popup.show(mark.x, mark.y, pointDetails(mark.policy, state), width);
    };
    ordered.forEach((mark, i) => fill(mark.node, {
      focus: () => show(mark), blur: leave,
      keydown: (event) => {
        const move = { ArrowRight: i + 1, ArrowUp: i + 1, ArrowLeft: i - 1, ArrowDown: i - 1, Home: 0, End: ordered.length - 1 }[event.key];
        if (event.key === "Escape") leave();
        if (move === undefined) return;
        event.preventDefault();
        const next = ordered[Math.max(0, Math.min(ordered.length - 1, move))];
        ordered.forEach((other) => other.node.setAttribute("tabindex", other === next ? 0 : -1));
        next.node.focus();
      },
    }, []));
    const follow = (event) => {
      const place = picture.getBoundingClientRect();
      const distance = (mark) => Math.hypot(mark.x - (event.clientX - place.left), mark.y - (event.clientY - place.top));
      const nearest = marks.reduce((best, mark) => (!best || distance(mark) < distance(best) ? mark : best), null);
      if (nearest && distance(nearest) < 34) show(nearest); else leave();
    };
    fill(picture, { pointermove: follow, pointerdown: follow, pointerleave: leave }, []);
    return [picture, popup.node];
  });
}

function pointMark(policy, state, x, y, full) {
  const a = measured(policy, state.x), b = measured(policy, state.y), index = seriesIndex(policy.series);
  const at = { x: x(a.mean), y: y(b.mean), x1: x(lowOf(a)), x2: x(highOf(a)), y1: y(lowOf(b)), y2: y(highOf(b)) };
  const spoken = [policy.label, weightText(policy), `${words(state.y)} ${number(b.mean)} ${interval(b)}`, `${words(state.x)} ${number(a.mean)} ${interval(a)}`, full ? "non-dominated" : "dominated"];
  const bar = (x1, y1, x2, y2) => draw("line", { class: "bar", x1, y1, x2, y2 });
  const node = draw("g", { class: "point", role: "img", "data-label": policy.label, "--c": colour(index), "aria-label": spoken.filter(Boolean).join(", ") },
    bar(at.x1, at.y, at.x2, at.y), bar(at.x1, at.y - 3, at.x1, at.y + 3), bar(at.x2, at.y - 3, at.x2, at.y + 3),
    bar(at.x, at.y1, at.x, at.y2), bar(at.x - 3, at.y1, at.x + 3, at.y1), bar(at.x - 3, at.y2, at.x + 3, at.y2),
    draw("g", { transform: `translate(${at.x},${at.y})` },
      draw("circle", { class: "halo", r: 9.5 }), draw("path", { class: full ? "mark full" : "mark", d: markPath(index, 5.2) })));
  return { ...at, node, policy };
}

/* Small boxes along a straight line, for telling what lies on it. */
function along([x1, y1], [x2, y2]) {
  const count = Math.ceil(Math.hypot(x2 - x1, y2 - y1) / 5);
  return Array.from({ length: count }, (_, i) => [x1 + ((x2 - x1) * i) / count, y1 + ((y2 - y1) * i) / count]).map(([x, y]) => ({ x1: x - 1, x2: x + 1, y1: y - 1, y2: y + 1 }));
}
/* Names each mark (weight, or label where it has none) at the free place nearest to it; a name without room is left to the tip. */
function placeNames(marks, drawn, box, picture) {
  const crosses = (a, b) => a.x1 < b.x2 && b.x1 < a.x2 && a.y1 < b.y2 && b.y1 < a.y2;
  const taken = [];
  const bars = marks.flatMap((mark) => [
    { x1: mark.x1, x2: mark.x2, y1: mark.y - 1, y2: mark.y + 1 }, { x1: mark.x - 1, x2: mark.x + 1, y1: mark.y2, y2: mark.y1 }]);
  const cores = marks.map((mark) => ({ x1: mark.x - 7, x2: mark.x + 7, y1: mark.y - 7, y2: mark.y + 7 }));
  for (const mark of marks) {
    const text = weightText(mark.policy) || (mark.policy.label.length > 22 ? `${mark.policy.label.slice(0, 21)}…` : mark.policy.label);
    const wide = text.length * 6.3 + 2;
    let best = null;
    for (const [dx, dy] of [[9, -7], [9, 17], [-9 - wide, -7], [-9 - wide, 17], [13, 4], [-13 - wide, 4], [9, -21], [-9 - wide, -21], [9, 31], [-9 - wide, 31]]) {
      const place = { x1: mark.x + dx, x2: mark.x + dx + wide, y1: mark.y + dy - 10, y2: mark.y + dy + 3 };
      const outside = place.x1 < box.left || place.x2 > box.right + 12 || place.y1 < box.top - 8 || place.y2 > box.bottom;
      if (outside || taken.some((other) => crosses(place, other))) continue;
      const cost = 6 * cores.filter((core) => crosses(place, core)).length + bars.filter((bar) => crosses(place, bar)).length + 0.4 * drawn.filter((piece) => crosses(place, piece)).length + Math.abs(dy - 4) / 40;
      if (!best || cost < best.cost) best = { place, cost, x: mark.x + dx, y: mark.y + dy };
    }
    if (!best || best.cost >= 9) continue;
    taken.push(best.place);
    picture.append(draw("text", { class: "name", x: best.x, y: best.y, "--c": colour(seriesIndex(mark.policy.series)), "aria-hidden": "true" }, text));
  }
}

function pointDetails(policy, state) {
  const rows = [...new Set([state.y, state.x, ...Object.keys(ABOUT)])].map((name) => [name, measured(policy, name)]).filter(([, value]) => value).map(([name, value]) =>
    el("tr", { class: name === state.x || name === state.y ? "picked" : "sub-row" }, el("td", {}, words(name)), el("td", {}, number(value.mean), " ", el("span", { class: "interval" }, interval(value)))));
  const chance = policy.non_dominated_probability;
  const beaten = policy.dominated_by || [];
  return [
    el("strong", {}, policy.label),
    el("span", { class: "sub" }, [policy.series, policy.effort_weight === null || policy.effort_weight === undefined ? "no effort weight" : `effort weight w = ${exact(policy.effort_weight)}`].join(" · ")),
    el("table", {}, rows),
    el("div", { class: "sub" }, `${policy.non_dominated ? "non-dominated" : "dominated"}${typeof chance === "number" ? `; non-dominated in ${number(100 * chance, 0)} % of resamples` : ""}`),
    beaten.length ? el("div", { class: "sub" }, `dominated by ${beaten.slice(0, 3).join(", ")}${beaten.length > 3 ? ` and ${beaten.length - 3} more` : ""}`) : null,
    el("div", { class: "sub" }, `${number(policy.tasks || 0, 0)} tasks, ${number(policy.episodes || 0, 0)} episodes`),
  ].filter(Boolean);
}

function hypervolume() {
  const volumes = Object.entries(frontier.hypervolume || {});
  const differences = frontier.hypervolume_differences || [];
  if (!volumes.length) return el("div");
  const reference = Object.entries(frontier.reference_point || {}).map(([name, value]) => `${words(name)} ${exact(value)}`).join(", ");
  const whole = frontier.hypervolume_all && typeof frontier.hypervolume_all.mean === "number" ? [["all policies together", frontier.hypervolume_all]] : [];
  const rows = [...volumes, ...whole];
  const domain = [0, Math.max(...rows.map(([, value]) => highOf(value))) * 1.04 || 1];
  const reach = Math.max(...differences.map((row) => Math.max(Math.abs(lowOf(row.difference)), Math.abs(highOf(row.difference)))), 1e-9) * 1.06;
  const entry = (name, value, span, zero, verdict) => el("li", { "--c": seriesNames.includes(name) ? colour(seriesIndex(name)) : "var(--ink)" },
    el("div", { class: "what" }, el("span", {}, name), el("span", { class: "number" }, number(value.mean), " ", el("span", { class: "interval" }, interval(value)))),
    rangeBar(value, span, zero), verdict ? el("div", { class: "verdict" }, verdict) : null);
  const verdict = ({ a, b, difference }) => (difference.low > 0 ? `the interval excludes zero: ${a} covers more` : difference.high < 0 ? `the interval excludes zero: ${b} covers more` : "the interval holds zero: no clear difference");
  return el("div", {},
    el("h3", {}, "Hypervolume"),
    el("ul", { class: "forest" }, rows.map(([name, value]) => entry(name, value, domain, null, null))),
    differences.length ? el("details", { class: "shown", open: differences.length <= 6 },
      el("summary", {}, `Differences of any two: ${differences.length}`),
      el("ul", { class: "forest" }, differences.map((row) => entry(`${row.a} − ${row.b}`, row.difference, [-reach, reach], 0, verdict(row))))) : null,
    el("p", { class: "interval" }, `The volume that a series dominates${reference ? `, from the reference point ${reference}` : ""}; more is better.`));
}

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
  const colourOf = runColours(runs.map(([label]) => label));
  const panels = el("div", { class: "panels" });
  const legend = el("div", { class: "chips key" }, runs.map(([label]) => el("span", { class: "who" }, swatch(colourOf.get(label)), el("span", {}, label))));
  const paint = () => {
    panels.replaceChildren(...metrics.filter((name) => chosen.has(name)).map((name) => {
      const lines = runs.map(([label, columns]) => ({ label, short: label, colour: colour(colourOf.get(label)), points: curvePoints(columns, name, state.smooth) })).filter((line) => line.points.length);
      const host = el("div", { class: "plot" });
      const told = lines.map((line) => `${line.label} from ${number(line.points[0].y)} to ${number(line.points[line.points.length - 1].y)}`).join("; ");
      linePanel(host, { lines, stopName: "step", summary: `${words(name)} over training steps: ${told}. Arrow keys read the values.` });
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
    panels,
    el("figcaption", {}, el("b", {}, "Figure 2. "), "Training metrics by step. The strong line is a running mean over a twentieth of the run, the faint one the metric itself, whose values the cross-hair shows."));
  paint();
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
    const policy = policyOf.get(row.label) || { effort_weight: null };
    const points = Object.entries(row.summary.pass_at_u || {}).map(([k, value]) => ({ x: Number(k), y: value.mean, mean: value.mean, low: lowOf(value), high: highOf(value) }))
      .filter((p) => typeof p.y === "number").sort((a, b) => a.x - b.x);
    return { ...row, weight: policy.effort_weight, short: weightText(policy) || row.label, points, colour: colour(seriesIndex(row.series)) };
  }).filter((line) => line.points.length);
  if (!lines.length) { home.append(el("p", { class: "empty" }, "No policy of this report has Pass@U-k.")); return; }
  const ks = [...new Set(lines.flatMap((line) => line.points.map((p) => p.x)))].sort((a, b) => a - b);
  const top = Math.min(1, Math.max(...lines.flatMap((line) => line.points.map((p) => p.high)))) * 1.04;
  home.append(el("p", { class: "lede" }, "The share of tasks solved within the first k user-involving turns: the earlier a curve rises, the less it asks for what it solves."),
    el("div", { class: "panels", "--least": "255px" }, seriesNames.filter((series) => lines.some((line) => line.series === series)).map((series) => {
      const mine = lines.filter((line) => line.series === series).sort((a, b) => (a.weight ?? 0) - (b.weight ?? 0));
      mine.forEach((line, i) => { line.strength = mine.length > 1 ? 1 - (0.5 * i) / (mine.length - 1) : 1; });
      const host = el("div", { class: "plot" });
      const told = mine.map((line) => `${line.label} ${number(line.points[0].y)} at k ${line.points[0].x}, ${number(line.points[line.points.length - 1].y)} at k ${line.points[line.points.length - 1].x}`).join("; ");
      linePanel(host, {
        lines: mine, others: lines.filter((line) => line.series !== series), height: 250, endLabels: true, xTitle: "k", xSpan: [ks[0], ks[ks.length - 1]], ySpan: [0, top], stopName: "k =",
        xTicks: ks.filter((k) => ks.length < 12 || k % 2 === 1).map((at) => ({ at, text: String(at) })), summary: `Pass@U-k of ${series}: ${told}. Arrow keys read the values.`,
      });
      return el("figure", {}, el("div", { class: "panel-head" }, swatch(seriesIndex(series)), el("h3", {}, series)), host);
    })),
    el("figcaption", {}, el("b", {}, "Figure 3. "), "Pass@U-k by k, one panel a series, the other series in grey. Bands are 95 % intervals over tasks; stronger lines have smaller effort weights."));
}
