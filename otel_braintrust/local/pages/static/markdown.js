// The Markdown that models write, drawn as elements. Links and images of logged text stay text: an address is
// shown, never followed. Patterns are bounded, so that no text makes them slow.
import { el } from "./dom.js";

const MAX_CHARS = 100_000;
const MAX_DEPTH = 6;
const FENCE = /^ {0,3}(```+|~~~+)\s*([\w+#.-]{0,40})[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*)$/;
const RULE = /^ {0,3}([-*_])(?: *\1){2,} *$/;
const ITEM = /^( {0,12})([-*+]|\d{1,9}[.)])\s+(.*)$/;
const QUOTE = /^ {0,3}> ?(.*)$/;
const TABLE_RULE = /^ {0,3}\|?[ :|-]*-[ :|-]*\|[ :|-]*$/;
const INLINE =
  /(`{1,3})([^`\n]{1,2000}?)\1|\*\*(?=\S)([^\n]{1,2000}?)\*\*|(?<![\w_])__(?=\S)([^\n]{1,2000}?)__(?!\w)|(?<![\w*])\*(?=[^\s*])([^*\n]{1,1000}?)\*(?![\w*])|(?<![\w_])_(?=[^\s_])([^_\n]{1,1000}?)_(?!\w)|~~([^~\n]{1,1000}?)~~|!?\[([^\]\n]{0,500})\]\(([^)\s]{1,2000})[^)\n]{0,200}\)/g;

/** Text with Markdown as elements. */
export function markdown(text) {
  if (text.length > MAX_CHARS) return el("div", { className: "plain" }, text);
  return el("div", { className: "prose" }, blocks(text.replaceAll("\r\n", "\n").split("\n"), 0));
}

function blocks(lines, depth) {
  const drawn = [];
  let at = 0;
  while (at < lines.length) {
    const [node, next] = block(lines, at, depth);
    if (node) drawn.push(node);
    at = next;
  }
  return drawn;
}

function block(lines, at, depth) {
  const line = lines[at];
  if (!line.trim()) return [null, at + 1];
  const fence = FENCE.exec(line);
  if (fence) return fenced(lines, at, fence);
  const heading = HEADING.exec(line);
  if (heading) return [el("p", { className: `h${heading[1].length}`, role: "heading", ariaLevel: heading[1].length }, inline(heading[2].replace(/ +#+ *$/, ""))), at + 1];
  if (RULE.test(line)) return [el("hr"), at + 1];
  if (line.includes("|") && TABLE_RULE.test(lines[at + 1] ?? "")) return table(lines, at);
  if (QUOTE.test(line) && depth < MAX_DEPTH) return quote(lines, at, depth);
  if (ITEM.test(line) && depth < MAX_DEPTH) return list(lines, at, depth);
  return paragraph(lines, at, depth);
}

function fenced(lines, at, [, marks, language]) {
  let end = at + 1;
  while (end < lines.length && !(lines[end].trimStart().startsWith(marks) && !lines[end].trim().slice(marks.length))) end += 1;
  const code = el("pre", { className: "code" }, lines.slice(at + 1, end).join("\n"));
  if (language) code.dataset.language = language;
  return [code, end + 1];
}

function quote(lines, at, depth) {
  const inside = [];
  while (at < lines.length && QUOTE.test(lines[at])) inside.push(QUOTE.exec(lines[at++])[1]);
  return [el("blockquote", {}, blocks(inside, depth + 1)), at];
}

function list(lines, at, depth) {
  const [, indent, marker] = ITEM.exec(lines[at]);
  const isOrdered = /\d/.test(marker);
  const items = [];
  while (at < lines.length) {
    const item = ITEM.exec(lines[at]);
    if (!item || item[1].length !== indent.length || /\d/.test(item[2]) !== isOrdered) break;
    const inside = [item[3]];
    at += 1;
    // What is indented further, or follows an empty line indented, belongs to the item.
    while (at < lines.length && (/^\s{2,}\S/.test(lines[at]) ? lines[at].search(/\S/) > indent.length : !lines[at].trim() && /^\s{2,}\S/.test(lines[at + 1] ?? ""))) {
      inside.push(lines[at].slice(Math.min(indent.length + 2, Math.max(0, lines[at].search(/\S/)))));
      at += 1;
    }
    while (at < lines.length && !lines[at].trim() && ITEM.exec(lines[at + 1] ?? "")?.[1].length === indent.length) at += 1;
    items.push(el("li", {}, inside.length > 1 ? blocks(inside, depth + 1) : inline(inside[0])));
  }
  const tag = isOrdered ? "ol" : "ul";
  const drawn = el(tag, {}, items);
  if (isOrdered) drawn.start = parseInt(marker, 10);
  return [drawn, at];
}

function table(lines, at) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
  const head = el("tr", {}, cells(lines[at]).map((cell) => el("th", {}, inline(cell))));
  const rows = [];
  at += 2;
  while (at < lines.length && lines[at].includes("|")) rows.push(el("tr", {}, cells(lines[at++]).map((cell) => el("td", {}, inline(cell)))));
  return [el("table", {}, el("thead", {}, head), el("tbody", {}, rows)), at];
}

function paragraph(lines, at, depth) {
  const text = [lines[at++]];
  const ends = (line) => !line.trim() || FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line) || (depth < MAX_DEPTH && ITEM.test(line));
  while (at < lines.length && !ends(lines[at])) text.push(lines[at++]);
  return [el("p", {}, inline(text.map((line) => line.trim()).join("\n"))), at];
}

function inline(text, depth = 0) {
  const drawn = [];
  let from = 0;
  for (const match of depth < MAX_DEPTH ? text.matchAll(INLINE) : []) {
    if (match.index > from) drawn.push(text.slice(from, match.index));
    drawn.push(span(match, depth));
    from = match.index + match[0].length;
  }
  if (from < text.length) drawn.push(text.slice(from));
  return drawn;
}

function span([whole, , code, bold, bold2, italic, italic2, struck, label, address], depth) {
  if (code !== undefined) return el("code", {}, code);
  if (bold ?? bold2) return el("strong", {}, inline(bold ?? bold2, depth + 1));
  if (italic ?? italic2) return el("em", {}, inline(italic ?? italic2, depth + 1));
  if (struck) return el("s", {}, inline(struck, depth + 1));
  if (address) return el("span", {}, inline(label, depth + 1), el("span", { className: "address" }, `${label ? " " : ""}(${address})`));
  return whole;
}
