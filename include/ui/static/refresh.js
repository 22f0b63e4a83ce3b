// Reads the page again while something runs, and replaces only the parts that are marked with data-refresh (seconds).
// A part in which somebody types, selects or opens something keeps it; forms stand outside of these parts.
"use strict";

const marked = () => [...document.querySelectorAll("[data-refresh]")];
const busy = (part) => {
  const focused = document.activeElement;
  const typing = focused && part.contains(focused) && focused.matches("input, select, textarea");
  const selection = window.getSelection();
  return typing || (selection && !selection.isCollapsed && part.contains(selection.anchorNode));
};

// The way to an element below another: the same way leads to its successor.
function way(element, above) {
  const steps = [];
  for (let at = element; at !== above; at = at.parentElement) steps.unshift([...at.parentElement.children].indexOf(at));
  return steps;
}

function follow(steps, above) {
  return steps.reduce((at, step) => at && at.children[step], above);
}

function replace(part, fresh) {
  const focused = part.contains(document.activeElement) ? way(document.activeElement, part) : null;
  const open = [...part.querySelectorAll("details[open]")].map((one) => way(one, part));
  const scrolled = [...part.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  part.replaceWith(fresh);
  for (const steps of open) {
    const details = follow(steps, fresh);
    if (details && details.matches("details")) details.open = true;
  }
  fresh.querySelectorAll(".scroll").forEach((one, index) => { one.scrollLeft = scrolled[index] || 0; });
  if (typeof reach === "function") fresh.querySelectorAll(".picture").forEach(reach);
  const again = focused && follow(focused, fresh);
  if (again) again.focus({ preventScroll: true });
}

function stale(fault) {
  document.querySelectorAll("[data-refresh-fault]").forEach((one) => { one.hidden = !fault; });
}

async function refresh() {
  if (document.hidden) return;
  let read;
  try {
    const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return stale(true);
    read = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return stale(true);
  }
  stale(false);
  for (const part of marked()) {
    const fresh = document.getElementById(part.id) && read.getElementById(part.id);
    if (fresh && !busy(part)) replace(part, document.adoptNode(fresh));
  }
}

async function again() {
  const seconds = Math.min(...marked().map((part) => Number(part.dataset.refresh)));
  if (!Number.isFinite(seconds)) return; // what ran is over
  await new Promise((done) => setTimeout(done, 1000 * seconds));
  await refresh();
  again();
}

again();
