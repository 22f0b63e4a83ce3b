// Airflow shows these pages in a frame whose sandbox lets no link leave it or open a tab. The frame has the origin
// of the page around it, so that page follows such a link. A page that is opened alone has no page around it.
"use strict";

function leaves(link, event) {
  return "outside" in link.dataset || event.button === 1 || event.ctrlKey || event.metaKey || event.shiftKey;
}

function around() {
  try {
    return window.parent === window ? null : window.parent.document;
  } catch {
    return null; // another site shows the page
  }
}

function follow(event) {
  const link = event.target.closest("a[href]");
  const outer = around();
  if (!link || !outer || event.defaultPrevented || event.button > 1 || !leaves(link, event)) return;
  event.preventDefault();
  const copy = outer.createElement("a");
  copy.href = link.href;
  copy.rel = "noopener";
  if (link.target === "_blank" || !("outside" in link.dataset) || event.button === 1 || event.ctrlKey || event.metaKey) {
    copy.target = "_blank";
  }
  outer.body.append(copy);
  copy.click();
  copy.remove();
}

document.addEventListener("click", follow);
document.addEventListener("auxclick", follow);
