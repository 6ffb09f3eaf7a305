// An error read from its end: the message, then the frame it was raised in, then its callers.
import { el } from "./dom.js";

const BEGIN = /^Traceback \(most recent call last\):\s*$/m;
const FRAME = /^ {2}File "(.{1,500}?)", line (\d{1,9})(?:, in (.{1,200}))?$/;
const UNDERLINE = /^\s*[~^]+\s*$/;
const CAUSES = /^(?:The above exception was the direct cause of the following exception|During handling of the above exception, another exception occurred):$/m;
const SHOWN_FRAMES = 6;

/** An `error` field as elements. */
export function drawError(error) {
  const text = typeof error === "string" ? error : JSON.stringify(error, null, 2);
  if (typeof error !== "string" || !BEGIN.test(text)) return drawStack(text);
  const [last, ...earlier] = text.split(CAUSES).map(section).reverse();
  return el("div", {}, drawSection(last), earlier.map((cause) => el("div", { className: "cause" }, el("span", { className: "caption" }, "After"), drawSection(cause))));
}

/** A JavaScript stack has its message first and its last frame next: it is only set apart. */
function drawStack(text) {
  const at = text.search(/\n\s+at /);
  if (at < 0) return el("div", { className: "message" }, text);
  const frames = text.slice(at + 1).split("\n").map((line) => line.trim());
  return el("div", {}, el("div", { className: "message" }, text.slice(0, at)), el("pre", { className: "stack" }, frames.join("\n")));
}

function section(text) {
  const lines = text.trim().split("\n");
  const start = lines.findIndex((line) => BEGIN.test(line));
  const frames = [];
  let at = start + 1;
  for (; start >= 0 && at < lines.length && /^\s/.test(lines[at]); at += 1) {
    const frame = FRAME.exec(lines[at]);
    if (frame) frames.push({ file: frame[1], line: frame[2], name: frame[3] ?? "", code: [] });
    else if (!UNDERLINE.test(lines[at])) frames.at(-1)?.code.push(lines[at].replace(/^ {4}/, ""));
  }
  return { frames: frames.reverse(), message: lines.slice(at).join("\n").trim() };
}

function drawSection({ frames, message }) {
  const shown = frames.slice(0, SHOWN_FRAMES).map(drawFrame);
  const rest = frames.slice(SHOWN_FRAMES);
  if (rest.length) {
    const more = el("button", { className: "more", type: "button" }, `${rest.length} more ${rest.length === 1 ? "frame" : "frames"}`);
    more.addEventListener("click", () => more.replaceWith(...rest.map(drawFrame)));
    shown.push(more);
  }
  return el("div", {}, el("div", { className: "message" }, message), el("ol", { className: "frames" }, shown));
}

function drawFrame({ file, line, name, code }) {
  const folder = file.slice(0, file.lastIndexOf("/") + 1);
  return el(
    "li",
    {},
    el("div", { className: "frame", title: file }, el("b", {}, name), el("span", {}, folder), el("span", { className: "file" }, `${file.slice(folder.length)}:${line}`)),
    code.length > 0 && el("pre", {}, code.join("\n")),
  );
}
