/* The gallery: episodes to read first, each with the reason why it is here. */

const ROOMS = [
  ["worst", "Worst", "The lowest return of a policy, first those furthest below its mean."],
  ["expensive", "Most expensive", "The most user turns of a policy, first those furthest above its mean."],
  ["disputed", "Most disputed", "Tasks that are solved by one policy or seed and not by another, first the most evenly split."],
];
const CARDS = 6;

function gallerySection(archive, reader) {
  const home = body("gallery");
  const picks = (room) => report.gallery[room] || [];
  if (!reader || !ROOMS.some(([room]) => picks(room).length)) { home.replaceChildren(el("p", { class: "empty" }, "No episodes belong to this report.")); return; }
  const labels = archive.names.policy;
  const host = el("div", { class: "rooms" });
  const has = (pick, label) => pick.episodes.some((index) => archive.value("policy", index) === label);
  const paint = (label) => {
    host.replaceChildren(...ROOMS.map(([room, title, about]) => {
      const seen = new Set();
      const own = picks(room).filter((pick) => {
        if (label) return has(pick, label);
        const policy = archive.value("policy", pick.episodes[0]);  // one of each policy, so that none fills the room
        return room === "disputed" || (!seen.has(policy) && seen.add(policy));
      });
      const cards = own.slice(0, CARDS).map((pick) => card(archive, reader, room, pick));
      return el("section", { class: "room", "aria-labelledby": `room-${room}` }, el("h3", { id: `room-${room}` }, title), el("p", { class: "note" }, about),
        cards.length ? el("ul", { class: "cards" }, cards) : el("p", { class: "empty" }, "None."));
    }));
  };
  home.replaceChildren(
    el("div", { class: "controls" }, chooser("gallery-policy", "Policy", [["", "all"], ...labels.map((label) => [label, visible(label)])], "", paint)), host);
  paint("");
}

function card(archive, reader, room, pick) {
  const [first, second = -1] = pick.episodes;
  const link = `#episode=${first}${second < 0 ? "" : `&beside=${second}`}`;
  return el("li", { class: "card", "data-room": room },
    el("a", { href: link, click: (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      reader.open(first, second);
    } }, visible(archive.value("task", first))),
    el("p", { class: "actors" }, pick.episodes.map((index) => el("span", {}, el("span", { class: "dot", "--c": colourOf(archive.value("policy", index)) }), visible(archive.value("policy", index)), ` (${outcomeOf(archive, index)})`))),
    el("p", { class: "why" }, visible(pick.why)));
}
