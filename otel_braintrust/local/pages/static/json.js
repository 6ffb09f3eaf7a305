// JSON as a tree: highlighted, folded where it is long, and built only as far as it has been opened.
import { el } from "./dom.js";
import { count } from "./format.js";
import { isReference, isShowable, medium } from "./media.js";

const OPEN_LINES = 24;
const PAGE = 100;
const LONG_TEXT = 600;
const PREVIEW = 60;

/** A value as a tree. Small objects are open, large ones open at the top only. */
export function jsonTree(value) {
  const tree = el("div", { className: "json" });
  if (isReference(value)) tree.append(medium(value));
  else if (value === null || typeof value !== "object") tree.append(scalar(value));
  else {
    tree.append(...entriesOf(value, size(value, OPEN_LINES) < OPEN_LINES));
    tree.classList.toggle("flat", !tree.querySelector(":scope > details"));
  }
  return tree;
}

function entriesOf(value, isOpen) {
  const keys = Object.keys(value);
  if (!keys.length) return [el("span", { className: "punctuation" }, Array.isArray(value) ? "[]" : "{}")];
  return pageOf(value, keys, 0, isOpen);
}

function pageOf(value, keys, from, isOpen) {
  const lines = keys.slice(from, from + PAGE).map((key) => entry(key, value[key], isOpen));
  const left = keys.length - from - PAGE;
  if (left <= 0) return lines;
  const more = el("button", { className: "more", type: "button" }, `${count(Math.min(left, PAGE))} more of ${count(left)}`);
  more.addEventListener("click", () => more.replaceWith(...pageOf(value, keys, from + PAGE, isOpen)));
  return [...lines, more];
}

function entry(key, value, isOpen) {
  const name = el("span", { className: "key" }, key);
  if (isReference(value)) return el("div", { className: "entry leaf" }, name, medium(value));
  if (value === null || typeof value !== "object" || !Object.keys(value).length) {
    const shown = value !== null && typeof value === "object" ? entriesOf(value) : [scalar(value)];
    return el("div", { className: "entry leaf" }, name, el("span", { className: "value" }, shown));
  }
  const inside = el("div", { className: "inside" });
  const details = el(
    "details",
    { className: "entry" },
    el("summary", {}, name, el("span", { className: "preview" }, preview(value))),
    inside,
  );
  const fill = () => inside.childElementCount || inside.append(...entriesOf(value, isOpen));
  details.addEventListener("toggle", () => details.open && fill());
  if (isOpen) {
    fill();
    details.open = true;
  }
  return details;
}

function scalar(value) {
  if (typeof value !== "string") {
    const kind = typeof value === "number" ? "number" : "literal";
    return el("span", { className: kind }, value === undefined ? "" : String(value));
  }
  if (isShowable(value)) return medium({ kind: "image", name: null, type: null, address: value });
  if (value.length <= LONG_TEXT) return el("span", { className: "string" }, value || "\"\"");
  const text = el("span", { className: "string" }, `${value.slice(0, LONG_TEXT)}…`);
  const more = el("button", { className: "more", type: "button" }, `all ${count(value.length)} characters`);
  more.addEventListener("click", () => {
    text.textContent = value;
    more.remove();
  });
  return el("span", {}, text, " ", more);
}

function preview(value) {
  const keys = Object.keys(value);
  if (Array.isArray(value)) return `[${count(keys.length)}]`;
  const named = keys.slice(0, 6).join(", ");
  return `{${named.slice(0, PREVIEW)}${keys.length > 6 || named.length > PREVIEW ? ", …" : ""}}`;
}

/** How many lines a value takes when all of it is open; counting stops at `limit`. */
function size(value, limit) {
  if (value === null || typeof value !== "object") return 1;
  let lines = 1;
  for (const inner of Object.values(value)) {
    lines += size(inner, limit - lines);
    if (lines >= limit) return lines;
  }
  return lines;
}
