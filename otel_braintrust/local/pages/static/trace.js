// The page of one trace: the tree with its bars on the left, the chosen span on the right.
import { read, repeat, ServerError } from "./api.js";
import { el, isTyping } from "./dom.js";
import { cost, count, duration, exact, plural } from "./format.js";
import { drawTop, logsUrl, place } from "./frame.js";
import { SpanPane } from "./span.js";
import { makeSplitter } from "./splitter.js";
import { Waterfall } from "./waterfall.js";

const { org, project } = place();
const address = new URL(location.href);
const sought = address.searchParams.get("r");
const pane = new SpanPane(document.getElementById("span"), { project, select: (spanId) => waterfall.selectSpan(spanId) });
const waterfall = new Waterfall(document.getElementById("waterfall"), { onSelect: show });
let version = null;

makeSplitter(document.getElementById("splitter"), document.getElementById("trace"));

function show(node) {
  // Walking with j and k must not bury the list under a hundred steps back.
  address.searchParams.set("s", waterfall.keyOf(node));
  history.replaceState(null, "", address);
  pane.show(node, waterfall.axis);
}

function drawFrame(trace, projects) {
  const facts = trace
    ? [
        fact(duration(trace.end_s != null && !trace.open ? trace.end_s - trace.start_s : null), trace.open && "no end yet"),
        fact(plural(trace.spans, "span")),
        trace.model_calls > 0 && fact(plural(trace.model_calls, "model call")),
        trace.tokens != null && fact(`${count(trace.prompt_tokens ?? 0)} / ${count(trace.completion_tokens ?? 0)}`, "tokens in / out"),
        trace.cost_usd != null && fact(cost(trace.cost_usd)),
        trace.errors > 0 && fact(plural(trace.errors, "error"), "", "bad"),
        trace.start_s != null && fact("", exact(trace.start_s)),
      ].filter(Boolean)
    : [];
  drawTop({
    projects,
    current: project,
    org,
    middle: [
      el("a", { className: "crumb", href: logsUrl(org, project) }, "Logs"),
      el("span", { className: "slash" }, "/"),
      el("h1", { className: "here", title: trace?.name ?? "" }, trace?.name ?? "Trace"),
      el("span", { className: "facts" }, facts),
    ],
  });
  document.title = `${trace?.name ?? "Trace"} · ${project}`;
}

function fact(figure, words = "", className = "") {
  return el("span", { className: `fact ${className}` }, figure && el("b", {}, figure), figure && words ? " " : "", words || "");
}

/** Read the trace and draw it; says whether it is here. */
async function load() {
  const { version: readAt, projects, trace } = await read("trace", { project, r: sought });
  version = readAt;
  drawFrame(trace, projects);
  if (trace) waterfall.draw(trace);
  return trace !== null;
}

// A trace may still be growing. What is there stays where it is; only a change redraws the tree.
async function keepUp() {
  const pulse = await read("pulse", { project });
  if (pulse.version === version) return;
  if (await load()) await pane.renew(waterfall.selected);
}

async function waitForTrace() {
  const pulse = await read("pulse", { project });
  if (pulse.version === version || !(await load())) return true;
  begin();
  return false;
}

function begin() {
  waterfall.selectFirst(address.searchParams.get("s"));
  repeat(keepUp, 2000);
}

document.addEventListener("keydown", (event) => {
  if (isTyping(event) || event.defaultPrevented) return;
  if (event.key === "Escape") location.assign(logsUrl(org, project));
  else if (waterfall.press(event.key)) event.preventDefault();
});

try {
  if (await load()) begin();
  else {
    pane.say("This trace has not arrived", `Nothing with the id ${sought} has been received in ${project}. The page shows it when it arrives.`);
    repeat(waitForTrace, 1000);
  }
} catch (error) {
  if (!(error instanceof ServerError)) throw error;
  drawFrame(null, []);
  pane.say("No trace", error.message);
}
