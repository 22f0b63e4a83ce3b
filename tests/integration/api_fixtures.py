"""A real HTTP API on a free port of 127.0.0.1 that pages, throttles and fails as it is told."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

MOST = 4000
LINKS = {
    "link": '<{}>; rel="next"',
    "shouted": '</first>; rel="First", <{}&a=1,2;3>; Rel="NEXT last"',
    "torn": '<{0}>; rel="next", <{0}0>; rel="next"',
    "fragment": '</fragment/weather?size=300#{}>; rel="next"',
}


@dataclass
class Api:
    """``tables`` are served at ``/<paging>/<table>``, ``files`` at ``/files/<name>``.

    ``faults`` are answered first, one per request: a status, or a status with its ``Retry-After``. ``encoded`` are
    bodies that stand for the next answers, each with its content encoding; with none they end without a length.
    ``credentials`` are those that came with the ``requests``.
    """

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[tuple[int, str | None]] = field(default_factory=list)
    encoded: list[tuple[str, bytes]] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    credentials: list[str | None] = field(default_factory=list)
    url: str = ""
    key: str = ""

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        self.requests.append(query | {"path": path})
        if self.faults:
            status, wait = self.faults.pop(0)
            return status, {"Retry-After": wait} if wait else {}, {"error": status}
        _, paging, table = path.split("/")
        rows = self.tables.get(table)
        if rows is None:
            return 404, {}, {"error": "no such table"}
        wanted = [r for r in rows if query.get("from", "") <= r.get("time_hour", "~") < query.get("to", "~~")]
        return self._page(paging, path, wanted, query)

    def _page(self, paging: str, path: str, rows: list[Any], query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        size = min(int(query.get("size", MOST)), MOST)
        start = int(query.get("cursor") or query.get("offset") or (int(query.get("page", 1)) - 1) * size)
        page, following = rows[start : start + size], start + size if start + size < len(rows) else None
        address = f"{path}?{urlencode(query | {'cursor': following})}"
        if paging == "whole":
            return 200, {}, rows
        if paging in LINKS:
            return 200, {"Link": LINKS[paging].format(address)} if following else {}, page
        if paging == "ended" and not page:
            return 204, {}, b""
        shapes: dict[str, Any] = {
            "cursor": {"data": {"items": page}, "meta": {"next": following}},
            "stuck": rows[:size],
            "elsewhere": {"items": page, "next": "http://127.0.0.2:1/x"},
            "linked": {"items": page, "next": self.url + address if following else None},  # by a whole address
            "nested": {"items": page, "next": {"href": address}},
        }
        return 206 if paging == "part" else 200, {}, shapes.get(paging, page)


def handler(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            split = urlsplit(self.path)
            if split.path.startswith("/files/"):
                content = api.files.get(split.path.removeprefix("/files/"))
                return self.reply(200 if content else 404, {}, content or b"")
            if api.key and self.headers.get("Authorization") != f"Bearer {api.key}":
                return self.reply(401, {}, b"{}")
            api.credentials.append(self.headers.get("Authorization"))
            status, headers, answer = api.answer(split.path, dict(parse_qsl(split.query)))
            if api.encoded and status == 200:
                encoding, content = api.encoded.pop(0)
                if not encoding:
                    return self.hang_up(content)
                return self.reply(200, headers | {"Content-Encoding": encoding}, content)
            content = b"" if status == 204 else json.dumps(answer).encode()
            return self.reply(status, headers | {"Content-Type": "application/json"}, content)

        def reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def hang_up(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@pytest.fixture
def api() -> Iterator[Api]:
    served = Api()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(served))
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()
