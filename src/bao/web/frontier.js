/* The frontier: policies as marks with intervals, bands of attainment, and hypervolumes beside them. */

const KNOWS = "a bound: it knows the task, and takes part in no comparison";
const MANY = 24;  // marks beyond which only the best are named, and bars of the others faint
const surfaces = Object.entries((frontier.attainment || {}).surfaces || {}).filter(([series]) => policies.filter((policy) => policy.series === series).length > 1);
const hasAttainment = objectives.size === 2 && surfaces.length > 0;

function frontierSection() {
  const home = body("frontier");
  if (!policies.length) { home.append(el("p", { class: "empty" }, "The frontier of this report holds no policy.")); return; }
  const known = [...new Set([...objectives.keys(), ...HEADLINES])].filter((name) => policies.some((policy) => measured(policy, name)));
  const first = (wanted, fallback) => (known.includes(wanted) ? wanted : fallback);
  const state = { x: first("user_effort", known[0]), y: first("score", known[known.length - 1]), off: new Set(), bands: true };
  const options = known.map((name) => [name, sentence(titleOf(name))]);
  const host = el("div", { class: "plot", id: "frontier-plot" });
  const again = frontierPlot(host, state);
  const legend = el("div", { class: "chips", role: "group", "aria-label": "Series shown" }, seriesNames.filter((series) => [...policies, ...bounds].some((p) => p.series === series)).map((series) =>
    chip([swatch(seriesIndex(series)), el("span", {}, series)], true, (on) => { state.off[on ? "delete" : "add"](series); again(); })));
  const basis = objectives.size === 2 ? ` (on ${[...objectives.keys()].map(titleOf).join(" and ")}; on other axes, by the means drawn)` : " by the means drawn";
  home.append(
    el("p", { class: "lede" }, "Each mark is one policy: what it achieves against what it asks of the user. Bars are 95 % intervals, by clusters of tasks."),
    el("p", { class: "answer" }, answer()),
    el("div", { class: "split" },
      el("figure", {},
        el("div", { class: "controls" }, chooser("axis-y", "Vertical axis", options, state.y, (name) => { state.y = name; again(); }),
          chooser("axis-x", "Horizontal axis", options, state.x, (name) => { state.x = name; again(); }), legend,
          hasAttainment ? chip("Attainment bands", true, (on) => { state.bands = on; again(); }) : null),
        host,
        el("figcaption", {}, el("b", { class: "count-figure" }), "Filled marks are non-dominated among all policies, hollow ones are dominated", basis, bounds.length ? ", dashed ones are bounds that know the task" : null, ". Lines join each series' own non-dominated policies. Labels give the effort weight (w) and the budget (b). ",
          "Point at a mark, or reach it with Tab and the arrow keys, for its numbers.",
          hasAttainment ? " The bands belong to series of several policies: the dashed line bounds what half of the bootstrap resamples attain, the band lies between what 97.5 % and 2.5 % attain." : null),
        asTable("The frontier's points", ["policy", "series", "w", ...known.map(titleOf), "non-dominated"], () => [...policies, ...bounds].map((policy) => [
          policy.label, policy.series, exact(policy.effort_weight), ...known.map((name) => { const value = measured(policy, name); return value ? `${number(value.mean)} ${interval(value)}` : "–"; }),
          policy.bound ? "a bound" : policy.non_dominated ? "yes" : "no"]))),
      hypervolume()));
}

/* Which policies are best, and how sure that is, in a sentence. */
function answer() {
  const best = policies.filter((policy) => policy.non_dominated).sort((a, b) => (b.non_dominated_probability ?? 0) - (a.non_dominated_probability ?? 0));
  const told = best.slice(0, 6).flatMap((policy, i) => {
    const chance = policy.non_dominated_probability;
    return [i ? ", " : "", el("b", {}, visible(policy.label)), typeof chance === "number" && taskCount > 1 ? ` (in ${number(100 * chance, 0)} % of resamples)` : ""];
  });
  const more = best.length > 6 ? ` and ${best.length - 6} more` : "", alone = taskCount < 2 ? " There is a single task: no interval over tasks means anything here." : "", others = policies.length - best.length;
  return ["Not dominated: ", ...told, more, others ? `. For each of the other ${others} there is one that is at least as good on every objective, and better on one.` : ".", alone];
}

function frontierPlot(host, state) {
  const popup = tip({ "aria-hidden": "true" });  // each mark speaks for itself
  return mount(host, (width) => {
    const height = Math.round(Math.max(330, Math.min(500, width * 0.66)));
    const shown = [...policies, ...bounds].filter((policy) => !state.off.has(policy.series) && measured(policy, state.x) && measured(policy, state.y));
    const own = objectives.size === 2 && objectives.has(state.x) && objectives.has(state.y) && state.x !== state.y;
    const rivals = policies.filter((policy) => measured(policy, state.x) && measured(policy, state.y));
    const front = new Set(own ? rivals.filter((policy) => policy.non_dominated) : undominated(rivals, state.x, state.y));
    const ends = (name) => shown.flatMap((policy) => { const value = measured(policy, name); return [lowOf(value), highOf(value), value.mean]; });
    const xSpan = span(ends(state.x)), ySpan = span(ends(state.y));
    const yTicks = ticks(ySpan[0], ySpan[1], 6), xTicks = ticks(xSpan[0], xSpan[1], width < 480 ? 5 : 8);
    const box = { left: 12 + 6.8 * Math.max(3, ...yTicks.map((tick) => tick.text.length)), right: width - 14, top: 30, bottom: height - 46 };
    const x = scale(xSpan, [box.left, box.right]), y = scale(ySpan, [box.bottom, box.top]);
    const picture = draw("svg", { height, viewBox: `0 0 ${width} ${height}`, role: "group", class: shown.length > MANY ? "many" : null, "aria-label": `${sentence(titleOf(state.y))} against ${titleOf(state.x)}: ${shown.length} policies` });
    const long = (name) => `${withUnit(name)} (${higherIsBetter(name) ? "higher" : "lower"} is better)`;
    picture.append(frame(box, x, y, {
      xTicks, yTicks, yTitle: `${higherIsBetter(state.y) ? "↑" : "↓"} ${long(state.y)}`,
      xTitle: higherIsBetter(state.x) ? `${long(state.x)} →` : `← ${long(state.x)}`,
    }));
    if (own && state.bands) picture.append(...attainmentBands(state, x, y, box));
    const drawn = [];
    for (const series of seriesNames) {
      const joined = undominated(shown.filter((policy) => policy.series === series && !policy.bound), state.x, state.y)
        .map((policy) => ({ x: measured(policy, state.x).mean, y: measured(policy, state.y).mean })).sort((a, b) => a.x - b.x || a.y - b.y);
      if (joined.length < 2) continue;
      picture.append(draw("path", { class: "joined", "--c": colour(seriesIndex(series)), d: pathOf(joined, x, y, "y") }));
      joined.slice(1).forEach((end, i) => drawn.push(...along([x(joined[i].x), y(joined[i].y)], [x(end.x), y(end.y)])));
    }
    const marks = shown.map((policy) => pointMark(policy, state, x, y, front.has(policy)));
    const ordered = [...marks].sort((a, b) => a.x - b.x);
    ordered.forEach((mark, i) => mark.node.setAttribute("tabindex", i ? -1 : 0));
    placeNames(marks, drawn, box, picture);
    picture.append(...ordered.map((mark) => mark.node));
    let on = null;
    const leave = () => { if (on) on.node.classList.remove("on"); on = null; popup.hide(); };
    const show = (mark) => {
      if (mark === on) return;
      leave();
      on = mark;
      mark.node.classList.add("on");
      popup.show(mark.x, mark.y, pointDetails(mark.policy, state), width);
    };
    ordered.forEach((mark, i) => fill(mark.node, {
      focus: () => show(mark), blur: leave,
      keydown: (event) => {
        const move = { ArrowRight: i + 1, ArrowUp: i + 1, ArrowLeft: i - 1, ArrowDown: i - 1, Home: 0, End: ordered.length - 1 }[event.key];
        if (event.key === "Escape") leave();
        if (move === undefined) return;
        event.preventDefault();
        const next = ordered[Math.max(0, Math.min(ordered.length - 1, move))];
        ordered.forEach((other) => other.node.setAttribute("tabindex", other === next ? 0 : -1));
        next.node.focus();
      },
    }, []));
    const follow = (event) => {
      const place = picture.getBoundingClientRect();
      const distance = (mark) => Math.hypot(mark.x - (event.clientX - place.left), mark.y - (event.clientY - place.top));
      const nearest = marks.reduce((best, mark) => (!best || distance(mark) < distance(best) ? mark : best), null);
      if (nearest && distance(nearest) < 34) show(nearest); else leave();
    };
    fill(picture, { pointermove: follow, pointerdown: follow, pointerleave: leave }, []);
    return [picture, popup.node];
  });
}

/* By series: the band between the surfaces of the first and the last level, and the middle surface. */
function attainmentBands(state, x, y, box) {
  const [first] = objectives.keys();
  const worstX = higherIsBetter(state.x) ? box.left : box.right, worstY = higherIsBetter(state.y) ? box.bottom : box.top;
  const clip = draw("clipPath", { id: "frontier-box" }, draw("rect", { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top }));
  const outline = (corners) => {
    const places = corners.map(([a, b]) => (state.x === first ? [x(a), y(b)] : [x(b), y(a)]));
    places.sort((a, b) => (higherIsBetter(state.x) ? b[0] - a[0] : a[0] - b[0]));
    let path = `M${places[0][0].toFixed(1)},${worstY}`;
    for (const [i, [px, py]] of places.entries()) path += `V${py.toFixed(1)}H${(i + 1 < places.length ? places[i + 1][0] : worstX).toFixed(1)}`;
    return path;
  };
  const shown = surfaces.filter(([series, levels]) => !state.off.has(series) && levels.length && levels.every((corners) => corners.length));
  return [clip, ...shown.map(([series, levels]) => {
    const edges = [levels[0], levels[levels.length - 1]].map((corners) => `${outline(corners)}V${worstY}Z`).join("");
    return draw("g", { class: "attained", "--c": colour(seriesIndex(series)), "clip-path": "url(#frontier-box)", "data-series": series, "aria-hidden": "true" },
      draw("path", { class: "attained-band", d: edges }), draw("path", { class: "attained-median", d: outline(levels[Math.floor(levels.length / 2)]) }));
  })];
}

function pointMark(policy, state, x, y, full) {
  const a = measured(policy, state.x), b = measured(policy, state.y), index = seriesIndex(policy.series);
  const at = { x: x(a.mean), y: y(b.mean), x1: x(lowOf(a)), x2: x(highOf(a)), y1: y(lowOf(b)), y2: y(highOf(b)) };
  const spoken = [policy.label, weightText(policy), `${titleOf(state.y)} ${number(b.mean)} ${interval(b)}`, `${titleOf(state.x)} ${number(a.mean)} ${interval(a)}`, policy.bound ? KNOWS : full ? "non-dominated" : "dominated"];
  const bar = (x1, y1, x2, y2) => draw("line", { class: "bar", x1, y1, x2, y2 });
  const node = draw("g", { class: policy.bound ? "point bound" : full ? "point best" : "point", role: "img", "data-label": policy.label, "--c": colour(index), "aria-label": spoken.filter(Boolean).join(", ") },
    bar(at.x1, at.y, at.x2, at.y), bar(at.x1, at.y - 3, at.x1, at.y + 3), bar(at.x2, at.y - 3, at.x2, at.y + 3),
    bar(at.x, at.y1, at.x, at.y2), bar(at.x - 3, at.y1, at.x + 3, at.y1), bar(at.x - 3, at.y2, at.x + 3, at.y2),
    draw("g", { transform: `translate(${at.x},${at.y})` },
      draw("circle", { class: "halo", r: 9.5 }), draw("path", { class: full ? "mark full" : "mark", d: markPath(index, 5.2) })));
  return { ...at, node, policy, full };
}

/* Small boxes along a straight line, for telling what lies on it. */
function along([x1, y1], [x2, y2]) {
  const count = Math.ceil(Math.hypot(x2 - x1, y2 - y1) / 5);
  return Array.from({ length: count }, (_, i) => [x1 + ((x2 - x1) * i) / count, y1 + ((y2 - y1) * i) / count]).map(([x, y]) => ({ x1: x - 1, x2: x + 1, y1: y - 1, y2: y + 1 }));
}
/* Names each mark (weight, or label where it has none) at the free place nearest to it; a name without room is left to the tip. */
function placeNames(marks, drawn, box, picture) {
  const crosses = (a, b) => a.x1 < b.x2 && b.x1 < a.x2 && a.y1 < b.y2 && b.y1 < a.y2;
  const taken = [];
  const bars = marks.flatMap((mark) => [
    { x1: mark.x1, x2: mark.x2, y1: mark.y - 1, y2: mark.y + 1 }, { x1: mark.x - 1, x2: mark.x + 1, y1: mark.y2, y2: mark.y1 }]);
  const cores = marks.map((mark) => ({ x1: mark.x - 7, x2: mark.x + 7, y1: mark.y - 7, y2: mark.y + 7 }));
  // Best ones first; of many, those alone.
  const wanted = [...marks].sort((a, b) => b.full - a.full).filter((mark) => mark.full || marks.length <= MANY);
  for (const mark of wanted) {
    const text = weightText(mark.policy) || `${short(mark.policy.label, 22)}${mark.policy.bound ? " (bound)" : ""}`;
    const wide = text.length * 6.3 + 2;
    let best = null;
    for (const [dx, dy] of [[9, -7], [9, 17], [-9 - wide, -7], [-9 - wide, 17], [13, 4], [-13 - wide, 4], [9, -21], [-9 - wide, -21], [9, 31], [-9 - wide, 31]]) {
      const place = { x1: mark.x + dx, x2: mark.x + dx + wide, y1: mark.y + dy - 10, y2: mark.y + dy + 3 };
      const outside = place.x1 < box.left || place.x2 > box.right + 12 || place.y1 < box.top - 8 || place.y2 > box.bottom;
      if (outside || taken.some((other) => crosses(place, other))) continue;
      const cost = 6 * cores.filter((core) => crosses(place, core)).length + bars.filter((bar) => crosses(place, bar)).length + 0.4 * drawn.filter((piece) => crosses(place, piece)).length + Math.abs(dy - 4) / 40;
      if (!best || cost < best.cost) best = { place, cost, x: mark.x + dx, y: mark.y + dy };
    }
    if (!best || best.cost >= 9) continue;
    taken.push(best.place);
    picture.append(draw("text", { class: "name", x: best.x, y: best.y, "--c": colour(seriesIndex(mark.policy.series)), "aria-hidden": "true" }, text));
  }
}

function pointDetails(policy, state) {
  const rows = [...new Set([state.y, state.x, ...HEADLINES])].map((name) => [name, measured(policy, name)]).filter(([, value]) => value).map(([name, value]) =>
    el("tr", { class: name === state.x || name === state.y ? "picked" : "sub-row" }, el("td", {}, titleOf(name)), el("td", {}, number(value.mean), " ", el("span", { class: "interval" }, interval(value)))));
  const chance = policy.non_dominated_probability;
  const beaten = policy.dominated_by || [];
  return [
    el("strong", {}, policy.label),
    el("span", { class: "sub" }, [policy.series, policy.effort_weight === null || policy.effort_weight === undefined ? "no effort weight" : `effort weight w = ${exact(policy.effort_weight)}`,
      typeof policy.budget === "number" ? `budget of user turns b = ${policy.budget}` : null].filter(Boolean).join(" · ")),
    el("table", {}, rows),
    el("div", { class: "sub" }, policy.bound ? KNOWS : `${policy.non_dominated ? "non-dominated" : "dominated"}${typeof chance === "number" ? `; non-dominated in ${number(100 * chance, 0)} % of resamples` : ""}`),
    beaten.length ? el("div", { class: "sub" }, `dominated by ${beaten.slice(0, 3).join(", ")}${beaten.length > 3 ? ` and ${beaten.length - 3} more` : ""}`) : null,
    el("div", { class: "sub" }, `${number(policy.tasks || 0, 0)} tasks${policy.clusters ? ` in ${number(policy.clusters, 0)} clusters` : ""}, ${number(policy.episodes || 0, 0)} episodes`),
  ].filter(Boolean);
}

function hypervolume() {
  const reference = Object.entries(frontier.reference_point || {}).map(([name, value]) => `${titleOf(name)} ${exact(value)}`).join(", ");
  const whole = frontier.hypervolume_all && typeof frontier.hypervolume_all.mean === "number" ? [["all policies together", frontier.hypervolume_all]] : [];
  return el("div", {},
    volumes("Hypervolume", frontier.hypervolume, whole, frontier.hypervolume_differences,
      `The volume that a series dominates${reference ? `, from the reference point ${reference}` : ""}; more is better. It grows with a series' number of points.`),
    volumes("Hypervolume of the convex hull", frontier.hull_hypervolume, [], frontier.hull_hypervolume_differences,
      "What a coin between two policies of a series reaches, too. A point that such mixtures reach adds nothing, so series of different numbers of points compare."));
}

/* Volumes by series as bars with intervals, their differences below. */
function volumes(title, found, whole, differences = [], about = "") {
  const own = Object.entries(found || {});
  if (!own.length) return el("div");
  const rows = [...own, ...whole];
  const domain = [0, Math.max(...rows.map(([, value]) => highOf(value))) * 1.04 || 1];
  const reach = Math.max(...differences.map((row) => Math.max(Math.abs(lowOf(row.difference)), Math.abs(highOf(row.difference)))), 1e-9) * 1.06;
  const entry = (name, value, span, zero, verdict) => el("li", { "--c": seriesNames.includes(name) ? colour(seriesIndex(name)) : "var(--ink)" },
    el("div", { class: "what" }, el("span", { title: name }, name.split(" − ").map((part) => short(part, 40)).join(" − ")), el("span", { class: "number" }, number(value.mean), " ", el("span", { class: "interval" }, interval(value)))),
    rangeBar(value, span, zero), verdict ? el("div", { class: "verdict" }, verdict) : null);
  const verdict = ({ a, b, difference }) => (taskCount < 2 ? "a single task cannot tell" : difference.low > 0 ? `the interval excludes zero: ${a} covers more` : difference.high < 0 ? `the interval excludes zero: ${b} covers more` : "the interval holds zero: no clear difference");
  return el("div", {},
    el("h3", {}, title),
    el("ul", { class: "forest" }, rows.map(([name, value]) => entry(name, value, domain, null, null))),
    differences.length ? el("details", { class: "shown", open: differences.length <= 6 },
      el("summary", {}, `Differences of any two: ${differences.length}`),
      el("ul", { class: "forest" }, differences.map((row) => entry(`${row.a} − ${row.b}`, row.difference, [-reach, reach], 0, verdict(row))))) : null,
    el("p", { class: "interval" }, about));
}

