// Pictures, sound, films and files: what this server has is shown or linked, what lies elsewhere is only named,
// and nothing of either is ever run.
import { read, ServerError } from "./api.js";
import { el } from "./dom.js";
import { count } from "./format.js";

// Only formats that browsers draw without running anything; SVG is none.
const BITMAPS = /^image\/(png|jpe?g|gif|webp|avif|bmp)$/i;
const SOUNDS = /^audio\/[\w.+-]+$/i;
const FILMS = /^video\/(mp4|webm|ogg)$/i;
const DATA = /^data:([\w.+-]+\/[\w.+-]+)(;[\w=.-]+)*;base64,[\w+/=\s-]*$/i;
const REFERENCES = new Set(["braintrust_attachment", "external_attachment", "inline_attachment"]);
const ASK_AGAIN_MS = 2_000;
const MAX_ASKS = 60;
const UNITS = ["bytes", "KiB", "MiB", "GiB"];

/** Whether a value stands for a file. */
export function isReference(value) {
  return value !== null && typeof value === "object" && REFERENCES.has(value.type) && typeof value.filename === "string";
}

/** Whether a text is a picture, sound or film that can be shown as it is. */
export function isShowable(text) {
  const type = typeof text === "string" && text.startsWith("data:") ? DATA.exec(text)?.[1] : null;
  return Boolean(type) && player(type) !== null;
}

/** A file by its reference, or by the parts of one: `kind`, `name`, `type`, `address`, `key`. */
export function medium(part) {
  const { kind, name, type, address, key } = isReference(part) ? fromReference(part) : part;
  if (key) return attached({ name, type, key });
  if (isShowable(address)) return show(DATA.exec(address)[1], address, name);
  return named(kind, { name, type, address }, kind === "image" && address && !address.startsWith("data:") ? "not fetched" : "");
}

/** What a reference says. */
export function fromReference(reference) {
  const type = typeof reference.content_type === "string" ? reference.content_type : null;
  const text = (value) => (typeof value === "string" ? value : null);
  return { kind: type?.startsWith("image/") ? "image" : "file", name: text(reference.filename), type, address: text(reference.src ?? reference.url), key: reference.type === "braintrust_attachment" ? text(reference.key) : null };
}

/** A medium that is named, not shown: this page asks no other host for anything. */
function named(kind, { name, type, address }, note) {
  const data = typeof address === "string" && address.startsWith("data:");
  const where = data ? `${address.slice(5, address.indexOf(",") > 0 ? Math.min(address.indexOf(","), 60) : 60)} · ${count(address.length)} characters` : address;
  return el(
    "div",
    { className: "medium" },
    el("span", { className: "caption" }, [kind, name, type, note].filter(Boolean).join(" · ")),
    where && el("span", { className: "mono" }, String(where).slice(0, 2000)),
  );
}

/** How a type is shown, or null if it can only be saved. */
function player(type) {
  if (BITMAPS.test(type)) return "img";
  if (SOUNDS.test(type)) return "audio";
  return FILMS.test(type) ? "video" : null;
}

function show(type, address, name) {
  const tag = player(type);
  if (tag === "img") return el("img", { className: "picture", src: address, alt: name ?? "Image in the message" });
  return el(tag, { className: tag === "video" ? "picture" : "sound", src: address, controls: true, preload: "metadata" });
}

/** A file that this server has, or is about to have; its place is kept from the start, so nothing jumps. */
function attached({ name, type, key }) {
  const tag = player(type ?? "");
  const stage = el("div", { className: tag ? `stage ${tag}` : "stage none" });
  const fact = el("span", {}, [name, type].filter(Boolean).join(" · "));
  const tools = el("span", { className: "save" });
  const box = el("figure", { className: "attached" }, stage, el("figcaption", { className: "caption" }, fact, tools));
  const address = `/ui/file?${new URLSearchParams({ key })}`;
  const ask = async (left) => {
    const state = await read("attachment", { key }).catch((error) => {
      if (error instanceof ServerError) return { upload_status: "error", error_message: error.message };
      throw error;
    });
    if (state.upload_status === "done" && state.bytes != null) {
      if (tag) stage.replaceChildren(show(type, address, name));
      tools.replaceChildren(size(state.bytes), el("a", { href: address, download: name ?? "file" }, "Download"));
    } else if (state.upload_status === "error") {
      tools.replaceChildren(el("span", { className: "failed" }, `not uploaded: ${state.error_message ?? "no reason given"}`));
    } else {
      tools.replaceChildren(left ? "not uploaded yet" : "not uploaded");
      if (left) setTimeout(() => box.isConnected && ask(left - 1), ASK_AGAIN_MS);
    }
  };
  ask(MAX_ASKS);
  return box;
}

function size(bytes) {
  const step = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  const number = bytes / 1024 ** step;
  return `${step && number < 100 ? number.toFixed(1) : count(Math.round(number))} ${UNITS[step]}`;
}
