import { el } from "./dom.js";
import { shape } from "./icons.js";

const THEMES = { system: "system", light: "sun", dark: "moon" };

/** The place a page shows, read from its own address. */
export function place() {
  const [, , org, , ...rest] = location.pathname.split("/");
  const project = rest.slice(0, -1).map(decodeURIComponent).join("/");
  return { org: decodeURIComponent(org), project };
}

/** The address of a project's logs. */
export function logsUrl(org, project) {
  return `/app/${encodeURIComponent(org)}/p/${encodeURIComponent(project)}/logs`;
}

/** Fill the bar at the top: mark, project, what the page adds, theme switch. */
export function drawTop({ projects, current, org, middle = [], end = [] }) {
  const names = projects.map((project) => project.name);
  if (!names.includes(current)) names.unshift(current);
  const select = el(
    "select",
    { ariaLabel: "Project", on: { change: () => location.assign(logsUrl(org, select.value)) } },
    names.map((name) => el("option", { value: name, selected: name === current }, name)),
  );
  document.getElementById("top").replaceChildren(
    el("a", { className: "logo", href: logsUrl(org, current), ariaLabel: "Logs" }, el("img", { src: "/ui/static/icon.svg", alt: "" })),
    select,
    el("span", { className: "slash" }, "/"),
    ...middle,
    el("span", { className: "space" }),
    ...end,
    themeButton(),
  );
}

function themeButton() {
  const names = Object.keys(THEMES);
  const button = el("button", { className: "button quiet", type: "button" });
  let current = document.documentElement.dataset.theme ?? "system";
  const draw = () => {
    button.replaceChildren(shape(THEMES[current]));
    button.title = `Theme: ${current}`;
    button.ariaLabel = button.title;
  };
  button.addEventListener("click", () => {
    current = names[(names.indexOf(current) + 1) % names.length];
    if (current === "system") {
      delete document.documentElement.dataset.theme;
      localStorage.removeItem("theme");
    } else {
      document.documentElement.dataset.theme = current;
      localStorage.setItem("theme", current);
    }
    draw();
  });
  draw();
  return button;
}
