/* The table of all episodes: filters, order, and only those rows that are in sight. */

const ROW = 34, AROUND = 8;  // height of a row in pixels, as in the style; rows kept ready above and below the view
const EPISODE_COLUMNS = [
  { key: "task", title: "task", text: true }, { key: "policy", title: "policy", text: true }, { key: "stop", title: "outcome", text: true },
  ...["score", "effort", "turns"].map((key) => ({ key, title: symbolOf(key), about: catalogued(key).about })),
  { key: "level", title: "level", minor: true }, { key: "seed", title: "seed", minor: true }, { key: "tokens", title: titleOf("tokens"), about: catalogued("tokens").about, minor: true },
  { key: "unparsable", title: "unread.", about: "turns without a readable action", minor: true }, { key: "fault", title: "fault", text: true, minor: true },
];
const RANGES = ["score", "effort", "turns"].map((key) => [key, sentence(titleOf(key))]);

function episodesSection(archive) {
  const home = body("episodes");
  if (!archive.count) { home.replaceChildren(el("p", { class: "empty" }, "No episodes belong to this report.")); return null; }
  const further = Object.keys(archive.more).map((key) => ({ key, title: titleOf(key) }));
  const columns = [...EPISODE_COLUMNS, ...further].filter(({ key }) => key !== "fault" || archive.names.fault.length);
  const state = { key: null, down: true, text: "", hits: null, only: {}, from: {}, to: {}, current: -1 };
  const stem = commonStem(archive.names.task);
  let order = new Int32Array(0);
  const status = el("p", { class: "found", role: "status", id: "episode-count" });
  const scroller = el("div", { class: "scroll rows", role: "region", tabindex: 0, "aria-label": "Table of episodes" });
  const table = el("table", { class: "episodes" }, el("caption", { class: "hidden-text" }, "Episodes; the buttons in the header sort the rows, the links open transcripts"));
  const above = el("tbody", { "aria-hidden": "true" }), rows = el("tbody", { id: "episode-rows" }), below = el("tbody", { "aria-hidden": "true" });
  const head = el("thead");
  scroller.append(table);
  table.append(head, above, rows, below);

  const search = episodeFilters(archive, state, status, () => refresh());
  function refresh() {
    order = Int32Array.from(chosenEpisodes(archive, state));
    if (state.key !== null) sortEpisodes(archive, order, state);
    status.textContent = order.length === archive.count ? `${number(order.length, 0)} episodes` : `${number(order.length, 0)} of ${number(archive.count, 0)} episodes${order.length ? "" : ": none fits, clear a filter"}`;
    table.setAttribute("aria-rowcount", order.length + 1);
    scroller.scrollTop = 0;
    paintRows(true);
  }
  function paintHead() {
    head.replaceChildren(el("tr", { "aria-rowindex": 1 }, columns.map((column) => {
      const on = column.key === state.key;
      const button = el("button", { type: "button", "data-key": column.key, title: column.about, click: () => {
        state.down = on ? !state.down : !column.text;
        state.key = column.key;
        paintHead();
        refresh();
        head.querySelector(`[data-key="${CSS.escape(column.key)}"]`).focus();
      } }, column.title, on ? el("span", { class: "order", "aria-hidden": "true" }, state.down ? "\u00a0▼" : "\u00a0▲") : null);
      return el("th", { scope: "col", class: cellClass(column), "aria-sort": on ? (state.down ? "descending" : "ascending") : "none" }, button);
    })));
  }
  let painted = [-1, -1];
  function paintRows(anew = false) {
    const first = Math.max(0, Math.floor(scroller.scrollTop / ROW) - AROUND);
    const last = Math.min(order.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / ROW) + AROUND);
    if (!anew && first === painted[0] && last === painted[1]) return;
    painted = [first, last];
    const held = rows.contains(document.activeElement) ? document.activeElement.dataset.index : null;
    rows.replaceChildren(...Array.from(order.subarray(first, last), (index, i) => episodeRow(archive, columns, stem, index, first + i, index === state.current)));
    space(above, first);
    space(below, order.length - last);
    if (held !== null) { const again = rows.querySelector(`a[data-index="${held}"]`); if (again) again.focus({ preventScroll: true }); }
  }
  const space = (part, count) => part.replaceChildren(...(count ? [el("tr", {}, el("td", { colspan: columns.length, class: "gap", "--gap": `${count * ROW}px` }))] : []));

  scroller.addEventListener("scroll", () => requestAnimationFrame(() => paintRows()));
  new ResizeObserver(() => paintRows()).observe(scroller);
  rows.addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    reader.open(Number(row.dataset.index));
  });
  rows.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = by && event.target.closest("tr");
    const next = row && (by > 0 ? row.nextElementSibling : row.previousElementSibling);
    if (!next) return;
    event.preventDefault();
    next.querySelector("a").focus();
  });
  const reader = makeReader(archive, body("transcript"), {
    step: (index, by) => order[order.indexOf(index) + by] ?? -1,
    change: (index) => { state.current = index; paintRows(true); },
  });
  const held = archive.partial ? el("p", { class: "note", id: "held" }, `The page holds ${number(archive.held.length, 0)} of ${number(archive.count, 0)} transcripts: the gallery's, and all policies' episodes of tasks drawn by chance. Opening another row names the command that prints it; bao report --transcript-mb makes more room.`) : null;
  home.replaceChildren(...[held, search, status, scroller].filter(Boolean),
    el("p", { class: "note" }, "R is the return, U the number of turns that involved the user. Choose a row to read its transcript; the address then links to it."));
  paintHead();
  refresh();
  return reader;
}

const cellClass = ({ text, minor }) => [text ? "text" : "", minor ? "minor" : ""].join(" ").trim() || null;

/* What all names begin with, up to a mark that parts words: a phone leaves it out. */
function commonStem(names) {
  let stem = names[0];
  for (const name of names) while (!name.startsWith(stem)) stem = stem.slice(0, -1);
  return names.length > 1 ? stem.replace(/[^-_/ .:]*$/, "") : "";
}

function episodeRow(archive, columns, stem, index, place, current) {
  const cells = columns.map((column) => {
    const value = archive.value(column.key, index);
    if (column.key === "task") return el("th", { scope: "row", class: "text" }, el("a", { href: `#episode=${index}`, "data-index": index, class: archive.holds(index) ? null : "absent" }, stem ? el("span", { class: "stem" }, visible(stem)) : null, el("span", {}, visible(value.slice(stem.length)) || "(no name)")));
    if (column.key === "policy") return el("td", { class: "text", title: value }, el("span", { class: "dot", "--c": colourOf(value) }), visible(value));
    if (column.key === "stop") {
      const good = archive.columns.success[index] && archive.healthy(index);
      return el("td", { class: "text" }, el("span", { class: good ? "verdict-good" : "verdict-bad" }, good ? "✓" : "✗", el("span", { class: "hidden-text" }, outcomeOf(archive, index))), ` ${words(value)}`);
    }
    const shown = value === null ? "–" : column.text ? words(value) : column.key === "score" ? number(value, 2) : Number.isInteger(value) ? String(value) : number(value);
    return el("td", { class: cellClass(column) }, shown);
  });
  return el("tr", { "aria-rowindex": place + 2, "data-index": index, "aria-current": current ? "true" : null }, cells);
}

function chosenEpisodes(archive, state) {
  const { columns, names } = archive;
  const parts = state.hits ? [] : state.text.toLowerCase().split(/\s+/).filter(Boolean);
  const texts = ["task", "policy", "stop", "fault"].map((field) => [columns[field], names[field].map((name) => name.toLowerCase())]);
  const only = Object.entries(state.only).filter(([, wanted]) => wanted !== "");
  const from = Object.entries(state.from).filter(([, least]) => least !== null), to = Object.entries(state.to).filter(([, most]) => most !== null);
  const kept = [];
  for (let i = 0; i < archive.count; i++) {
    if (state.hits && !state.hits[i]) continue;
    if (!only.every(([field, wanted]) => MATCHES[field](archive, i, wanted))) continue;
    if (!from.every(([field, least]) => columns[field][i] >= least) || !to.every(([field, most]) => columns[field][i] <= most)) continue;
    if (parts.length && !parts.every((part) => texts.some(([column, own]) => column[i] !== null && own[column[i]].includes(part)))) continue;
    kept.push(i);
  }
  return kept;
}
const MATCHES = {
  policy: (archive, i, wanted) => archive.columns.policy[i] === Number(wanted),
  level: (archive, i, wanted) => archive.columns.level[i] === Number(wanted),
  stop: (archive, i, wanted) => archive.columns.stop[i] === Number(wanted),
  outcome: (archive, i, wanted) => outcomeOf(archive, i) === wanted,
  held: (archive, i, wanted) => archive.holds(i) === (wanted === "yes"),
  faults: (archive, i, wanted) => (wanted === "unread" ? archive.columns.unparsable[i] > 0 : wanted === "fault" ? !archive.healthy(i) : archive.healthy(i) && !archive.columns.unparsable[i]),
};

function sortEpisodes(archive, order, { key, down }) {
  const column = archive.columns[key] || archive.more[key], names = archive.names[key];
  const rank = names && new Map([...names.keys()].sort((a, b) => names[a].localeCompare(names[b], "en", { numeric: true })).map((name, place) => [name, place]));
  const at = (i) => (column[i] === null ? null : names ? rank.get(column[i]) : column[i]);
  order.sort((a, b) => {
    const u = at(a), v = at(b);
    if (u === null || v === null) return (u === null) - (v === null) || a - b;
    return (down ? v - u : u - v) || a - b;
  });
}

function episodeFilters(archive, state, status, refresh) {
  const { names, columns } = archive;
  const pick = (field, label, options) => chooser(`filter-${field}`, label, [["", "any"], ...options], "", (value) => { state.only[field] = value; refresh(); });
  const listed = (field) => names[field].map((name, place) => [String(place), visible(field === "policy" ? name : words(name))]);
  const levels = [...new Set(columns.level)].sort((a, b) => a - b);
  const bound = (side, field, label) => {
    const input = el("input", { type: "number", step: "any", class: "bound", "aria-label": `${label}, ${side === "from" ? "at least" : "at most"}`, placeholder: side === "from" ? "min" : "max",
      input: () => { state[side][field] = input.value === "" || Number.isNaN(input.valueAsNumber) ? null : input.valueAsNumber; refresh(); } });
    return input;
  };
  const ranges = RANGES.map(([field, label]) => el("fieldset", { class: "field" }, el("legend", {}, label), el("span", { class: "bounds" }, bound("from", field, label), "–", bound("to", field, label))));
  const deep = el("input", { type: "checkbox", id: "search-deep", change: () => look() });
  const text = el("input", { type: "search", id: "search-text", placeholder: "task, policy, stop, fault", input: () => { clearTimeout(wait); wait = setTimeout(look, deep.checked ? 350 : 60); } });
  let wait = 0, asked = 0;
  const look = async () => {
    const turn = ++asked;
    state.text = text.value;
    state.hits = null;
    if (deep.checked && text.value.trim()) {
      const hits = await archive.search(text.value.trim(), (share) => {
        if (turn === asked) status.textContent = `Searching transcripts: ${number(100 * share, 0)} %`;
        return turn === asked;
      });
      if (!hits) return;
      state.hits = hits;
    }
    refresh();
  };
  const form = el("form", { class: "controls filters", role: "search", "aria-label": "Filter the episodes", submit: (event) => { event.preventDefault(); look(); }, reset: () => {
    Object.assign(state, { text: "", hits: null, only: {}, from: {}, to: {} });
    asked++;
    refresh();
  } },
    el("div", { class: "field wide" }, el("label", { for: "search-text" }, "Search"), text),
    el("label", { class: "check" }, deep, archive.partial ? "in the transcripts held too" : "in the transcripts too"),
    pick("policy", "Policy", listed("policy")), levels.length > 1 ? pick("level", "Level", levels.map((level) => [String(level), String(level)])) : null,
    pick("outcome", "Outcome", [["solved", "solved"], ["not solved", "not solved"], ["fault", "fault"]]), pick("stop", "Stop reason", listed("stop")),
    pick("faults", "Faults", [["unread", "with unreadable turns"], ["fault", "excluded for a fault"], ["none", "neither"]]),
    archive.partial ? pick("held", "Transcript", [["yes", "in the page"], ["no", "left out"]]) : null,
    ranges, el("button", { type: "reset", class: "plain" }, "Clear"));
  return form;
}
