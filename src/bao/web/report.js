/* What the report is about: policies, series, measures, and which way is better. */

const report = JSON.parse(document.getElementById("report-data").textContent);
const frontier = report.frontier;
for (const name of ["summaries", "notes", "differences"]) report[name] = report[name] || [];
for (const name of ["curves", "folders", "effort_by_turn", "distributions", "gallery"]) report[name] = report[name] || {};
const body = (id) => document.querySelector(`#${id} .body`);
const summaryOf = new Map(report.summaries.map((row) => [row.label, row.summary]));
const policies = (frontier.points || []).map((point) => ({ ...point, summary: summaryOf.get(point.label) || {} }));
const bounds = (frontier.bounds || []).map((bound) => ({ ...bound, bound: true, summary: summaryOf.get(bound.label) || {} }));
const policyOf = new Map(policies.map((policy) => [policy.label, policy]));
const seriesNames = [...new Set([...policies.map((policy) => policy.series), ...bounds.map((bound) => bound.series), ...report.summaries.map((row) => row.series)])];
const seriesIndex = (series) => Math.max(0, seriesNames.indexOf(series));
const seriesOf = new Map([...report.summaries, ...policies].map((row) => [row.label, row.series]));
const colourOf = (label) => (seriesOf.has(label) ? colour(seriesIndex(seriesOf.get(label))) : "var(--ink)");

/* What the catalogue of measures says of one; a column of episodes is named after its measure. */
const catalogued = (name) => report.measures[name === "effort" ? "user_effort" : name] || {};
const titleOf = (name) => catalogued(name).label ?? words(name);
const symbolOf = (name) => catalogued(name).symbol || titleOf(name);
const withUnit = (name) => [titleOf(name), catalogued(name).unit].filter(Boolean).join(", ");
const OUTCOME = ["score", "best_score", "success"], COST = ["user_effort", "user_involvement_rate", "questions", "verbosity", "turns", "tokens", "unparsable"];
const HEADLINES = [...OUTCOME, ...COST, "satisfaction", "money"];
const objectives = new Map((frontier.objectives || []).map((objective) => [objective.name, String(objective.direction).startsWith("max")]));
const higherIsBetter = (name) => objectives.get(name) ?? catalogued(name).direction === "max";
function measured(policy, name) {
  const value = (policy.values || {})[name] || policy.summary[name] || (policy.summary.own || {})[name];
  return value && typeof value === "object" && typeof value.mean === "number" ? value : null;
}
const weightText = (policy) =>
  [["w", policy.effort_weight], ["b", policy.budget]].filter(([, told]) => told !== null && told !== undefined).map(([name, told]) => `${name} ${exact(told)}`).join(" ") || null;

const policyName = (label) => el("span", { class: "who" }, seriesOf.has(label) ? swatch(seriesIndex(seriesOf.get(label))) : null, el("span", {}, visible(label)));

const taskCount = Math.max(0, ...policies.map((policy) => policy.tasks || 0));

function facts() {
  const total = (name) => policies.reduce((sum, policy) => sum + (policy[name] || 0), 0);
  const faults = report.summaries.reduce((sum, row) => sum + faultCount(row.summary), 0);
  const rows = [
    ["gym", frontier.gym || (report.summaries[0] || { summary: {} }).summary.gym || "–"], ["policies", policies.length], ["non-dominated", policies.filter((policy) => policy.non_dominated).length],
    ["tasks", frontier.clusters ? `${number(frontier.tasks, 0)} in ${number(frontier.clusters, 0)} cluster${frontier.clusters === 1 ? "" : "s"}` : number(taskCount, 0)], ["episodes", number(report.episodes || total("episodes"), 0)], ["faults, excluded", number(faults, 0)],
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

