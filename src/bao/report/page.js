/* The parts to read: the table of measures, the transcripts, the settings; then the page is put together. */

function measureColumns() {
  const has = (name) => report.summaries.some((row) => measuredIn(row.summary, name));
  const plain = (key, title, value) => ({ key, title, group: "always", text: value, sort: value });
  const measure = (group, name, title, read) => ({ key: name, title, group, read, about: ABOUT[name] });
  const policy = (row) => policyOf.get(row.label) || {};
  const columns = [
    { key: "label", title: "policy", group: "always", sort: (row) => row.label },
    { key: "series", title: "series", group: "always", text: (row) => row.series, sort: (row) => row.series, left: true },
    { key: "weight", title: "w", group: "always", text: (row) => exact(policy(row).effort_weight), sort: (row) => policy(row).effort_weight },
  ];
  for (const [group, names] of [["Outcome", ["score", "best_score", "success", "satisfaction"]], ["Cost", ["user_effort", "user_involvement_rate", "turns", "tokens", "unparsable"]]]) {
    for (const name of names.filter(has)) columns.push(measure(group, name, words(name), (row) => measuredIn(row.summary, name)));
  }
  const nested = (group, field, title) => {
    const keys = [...new Set(report.summaries.flatMap((row) => Object.keys(row.summary[field] || {})))];
    keys.sort((a, b) => Number(a) - Number(b) || a.localeCompare(b));
    for (const key of keys) columns.push(measure(group, `${field}.${key}`, title(key), (row) => measuredIn(row.summary[field] || {}, key)));
  };
  nested("Pass@U-k", "pass_at_u", (k) => `Pass@U-${k}`);
  nested("Stop reasons", "stop", words);
  nested("Behaviours", "behaviors", words);
  for (const name of ["tasks", "episodes"]) columns.push({ ...plain(name, name, (row) => row.summary[name] ?? null), group: "Counts" });
  columns.push({ ...plain("faults", "faults", (row) => faultCount(row.summary)), group: "Counts" });
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
  const shown = new Set(["always", "Outcome", "Cost", "Behaviours"]);
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
    el("div", { class: "scroll", role: "region", tabindex: 0, "aria-labelledby": "measures-title" }, table),
    el("figcaption", {}, el("b", {}, "Table 1. "), "Means with 95 % intervals over tasks. The bar under a number places it and its interval within its column."));
  paint();
}
function measureCells(column) {
  if (column.key === "label") return (row) => el("th", { scope: "row" }, el("span", { class: "who" }, swatch(seriesIndex(row.series)), el("span", {}, row.label)));
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

/* Transcripts are packed (gzip, base64) so that a long report still opens at once; they are unpacked when first needed. */
async function unpackEpisodes() {
  const packed = Uint8Array.from(atob(document.getElementById("report-episodes").textContent.trim()), (letter) => letter.charCodeAt(0));
  const text = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  const { strings, fields, turn_fields: turnFields, episodes } = JSON.parse(text);
  const named = (names, row) => Object.fromEntries(names.map((name, i) => [name, row[i]]));
  const read = (row) => {
    const episode = named(fields, row);
    const turns = episode.turns.map((turn) => {
      const cells = named(turnFields, turn);
      return { ...cells, thinking: strings[cells.thinking], content: strings[cells.content], reply: strings[cells.reply] };
    });
    return { ...episode, opening: strings[episode.opening], system: strings[episode.system], turns };
  };
  return new Map(episodes.map(([label, rows]) => [label, rows.map(read)]));
}

const OUTCOMES = [["any", "any outcome"], ["a1", "left solved"], ["a0", "left not solved"], ["b1", "right solved"], ["b0", "right not solved"], ["differ", "outcomes differ"]];
function transcriptsSection(episodes) {
  const home = body("transcripts");
  const labels = [...episodes.keys()].filter((label) => episodes.get(label).length);
  if (!labels.length) { home.replaceChildren(el("p", { class: "empty" }, "No transcripts belong to this report.")); return; }
  const state = { a: labels[0], b: labels[Math.min(1, labels.length - 1)], outcome: "any", task: null, fold: false, at: { a: 0, b: 0 } };
  const of = (side, task) => episodes.get(state[side]).filter((episode) => episode.task_id === task);
  const fits = (task) => {
    const solved = { a: of("a", task).map((e) => e.success), b: of("b", task).map((e) => e.success) };
    if (state.outcome === "any") return true;
    if (state.outcome === "differ") return (solved.a.includes(true) && solved.b.includes(false)) || (solved.a.includes(false) && solved.b.includes(true));
    return solved[state.outcome[0]].includes(state.outcome[1] === "1");
  };
  const tasks = () => [...new Set([...episodes.get(state.a), ...episodes.get(state.b)].map((episode) => episode.task_id))].sort((a, b) => a.localeCompare(b, "en", { numeric: true })).filter(fits);
  const columns = el("div", { class: "columns", role: "region", "aria-label": "Two transcripts side by side", tabindex: 0 });
  const picker = el("div", { class: "field" });
  const previous = el("button", { type: "button", class: "plain", "aria-label": "Previous task", click: () => step(-1) }, "←");
  const next = el("button", { type: "button", class: "plain", "aria-label": "Next task", click: () => step(1) }, "→");
  const step = (by) => { const list = tasks(); pick(list[list.indexOf(state.task) + by]); };
  const pick = (task) => { state.task = task; state.at = { a: preferred("a"), b: preferred("b") }; paint(); };
  /* With an outcome filter on, the first episode that satisfies it is the one to open. */
  const preferred = (side) => Math.max(0, of(side, state.task).findIndex((episode) => state.outcome[0] !== side || state.outcome === "any" || episode.success === (state.outcome[1] === "1")));
  const refresh = () => { const list = tasks(); pick(list.includes(state.task) ? state.task : list[0]); };
  const paint = () => {
    const list = tasks();
    const chooserNode = chooser("task", `Task (${list.length} match${list.length === 1 ? "es" : ""})`, list.map((task) => [task, task]), state.task, pick);
    const kept = document.activeElement && document.activeElement.id === "task";
    picker.replaceChildren(...chooserNode.childNodes);
    if (kept) document.getElementById("task").focus();
    previous.disabled = list.indexOf(state.task) <= 0;
    next.disabled = list.indexOf(state.task) >= list.length - 1;
    columns.replaceChildren(...(list.length ? ["a", "b"].map((side) => episodeColumn(state, side, of(side, state.task), paint)) : [el("p", { class: "empty" }, "No task has this outcome.")]));
  };
  const options = labels.map((label) => [label, label]);
  const fold = el("input", { type: "checkbox", id: "fold", change: () => { state.fold = fold.checked; paint(); } });
  home.replaceChildren(
    el("p", { class: "lede" }, "One task, two policies. Turns that involve the user carry the mark ", el("span", { class: "badge user" }, "● user"), ", a solid bar and a tinted ground; the agent's thinking is set in grey italics."),
    el("div", { class: "controls" },
      chooser("policy-a", "Left policy", options, state.a, (label) => { state.a = label; refresh(); }), chooser("policy-b", "Right policy", options, state.b, (label) => { state.b = label; refresh(); }),
      chooser("outcome", "Tasks with", OUTCOMES, state.outcome, (value) => { state.outcome = value; refresh(); }), picker,
      el("div", {}, previous, " ", next), el("label", { class: "check" }, fold, "Fold thinking")),
    columns);
  refresh();
}

function episodeColumn(state, side, list, paint) {
  const label = state[side];
  const series = seriesOf.get(label);
  const home = el("article", { "--c": series === undefined ? "var(--ink)" : colour(seriesIndex(series)), "aria-label": `${side === "a" ? "Left" : "Right"}: ${label}` });
  const head = el("div", { class: "episode-head" }, el("div", { class: "who" }, series === undefined ? null : swatch(seriesIndex(series)), el("h3", {}, label)));
  home.append(head);
  const episode = list[Math.min(state.at[side], list.length - 1)];
  if (!episode) { home.append(el("p", { class: "empty" }, "This policy has no transcript of this task here.")); return home; }
  if (list.length > 1) {
    head.append(chooser(`episode-${side}`, "Episode", list.map((one, i) => [String(i), `seed ${one.seed}${one.effort_weight === null ? "" : `, w ${exact(one.effort_weight)}`}: ${one.success ? "solved" : "not solved"}`]), String(state.at[side]),
      (index) => { state.at[side] = Number(index); paint(); document.getElementById(`episode-${side}`).focus(); }));
  }
  const effort = episode.turns.filter((turn) => turn.involves_user).length;
  const fact = (name, value) => el("span", {}, `${name} `, el("b", {}, value));
  head.append(
    el("p", { class: "outcome" },
      el("span", { class: episode.success ? "verdict-good" : "verdict-bad" }, episode.success ? "✓ solved" : "✗ not solved"),
      fact("stop", words(episode.stop)), fact("R", number(episode.turns.reduce((sum, turn) => sum + (turn.reward || 0), 0), 2)), fact("U", String(effort)),
      fact("turns", `${episode.turns.length} of ${episode.horizon}`), fact("tokens", number(episode.turns.reduce((sum, turn) => sum + turn.tokens, 0), 0)),
      ...(episode.satisfaction === null ? [] : [fact("satisfaction", number(episode.satisfaction, 2))]),
      episode.fault ? el("span", { class: "badge fault" }, `fault: ${words(episode.fault)} ${episode.fault_detail}`) : null),
    el("div", { class: "strip", role: "img", "aria-label": `${effort} of ${episode.turns.length} turns involve the user` }, episode.turns.map((turn) => el("i", { class: turn.involves_user ? "user" : null }))));
  if (episode.system) home.append(el("details", { class: "texts" }, el("summary", {}, "Instructions to the agent"), el("p", { class: "words" }, episode.system)));
  home.append(el("div", { class: "texts" }, el("span", { class: "from" }, "opening"), el("p", { class: "words" }, episode.opening)));
  home.append(el("ol", { class: "turns" }, episode.turns.map((turn, i) => turnItem(turn, i, state.fold))));
  return home;
}

function turnItem(turn, index, fold) {
  const sign = turn.reward > 0 ? "plus" : turn.reward < 0 ? "minus" : "zero";
  const thinking = turn.thinking && (fold
    ? el("details", { class: "thinking" }, el("summary", {}, "thinking"), el("p", { class: "words" }, turn.thinking))
    : el("div", { class: "thinking" }, el("span", { class: "from" }, "thinking"), el("p", { class: "words" }, turn.thinking)));
  return el("li", { class: turn.involves_user ? "turn user" : "turn" },
    el("div", { class: "turn-head" },
      el("h4", {}, `Turn ${index + 1}`), el("span", { class: "badge" }, turn.kind),
      turn.involves_user ? el("span", { class: "badge user" }, "● user", el("span", { class: "hidden-text" }, ", involves the user")) : null,
      turn.parse_fault ? el("span", { class: "badge fault" }, `unreadable: ${words(turn.parse_fault)}`) : null,
      el("span", {}, `${turn.tokens} tokens`),
      el("span", { class: `reward ${sign}` }, `reward ${turn.reward > 0 ? "+" : ""}${number(turn.reward, 2)}`)),
    thinking || null,
    turn.content && !turn.parse_fault ? el("p", { class: "words said" }, turn.content) : null,
    turn.reply ? el("div", { class: "reply" }, el("span", { class: "from" }, turn.involves_user ? "user" : "gym"), el("p", { class: "words" }, turn.reply)) : null);
}

function chrome() {
  const notes = document.getElementById("notes");
  notes.hidden = !report.notes.length;
  notes.querySelector("ul").append(...report.notes.map((note) => el("li", {}, note)));
  body("settings").append(report.settings
    ? el("details", {}, el("summary", {}, "The resolved settings of this run"), el("pre", { class: "settings", tabindex: 0, "aria-label": "Settings" }, report.settings))
    : el("p", { class: "empty" }, "No settings belong to this report."));
  const theme = document.getElementById("theme");
  const themes = ["auto", "light", "dark"];
  theme.addEventListener("click", () => {
    const now = themes[(themes.indexOf(document.documentElement.dataset.theme || "auto") + 1) % themes.length];
    document.documentElement.dataset.theme = now;
    theme.lastElementChild.textContent = now;
    theme.setAttribute("aria-label", `Colour scheme: ${now === "auto" ? "as the system" : now}`);
  });
  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) links.forEach((link, id) => (id === entry.target.id ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
  }, { rootMargin: "-15% 0px -75% 0px" });
  document.querySelectorAll("main section").forEach((section) => watch.observe(section));
}

facts();
frontierSection();
learningSection();
passSection();
measuresSection();
chrome();
unpackEpisodes().then(transcriptsSection, (error) => {
  body("transcripts").replaceChildren(el("p", { class: "empty" }, `This browser cannot unpack the transcripts (${error.name}); a current one can.`));
});
