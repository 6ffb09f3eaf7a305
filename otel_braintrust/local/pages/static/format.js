// Numbers and times as they are read: short, with a unit, exact on hover.

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const FIGURE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 6 });

export function duration(seconds) {
  if (seconds == null) return "";
  if (seconds < 0.000_001) return seconds <= 0 ? "0 ms" : "<1 µs";
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 0.9995) return seconds < 0.01 ? `${(seconds * 1e3).toFixed(1)} ms` : `${Math.round(seconds * 1e3)} ms`;
  if (seconds < 59.995) return `${seconds.toFixed(seconds < 9.995 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} m`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** A tick of a time axis: a round duration, without the zeros that precision would add. */
export function tickLabel(seconds) {
  return seconds ? duration(seconds).replace(/(\.\d*?)0+(?= )/, "$1").replace(/\.(?= )/, "") : "0";
}

export function count(value) {
  return value == null ? "" : WHOLE.format(value);
}

/** Tokens in the little room of a tree row: 950, 1.2k, 34k, 1.2M. */
export function shortCount(value) {
  if (value == null) return "";
  if (value < 1000) return WHOLE.format(value);
  if (value < 999_500) return `${(value / 1000).toFixed(value < 9_950 ? 1 : 0)}k`;
  return `${(value / 1e6).toFixed(1)}M`;
}

export function cost(dollars) {
  if (dollars == null) return "";
  if (dollars === 0) return "$0";
  if (dollars < 0.000_001) return "<$0.000001";
  if (dollars < 0.000_1) return `$${dollars.toFixed(6)}`;
  return `$${dollars.toFixed(dollars < 1 ? 4 : 2)}`;
}

export function score(value) {
  return value >= 0 && value <= 1 ? `${FIGURE.format(Math.round(value * 1000) / 10)}%` : FIGURE.format(value);
}

export function figure(value) {
  return FIGURE.format(value);
}

/** How long ago a moment was, in one word or two. */
export function ago(seconds, nowSeconds = Date.now() / 1000) {
  if (seconds == null) return "";
  const passed = nowSeconds - seconds;
  if (passed < -60) return exact(seconds).slice(0, 16);
  if (passed < 5) return "now";
  if (passed < 60) return `${Math.floor(passed)} s ago`;
  if (passed < 3600) return `${Math.floor(passed / 60)} min ago`;
  if (passed < 86_400) return `${Math.floor(passed / 3600)} h ago`;
  if (passed < 30 * 86_400) return `${Math.floor(passed / 86_400)} d ago`;
  return exact(seconds).slice(0, 10);
}

/** A moment to the millisecond in the reader's own time zone. */
export function exact(seconds) {
  if (seconds == null) return "";
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return "";
  const two = (value) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const milliseconds = String(date.getMilliseconds()).padStart(3, "0");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`;
}

export function plural(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}
