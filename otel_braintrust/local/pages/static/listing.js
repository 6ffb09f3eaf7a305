// One row of the list, and the head above it.
import { el } from "./dom.js";
import { ago, cost, count, duration, exact, plural, score } from "./format.js";
import { typeIcon } from "./icons.js";

const COLUMNS = [
  ["c-status", "", ""],
  ["c-name", "Name", ""],
  ["c-said", "Input → output", ""],
  ["c-duration", "Duration", "end"],
  ["c-tokens", "Tokens in / out", "end"],
  ["c-cost", "Cost", "end"],
  ["c-labels", "Scores and tags", "marks"],
  ["c-user", "User", "who"],
  ["c-time", "Time", "end"],
];

const STATUS = { ok: "Succeeded", error: "Failed", recovered: "Succeeded, with an error inside", open: "No end received yet" };

export function HEAD() {
  return el(
    "thead",
    {},
    el(
      "tr",
      {},
      COLUMNS.map(([width, title, align]) => el("th", { className: `${width} ${align}`, scope: "col" }, title)),
    ),
  );
}

/** A row for one trace; `scale` has the duration whose bar is full, and whether enough traces make it telling. */
export function drawRow(trace, href, scale) {
  return el(
    "tr",
    {},
    el("td", { className: "status" }, dot(trace)),
    el("td", {}, named(trace, href)),
    el("td", {}, said(trace)),
    el("td", { className: "end" }, lasted(trace, scale)),
    el("td", { className: "end" }, tokens(trace)),
    el("td", { className: "end", title: trace.cost_usd == null ? "" : `$${trace.cost_usd}` }, quantity(cost(trace.cost_usd))),
    el("td", { className: "marks" }, el("div", { className: "labels" }, labels(trace))),
    el("td", { className: "who", title: trace.user ?? "" }, trace.user ?? ""),
    el("td", { className: "end" }, el("time", { className: "when", title: exact(trace.time_s) }, ago(trace.time_s))),
  );
}

function dot(trace) {
  const status = trace.status === "ok" && trace.open ? "open" : trace.status;
  return el("span", { className: `dot ${status}`, title: STATUS[status], role: "img", ariaLabel: STATUS[status] });
}

function named(trace, href) {
  return el(
    "div",
    { className: "named" },
    typeIcon(trace.type),
    el("a", { href, title: `${trace.name}\n${plural(trace.spans, "span")}` }, trace.name),
    trace.spans > 1 && el("span", { className: "count", title: plural(trace.spans, "span") }, count(trace.spans)),
  );
}

function said(trace) {
  const answer = trace.error
    ? el("span", { className: "failed", title: trace.error }, el("span", { className: "arrow" }, "→"), trace.error)
    : el("span", { className: "answered", title: trace.output }, trace.output && el("span", { className: "arrow" }, "→"), trace.output);
  return [el("span", { className: "said", title: trace.input }, trace.input), answer];
}

function lasted(trace, { full_s, isTelling }) {
  if (trace.open) return el("span", { className: "quantity none" }, "no end yet");
  if (trace.duration_s == null) return "";
  const fill = el("i", { css: { width: `${full_s ? Math.max(2, Math.min(100, (trace.duration_s / full_s) * 100)) : 0}%` } });
  return [quantity(duration(trace.duration_s)), el("span", { className: `scale${isTelling && trace.duration_s >= full_s ? " slow" : ""}` }, fill)];
}

function tokens(trace) {
  if (trace.prompt_tokens == null && trace.completion_tokens == null) return quantity(count(trace.tokens));
  return el(
    "span",
    { className: "quantity tokens" },
    el("span", { className: "in" }, `${trace.prompt_tokens == null ? "–" : count(trace.prompt_tokens)} / `),
    trace.completion_tokens == null ? "–" : count(trace.completion_tokens),
  );
}

function quantity(text) {
  return el("span", { className: "quantity" }, text);
}

function labels(trace) {
  const scores = Object.entries(trace.scores).map(([name, value]) =>
    el("span", { className: "pill", title: `${name} ${value}` }, el("span", {}, name), el("b", {}, score(value))),
  );
  const tags = trace.tags.map((tag) => el("span", { className: "pill tag", title: tag }, el("span", {}, tag)));
  return [...scores, ...tags];
}
