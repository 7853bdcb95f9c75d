// The selected recording: its audio, and what its sidecar says once decrypted.
import { el, node, say, ask, clock, full, length, direction } from "./dom.js";

let selected = 0;

export const current = () => selected;

function title(v) {
  return (v.agent || v.internal || "unknown") + (v.direction === "o" ? " → " : " ← ") + (v.external || "unknown") + (v.name ? " " + v.name : "");
}

function head(v) {
  el("side-title").textContent = title(v);
  document.title = title(v) + " · callreel";
  say(el("side-when"), [full.format(new Date(v.started)), direction(v.direction), "rang\u00a0" + v.ring + "\u00a0s", length(v.duration_s)].join(" · "));
}

// show opens a recording; row is its line of the list, if that is there.
export async function show(id, row, play) {
  const same = id === selected;
  selected = id;
  if (!same) blank(id, row);
  if (play) el("audio").play().catch(() => {}); // an error is shown by the element's own event
  if (same) return;
  try {
    const d = await ask("api/recordings/" + id, 120);
    if (selected === id) details(d);
  } catch (e) {
    if (selected === id) integrity("other", "✗ " + e.message);
  }
}

function blank(id, row) {
  el("side").hidden = false;
  document.querySelector("main").classList.add("split");
  el("side-title").textContent = "Recording " + id;
  say(el("side-when"), "");
  if (row) head(row);
  el("audio-trouble").hidden = true;
  el("audio").src = "api/recordings/" + id + "/audio";
  el("xml").href = "api/recordings/" + id + "/sidecar";
  integrity("", "Opening the sidecar and checking the audio …");
  for (const part of ["facts", "flow", "trace", "truth"]) el(part).replaceChildren();
}

// hide closes the recording and tells which one it was.
export function hide() {
  const was = selected;
  selected = 0;
  el("side").hidden = true;
  document.querySelector("main").classList.remove("split");
  el("audio").removeAttribute("src");
  el("audio").load();
  document.title = "callreel";
  return was;
}

function integrity(className, text) {
  el("integrity").className = className;
  say(el("integrity"), text);
}

function details(d) {
  const r = d.recording, v = r.verdict, a = r.audio;
  head({
    agent: v.owner && v.owner.cn, internal: v.internal, external: v.external, name: v.external_name, direction: v.direction,
    ring: v.ring, started: a.start || v.started || r.capture.seen_at, duration_s: a.duration_s,
  });
  if (d.integrity === "original") integrity("original", "✓ original: the audio is what was filed, to the last byte");
  else integrity("other", "✗ " + d.integrity + (d.reason ? ": " + d.reason : ""));
  el("truth").replaceChildren(...(a.truth || []).map((t) => track(t, a.duration_s)));
  el("flow").replaceChildren(...(d.flow || []).map(event));
  el("trace").replaceChildren(...(v.trace || []).map(tried));
  el("facts").replaceChildren(...facts(r));
}

// event is one line of the call in words, "03:01:46 Anna Rossi (24) answers".
function event(line) {
  const li = node("li"), parts = /^(\d\d:\d\d:\d\d) (.*)$/s.exec(line);
  if (!parts) return node("li", line);
  li.append(node("time", parts[1]), node("span", parts[2]));
  return li;
}

function tried(t) {
  const li = node("li", undefined, t.fired ? "fired" : "");
  li.append(node("b", (t.fired ? "✓ " : "– ") + t.rule), node("span", t.why));
  return li;
}

function facts(r) {
  const v = r.verdict, a = r.audio, list = [];
  const fact = (name, value) => { if (value) list.push(node("dt", name), node("dd", value)); };
  fact("Agent", [v.owner && v.owner.cn, v.internal].filter(Boolean).join(", "));
  fact("External", [v.external || "unknown", v.external_name].filter(Boolean).join(", "));
  fact("Digits pressed", (a.digits || []).map((x) => x.digit).join(" "));
  fact("Sides", (a.truth || []).map((t) => t.side).join(" left, ") + " right" + (a.sides_by ? ", told apart by " + a.sides_by.replace("_", " ") : ""));
  for (const s of a.streams || []) {
    fact("Voice " + s.side, s.codec + ", " + s.packets + " packets, " + s.lost + " lost, " + s.late + " late, " + s.duplicates + " twice");
  }
  fact("Format", [a.format, a.codec, a.sample_rate && a.sample_rate + " Hz"].filter(Boolean).join(", "));
  fact("Marked", (v.marks || []).map((m) => (m.kind === "skip" ? "not to be kept, " : "") + "by " + m.number + " at " + clock.format(new Date(m.at))).join("; "));
  fact("Conference id", r.capture.conf);
  fact("File", r.name);
  fact("SHA-256", r.seal && r.seal.file_sha256);
  fact("Key", r.seal && r.seal.key);
  return list;
}

// track draws which parts of one side were really heard.
function track(t, total) {
  const ns = "http://www.w3.org/2000/svg", svg = document.createElementNS(ns, "svg");
  let heard = 0;
  const words = [];
  for (const s of t.spans || []) {
    const rect = document.createElementNS(ns, "rect");
    rect.setAttribute("x", String(1000 * s.from_s / total));
    rect.setAttribute("width", String(1000 * (s.to_s - s.from_s) / total));
    rect.setAttribute("height", "10");
    rect.setAttribute("class", s.kind);
    svg.append(rect);
    if (s.kind === "received") heard += s.to_s - s.from_s;
    words.push(s.kind + " " + s.from_s.toFixed(1) + "–" + s.to_s.toFixed(1) + " s");
  }
  svg.setAttribute("viewBox", "0 0 1000 10");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", t.side + ": " + words.slice(0, 20).join(", "));
  const row = node("div", undefined, "track");
  row.title = words.slice(0, 20).join(", ");
  row.append(node("span", t.side), svg, node("span", share(heard, total)));
  return row;
}

// share never rounds up to the whole: "100 %" means that nothing is missing.
function share(heard, total) {
  if (!(total > 0)) return "";
  const tenths = heard >= total - 0.001 ? 1000 : Math.min(999, Math.floor(1000 * heard / total));
  return tenths / 10 + " % received";
}

export function start() {
  el("audio").addEventListener("error", () => { el("audio-trouble").hidden = selected === 0; });
}

