// One row of the waterfall: indent, icon, name, what it used, how long it took, and its bar.
import { el } from "./dom.js";
import { count, duration, plural, shortCount } from "./format.js";
import { groupIcon, missingIcon, shape, typeIcon } from "./icons.js";

export const ROW_PX = 28;
const INDENT_PX = 14;
const LEAST_INDENT_PX = 4;
const INDENTS_PX = 196; // all levels together: names need the room
const LEAST_PERCENT = 0.8;

/** How far a level is indented: less in deep traces, and no further than leaves room for names. */
export function indentOf(nodes) {
  const deepest = nodes.reduce((depth, node) => Math.max(depth, node.depth), 1);
  return Math.max(LEAST_INDENT_PX, Math.min(INDENT_PX, Math.floor(INDENTS_PX / deepest)));
}

export function drawNode(node, { axis, indent, line, isFolded, isSelected }) {
  const row = el(
    "div",
    {
      className: `row of-${node.kind}${isSelected ? " chosen" : ""}${failed(node) ? " failed" : ""}`,
      id: `node-${node.index}`,
      role: "treeitem",
      ariaLevel: String(node.depth + 1),
      ariaSelected: String(isSelected),
      ariaExpanded: node.size ? String(!isFolded) : null,
      css: { transform: `translateY(${line * ROW_PX}px)` },
    },
    el("div", { className: "label" }, label(node, indent, isFolded)),
    el("div", { className: "lane" }, axis ? bar(node, axis) : null),
  );
  row.dataset.index = String(node.index);
  return row;
}

function label(node, indent, isFolded) {
  const space = el("span", { className: "indent", css: { width: `${Math.min(node.depth * indent, INDENTS_PX)}px` } });
  const fold = el("span", { className: `fold${isFolded ? "" : " open"}` }, node.size ? shape("chevron") : "");
  if (node.kind === "missing") {
    return [space, fold, missingIcon(), el("span", { className: "name", title: node.span_id }, "parent not received")];
  }
  const name = node.kind === "group" ? `${count(node.count)} × ${node.name}` : node.name;
  return [
    space,
    fold,
    node.kind === "group" ? groupIcon() : typeIcon(node.type),
    el("span", { className: "name", title: titleOf(node, name) }, name),
    marks(node, indent),
    el("span", { className: "used" }, shortCount(node.tokens)),
    el("span", { className: "lasted" }, node.start_s != null && node.end_s != null ? duration(node.end_s - node.start_s) : ""),
  ].flat();
}

function titleOf(node, name) {
  return [name, node.model, node.tokens != null && plural(node.tokens, "token"), node.error].filter(Boolean).join("\n");
}

function marks(node, indent) {
  return [
    node.depth * indent > INDENTS_PX && el("span", { className: "mark", title: `${node.depth} levels down` }, `↳${node.depth}`),
    node.cut && el("span", { className: "mark warn", title: "The parent links of this span run in a circle; the circle is cut here." }, "cycle cut"),
    node.other_parents &&
      !node.cut &&
      el("span", { className: "mark", title: `Also under ${node.other_parents.join(", ")}` }, `+${plural(node.other_parents.length, "parent")}`),
    node.errors > 0 && el("span", { className: "mark warn" }, plural(node.errors, "error")),
  ].filter(Boolean);
}

function failed(node) {
  return Boolean(node.error || node.errors);
}

function bar(node, axis) {
  if (node.start_s == null) return null;
  const at = (moment) => ((moment - axis.start_s) / axis.length_s) * 100;
  const end_s = node.end_s ?? axis.start_s + axis.length_s;
  const left = at(node.start_s);
  const width = Math.max(at(Math.max(end_s, node.start_s)) - left, 0);
  const words = `${duration(node.start_s - axis.start_s)} after the start · ${node.end_s == null ? "no end received" : duration(end_s - node.start_s)}`;
  // What a parent does between two children is often less than a pixel: left out, it is no noise.
  const seen = (node.critical ?? []).filter(([from, to]) => width < LEAST_PERCENT || at(to) - at(from) >= LEAST_PERCENT);
  const critical = seen.map(([from, to]) =>
    el("i", { css: { left: `${width ? ((at(from) - left) / width) * 100 : 0}%`, width: `${width ? ((at(to) - at(from)) / width) * 100 : 100}%` } }),
  );
  return el(
    "span",
    { className: `bar${node.end_s == null ? " running" : ""}`, title: words, css: { left: `min(${left}%, 100% - 2px)`, width: `${width}%` } },
    critical,
  );
}
