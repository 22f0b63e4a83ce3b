"""Pages in a real Chromium by Playwright: what a person and a screen reader meet, and whatever is wrong with it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

from tests.integration.browser_fixtures import CHROMIUM

OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run",
]  # fmt: skip
HEIGHT, SECONDS = 900, 120
SERIOUS = ("serious", "critical")
ONLY_WRONG = {"resultTypes": ["violations"]}
"""Of rules that a page keeps, axe lists no element: that takes a quarter of the time."""
TABS, PARTS = 30, 4
"""Stops of the Tab key that are followed on a page: its links go on in the same way."""
WATCH = """
window.refused = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.refused.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
HOSTILE = """() => [...document.querySelectorAll("*")].flatMap((element) => [...element.attributes]
  .filter((a) => a.name.startsWith("on") || (["href", "src", "action", "xlink:href"].includes(a.name)
    && /^\\s*(javascript|data:text)/i.test(a.value)))
  .map((a) => `<${element.tagName.toLowerCase()} ${a.name}="${a.value.slice(0, 60)}">`))"""
STOPS = """() => {
  const stops = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const seen = (e) => e.checkVisibility({visibilityProperty: true}) && !e.disabled && e.tabIndex >= 0;
  const stop = [...document.querySelectorAll(stops)].filter(seen);
  stop.forEach((element, place) => { element.dataset.stop = place; });
  const top = document.createElement("span"); // where the Tab key begins, also when a field has the focus at first
  top.tabIndex = -1;
  document.body.prepend(top);
  top.focus();
  return stop.length;
}"""
HERE = "() => document.activeElement === document.body ? null : document.activeElement.dataset.stop ?? 'unnumbered'"
FOCUS_SEEN = "() => getComputedStyle(document.activeElement).outlineStyle !== 'none'"
FIRST_MARK = ".picture:not([hidden]) [role='graphics-symbol'][tabindex='0']"


@dataclass
class Look:
    """What is seen of one page, and what is wrong with it."""

    status: int
    faults: list[str] = field(default_factory=list)


class PageBrowser:
    """One browser; each role has a tab of its own, logged in by the cookie of Airflow's login."""

    def __init__(self, playwright: Playwright, address: str, tokens: dict[str, str]) -> None:
        self._address, self._tokens = address, tokens
        self._browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=OPTIONS, timeout=SECONDS * 1000
        )  # fmt: skip
        self._tabs: dict[str, Page] = {}
        self._faults: list[str] = []

    def close(self) -> None:
        self._browser.close()

    def look(self, path: str, role: str, language: str = "en", theme: str = "light", width: int = 1280) -> Look:
        """Open the page and check everything that can be checked of any page; of a refused one only its status."""
        tab = self.open(path, role, language, theme, width)
        look = Look(self.status, self._faults)
        if self.status >= 400:
            look.faults = [fault for fault in self._faults if not fault.startswith("console: Failed to load resource")]
            return look
        look.faults += _wrong(tab, language)
        return look

    def open(self, path: str, role: str, language: str = "en", theme: str = "light", width: int = 1280) -> Page:
        """The page in the tab of the role; ``status`` is its answer."""
        tab = self._tab(role)
        self._faults = []
        tab.set_viewport_size({"width": width, "height": HEIGHT})
        tab.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        tab.context.add_cookies([_cookie("moebius_language", language, self._address)])
        answer = tab.goto(self._address + path, wait_until="load")
        assert answer
        self.status = answer.status
        return tab

    def _tab(self, role: str) -> Page:
        if role not in self._tabs:
            context: BrowserContext = self._browser.new_context(locale="en-US")
            context.set_default_timeout(SECONDS * 1000)
            context.add_cookies([_cookie("_token", self._tokens[role], self._address)])
            context.add_init_script(WATCH)
            self._tabs[role] = self._watched(context.new_page())
        return self._tabs[role]

    def _watched(self, tab: Page) -> Page:
        host = urlsplit(self._address).netloc
        tab.on("console", lambda m: self._note(f"console: {m.text}") if m.type == "error" else None)
        tab.on("pageerror", lambda error: self._note(f"error: {error}"))
        tab.on("dialog", lambda dialog: (self._note(f"dialog: {dialog.message}"), dialog.dismiss()))
        tab.on("request", lambda r: None if _ours(r.url, host) else self._note(f"another host: {r.url}"))
        return tab

    def _note(self, fault: str) -> None:
        self._faults.append(fault)


def _ours(url: str, host: str) -> bool:
    return urlsplit(url).netloc == host or url.startswith(("data:image/", "about:"))


def _cookie(name: str, value: str, address: str) -> Any:
    return {"name": name, "value": value, "url": address}


def _wrong(tab: Page, language: str) -> Iterator[str]:
    yield from (f"refused by the policy: {one}" for one in tab.evaluate("window.refused"))
    if pwned := tab.evaluate("window.pwned"):
        yield f"a text of a person was run: {pwned}"
    yield from (f"a text of a person became code: {one}" for one in tab.evaluate(HOSTILE))
    wide, there = tab.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    if wide > there:
        yield f"scrolls sideways: {wide} px on {there}"
    if (spoken := tab.evaluate("document.documentElement.lang")) != language:
        yield f"is in {spoken!r}, not in {language!r}"
    for found in Axe().run(tab, options=ONLY_WRONG).response["violations"]:
        if found["impact"] in SERIOUS:
            yield f"axe {found['id']}: {found['help']}: {[node['target'] for node in found['nodes']][:3]}"


def keyboard(tab: Page) -> list[str]:
    """What the keyboard does not reach: the first stops one after another, visibly; the marks of the first picture."""
    faults, count = list[str](), tab.evaluate(STOPS)
    for place in range(min(count, TABS)):
        for _ in range(PARTS):  # a field for a date has a stop for each of its parts
            tab.keyboard.press("Tab")
            if (here := tab.evaluate(HERE)) != str(place - 1):
                break
        if here != str(place):
            faults.append(f"Tab {place + 1} leads to stop {here}, not to {place} of {count}")
            break
        if not tab.evaluate(FOCUS_SEEN):
            faults.append(f"the focus on stop {place} is not seen")
    return [*faults, *_marks(tab)]


def _marks(tab: Page) -> list[str]:
    mark = next((one for one in tab.locator(FIRST_MARK).all() if one.is_visible()), None)
    if mark is None:
        return []
    mark.focus()
    first = tab.evaluate("document.activeElement.getAttribute('aria-label')")
    bubble = tab.locator(".bubble").text_content()
    if not first or re.sub(r"\s", "", bubble or "") != re.sub(r"\s", "", first):
        return [f"the first mark says {first!r}, its bubble {bubble!r}"]
    several = tab.evaluate("document.activeElement.closest('.picture').querySelectorAll('[tabindex=\"-1\"]').length")
    tab.keyboard.press("ArrowRight")
    stays = tab.evaluate("document.activeElement.getAttribute('tabindex')") != "0"
    return ["an arrow key leaves the picture"] if several and stays else []


@contextmanager
def page_browser(address: str, tokens: dict[str, str]) -> Iterator[PageBrowser]:
    """A browser for pages below ``address``; ``tokens`` by role."""
    with sync_playwright() as playwright:
        browser = PageBrowser(playwright, address, tokens)
        try:
            yield browser
        finally:
            browser.close()
