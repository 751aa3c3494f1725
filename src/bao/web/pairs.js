/* Head to head: every other policy against a chosen one, task by task. */

const PAIR_COLUMNS = ["score", "success", "effort"];

function pairsSection() {
  const home = body("pairs");
  const labels = [...new Set(report.differences.flatMap(({ a, b }) => [a, b]))];
  if (!labels.length) { home.append(el("p", { class: "empty" }, "No two policies of this report played the same tasks.")); return; }
  const chance = (label) => (policyOf.get(label) || {}).non_dominated_probability ?? -1;
  // A bound has no such chance, and what knows the task is nothing to be measured by.
  const first = labels.includes(report.reference) ? report.reference : labels.reduce((best, label) => (chance(label) > chance(best) ? label : best));
  const table = el("table", { class: "measures", id: "pairs-table" });
  const paint = (reference) => table.replaceChildren(...pairRows(reference));
  home.append(
    el("p", { class: "lede" }, "How much each policy differs from a chosen one on the tasks that both played. An interval that excludes zero is a difference that the tasks can tell."),
    el("div", { class: "controls" }, chooser("pair-reference", "Compared with", labels.map((label) => [label, visible(label)]), first, paint)),
    el("div", { class: "scroll tall", role: "region", tabindex: 0, "aria-label": "Table of differences" }, table),
    el("figcaption", {}, el("b", { class: "count-table" }), "Mean differences, paired by task, with 95 % intervals, each for itself: of twenty policies that are all alike, one will differ by chance. ", el("code", {}, "bao compare"), " adjusts for that, and pairs by seed."));
  paint(first);
}

/* The differences of the others from `reference`, as {label, tasks, score, success, effort}. */
function differencesFrom(reference) {
  const value = ([mean, low, high], sign) => (sign > 0 ? { mean, low, high } : { mean: -mean, low: -high, high: -low });
  return report.differences.filter(({ a, b }) => a === reference || b === reference).map((pair) => {
    const sign = pair.a === reference ? 1 : -1;
    return { label: sign > 0 ? pair.b : pair.a, tasks: pair.tasks, ...Object.fromEntries(PAIR_COLUMNS.map((name) => [name, value(pair[name], sign)])) };
  });
}

/* What the intervals of score and effort say of a policy against the chosen one. */
function pairVerdict({ score, effort }) {
  const told = ({ low, high }, up) => (low > 0 ? 1 : high < 0 ? -1 : 0) * (up ? 1 : -1);
  const better = told(score, higherIsBetter("score")), cheaper = told(effort, higherIsBetter("user_effort"));
  if (!better && !cheaper) return ["not told apart", ""];
  const parts = [[better, "scores more", "scores less"], [cheaper, "asks less", "asks more"]].filter(([sign]) => sign).map(([sign, good, bad]) => (sign > 0 ? good : bad));
  if (better * cheaper < 0) return [`trade-off: ${parts.join(", ")}`, ""];
  return better + cheaper > 0 ? [`better: ${parts.join(", ")}`, "verdict-good"] : [`worse: ${parts.join(", ")}`, "verdict-bad"];
}

function pairRows(reference) {
  const rows = differencesFrom(reference);
  const head = el("thead", {}, el("tr", {}, ["policy", "verdict", ...PAIR_COLUMNS.map(withUnit), "tasks"].map((title, i) => el("th", { scope: "col", class: i === 1 ? "plain-head text" : "plain-head" }, title))));
  const reach = Object.fromEntries(PAIR_COLUMNS.map((name) => [name, Math.max(1e-9, ...rows.flatMap((row) => [Math.abs(row[name].low), Math.abs(row[name].high)]))]));
  const cell = (row, name) => el("td", {}, signed(row[name].mean), el("span", { class: "interval" }, `[${signed(row[name].low)}, ${signed(row[name].high)}]`), rangeBar(row[name], [-reach[name], reach[name]], 0));
  return [el("caption", { class: "hidden-text" }, `Differences from ${reference}`), head, el("tbody", {}, rows.map((row) => {
    const [verdict, kind] = pairVerdict(row);
    return el("tr", { "--c": colourOf(row.label) }, el("th", { scope: "row" }, policyName(row.label)), el("td", { class: `text verdict-cell ${kind}` }, verdict), PAIR_COLUMNS.map((column) => cell(row, column)), el("td", {}, number(row.tasks, 0)));
  }))];
}
function signed(value) {
  const text = number(value, decimalsFor(Math.max(Math.abs(value), 0.1)));
  return /[1-9]/.test(text) ? `${value > 0 ? "+" : ""}${text}` : text.replace("−", "");
}
