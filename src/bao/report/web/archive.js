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
  constructor({ count, names, columns, more, starts }, blocks) {
    Object.assign(this, { count, names, columns, more, starts, blocks });
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
  blockOf(index) {
    let low = 0, high = this.starts.length - 1;
    while (low < high) { const middle = (low + high + 1) >> 1; if (this.starts[middle] <= index) low = middle; else high = middle - 1; }
    return low;
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
    const place = this.blockOf(index);
    const { strings, episodes } = await this.block(place);
    const named = (names, row) => Object.fromEntries(names.map((name, i) => [name, row[i]]));
    const story = named(report.story_fields, episodes[index - this.starts[place]]);
    const turns = story.turns.map((row) => {
      const turn = named(report.turn_fields, row);
      return { ...turn, thinking: strings[turn.thinking], content: strings[turn.content], reply: strings[turn.reply] };
    });
    return { ...story, opening: strings[story.opening], system: strings[story.system], turns };
  }
  /* Marks the episodes whose turns hold `text`, whatever its case. `progress` gets the share done and says whether to go on. */
  async search(text, progress) {
    const wanted = text.toLowerCase();
    const hits = new Uint8Array(this.count);
    const opening = report.story_fields.indexOf("opening"), turns = report.story_fields.indexOf("turns");
    const texts = ["thinking", "content", "reply"].map((name) => report.turn_fields.indexOf(name));
    for (let place = 0; place < this.blocks.length && this.count; place++) {
      const { strings, episodes } = await inflate(this.blocks[place]);
      const holds = strings.map((string) => string.toLowerCase().includes(wanted));
      episodes.forEach((story, i) => {
        if (holds[story[opening]] || story[turns].some((turn) => texts.some((field) => holds[turn[field]]))) hits[this.starts[place] + i] = 1;
      });
      if (!progress((place + 1) / this.blocks.length)) return null;
    }
    return hits;
  }
}
