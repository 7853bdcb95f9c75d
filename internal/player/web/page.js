"use strict";
// The page: it asks the API every two seconds and shows what it says. Foreign
// text only ever becomes text, never markup.

const el = (id) => document.getElementById(id);
const rows = new Map(); // id → row of the list
let selected = 0;
let oldest = 0;
let more = false;

function node(name, text, className) {
  const n = document.createElement(name);
  if (text !== undefined) n.textContent = text;
  if (className) n.className = className;
  return n;
}

async function ask(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error((await answer.text()).trim() || answer.statusText);
  return answer.json();
}

const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clockTime = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

function length(seconds) {
  const s = Math.round(seconds);
  const parts = [Math.floor(s / 60) % 60, s % 60].map((n) => String(n).padStart(2, "0"));
  return (s >= 3600 ? Math.floor(s / 3600) + ":" : "") + parts.join(":");
}

function direction(d) {
  return d === "o" ? "↗ outgoing" : "↙ incoming";
}

function trouble(text) {
  el("trouble").hidden = !text;
  el("trouble").textContent = text || "";
}

function rowNode(r, fresh) {
  const tr = node("tr", undefined, fresh ? "fresh" : "");
  tr.dataset.id = r.id;
  tr.tabIndex = 0;
  tr.append(node("td", when.format(new Date(r.started))), node("td", direction(r.direction)));
  const agent = node("td", r.internal || "unknown");
  if (r.agent) agent.append(node("span", r.agent, "who"));
  const external = node("td", r.external || "unknown");
  if (r.name) external.append(node("span", r.name, "who"));
  tr.append(agent, external, node("td", r.ring + " s", "num"), node("td", length(r.duration_s), "num"));
  tr.addEventListener("click", () => choose(r.id));
  tr.addEventListener("keydown", (e) => {
    if (e.key === "Enter" || e.key === " ") { e.preventDefault(); choose(r.id, true); }
    if (e.key === "ArrowDown" && tr.nextElementSibling) { e.preventDefault(); tr.nextElementSibling.focus(); }
    if (e.key === "ArrowUp" && tr.previousElementSibling) { e.preventDefault(); tr.previousElementSibling.focus(); }
  });
  return tr;
}

// put keeps the list in the order of ids, newest on top.
function put(body, tr, id) {
  for (const other of body.children) {
    if (Number(other.dataset.id) < id) { body.insertBefore(tr, other); return; }
  }
  body.append(tr);
}

function show(list, first) {
  const body = el("rows");
  const known = rows.size > 0;
  for (const r of list) {
    if (rows.has(r.id)) continue;
    rows.set(r.id, r);
    const tr = rowNode(r, first && known);
    put(body, tr, r.id);
    oldest = oldest === 0 ? r.id : Math.min(oldest, r.id);
  }
  el("empty").hidden = rows.size > 0;
  el("shown").textContent = rows.size === 1 ? "1 recording" : rows.size + " recordings";
}

function number() {
  return encodeURIComponent(el("number").value.trim());
}

async function newest() {
  const list = await ask("api/recordings?limit=100&number=" + number());
  if (rows.size === 0) more = list.length === 100;
  show(list, true);
  el("more").hidden = !more;
}

async function older() {
  const list = await ask("api/recordings?limit=100&before=" + oldest + "&number=" + number());
  more = list.length === 100;
  show(list, false);
  el("more").hidden = !more;
}

function fact(list, name, value) {
  if (value === undefined || value === "") return;
  list.push(node("dt", name), node("dd", String(value)));
}

async function choose(id, play) {
  selected = id;
  for (const tr of el("rows").children) tr.setAttribute("aria-selected", String(Number(tr.dataset.id) === id));
  const row = rows.get(id);
  el("side").hidden = false;
  document.querySelector("main").classList.add("split");
  el("side-title").textContent = (row.agent || row.internal || "unknown") + (row.direction === "o" ? " → " : " ← ") + (row.external || "unknown");
  el("audio").src = "api/recordings/" + id + "/audio";
  el("xml").href = "api/recordings/" + id + "/sidecar";
  if (play) el("audio").play().catch(() => {});
  try {
    const d = await ask("api/recordings/" + id);
    if (selected === id) details(d);
  } catch (e) {
    if (selected === id) noDetails(e);
  }
}

function noDetails(e) {
  el("integrity").className = "other";
  el("integrity").textContent = e.message;
  for (const id of ["facts", "flow", "trace", "truth"]) el(id).replaceChildren();
}

function details(d) {
  const r = d.recording, v = r.verdict, a = r.audio;
  const good = d.integrity === "original";
  el("integrity").className = good ? "original" : "other";
  el("integrity").textContent = (good ? "✓ original" : "✗ " + d.integrity) + (d.reason ? ": " + d.reason : "");
  const list = [];
  fact(list, "Started", when.format(new Date(a.start || v.started || r.capture.seen_at)));
  fact(list, "Direction", direction(v.direction));
  fact(list, "Agent", [v.owner && v.owner.cn, v.internal].filter(Boolean).join(", "));
  fact(list, "External", [v.external || "unknown", v.external_name].filter(Boolean).join(", "));
  fact(list, "Rang", v.ring + " s");
  fact(list, "Length", length(a.duration_s || 0));
  fact(list, "Sides", "left external, right internal (by " + String(a.sides_by || "").replace("_", " ") + ")");
  fact(list, "Digits pressed", (a.digits || []).map((x) => x.digit).join(""));
  for (const s of a.streams || []) {
    fact(list, "Voice " + s.side, s.codec + ", " + s.packets + " packets, " + s.lost + " lost, " + s.late + " late, " + s.duplicates + " twice");
  }
  fact(list, "Conference id", r.capture.conf);
  fact(list, "File", r.name);
  fact(list, "SHA-256", r.seal && r.seal.file_sha256);
  el("facts").replaceChildren(...list);
  el("flow").replaceChildren(...(d.flow || []).map((t) => node("li", t)));
  el("trace").replaceChildren(...(v.trace || []).map((t) => node("li", (t.fired ? "✓ " : "– ") + t.rule + ": " + t.why)));
  el("truth").replaceChildren(...(a.truth || []).map((t) => track(t, a.duration_s)));
}

function track(t, total) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 1000 14");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  const words = [];
  for (const s of t.spans || []) {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    rect.setAttribute("x", String(1000 * s.from_s / total));
    rect.setAttribute("width", String(1000 * (s.to_s - s.from_s) / total));
    rect.setAttribute("height", "14");
    rect.setAttribute("class", s.kind);
    svg.append(rect);
    words.push(s.kind + " " + s.from_s.toFixed(1) + "–" + s.to_s.toFixed(1) + " s");
  }
  svg.setAttribute("aria-label", t.side + ": " + words.slice(0, 20).join(", "));
  const row = node("div", undefined, "track");
  row.append(node("span", t.side), svg);
  return row;
}

function lamp(l) {
  const li = node("li", l.name, l.light);
  li.title = l.error ? l.error + " (since " + clockTime.format(new Date(l.since)) + ")" : l.light === "grey" ? "not set up" : "working";
  li.setAttribute("aria-label", l.name + ": " + li.title);
  return li;
}

async function status() {
  const s = await ask("api/status");
  el("lamps").replaceChildren(...s.lamps.map(lamp));
  const c = s.counts, filed = (c.filed || 0) + (c.backed_up || 0) + (c.done || 0);
  const parts = [filed + " filed", (c.discarded || 0) + " not kept"];
  if (c.quarantined) parts.push(c.quarantined + " without CDR");
  if (c.unusable) parts.push(c.unusable + " set aside");
  el("counts").textContent = parts.join(" · ") + " · check " + (s.checks % 10000);
  el("counts").title = "callreel " + s.version;
  el("open").hidden = s.open.length === 0;
  el("open-list").replaceChildren(...s.open.map((o) =>
    node("li", clockTime.format(new Date(o.since)) + "  " + o.uid + "  " + (o.why || o.state))));
}

async function tick() {
  try {
    await Promise.all([status(), newest()]);
    trouble("");
  } catch (e) {
    trouble("The recorder does not answer: " + e.message);
  }
  setTimeout(tick, 2000);
}

let typing;
el("number").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    rows.clear();
    oldest = 0;
    el("rows").replaceChildren();
    newest().catch((e) => trouble(e.message));
  }, 250);
});
el("more").addEventListener("click", () => older().catch((e) => trouble(e.message)));
tick();
