// Finding the conversation in a value: chat messages, choices, items of the Responses API, and the native
// shapes of Anthropic and Google all become turns of the same few parts.

import { fromReference, isReference } from "./media.js";

const ROLES = new Map(Object.entries({ human: "user", ai: "assistant", model: "assistant", developer: "system" }));
const REASONING = new Set(["thinking", "reasoning", "redacted_thinking"]);
const CALLS = new Set(["tool_use", "tool_call", "function_call", "server_tool_use"]);
const RESULTS = new Set(["tool_result", "tool_call_response", "function_call_output"]);

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/**
 * The turns of a conversation, or null if the value is not one.
 * A turn has a `role`, perhaps a `name`, a `note` and an unusual `finish`, and `parts`; a part has a `kind`: text, reasoning, refusal,
 * call (with its result, if it came), result, image, file or json.
 */
export function turnsOf(value) {
  const messages = messagesIn(value);
  if (!messages?.length) return null;
  const turns = messages.map((message, index) => turnOf(message, messages.length > 1 && "message" in message ? index : null));
  return joinResults(turns);
}

function messagesIn(value) {
  if (Array.isArray(value)) return value.length && value.every(isMessage) ? value : null;
  if (!isObject(value)) return null;
  if (isMessage(value)) return [value];
  // An object with a list of messages and little else, as LangGraph states and raw responses are.
  for (const key of ["messages", "choices"]) {
    if (Array.isArray(value[key]) && Object.keys(value).length === 1) return messagesIn(value[key]);
  }
  return null;
}

function isMessage(value) {
  if (!isObject(value)) return false;
  if (isObject(value.message)) return "role" in value.message || "content" in value.message;
  if (typeof value.role === "string") return "content" in value || "parts" in value || "tool_calls" in value || "refusal" in value;
  if (ROLES.has(value.type) && "content" in value) return true;
  return ["function_call", "function_call_output", "reasoning"].includes(value.type);
}

function turnOf(message, choice) {
  const inner = isObject(message.message) ? { role: "assistant", ...message.message } : message;
  const role = inner.role ?? inner.type;
  const isItem = inner.role === undefined && !ROLES.has(inner.type);
  const parts = isItem ? [partOf(inner)] : [...reasoningOf(inner), ...contentOf(inner), ...callsOf(inner)];
  const finish = message.finish_reason;
  return {
    role: isItem ? (RESULTS.has(inner.type) ? "tool" : "assistant") : (ROLES.get(role) ?? String(role)),
    name: typeof inner.name === "string" ? inner.name : null,
    note: choice === null ? null : `choice ${message.index ?? choice}`,
    finish: finish && !["stop", "tool_calls"].includes(finish) ? String(finish) : null,
    parts,
  };
}

function contentOf(message) {
  const content = message.content ?? message.parts;
  if (message.role === "tool" || message.role === "function") {
    return [{ kind: "result", id: message.tool_call_id ?? null, name: message.name ?? null, content: content ?? null }];
  }
  return partsOf(content);
}

function partsOf(content) {
  if (content == null || content === "") return [];
  if (Array.isArray(content)) return content.map(partOf);
  return [typeof content === "string" ? { kind: "text", text: content } : partOf(content)];
}

function reasoningOf(message) {
  const said = message.reasoning_content ?? message.reasoning;
  return typeof said === "string" && said ? [{ kind: "reasoning", text: said }] : [];
}

function callsOf(message) {
  const calls = (Array.isArray(message.tool_calls) ? message.tool_calls : []).filter(isObject).map(callOf);
  if (isObject(message.function_call)) calls.push(callOf(message.function_call));
  if (typeof message.refusal === "string" && message.refusal) calls.push({ kind: "refusal", text: message.refusal });
  return calls;
}

function callOf(call) {
  const asked = isObject(call.function) ? call.function : call;
  return {
    kind: "call",
    id: call.id ?? call.call_id ?? call.tool_call_id ?? null,
    name: String(asked.name ?? "tool"),
    arguments: parsed(asked.arguments ?? asked.args ?? asked.input ?? null),
    result: undefined,
  };
}

function partOf(part) {
  if (typeof part === "string") return { kind: "text", text: part };
  if (!isObject(part)) return { kind: "json", value: part };
  const { type } = part;
  if (REASONING.has(type)) return { kind: "reasoning", text: reasoningText(part) };
  if (CALLS.has(type)) return callOf(part);
  if (RESULTS.has(type)) {
    const id = part.tool_use_id ?? part.call_id ?? part.id ?? null;
    return { kind: "result", id, name: part.name ?? null, content: part.content ?? part.output ?? part.response ?? part.result ?? null };
  }
  if (isObject(part.functionCall ?? part.function_call)) return callOf(part.functionCall ?? part.function_call);
  const answered = part.functionResponse ?? part.function_response;
  if (isObject(answered)) return { kind: "result", id: answered.id ?? null, name: answered.name ?? null, content: answered.response ?? null };
  if (type === "refusal") return { kind: "refusal", text: String(part.refusal ?? part.content ?? "") };
  return mediaOf(part) ?? textOf(part) ?? { kind: "json", value: part };
}

function reasoningText(part) {
  if (part.type === "redacted_thinking") return "(redacted by the provider)";
  const summary = Array.isArray(part.summary) ? part.summary.map((item) => item?.text ?? "").join("\n\n") : null;
  return String(part.thinking ?? part.reasoning ?? part.content ?? part.text ?? summary ?? "");
}

function textOf(part) {
  const text = part.text ?? (["text", "input_text", "output_text", undefined].includes(part.type) ? part.content : null);
  return typeof text === "string" ? { kind: "text", text } : null;
}

function mediaOf(part) {
  const image = part.image_url ?? part.imageUrl;
  if (image !== undefined) return mediaFrom("image", isObject(image) ? image.url : image);
  const inline = part.inlineData ?? part.inline_data;
  if (isObject(inline)) return fromBase64(inline.mimeType ?? inline.mime_type, inline.data);
  if (isReference(part.source)) return fromReference(part.source);
  if (isObject(part.source)) {
    if (part.source.type === "base64") return fromBase64(part.source.media_type, part.source.data);
    return mediaFrom(part.type === "image" ? "image" : "file", part.source.url ?? part.source);
  }
  if (part.type === "image") return mediaFrom("image", part.image ?? part.url ?? part.data);
  if (isObject(part.file)) {
    const file = mediaFrom("file", part.file.file_data ?? part.file.file_id);
    return { ...file, name: part.file.filename ?? file.name };
  }
  if (isObject(part.input_audio)) return mediaFrom("file", part.input_audio.data);
  if (isReference(part)) return fromReference(part);
  return null;
}

function fromBase64(type, data) {
  const kind = String(type).startsWith("image/") ? "image" : "file";
  return mediaFrom(kind, typeof data === "string" ? `data:${type};base64,${data}` : data);
}

/** A medium by its address: data is held, another address is only named, an attachment is described. */
function mediaFrom(kind, source) {
  if (isReference(source)) return fromReference(source);
  if (isObject(source)) {
    return { kind, name: source.filename ?? null, type: source.content_type ?? null, address: source.src ?? source.url ?? null };
  }
  return { kind, name: null, type: null, address: source == null ? null : String(source) };
}

/** Put each tool's result beside its call; what has no call stays a turn of its own. */
function joinResults(turns) {
  const calls = [];
  for (const turn of turns) {
    turn.parts = turn.parts.filter((part) => {
      if (part.kind === "call") calls.push(part);
      if (part.kind !== "result") return true;
      const call = callFor(part, calls);
      if (call) call.result = part.content;
      return !call;
    });
  }
  return turns.filter((turn) => turn.parts.length || !["tool", "function", "user"].includes(turn.role));
}

/** By id; Gemini and Ollama give none, then by name, then the first that still waits. */
function callFor(result, calls) {
  const waiting = calls.filter((call) => call.result === undefined);
  if (result.id !== null) return waiting.find((call) => call.id === result.id);
  return waiting.find((call) => call.name === result.name) ?? (result.name === null ? waiting[0] : undefined);
}

/** JSON in a string, as arguments of calls are; anything else as it was. */
export function parsed(value) {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
