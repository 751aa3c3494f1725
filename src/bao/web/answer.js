/* The answer first: which policy to take at each price, how surely, and by how much; for each kind of user. */

const NOTHING = "finishing at once";  // worth 0 at any price: no return, no user turn
const takenName = (label) => (label === "silence" ? NOTHING : label);

function answerSection() {
  const home = body("answer"), kinds = report.worth || [];
  if (!kinds.length) { home.append(el("p", { class: "empty" }, "No policy of this report was measured in return and user effort.")); return; }
  home.append(
    el("p", { class: "lede" }, "Which policy to take, by the price w of a user turn: the one with the largest R \u2212 wU."),
    ...kinds.map((kind) => answerCard(kind, kinds.length > 1)),
    el("figcaption", {}, "R \u2212 wU with 95 % intervals, by clusters of tasks. How surely: the share of the bootstrap's resamples in which no other policy is worth more. The lead over the next one is paired by task; the best was chosen on the same tasks, so it leans upwards. Finishing at once is worth 0."));
}

function answerCard(kind, several) {
  const counts = `${number(kind.tasks, 0)} tasks in ${number(kind.clusters, 0)} cluster${kind.clusters === 1 ? "" : "s"}`;
  return el("div", { class: "answers" },
    several ? el("h3", {}, `User: ${visible(kind.user || "not recorded")}`) : null,
    el("ul", { class: "answer-list" }, kind.answers.map((answer) => answerItem(answer, kind))),
    el("p", { class: "interval" }, `On the ${counts} that all of these played.`));
}

function answerItem(answer, kind) {
  const lead = answer.lead, told = lead && lead.low > 0;
  const ties = answer.not_told_apart.map(takenName);
  const few = ties.slice(0, 3).map(visible).join(", ") + (ties.length > 3 ? ` and ${ties.length - 3} more` : "");
  return el("li", { "--c": colourOf(answer.best) },
    el("span", { class: "answer-price" }, `w = ${exact(answer.price)}`),
    el("span", { class: "answer-best" }, answer.best === "silence" ? el("b", {}, NOTHING) : policyName(answer.best)),
    el("span", { class: "answer-worth" }, `${number(answer.worth.mean, 3)} `, el("span", { class: "interval" }, interval(answer.worth, 3))),
    el("span", { class: told ? "answer-how verdict-good" : "answer-how" }, kind.tasks < 2 ? "a single task cannot tell" : `none worth more in ${number(100 * answer.sure, 0)} % of resamples`),
    lead ? el("span", { class: "answer-lead" }, `${signed(lead.mean)} `, el("span", { class: "interval" }, `[${signed(lead.low)}, ${signed(lead.high)}]`), ` over ${visible(takenName(answer.runner_up))}${ties.length ? `; not told apart from ${few}` : ""}`) : null);
}
