// Remote control: under its name this page hears what the AppServer, or a link of the
// Reporting, wants played.
import { el, say } from "./dom.js";
import * as side from "./side.js";

const kept = "callreel-player"; // where the browser keeps the name
let stream;

function state(text, on) {
  el("rc-state").textContent = text;
  el("rc").classList.toggle("on", on);
}

function listen(name) {
  if (stream) stream.close();
  stream = undefined;
  state("Remote control", false);
  if (!name) return;
  stream = new EventSource("api/player?name=" + encodeURIComponent(name));
  stream.addEventListener("open", () => { state("RC on", true); say(el("rc-words"), "This player is " + name + "."); });
  stream.addEventListener("error", () => {
    state("RC waits", false);
    if (stream && stream.readyState === EventSource.CLOSED) say(el("rc-words"), "The recorder refuses this name.");
  });
  stream.addEventListener("message", (e) => obey(JSON.parse(e.data)));
}

function signed(on) { el("rc-sign").hidden = !on; }

function close() { el("close").click(); }

function play(c) {
  if (side.current() > 0 && side.current() !== c.id) close();
  if (!c.id) { // the manual: a blank result tells it
    say(el("rc-words"), "There is no recording " + c.file + ".");
    el("rc").open = true;
    return;
  }
  if (side.current() === c.id) el("audio").currentTime = 0;
  document.dispatchEvent(new CustomEvent("choose", { detail: { id: c.id, play: true } }));
  signed(true);
  window.focus();
}

function obey(c) {
  const audio = el("audio");
  if (c.do === "play") play(c);
  if (side.current() === 0) return;
  if (c.do === "resume") { signed(true); audio.play().catch(() => {}); }
  if (c.do === "pause" || c.do === "stop") audio.pause();
  if (c.do === "stop") audio.currentTime = 0;
  if (c.do === "eject") close();
}

function remember(name) {
  try { localStorage.setItem(kept, name); } catch { /* it is asked again the next time */ }
}

function remembered() {
  try { return localStorage.getItem(kept) || ""; } catch { return ""; }
}

export function start() {
  el("rc-name").value = remembered();
  el("rc-form").addEventListener("submit", (e) => {
    e.preventDefault();
    const name = el("rc-name").value.trim();
    remember(name);
    say(el("rc-words"), "");
    listen(name);
  });
  for (const by of ["pause", "emptied", "ended"]) el("audio").addEventListener(by, () => signed(false));
  listen(remembered());
}
