/* The table of measures, one row a policy. */

function measureColumns() {
  const has = (name) => report.summaries.some((row) => measuredIn(row.summary, name));
  const plain = (key, title, value) => ({ key, title, group: "always", text: value, sort: value });
  const measure = (group, name, title, read) => ({ key: name, title, group, read, about: catalogued(name.replace(/^own\./, "")).about });
  const policy = (row) => policyOf.get(row.label) || {};
  const columns = [
    { key: "label", title: "policy", group: "always", sort: (row) => row.label },
    { key: "series", title: "series", group: "always", text: (row) => row.series, sort: (row) => row.series, left: true },
    { key: "weight", title: "w", group: "always", text: (row) => exact(policy(row).effort_weight), sort: (row) => policy(row).effort_weight },
  ].filter(({ key }) => (key === "series" ? report.summaries.some((row) => row.series !== row.label) : key !== "weight" || report.summaries.some((row) => typeof policy(row).effort_weight === "number")));
  const errors = (row) => row.summary.policy_errors || 0;
  const leftOut = [{ ...plain("faults", "faults", (row) => faultCount(row.summary)), group: "Outcome", about: "episodes that are left out" }];
  if (report.summaries.some(errors)) leftOut.push({ ...plain("policy_errors", "errors", errors), group: "Outcome", about: "episodes that the agent's own code broke; they count as failures" });
  for (const [group, names] of [["Outcome", OUTCOME], ["Cost", COST]]) {
    for (const name of names.filter(has)) {
      columns.push(measure(group, name, titleOf(name), (row) => measuredIn(row.summary, name)));
      if (name === "score") columns.push(...leftOut);
    }
  }
  const nested = (group, field, title) => {
    const keys = [...new Set(report.summaries.flatMap((row) => Object.keys(row.summary[field] || {})))];
    keys.sort((a, b) => Number(a) - Number(b) || a.localeCompare(b));
    for (const key of keys) columns.push(measure(group, `${field}.${key}`, title(key), (row) => measuredIn(row.summary[field] || {}, key)));
  };
  nested("Pass@U-k", "pass_at_u", (k) => titleOf(`pass_at_u_${k}`));
  nested("Of this gym", "own", titleOf);
  nested("Stop reasons", "stop", words);
  nested("Behaviours", "behaviors", (name) => titleOf(`behavior_${name}`));
  const named = new Set(["gym", "policy", "effort_weight", "budget", "tasks", "episodes", "faults", "policy_errors", "pass_at_u", "own", "own_measures", "stop", "behaviors", ...columns.map((column) => column.key)]);
  const further = [...new Set(report.summaries.flatMap((row) => Object.keys(row.summary)))].filter((name) => !named.has(name));
  for (const name of further) {
    if (has(name)) columns.push(measure("Further", name, titleOf(name), (row) => measuredIn(row.summary, name)));
    else if (report.summaries.some((row) => Object.values(row.summary[name] || {}).some((value) => value && typeof value.mean === "number"))) nested(sentence(words(name)), name, words);
  }
  for (const name of ["tasks", "episodes"]) columns.push({ ...plain(name, name, (row) => row.summary[name] ?? null), group: "Counts" });
  return columns;
}
/* A measure as {mean, low, high}; a bare number (a share) has no interval. */
function measuredIn(summary, name) {
  const value = summary[name];
  if (typeof value === "number") return { mean: value, low: null, high: null };
  return value && typeof value.mean === "number" ? value : null;
}

function measuresSection() {
  const home = body("measures");
  if (!report.summaries.length) { home.append(el("p", { class: "empty" }, "No evaluation belongs to this report.")); return; }
  const columns = measureColumns();
  const groups = [...new Set(columns.map((column) => column.group))].filter((group) => group !== "always");
  const told = (column) => !column.read || report.summaries.some((row) => (column.read(row) || {}).mean);
  const shown = new Set(["always", "Outcome", "Cost", "Of this gym", "Behaviours", "Further"].filter((group) => columns.some((column) => column.group === group && told(column))));
  const state = { key: null, down: true };
  const table = el("table", { class: "measures" }, el("caption", { class: "hidden-text" }, "All measures by policy; the buttons in the header sort the rows"));
  const valueOf = (column, row) => (column.read ? (column.read(row) || {}).mean : column.sort(row)) ?? null;
  const paint = () => {
    const visible = columns.filter((column) => shown.has(column.group));
    const rows = [...report.summaries];
    const by = columns.find((column) => column.key === state.key);
    if (by) rows.sort((a, b) => {
      const [u, v] = [valueOf(by, a), valueOf(by, b)];
      if (u === null || v === null) return (u === null) - (v === null);
      return (typeof u === "string" ? u.localeCompare(v) : u - v) * (state.down ? -1 : 1);
    });
    const head = el("thead", {}, el("tr", {}, visible.map((column) => {
      const on = column.key === state.key;
      const button = el("button", { type: "button", "data-key": column.key, title: column.about, click: () => {
        state.down = on ? !state.down : !["label", "series"].includes(column.key);
        state.key = column.key;
        paint();
        table.querySelector(`[data-key="${CSS.escape(column.key)}"]`).focus();
      } }, column.title, on ? el("span", { class: "order", "aria-hidden": "true" }, state.down ? "\u00a0▼" : "\u00a0▲") : null);
      return el("th", { scope: "col", class: column.left ? "text" : null, "aria-sort": on ? (state.down ? "descending" : "ascending") : "none" }, button);
    })));
    const cells = visible.map((column) => measureCells(column));
    table.replaceChildren(table.caption, head, el("tbody", {}, rows.map((row) => el("tr", { "--c": colour(seriesIndex(row.series)) }, cells.map((cell) => cell(row))))));
  };
  home.append(
    el("div", { class: "controls" }, el("div", { class: "chips", role: "group", "aria-label": "Columns shown" }, groups.map((group) =>
      chip(group, shown.has(group), (on) => { shown[on ? "add" : "delete"](group); paint(); })))),
    el("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": "Table of measures" }, table),
    el("figcaption", {}, el("b", { class: "count-table" }), "Means with 95 % intervals over tasks. The bar under a number places it and its interval within its column."));
  paint();
}
function measureCells(column) {
  if (column.key === "label") return (row) => el("th", { scope: "row" }, policyName(row.label));
  if (!column.read) return (row) => el("td", { class: column.left ? "text" : null }, typeof column.text(row) === "number" ? number(column.text(row), 0) : column.text(row) ?? "–");
  const values = report.summaries.map(column.read).filter(Boolean);
  const ends = values.flatMap((value) => [lowOf(value), highOf(value)]);
  const domain = [Math.min(0, ...ends), Math.max(...ends) || 1];
  const decimals = decimalsFor(Math.max(...ends.map(Math.abs)));
  return (row) => {
    const value = column.read(row);
    return value ? el("td", {}, number(value.mean, decimals), el("span", { class: "interval" }, interval(value, decimals)), rangeBar(value, domain)) : el("td", {}, "–");
  };
}

