"""A real Chromium, driven over its DevTools protocol."""

import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from include.platform.patience import Patience
from tests.integration.progress import Started
from tests.waiting import wait_until

CHROMIUM = shutil.which("chromium")
OPTIONS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--remote-debugging-port=0",
]  # fmt: skip
SECONDS = 60.0
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")


class Browser:
    """One browser with one tab that the tests look at."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._numbers, self._session = socket, itertools.count(1), ""
        tab = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]

    def go(self, url: str) -> None:
        self._call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def see(self, script: str) -> Any:
        """The value of a JavaScript expression in the tab; None when there is none yet."""
        result = self._call("Runtime.evaluate", expression=script, returnByValue=True)["result"]
        return result.get("value")

    def until(self, script: str) -> Any:
        """Wait until the expression is true."""
        patience = Patience(SECONDS)
        while not (value := self.see(script)):
            assert not patience.fault(), f"{script} did not become true; the page: {self.see(PAGE)}"
            time.sleep(0.05)
        return value

    def click(self, selector: str, frame: str = "", button: str = "left") -> None:
        """Click an element as a person does, at its place on the screen; ``frame`` selects the frame that holds it."""
        inner = f"document.querySelector({json.dumps(frame)}).contentDocument" if frame else "document"
        element = f"{inner}?.querySelector({json.dumps(selector)})"
        self.until(f"{inner}?.readyState === 'complete' && !!{element}")
        self.see(f"{element}.scrollIntoView({{block: 'center'}})")
        x, y = self.see(PLACE % {"element": element, "frame": json.dumps(frame)})
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=1)

    def tabs(self) -> list[str]:
        """The addresses of all tabs."""
        targets = self._call("Target.getTargets", session="")["targetInfos"]
        return [target["url"] for target in targets if target["type"] == "page"]

    def until_tab(self, address: str) -> None:
        """Wait until a tab shows the address."""
        wait_until(lambda: address in self.tabs(), SECONDS, f"a tab that shows {address}", pause=0.05)

    def _call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        number, session = next(self._numbers), self._session if session is None else session
        about = {"sessionId": session} if session else {}
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters, **about}))
        while (answer := json.loads(self._socket.recv(SECONDS))).get("id") != number:
            pass  # an event that nobody asked for
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]


PAGE = "location.href + ' ' + document.documentElement.outerHTML.slice(0, 2000)"
PLACE = """(() => {
  const inner = %(element)s.getBoundingClientRect(), frame = %(frame)s;
  const outer = frame ? document.querySelector(frame).getBoundingClientRect() : {left: 0, top: 0};
  return [outer.left + inner.left + inner.width / 2, outer.top + inner.top + inner.height / 2];
})()"""


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A browser with a profile of its own, closed at the end."""
    assert CHROMIUM
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={profile}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = _address(profile / "DevToolsActivePort", process)
        # a busy browser answers late: each call waits for it, and needs no ping
        with connect(address, max_size=None, open_timeout=SECONDS, ping_interval=None) as socket:
            yield Browser(socket)
    finally:
        process.terminate()
        process.wait(SECONDS)


def _address(file: Path, process: "subprocess.Popen[bytes]") -> str:
    def lines() -> list[str]:
        return file.read_text().splitlines() if file.is_file() else []

    Started(process, file).until(lambda: len(lines()) == 2, "Chromium says no DevTools port")
    port, path = lines()
    return f"ws://127.0.0.1:{port}{path}"
