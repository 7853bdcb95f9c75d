// The page asks the API every two seconds and shows what it says: lamps, what
// is being recorded, and the list. The selected recording stands in the
// address, after "#", so that it can be linked to and "back" closes it.
import { el, node, say, ask, send, clock, full } from "./dom.js";
import * as list from "./list.js";
import * as side from "./side.js";
import * as rc from "./rc.js";

let drawn = ""; // the lamps as they were drawn last

function lamp(l) {
  const li = node("li", l.address ? l.name + " " + l.address : l.name, l.light);
  let words = l.light === "red" ? l.error : l.light === "grey" ? "not set up" : "working";
  if (l.address) words += l.address === "STB" ? "; the standby address is in use" : "; the main address is in use";
  li.title = words;
  li.append(node("span", ": " + words, "unseen"));
  return li;
}

function fault(l) {
  const li = node("li");
  li.append(node("b", l.name), " since " + clock.format(new Date(l.since)) + ": " + l.error);
  return li;
}

function lamps(all) {
  const now = JSON.stringify(all);
  if (now === drawn) return;
  drawn = now;
  const red = all.filter((l) => l.light === "red");
  el("lamps").className = "";
  el("lamps").replaceChildren(...all.map(lamp));
  el("faults").replaceChildren(...red.map(fault));
  el("faults").hidden = red.length === 0;
}

// alarm shows the master alarm while it is on, or switched off by hand.
function alarm(a) {
  const words = [];
  if (a.state === "latched") words.push("Master alarm since " + full.format(new Date(a.since)) + ": " + a.lamp + ": " + a.error);
  if (a.state === "off") words.push("The master alarm is switched off since " + full.format(new Date(a.since)) + ": nobody is told of errors.");
  if (a.unsent) words.push("Messages to the administrator do not arrive: " + a.unsent);
  say(el("alarm-text"), words.join(" "));
  el("alarm").hidden = words.length === 0;
  el("alarm").classList.toggle("off", a.state !== "latched");
  el("alarm-reset").hidden = a.state !== "latched";
}

async function resetAlarm() {
  try {
    alarm((await send("api/alarm/reset")).alarm);
  } catch (e) {
    silent(e);
  }
}

function counts(s) {
  const c = s.counts, parts = [(c.filed || 0) + (c.backed_up || 0) + (c.done || 0) + " filed", (c.discarded || 0) + " not kept"];
  if (c.quarantined) parts.push(c.quarantined + " without CDR");
  if (c.unusable) parts.push(c.unusable + " set aside");
  say(el("counts"), parts.join(" · ") + " · check " + (s.checks % 10000));
  el("counts").title = "callreel " + s.version + "; the inboxes were looked at " + s.checks + " times since the start";
}

function openCalls(open) {
  const live = open.filter((o) => o.state === "seen").length, waiting = open.length - live;
  const parts = [];
  if (live) parts.push(live + " in recording");
  if (waiting) parts.push(waiting + " being worked on");
  el("open").hidden = open.length === 0;
  el("open").classList.toggle("live", live > 0);
  say(el("open-count"), parts.join(", "));
  el("open-list").replaceChildren(...open.map((o) => {
    const li = node("li");
    li.append(node("time", clock.format(new Date(o.since))), node("code", o.uid), node("span", o.why || o.state));
    return li;
  }));
}

async function status() {
  const s = await ask("api/status");
  lamps(s.lamps);
  alarm(s.alarm);
  counts(s);
  openCalls(s.open);
}

// silent is what the page shows while the recorder does not answer: no lamp
// may stay green.
function silent(e) {
  drawn = "";
  el("lamps").className = "stale";
  say(el("trouble"), "The recorder does not answer: " + e.message);
}

async function tick() {
  try {
    if (!document.hidden) await Promise.all([status(), list.newest()]);
    say(el("trouble"), "");
  } catch (e) {
    silent(e);
  }
  setTimeout(tick, 2000);
}

// follow opens what the address names.
function follow(play) {
  const id = Number(/^#(\d{1,15})$/.exec(location.hash)?.[1] || 0);
  list.mark(id);
  if (id > 0) side.show(id, list.known(id), play);
  else if (side.current() > 0) list.focusRow(side.hide());
}

function choose(e) {
  const hash = "#" + e.detail.id;
  if (location.hash !== hash) history.pushState(null, "", hash);
  follow(e.detail.play);
}

function close(e) {
  e.preventDefault();
  history.pushState(null, "", location.pathname);
  follow(false);
}

list.start(silent);
side.start();
rc.start();
document.addEventListener("choose", choose);
addEventListener("popstate", () => follow(false));
document.addEventListener("visibilitychange", () => { if (!document.hidden) status().catch(silent); });
el("close").addEventListener("click", close);
el("alarm-reset").addEventListener("click", resetAlarm);
document.addEventListener("keydown", (e) => { if (e.key === "Escape" && side.current() > 0 && e.target !== el("number")) close(e); });
tick();
follow(false);
