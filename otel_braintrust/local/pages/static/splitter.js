const KEY = "tree-width";
const MIN_PERCENT = 20;
const MAX_PERCENT = 80;

/** Let the reader set the width of the left side by pointer or arrow keys; it is kept for next time. */
export function makeSplitter(handle, container) {
  let percent = Number(localStorage.getItem(KEY)) || 50;
  const set = (value) => {
    percent = Math.min(MAX_PERCENT, Math.max(MIN_PERCENT, value));
    container.style.setProperty("--tree-width", `${percent}%`);
    handle.ariaValueNow = String(Math.round(percent));
  };
  const keep = () => localStorage.setItem(KEY, String(percent));
  set(percent);
  handle.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
  });
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const box = container.getBoundingClientRect();
    set(((event.clientX - box.left) / box.width) * 100);
  });
  handle.addEventListener("lostpointercapture", keep);
  handle.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    set(percent + (event.key === "ArrowLeft" ? -2 : 2));
    keep();
  });
}
