// Light or dark as Airflow's own page is, which keeps its choice as a class of its root element. Runs before the body.
"use strict";

function outerRoot() {
  try {
    return window.parent.document.documentElement; // this page's own root when nothing is around it
  } catch {
    return null; // another site shows the page
  }
}

function take(outer) {
  const own = document.documentElement;
  let theme = outer && outer !== own ? ["dark", "light"].find((name) => outer.classList.contains(name)) : null;
  try {
    theme = theme || window.localStorage.getItem("theme");
  } catch {
    theme = theme || null; // storage is switched off
  }
  if (theme === "dark" || theme === "light") own.dataset.theme = theme;
  else delete own.dataset.theme; // as the system is
}

const outer = outerRoot();
take(outer);
if (outer && outer !== document.documentElement) {
  new MutationObserver(() => take(outer)).observe(outer, { attributes: true, attributeFilter: ["class"] });
}
window.addEventListener("storage", () => take(outer));
