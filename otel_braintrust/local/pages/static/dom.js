// Elements are made from names and text only: nothing that was logged is ever parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element with properties, attributes (`attrs`), classes, listeners (`on`) and children (nodes or text). */
export function el(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  const { attrs, on, css, ...properties } = options;
  Object.assign(node, properties);
  for (const [name, value] of Object.entries(attrs ?? {})) if (value != null) node.setAttribute(name, value);
  for (const [name, listener] of Object.entries(on ?? {})) node.addEventListener(name, listener);
  for (const [name, value] of Object.entries(css ?? {})) node.style.setProperty(name, value);
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
}

/** An SVG drawing of one or more paths. */
export function drawing(className, paths, viewBox = "0 0 16 16") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", viewBox);
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  for (const d of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/** A button that copies text and says for a moment that it did. */
export function copyButton(text, label = "Copy") {
  const button = el("button", { className: "button quiet copy", type: "button" }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}

/** Whether a key press belongs to a field the reader is typing in. */
export function isTyping(event) {
  return event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select");
}
