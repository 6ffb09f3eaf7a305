// A project without traces: how to send the first one to this very server.
import { copyButton, el } from "./dom.js";

/** Say how the first span gets here; the list takes over when it does. */
export function drawEmpty(main, project, { isKeyFixed }) {
  const url = location.origin;
  main.replaceChildren(
    el(
      "section",
      { className: "empty" },
      el("h1", {}, "Waiting for the first span"),
      el("p", {}, `Nothing has been logged to ${project} yet. This page shows it as soon as it arrives.`),
      ways(url, project, isKeyFixed ? "<the key this server was started with>" : "local").map(drawWay),
      el("p", { className: "waiting", role: "status" }, el("span", { className: "dot open" }), `Listening at ${url}`),
    ),
  );
}

function ways(url, project, key) {
  return [
    {
      title: "Environment variables, no change to the code",
      note: "For any application that OpenTelemetry's zero-code instrumentation can start.",
      code: [
        "export OTEL_TRACES_EXPORTER=braintrust",
        `export BRAINTRUST_API_URL=${url}`,
        `export BRAINTRUST_APP_URL=${url}`,
        `export BRAINTRUST_API_KEY=${shellWord(key)}`,
        `export BRAINTRUST_PROJECT=${shellWord(project)}`,
        "opentelemetry-instrument python app.py",
      ].join("\n"),
    },
    {
      title: "Python: one import, one call",
      note: "At the start of the application, beside whatever OpenTelemetry set-up it has.",
      code: [
        "import otel_braintrust",
        "otel_braintrust.configure(",
        `    project=${JSON.stringify(project)}, api_key=${JSON.stringify(key)},`,
        `    api_url="${url}", app_url="${url}",`,
        ")",
      ].join("\n"),
    },
    {
      title: "The demo",
      note: "A small agent with a tool call, a stream and an error, in a local Braintrust of its own.",
      code: "otel-braintrust demo --keep",
    },
  ];
}

function shellWord(text) {
  return /^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function drawWay({ title, note, code }) {
  return el(
    "div",
    { className: "way" },
    el("h2", {}, title),
    el("p", {}, note),
    el("div", { className: "snippet" }, el("pre", {}, code), copyButton(code)),
  );
}
