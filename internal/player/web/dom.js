// Small tools of the page. Foreign text only ever becomes text, never markup.

export const el = (id) => document.getElementById(id);

export function node(name, text, className) {
  const n = document.createElement(name);
  if (text !== undefined) n.textContent = text;
  if (className) n.className = className;
  return n;
}

// say writes a text only where it changed, so that a screen reader is not told
// the same again and again. An empty text hides the element.
export function say(n, text) {
  if (n.textContent !== text) n.textContent = text;
  n.hidden = text === "";
}

export const ask = (path, seconds = 15) => answered(path, { signal: AbortSignal.timeout(seconds * 1000) });

// send changes something. The header shows the recorder that it is this page that asks.
export const send = (path) => answered(path, { method: "POST", headers: { "X-Callreel": "1" }, signal: AbortSignal.timeout(15000) });

async function answered(path, how) {
  const answer = await fetch(path, how);
  if (!answer.ok) throw new Error((await answer.text()).trim() || answer.statusText);
  return answer.json();
}

export const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
export const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
export const full = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "medium" });

// length writes seconds as the audio element does: whole ones that have passed.
export function length(seconds) {
  const s = Math.floor(seconds || 0), two = (n) => String(n).padStart(2, "0");
  if (s < 3600) return Math.floor(s / 60) + ":" + two(s % 60);
  return Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
}

export const direction = (d) => (d === "o" ? "↗\u00a0outgoing" : "↙\u00a0incoming");
