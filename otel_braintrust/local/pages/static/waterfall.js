// The tree of spans with their bars in the same rows. Only the rows in view exist as elements, so that
// a trace of tens of thousands of spans scrolls like one of ten.
import { el } from "./dom.js";
import { tickLabel } from "./format.js";
import { drawNode, indentOf, ROW_PX } from "./treerow.js";

const HEAD_PX = 32;
const MARGIN_ROWS = 12;
const TICKS_WANTED = 5;

export class Waterfall {
  constructor(container, { onSelect }) {
    this.onSelect = onSelect;
    this.nodes = [];
    this.folded = new Set();
    this.opened = new Set();
    this.selected = null;
    this.drawn = new Map();
    this.ruler = el("div", { className: "ruler", attrs: { "aria-hidden": "true" } });
    this.sheet = el("div", { className: "sheet", role: "tree", tabIndex: 0, ariaLabel: "Spans" });
    const head = el("div", { className: "head" }, el("span", { className: "label" }, "Span"), this.ruler);
    this.scroller = el("div", { className: "scroller" }, head, this.sheet);
    this.hint = el(
      "footer",
      { className: "hint" },
      [["j", "k"], ["←", "→"], ["e"], ["Esc"]].map((keys, index) =>
        el("span", {}, keys.map((key) => el("kbd", {}, key)), ` ${["move", "fold", "next error", "logs"][index]}`),
      ),
    );
    container.replaceChildren(this.scroller, this.hint);
    this.scroller.addEventListener("scroll", () => this.#paint(), { passive: true });
    new ResizeObserver(() => this.#paint()).observe(this.scroller);
    this.sheet.addEventListener("click", (event) => this.#click(event));
  }

  /** Take a trace, new or grown; what the reader has folded and chosen stays so. */
  draw(trace) {
    const key = this.selected && this.keyOf(this.selected);
    this.nodes = trace.nodes;
    this.axis = axisOf(trace);
    this.repeated = repeatedIds(trace.nodes);
    this.parents = parentsOf(trace.nodes);
    this.indent = indentOf(trace.nodes);
    this.sheet.style.setProperty("--indent", `${this.indent}px`);
    for (const [index, node] of this.nodes.entries()) {
      node.index = index;
      // Runs of one name come folded; everything else is open until the reader folds it.
      if (node.kind === "group" && !this.opened.has(this.keyOf(node))) this.folded.add(this.keyOf(node));
    }
    this.selected = key ? (this.nodes.find((node) => this.keyOf(node) === key) ?? null) : null;
    this.#drawRuler();
    this.#lay();
  }

  /** What names a node in the page's address. */
  keyOf(node) {
    if (node.kind === "group") return `group:${this.nodes[node.index + 1]?.span_id ?? ""}`;
    if (node.kind === "missing") return `missing:${node.span_id}`;
    return this.repeated.has(node.span_id) ? node.id : node.span_id;
  }

  /** Choose the node the address names, else the first that is a span. */
  selectFirst(key) {
    const node =
      this.nodes.find((candidate) => key && (this.keyOf(candidate) === key || candidate.id === key)) ??
      this.nodes.find((candidate) => candidate.kind === "span");
    if (node) this.select(node);
  }

  selectSpan(spanId) {
    const node = this.nodes.find((candidate) => candidate.kind === "span" && candidate.span_id === spanId);
    if (node) this.select(node);
  }

  select(node) {
    this.#reveal(node);
    this.selected = node;
    this.#scrollTo(node);
    this.#paint(true);
    this.onSelect(node);
  }

  /** Act on a key; says whether it meant something here. */
  press(key) {
    const acts = {
      j: () => this.#step(1),
      k: () => this.#step(-1),
      ArrowDown: () => this.#step(1),
      ArrowUp: () => this.#step(-1),
      ArrowLeft: () => this.#fold(),
      ArrowRight: () => this.#unfold(),
      Home: () => this.#pick(this.visible[0]),
      End: () => this.#pick(this.visible.at(-1)),
      e: () => this.#nextError(),
    };
    if (!Object.hasOwn(acts, key) || !this.nodes.length) return false;
    acts[key]();
    return true;
  }

  #pick(index) {
    if (index != null) this.select(this.nodes[index]);
  }

  #step(by) {
    const at = this.selected ? this.visible.indexOf(this.selected.index) : -1;
    this.#pick(this.visible[Math.min(this.visible.length - 1, Math.max(0, at + by))]);
  }

  #fold() {
    const node = this.selected;
    if (!node) return;
    if (node.size && !this.folded.has(this.keyOf(node))) this.#toggle(node);
    else if (this.parents[node.index] >= 0) this.#pick(this.parents[node.index]);
  }

  #unfold() {
    const node = this.selected;
    if (!node?.size) return;
    if (this.folded.has(this.keyOf(node))) this.#toggle(node);
    else this.#pick(node.index + 1);
  }

  #nextError() {
    const from = this.selected?.index ?? -1;
    const failed = (node) => node.kind === "span" && node.error;
    const next = this.nodes.slice(from + 1).find(failed) ?? this.nodes.find(failed);
    if (next) this.select(next);
  }

  #toggle(node) {
    const key = this.keyOf(node);
    if (this.folded.delete(key)) this.opened.add(key);
    else this.folded.add(key);
    this.#lay();
  }

  #click(event) {
    const row = event.target.closest("[data-index]");
    if (!row) return;
    const node = this.nodes[Number(row.dataset.index)];
    if (event.target.closest(".fold") && node.size) this.#toggle(node);
    else this.select(node);
  }

  /** Open every fold above a node. */
  #reveal(node) {
    let opened = false;
    for (let at = this.parents[node.index]; at >= 0; at = this.parents[at]) {
      const key = this.keyOf(this.nodes[at]);
      if (!this.folded.delete(key)) continue;
      this.opened.add(key);
      opened = true;
    }
    if (opened) this.#lay();
  }

  #lay() {
    this.visible = [];
    for (let index = 0; index < this.nodes.length; index += 1) {
      this.visible.push(index);
      const node = this.nodes[index];
      if (node.size && this.folded.has(this.keyOf(node))) index += node.size;
    }
    this.sheet.style.height = `${this.visible.length * ROW_PX}px`;
    this.#paint(true);
  }

  #paint(afresh = false) {
    if (!this.visible) return;
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW_PX) - MARGIN_ROWS);
    const last = Math.min(this.visible.length, Math.ceil((this.scroller.scrollTop + this.scroller.clientHeight) / ROW_PX) + MARGIN_ROWS);
    for (const [line, row] of this.drawn) {
      if (!afresh && line >= first && line < last) continue;
      row.remove();
      this.drawn.delete(line);
    }
    for (let line = first; line < last; line += 1) {
      if (this.drawn.has(line)) continue;
      const node = this.nodes[this.visible[line]];
      const row = drawNode(node, {
        axis: this.axis,
        indent: this.indent,
        line,
        isFolded: this.folded.has(this.keyOf(node)),
        isSelected: node === this.selected,
      });
      this.drawn.set(line, row);
      this.sheet.append(row);
    }
    const chosen = this.selected && `node-${this.selected.index}`;
    if (chosen) this.sheet.setAttribute("aria-activedescendant", chosen);
  }

  #scrollTo(node) {
    const top = this.visible.indexOf(node.index) * ROW_PX;
    const { scrollTop } = this.scroller;
    const height = this.scroller.clientHeight - HEAD_PX;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + ROW_PX > scrollTop + height) this.scroller.scrollTop = top + ROW_PX - height;
  }

  #drawRuler() {
    const { axis } = this;
    this.ruler.replaceChildren();
    if (!axis) return;
    for (let at = 0; at <= axis.length_s * 1.0001; at += axis.step_s) {
      const tick = el("span", { className: "tick", css: { left: `${(at / axis.length_s) * 100}%` } }, tickLabel(at));
      if (at / axis.length_s > 0.85) tick.classList.add("last");
      this.ruler.append(tick);
    }
    this.sheet.style.setProperty("--tick", `${(axis.step_s / axis.length_s) * 100}%`);
  }
}

/** The time axis: start, length, and a step of 1, 2 or 5 times a power of ten. */
function axisOf(trace) {
  if (trace.start_s == null || trace.end_s == null) return null;
  const length_s = Math.max(trace.end_s - trace.start_s, 1e-6);
  const rough = length_s / TICKS_WANTED;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step_s = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * 0.999);
  return { start_s: trace.start_s, length_s, step_s };
}

function repeatedIds(nodes) {
  const seen = new Set();
  const repeated = new Set();
  for (const { kind, span_id } of nodes) {
    if (kind !== "span") continue;
    if (seen.has(span_id)) repeated.add(span_id);
    seen.add(span_id);
  }
  return repeated;
}

/** For each node the index of the one above it, -1 at the top. */
function parentsOf(nodes) {
  const parents = [];
  const open = [];
  for (const [index, node] of nodes.entries()) {
    open.length = node.depth;
    parents.push(node.depth ? open[node.depth - 1] : -1);
    open[node.depth] = index;
  }
  return parents;
}
