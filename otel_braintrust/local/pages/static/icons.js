import { drawing } from "./dom.js";

// 16 × 16, strokes only; one shape a span type, so that type does not hang on colour alone.
const TYPES = {
  llm: ["M8 1.75 9.6 6.4 14.25 8 9.6 9.6 8 14.25 6.4 9.6 1.75 8 6.4 6.4Z"],
  tool: ["M10.2 2.1a3.6 3.6 0 0 0-4.4 4.6L2.2 10.3a1.5 1.5 0 0 0 0 2.1l1.4 1.4a1.5 1.5 0 0 0 2.1 0l3.6-3.6a3.6 3.6 0 0 0 4.6-4.4L11.6 8 8.9 7.1 8 4.4Z"],
  function: ["M10.5 2.5h-.8c-1.2 0-1.8.7-2 1.9L6.3 11.6c-.2 1.2-.8 1.9-2 1.9h-.8", "M4.5 6.5h5.5", "M10 9.5l3 4M13 9.5l-3 4"],
  score: ["M8 1.9 9.8 5.7 14 6.3 11 9.2 11.7 13.4 8 11.4 4.3 13.4 5 9.2 2 6.3 6.2 5.7Z"],
  eval: ["M5.5 1.75h5M6.5 1.75v4.5L2.75 12.5a1.2 1.2 0 0 0 1 1.75h8.5a1.2 1.2 0 0 0 1-1.75L9.5 6.25v-4.5", "M4.5 10h7"],
  review: ["M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8Z", "M8 6a2 2 0 1 1 0 4 2 2 0 0 1 0-4"],
  classifier: ["M2.5 8.5V3.2c0-.4.3-.7.7-.7h5.3l5 5-6 6Z", "M5.6 5.6h.01"],
  automation: ["M9 1.75 3.5 9H8l-1 5.25L12.5 7H8Z"],
  task: ["M2.75 4A1.25 1.25 0 0 1 4 2.75h8A1.25 1.25 0 0 1 13.25 4v8A1.25 1.25 0 0 1 12 13.25H4A1.25 1.25 0 0 1 2.75 12Z", "M5.5 8.2l1.7 1.7 3.3-3.6"],
};
const PLAIN = ["M3 8a5 5 0 1 0 10 0 5 5 0 1 0-10 0"];
const MISSING = ["M8 2v2.2M8 11.8V14M2 8h2.2M11.8 8H14M3.8 3.8l1.5 1.5M10.7 10.7l1.5 1.5M12.2 3.8l-1.5 1.5M5.3 10.7l-1.5 1.5"];
const GROUP = ["M3 4.5h10M3 8h10M3 11.5h10"];
const SHAPES = {
  chevron: ["M6 4l4 4-4 4"],
  sun: ["M8 5.25a2.75 2.75 0 1 1 0 5.5 2.75 2.75 0 0 1 0-5.5", "M8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M12.6 3.4l-.7.7M4.1 11.9l-.7.7"],
  moon: ["M13.5 9.5A5.8 5.8 0 0 1 6.5 2.5a5.8 5.8 0 1 0 7 7Z"],
  system: ["M2.25 3.5h11.5v7.5H2.25ZM6 13.5h4M8 11v2.5"],
};

export function typeIcon(type) {
  // A type is whatever was logged, `constructor` included.
  const isKnown = Object.hasOwn(TYPES, type ?? "");
  return drawing(`icon type ${isKnown ? type : "plain"}`, isKnown ? TYPES[type] : PLAIN);
}

export function missingIcon() {
  return drawing("icon type missing", MISSING);
}

export function groupIcon() {
  return drawing("icon type group", GROUP);
}

export function shape(name, className = "icon") {
  return drawing(className, SHAPES[name]);
}
