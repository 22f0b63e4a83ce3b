// Pictures say their numbers: a mark that is hovered or focused shows its words; arrow keys go from mark to mark.
"use strict";

const SAYING = "[role='graphics-symbol'][aria-label]";
const NEXT = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

const bubble = document.createElement("div");
bubble.className = "bubble";
bubble.setAttribute("aria-hidden", "true"); // the mark itself carries the words
bubble.hidden = true;

function show(mark) {
  const place = mark.getBoundingClientRect();
  bubble.textContent = mark.getAttribute("aria-label");
  bubble.hidden = false;
  const width = bubble.offsetWidth;
  const left = Math.min(Math.max(place.left + place.width / 2 - width / 2, 4), window.innerWidth - width - 4);
  const above = place.top - bubble.offsetHeight - 8;
  bubble.style.left = `${left + window.scrollX}px`;
  bubble.style.top = `${(above > 0 ? above : place.bottom + 8) + window.scrollY}px`;
}

function hide() {
  bubble.hidden = true;
}

function reach(picture) {
  const marks = [...picture.querySelectorAll(SAYING)];
  marks.forEach((mark, index) => {
    mark.setAttribute("tabindex", index === 0 ? "0" : "-1");
  });
  picture.addEventListener("keydown", (event) => {
    const here = marks.indexOf(document.activeElement);
    if (here < 0) return;
    if (event.key === "Escape") return hide();
    const to = event.key === "Home" ? 0 : event.key === "End" ? marks.length - 1 : here + (NEXT[event.key] || 0);
    if (to === here || to < 0 || to >= marks.length) return;
    event.preventDefault();
    marks[here].setAttribute("tabindex", "-1");
    marks[to].setAttribute("tabindex", "0");
    marks[to].focus();
  });
  for (const [name, act] of [["mouseover", show], ["focusin", show], ["mouseout", hide], ["focusout", hide]]) {
    picture.addEventListener(name, (event) => {
      const mark = event.target.closest(SAYING);
      if (mark) act(mark);
    });
  }
}

document.body.append(bubble);
document.querySelectorAll(".picture").forEach(reach);
