/** An answer of this server that is not the one asked for; `message` is fit to be shown. */
export class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Read one of the page's JSON documents. */
export async function read(path, parameters = {}, { signal } = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value != null));
  let response;
  try {
    response = await fetch(`/ui/${path}?${query}`, { signal, headers: { accept: "application/json" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The local Braintrust does not answer. Is it still running?", 0);
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new ServerError(body?.error ?? `The server answered ${response.status}.`, response.status);
  return body;
}

/** Call `ask` again and again while the page is looked at; stops when `ask` returns false. */
export function repeat(ask, everyMs) {
  let timer;
  const round = async () => {
    const goOn = document.hidden || (await ask().catch(() => true)) !== false;
    if (goOn) timer = setTimeout(round, everyMs);
  };
  timer = setTimeout(round, everyMs);
  return () => clearTimeout(timer);
}
