/* Reading: one episode, or two of one task side by side. Thinking is folded, turns that involve the user are marked. */

const FOLD = 4000, FOLD_REPLY = 1200;  // characters that are shown at once: of a text, and of what a tool gave

/* `on.step(index, by)` gives the neighbour in the table's order, or -1; `on.change()` is told when an episode is opened or closed. */
function makeReader(archive, home, on) {
  const state = { index: -1, beside: -1, unfolded: false };
  const link = () => (state.index < 0 ? "#episodes" : `#episode=${archive.key(state.index)}${state.beside < 0 ? "" : `&beside=${archive.key(state.beside)}`}`);
  const nothing = () => home.replaceChildren(el("p", { class: "empty" }, archive.count ? "Choose an episode in the table or the gallery to read it here." : "No transcripts belong to this report."));
  const paint = async () => {
    const asked = `${state.index} ${state.beside}`;
    const shown = [state.index, state.beside].filter((index) => index >= 0);
    const stories = await Promise.all(shown.map((index) => (archive.holds(index) ? archive.story(index) : null)));
    if (asked !== `${state.index} ${state.beside}`) return;  // another one was chosen meanwhile
    const others = archive.ofTask(state.index).filter((index) => index !== state.index);
    const name = (index) => `${archive.value("policy", index)}, seed ${archive.value("seed", index)}: ${outcomeOf(archive, index)}, ${symbolOf("effort")} ${archive.value("effort", index)}`;
    const options = [["-1", "nothing"], ...others.slice(0, 300).map((index) => [String(index), name(index)])];
    if (state.beside >= 0 && !options.some(([index]) => Number(index) === state.beside)) options.push([String(state.beside), name(state.beside)]);
    const move = (by, label, sign) => {
      const to = on.step(state.index, by);
      return el("button", { type: "button", class: "plain", "aria-label": label, disabled: to < 0, click: () => open(to) }, sign);
    };
    const fold = el("input", { type: "checkbox", id: "unfold", checked: state.unfolded, change: () => {
      state.unfolded = fold.checked;
      home.querySelectorAll("details.thinking").forEach((details) => { details.open = state.unfolded; });
    } });
    home.replaceChildren(
      el("div", { class: "controls reader-controls" },
        chooser("beside", "Beside it, of the same task", options, String(state.beside), (index) => { state.beside = Number(index); paint(); history.replaceState(null, "", link()); }),
        el("div", {}, move(-1, "Previous episode of the table", "←"), " ", move(1, "Next episode of the table", "→")),
        el("label", { class: "check" }, fold, "Unfold thinking"),
        el("a", { class: "plain", href: link() }, "Link to this"),
        el("button", { type: "button", class: "plain", click: close }, "Close")),
      el("div", { class: stories.length > 1 ? "columns" : "columns single", role: "region", "aria-label": stories.length > 1 ? "Two transcripts side by side" : "Transcript", tabindex: 0 },
        stories.map((story, i) => episodeColumn(archive, shown[i], story, state.unfolded))));
  };
  const open = async (index, beside = -1, { push = true, scroll = true } = {}) => {
    Object.assign(state, { index, beside });
    if (push) history.pushState(null, "", link());
    on.change(index);
    try { await paint(); } catch (error) {
      home.replaceChildren(el("p", { class: "empty" }, `This transcript cannot be unpacked (${error.name}).`));
    }
    if (!scroll) return;
    const title = document.getElementById("transcript-title");
    title.scrollIntoView({ block: "start" });
    title.focus({ preventScroll: true });
  };
  function close() {
    Object.assign(state, { index: -1, beside: -1 });
    history.pushState(null, "", link());
    on.change(-1);
    nothing();
  }
  /* Opens what the address names; tells whether it names an episode. */
  const follow = () => {
    const asked = new Map(location.hash.slice(1).split("&").map((part) => [part.split("=")[0], part.slice(part.indexOf("=") + 1)]));
    if (!asked.has("episode")) return false;
    const index = archive.find(asked.get("episode"));
    if (index < 0) { home.replaceChildren(el("p", { class: "empty" }, "The link names an episode that this report does not hold.")); return true; }
    open(index, asked.has("beside") ? archive.find(asked.get("beside")) : -1, { push: false });
    return true;
  };
  nothing();
  return { open, follow, get index() { return state.index; } };
}

const outcomeOf = (archive, index) => (archive.healthy(index) ? (archive.columns.success[index] ? "solved" : "not solved") : "fault");

function episodeColumn(archive, index, story, unfolded) {
  const label = archive.value("policy", index);
  const series = seriesOf.get(label);
  const told = (field) => archive.value(field, index);
  const fact = (name, value) => el("span", {}, `${name} `, el("b", {}, value));
  const good = archive.columns.success[index] && archive.healthy(index);
  const more = Object.keys(archive.more).filter((name) => archive.more[name][index] !== null).map((name) => fact(titleOf(name), number(archive.more[name][index])));
  return el("article", { "--c": colourOf(label), "aria-label": `${label} on ${told("task")}` },
    el("div", { class: "episode-head" },
      el("div", { class: "who" }, series === undefined ? null : swatch(seriesIndex(series)), el("h3", {}, label)),
      el("p", { class: "outcome" }, fact("task", visible(told("task"))), fact("seed", String(told("seed"))), fact("level", String(told("level"))), told("effort_weight") === null ? null : fact("w", exact(told("effort_weight")))),
      el("p", { class: "outcome" },
        el("span", { class: good ? "verdict-good" : "verdict-bad" }, good ? "✓ solved" : `✗ ${outcomeOf(archive, index)}`),
        fact("stop", words(told("stop"))), fact(symbolOf("score"), number(told("score"), 2)), fact(symbolOf("effort"), String(told("effort"))), fact(titleOf("turns"), `${told("turns")}${story ? ` of ${story.horizon}` : ""}`), fact(titleOf("tokens"), number(told("tokens"), 0)), more,
        told("fault") === null ? null : el("span", { class: "badge fault" }, `fault: ${words(told("fault"))} ${story ? visible(story.fault_detail) : ""}`)),
      story && el("div", { class: "strip", title: "Choose a turn to go to it", click: goToTurn, role: "img", "aria-label": `${told("effort")} of ${told("turns")} turns involve the user` }, story.turns.map((turn) => el("i", { class: turn.involves_user ? "user" : null })))),
    story ? storyNodes(story, unfolded) : leftOut(archive, index));
}

function storyNodes(story, unfolded) {
  return [
    story.system ? el("details", { class: "texts" }, el("summary", {}, "Instructions to the agent"), longText(story.system)) : null,
    el("div", { class: "texts" }, el("span", { class: "from" }, "opening"), longText(story.opening)),
    el("ol", { class: "turns" }, story.turns.map((turn, i) => turnItem(turn, i, unfolded)))];
}

function goToTurn({ target, currentTarget }) {
  const place = [...currentTarget.children].indexOf(target);
  if (place >= 0) currentTarget.closest("article").querySelectorAll(".turn")[place].scrollIntoView({ block: "center" });
}

function leftOut(archive, index) {
  return el("div", { class: "texts left-out" }, el("p", {}, "The page had no room for this transcript. Where the evaluation lies, this prints it:"), el("pre", { class: "settings", tabindex: 0, "aria-label": "Command" }, archive.command(index)));
}

function turnItem(turn, index, unfolded) {
  const sign = turn.reward > 0 ? "plus" : turn.reward < 0 ? "minus" : "zero";
  return el("li", { class: turn.involves_user ? "turn user" : "turn" },
    el("div", { class: "turn-head" },
      el("h4", {}, `Turn ${index + 1}`), el("span", { class: "badge" }, visible(turn.kind)),
      turn.involves_user ? el("span", { class: "badge user" }, "● user", el("span", { class: "hidden-text" }, ", involves the user")) : null,
      turn.parse_fault ? el("span", { class: "badge fault" }, `unreadable: ${words(turn.parse_fault)}`) : null,
      el("span", {}, `${turn.tokens} tokens`),
      turn.information === null ? null : el("span", {}, `${number(turn.information)} bits`),
      el("span", { class: `reward ${sign}` }, `reward ${turn.reward > 0 ? "+" : ""}${number(turn.reward, 2)}`)),
    turn.thinking ? el("details", { class: "thinking", open: unfolded }, el("summary", {}, `thinking, ${number(turn.thinking.split(/\s+/).length, 0)} words`), longText(turn.thinking)) : null,
    turn.content && !turn.parse_fault ? longText(turn.content, "said") : null,
    turn.reply ? el("div", { class: "reply" }, el("span", { class: "from" }, turn.involves_user ? "user" : "gym"), longText(turn.reply, "", turn.involves_user ? FOLD : FOLD_REPLY)) : null);
}

/* A text as it is; a very long one is cut, with a button that shows the rest. */
function longText(text, kind = "", fold = FOLD) {
  const node = el("p", { class: `words ${kind}` }, visible(text.length <= fold * 1.2 ? text : text.slice(0, fold)));
  if (text.length <= fold * 1.2) return node;
  const more = el("button", { type: "button", class: "plain", click: () => node.replaceChildren(visible(text)) }, `Show all ${number(text.length, 0)} characters`);
  node.append(" … ", more);
  return node;
}
