/* What policies that are told prices are worth at each, and what one of them lacks of the best script and of others. */

function regretSection() {
  const home = body("regret"), kinds = (report.worth || []).filter((kind) => kind.told);
  if (!kinds.length) { home.append(el("p", { class: "empty" }, "No policy of this report was told prices.")); return; }
  home.append(
    el("p", { class: "lede" }, "R \u2212 wU at each price w of a user turn. The best script is the best fixed scripted policy, or silence, at that price; a regret below zero means that the policy is worth more."),
    ...kinds.flatMap((kind) => regretTable(kind, kinds.length > 1)).filter((node) => node));
}

function regretTable(kind, several) {
  const found = kind.told;
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
  const changes = kind.breakpoints.map((point) => number(point, 3)).join(", ");
  return [
    several ? el("h3", {}, `User: ${visible(kind.user || "not recorded")}`) : null,
    el("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": "Table of worth and regret by price" }, el("table", { class: "measures regrets" },
      el("caption", { class: "hidden-text" }, "Worth and regret by price"),
      el("thead", {}, el("tr", {}, ["price w", ...columns.map(([name]) => name)].map((title) => el("th", { scope: "col", class: "plain-head" }, title)))),
      el("tbody", {}, [...found.prices.map((price, i) => row(exact(price), (values) => values.at[i], found.rules[i])), row("mean", (values) => values.mean, null)]))),
    el("figcaption", {}, el("b", { class: "count-table" }), `Means over ${number(kind.tasks, 0)} tasks with 95 % intervals; regrets are paired by task. `,
      changes ? `Scripted behaviours change hands at the prices ${changes}.` : "No scripted behaviour earns more with the user than without.")];
}
