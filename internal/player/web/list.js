// The list of recordings: newest on top, filtered by a number, one row of it
// in the tab order, the others reached by the arrow keys.
import { el, node, say, ask, day, clock, length, direction } from "./dom.js";

const page = 100; // recordings asked for at once
const rows = new Map(); // id → what the API said of it
let oldest = 0;
let more = false;
let wanted = ""; // the number that is looked for

export const known = (id) => rows.get(id);

// open is what a click does. With play the recording is to be heard at once.
function open(id, play) {
  document.dispatchEvent(new CustomEvent("choose", { detail: { id, play } }));
}

function cell(text, className) {
  const td = node("td", text, className);
  td.setAttribute("role", "gridcell");
  return td;
}

function party(number, name, className) {
  const td = cell(number || "unknown", className);
  if (name) td.append(" ", node("span", name, "who"));
  return td;
}

function external(r) {
  const td = party(r.external, r.name, "external");
  if (r.tan) td.append(" ", node("span", "TAN " + r.tan, "who"));
  return td;
}

function rowNode(r) {
  const tr = node("tr");
  tr.setAttribute("role", "row");
  tr.dataset.id = r.id;
  tr.tabIndex = -1;
  const at = new Date(r.started), time = node("time", clock.format(at));
  time.dateTime = r.started;
  const when = cell(undefined, "when");
  when.append(node("span", day.format(at), "day"), " ", time);
  if (r.star) {
    const star = node("span", " ★", "star");
    star.title = "marked by the agent";
    star.setAttribute("role", "img");
    star.setAttribute("aria-label", "marked by the agent");
    when.append(star);
  }
  tr.append(when, cell(direction(r.direction), "direction"), party(r.internal, r.agent, "agent"),
    external(r), cell(r.ring + " s", "num ring"), cell(length(r.duration_s), "num"));
  return tr;
}

// put keeps the list in the order of ids, newest on top.
function put(body, tr, id) {
  for (const other of body.children) {
    if (Number(other.dataset.id) < id) { body.insertBefore(tr, other); return; }
  }
  body.append(tr);
}

function show(list, fresh) {
  const body = el("rows");
  for (const r of list) {
    if (rows.has(r.id)) continue;
    rows.set(r.id, r);
    const tr = rowNode(r);
    if (fresh) tr.className = "fresh";
    put(body, tr, r.id);
    oldest = oldest === 0 ? r.id : Math.min(oldest, r.id);
  }
  if (!body.querySelector('tr[tabindex="0"]') && body.firstElementChild) body.firstElementChild.tabIndex = 0;
  const n = rows.size;
  say(el("shown"), n === 0 ? "" : (more ? "newest " : "") + n + (n === 1 ? " recording" : " recordings"));
  say(el("empty"), n > 0 ? "" : wanted ? "No recording has this number." : "No recordings yet. A call appears here some seconds after it has ended.");
  el("more").hidden = !more;
  mark(chosen);
}

// fetchPage asks for one page; it is undefined when the search changed meanwhile.
async function fetchPage(before) {
  const asked = wanted;
  const list = await ask("api/recordings?limit=" + page + "&number=" + encodeURIComponent(asked) + (before ? "&before=" + before : ""));
  return asked === wanted ? list : undefined;
}

// newest brings what is new; the first time it fills the list.
export async function newest() {
  const first = rows.size === 0;
  const list = await fetchPage(0);
  if (!list) return;
  if (first) more = list.length === page;
  show(list, !first);
}

async function older() {
  const list = await fetchPage(oldest);
  if (!list) return;
  more = list.length === page;
  show(list, false);
}

async function search() {
  const number = el("number").value.trim();
  if (number === wanted) return;
  wanted = number;
  rows.clear();
  oldest = 0;
  more = false;
  el("rows").replaceChildren();
  await newest();
}

let chosen = 0;

// mark shows which row is the selected one; 0 is none.
export function mark(id) {
  chosen = id;
  for (const tr of el("rows").children) tr.setAttribute("aria-selected", String(Number(tr.dataset.id) === id));
}

function focus(tr) {
  if (!tr) return;
  for (const other of el("rows").children) other.tabIndex = other === tr ? 0 : -1;
  tr.focus();
}

export function focusRow(id) {
  focus([...el("rows").children].find((tr) => Number(tr.dataset.id) === id));
}

function key(e) {
  const tr = e.target.closest("tr");
  if (!tr || e.ctrlKey || e.metaKey || e.altKey) return;
  const body = el("rows");
  const to = { ArrowDown: tr.nextElementSibling, ArrowUp: tr.previousElementSibling, Home: body.firstElementChild, End: body.lastElementChild };
  if (e.key in to) focus(to[e.key]);
  else if (e.key === "Enter" || e.key === " ") open(Number(tr.dataset.id), true);
  else return;
  e.preventDefault();
}

// start wires the list; failed is told what did not work.
export function start(failed) {
  let typing;
  el("number").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => search().catch(failed), 250);
  });
  el("more").addEventListener("click", () => older().catch(failed));
  el("rows").addEventListener("keydown", key);
  el("rows").addEventListener("click", (e) => {
    const tr = e.target.closest("tr");
    if (!tr || String(getSelection())) return; // text is being marked, to copy it
    focus(tr);
    open(Number(tr.dataset.id), false);
  });
}
