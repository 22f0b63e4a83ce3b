"""Notices about a waiting question, by Airflow's notifiers to a mail server and a chat webhook on this machine."""

import email
import email.policy
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from airflow.sdk.execution_time.context import set_current_context

from include.adapters.webhook import Webhooks
from include.formats.identity import in_paths
from include.orchestration import notices as notifiers_of
from include.records.registry import NOTICES
from include.services import composition, verdicts
from include.services.composition import Services
from include.specification.loader import load_usecase
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import register, verdict

pytestmark = pytest.mark.integration
RUN = SimpleNamespace(run_id="asset__1", triggering_user_name=None)
LINK = "http://127.0.0.1:8080/dags/x/required_actions"
SPEC = load_usecase("flight_delay")


class MailServer(socketserver.StreamRequestHandler):
    """Takes every mail, as RFC 5321 asks of a server."""

    taken: ClassVar[list[tuple[list[str], str]]] = []

    def handle(self) -> None:
        receivers: list[str] = []
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "RCPT":
                receivers.append(line.partition("<")[2].partition(">")[0])
            if verb == "DATA":
                self._say("354 go on")
                self.taken.append((receivers, self._message()))
            self._say("221 bye" if verb == "QUIT" else "250 ok")

    def _message(self) -> str:
        lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
        return "\n".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class Channel(BaseHTTPRequestHandler):
    """An incoming webhook; one address refuses."""

    taken: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/taken":
            self.taken.append(message)
        self.send_response(200 if self.path == "/taken" else 403)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[int, int]]:
    """Ports of the mail server and of the chat server."""
    with ExitStack() as stack:
        servers = [socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailServer), HTTPServer(("127.0.0.1", 0), Channel)]
        for server in servers:
            stack.enter_context(server)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
        yield servers[0].server_address[1], servers[1].server_address[1]


@pytest.fixture
def services(tmp_path: Path, addresses: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> Services:
    """A verdict waits for olga, whose address is known; so are two channels, one of which refuses."""
    mail, chat = addresses
    monkeypatch.setenv("AIRFLOW_CONN_OUR_MAIL", f"smtp://127.0.0.1:{mail}/?disable_ssl=true&disable_tls=true")
    monkeypatch.setenv("CHAT_URL", f"http://127.0.0.1:{chat}/taken")
    made = services_in(
        tmp_path, airflow_users={"olga": "approver"}, notify_mail_connection="our_mail",
        notify_addresses={"olga": "olga@example.com"},
        notify_webhooks={"releases": "${CHAT_URL}", "gone": f"http://127.0.0.1:{chat}/refuses/secret-token"},
    )  # fmt: skip
    made.adapters.channels = Webhooks()
    made.adapters.resolve = composition.resolve
    monkeypatch.setattr(notifiers_of, "load_settings", lambda: made.settings)
    monkeypatch.setattr(composition, "services", lambda *_: made)
    verdicts.store(SPEC, made, register(made, people=["tina"]), verdict(champion=None), run=in_paths(RUN.run_id))
    return made


def test_who_may_answer_gets_a_mail_and_a_channel_a_message_and_what_fails_stops_nothing(services: Services) -> None:
    approval = SPEC.approval.model_copy(update={"notify": ["releases", "gone", "<none>"]})
    spec = SPEC.model_copy(update={"approval": approval})
    context: Any = {"dag_run": RUN}
    with set_current_context(context):
        for notifier in notifiers_of.notifiers(spec, "remind", LINK):
            notifier(context)
    receivers, mail = MailServer.taken[-1]
    message = email.message_from_string(mail, policy=email.policy.default)
    assert (receivers, message["Subject"]) == (
        ["olga@example.com"], "[Moebius] flight_delay: version 1 still waits for your approval"
    )  # fmt: skip
    assert LINK in next(part.get_content() for part in message.walk() if part.get_content_type() == "text/html")
    assert Channel.taken[-1]["text"].startswith("[Moebius] flight_delay: version 1 still waits for your approval\n")
    kept = NOTICES.read(SPEC.name, services.adapters.lake)
    assert sorted((row.receiver, row.way, row.outcome) for row in kept) == [
        ("<none>", "none", "failed"), ("gone", "webhook", "failed"), ("olga", "mail", "sent"),
        ("releases", "webhook", "sent"),
    ]  # fmt: skip
    assert "refused the message with 403" in next(row.fault for row in kept if row.receiver == "gone")
    assert "secret-token" not in str(kept)
