// Turns of a conversation as the reader sees them: role at the left edge, words large, a tool's call and its
// result in one block, reasoning folded, images in place.
import { el } from "./dom.js";
import { count, plural } from "./format.js";
import { shape, typeIcon } from "./icons.js";
import { jsonTree } from "./json.js";
import { markdown } from "./markdown.js";
import { medium } from "./media.js";
import { parsed } from "./messages.js";

const LONG_TEXT = 6_000;
const SHOWN_TEXT = 3_000;
const MANY_TURNS = 16;
const LAST_TURNS = 8;

/** Draw turns; of a long conversation the first and the last, the rest at a click. */
export function conversation(turns, view) {
  const drawn = el("div", { className: "turns" });
  if (turns.length <= MANY_TURNS) {
    drawn.append(...turns.map((turn) => drawTurn(turn, view)));
    return drawn;
  }
  const hidden = turns.slice(2, -LAST_TURNS);
  const more = el("button", { className: "more between", type: "button" }, `${plural(hidden.length, "turn")} between`);
  more.addEventListener("click", () => more.replaceWith(...hidden.map((turn) => drawTurn(turn, view))));
  drawn.append(...turns.slice(0, 2).map((turn) => drawTurn(turn, view)), more, ...turns.slice(-LAST_TURNS).map((turn) => drawTurn(turn, view)));
  return drawn;
}

function drawTurn(turn, view) {
  return el(
    "div",
    { className: `turn ${["user", "assistant", "system", "tool"].includes(turn.role) ? turn.role : "other"}` },
    el("div", { className: "role" }, turn.role, turn.name && el("span", { className: "named" }, turn.name), turn.note && el("span", { className: "note" }, turn.note), turn.finish && el("span", { className: "note finish", title: "How the model's answer ended" }, turn.finish)),
    el("div", { className: "parts" }, turn.parts.length ? turn.parts.map((part) => drawPart(part, view)) : el("span", { className: "nothing" }, "(empty)")),
  );
}

const PARTS = {
  text: (part, view) => prose(part.text, view),
  reasoning: drawReasoning,
  refusal: (part, view) => el("div", { className: "refusal" }, el("span", { className: "caption" }, "Refused"), prose(part.text, view)),
  call: drawCall,
  result: (part, view) => el("div", { className: "call" }, callHead(part.name ?? "result", part.id), resultOf(part.content, view)),
  image: medium,
  file: medium,
  json: (part) => jsonTree(part.value),
};

function drawPart(part, view) {
  return PARTS[part.kind](part, view);
}

/** Text as Markdown or as it is; very long text is cut, the whole one click away. */
export function prose(text, view) {
  const draw = view === "text" ? (words) => el("div", { className: "plain" }, words) : markdown;
  if (text.length <= LONG_TEXT) return draw(text);
  const box = el("div", {});
  const more = el("button", { className: "more", type: "button" }, `Show all ${count(text.length)} characters`);
  more.addEventListener("click", () => box.replaceChildren(draw(text)));
  box.append(draw(`${text.slice(0, SHOWN_TEXT)}…`), more);
  return box;
}

function drawReasoning(part, view) {
  const details = el("details", { className: "reasoning" }, el("summary", {}, shape("chevron"), "Reasoning", el("span", { className: "size" }, plural(part.text.length, "character"))));
  details.addEventListener("toggle", () => details.childElementCount === 1 && details.append(prose(part.text, view)), { once: true });
  return details;
}

function drawCall(part, view) {
  const given = part.arguments;
  const isEmpty = given == null || given === "" || (typeof given === "object" && !Object.keys(given).length);
  return el(
    "div",
    { className: "call" },
    callHead(part.name, part.id),
    !isEmpty && el("div", { className: "given" }, typeof given === "object" ? jsonTree(given) : el("pre", {}, String(given))),
    part.result !== undefined && resultOf(part.result, view),
  );
}

function callHead(name, id) {
  return el("div", { className: "callhead", title: id ?? "" }, typeIcon("tool"), el("span", { className: "mono" }, name));
}

function resultOf(content, view) {
  const value = parsed(content);
  const inner = Array.isArray(value) && value.length && value.every((part) => part?.type === "text" && typeof part.text === "string") ? value.map((part) => part.text).join("\n") : value;
  const shown = inner === null || inner === "" ? el("span", { className: "nothing" }, "(empty)") : typeof inner === "object" ? jsonTree(inner) : prose(String(inner), view);
  return el("div", { className: "result" }, el("span", { className: "caption" }, "Result"), shown);
}
