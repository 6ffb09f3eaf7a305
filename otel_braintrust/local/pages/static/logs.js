// The list of traces: latest first, older ones as the reader scrolls, newer ones when the reader asks.
import { read, repeat, ServerError } from "./api.js";
import { el, isTyping } from "./dom.js";
import { drawEmpty } from "./empty.js";
import { ago } from "./format.js";
import { drawTop, logsUrl, place } from "./frame.js";
import { drawRow, HEAD } from "./listing.js";

const { org, project } = place();
const main = document.getElementById("logs");
const state = { version: null, cursor: null, projects: [], rows: new Map(), scale: null, chosen: null, loading: false };
const ENOUGH_TO_COMPARE = 20;
let table, body, foot;

const traceUrl = (trace) => `${logsUrl(org, project)}?${new URLSearchParams({ r: trace.root_span_id })}`;

function drawFrame(news = 0) {
  const button =
    news > 0 &&
    el("button", { className: "button news", type: "button", on: { click: showNews } }, news === 1 ? "1 new trace" : `${news} new traces`);
  drawTop({
    projects: state.projects,
    current: project,
    org,
    middle: [el("span", { className: "here" }, "Logs")],
    end: [button].filter(Boolean),
  });
  document.title = `${news ? `(${news}) ` : ""}${project} · Logs`;
}

function drawTable() {
  body = el("tbody");
  foot = el("p", { className: "foot" });
  table = el("table", {}, HEAD(), body);
  main.replaceChildren(table, foot);
}

// The bar beside a duration is measured against the 95th percentile of what is listed, so that one
// trace of an hour does not flatten the rest.
function scaleOf(traces) {
  const durations = traces.map((trace) => trace.duration_s).filter((value) => value != null).sort((a, b) => a - b);
  const full_s = durations.length ? durations[Math.ceil(durations.length * 0.95) - 1] : 0;
  return { full_s, isTelling: durations.length >= ENOUGH_TO_COMPARE };
}

function put(traces, where) {
  const fresh = traces.filter((trace) => !state.rows.has(trace.root_span_id));
  state.scale ??= scaleOf(traces);
  const rows = fresh.map((trace) => {
    const row = drawRow(trace, traceUrl(trace), state.scale);
    row.addEventListener("mousedown", () => choose(row, { scroll: false }));
    state.rows.set(trace.root_span_id, { trace, row });
    return row;
  });
  if (where === "above") body.prepend(...rows);
  else body.append(...rows);
  return fresh;
}

/** Redraw rows in place whose trace has changed, such as one that has ended. */
function renew(traces) {
  for (const trace of traces) {
    const known = state.rows.get(trace.root_span_id);
    if (!known || known.trace.xact_id === trace.xact_id) continue;
    const row = drawRow(trace, traceUrl(trace), state.scale);
    row.addEventListener("mousedown", () => choose(row, { scroll: false }));
    row.classList.toggle("chosen", known.row === state.chosen);
    if (known.row === state.chosen) state.chosen = row;
    known.row.replaceWith(row);
    state.rows.set(trace.root_span_id, { trace, row });
  }
}

async function load() {
  const page = await read("traces", { project });
  Object.assign(state, { version: page.version, projects: page.projects, isKeyFixed: page.key_fixed });
  if (!page.traces.length) return false;
  state.cursor = page.cursor;
  drawFrame();
  drawTable();
  put(page.traces, "below");
  tellEnd();
  watchEnd();
  return true;
}

function tellEnd() {
  foot.textContent = state.cursor ? "" : `${state.rows.size === 1 ? "1 trace" : `${state.rows.size} traces`} in ${project}`;
}

async function loadOlder() {
  if (!state.cursor || state.loading) return;
  state.loading = true;
  try {
    const page = await read("traces", { project, cursor: state.cursor });
    state.cursor = page.cursor;
    put(page.traces, "below");
    tellEnd();
  } catch (error) {
    foot.textContent = error.message;
  } finally {
    state.loading = false;
  }
}

function watchEnd() {
  const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && loadOlder(), {
    root: main,
    rootMargin: "800px",
  });
  observer.observe(foot);
}

let unseen = [];

async function lookForNews() {
  const pulse = await read("pulse", { project });
  if (pulse.version === state.version) return;
  const page = await read("traces", { project });
  state.version = page.version;
  renew(page.traces);
  unseen = page.traces.filter((trace) => !state.rows.has(trace.root_span_id));
  drawFrame(unseen.length);
}

function showNews() {
  put(unseen, "above");
  unseen = [];
  drawFrame();
  tellEnd();
  main.scrollTo({ top: 0 });
}

async function waitForFirst() {
  const pulse = await read("pulse", { project });
  if (!pulse.project) return true;
  if (pulse.project !== project) {
    location.replace(logsUrl(org, pulse.project));
    return false;
  }
  if (!(await load())) return true;
  repeat(lookForNews, 2000);
  return false;
}

function choose(row, { scroll = true } = {}) {
  state.chosen?.classList.remove("chosen");
  state.chosen = row;
  row.classList.add("chosen");
  if (scroll) row.scrollIntoView({ block: "nearest" });
}

const MOVES = {
  j: (at, last) => Math.min(at + 1, last),
  k: (at) => Math.max(at - 1, 0),
  ArrowDown: (at, last) => Math.min(at + 1, last),
  ArrowUp: (at) => Math.max(at - 1, 0),
  Home: () => 0,
  End: (at, last) => last,
};

document.addEventListener("keydown", (event) => {
  if (isTyping(event) || !body) return;
  const rows = [...body.rows];
  const at = rows.indexOf(state.chosen);
  if (event.key in MOVES) {
    event.preventDefault();
    choose(rows[MOVES[event.key](at, rows.length - 1)]);
  } else if (event.key === "Enter" && at >= 0 && !event.target.closest("a, button")) {
    location.assign(rows[at].querySelector("a").href);
  }
});

main.addEventListener("click", (event) => {
  const row = event.target.closest("tbody tr");
  if (!row || event.target.closest("a") || String(getSelection())) return;
  const { href } = row.querySelector("a");
  if (event.metaKey || event.ctrlKey) window.open(href);
  else location.assign(href);
});

setInterval(() => {
  for (const { trace, row } of state.rows.values()) row.querySelector(".when").textContent = ago(trace.time_s);
}, 30_000);

try {
  if (await load()) {
    repeat(lookForNews, 2000);
  } else {
    drawFrame();
    drawEmpty(main, project, state);
    repeat(waitForFirst, 1000);
  }
} catch (error) {
  if (!(error instanceof ServerError)) throw error;
  drawFrame();
  main.replaceChildren(el("p", { className: "notice" }, el("b", {}, "No logs"), error.message));
}
