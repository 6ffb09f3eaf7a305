// The right side of the trace page: everything about the chosen span.
import { read, ServerError } from "./api.js";
import { conversation, prose } from "./conversation.js";
import { wordDiff } from "./diff.js";
import { copyButton, el } from "./dom.js";
import { cost, count, duration, exact, figure, plural, score } from "./format.js";
import { groupIcon, missingIcon, typeIcon } from "./icons.js";
import { jsonTree } from "./json.js";
import { parsed, turnsOf } from "./messages.js";
import { drawError } from "./traceback.js";

const KEPT_ROWS = 100;
const VIEWS = { markdown: "Markdown", text: "Text", json: "JSON" };

export class SpanPane {
  constructor(container, { project, select }) {
    this.container = container;
    this.project = project;
    this.select = select;
    this.rows = new Map();
  }

  /** Show a node of the tree. What was shown stays until the new content is here, so nothing flickers. */
  async show(node) {
    this.asking?.abort();
    if (node.kind === "missing") return this.#showMissing(node);
    if (node.kind === "group") return this.#showGroup(node);
    const asking = new AbortController();
    this.asking = asking;
    try {
      const row = this.rows.get(node.id) ?? (await read("row", { project: this.project, id: node.id }, { signal: asking.signal }));
      if (asking.signal.aborted) return;
      this.#keep(node.id, row);
      this.container.replaceChildren(...this.#drawRow(row, node));
      this.container.scrollTop = 0;
    } catch (error) {
      if (error instanceof ServerError) this.say("Not here", error.message);
      else if (error.name !== "AbortError") throw error;
    }
  }

  /** After the trace has changed: show the same span again if its row is another. */
  async renew(node) {
    this.rows.clear();
    if (node?.kind !== "span") return;
    const row = await read("row", { project: this.project, id: node.id });
    if (row._xact_id === this.shown) return;
    const { scrollTop } = this.container;
    this.container.replaceChildren(...this.#drawRow(row, node));
    this.container.scrollTop = scrollTop;
  }

  say(title, text) {
    this.container.replaceChildren(el("p", { className: "notice" }, el("b", {}, title), text));
  }

  #keep(id, row) {
    this.rows.set(id, row);
    if (this.rows.size > KEPT_ROWS) this.rows.delete(this.rows.keys().next().value);
  }

  #showMissing(node) {
    this.container.replaceChildren(
      header(missingIcon(), "Parent not received", ""),
      el("p", { className: "explained" }, `The spans below name ${node.span_id} as their parent. It has not arrived: its process may log elsewhere or not at all, it may still be running, or it was filtered out.`),
    );
  }

  #showGroup(node) {
    this.container.replaceChildren(
      header(groupIcon(), `${count(node.count)} × ${node.name}`, node.type),
      el(
        "div",
        { className: "explained" },
        figures([
          ["From first start to last end", node.end_s != null && duration(node.end_s - node.start_s)],
          ["Tokens", count(node.tokens)],
          ["Errors", node.errors ? count(node.errors) : ""],
        ]),
        el("p", {}, "Siblings of one name, folded. Press → to open them."),
      ),
    );
  }

  #drawRow(row, node) {
    this.shown = row._xact_id;
    return [
      header(typeIcon(node.type), node.name, node.type, figures(figuresOf(row)), copyButton(location.href, "Copy link")),
      node.cut && note("The parent links of this span run in a circle. It is shown at the top, and its parent below it."),
      node.other_parents && !node.cut && this.#otherParents(node.other_parents),
      row.error != null && section("Error", el("div", { className: "error" }, drawError(row.error)), { copy: asText(row.error) }),
      content("Input", row.input),
      content("Output", row.output),
      expected(row),
      scores(row.scores),
      comments(row.comments),
      row.tags?.length ? section("Tags", el("div", { className: "pills" }, row.tags.map((tag) => el("span", { className: "pill tag" }, el("span", {}, tag))))) : null,
      tree("Metadata", row.metadata, { search: true }),
      metrics(row.metrics),
      raw(row),
    ].filter(Boolean);
  }

  #otherParents(ids) {
    const links = ids.map((id) => el("button", { className: "more mono", type: "button", on: { click: () => this.select(id) } }, id));
    return el("p", { className: "explained" }, `This span has ${plural(ids.length, "further parent")}: `, links);
  }
}

function header(icon, name, type, ...more) {
  const [facts, button] = more;
  return el("header", { className: "header" }, el("div", { className: "title" }, icon, el("h2", { title: name }, name), el("span", { className: "kind" }, type ?? ""), button), facts);
}

function figures(pairs) {
  return el(
    "dl",
    { className: "figures" },
    pairs.filter(([, value]) => value).map(([name, value, extra]) => el("div", { className: "figure" }, el("dt", {}, name), el("dd", {}, value, extra ? el("small", {}, ` ${extra}`) : ""))),
  );
}

function figuresOf(row) {
  const metrics = row.metrics ?? {};
  const { start, end } = metrics;
  const details = [
    metrics.prompt_cached_tokens && `${count(metrics.prompt_cached_tokens)} cached`,
    metrics.completion_reasoning_tokens && `${count(metrics.completion_reasoning_tokens)} reasoning`,
  ].filter(Boolean);
  const used = metrics.prompt_tokens != null || metrics.completion_tokens != null ? `${count(metrics.prompt_tokens ?? 0)} in / ${count(metrics.completion_tokens ?? 0)} out` : count(metrics.tokens);
  return [
    ["Model", typeof row.metadata?.model === "string" ? row.metadata.model : ""],
    ["Duration", start != null && end != null ? duration(end - start) : start != null ? "no end received" : ""],
    ["First token", metrics.time_to_first_token != null ? duration(metrics.time_to_first_token) : ""],
    ["Tokens", used, details.length ? `(${details.join(", ")})` : ""],
    ["Cost", cost(metrics.estimated_cost)],
    ["Start", start != null ? exact(start) : (row.created ?? "")],
  ];
}

function note(text) {
  return el("p", { className: "explained" }, text);
}

function section(title, body, { tools = [], copy } = {}) {
  return el(
    "section",
    { className: `part part-${title.toLowerCase()}` },
    el("div", { className: "bar-of" }, el("h3", {}, title), el("span", { className: "tools" }, tools, copy === undefined ? "" : copyButton(copy))),
    body,
  );
}

function asText(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** Input or output: a conversation where it is one, words where it is words, JSON where it is neither. */
function content(title, value) {
  if (value === null || value === undefined) return null;
  const known = turnsOf(value) ?? turnsOf(parsed(value));
  const isText = typeof value === "string" && (known || typeof parsed(value) === "string");
  const views = known || isText ? ["markdown", "text", "json"] : ["json", "text"];
  const key = known || isText ? "view-of-words" : "view-of-data";
  const draw = {
    markdown: () => (known ? conversation(turnsOf(parsed(value)), "markdown") : el("div", { className: "alone" }, prose(value, "markdown"))),
    text: () => (known ? conversation(turnsOf(parsed(value)), "text") : el("div", { className: "alone" }, prose(asText(value), "text"))),
    json: () => jsonTree(parsed(value)),
  };
  const body = el("div", { className: "body" });
  const buttons = views.map((view) => el("button", { type: "button", className: "view", on: { click: () => show(view, true) } }, VIEWS[view]));
  const show = (view, isChosen) => {
    body.replaceChildren(draw[view]());
    for (const [index, button] of buttons.entries()) button.ariaPressed = String(views[index] === view);
    if (isChosen) localStorage.setItem(key, view);
  };
  const kept = localStorage.getItem(key);
  show(views.includes(kept) ? kept : views[0]);
  return section(title, body, { tools: el("span", { className: "views", role: "group", ariaLabel: `View of ${title}` }, buttons), copy: () => asText(value) });
}

/** The words of an answer, whatever it is wrapped in. */
function wordsOf(value) {
  const turns = turnsOf(value);
  if (!turns) return asText(value);
  return turns.flatMap((turn) => turn.parts.filter((part) => part.kind === "text").map((part) => part.text)).join("\n");
}

function expected(row) {
  if (row.expected === null || row.expected === undefined) return null;
  if (row.output === null || row.output === undefined) return content("Expected", row.expected);
  const [said, wanted] = [wordsOf(row.output), wordsOf(row.expected)];
  if (said === wanted) return section("Expected", el("p", { className: "same" }, "The output is as expected."), { copy: wanted });
  const difference = wordDiff(said, wanted);
  return difference ? section("Expected", el("div", { className: "alone" }, difference), { copy: wanted }) : content("Expected", row.expected);
}

function scores(values) {
  const known = Object.entries(values ?? {});
  if (!known.length) return null;
  return section(
    "Scores",
    el(
      "dl",
      { className: "scores" },
      known.map(([name, value]) =>
        el(
          "div",
          {},
          el("dt", {}, name),
          el("dd", { title: String(value) }, el("span", { className: "gauge" }, typeof value === "number" ? el("i", { css: { width: `${Math.max(0, Math.min(1, value)) * 100}%` } }) : ""), el("b", {}, typeof value === "number" ? score(value) : "none")),
        ),
      ),
    ),
  );
}

function comments(values) {
  if (!values?.length) return null;
  return section(
    "Comments",
    el("div", { className: "comments" }, values.map((entry) => el("div", { className: "plain" }, String(entry.comment?.text ?? ""), el("small", {}, exact(Date.parse(entry.created) / 1000) || "")))),
  );
}

const UNITS = { start: exact, end: exact, time_to_first_token: duration, estimated_cost: cost };

function metrics(values) {
  const known = Object.entries(values ?? {});
  if (!known.length) return null;
  return section(
    "Metrics",
    el("dl", { className: "metrics" }, known.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", { title: String(value) }, typeof value === "number" ? (Object.hasOwn(UNITS, name) ? UNITS[name] : figure)(value) : String(value))))),
  );
}

function tree(title, value, { search = false } = {}) {
  if (value === null || value === undefined || !Object.keys(value).length) return null;
  const body = el("div", { className: "body" }, jsonTree(value));
  const field = search && Object.keys(value).length > 6 && el("input", { type: "search", placeholder: "Filter", ariaLabel: `Filter ${title}`, className: "filter" });
  if (field) {
    field.addEventListener("input", () => {
      const sought = field.value.trim().toLowerCase();
      const kept = Object.entries(value).filter(([key, inner]) => `${key} ${asText(inner)}`.toLowerCase().includes(sought));
      body.replaceChildren(kept.length ? jsonTree(Object.fromEntries(kept)) : el("p", { className: "nothing" }, "Nothing matches."));
    });
  }
  return section(title, body, { tools: field || [], copy: () => asText(value) });
}

function raw(row) {
  const details = el("details", { className: "part raw" }, el("summary", { className: "bar-of" }, el("h3", {}, "Raw row"), el("span", { className: "mono id" }, row.id)));
  details.addEventListener(
    "toggle",
    () => details.childElementCount === 1 && details.append(el("div", { className: "body" }, copyButton(() => asText(row)), el("pre", { className: "source" }, asText(row)))),
  );
  return details;
}
