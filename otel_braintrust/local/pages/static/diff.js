// What was said against what was expected, word by word.
import { el } from "./dom.js";

const MAX_CELLS = 4_000_000;

/** Elements that show how `said` becomes `expected`, or null where both are too long to compare. */
export function wordDiff(said, expected) {
  const from = said.match(/\s+|[^\s\w]|\w+/g) ?? [];
  const to = expected.match(/\s+|[^\s\w]|\w+/g) ?? [];
  if (from.length * to.length > MAX_CELLS) return null;
  return el("div", { className: "diff plain" }, joined(steps(from, to)).map(([kind, words]) => el(kind, {}, words)));
}

function steps(from, to) {
  const width = to.length + 1;
  const longest = new Uint32Array((from.length + 1) * width);
  for (let i = from.length - 1; i >= 0; i -= 1) {
    for (let j = to.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] = from[i] === to[j] ? longest[(i + 1) * width + j + 1] + 1 : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const found = [];
  let i = 0;
  let j = 0;
  while (i < from.length || j < to.length) {
    if (i < from.length && j < to.length && from[i] === to[j]) found.push(["span", from[i++], j++]);
    else if (j >= to.length || (i < from.length && longest[(i + 1) * width + j] >= longest[i * width + j + 1])) found.push(["del", from[i++]]);
    else found.push(["ins", to[j++]]);
  }
  return found;
}

function joined(found) {
  const runs = [];
  for (const [kind, words] of found) {
    if (runs.at(-1)?.[0] === kind) runs.at(-1)[1] += words;
    else runs.push([kind, words]);
  }
  return runs;
}
