/* The episodes: rows inflated when the page opens, the words of an episode when it is read or searched. */

async function inflate(base64) {
  const letters = atob(base64);
  const packed = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) packed[i] = letters.charCodeAt(i);
  return JSON.parse(await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text());
}

class Archive {
  static async open() {
    const table = await inflate(document.getElementById("report-table").textContent.trim());
    return new Archive(table, document.getElementById("report-blocks").textContent.trim().split("\n"));
  }
  constructor({ count, names, columns, more, held, starts }, blocks) {
    Object.assign(this, { count, names, columns, more, held, starts, blocks });
    this.places = new Map(held.map((index, place) => [index, place]));
    this.recent = new Map();
  }
  /* Number or name in a column; null where there is none. */
  value(field, index) {
    const cell = (this.columns[field] || this.more[field])[index];
    return cell === null || !this.names[field] ? cell : this.names[field][cell];
  }
  healthy(index) { return this.columns.fault[index] === null; }
  /* A name for links that outlives another report over the same episodes: policy, task, seed, and which of equal ones. */
  key(index) {
    const { policy, task, seed } = this.columns;
    let repeat = 0;
    for (let i = 0; i < index; i++) if (policy[i] === policy[index] && task[i] === task[index] && seed[i] === seed[index]) repeat++;
    const parts = [this.value("policy", index), this.value("task", index), seed[index], ...(repeat ? [repeat + 1] : [])];
    return parts.map((part) => encodeURIComponent(String(part).replace(/[\ud800-\udfff]/gu, "\ufffd"))).join("/");
  }
  find(key) {
    let parts;
    try { parts = key.split("/").map(decodeURIComponent); } catch { return -1; }
    if (parts.length === 1 && /^\d+$/.test(key)) return Number(key) < this.count ? Number(key) : -1;
    const policy = this.names.policy.indexOf(parts[0]), task = this.names.task.indexOf(parts[1]), seed = Number(parts[2]);
    let left = Number(parts[3] || 1);
    for (let i = 0; i < this.count; i++) {
      if (this.columns.policy[i] === policy && this.columns.task[i] === task && this.columns.seed[i] === seed && --left === 0) return i;
    }
    return -1;
  }
  ofTask(index) {
    const found = [];
    this.columns.task.forEach((task, i) => { if (task === this.columns.task[index]) found.push(i); });
    return found;
  }
  /* Whether the page holds the transcript; where it does not, `command` tells how to read it. */
  holds(index) { return this.places.has(index); }
  get partial() { return this.held.length < this.count; }
  command(index) {
    const own = this.columns.policy;
    const place = own.reduce((before, policy, i) => before + (i < index && policy === own[index]), 0);
    return `bao show transcript ${report.folders[this.value("policy", index)] || "FOLDER"} --index ${place}`;
  }
  /* The last few blocks stay inflated: neighbours are read one after the other. */
  block(place) {
    if (!this.recent.has(place)) this.recent.set(place, inflate(this.blocks[place]));
    const found = this.recent.get(place);
    this.recent.delete(place);
    this.recent.set(place, found);
    if (this.recent.size > 6) this.recent.delete(this.recent.keys().next().value);
    return found;
  }
  async story(index) {
    const place = this.places.get(index);
    const block = this.starts.findLastIndex((start) => start <= place);
    const { strings, episodes } = await this.block(block);
    const named = (names, row) => Object.fromEntries(names.map((name, i) => [name, row[i]]));
    const story = named(report.story_fields, episodes[place - this.starts[block]]);
    const turns = story.turns.map((row) => {
      const turn = named(report.turn_fields, row);
      return { ...turn, thinking: strings[turn.thinking], content: strings[turn.content], reply: strings[turn.reply] };
    });
    return { ...story, opening: strings[story.opening], system: strings[story.system], turns };
  }
  /* Marks the episodes whose turns, as far as the page has them, hold `text`, whatever its case. `progress` gets the share done and says whether to go on. */
  async search(text, progress) {
    const wanted = text.toLowerCase();
    const hits = new Uint8Array(this.count);
    const opening = report.story_fields.indexOf("opening"), turns = report.story_fields.indexOf("turns");
    const texts = ["thinking", "content", "reply"].map((name) => report.turn_fields.indexOf(name));
    for (let place = 0; place < this.starts.length; place++) {
      const { strings, episodes } = await inflate(this.blocks[place]);
      const holds = strings.map((string) => string.toLowerCase().includes(wanted));
      episodes.forEach((story, i) => {
        if (holds[story[opening]] || story[turns].some((turn) => texts.some((field) => holds[turn[field]]))) hits[this.held[this.starts[place] + i]] = 1;
      });
      if (!progress((place + 1) / this.blocks.length)) return null;
    }
    return hits;
  }
}
