/* What each policy is worth at each price, and what the trained one lacks of the best script and of others. */

function regretSection() {
  const home = body("regret"), found = report.regret;
  if (!found || !(found.prices || []).length) { home.append(el("p", { class: "empty" }, "No regret was measured for this report.")); return; }
  const judged = Object.keys(found.regret);
  const policy = judged.includes("bao") ? "bao" : judged[0];
  const lacks = Object.entries(found.regret[policy]).map(([other, values]) => [`regret of ${policy} to ${other === "envelope" ? "the best script" : other}`, values, true]);
  const worth = Object.entries(found.worth).map(([name, values]) => [name === "envelope" ? "best script" : name, values, false]);
  const columns = [...worth, ...lacks];
  const reach = Math.max(1e-9, ...lacks.flatMap(([, values]) => [...values.at, values.mean].flatMap(({ low, high }) => [Math.abs(low), Math.abs(high)])));
  const cell = (value, regret, name) => el("td", { class: regret ? (value.low > 0 ? "verdict-bad" : value.high < 0 ? "verdict-good" : null) : null }, regret ? signed(value.mean) : number(value.mean, 3),
    el("span", { class: "interval" }, regret ? `[${signed(value.low)}, ${signed(value.high)}]` : interval(value, 3)), name ? el("span", { class: "interval" }, name) : null,
    regret ? rangeBar(value, [-reach, reach], 0) : null);
  const row = (title, pick, best) => el("tr", {}, el("th", { scope: "row" }, title), columns.map(([name, values, regret]) => cell(pick(values), regret, name === "best script" ? best : null)));
  const changes = (found.breakpoints || []).map((point) => number(point, 3)).join(", ");
  home.append(
    el("p", { class: "lede" }, "R \u2212 wU at each price w of a user turn. The best script is the best fixed scripted policy, or silence, at that price; a regret below zero means that the policy is worth more."),
    el("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": "Table of worth and regret by price" }, el("table", { class: "measures", id: "regret-table" },
      el("caption", { class: "hidden-text" }, "Worth and regret by price"),
      el("thead", {}, el("tr", {}, ["price w", ...columns.map(([name]) => name)].map((title) => el("th", { scope: "col", class: "plain-head" }, title)))),
      el("tbody", {}, [...found.prices.map((price, i) => row(exact(price), (values) => values.at[i], found.best[i])), row("mean", (values) => values.mean, null)]))),
    el("figcaption", {}, el("b", { class: "count-table" }), `Means over ${number(found.tasks, 0)} tasks with 95 % intervals; regrets are paired by task. `,
      changes ? `Scripted behaviours change hands at the prices ${changes}.` : "No scripted behaviour earns more with the user than without."));
}
