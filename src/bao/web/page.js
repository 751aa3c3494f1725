/* The page is put together: figures first, episodes when they are unpacked. */

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
  // A part with nothing to say is left out, but for those that a reader would look for.
  for (const id of ["answer", "regret", "pairs", "learning", "pass", "turn-by-turn", "spread", "settings"]) {
    if (!body(id).firstElementChild.classList.contains("empty") || !policies.length) continue;
    document.getElementById(id).hidden = true;
    links.get(id).parentElement.hidden = true;
  }
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) links.forEach((link, id) => (id === entry.target.id ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
  }, { rootMargin: "-15% 0px -75% 0px" });
  document.querySelectorAll("main section").forEach((section) => watch.observe(section));
}

facts();
answerSection();
frontierSection();
regretSection();
pairsSection();
learningSection();
passSection();
turnSection();
spreadSection();
measuresSection();
chrome();
Archive.open().then((archive) => {
  const reader = episodesSection(archive);
  gallerySection(archive, reader);
  if (reader) {
    reader.follow();
    addEventListener("popstate", reader.follow);  // back, forward, and a link within the page
  } else body("transcript").replaceChildren(el("p", { class: "empty" }, "No transcripts belong to this report."));
  document.documentElement.dataset.ready = "true";
  performance.mark("report-ready");
}).catch((error) => {
  const unpacked = !(error instanceof ReferenceError);
  for (const id of ["gallery", "episodes", "transcript"]) {
    body(id).replaceChildren(el("p", { class: "empty" }, unpacked ? `The episodes cannot be unpacked (${error.message}).` : "This browser cannot unpack the episodes; a current one can."));
  }
});
